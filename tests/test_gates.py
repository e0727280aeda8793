"""Gates, time constants, tracked variables and probes, against rules and computations that share no code."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from explainer.charts.panel import Moment, Reel, fill
from explainer.config import RunConfig
from explainer.lenses.gates import LENS
from explainer.lenses.gates.look import look
from explainer.lenses.gates.notes import gate_reading, notes, text_columns
from explainer.lenses.gates.panels import tracking_panel
from explainer.lenses.gates.record import GatesRecord
from explainer.models import build
from explainer.player.annotate import joined
from explainer.tasks.make import make_task
from explainer.theory.variables import (
    bracket_depth,
    inside_quotes,
    markers_seen,
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


def test_each_bit_of_a_flip_flop_is_a_variable_of_its_own() -> None:
    rules = RunConfig(task="flipflop", bits=3).problem.variables
    assert list(rules) == ["bit 1", "bit 2", "bit 3", "steps since a pulse", "position"]
    told = ("·", "+1-3", "+2", "·", "-1+3")
    assert rules["bit 1"](told).tolist() == [0, 1, 1, 1, -1]
    assert rules["bit 2"](told).tolist() == [0, 0, 1, 1, 1]
    assert rules["bit 3"](told).tolist() == [0, -1, -1, -1, 1]
    assert list(RunConfig(task="text").problem.variables) == [
        "bracket depth", "inside quotes", "characters since a blank", "characters since the line began"
    ]  # fmt: skip


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


def gates_record(**changed: object) -> GatesRecord:
    config = RunConfig(task="adding", length=19, model="gru", width=5, batch=3)
    task = make_task(config)
    record = look(build(config, task.inputs, task.outputs), task.batch(0, "validation"), task)
    return replace(record, **changed)


def moment() -> Moment:
    return Moment({"model": "gru"}, 0)


def test_a_gate_s_sentence_names_the_unit_that_is_most_open_and_the_one_that_is_least() -> None:
    gates = np.full((1, 2, 19, 5), 0.5, np.float32)
    gates[0, 1, :, 3], gates[0, 1, :, 0] = 0.9, 0.1
    record = gates_record(gates=gates, closed=np.array([[0.0, 0.25]]), opened=np.array([[0.0, 0.125]]))
    assert gate_reading(record, 0, 1) == (
        "The update gate is 0.50 open on average, most in unit 3 (0.90) and least in unit 0 (0.10); over the batch 25% of "
        "its values are below 0.1 and 12% above 0.9."
    )
    assert gate_reading(record, 0, 0).startswith("The reset gate is 0.50 open on average; over the batch")
    gates[0, 1, 3, 2] = np.nan
    assert gate_reading(record, 0, 1) == "The update gate is not a finite number everywhere."


def test_what_was_read_stands_in_rows_of_as_many_tokens_as_have_room() -> None:
    assert [text_columns(T) for T in (1, 3, 16, 17, 256, 257, 513)] == [1, 3, 16, 16, 16, 32, 64]
    record = gates_record()
    made = notes(record, moment())
    assert made.arrays["text_range"].tolist() == [-0.5, 15.5]
    followed, rows = made.arrays["followed"], made.arrays["followed_rows"]
    assert rows.shape == (len(record.variables), 2, 16)
    for t in range(19):
        np.testing.assert_array_equal(rows[:, t // 16, t % 16], followed[:, t])
    assert np.isnan(rows[:, 1, 3:]).all()


def test_each_word_of_what_was_read_stands_on_its_cell_dark_on_light_ones_and_white_on_dark_ones() -> None:
    record = gates_record()
    record.states[:, :] = np.linspace(-1, 1, 19)[:, None]
    panel = tracking_panel({"model": "gru"}, "light")
    figure = fill(panel, [Reel({"gates": [joined(0, record, notes(record, moment()))]})], 0, {"variable": 1})
    cells, *words = figure["data"]
    seen = []
    for trace, strong in zip(words, (False, True), strict=True):
        assert trace["text"] == list(record.tokens)
        for x, y, value in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
            if not np.isnan(y):
                seen.append(value)
                assert cells["z"][int(y)][x] == value
                assert (abs(value) >= 0.6) == strong
    assert len(seen) == 19
