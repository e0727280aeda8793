"""Going on from a kept moment with a surgery: whose weights, which forward pass, which bits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from explainer import train
from explainer.config import RunConfig
from explainer.limits import estimate
from explainer.runs import recorder, tape
from explainer.runs.client import Client
from explainer.runs.looking import Looker
from explainer.runs.store import Run, Store
from explainer.runs.workshop import Workshop
from explainer.tasks.make import make_task
from explainer.training import Trainer
from explainer.ui.run_table import branch

PARENT = RunConfig(task="adding", length=7, width=5, batch=3, steps=13)
N, UNIT = 5, 2


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("explainer.runs.workshop.POLL_SECONDS", 0.0)
    store = Store(tmp_path / "store")
    yield Client(store)
    store.close()


def work(workshop: Workshop, until: Callable[[], bool], turns: int = 2000) -> None:
    for _ in range(turns):
        if until():
            return
        workshop.turn()
    raise AssertionError("too many turns")


def trained(client: Client, config: RunConfig, owner: str = "me") -> Run:
    run = client.submit(config, owner, ["surgery"])
    work(Workshop(client.store), lambda: client.found(run).finished)
    return client.found(run)


def child_of(parent: Run, step: int = 13, **more: object) -> RunConfig:
    values = {"parent": f"{parent.id}@{step}", "surgery": f"layer 1 unit {UNIT} = 0", "steps": 29, **more}
    return replace(parent.config, **values)  # type: ignore[arg-type]


def weights(client: Client, run: str, step: int) -> tape.Arrays:
    chunk = client.store.chunk_at(run, "weights", step)
    assert chunk is not None
    return tape.decode(chunk.body)[0]


def losses(client: Client, run: str) -> np.ndarray:
    return tape.join_metrics(chunk.body for chunk in client.store.chunks(run, kinds=("metrics",)))["loss"]


def same(first: tape.Arrays, second: tape.Arrays) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_it_starts_from_the_parent_s_weights_and_repeats_bit_for_bit(client: Client) -> None:
    parent = trained(client, PARENT)
    child = trained(client, child_of(parent))
    assert (child.status, child.step, child.parent) == ("done", 29, parent.id)
    start = weights(client, parent.id, 13)
    same(weights(client, child.id, 0), start)
    trainer = Trainer(child.config)
    trainer.load_weights(start)
    expected = [trainer.advance().loss for _ in range(29)]
    np.testing.assert_array_equal(losses(client, child.id), np.float32(expected))
    same(weights(client, child.id, 29), trainer.weights())


def test_the_surgery_stays_in_every_forward_pass_of_training(client: Client) -> None:
    """Against torch's own GRU, whose weights out of the unit are zeroed before every update."""
    plain = PARENT.but(optimizer="sgd", momentum=0.0, lr=0.05, clip=0.0)
    parent = trained(client, plain)
    child = trained(client, child_of(parent))
    start = {name: torch.tensor(array) for name, array in weights(client, parent.id, 13).items()}
    rnn, readout = nn.GRU(2, N, batch_first=True), nn.Linear(N, 1)
    rnn.load_state_dict({name.removeprefix("rnn."): each for name, each in start.items() if name.startswith("rnn.")})
    readout.load_state_dict({name.removeprefix("readout."): each for name, each in start.items() if "readout" in name})
    task = make_task(plain)
    parameters = [*rnn.parameters(), *readout.parameters()]
    for number, loss in enumerate(losses(client, child.id)):
        with torch.no_grad():
            rnn.weight_hh_l0[:, UNIT] = 0
            readout.weight[:, UNIT] = 0
        batch = task.batch(number)
        found = (readout(rnn(batch.x)[0])[:, -1] - batch.y[:, -1]).square().mean()
        assert float(loss) == pytest.approx(found.item(), rel=1e-4)
        for parameter, gradient in zip(parameters, torch.autograd.grad(found, parameters), strict=True):
            parameter.data -= 0.05 * gradient
    last, first = weights(client, child.id, 29), weights(client, child.id, 0)
    np.testing.assert_array_equal(last["readout.weight"][:, UNIT], first["readout.weight"][:, UNIT])
    assert not np.array_equal(last["readout.weight"], first["readout.weight"])


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["from a checkpoint", "before the first checkpoint"])
def test_a_killed_worker_s_branch_goes_on_with_the_same_bits(
    client: Client, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(recorder, "CHECKPOINT_SECONDS", seconds)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)  # each update is seen at once, however fast they come
    monkeypatch.setattr(recorder, "FLUSH_SHARE", 0.0)
    parent = trained(client, PARENT)
    config = child_of(parent, steps=41)
    whole = Trainer(config)
    whole.load_weights(weights(client, parent.id, 13))
    expected = [whole.advance().loss for _ in range(41)]
    run = client.submit(config, "me")
    killed = Workshop(client.store)
    work(killed, lambda: client.found(run).step >= 17)
    assert (client.store.checkpoint(run) is None) == (seconds > 1)
    client.store.delete(parent.id)  # its own step 0 has all that it needs
    work(Workshop(client.store), lambda: client.found(run).finished)
    assert client.found(run).status == "done", client.found(run).message
    np.testing.assert_array_equal(losses(client, run), np.float32(expected))
    same(weights(client, run, 41), whole.weights())


