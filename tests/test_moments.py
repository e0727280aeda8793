"""The moments of a run: which they are, and that each gets its weights, and a view sooner or later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explainer.config import RunConfig
from explainer.limits import estimate
from explainer.player.annotate import Annotator
from explainer.runs import looking, moments, views
from explainer.runs.active import record
from explainer.runs.client import Client
from explainer.runs.inputs import training_inputs
from explainer.runs.looking import Looker
from explainer.runs.marker import Marker, fill_mark
from explainer.runs.recorder import Recorder
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view
from explainer.runs.views import SWEEP_PACE, Pace, Viewer
from explainer.runs.workshop import Workshop
from explainer.theory.costs import kept_moments
from explainer.theory.looks import LookSize
from explainer.training import Trainer
from tests.turns import the_run, work

CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=53)
LONG = CONFIG.but(steps=311)
BLIND = Pace(share=0.0, watched_share=0.0, gap=math.inf, bests=0)
"""No time to look beyond the first and the last moment."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


def ended(store: Store, run: str) -> Callable[[], bool]:
    return lambda: the_run(store, run).finished


def idle(store: Store, run: str) -> Callable[[], bool]:
    return lambda: the_run(store, run).finished and not store.commands()


def seen(store: Store, run: str, lens: str = "hidden_states") -> list[int]:
    """The steps of the views as they came, each once."""
    steps = [chunk.step for chunk in store.chunks(run, kinds=(VIEW + lens,))]
    assert len(set(steps)) == len(steps), "no moment is looked at twice"
    return sorted(steps)


def fills(store: Store) -> list[tuple[str, str]]:
    return [(command.run, command.value) for command in store.commands() if command.kind == "fill"]


# -- which they are ---------------------------------------------------------------------------


def test_at_least_forty_moments_from_the_first_to_the_last_ever_farther_apart() -> None:
    for steps in (*range(1, 331), 700, 997, 2000, 19_997, 20_000):
        chosen = moments.moments(steps)
        assert (chosen[0], chosen[-1]) == (0, steps)
        assert min(steps + 1, 40) <= len(chosen) <= 100
        gaps = [after - before for before, after in pairwise(chosen)]
        assert gaps[0] == 1
        assert gaps[:-1] == sorted(gaps[:-1]), "the last one may be nearer"
        # Log-spaced: where runs are long enough for that to be a step, a gap is a tenth of its step at most.
        assert steps < 300 or all(after <= max(before + 1, 1.1 * before + 1e-9) for before, after in pairwise(chosen))


def test_a_network_with_large_weights_keeps_as_many_as_there_is_room_for() -> None:
    for steps in (41, 311, 20_000):
        for places in (2, 3, 7, 23, 45):
            kept = moments.moments_grid(steps, places).before(steps)
            assert kept[0] == 0
            assert 1 <= len(kept) <= places


def test_some_of_many_are_spread_evenly_in_their_order() -> None:
    assert moments.spread(range(11), 6) == [0, 2, 4, 6, 8, 10]
    assert moments.spread((3, 5, 7), 3) == [3, 5, 7]
    assert moments.spread((3, 5, 7), 2) == [3, 7]
    assert moments.spread((3, 5, 7), 1) == [7]
    assert moments.spread((3, 5, 7), 0) == moments.spread((), 0) == []


@pytest.mark.parametrize("steps", [1, 7, 40, 97, 299, 300, 311, 700, 2000, 7001, 20_000])
def test_the_estimate_counts_them_as_they_are(steps: int) -> None:
    assert abs(kept_moments(steps) - len(moments.moments(steps))) <= 3


# -- that each gets its view ------------------------------------------------------------------


def test_an_own_run_has_a_view_of_every_moment_soon_after_its_end(store: Store) -> None:
    client = Client(store)
    run = client.submit(LONG, "me", ["hidden_states", "gradients"])
    workshop = Workshop(store, pace=BLIND)
    work(workshop, ended(store, run))
    kept = client.snapshots(run)
    assert set(kept) >= set(moments.moments(311))
    assert len(kept) >= 40
    assert set(seen(store, run)) <= {0, 1, 311}, "looking back has begun at most"
    assert fills(store) == [(run, "hidden_states")], "the lens that the page moves by"
    work(workshop, idle(store, run))
    assert seen(store, run) == kept
    expected = Trainer(LONG)
    while expected.step < 20:
        expected.advance()
    there = views.LENSES["hidden_states"].look(expected.model, views.view_batch(expected), expected.task)
    (chunk,) = (chunk for chunk in store.chunks(run, kinds=("view:hidden_states",)) if chunk.step == 20)
    np.testing.assert_array_equal(decode_view("hidden_states", chunk.body).states, there.states)


