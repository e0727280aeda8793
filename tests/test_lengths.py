"""Sequences of unequal lengths: padding changes nothing of what is learnt, shown or counted, in any family and through any lens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from explainer import config as configurations
from explainer.charts.head_roles import uniform_entropy
from explainer.config import RunConfig
from explainer.families import FAMILIES
from explainer.lenses import LENSES
from explainer.lenses.fixed_points import look as fixed_points
from explainer.lenses.gates import look as gates
from explainer.lenses.heads.look import positional
from explainer.lenses.heads.record import SCORES
from explainer.models import observe
from explainer.records import to_arrays
from explainer.surgery import Surgery
from explainer.tasks import TASKS
from explainer.tasks.base import Batch, Input, together
from explainer.tasks.make import make_task
from explainer.training import Trainer
from tests.toys.evens import Evens, asked
from tests.toys.tasks import EvensProblem

T, B = 11, 6
ALONE = ("hidden_states", "layers", "jacobian", "microscope", "attention_cell")
"""Lenses that see the first sequence of a batch, and nothing else."""


@pytest.fixture(autouse=True)
def evens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task is in the registry, and a configuration may name it."""
    monkeypatch.setitem(TASKS, EvensProblem.kind, EvensProblem)
    knob = configurations.KNOBS["task"]
    monkeypatch.setattr(knob, "metadata", {**knob.metadata, "choices": tuple(TASKS)})


def config_of(model: str, **more: Any) -> RunConfig:
    return RunConfig(
        **{"task": "evens", "model": model, "length": T, "width": 12, "heads": 2, "layers": 2, "batch": B, "steps": 4}
        | more
    )


def made(config: RunConfig, padding: int = 0) -> tuple[torch.nn.Module, Evens, Batch]:
    task = make_task(config)
    assert isinstance(task, Evens)
    task.padding = padding
    torch.manual_seed(0)
    trainer = Trainer(config, None, torch.device("cpu"))
    for _ in range(4):
        trainer.advance()
    return trainer.model.double(), task, task.batch(0, split="validation")


def suiting(*names: str) -> list[tuple[str, str]]:
    """Every family and each of these lenses that it suits."""
    pairs = [(model, name) for model in FAMILIES for name in names or LENSES]
    return [
        (model, name) for model, name in pairs if LENSES[name].suits(RunConfig(model=model, layers=layers_for(name)))
    ]


def layers_for(name: str) -> int:
    return 1 if name == "fixed_points" else 2


def arrays(record: Any) -> dict[str, Any]:
    values, labels = to_arrays(record)
    return {**values, **labels}


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other[name], err_msg=name)
        else:
            assert value == other[name], name


@pytest.mark.parametrize(("model", "name"), suiting())
def test_what_stands_behind_the_ends_changes_no_record(model: str, name: str) -> None:
    config = config_of(model, layers=layers_for(name))
    network, task, batch = made(config)
    _, other_task, other = made(config, padding=2)
    assert batch.lengths is not None
    assert not torch.equal(batch.x, other.x)
    same(*(arrays(LENSES[name].look(network, each, its)) for each, its in ((batch, task), (other, other_task))))


@pytest.mark.parametrize(("model", "name"), suiting())
def test_more_padding_changes_no_record(model: str, name: str) -> None:
    config = config_of(model, layers=layers_for(name), positions="none" if model == "linear" else "alibi")
    network, task, batch = made(config)
    assert batch.lengths is not None
    wider = asked(torch.nn.functional.pad(batch.x, (0, 3), value=1), batch.lengths)
    same(*(arrays(LENSES[name].look(network, each, task)) for each in (batch, wider)))


def alone(batch: Batch) -> list[Batch]:
    """Each sequence by itself."""
    found = [batch.rows(slice(row, row + 1)) for row in range(len(batch.x))]
    assert all(each.lengths is None for each in found)
    return found


@pytest.mark.parametrize(("model", "name"), suiting(*ALONE))
def test_a_lens_of_one_sequence_sees_it_as_if_there_were_no_others(model: str, name: str) -> None:
    config = config_of(model)
    network, task, batch = made(config)
    assert batch.length_of(0) < T
    only = asked(batch.x[:1, : batch.length_of(0)], torch.tensor([batch.length_of(0)]))
    same(*(arrays(LENSES[name].look(network, each, task)) for each in (batch, only)))


