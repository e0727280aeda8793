"""How fast a host is, and what a page makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from explainer.config import RunConfig
from explainer.runs import speed
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.training import Trainer


@pytest.mark.parametrize(
    ("written", "share"), [("max 100000", 1.0), ("50000 100000", 0.5), ("400000 100000", 1.0), ("", 1.0), ("what", 1.0)]
)
def test_the_share_of_a_core_is_what_the_control_group_says(tmp_path: Path, written: str, share: float) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(written)
    assert speed.granted(file) == share
    assert speed.granted(tmp_path / "none") == 1.0


def test_a_host_that_takes_three_times_as_long_is_a_third_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the test's own: an update takes what it says."""
    clock = 0.0

    def update(self: Trainer) -> None:
        nonlocal clock
        task = self.task
        clock += 3 * speed.update_seconds(self.config, task.inputs, task.outputs)

    monkeypatch.setattr(Trainer, "advance", update)
    monkeypatch.setattr(time, "process_time", lambda: clock)
    assert speed.host_speed() == pytest.approx(1 / 3 * speed.granted())


def test_on_a_slow_host_a_run_is_refused_that_a_fast_one_takes(tmp_path: Path) -> None:
    config = RunConfig(model="gru", length=100, width=64, batch=64, steps=10_000)
    for given, refused in ((0.05, True), (4.0, False)):
        store = Store(tmp_path / f"{given}")
        store.register_worker(1, "a device", "2.x", given)
        if refused:
            with pytest.raises(ValueError, match=r"would train for about .* and this host allows 30 min"):
                Client(store).submit(config, "me")
        else:
            Client(store).submit(config, "me")
        store.close()
