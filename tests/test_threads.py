"""What the last bits of a run depend on beside its configuration: recorded with it, repeated by its script, said."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explainer.config import RunConfig
from explainer.runs.active import ActiveRun, moved
from explainer.runs.store import Run, Store
from explainer.runs.tape import join_metrics
from explainer.runs.views import Pace
from explainer.training import Trainer, threads_on
from explainer.ui.run_table import computed
from explainer.ui.tabs import repeats, script

CONFIG = RunConfig(task="adding", model="gru", length=11, width=7, batch=5, steps=13)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    store.create("run", CONFIG, owner="")
    yield store
    store.close()


@pytest.fixture(autouse=True)
def one_thread_again() -> Iterator[None]:
    yield
    torch.set_num_threads(1)


def the_run(store: Store) -> Run:
    found = store.run("run")
    assert found is not None
    return found


def train_to(store: Store, step: int) -> None:
    """Take the run up, do updates until `step` is done, and put it down."""
    active = ActiveRun(store, the_run(store), Pace())
    active.begin()
    while not active.ended and active.trainer.step < step:
        active.advance()
    if not active.ended:
        active.hold()


def test_a_run_records_its_threads(store: Store) -> None:
    torch.set_num_threads(3)
    train_to(store, 2)
    assert the_run(store).meta["threads"] == 3
    assert threads_on("cpu") == 3
    assert threads_on("cuda") is None


def test_going_on_with_as_many_threads_is_no_move(store: Store) -> None:
    train_to(store, 5)
    train_to(store, 13)
    assert "moved" not in the_run(store).meta
    assert computed(the_run(store)).endswith(f"with torch {torch.__version__}.")


def test_going_on_with_other_threads_is_recorded_and_said(store: Store) -> None:
    train_to(store, 5)
    torch.set_num_threads(2)
    train_to(store, 8)
    train_to(store, 9)  # as before: not a second move
    torch.set_num_threads(1)
    train_to(store, 13)
    run = the_run(store)
    assert run.meta["threads"] == 1
    assert [(each["step"], each["threads"]) for each in run.meta["moved"]] == [(5, 2), (9, 1)]
    said = computed(run)
    assert "from step 5 on " in said
    assert ", 2 threads, with torch" in said
    assert said.endswith("in one go its last digits would be others.")
    assert "can't be repeated" in repeats(run)


def test_another_torch_is_a_move_and_an_unknown_one_is_not() -> None:
    trainer = Trainer(CONFIG)
    assert moved({"torch": "0.1"}, trainer) is not None
    assert moved({}, trainer) is None


def test_the_script_on_a_page_repeats_the_recorded_run_to_the_last_bit(store: Store) -> None:
    torch.set_num_threads(2)
    train_to(store, 13)
    run = the_run(store)
    torch.set_num_threads(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(script(run), {})
    assert torch.get_num_threads() == 2
    losses = [float(line.split()[1]) for line in printed.getvalue().splitlines()]
    assert losses == join_metrics(chunk.body for chunk in store.chunks("run", kinds=("metrics",)))["loss"].tolist()
    assert "to the last bit" in repeats(run)


def test_a_script_promises_no_more_than_it_can(store: Store) -> None:
    train_to(store, 13)
    run = the_run(store)
    compile(script(CONFIG), "script", "exec")
    assert "set_num_threads" not in script(CONFIG)
    assert "last bit" not in repeats(CONFIG)
    assert "learning rate" in repeats(replace(run, altered=True))
    of_an_older_store = {name: value for name, value in run.meta.items() if name != "threads"}
    assert repeats(replace(run, meta=of_an_older_store)) == repeats(CONFIG)
    graphics = replace(run, meta={**run.meta, "device": "NVIDIA H200", "threads": None})
    assert "set_num_threads" not in script(graphics)
    assert "another device gives other last digits" in repeats(graphics)