@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_says_at_real_steps_what_it_says_to_the_sequence_alone(model: str) -> None:
    network, _, batch = made(config_of(model, layers=1))
    network.eval()
    with torch.no_grad():
        whole, watched = network(batch), None
        with observe(network, "output"):
            watched = network(batch)
        for row, each in enumerate(alone(batch)):
            torch.testing.assert_close(whole[row, : batch.length_of(row)], network(each)[0], rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(watched[row, : batch.length_of(row)], whole[row, : batch.length_of(row)])


@pytest.mark.parametrize("model", FAMILIES)
def test_losses_and_metrics_are_those_of_the_sequences_alone(model: str) -> None:
    trainer = Trainer(config_of(model), None, torch.device("cpu"))
    found = trainer.validate(2)
    batches = [trainer.task.batch(number, split="validation") for number in range(2)]
    with torch.no_grad():
        losses = [
            float(trainer.task.loss(trainer.model.eval()(each), each)) for batch in batches for each in alone(batch)
        ]
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)
    assert found.values["validation loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert 0 <= found.values["right classes"] <= 1


def test_scores_of_heads_are_means_over_the_queries_of_the_sequences_alone() -> None:
    network, task, batch = made(config_of("transformer"))
    whole = LENSES["attention"].look(network, batch, task)
    each = [LENSES["attention"].look(network, one, task) for one in alone(batch)]
    steps = np.array([batch.length_of(row) for row in range(B)])
    np.testing.assert_allclose(whole.weights, each[0].weights, rtol=1e-5, atol=1e-7)
    entropies = np.array([one.entropy for one in each])
    np.testing.assert_allclose(whole.entropy, np.average(entropies, axis=0, weights=steps), rtol=1e-5)
    assert whole.even == pytest.approx(np.average([uniform_entropy(count) for count in steps], weights=steps))
    assert each[0].even == 0
    previous = np.array([one.previous_token for one in each])
    np.testing.assert_allclose(whole.previous_token, np.average(previous, axis=0, weights=steps - 1), rtol=1e-5)


def test_a_biography_and_distances_are_those_of_the_sequences_alone() -> None:
    network, task, batch = made(config_of("transformer"))
    steps = np.array([batch.length_of(row) for row in range(B)])
    record = LENSES["heads"].look(network, batch, task)
    each = [LENSES["heads"].look(network, one, task) for one in alone(batch)]
    at = SCORES.index("distance")
    distances = np.array([one.scores[at] for one in each])
    np.testing.assert_allclose(record.scores[at], np.average(distances, axis=0, weights=steps), rtol=1e-5)
    assert record.loss == pytest.approx(np.mean([one.loss for one in each]))
    apart = LENSES["positions"].look(network, batch, task).distance
    found = [LENSES["positions"].look(network, one, task).distance for one in alone(batch)]
    for d in range(T - 1):
        queries = [steps[row] - d for row in range(B) if steps[row] > d]
        means = [found[row][..., d] for row in range(B) if steps[row] > d]
        np.testing.assert_allclose(apart[..., d], np.average(means, axis=0, weights=queries), rtol=1e-5)


def test_positional_is_over_the_sequences_that_have_the_query() -> None:
    weights = torch.rand(3, 2, 5, 5, dtype=torch.float64)
    real = torch.arange(5) < torch.tensor([5, 3, 4])[:, None]
    apart = torch.zeros(2, dtype=torch.float64)
    for t in range(5):
        rows = weights[real[:, t], :, t]
        apart += (rows - rows.mean(0)).abs().sum((0, 2))
    torch.testing.assert_close(positional(weights, real), 1 - apart / (2 * 12))
    everything = torch.ones(3, 5, dtype=torch.bool)
    torch.testing.assert_close(positional(weights, everything), positional(weights))


@pytest.mark.parametrize("together", [1, 4, B])
@pytest.mark.parametrize("model", [name for name, family in FAMILIES.items() if family().keeper])
def test_gates_are_means_over_real_steps(model: str, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, task, batch = made(config_of(model))
    numbers = 2 * len(task.config.network.settable) * T * 12
    monkeypatch.setattr(gates, "GATE_NUMBERS", together * numbers)
    whole = LENSES["gates"].look(network, batch, task)
    each = [LENSES["gates"].look(network, one, task) for one in alone(batch)]
    steps = [batch.length_of(row) for row in range(B)]
    for name in ("kept", "closed", "opened"):
        means = [getattr(one, name) for one in each]
        np.testing.assert_allclose(getattr(whole, name), np.average(means, axis=0, weights=steps), rtol=1e-6)
    assert whole.gates.shape[2] == len(whole.tokens) == steps[0]


def test_fixed_points_are_searched_for_from_real_states_alone() -> None:
    config = config_of("gru", layers=1)
    network, task, batch = made(config)
    visited: list[torch.Tensor] = []
    search = fixed_points.search

    def noted(cell: Any, states: torch.Tensor) -> Any:
        visited.append(states)
        return search(cell, states)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_points, "search", noted)
        LENSES["fixed_points"].look(network, batch, task)
    ones = [fixed_points.states_of(network, one)[0] for one in alone(batch)]  # type: ignore[arg-type]
    torch.testing.assert_close(visited[0], torch.cat(ones), rtol=1e-9, atol=1e-12)


def test_a_swapped_memory_is_one_of_a_sequence_that_has_got_so_far() -> None:
    network, task, batch = made(config_of("gru", layers=1))
    operate = LENSES["surgery"].operate
    assert operate is not None
    assert batch.lengths is not None
    longest = batch.rows(slice(int(batch.lengths.argmax()), None))
    step = longest.length_of(0) - 1
    assert step > min(batch.lengths.tolist())
    assert len(operate(network, longest, task, Surgery.from_text(f"swap state at {step}")).donor) == step + 1
    task.longest = 4
    with pytest.raises(ValueError, match=r"No sequence reaches t = \d+. Swap at 3 or earlier"):
        operate(network, longest, task, Surgery.from_text(f"swap state at {step}"))


# -- what a batch does ------------------------------------------------------------------------


def test_a_batch_without_lengths_is_what_it_was() -> None:
    batch = make_task(RunConfig(task="repeat", length=9, batch=3)).batch(0)
    assert batch.real is None
    assert batch.even() is batch
    assert [batch.length_of(row) for row in range(3)] == [9, 9, 9]
    assert torch.equal(batch.rows(slice(1, 3)).x, batch.x[1:3])
    assert batch.until(4).period is batch.period


def test_padding_never_counts() -> None:
    lengths = torch.tensor([2, 4, 3])
    batch = Batch(torch.zeros(3, 5).long(), torch.zeros(3, 5).long(), torch.ones(3, 5).bool(), lengths=lengths)
    assert batch.mask.sum(1).tolist() == [2, 4, 3]
    assert batch.rows(slice(0, 1)).x.shape == (1, 2)
    assert batch.rows(slice(0, 3)).x.shape == (3, 4)
    even = batch.even()
    assert (even.lengths, even.x.shape) == (None, (2, 3))
    assert torch.equal(even.x, batch.x[1:, :3])
    cut = batch.until(3)
    assert cut.lengths is not None
    assert cut.lengths.tolist() == [2, 3, 3]


def test_batches_of_other_widths_are_read_together() -> None:
    one, other = (
        Input(torch.ones(2, 3, 2), source=Input(torch.ones(2, 4))),
        Input(torch.ones(1, 5, 2), lengths=torch.tensor([4]), source=Input(torch.ones(1, 2))),
    )
    found = together([one, other])
    assert found.x.shape == (3, 5, 2)
    assert found.lengths is not None
    assert found.lengths.tolist() == [3, 3, 4]
    assert found.source is not None
    assert found.source.lengths is not None
    assert found.source.lengths.tolist() == [4, 4, 2]
    assert together([one]).lengths is None


def test_tied_embeddings_need_one_vocabulary() -> None:
    with pytest.raises(ValueError, match="says none of the tokens that it reads"):
        config_of("transformer", tied=True)
