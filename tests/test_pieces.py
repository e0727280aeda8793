"""Work in pieces: what gives way goes on where it was, whatever is done meanwhile; and how the worker shares its time by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.models import build
from explainer.models import pieces as under_test
from explainer.models.pieces import Abandoned, give_way, giving_way, waited
from explainer.records import to_arrays
from explainer.runs import workshop as runs_workshop
from explainer.runs.client import Client
from explainer.runs.marker import SIZE, Marker
from explainer.runs.store import Store
from explainer.runs.workshop import Workshop
from explainer.tasks.base import Task
from explainer.tasks.make import make_task

SMALL = RunConfig(task="repeat", model="gru", length=9, symbols=5, width=11, batch=3, steps=1000)
LARGE = RunConfig(
    task="repeat", model="transformer", length=13, symbols=5, layers=2, heads=3, width=12, batch=3, steps=1000
)


@pytest.fixture
def at_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place to give way is the end of a piece, and no piece is too short to be shared."""
    monkeypatch.setattr(under_test, "PIECE_SECONDS", 0.0)
    monkeypatch.setattr(runs_workshop, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(runs_workshop, "POLL_SECONDS", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def test_outside_nothing_gives_way() -> None:
    give_way()
    with giving_way(None):
        give_way()


@pytest.mark.usefixtures("at_every_place")
def test_what_is_done_meanwhile_has_gradients_and_does_not_give_way_itself() -> None:
    seen: list[bool] = []

    def meanwhile(seconds: float) -> None:
        seen.append(torch.is_grad_enabled())
        give_way()

    with torch.no_grad(), giving_way(meanwhile):
        give_way()
        assert not torch.is_grad_enabled()
    assert seen == [True]


@pytest.mark.usefixtures("at_every_place")
def test_the_time_that_was_given_away_is_counted_once() -> None:
    def within(seconds: float) -> None:
        time.sleep(0.02)

    def meanwhile(seconds: float) -> None:
        with giving_way(within):
            give_way()
        time.sleep(0.02)

    before, start = waited().wall, time.perf_counter()
    with giving_way(meanwhile):
        give_way()
    assert 0.04 <= waited().wall - before <= time.perf_counter() - start


def made(config: RunConfig) -> tuple[torch.nn.Module, Task]:
    task = make_task(config)
    return build(config, task.inputs, task.outputs), task


@pytest.mark.usefixtures("at_every_place")
@pytest.mark.parametrize("config", [SMALL, LARGE], ids=["gru", "transformer"])
@pytest.mark.parametrize("name", LENSES)
def test_a_look_in_pieces_sees_the_same_whatever_trains_meanwhile(name: str, config: RunConfig) -> None:
    lens = LENSES[name]
    if not lens.suits(config):
        pytest.skip("it has nothing to look at")
    model, task = made(config)
    other, _ = made(LARGE)
    places = 0

    def train(seconds: float) -> None:
        nonlocal places
        places += 1
        if places % 7 == 0:  # an update of another network, its own backward pass within a look's
            other(make_task(LARGE).batch(places).x).square().sum().backward()

    at_once = to_arrays(lens.look(model, task.batch(0), task))  # type: ignore[arg-type]
    with giving_way(train):
        in_pieces = to_arrays(lens.look(model, task.batch(0), task))  # type: ignore[arg-type]
    assert places > 0, "a lens that never gives way holds everybody up"
    assert in_pieces[1] == at_once[1]
    for field, array in at_once[0].items():
        np.testing.assert_array_equal(in_pieces[0][field], array, err_msg=field)


@pytest.mark.usefixtures("at_every_place")
def test_a_look_that_is_abandoned_leaves_the_model_as_it_was() -> None:
    model, task = made(LARGE)
    model.train()

    def stop(seconds: float) -> None:
        raise Abandoned

    with giving_way(stop), pytest.raises(Abandoned):
        LENSES["attention"].look(model, task.batch(0), task)  # type: ignore[arg-type]
    assert model.training
    LENSES["attention"].look(model, task.batch(0), task)  # type: ignore[arg-type]


# -- in the worker ----------------------------------------------------------------------------


def turns(workshop: Workshop, until: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "the deadline passed"
        workshop.turn()


def status(store: Store, run: str) -> str:
    found = store.run(run)
    assert found is not None
    return found.status


@pytest.mark.usefixtures("at_every_place")
def test_while_one_run_is_looked_at_the_other_trains(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(store)
    neighbour = client.submit(SMALL, "me")
    workshop = Workshop(store)
    turns(workshop, lambda: neighbour in workshop.active)
    trainer = workshop.active[neighbour].trainer
    steps: list[int] = []
    look = LENSES["attention"].look

    def slow(*given: object) -> object:
        for _ in range(200):  # its first update may have taken more time than it is owed for a while
            until = time.process_time() + 0.02
            while time.process_time() < until:
                pass
            steps.append(trainer.step)
            give_way()
            if trainer.step > steps[0] + 2:
                break
        return look(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("explainer.lenses.attention.look.look", slow)
    run = client.submit(LARGE, "you", ["attention"])
    turns(workshop, lambda: bool(steps))
    assert trainer.step > steps[0] + 2, steps
    assert status(store, run) == "running"


@pytest.mark.usefixtures("at_every_place")
@pytest.mark.parametrize(("kind", "then"), [("stop", "stopped"), ("pause", "paused")])
def test_a_run_obeys_in_the_midst_of_a_look(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, then: str
) -> None:
    client = Client(store)
    asked: list[str] = []
    look = LENSES["attention"].look

    def endless(*given: object) -> object:
        if not asked:
            asked.append(kind)
            store.command(run, kind)
            for _ in range(100):
                give_way()
            raise AssertionError("nobody came for it")
        return look(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("explainer.lenses.attention.look.look", endless)
    run = client.submit(LARGE, "you", ["attention"])
    workshop = Workshop(store)
    turns(workshop, lambda: status(store, run) == then)
    assert asked == [kind]
    assert store.commands() == []


@pytest.mark.usefixtures("at_every_place")
def test_a_look_is_answered_in_the_midst_of_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(store)
    run = client.submit(LARGE, "me")
    workshop = Workshop(store)
    turns(workshop, lambda: bool(store.steps(run, "weights")))
    quick_done: list[bool] = []
    look = LENSES["attention"].look

    def heavy(*given: object) -> object:
        quick = store.ask(run, 0, "gradients", "")
        for _ in range(50):
            give_way()
        answered = store.look(quick.id)
        quick_done.append(answered is not None and answered.status == "done")
        return look(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("explainer.lenses.attention.look.look", heavy)
    asked = store.ask(run, 0, "attention", "")

    def answered() -> bool:
        found = store.look(asked.id)
        return found is not None and found.status == "done"

    turns(workshop, answered)
    assert quick_done == [True]


@pytest.mark.usefixtures("at_every_place")
def test_a_process_that_is_to_end_does_so_in_the_midst_of_a_look(store: Store) -> None:
    client = Client(store)
    run = client.submit(LARGE, "me", ["attention"])
    ending: list[bool] = []
    workshop = Workshop(store, ending=lambda: bool(ending))
    turns(workshop, lambda: run in workshop.active)
    look = store.ask(run, 0, "attention", "")
    ending.append(True)
    with pytest.raises(Abandoned):
        turns(workshop, lambda: False)
    workshop.close()
    found = store.look(look.id)
    assert found is not None
    assert found.status == "waiting", "the next worker takes it"


# -- whom it was for --------------------------------------------------------------------------


def test_a_mark_is_read_by_the_next_process_even_after_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys, time; from explainer.runs.marker import Marker\n"
        "mark = Marker(sys.argv[1])\n"
        "with mark.at('first'):\n"
        "    with mark.at('second'):\n"
        "        print('there', flush=True); time.sleep(60)\n"
    )
    root = str(Path(__file__).resolve().parents[1])
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == b"there"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert Marker(tmp_path).left == "second"


def test_marks_nest_and_a_file_of_another_size_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "worker.now").write_text("garbage")
    mark = Marker(tmp_path)
    assert mark.left == ""
    with mark.at("one"):
        with mark.at("two" * SIZE):
            assert Marker(tmp_path).left == ("two" * SIZE)[:SIZE]
        assert Marker(tmp_path).left == "one"
    assert Marker(tmp_path).left == ""