def test_a_watched_lens_is_filled_too_and_first(store: Store) -> None:
    client = Client(store)
    run = client.submit(CONFIG, "me", ["hidden_states", "gradients"])
    workshop = Workshop(store, pace=BLIND)
    store.watch(run, ["gradients"], seconds=600)
    work(workshop, ended(store, run))
    assert fills(store) == [(run, "hidden_states"), (run, "gradients")]
    work(workshop, lambda: len(fills(store)) == 1)
    assert fills(store) == [(run, "hidden_states")]
    assert set(seen(store, run, "gradients")) >= set(client.snapshots(run))
    work(workshop, idle(store, run))
    assert seen(store, run) == client.snapshots(run)


def test_a_lens_that_is_opened_later_is_filled_and_what_ships_is_left_as_it_is(store: Store) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    list(record(store, run, replace(BLIND, whole=False)))
    assert fills(store) == []
    for lens in ("hidden_states", "gradients"):
        annotator = Annotator(store)
        assert annotator.fills(the_run(store, run), [lens])
        assert fills(store) == [(run, lens)]
        work(Workshop(store), idle(store, run))
        assert set(seen(store, run, lens)) >= set(store.steps(run, "weights"))
        assert not annotator.fills(the_run(store, run), [lens])


def test_a_recorded_lesson_that_saw_its_last_moment_is_asked_nothing(store: Store) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    list(record(store, run, replace(BLIND, whole=False)))
    shipped = replace(the_run(store, run), pinned=True)
    assert moments.lacking(store, shipped, "hidden_states")
    assert not Annotator(store).fills(shipped, ["hidden_states"])
    assert store.commands() == []


@pytest.mark.parametrize("how", ["stopped", "paused", "diverged"])
def test_of_a_run_that_ends_early_or_is_held_what_was_reached_is_looked_at(store: Store, how: str) -> None:
    config = (
        CONFIG.but(steps=1999)
        if how != "diverged"
        else CONFIG.but(optimizer="sgd", lr=10.0, clip=0.0, model="rnn_relu", length=97)
    )
    client = Client(store)
    run = client.submit(config, "me", ["hidden_states"])
    workshop = Workshop(store, pace=BLIND)
    if how != "diverged":
        work(workshop, lambda: the_run(store, run).step >= 31)
        (client.stop if how == "stopped" else client.pause)(run, "me")
    work(workshop, lambda: the_run(store, run).status == how and not store.commands())
    reached = the_run(store, run).step
    assert seen(store, run) == client.snapshots(run)
    assert {moment for moment in moments.moments(config.steps) if moment <= reached} <= set(seen(store, run))


def test_a_run_of_a_sweep_keeps_its_first_and_last_moment(store: Store) -> None:
    run = Client(store).submit(CONFIG.but(steps=67), "me", ["hidden_states"])
    list(record(store, run, SWEEP_PACE))
    assert seen(store, run) == [0, 67]
    assert store.commands() == []


# -- in between -------------------------------------------------------------------------------


def test_a_worker_that_is_killed_leaves_the_same_moments_as_one_that_is_not(store: Store, tmp_path: Path) -> None:
    whole = Store(tmp_path / "whole")
    for each in (store, whole):
        run = Client(each).submit(CONFIG, "me", ["hidden_states"])
    work(Workshop(whole, pace=BLIND), idle(whole, run))
    workshop = Workshop(store, pace=BLIND)
    work(workshop, lambda: the_run(store, run).step >= 29)
    workshop = Workshop(store, pace=BLIND)  # the one before is gone between two updates
    work(workshop, lambda: len(seen(store, run)) >= 9)
    assert len(seen(store, run)) < 40
    work(Workshop(store, pace=BLIND), idle(store, run))  # … or between two views
    assert seen(store, run) == seen(whole, run) == whole.steps(run, "weights")
    ours, theirs = (
        {chunk.step: chunk.body for chunk in each.chunks(run, kinds=("view:hidden_states",))} for each in (store, whole)
    )
    for step, body in theirs.items():
        np.testing.assert_array_equal(
            decode_view("hidden_states", ours[step]).states, decode_view("hidden_states", body).states
        )
    whole.close()