def test_every_look_at_it_shows_the_operated_network(client: Client) -> None:
    child = trained(client, child_of(trained(client, PARENT)))
    looker = Looker(client.store, lambda run: None)
    states = looker.record(child, 29, "hidden_states").states
    assert not states[0, :, UNIT].any()
    assert states[0].any(axis=0).sum() == N - 1
    record = looker.record(child, 29, "surgery")
    assert record.effects[UNIT] == 0, "what is off already is not missed"
    jacobian = looker.record(child, 29, "jacobian")
    assert jacobian.singular.shape[1] == N
    smallest = jacobian.singular[:, -1]
    assert (smallest[np.isfinite(smallest)] < 1e-15).all(), "a held unit passes nothing on"
    assert np.isfinite(smallest).any()


def test_a_surgery_comes_on_top_of_the_run_s_own(client: Client) -> None:
    child = trained(client, child_of(trained(client, PARENT)))
    looker = Looker(client.store, lambda run: None)
    other = looker.record(child, 29, "surgery", "", "layer 1 unit 0 = 0")
    looked = [looker.record(child, 29, "surgery", "", f"layer 1 unit {unit} = 0") for unit in (UNIT, 0)]
    assert looked[0].operated_loss == looked[0].loss
    assert looked[1].operated_loss == other.operated_loss != other.loss


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parent": "nobody@13"}, "not here"),
        ({"width": 7, "surgery": ""}, "width = 7, and the run to go on from has 5"),
        ({"model": "rnn"}, "model = 'rnn'"),
        ({"task": "forecast"}, "task = 'forecast'"),
    ],
)
def test_another_network_s_weights_are_refused(client: Client, change: dict[str, object], said: str) -> None:
    parent = trained(client, PARENT)
    with pytest.raises(ValueError, match=said):
        client.submit(replace(child_of(parent), **change), "me")  # type: ignore[arg-type]


def test_a_moment_that_was_not_kept_is_refused(client: Client) -> None:
    parent = trained(client, PARENT)
    with pytest.raises(ValueError, match=f"run {parent.id} at step 99 are not here"):
        client.submit(child_of(parent, 99), "me")


def test_a_parent_that_is_gone_before_it_began_ends_it_with_a_sentence(client: Client) -> None:
    parent = trained(client, PARENT)
    run = client.submit(child_of(parent), "me")
    client.store.delete(parent.id)
    work(Workshop(client.store), lambda: client.found(run).finished)
    assert client.found(run).status == "failed"
    assert "are not here (any more)" in client.found(run).message


def test_what_only_a_store_has_is_not_trained_without_one() -> None:
    with pytest.raises(ValueError, match="which are in a store"):
        next(train(PARENT.but(parent="lesson-hidden@700")))


def test_an_operated_network_is_expected_to_take_longer_and_more() -> None:
    for config, surgery in (
        (PARENT, "layer 1 unit 0 = 0"),
        (RunConfig(model="transformer", task="repeat", layers=2), "layer 1 head 1 off"),
    ):
        whole, operated = estimate(config, 2, 1), estimate(config.but(surgery=surgery), 2, 1)
        assert operated.seconds > whole.seconds
        assert operated.memory_mb > whole.memory_mb
        assert operated.parameters == whole.parameters


def test_a_run_says_whose_weights_it_goes_on_from() -> None:
    config = PARENT.but(parent="lesson-hidden@700", surgery="layer 1 unit 2 = 0")
    assert branch(config) == "goes on from lesson-hidden at step 700 with layer 1 unit 2 = 0"
    assert branch(PARENT) == ""
