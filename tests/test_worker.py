"""The worker: what it does with requests, turn by turn, and that nothing is lost when it is killed."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explainer.config import RunConfig
from explainer.data import digest
from explainer.limits import Limits
from explainer.player.annotate import Annotator
from explainer.runs import recorder, tape, validating, views
from explainer.runs.active import ActiveRun, record
from explainer.runs.claim import Claim
from explainer.runs.client import LATEST, Client
from explainer.runs.looking import Looker
from explainer.runs.marker import Marker, look_mark
from explainer.runs.recorder import FINAL_BATCHES
from explainer.runs.store import Draft, Store, StoreError
from explainer.runs.supervisor import TAKEN, Supervisor
from explainer.runs.validating import batches_for
from explainer.runs.views import Pace, view_batch
from explainer.runs.workshop import Workshop
from explainer.training import Trainer
from tests.turns import the_run, work

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=41)
LONG = CONFIG.but(steps=19_997)
MODELS = {
    "gru": CONFIG,
    "lstm with sgd and a schedule": CONFIG.but(
        model="lstm", optimizer="sgd", lr=0.05, schedule="cosine", warmup=7, layers=2, dropout=0.3
    ),
    "transformer with dropout": CONFIG.but(
        task="repeat", length=11, symbols=7, model="transformer", layers=2, heads=3, width=12, dropout=0.2
    ),
}


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
    """A workshop in this process looks at the store before every step, so that a test is exact."""
    monkeypatch.setattr("explainer.runs.workshop.POLL_SECONDS", 0.0)


def finished(store: Store, *runs: str) -> Callable[[], bool]:
    return lambda: all(the_run(store, run).finished for run in runs)


def metrics(store: Store, run: str) -> tape.Arrays:
    return tape.join_metrics(chunk.body for chunk in store.chunks(run, kinds=("metrics",)))


def weights(store: Store, run: str, step: int) -> tape.Arrays:
    chunk = store.chunk_at(run, "weights", step)
    assert chunk is not None
    return tape.decode(chunk.body)[0]


def same(first: tape.Arrays, second: tape.Arrays) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def by_itself(config: RunConfig, lr: tuple[int, float] | None = None) -> tuple[list[float], tape.Arrays]:
    """Losses and final weights of a plain loop, the learning rate changed after some step."""
    trainer = Trainer(config)
    losses = []
    while trainer.step < config.steps:
        if lr and trainer.step == lr[0]:
            trainer.set_lr(lr[1])
        losses.append(trainer.advance().loss)
    return losses, trainer.weights()


# -- a whole run ------------------------------------------------------------------------------


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_a_run_is_trained_to_its_end_and_all_of_it_is_on_the_tape(
    client: Client, monkeypatch: pytest.MonkeyPatch, config: RunConfig
) -> None:
    monkeypatch.setattr(views, "QUICK_SECONDS", math.inf)  # on a busy machine, too, the last moment is seen
    store = client.store
    run = client.submit(config, "me", ["hidden_states", "gradients"])
    workshop = Workshop(store)
    work(workshop, finished(store, run))
    found = the_run(store, run)
    losses, last = by_itself(config)
    assert (found.status, found.step, found.message, found.attempts) == ("done", 41, "", 0)
    rows = metrics(store, run)
    assert rows["step"].tolist() == list(range(1, 42)), "every step once"
    np.testing.assert_array_equal(rows["loss"], np.float32(losses))
    same(weights(store, run, 41), last)
    same(weights(store, run, 0), Trainer(config).weights())
    for lens in ("hidden_states", "gradients"):
        assert {0, 41} <= set(store.steps(run, f"view:{lens}"))
    assert store.steps(run, "detail") == [step for step in range(1, 42) if step in tape.grid(Pace().ratio)]
    validated = rows["metric:validation loss:step"].tolist()
    assert validated == sorted(set(validated))
    assert validated[-1] == 41
    trainer = Trainer(config)
    trainer.load_weights(last)
    now = trainer.evaluate(batches_for(trainer.task))["validation loss"]
    assert rows["metric:validation loss:value"][-1] == pytest.approx(now, rel=1e-6)
    assert found.meta["final"]["validation loss"] == trainer.evaluate(FINAL_BATCHES)["validation loss"]
    assert found.meta["final"]["loss"] == losses[-1]


def test_a_run_says_what_pages_must_know_of_it(client: Client) -> None:
    run = client.submit(MODELS["transformer with dropout"], "me")
    workshop = Workshop(client.store)
    work(workshop, lambda: the_run(client.store, run).step > 0)
    meta = the_run(client.store, run).meta
    task = Trainer(MODELS["transformer with dropout"]).task
    assert (meta["inputs"], meta["outputs"], meta["vocabulary"]) == (7, 7, list(task.vocabulary))
    assert (meta["metric"], meta["baseline"], meta["lower_is_better"]) == (task.metric, task.baseline, False)
    assert meta["baseline_name"] in meta["references"]
    assert meta["loss_references"] == {"chance, ln V": math.log(7)}
    assert meta["repeated"] is None
    assert meta["parameters"] == sum(
        array.size for array in Trainer(MODELS["transformer with dropout"]).weights().values()
    )
    assert meta["device"]
    assert meta["torch"]
    assert meta["example"] == task.example()


def test_the_first_moment_is_committed_before_the_first_update(client: Client) -> None:
    run = client.submit(CONFIG, "me", ["hidden_states"])
    workshop = Workshop(client.store)
    workshop._poll()
    workshop.active[run].recorder.begin()
    assert [(chunk.kind, chunk.step) for chunk in client.store.chunks(run)] == [
        ("metrics", 0),
        ("weights", 0),
        ("view:hidden_states", 0),
    ]
    assert the_run(client.store, run).status == "running"
    workshop.turn()
    assert metrics(client.store, run)["step"].tolist() == [1], "and the first updates at once"


def test_two_runs_take_turns_and_neither_changes_the_other(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explainer.runs.workshop.LONG_SECONDS", math.inf)  # the first look, which warms up, too
    store = client.store
    configs = [MODELS["gru"], MODELS["transformer with dropout"]]
    runs = [client.submit(config, "me", ["hidden_states"]) for config in configs]
    workshop = Workshop(store)
    work(workshop, lambda: len(workshop.active) == 2)
    steps: list[tuple[int, ...]] = []
    while workshop.active:
        steps.append(tuple(active.trainer.step for active in workshop.active.values()))
        workshop.turn()
    assert all(abs(pair[0] - pair[-1]) <= 1 for pair in steps)
    for run, config in zip(runs, configs, strict=True):
        assert the_run(store, run).status == "done"
        same(weights(store, run, 41), by_itself(config)[1])


def test_only_so_many_train_at_once_and_the_rest_wait_their_turn(client: Client) -> None:
    store = client.store
    runs = [client.submit(CONFIG.but(seed=seed), "me") for seed in range(3)]
    workshop = Workshop(store, allowed=replace(Limits(), active=2))
    workshop.turn()
    assert [the_run(store, run).status for run in runs] == ["running", "running", "queued"]
    work(workshop, finished(store, *runs))
    assert {the_run(store, run).status for run in runs} == {"done"}


def test_a_text_of_ones_own_is_learnt_from(client: Client) -> None:
    text = "".join(f"{number} bottles of beer on the wall.\n" for number in range(99, 60, -1))
    config = RunConfig(task="text", length=13, width=5, batch=3, steps=5)
    run = client.submit(config, "me", ["hidden_states"], data=text)
    work(Workshop(client.store), finished(client.store, run))
    assert the_run(client.store, run).meta["inputs"] == len(set(text))


def test_the_default_text_of_another_python_is_taken_from_the_store(client: Client) -> None:
    text = "".join(f"{number} green bottles hanging on the wall.\n" for number in range(99, 60, -1))
    store = client.store
    store.save_text("f" * 64, text)
    config = RunConfig(task="text", length=13, width=5, batch=3, steps=5)
    store.create("old", config, owner="me", data="f" * 64)
    store.create("lost", config, owner="me", data="0" * 64)
    work(Workshop(store), finished(store, "old", "lost"))
    # The digest is made up, so the task refuses it: what counts here is that nothing else was read in its place.
    assert the_run(store, "old").status == "failed"
    assert (the_run(store, "lost").status, "not here any more" in the_run(store, "lost").message) == ("failed", True)


def test_a_run_on_the_whole_reference_the_default_text_of_before_is_looked_at_and_gone_on_from(client: Client) -> None:
    from pydoc_data.topics import topics

    whole, store = "\n".join(topics[name] for name in sorted(topics)), client.store
    name = digest(whole)
    config = RunConfig(task="text", model="transformer", length=13, width=6, heads=3, batch=3, steps=7)
    assert name != config.problem.digest
    store.save_text(name, whole)
    store.create(config.run_id(name), config, owner="me", lenses=("attention",), data=name)
    old = config.run_id(name)
    work(Workshop(store), finished(store, old))
    assert the_run(store, old).meta["repeated"] > 0.1

    trainer = Trainer(config.but(data=name), whole, "cpu")
    for _ in range(7):
        trainer.advance()
    same(weights(store, old, 7), trainer.weights())
    seen = Looker(store, lambda _: None).record(the_run(store, old), 7, "attention")
    batch = view_batch(trainer)
    shown = "".join(trainer.task.characters[token] for token in batch.x[0])
    assert shown in whole[int(0.9 * len(whole)) :]
    assert list(seen.tokens) == trainer.task.axis(batch)

    fresh = client.submit(config, "me")
    assert (fresh != old, the_run(store, fresh).data) == (True, config.problem.digest), "another text, another run"
    branch = client.submit(config.but(parent=f"{old}@7"), "me")
    assert the_run(store, branch).data == name


def test_a_run_can_be_recorded_without_a_worker(client: Client) -> None:
    run = client.submit(CONFIG, "me", ["hidden_states"])
    losses, last = by_itself(CONFIG)
    assert [step.loss for step in record(client.store, run)] == losses
    assert the_run(client.store, run).status == "done"
    same(weights(client.store, run, 41), last)
    assert list(record(client.store, run)) == []
    with pytest.raises(KeyError):
        next(record(client.store, "nothing"))


def test_recording_stops_where_it_is_left(client: Client) -> None:
    run = client.submit(CONFIG, "me")
    steps = record(client.store, run)
    for _ in range(7):
        next(steps)
    steps.close()
    found = the_run(client.store, run)
    assert (found.status, found.step, found.message) == ("stopped", 7, "stopped at step 7")
    client.submit(CONFIG, "me")
    assert [step.number for step in record(client.store, run)] == list(range(8, 42))
    same(weights(client.store, run, 41), by_itself(CONFIG)[1])


# -- steering ---------------------------------------------------------------------------------


def test_pause_step_resume_stop_and_go_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)  # each update is seen at once, however fast they come
    monkeypatch.setattr(recorder, "FLUSH_SHARE", 0.0)
    store = client.store
    config = CONFIG.but(steps=499)
    run = client.submit(config, "me", ["hidden_states"])
    workshop = Workshop(store)
    work(workshop, lambda: the_run(store, run).step >= 3)

    client.pause(run, "me")
    work(workshop, lambda: the_run(store, run).status == "paused")
    at = the_run(store, run).step
    for _ in range(5):
        workshop.turn()
    assert the_run(store, run).step == at < 499
    assert store.steps(run, "view:hidden_states")[-1] == store.steps(run, "weights")[-1] == at, (
        "what is seen can be looked at"
    )

    for count in (1, 2):
        client.step_once(run, "me")
        workshop.turn()
        assert (the_run(store, run).status, the_run(store, run).step) == ("paused", at + count)
        assert store.steps(run, "view:hidden_states")[-1] == at + count

    client.resume(run, "me")
    work(workshop, lambda: the_run(store, run).step >= at + 5)
    assert the_run(store, run).status == "running"
    client.stop(run, "me")
    work(workshop, finished(store, run))
    stopped = the_run(store, run)
    assert (stopped.status, stopped.message) == ("stopped", f"stopped at step {stopped.step}")
    assert store.steps(run, "weights")[-1] == stopped.step < 499

    client.submit(config, "me")
    work(workshop, lambda: the_run(store, run).status == "done")
    assert metrics(store, run)["step"].tolist() == list(range(1, 500))
    same(weights(store, run, 499), by_itself(config)[1])


def test_a_step_of_a_running_run_pauses_it_and_the_last_one_ends_it(client: Client) -> None:
    store = client.store
    run = client.submit(CONFIG.but(steps=5), "me")
    workshop = Workshop(store)
    client.step_once(run, "me")
    workshop.turn()
    assert (the_run(store, run).status, the_run(store, run).step) == ("paused", 1)
    for _ in range(4):
        client.step_once(run, "me")
    work(workshop, finished(store, run))
    assert (the_run(store, run).status, the_run(store, run).step) == ("done", 5)


def test_the_learning_rate_changes_between_two_steps_and_the_tape_says_where(client: Client) -> None:
    store = client.store
    run = client.submit(CONFIG, "me")
    workshop = Workshop(store)
    work(workshop, lambda: the_run(store, run).step >= 3)
    client.set_lr(run, "me", 0.017)
    work(workshop, finished(store, run))
    (change,) = store.chunks(run, kinds=("event",))
    assert tape.decode_event(change.body) == {"kind": "lr", "value": 0.017}
    losses, last = by_itself(CONFIG, (change.step, 0.017))
    rows = metrics(store, run)
    np.testing.assert_array_equal(rows["loss"], np.float32(losses))
    assert set(rows["lr"][: change.step]) == {np.float32(CONFIG.lr)}
    assert set(rows["lr"][change.step :]) == {np.float32(0.017)}
    same(weights(store, run, 41), last)


def test_commands_for_a_run_that_waits_or_is_paused_before_it_began(client: Client) -> None:
    store = client.store
    busy = client.submit(LONG, "me")
    waiting = client.submit(CONFIG, "me")
    workshop = Workshop(store, allowed=replace(Limits(), active=1))
    workshop.turn()
    client.pause(waiting, "me")
    workshop.turn()
    assert the_run(store, waiting).status == "paused"
    client.set_lr(waiting, "me", 0.5)
    client.step_once(waiting, "me")
    workshop.turn()
    assert (the_run(store, waiting).status, the_run(store, waiting).step) == ("paused", 1)
    assert metrics(store, waiting)["lr"].tolist() == [0.5]
    client.resume(waiting, "me")
    workshop.turn()
    assert the_run(store, waiting).status == "queued", "its place was taken"
    client.stop(waiting, "me")
    client.stop(busy, "me")
    work(workshop, finished(store, busy, waiting))
    assert {the_run(store, run).status for run in (busy, waiting)} == {"stopped"}
    assert store.commands() == []


def test_more_paused_runs_than_fit_in_memory_go_on_as_if_nothing_had_been(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explainer.runs.workshop.PARKED_RUNS", 1)
    store = client.store
    configs = [CONFIG.but(seed=seed) for seed in range(2)]
    runs = [client.submit(config, "me") for config in configs]
    workshop = Workshop(store)
    for run in runs:
        client.step_once(run, "me")
        client.set_lr(run, "me", 0.011)
    work(workshop, lambda: all(the_run(store, run).status == "paused" for run in runs) and not store.commands())
    assert len(workshop.parked) == 1
    for run in runs:
        client.resume(run, "me")
    work(workshop, finished(store, *runs))
    for run, config in zip(runs, configs, strict=True):
        same(weights(store, run, 41), by_itself(config, (1, 0.011))[1])


# -- what goes wrong --------------------------------------------------------------------------


def test_a_run_that_diverges_says_where_and_keeps_its_tape(client: Client) -> None:
    config = RunConfig(
        task="forecast", length=11, model="rnn_relu", width=7, batch=3, steps=997, optimizer="sgd", lr=10.0, clip=0.0
    )
    run = client.submit(config, "me", ["hidden_states"])
    work(Workshop(client.store), finished(client.store, run))
    found = the_run(client.store, run)
    assert found.status == "diverged"
    assert found.message.startswith(f"diverged at step {found.step + 1}: ")
    assert metrics(client.store, run)["step"].tolist() == list(range(1, found.step + 1))
    assert client.store.steps(run, "weights")[-1] == found.step


def test_a_run_that_fails_does_not_take_the_others_with_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    store = client.store
    good, bad = (client.submit(CONFIG.but(seed=seed), "me") for seed in range(2))
    workshop = Workshop(store)
    work(workshop, lambda: len(workshop.active) == 2)

    def explode(detail: bool = False) -> None:
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(workshop.active[bad].trainer, "advance", explode)
    work(workshop, finished(store, good, bad))
    assert the_run(store, good).status == "done"
    assert (the_run(store, bad).status, the_run(store, bad).message) == (
        "failed",
        "Training failed (RuntimeError: a bug of two lines).",
    )
    client.submit(CONFIG.but(seed=1), "me")
    work(workshop, lambda: the_run(store, bad).status == "done")
    same(weights(store, bad, 41), by_itself(CONFIG.but(seed=1))[1])


def test_a_lens_that_fails_is_named_on_the_tape_and_the_run_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*args: object) -> None:
        raise RuntimeError("blind")

    monkeypatch.setattr("explainer.lenses.gradients.look.look", explode)
    run = client.submit(CONFIG, "me", ["gradients", "hidden_states"])
    work(Workshop(client.store), finished(client.store, run))
    assert the_run(client.store, run).status == "done"
    assert 41 in client.store.steps(run, "view:hidden_states")
    (said,) = [tape.decode_event(chunk.body) for chunk in client.store.chunks(run, kinds=("event",))]
    assert said == {"kind": "lens failed", "lens": "gradients", "error": "blind"}


def test_a_run_that_keeps_killing_workers_is_given_up_and_no_other(client: Client) -> None:
    guilty, innocent = client.submit(LONG, "me"), client.submit(LONG.but(seed=5), "you")
    Workshop(client.store).turn()
    for attempt in range(1, 3):
        Marker(client.store.folder).write(guilty)  # a worker dies at this
        Workshop(client.store)
        assert (the_run(client.store, guilty).status, the_run(client.store, guilty).attempts) == ("running", attempt)
    Marker(client.store.folder).write(guilty)
    Workshop(client.store)
    found = the_run(client.store, guilty)
    assert found.status == "failed"
    assert "died 3 times" in found.message
    assert (the_run(client.store, innocent).status, the_run(client.store, innocent).attempts) == ("running", 0)


def test_a_worker_that_dies_at_nothing_blames_nobody(client: Client) -> None:
    run = client.submit(LONG, "me")
    for _ in range(6):
        Workshop(client.store).turn()
    assert (the_run(client.store, run).status, the_run(client.store, run).attempts) == ("running", 0)


def test_a_look_that_killed_a_worker_is_refused_and_the_other_looks_are_taken(client: Client) -> None:
    run = client.submit(CONFIG.but(steps=3), "me")
    workshop = Workshop(client.store)
    work(workshop, finished(client.store, run))
    deadly, harmless = (client.store.ask(run, 3, lens, "") for lens in ("hidden_states", "gradients"))
    Marker(client.store.folder).write(look_mark(deadly.id))
    work(Workshop(client.store), lambda: not client.store.waiting_looks())
    refused, taken = client.store.look(deadly.id), client.store.look(harmless.id)
    assert refused is not None
    assert taken is not None
    assert (refused.status, taken.status) == ("failed", "done")
    assert "shorter input" in refused.error


def test_training_time_is_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = client.submit(LONG, "me")
    monkeypatch.setenv("EXPLAINER_MAX_SECONDS", "0.01")
    work(Workshop(client.store), finished(client.store, run))
    found = the_run(client.store, run)
    assert found.status == "stopped"
    assert "this host allows" in found.message


def test_looking_and_measuring_count_as_time_that_a_run_takes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = client.submit(LONG, "me")
    monkeypatch.setenv("EXPLAINER_MAX_SECONDS", "1000")
    workshop = Workshop(client.store)
    workshop.turn()
    recorder = workshop.active[run].recorder
    assert recorder.taken == pytest.approx(recorder.trained + recorder.viewer.looked + recorder.validator.seconds)
    recorder.viewer.looked += 1000
    work(workshop, finished(client.store, run))
    found = the_run(client.store, run)
    assert (found.status, "of training" in found.message) == ("stopped", True)
    assert found.meta["taken"] > 1000 > found.meta["seconds"]
    client.resume(run, "me")
    work(Workshop(client.store), finished(client.store, run))
    assert the_run(client.store, run).step == found.step + 1, "what it took before is remembered"


def test_a_deleted_run_is_let_go(client: Client) -> None:
    run = client.submit(LONG, "me")
    workshop = Workshop(client.store)
    workshop.turn()
    client.store.delete(run)
    workshop.turn()
    assert not workshop.active
    assert client.store.chunks(run) == []


# -- resuming ---------------------------------------------------------------------------------


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("checkpoint", [None, 5, 17], ids=lambda step: f"checkpoint {step}")
def test_what_a_dead_worker_leaves_goes_on_bit_for_bit(
    client: Client, config: RunConfig, checkpoint: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after step 23, the learning rate changed after step 17; some updates are repeated, none recorded twice."""
    monkeypatch.setattr(recorder, "CHECKPOINT_SECONDS", 3600.0)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "FLUSH_SHARE", 0.0)
    store = client.store
    run = client.submit(config, "me", ["hidden_states"])
    workshop = Workshop(store)
    while the_run(store, run).step < 23:
        workshop.turn()
        if the_run(store, run).step == checkpoint:
            workshop.active[run].recorder.checkpoint()
        if the_run(store, run).step == 17:
            client.set_lr(run, "me", 0.013)
    saved = store.checkpoint(run)
    assert (saved[0] if saved else None) == checkpoint
    before = store.chunks(run)
    del workshop

    workshop = Workshop(store)
    client.set_lr(run, "me", 0.007)
    workshop.turn()
    assert workshop.active[run].recorder.replaying
    work(workshop, finished(store, run))
    (changed,) = [chunk.step for chunk in store.chunks(run, kinds=("event",))[1:]]
    assert changed == 23, "a new rate acts where the tape ends, not where it is repeated"
    assert store.chunks(run)[: len(before)] == before, "what is recorded never changes"
    rows = metrics(store, run)
    assert rows["step"].tolist() == list(range(1, 42))

    trainer = Trainer(config)
    losses = []
    while trainer.step < 41:
        if trainer.step in (17, 23):
            trainer.set_lr({17: 0.013, 23: 0.007}[trainer.step])
        losses.append(trainer.advance().loss)
    np.testing.assert_array_equal(rows["loss"], np.float32(losses))
    same(weights(store, run, 41), trainer.weights())
    steps = store.steps(run, "weights")
    assert len(store.chunks(run, kinds=("weights",))) == len(steps), "no moment twice"