def test_filling_that_keeps_killing_workers_is_given_up(store: Store) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    work(Workshop(store, pace=BLIND), ended(store, run))
    for _ in range(2):
        Marker(store.folder).write(fill_mark(store.commands()[0].id))  # a worker dies at this
        Workshop(store)
        assert fills(store) == [(run, "hidden_states")]
    Marker(store.folder).write(fill_mark(store.commands()[0].id))
    Workshop(store)
    assert fills(store) == []
    assert the_run(store, run).status == "done"


def test_a_moment_that_a_lens_cannot_cope_with_is_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    work(Workshop(store, pace=BLIND), ended(store, run))
    look, calls = views.LENSES["hidden_states"].look, []

    def third_fails(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise RuntimeError("blind")
        return look(*given)

    monkeypatch.setattr("explainer.lenses.hidden_states.look.look", third_fails)
    work(Workshop(store), idle(store, run))
    assert len(store.steps(run, "weights")) - len(seen(store, run)) == 1


def test_large_views_keep_to_their_places_with_the_first_and_the_last(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    work(Workshop(store, pace=BLIND), ended(store, run))
    monkeypatch.setattr(moments, "look_bytes", lambda *given: LookSize(0, 2_900_000))
    work(Workshop(store), idle(store, run))
    steps = seen(store, run)
    assert len(steps) == 11, "32 MB hold eleven of 2.9 MB"
    assert (steps[0], steps[-1]) == (0, 53)
    assert moments.lacking(store, the_run(store, run), "hidden_states") == [], "nothing is asked for again"


def test_a_tape_with_all_its_moments_is_no_larger_than_was_estimated(store: Store) -> None:
    config = CONFIG.but(width=31)  # the names of tiny weights take more than these
    run = Client(store).submit(config, "me", ["hidden_states"])
    work(Workshop(store), idle(store, run))
    given = training_inputs(config)
    expected = estimate(config, *given, lenses=["hidden_states"])
    kept = store.pieces(run, kinds=["view:hidden_states", "weights"])
    assert {piece.kind for piece in kept} == {"view:hidden_states", "weights"}
    assert sum(piece.size for piece in kept) < 1e6 * expected.tape_mb
    assert expected.seconds > estimate(config, *given, lenses=["hidden_states"], whole=False).seconds


# -- within the share -------------------------------------------------------------------------


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def looked_at(store: Store, monkeypatch: pytest.MonkeyPatch, update: float, look: float) -> tuple[list[int], Viewer]:
    """The moments that a lens sees in time, where an update and a look take so many seconds each."""
    run = the_run(store, Client(store).submit(LONG, "me", ["hidden_states"]))
    trainer = Trainer(LONG)
    clock, real = Clock(), views.LENSES["hidden_states"].look

    def timed(*given: Any) -> Any:
        clock.now += look
        return real(*given)

    monkeypatch.setattr(views.time, "perf_counter", clock)
    monkeypatch.setattr("explainer.lenses.hidden_states.look.look", timed)
    viewer = Recorder(store, run, trainer, Pace()).viewer
    drafts = viewer.look()
    for step in range(1, 311):
        trainer.step = step
        clock.now += update
        drafts += viewer.look_if_due(update)
    return [draft.step for draft in drafts], viewer


def test_what_the_whole_run_will_pay_for_is_looked_at_as_it_comes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, viewer = looked_at(store, monkeypatch, update=0.1, look=0.016)
    assert set(steps) >= set(moments.moments(311)[:-1])
    assert viewer.looked <= 0.03 * viewer.trained + 3 * 0.016


def test_what_it_will_not_pay_for_is_left_until_afterwards(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, viewer = looked_at(store, monkeypatch, update=0.1, look=0.05)
    assert steps[:3] == [0, 1, 2], "a page waits for these"
    assert viewer.looked <= 0.03 * viewer.trained + 3 * 0.05
    assert 3 < len(steps) < 25


def test_beside_a_run_that_trains_a_tape_is_filled_within_its_share(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Client(store).submit(CONFIG, "me", ["hidden_states"])
    list(record(store, run, BLIND))
    clock = Clock()
    monkeypatch.setattr(looking.time, "monotonic", clock)
    looker = Looker(store, lambda _: None)
    looker.queue_fill(store.commands()[0].id, run, "hidden_states")
    look = looker._body

    def timed(*given: Any) -> bytes:
        clock.now += 0.2
        return look(*given)

    monkeypatch.setattr(looker, "_body", timed)
    taken = 0
    while clock.now < 20.0:
        taken += looker.turn(busy=True)
        clock.now += 0.01
    assert taken * 0.2 == pytest.approx(0.1 * 20, rel=0.15)
    assert looker.turn(busy=False), "nobody else needs the time"
    assert looker.turn(busy=False)
