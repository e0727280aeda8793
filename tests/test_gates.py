"""Gates, time constants, tracked variables and probes, against rules and computations that share no code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.lenses.gates import LENS, look
from explainer.models import build
from explainer.tasks import make_task
from explainer.theory.variables import (
    bracket_depth,
    correlation,
    inside_quotes,
    markers_seen,
    probe,
    since_line,
    since_marker,
    since_space,
)


def test_bracket_depth_counts_what_is_open_and_never_goes_below_zero() -> None:
    assert bracket_depth(tuple(")a(b[c]d))e")).tolist() == [0, 0, 1, 1, 2, 2, 1, 1, 0, 0, 0]


def test_inside_quotes_ends_with_the_same_mark_or_the_line() -> None:
    assert inside_quotes(tuple("a'b\"c'd'x\ny")).tolist() == [0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]


def test_distances_start_anew_at_their_mark() -> None:
    assert since_marker(("0.1", "0.2*", "0.3", "0.4", "0.5*")).tolist() == [1, 0, 1, 2, 0]
    assert markers_seen(("0.1", "0.2*", "0.3", "0.4", "0.5*")).tolist() == [0, 1, 1, 1, 2]
    assert since_space(tuple("ab cd")).tolist() == [1, 2, 0, 1, 2]
    assert since_line(("a", "⏎", "b")).tolist() == [1, 0, 1]


def test_correlation_is_that_of_numpy_and_zero_where_nothing_changes() -> None:
    random = np.random.default_rng(3)
    x, units = random.normal(size=13), random.normal(size=(13, 5))
    units[:, 2] = 1.5
    found = correlation(x, units)
    for unit in (0, 1, 3, 4):
        assert found[unit] == pytest.approx(np.corrcoef(x, units[:, unit])[0, 1], abs=1e-12)
    assert found[2] == 0


def test_a_probe_tells_what_is_there_and_its_control_does_not() -> None:
    random = np.random.default_rng(5)
    states = random.normal(size=(400, 7))
    told, control = probe(states, states @ np.arange(7.0) + 3)
    assert told > 0.99
    assert control < 0.1
    assert probe(states, np.ones(400)) == (0.0, 0.0)


@pytest.mark.parametrize(("model", "names"), [("lstm", ("input", "forget", "output")), ("gru", ("reset", "update"))])
def test_the_gates_are_those_that_the_equations_give(model: str, names: tuple[str, ...]) -> None:
    config = RunConfig(task="adding", length=11, model=model, width=7, batch=3, layers=2)
    task = make_task(config)
    network = build(config, task.inputs, task.outputs)
    batch = task.batch(0, "validation")
    record = look(network, batch, task)
    assert record.gate_names == names
    assert record.gates.shape == (2, len(names), 11, 7)
    # The first time step of the first layer: the old state is zero, so only W x + b + b' is left.
    x = batch.x[0, 0]
    rnn = network.rnn
    first = rnn.weight_ih_l0 @ x + rnn.bias_ih_l0 + rnn.bias_hh_l0
    order = {"lstm": {"input": 0, "forget": 1, "output": 3}, "gru": {"reset": 0, "update": 1}}[model]
    for at, name in enumerate(names):
        rows = slice(order[name] * 7, order[name] * 7 + 7)
        np.testing.assert_allclose(record.gates[0, at, 0], torch.sigmoid(first[rows]).detach().numpy(), atol=1e-6)
    output, _ = rnn(batch.x)
    np.testing.assert_allclose(record.states, output[0].detach().numpy(), atol=1e-6)


def test_saturation_and_time_constant_follow_the_forget_gate() -> None:
    config = RunConfig(task="adding", length=11, model="lstm", width=5, batch=3)
    task = make_task(config)
    network = build(config, task.inputs, task.outputs)
    with torch.no_grad():
        for name, parameter in network.rnn.named_parameters():
            parameter.zero_()
            if name == "bias_ih_l0":
                parameter[5:10] = math.log(19.0)  # the forget gate is 0.95 whatever is read
    record = look(network, task.batch(0, "validation"), task)
    assert record.kept == pytest.approx(np.full((1, 5), 0.95), abs=1e-6)
    assert record.opened.tolist() == [[0.0, 1.0, 0.0]]
    assert record.closed.tolist() == [[0.0, 0.0, 0.0]]


def test_the_lens_suits_gated_cells_only() -> None:
    assert LENS.suits(RunConfig(model="gru"))
    assert not LENS.suits(RunConfig(model="rnn"))
