"""The interface's side: which runs are shared, who may steer them, and how a moment is looked at."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from explainer.config import TASKS, RunConfig
from explainer.data import SUNSPOTS, default_text, digest
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.runs import tape
from explainer.runs.client import LATEST, Client, training_inputs
from explainer.runs.rows import Look
from explainer.runs.store import Draft, Run, Store
from explainer.tasks.make import make_task

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11)
TEXT = "".join(f"{number} bottles of beer on the wall.\n" for number in range(99, 60, -1))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    store = Store(tmp_path)
    yield Client(store)
    store.close()


def the_run(client: Client, run: str) -> Run:
    found = client.store.run(run)
    assert found is not None
    return found


def put(client: Client, run: str, *statuses: str) -> None:
    """What the worker would do to a queued run."""
    for status in statuses:
        client.store.set_status(run, status)


def hidden(value: float = 0.5) -> HiddenStatesRecord:
    numbers = np.full(5, value, np.float32)
    states = np.full((2, 5, 3), value, np.float32)
    return HiddenStatesRecord(
        states, tuple("abcde"), np.ones(5, bool), tuple("bcdef"), (), np.zeros(0), np.zeros(0), numbers, numbers
    )


def test_the_interface_never_loads_torch() -> None:
    modules = ("client", "reader", "store", "tape", "tape_file", "inputs", "supervisor", "worker", "claim")
    code = f"import sys, {', '.join('explainer.runs.' + name for name in modules)}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False", result.stderr


# -- asking for a run -------------------------------------------------------------------------


def test_a_new_run_waits_under_the_hash_of_its_configuration(client: Client) -> None:
    run = the_run(client, client.submit(CONFIG, "me", ["hidden_states"], parent="another"))
    assert run.id == CONFIG.run_id()
    assert (run.status, run.owner, run.lenses, run.parent, run.config) == (
        "queued",
        "me",
        ("hidden_states",),
        "another",
        CONFIG,
    )


def test_who_asks_for_the_same_run_shares_it(client: Client) -> None:
    first = client.submit(CONFIG, "me", ["hidden_states"])
    same = CONFIG.but(heads=2)  # a GRU has no heads
    assert client.submit(same, "you", ["gradients"]) == first
    assert client.submit(CONFIG.but(seed=1), "you") != first
    assert the_run(client, first).owner == "me"
    assert the_run(client, first).lenses == ("hidden_states", "gradients")


@pytest.mark.parametrize("status", ["running", "done", "diverged"])
def test_a_run_that_trains_or_has_ended_by_itself_is_only_shown(client: Client, status: str) -> None:
    run = client.submit(CONFIG, "me", ["hidden_states"])
    put(client, run, *dict.fromkeys(("running", status)))
    assert client.submit(CONFIG, "you", ["hidden_states"]) == run
    assert (the_run(client, run).status, the_run(client, run).owner) == (status, "me")
    assert client.store.commands() == []


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_run_that_ended_early_goes_on_for_its_owner_and_stays_theirs(client: Client, status: str) -> None:
    run = client.submit(CONFIG, "me")
    put(client, run, "running", status)
    client.store.change(run, attempts=3)
    assert client.submit(CONFIG, "you") == f"{run}-2", "who asks for another's gets one of their own"
    assert (the_run(client, run).status, the_run(client, run).owner) == (status, "me")
    with pytest.raises(ValueError, match="belongs to someone else"):
        client.delete(run, "you")
    assert client.submit(CONFIG, "me") == run
    found = the_run(client, run)
    assert (found.status, found.owner, found.attempts) == ("queued", "me", 0)
    assert the_run(client, f"{run}-2").config == found.config, "and so the same numbers"


def test_an_altered_run_is_not_what_was_asked_for(client: Client) -> None:
    first = client.submit(CONFIG, "me")
    client.set_lr(first, "me", 0.5)
    second = client.submit(CONFIG, "me")
    assert second == f"{first}-2"
    assert client.submit(CONFIG, "you") == second
    client.set_lr(second, "me", 0.5)
    assert client.submit(CONFIG, "you") == f"{first}-3"


def test_nobody_resumes_what_another_has_paused(client: Client) -> None:
    first = client.submit(CONFIG, "teacher")
    put(client, first, "running", "paused")
    assert client.submit(CONFIG, "pupil") == f"{first}-2"
    assert client.store.commands() == []
    assert client.submit(CONFIG, "teacher") == first
    assert [(command.run, command.kind) for command in client.store.commands()] == [(first, "resume")]


def test_a_lens_that_joins_late_is_filled_in(client: Client) -> None:
    run = client.submit(CONFIG, "me", ["hidden_states"])
    put(client, run, "running")
    client.store.append(run, [Draft("metrics", 11, b"")], 11)
    put(client, run, "done")
    client.submit(CONFIG, "you", ["gradients", "hidden_states"])
    assert the_run(client, run).lenses == ("hidden_states", "gradients")
    assert [(command.kind, command.value) for command in client.store.commands()] == [("fill", "gradients")]


def test_one_session_may_not_fill_the_queue(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_QUEUED", "2")
    first = client.submit(CONFIG, "me")
    client.submit(CONFIG.but(seed=1), "me")
    with pytest.raises(ValueError, match=r"2 of your runs.*allows 2"):
        client.submit(CONFIG.but(seed=2), "me")
    assert client.submit(CONFIG, "me") == first, "what is there already may be joined"
    client.submit(CONFIG.but(seed=2), "you")
    put(client, first, "running", "done")
    client.submit(CONFIG.but(seed=3), "me")


def test_what_this_host_cannot_do_is_refused_before_it_is_queued(client: Client) -> None:
    with pytest.raises(ValueError, match="steps = 900,000"):
        client.submit(CONFIG.but(steps=900_000), "me")
    with pytest.raises(ValueError, match="Unknown lens 'magic'"):
        client.submit(CONFIG, "me", ["magic"])
    assert client.store.runs() == []


# -- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("own", [False, True])
def test_inputs_and_outputs_are_those_of_the_task(task: str, own: bool) -> None:
    config = RunConfig(task=task, length=23, symbols=7)
    data = {"text": TEXT, "forecast": SUNSPOTS.to_text()}.get(task) if own else None
    named = config.but(data=digest(data)) if data else config
    built = make_task(named, data)
    assert training_inputs(config, data) == (built.inputs, built.outputs)


def test_the_default_text_is_part_of_the_run(client: Client) -> None:
    config = RunConfig(task="text", length=23, width=5, batch=3, steps=11)
    run = the_run(client, client.submit(config, "me"))
    assert run.id == config.run_id(config.problem.digest)
    assert run.config.data == ""
    assert client.store.text(run.data) == default_text()
    assert client.text(run.data, "me") is None, "nobody's own"


def test_an_own_text_is_normalised_kept_and_found_again_by_its_hash(client: Client) -> None:
    config = RunConfig(task="text", length=23, width=5, batch=3, steps=11)
    run = the_run(client, client.submit(config, "me", data=TEXT.replace("\n", "\r\n"), name="a\n" + "b" * 80, how="-x"))
    assert run.meta == {"data_name": "a " + "b" * 57 + "…", "data_how": "-x"}
    assert the_run(client, client.submit(CONFIG.but(seed=9), "you", name="none")).meta == {}
    assert run.config.data == run.data == digest(TEXT)
    assert client.text(run.data, "me") == TEXT
    assert client.submit(config.but(data=digest(TEXT)), "me") == run.id
    assert client.submit(config, "me", data=TEXT) == run.id


def test_data_that_is_not_here_or_not_fit_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(task="text", length=23, width=5, batch=3, steps=11)
    with pytest.raises(ValueError, match="not here"):
        client.submit(config.but(data="0" * 64), "me")
    with pytest.raises(ValueError, match="another text or series"):
        client.submit(config.but(data="0" * 64), "me", data=TEXT)
    with pytest.raises(ValueError, match="characters"):
        client.submit(config, "me", data="too short")
    with pytest.raises(ValueError, match="surrogate"):
        client.submit(config, "me", data=TEXT + "\ud83d")
    with pytest.raises(ValueError, match="length"):
        client.submit(config.but(length=900), "me", data=TEXT)
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "999")
    with pytest.raises(ValueError, match="999"):
        client.submit(config, "me", data=TEXT)
    assert client.store.runs() == []


# -- steering ---------------------------------------------------------------------------------


STEERING: dict[str, Callable[[Client, str, str], None]] = {
    "pause": Client.pause,
    "resume": Client.resume,
    "step": Client.step_once,
    "stop": Client.stop,
    "lr": lambda client, run, owner: client.set_lr(run, owner, 0.25),
}


@pytest.mark.parametrize("kind", STEERING)
def test_the_owner_steers_and_nobody_else(client: Client, kind: str) -> None:
    run = client.submit(CONFIG, "me")
    put(client, run, "running")
    with pytest.raises(ValueError, match="someone else"):
        STEERING[kind](client, run, "you")
    assert client.store.commands() == []
    assert not the_run(client, run).altered
    STEERING[kind](client, run, "me")
    (command,) = client.store.commands()
    assert (command.run, command.kind, command.value) == (run, kind, "0.25" if kind == "lr" else "")
    assert the_run(client, run).altered == (kind == "lr")


@pytest.mark.parametrize("kind", ["pause", "step", "stop", "lr"])
def test_what_has_ended_cannot_be_steered(client: Client, kind: str) -> None:
    run = client.submit(CONFIG, "me")
    put(client, run, "running", "done")
    with pytest.raises(ValueError, match="done already"):
        STEERING[kind](client, run, "me")
    with pytest.raises(ValueError, match="no run"):
        STEERING[kind](client, "nothing", "me")


def test_a_stopped_run_is_resumed_from_the_queue(client: Client) -> None:
    run = client.submit(CONFIG, "me")
    put(client, run, "running", "stopped")
    client.resume(run, "me")
    assert the_run(client, run).status == "queued"


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf"), 99.0])
def test_a_learning_rate_that_cannot_be_is_refused(client: Client, lr: float) -> None:
    run = client.submit(CONFIG, "me")
    with pytest.raises(ValueError, match="lr = "):
        client.set_lr(run, "me", lr)
    assert client.store.commands() == []
    assert not the_run(client, run).altered


def test_an_own_run_that_does_not_train_can_be_deleted(client: Client) -> None:
    run = client.submit(CONFIG, "me")
    with pytest.raises(ValueError, match="someone else"):
        client.delete(run, "you")
    put(client, run, "running")
    with pytest.raises(ValueError, match="Stop it first"):
        client.delete(run, "me")
    put(client, run, "done")
    client.delete(run, "me")
    assert client.store.run(run) is None
    with pytest.raises(ValueError, match="no run"):
        client.delete(run, "me")


def test_a_shipped_run_is_nobodys(client: Client) -> None:
    client.store.create("lesson-a", CONFIG, owner="", pinned=True, status="done")
    for owner in ("", "me"):
        with pytest.raises(ValueError, match="ships with the project"):
            client.delete("lesson-a", owner)
        with pytest.raises(ValueError, match="someone else"):
            client.resume("lesson-a", owner)


# -- looking ----------------------------------------------------------------------------------


def recorded(client: Client) -> str:
    """A finished run with weights after 0, 3 and 11 updates, and one view."""
    run = client.submit(CONFIG, "me", ["hidden_states"])
    put(client, run, "running")
    drafts = [Draft("weights", step, b"") for step in (0, 3, 11)]
    view = Draft("view:hidden_states", 3, tape.encode_view("hidden_states", hidden(0.25)))
    client.store.append(run, [*drafts, view], 11)
    put(client, run, "done")
    return run


def answering(client: Client, reply: Callable[[Look], None]) -> threading.Thread:
    """A worker that replies to one look."""

    def work() -> None:
        assert client.store.wait_until(lambda: bool(client.store.waiting_looks()), 30)
        reply(client.store.waiting_looks()[0])

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_moment_before_is_found(client: Client) -> None:
    run = recorded(client)
    assert client.snapshots(run) == [0, 3, 11]
    assert [client.snapshot_before(run, step) for step in (0, 2, 3, 10, 11, 99)] == [0, 0, 3, 3, 11, 11]
    client.store.create("empty", CONFIG, owner="me")
    with pytest.raises(ValueError, match="Nothing of this run is recorded yet"):
        client.snapshot_before("empty", 5)


def test_a_view_on_the_tape_needs_no_worker(client: Client) -> None:
    record = client.look(recorded(client), 7, "hidden_states")
    np.testing.assert_array_equal(record.states, hidden(0.25).states)
    assert client.store.waiting_looks() == []


def test_the_worker_answers_once_for_the_same_question(client: Client) -> None:
    run = recorded(client)
    asked: list[Look] = []

    def reply(look: Look) -> None:
        asked.append(look)
        client.store.answer(look.id, look.step, tape.encode_view("hidden_states", hidden(0.75)))

    thread = answering(client, reply)
    for step in (12, 11):
        record = client.look(run, step, "hidden_states", "0.5* 0.1 0.5*", timeout=30)
        np.testing.assert_array_equal(record.states, hidden(0.75).states)
    thread.join()
    assert [(look.run, look.step, look.lens, look.input) for look in asked] == [
        (run, 11, "hidden_states", "0.5* 0.1 0.5*")
    ]
    with pytest.raises(TimeoutError):
        client.look(run, 11, "hidden_states", "0.5* 0.1 0.6*", timeout=0.01)


def test_the_latest_moment_of_a_run_that_trains_is_the_workers_to_say(client: Client) -> None:
    run = client.submit(CONFIG, "me")
    put(client, run, "running")
    body = tape.encode_view("hidden_states", hidden())
    for step in (5, 7):
        thread = answering(client, lambda look, step=step: client.store.answer(look.id, step, body))  # type: ignore[misc]
        client.look(run, LATEST, "hidden_states", timeout=30)
        thread.join()
    put(client, run, "done")
    with pytest.raises(ValueError, match="Nothing of this run"):
        client.look(run, LATEST, "hidden_states")


def test_a_question_without_an_answer_says_why(client: Client) -> None:
    run = recorded(client)
    thread = answering(client, lambda look: client.store.refuse(look.id, "No such symbol. Use A to C."))
    with pytest.raises(ValueError, match=r"No such symbol\. Use A to C\."):
        client.look(run, 11, "hidden_states", "Z", timeout=30)
    thread.join()
    with pytest.raises(TimeoutError, match=r"worker is busy or starting"):
        client.look(run, 11, "hidden_states", "Z", timeout=0.01)


def test_a_look_of_a_run_that_is_deleted_meanwhile_ends(client: Client) -> None:
    run = recorded(client)
    thread = answering(client, lambda look: client.delete(run, "me"))
    with pytest.raises(ValueError, match="deleted"):
        client.look(run, 11, "hidden_states", timeout=30)
    thread.join()


def test_a_question_that_cannot_be_is_refused_at_once(client: Client) -> None:
    run = recorded(client)
    with pytest.raises(ValueError, match="Unknown lens"):
        client.look(run, 3, "magic")
    with pytest.raises(ValueError, match="no run"):
        client.look("nothing", 3, "hidden_states")
    with pytest.raises(ValueError, match="shorter"):
        client.look(run, 3, "hidden_states", "x" * 3_000_000)
    with pytest.raises(ValueError, match="surrogate"):
        client.look(run, 3, "hidden_states", "half \ud83d")
    with pytest.raises(ValueError, match="Unknown lens"):
        client.fill(run, "magic")
    with pytest.raises(ValueError, match="no run"):
        client.fill("nothing", "hidden_states")
    assert client.store.waiting_looks() == client.store.commands() == []


def test_filling_and_watching_reach_the_worker(client: Client) -> None:
    run = recorded(client)
    client.fill(run, "gradients")
    client.store.watch(run, ["hidden_states"])
    assert [(command.run, command.kind, command.value) for command in client.store.commands()] == [
        (run, "fill", "gradients")
    ]
    assert client.store.watched() == {run: {"hidden_states"}}
    assert client.store.worker_state().pid == 0
    assert [chunk.step for chunk in client.store.chunks(run, after=0, kinds=["weights"])] == [3, 11]