def test_a_worker_that_ends_leaves_nothing_to_repeat(client: Client) -> None:
    run = client.submit(LONG, "me")
    workshop = Workshop(client.store)
    work(workshop, lambda: the_run(client.store, run).step >= 3)
    workshop.close()
    saved = client.store.checkpoint(run)
    assert saved is not None
    assert saved[0] == the_run(client.store, run).step
    assert the_run(client.store, run).status == "running"
    again = Workshop(client.store)
    assert not again.active[run].recorder.replaying


# -- what is recorded, and looking ------------------------------------------------------------


def test_views_keep_to_their_share_of_the_time_and_their_number(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = client.submit(CONFIG.but(steps=601), "me", ["hidden_states", "gradients"])
    taken: list[tuple[float, str]] = []
    take = views.Viewer._take

    def timed(viewer: views.Viewer, sight: views.Sight) -> list[Draft]:
        drafts = take(viewer, sight)
        taken.append((sight.seconds, sight.lens))
        return drafts

    monkeypatch.setattr(views.Viewer, "_take", timed)
    monkeypatch.setattr(views, "QUICK_SECONDS", math.inf)  # on a busy machine, too, the last moment is seen
    pace = Pace(gap=0.0, share=0.08, views=19)
    trained = sum(1 for _ in record(client.store, run, pace))
    assert trained == 601
    seconds = float(the_run(client.store, run).meta["seconds"])
    for lens, free in (("hidden_states", 3), ("gradients", 1)):  # a page moves at the pace of the first
        costs = [cost for cost, name in taken if name == lens]
        assert free < len(costs) <= 19 + 1, "the last moment is seen in any case"
        counted = costs[free:-1]
        assert sum(counted) <= 0.04 * seconds + max(costs)


def test_a_slow_lens_that_no_page_waits_for_leaves_the_last_moment_to_be_filled_in(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lens is the one that a page waits for; here every look of the others counts as slow."""
    monkeypatch.setattr(views, "QUICK_SECONDS", 0.0)
    store = client.store
    run = client.submit(CONFIG, "me", ["hidden_states", "gradients"])
    list(record(store, run, Pace(share=0.0, gap=0.0)))
    assert store.steps(run, "view:hidden_states") == [0, 1, 2, 41], "its first three moments and the last"
    assert store.steps(run, "view:gradients") == [0]

    annotator = Annotator(store)
    assert annotator.fills(the_run(store, run), ["hidden_states", "gradients"])
    assert [(command.kind, command.value) for command in store.commands()] == [
        ("fill", "hidden_states"),
        ("fill", "gradients"),
    ]
    work(Workshop(store), lambda: not store.commands())
    assert store.steps(run, "view:gradients") == store.steps(run, "weights")
    assert not annotator.fills(the_run(store, run), ["hidden_states", "gradients"])


def test_a_slow_lens_sees_the_last_moment_within_its_share_or_when_it_is_watched(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "QUICK_SECONDS", 0.0)
    for seed, share, watched in ((1, 1e9, ()), (2, 0.0, ("gradients",))):
        run = ActiveRun(
            client.store,
            client.found(client.submit(CONFIG.but(seed=seed), "me", ["hidden_states", "gradients"])),
            Pace(share=share, watched_share=share),
        )
        run.recorder.viewer.watched = frozenset(watched)
        run.begin()
        while not run.ended:
            run.advance()
        assert client.store.steps(run.id, "view:gradients")[-1] == 41


@pytest.mark.parametrize("steps", [1, 13, 23, 47, 101, 331])
def test_validation_is_measured_evenly_over_the_run_and_early_on_whatever_its_share(
    client: Client, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Not at the kept moments here, for which there is no time."""
    monkeypatch.setattr(validating, "FREE_SECONDS", 0.0)
    run = client.submit(CONFIG.but(steps=steps), "me")
    list(record(client.store, run, Pace(validation_share=0.0)))
    measured = metrics(client.store, run)["metric:validation loss:step"].tolist()
    assert len(measured) >= min(20, steps + 1)
    assert max(after - before for before, after in pairwise(measured)) <= max(1, steps / 20)
    assert set(measured) >= {step for step in (0, 1, 2, 4, 8) if step < steps / 12} | {0, steps}


def test_every_kept_moment_has_a_validation_of_its_own_if_there_is_time(client: Client) -> None:
    run = client.submit(CONFIG.but(steps=131), "me")
    list(record(client.store, run, Pace(validation_share=1e9)))
    assert set(client.snapshots(run)) <= set(metrics(client.store, run)["metric:validation loss:step"].tolist())


def test_weights_keep_to_their_budget_with_the_first_and_the_last(client: Client) -> None:
    size = sum(array.nbytes for array in Trainer(CONFIG).weights().values())
    for seed, bests in ((0, 0), (1, 4)):
        run = client.submit(CONFIG.but(steps=101, seed=seed), "me")
        list(record(client.store, run, Pace(weight_bytes=7 * size, bests=bests)))
        steps = client.snapshots(run)
        assert (steps[0], steps[-1]) == (0, 101)
        assert 5 <= len(steps) <= 7
        gaps = [after - before for before, after in pairwise(steps[:-1])]
        assert bests or gaps == sorted(gaps)


def test_weights_are_kept_at_the_steps_that_are_named_and_nothing_else_changes(client: Client) -> None:
    config = CONFIG.but(steps=43)
    grown, named = (client.submit(config.but(seed=seed), "me") for seed in (0, 1))
    for run, pace in ((grown, Pace()), (named, Pace(weight_steps=(7, 11, 12)))):
        list(record(client.store, run, pace))
    assert client.snapshots(named) == [0, 7, 11, 12, 43]
    same(weights(client.store, named, 11), by_itself(config.but(seed=1, steps=11))[1])


def test_a_watched_lens_sees_a_run_that_was_not_asked_with_it(client: Client) -> None:
    store = client.store
    run = client.submit(LONG, "me")
    workshop = Workshop(store)
    store.watch(run, ["hidden_states"], seconds=600)
    work(workshop, lambda: bool(store.steps(run, "view:hidden_states")))
    assert store.steps(run, "view:gradients") == []


def test_a_lens_that_does_not_suit_is_left_out(client: Client) -> None:
    run = client.submit(CONFIG, "me", ["attention", "hidden_states"])
    work(Workshop(client.store), finished(client.store, run))
    assert the_run(client.store, run).status == "done"
    assert client.store.steps(run, "view:attention") == []


def ask(workshop: Workshop, run: str, step: int, lens: str, text: str = "") -> Any:
    """A look answered by the workshop of this process.

    Raises:
        ValueError: the workshop refused it.
    """
    store = workshop.store
    number = store.ask(run, step, lens, text).id
    work(workshop, lambda: not store.waiting_looks())
    answer = store.look(number)
    assert answer is not None
    if answer.body is None:
        raise ValueError(answer.error)
    return tape.decode_view(lens, answer.body)


def test_a_moment_is_looked_at_again_with_another_lens_or_input(client: Client) -> None:
    store = client.store
    run = client.submit(CONFIG, "me")
    workshop = Workshop(store)
    work(workshop, finished(store, run))
    norms = ask(workshop, run, 41, "gradients")
    at = client.snapshot_before(run, 20)
    earlier = ask(workshop, run, at, "gradients")
    trainer = Trainer(CONFIG)
    batch = views.view_batch(trainer)
    for step, record_ in ((41, norms), (at, earlier)):
        trainer.load_weights(weights(store, run, step))
        expected = views.LENSES["gradients"].look(trainer.model, batch, trainer.task)
        np.testing.assert_array_equal(record_.norms, np.float32(expected.norms))
    own = ask(workshop, run, 41, "hidden_states", "0.5* 0.1 0.25* 0.3")
    assert own.states.shape == (1, 4, 5)
    with pytest.raises(ValueError, match="marked"):
        ask(workshop, run, 41, "hidden_states", "0.5 0.1")
    with pytest.raises(ValueError, match="attention"):
        ask(workshop, run, 41, "attention")
    with pytest.raises(ValueError, match="not recorded"):
        ask(workshop, run, 9999, "hidden_states")
    with pytest.raises(ValueError, match="deleted"):
        ask(workshop, "nothing", 3, "hidden_states")


def test_a_run_that_trains_is_looked_at_as_it_is_now_and_trains_on_unchanged(client: Client) -> None:
    store = client.store
    config = MODELS["transformer with dropout"]
    run, other = client.submit(config, "me"), client.submit(CONFIG, "me")
    workshop = Workshop(store)
    work(workshop, lambda: the_run(store, run).step >= 3)
    number = store.ask(run, LATEST, "attention", "").id
    work(workshop, lambda: not store.waiting_looks())
    answer = store.look(number)
    assert answer is not None
    assert answer.body is not None
    assert 3 <= answer.step <= workshop.active[run].trainer.step
    work(workshop, finished(store, run, other))
    same(weights(store, run, 41), by_itself(config)[1])


def test_a_tape_is_filled_with_a_lens_that_nobody_thought_of(client: Client) -> None:
    store = client.store
    run = client.submit(CONFIG, "me", ["hidden_states"])
    workshop = Workshop(store)
    work(workshop, finished(store, run))
    client.fill(run, "gradients")
    client.fill(run, "attention")
    work(workshop, lambda: not store.commands())
    assert store.steps(run, "view:gradients") == client.snapshots(run)
    assert store.steps(run, "view:attention") == []
    count = len(client.store.chunks(run))
    client.fill(run, "gradients")
    work(workshop, lambda: not store.commands())
    assert len(client.store.chunks(run)) == count, "nothing is taken twice"


def test_a_few_moments_can_be_filled_in_first_and_the_others_later(client: Client) -> None:
    store = client.store
    run = client.submit(CONFIG, "me", ["hidden_states"])
    list(record(store, run))
    kept = client.snapshots(run)
    assert len(kept) > 5
    looker = Looker(store, lambda _: None)
    few = list(looker.fill(run, "gradients", most=4))
    assert (few[0], few[-1], len(few)) == (kept[0], kept[-1], 4)
    assert list(looker.fill(run, "gradients", most=4)) == []
    assert list(looker.fill(run, "gradients")) == [step for step in kept if step not in few]
    assert store.steps(run, "view:gradients") == kept
    assert list(looker.fill(run, "jacobian", most=99)) == kept


# -- the process ------------------------------------------------------------------------------


def start(folder: Path, parent: int | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "explainer.runs.worker", "--store", str(folder)]
    return subprocess.Popen([*command, "--parent", str(os.getpid() if parent is None else parent)], cwd=PROJECT)


def wait(store: Store, ready: Callable[[], bool], seconds: float = 300) -> None:
    assert store.wait_until(ready, seconds), "the deadline passed"


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(ready: Callable[[], bool], seconds: float = 60) -> None:
    """For what the store doesn't tell."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "the deadline passed"
        time.sleep(0.01)


def test_killed_with_9_a_run_goes_on_bit_for_bit(client: Client) -> None:
    store = client.store
    config = CONFIG.but(steps=1201)
    run = client.submit(config, "me", ["hidden_states"])
    worker = start(store.folder)
    try:
        wait(store, lambda: the_run(store, run).step >= 29)
        client.pause(run, "me")
        wait(store, lambda: the_run(store, run).status == "paused")
        saved = store.checkpoint(run)
        assert saved is not None
        assert saved[0] == the_run(store, run).step
        client.resume(run, "me")
        wait(store, lambda: the_run(store, run).step >= saved[0] + 29)
        worker.kill()
        worker.wait()
        killed = the_run(store, run)
        before = store.chunks(run)
        assert killed.status == "running"
        assert saved[0] < killed.step < 1201

        worker = start(store.folder)
        wait(store, finished(store, run))
        assert the_run(store, run).status == "done"
        assert store.chunks(run)[: len(before)] == before
        resumed, rows = weights(store, run, 1201), metrics(store, run)
        assert rows["step"].tolist() == list(range(1, 1202))

        client.delete(run, "me")
        assert client.submit(config, "me") == run
        wait(store, finished(store, run))
        same(weights(store, run, 1201), resumed)
        np.testing.assert_array_equal(metrics(store, run)["loss"], rows["loss"])

        # The same worker answers, is the only one, and ends gently when it is told to.
        assert client.look(run, 1201, "gradients", timeout=60).norms.shape == (7,)
        assert start(store.folder).wait(60) == TAKEN
        with pytest.raises(StoreError, match="A worker trains"):
            next(record(store, run))
        assert client.store.worker_state().ready
        assert client.store.worker_state().pid == worker.pid
        endless = client.submit(LONG.but(seed=3), "me")
        wait(store, lambda: the_run(store, endless).step > 0)
        worker.terminate()
        assert worker.wait(60) == 0
        left = the_run(store, endless)
        kept = store.checkpoint(endless)
        assert kept is not None
        assert (left.status, kept[0]) == ("running", left.step)
    finally:
        worker.kill()
        worker.wait()


def test_a_worker_ends_when_its_parent_dies(store: Store) -> None:
    code = (
        "import time\nfrom explainer.runs.supervisor import Supervisor\n"
        f"Supervisor({str(store.folder)!r}).start()\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
    try:
        wait(store, lambda: store.worker_state().pid != 0)
        pid = store.worker_state().pid
        parent.kill()
        parent.wait()
        until(lambda: gone(pid))
    finally:
        parent.kill()
        parent.wait()
    claim = Claim(store.folder)
    assert claim.take(), "the next one may have the store"
    claim.drop()


def test_the_supervisor_starts_a_dead_worker_again_and_ends_it(store: Store) -> None:
    with Supervisor(store.folder) as supervisor:
        supervisor.start()
        wait(store, lambda: store.worker_state().pid == supervisor.pid != 0)
        first = supervisor.pid
        os.kill(first, signal.SIGKILL)
        wait(store, lambda: store.worker_state().pid == supervisor.pid not in (0, first))
        second = supervisor.pid
    assert supervisor.pid == 0
    assert gone(second)


def test_the_claim_is_for_one_at_a_time(tmp_path: Path) -> None:
    first, second = Claim(tmp_path), Claim(tmp_path)
    assert first.take()
    assert first.take(), "who has it has it"
    assert not second.take()
    first.drop()
    assert second.take()
    second.drop()
