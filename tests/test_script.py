"""The script under Code repeats its run: it is run, and ends at the same loss."""

from __future__ import annotations

import pytest
import torch

from explainer.config import RunConfig
from explainer.training import train
from explainer.ui.tabs import script

CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11, seed=2)


@pytest.mark.parametrize("threads", [[], [[0, 1]], [[0, 3], [5, 1]]])
def test_the_script_ends_where_the_run_did(threads: list[tuple[int, int]], capsys: pytest.CaptureFixture[str]) -> None:
    *_, last = train(CONFIG)
    exec(compile(script(CONFIG, threads), "script", "exec"), {})
    assert torch.get_num_threads() == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"{last.number} {last.loss}"


def test_the_script_says_where_the_threads_changed() -> None:
    assert "this run had 3 from step 0 on, then 1 from step 5 on" in script(CONFIG, [(0, 3), (5, 1)])
    assert "threads" not in script(CONFIG)
