"""Sweeps in the store, in the queue and in the worker: shared, stopped, gone on with, and fair to others."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explainer.config import RunConfig
from explainer.limits import Limits, estimate, refuse_sweep_if_too_big
from explainer.runs.client import Client
from explainer.runs.outcomes import MISSING, Outcome, Outcomes, progress
from explainer.runs.rows import Turn
from explainer.runs.store import Run, Store
from explainer.runs.sweep_file import load_outcomes, save_outcomes
from explainer.runs.sweep_table import SWEEPS_KEPT
from explainer.runs.turns import next_up
from explainer.runs.views import Pace
from explainer.runs.workshop import Workshop
from explainer.sweep import Sweep
from explainer.training import Trainer

PROJECT = Path(__file__).resolve().parents[1]
BASE = RunConfig(task="adding", width=5, batch=3, steps=13)
SWEEP = Sweep(base=BASE, axes=(("length", (7, 11)), ("model", ("rnn", "lstm"))))
LONG = Sweep(base=BASE.but(steps=19_997), axes=(("seed", (0, 1, 2)),))
SINGLE = BASE.but(length=17, seed=5, steps=19_997)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> Client:
    return Client(store)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explainer.runs.workshop.POLL_SECONDS", 0.0)


def runs_of(store: Store, sweep: str) -> list[Run | None]:
    found = store.sweep(sweep)
    assert found is not None
    return [store.run(run) for run in found.runs]


def statuses(store: Store, sweep: str) -> list[str]:
    return ["gone" if run is None else run.status for run in runs_of(store, sweep)]


def work(workshop: Workshop, until: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "the deadline passed"
        workshop.turn()


# -- asking for one ---------------------------------------------------------------------------


def test_its_runs_wait_in_order_and_are_named_as_runs_always_are(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me", ["reach"])
    assert number == SWEEP.sweep_id()
    found = store.sweep(number)
    assert found is not None
    assert (found.sweep, found.owner) == (SWEEP, "me")
    assert found.runs == tuple(config.run_id() for config in SWEEP.configs)
    for run, config in zip(runs_of(store, number), SWEEP.configs, strict=True):
        assert run is not None
        assert (run.config, run.status, run.sweep, run.lenses) == (config, "queued", number, ("reach",))


def test_a_sweep_survives_a_restart_of_everything(client: Client, store: Store, tmp_path: Path) -> None:
    number = client.submit_sweep(SWEEP, "me")
    again = Store(store.folder)
    assert again.sweep(number) == store.sweep(number)
    again.close()
    assert store.sweep("0" * 16) is None


def test_it_counts_as_one_in_the_queue(client: Client) -> None:
    client.submit_sweep(SWEEP, "me")
    for seed in range(3):
        client.submit(SINGLE.but(seed=seed), "me")
    with pytest.raises(ValueError, match="4 of your runs train, wait or are paused already, a sweep counted as one"):
        client.submit(SINGLE.but(seed=3), "me")
    with pytest.raises(ValueError, match="allows 4"):
        client.submit_sweep(LONG, "me")
    client.submit_sweep(LONG, "you")


def test_a_refused_sweep_leaves_nothing(client: Client, store: Store) -> None:
    huge = Sweep(base=BASE, axes=(("width", (5, 1024)), ("layers", (1, 2, 3))))
    with pytest.raises(ValueError, match="This model has"):
        client.submit_sweep(replace(huge, base=BASE.but(model="lstm")), "me")
    with pytest.raises(ValueError, match="Unknown lens"):
        client.submit_sweep(SWEEP, "me", ["glass"])
    assert store.runs() == []


def test_what_is_recorded_or_trains_already_is_shared(client: Client, store: Store) -> None:
    alone = client.submit(SWEEP.configs[1], "you")
    done = client.submit(SWEEP.configs[0], "you")
    store.set_status(done, "running")
    store.set_status(done, "done")
    number = client.submit_sweep(SWEEP, "me")
    first, second, *rest = runs_of(store, number)
    assert first is not None
    assert second is not None
    assert (first.id, first.status) == (done, "done")
    assert (second.id, second.owner, second.sweep) == (alone, "you", ""), "it doesn't wait for the sweep"
    assert all(run is not None and run.sweep == number for run in rest)


def test_who_asks_for_one_of_its_runs_need_not_wait_for_the_sweep(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me")
    wanted = client.submit(SWEEP.configs[-1], "you")
    run = store.run(wanted)
    assert run is not None
    assert (run.sweep, run.owner) == ("", "me")
    client.stop_sweep(number, "me")
    assert statuses(store, number) == ["gone", "gone", "gone", "queued"]


def test_the_same_sweep_again_is_the_same_and_stays_its_owners(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me")
    assert client.submit_sweep(SWEEP, "you") == number
    assert len(store.runs()) == 4
    with pytest.raises(ValueError, match="belongs to someone else"):
        client.stop_sweep(number, "you")
    client.stop_sweep(number, "me")
    own = client.submit_sweep(SWEEP, "you")
    assert own != number, "a sweep that was stopped stays with the one who began it"
    client.stop_sweep(own, "you")
    assert client.submit_sweep(SWEEP, "me") == number


def test_a_sweep_that_is_not_there_cannot_be_stopped(client: Client) -> None:
    with pytest.raises(ValueError, match="no such sweep"):
        client.stop_sweep("f" * 16, "me")


def test_only_the_newest_sweeps_are_remembered(client: Client, store: Store) -> None:
    for number in range(SWEEPS_KEPT + 3):
        store.save_sweep(f"{number:016d}", SWEEP, ["a"], "me")
    assert store.sweep(f"{2:016d}") is None
    assert store.sweep(f"{3:016d}") is not None


# -- limits -----------------------------------------------------------------------------------


def test_a_sweep_that_fits_is_estimated_as_the_sum_of_its_runs() -> None:
    sizes = [(config, 2, 1) for config in SWEEP.configs]
    expected = sum(estimate(*size).seconds for size in sizes)
    assert refuse_sweep_if_too_big(sizes, allowed=Limits()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (Limits(sweep_runs=3), "This sweep has 4 runs, and this host allows 3. Take fewer values"),
        (Limits(sweep_seconds=0.01), "These 4 runs would train for about 0 s together.*allows a sweep 0 s. Take fewer"),
        (Limits(steps=5), "steps = 13 is more than the 5"),
    ],
)
def test_a_sweep_that_does_not_fit_is_refused_with_the_way_out(allowed: Limits, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        refuse_sweep_if_too_big([(config, 2, 1) for config in SWEEP.configs], allowed=allowed)


def test_a_sweep_stops_when_its_runs_have_had_what_the_host_allows(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = Sweep(base=SINGLE, axes=(("steps", (13, 15_001, 15_002, 15_003)),))  # none over before the limit is set
    number = client.submit_sweep(longer, "me")
    alone = client.submit(SINGLE.but(steps=20), "me")
    workshop = Workshop(store)
    work(workshop, lambda: statuses(store, number)[0] == "done")
    first = runs_of(store, number)[0]
    assert first is not None
    monkeypatch.setenv("EXPLAINER_MAX_SWEEP_SECONDS", str(first.meta["taken"]))
    work(Workshop(store), lambda: not any(run and run.status in ("queued", "running") for run in store.runs()))
    assert statuses(store, number) == ["done", "stopped", "gone", "gone"]
    stopped = runs_of(store, number)[1]
    assert stopped is not None
    assert stopped.message.startswith("stopped at step ")
    assert "allows a sweep 0 s of training" in stopped.message
    (last,) = Outcomes(store).of(SWEEP, [run.id if run else "" for run in runs_of(store, number)])[1:2]
    assert last.message == stopped.message
    single = store.run(alone)
    assert single is not None
    assert single.status == "done", "a run that nobody asked for with the sweep is not stopped with it"


# -- whose turn it is -------------------------------------------------------------------------


def waiting(name: str, created: float, sweep: str = "", owner: str = "") -> Turn:
    return Turn(name, owner, sweep, created)


def names(runs: list[Turn]) -> str:
    return "".join(run.id for run in runs)


def test_single_runs_begin_in_the_order_in_which_they_came() -> None:
    queued = [waiting(name, at) for at, name in enumerate("abcde")]
    assert names(next_up(queued, [], 4, {})) == "abcd"
    assert names(next_up(queued, [waiting("x", 0)] * 3, 4, {})) == "a"
    assert next_up(queued, [waiting("x", 0)] * 4, 4, {}) == []


def test_a_place_goes_to_the_visitor_of_whose_runs_the_fewest_train() -> None:
    queued = [*(waiting(name, at, owner="many") for at, name in enumerate("abcd")), waiting("z", 9, owner="one")]
    assert names(next_up(queued, [], 4, {})) == "azbc"
    running = [waiting("x", 0, owner="many"), waiting("y", 0, owner="third")]
    assert names(next_up(queued, running, 3, {})) == "z"
    assert names(next_up(queued, running, 4, {})) == "za"


def test_visitors_take_turns_where_there_is_one_place() -> None:
    queued = [*(waiting(name, at, owner="many") for at, name in enumerate("abc")), waiting("z", 5, owner="one")]
    begun, now, last = "", 10.0, {}
    while queued:
        (run,) = next_up(queued, [], 1, {}, last)
        queued.remove(run)
        begun, now = begun + run.id, now + 1
        last[run.owner] = now
    assert begun == "azbc"


def test_a_sweep_has_one_place_at_a_time() -> None:
    queued = [waiting(name, at, "s") for at, name in enumerate("abc")]
    assert names(next_up(queued, [], 4, {})) == "a"
    assert next_up(queued, [waiting("x", 0, "s")], 4, {}) == []
    assert names(next_up(queued, [], 1, {})) == "a"


def test_sweeps_together_leave_a_place_for_single_runs() -> None:
    queued = [waiting("a", 1, "s"), waiting("b", 2, "t"), waiting("c", 3, "u"), waiting("d", 4)]
    assert names(next_up(queued, [], 3, {})) == "abd"
    assert names(next_up(queued[:3], [], 3, {})) == "ab"
    assert names(next_up(queued[1:], [waiting("x", 0, "s")], 3, {})) == "bd"


def test_after_each_run_a_sweep_goes_to_the_end_of_the_queue() -> None:
    queued = [waiting("a", 1, "s"), waiting("b", 5)]
    running = [waiting("x", 0)] * 3
    assert names(next_up(queued, running, 4, {})) == "a"
    assert names(next_up(queued, running, 4, {"s": 6.0})) == "b"


# -- in the worker ----------------------------------------------------------------------------


def test_its_runs_train_one_after_the_other_in_order(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me", ["reach"])
    workshop = Workshop(store)
    order: list[str] = []

    def over() -> bool:
        assert len(workshop.active) <= 1
        order.extend(run for run in workshop.active if run not in order)
        return all(status == "done" for status in statuses(store, number))

    work(workshop, over)
    assert order == [config.run_id() for config in SWEEP.configs]


def test_a_run_of_a_sweep_learns_what_it_would_have_learnt_alone_and_records_little(
    client: Client, store: Store
) -> None:
    number = client.submit_sweep(SWEEP, "me", ["reach"])
    workshop = Workshop(store)
    work(workshop, lambda: all(status == "done" for status in statuses(store, number)))
    config = SWEEP.configs[1]
    trainer = Trainer(config)
    while trainer.step < config.steps:
        trainer.advance()
    run = store.run(config.run_id())
    assert run is not None
    assert run.meta["final"]["validation loss"] == trainer.evaluate(8)["validation loss"]
    assert store.steps(run.id, "view:reach") == [0, config.steps]
    assert len(store.steps(run.id, "weights")) <= 3


def test_stop_keeps_what_is_done_and_the_sweep_goes_on_later(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me")
    workshop = Workshop(store)
    work(workshop, lambda: statuses(store, number)[:2] == ["done", "running"])
    client.stop_sweep(number, "me")
    work(workshop, lambda: not workshop.active)
    assert statuses(store, number) == ["done", "stopped", "gone", "gone"]
    assert not workshop.turn()

    done = store.chunks(SWEEP.configs[0].run_id())
    assert client.submit_sweep(SWEEP, "me") == number
    work(workshop, lambda: all(status == "done" for status in statuses(store, number)))
    assert store.chunks(SWEEP.configs[0].run_id()) == done, "what was done is not trained again"


def test_another_visitors_run_does_not_wait_behind_a_sweep(client: Client, store: Store) -> None:
    number = client.submit_sweep(LONG, "me")
    workshop = Workshop(store, allowed=replace(Limits(), active=2))
    work(workshop, lambda: statuses(store, number)[0] == "running")
    alone = client.submit(SINGLE, "you")
    work(workshop, lambda: alone in workshop.active)
    assert statuses(store, number) == ["running", "queued", "queued"]
    steps = {run.id: run.trainer.step for run in workshop.active.values()}
    for _ in range(10):
        workshop.turn()
    assert {run.id: run.trainer.step - steps[run.id] for run in workshop.active.values()} == dict.fromkeys(steps, 10)


def test_with_one_place_a_single_run_waits_for_one_run_of_the_sweep_only(client: Client, store: Store) -> None:
    number = client.submit_sweep(SWEEP, "me")
    workshop = Workshop(store, allowed=replace(Limits(), active=1))
    work(workshop, lambda: statuses(store, number)[0] == "running")
    alone = client.submit(SINGLE.but(steps=7), "you")
    work(workshop, lambda: (run := store.run(alone)) is not None and run.status == "done")
    assert statuses(store, number)[0] == "done"
    assert statuses(store, number)[2:] == ["queued", "queued"]


def test_a_sweep_outlives_a_worker_that_is_killed(client: Client, store: Store) -> None:
    number = client.submit_sweep(replace(SWEEP, base=BASE.but(steps=211)), "me", ["reach"])

    def worker() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "explainer.runs.worker", "--store", str(store.folder)]
        return subprocess.Popen([*command, "--parent", str(os.getpid())], cwd=PROJECT)

    process = worker()
    assert store.wait_until(lambda: statuses(store, number)[0] == "done", 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = worker()
    try:
        assert store.wait_until(lambda: statuses(store, number) == ["done"] * 4, 60)
    finally:
        process.terminate()
        process.wait()
    found = store.sweep(number)
    assert found is not None
    for outcome in Outcomes(store).of(found.sweep, found.runs):
        trainer = Trainer(outcome.config)
        while trainer.step < outcome.config.steps:
            trainer.advance()
        assert outcome.final["validation loss"] == trainer.evaluate(8)["validation loss"]


# -- what has come of it ----------------------------------------------------------------------


def trained(client: Client, store: Store) -> list[Outcome]:
    number = client.submit_sweep(SWEEP, "me", ["reach"])
    workshop = Workshop(store, pace=Pace())
    work(workshop, lambda: all(status == "done" for status in statuses(store, number)))
    found = store.sweep(number)
    assert found is not None
    return Outcomes(store).of(found.sweep, found.runs, ["reach"])


def test_outcomes_have_final_numbers_and_both_ends(client: Client, store: Store) -> None:
    for outcome, config in zip(trained(client, store), SWEEP.configs, strict=True):
        assert outcome.done
        assert outcome.config == config
        assert outcome.meta["baseline"] == pytest.approx(1 / 6)
        assert outcome.first["reach"].last == outcome.last["reach"].last == config.length - 1
        assert (outcome.first["reach"].norms != outcome.last["reach"].norms).any()


def test_a_run_that_is_gone_is_missing_and_not_invented(client: Client, store: Store) -> None:
    outcomes = trained(client, store)
    client.delete(outcomes[2].run, "me")
    found = store.sweep(SWEEP.sweep_id())
    assert found is not None
    again = Outcomes(store).of(found.sweep, found.runs)
    assert [outcome.status for outcome in again] == ["done", "done", MISSING, "done"]
    assert again[2].final == {}


def test_a_file_brings_back_the_outcomes_and_the_same_outcomes_the_same_bytes(
    client: Client, store: Store, tmp_path: Path
) -> None:
    outcomes = trained(client, store)
    save_outcomes(tmp_path / "a.sweep", SWEEP, outcomes)
    save_outcomes(tmp_path / "b.sweep", SWEEP, outcomes)
    assert (tmp_path / "a.sweep").read_bytes() == (tmp_path / "b.sweep").read_bytes()
    sweep, back = load_outcomes(tmp_path / "a.sweep")
    assert sweep == SWEEP
    for found, outcome in zip(back, outcomes, strict=True):
        assert (found.config, found.status, found.step) == (outcome.config, outcome.status, outcome.step)
        assert found.final == outcome.final
        np.testing.assert_allclose(found.last["reach"].norms, outcome.last["reach"].norms, rtol=1e-6)


@pytest.mark.parametrize("damage", [lambda body: body[:-9], lambda body: b"", lambda body: body[::-1]])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.sweep"
    save_outcomes(path, SWEEP, [Outcome(config=config) for config in SWEEP.configs])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.sweep is not a sweep of this project"):
        load_outcomes(path)


def test_progress_counts_steps_and_goes_by_what_the_finished_runs_took() -> None:
    config = SWEEP.configs[0]
    each = estimate(config, 2, 1).seconds
    outcomes = [
        Outcome(config=config, status="done", step=13, seconds=3 * each),
        Outcome(config=config, status="running", step=3),
        Outcome(config=config, status="queued"),
        Outcome(config=config),
    ]
    bar = progress(outcomes)
    assert (bar.done, bar.steps, bar.finished, bar.runs, bar.waiting) == (16, 52, 1, 4, 1)
    assert bar.current is outcomes[1]
    assert bar.live
    assert bar.seconds == pytest.approx(3 * each * (10 / 13 + 1))


def test_progress_at_its_ends() -> None:
    config = SWEEP.configs[0]
    none = progress([])
    assert (none.done, none.steps, none.live, none.seconds) == (0, 0, False, 0)
    new = progress([Outcome(config=config, status="queued")] * 2)
    assert new.seconds == pytest.approx(2 * estimate(config, 2, 1).seconds)
    over = progress([Outcome(config=config, status="diverged", step=5), Outcome(config=config, status="done", step=13)])
    assert (over.done, over.finished, over.live) == (26, 2, False)
    assert math.isfinite(over.seconds)
