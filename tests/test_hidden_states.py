"""What is said below the figures of hidden states, gates and losses, by value and at the extremes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Reel, fill
from explainer.lenses.gates.notes import (
    gate_reading,
    memory_reading,
    probe_reading,
    time_constants,
    tracking_reading,
    with_error,
)
from explainer.lenses.gates.record import GatesRecord
from explainer.lenses.hidden_states.notes import judged_reading, notes, output_reading, path_reading, states_reading
from explainer.lenses.hidden_states.panels import output_panel
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.player.annotate import joined
from explainer.records import from_arrays, to_arrays
from explainer.runs.tape import decode_view, encode_view

STATES = np.array(
    [[0.5, -0.25, 0.0], [0.5, 0.25, 0.1], [0.5, -0.96, 0.0], [0.5, 0.0, 0.0], [0.99, 0.0, 0.0]], np.float32
)


def test_the_states_are_told_by_their_extremes_and_the_units_by_their_moves() -> None:
    assert states_reading(STATES) == (
        "h is smallest in unit 1 (-0.96 at t = 2) and largest in unit 0 (0.99 at t = 4); unit 1 moves most (from -0.96 to 0.25), "
        "unit 2 least; 13% of the values are beyond ±0.95."
    )
    assert states_reading(STATES[:, 1:2]).startswith(
        "h is smallest in unit 0 (-0.96 at t = 2) and largest in unit 0 (0.25 at t = 1)"
    )
    assert "least" not in states_reading(STATES[:, 1:2])
    assert states_reading(STATES[:1]) == (
        "h is smallest in unit 1 (-0.25 at t = 0) and largest in unit 0 (0.50 at t = 0); 0% of the values are beyond ±0.95."
    )
    assert states_reading(np.zeros((5, 3), np.float32)) == "All 3 × 5 hidden values are 0."
    broken = STATES.copy()
    broken[2] = np.nan
    assert states_reading(broken) == "20% of the 3 × 5 hidden values are not finite numbers."


def test_the_path_is_told_by_its_strides() -> None:
    path = np.array([[0, 0], [3, 4], [3, 4.5], [3, 5.5]], np.float32)
    assert (
        path_reading(path)
        == "The longest stride, 5, is the one to t = 1, the shortest, 0.5, the one to t = 2; the median is 1."
    )
    assert path_reading(path[:2]) == "The longest stride, 5, is the one to t = 1, the only one."
    assert path_reading(path[:1]) == "One time step has no path."
    assert path_reading(np.ones((4, 2), np.float32)) == "The state does not move."
    assert path_reading(np.full((4, 2), np.inf, np.float32)) == "The state is not finite, so it has no path."


def numbers(output: list[float], target: list[float], mask: list[bool]) -> HiddenStatesRecord:
    T = len(output)
    none = np.empty(0, np.float32)
    return HiddenStatesRecord(
        states=np.zeros((1, T, 2), np.float32), tokens=("0",) * T, mask=np.array(mask), targets=("0",) * T, guesses=(), certainty=none,
        right=none, output=np.array(output, np.float32), target=np.array(target, np.float32),
    )  # fmt: skip


def test_the_output_is_told_where_it_counts() -> None:
    every = numbers([1, 2, 3, 4], [1, 0, 3.5, 8], [True, True, True, False])
    assert judged_reading(every) == (
        "Over the 3 positions that count, the error is 1.19 (root mean square); largest at t = 1, smallest at t = 0."
    )
    one = replace(every, mask=np.array([False, False, False, True]))
    assert judged_reading(one) == "At t = 3, where it counts, the output is 4.000 and the target 8.000."
    assert judged_reading(replace(every, mask=np.zeros(4, bool))) == "No position of this sequence counts in the loss."
    assert output_reading(numbers([1, np.nan], [1, 1], [True, True]), {}) == "What the network says is not finite."


def test_a_guess_is_told_by_how_often_and_how_surely_it_is_right() -> None:
    none = np.empty(0, np.float32)
    record = HiddenStatesRecord(
        states=np.zeros((1, 3, 2), np.float32), tokens=tuple("abc"), mask=np.array([False, True, True]), targets=tuple("bca"),
        guesses=tuple("bcb"), certainty=np.full(3, 0.5, np.float32), right=np.array([0.9, 0.75, 0.25], np.float32), output=none, target=none,
    )  # fmt: skip
    assert judged_reading(record) == (
        "The likeliest token is right at 50% of the 2 positions that count; the right token gets probability 0.50 on average, "
        "from 0.25 at t = 2 to 0.75 at t = 1."
    )


def test_a_forecast_is_told_first_in_the_units_of_the_data() -> None:
    run = {"task": "forecast", "unit": "sunspots"}
    record = replace(
        numbers([1, 2, 23.14], [2, 4, np.nan], [True, True, False]), tokens=("12", "20.7", "17.9"), targets=("", "", "")
    )
    assert output_reading(record, run) == (
        "After 20.7, 17.9 the network forecasts 23.1 sunspots. "
        "Over the 2 positions that count, the error is 1.58 sunspots (root mean square); largest at t = 1, smallest at t = 0."
    )
    known = replace(record, target=np.array([2, 4, 8], np.float32))  # as in a validation window
    assert "forecasts" not in output_reading(known, run)
    assert "forecasts 23.1." in output_reading(record, {"task": "forecast"})


def test_targets_that_were_filled_in_are_marked_and_told() -> None:
    record = replace(
        numbers([1, 2, 23.14], [2, 4, 8], [False, False, True]),
        filled=np.array([True, False, True]),
        tokens=tuple("123"),
    )
    run = {"task": "forecast", "model": "gru", "layers": 1, "says_tokens": False, "filled": 3}
    seen = notes(record, Moment(run, 0))
    assert output_reading(record, run).endswith(
        "the target 8.000. 2 of the 3 targets were filled in, not measured (×), 1 of them where it counts."
    )
    (_, _, marks) = fill(output_panel(run, "light"), [Reel({"hidden_states": [joined(0, record, seen)]})], 0)["data"]
    assert (marks["name"], marks["x"], marks["y"]) == ("filled in", [0, 2], [2.0, 8.0])
    assert len(output_panel({**run, "filled": 0}, "light").figure["data"]) == 2
    older = decode_view("hidden_states", encode_view("hidden_states", replace(record, filled=np.zeros(0, bool))))
    assert "filled in" not in output_reading(older, run)


def test_a_view_of_before_series_had_filled_values_is_read() -> None:
    arrays, text = to_arrays(numbers([1, 2, 3], [2, 4, 8], [True, True, True]))
    del arrays["filled"]
    assert from_arrays(HiddenStatesRecord, arrays, text).filled.shape == (0,)


def test_the_next_token_is_told_with_its_probability() -> None:
    none = np.empty(0, np.float32)
    record = HiddenStatesRecord(
        states=np.zeros((1, 3, 2), np.float32), tokens=tuple("abc"), mask=np.array([True, True, False]), targets=("b", "c", ""),
        guesses=tuple("bcd"), certainty=np.array([0.9, 0.75, 0.625], np.float32), right=np.array([0.9, 0.75, np.nan], np.float32),
        output=none, target=none,
    )  # fmt: skip
    assert output_reading(record, {"task": "text"}).startswith(
        "After “abc” the network takes “d” for the likeliest next character, with probability 0.62. The likeliest token is right at 100%"
    )
    assert output_reading(record, {"task": "repeat"}).startswith(
        "After a b c the network takes “d” for the likeliest next symbol"
    )
    lost = replace(record, certainty=np.full(3, np.nan, np.float32))
    assert output_reading(lost, {"task": "text"}) == "What the network says is not finite."


def gates(values: np.ndarray, probes: list[float], correlations: list[list[float]]) -> GatesRecord:
    T, N = values.shape
    Q = len(probes)
    return GatesRecord(
        gates=values[None, None].astype(np.float32), gate_names=("update",), kept=values.mean(axis=0)[None].astype(np.float32),
        closed=np.array([[0.25]]), opened=np.array([[0.5]]), states=np.zeros((T, N), np.float32), tokens=("a",) * T,
        variables=tuple("xyz"[:Q]), values=np.zeros((Q, T), np.float32), sequences=29,
        correlations=np.array(correlations, np.float32), correlation_errors=np.full(Q, 0.0625, np.float32),
        untrained_correlations=np.full(Q, 0.375, np.float32), chance_correlations=np.full(Q, 0.125, np.float32),
        probes=np.array(probes, np.float32), probe_errors=np.full(Q, 0.03125, np.float32),
        untrained=np.full(Q, 0.5, np.float32), gain_errors=np.full(Q, 0.0625, np.float32),
        controls=np.array([-0.125] * Q, np.float32),
    )  # fmt: skip


def test_a_gate_is_told_by_its_mean_its_extremes_and_how_much_is_saturated() -> None:
    record = gates(np.array([[0.5, 0.75], [0.25, 1.0]]), [0.5], [[0.0, 0.0]])
    assert gate_reading(record, 0, 0) == (
        "The update gate is 0.62 open on average, most in unit 1 (0.88) and least in unit 0 (0.38); over the batch 25% of its values "
        "are below 0.1 and 50% above 0.9."
    )
    even = gates(np.full((3, 2), 0.5), [0.5], [[0.0, 0.0]])
    assert gate_reading(even, 0, 0).startswith("The update gate is 0.50 open on average; over the batch")
    broken = gates(np.array([[0.5, np.nan]]), [0.5], [[0.0, 0.0]])
    assert gate_reading(broken, 0, 0) == "The update gate is not a finite number everywhere."


def test_a_time_constant_is_that_after_which_one_e_th_is_left() -> None:
    kept = np.array([np.exp(-1 / 8), np.exp(-1 / 2), 0.0, 1.0], np.float32)
    assert time_constants(kept)[:2] == pytest.approx([8, 2], rel=1e-5)
    assert (
        memory_reading(np.array([8.0, 2.0, 4.0]))
        == "Unit 0 remembers longest, 8 steps; the median is 4, the shortest 2."
    )
    assert memory_reading(np.array([8.0])) == "The one unit remembers for 8 steps."
    assert memory_reading(time_constants(kept)).startswith("Unit 3 remembers longest, more than 10,000 steps;")
    always = time_constants(np.array([1.0, 1.0, 1.0, 0.5], np.float32))
    assert memory_reading(always) == (
        "Unit 0 remembers longest, more than 10,000 steps; the median is more than 10,000, the shortest 1.44."
    )
    assert memory_reading(always[:2]) == "All 2 units remember for more than 10,000 steps."
    assert memory_reading(np.array([1.0, 0.004, 1234.5])) == (
        "Unit 2 remembers longest, 1,234 steps; the median is 1, the shortest less than 0.1."
    )
    assert memory_reading(np.array([1.0])) == "The one unit remembers for 1 step."
    assert memory_reading(np.array([np.nan, 1.0])) == "The gates are not finite, so there is no time constant."


def test_what_is_tracked_and_what_can_be_read_is_told_with_its_control() -> None:
    nan = float("nan")
    record = gates(np.full((3, 2), 0.5), [0.25, 0.875, nan], [[0.5, -0.75], [0.0, 0.0], [nan, nan]])
    assert tracking_reading(record, 0) == (
        "Unit 1 follows “x” best, with a correlation of -0.75 ± 0.06 over 29 sequences. For comparison, without the "
        "sign: 0.38 for the best unit of the untrained network, 0.12 for the best unit here with the values of another sequence."
    )
    assert tracking_reading(record, 1) == "Nothing follows “y”: it does not change in 29 sequences, or no unit does."
    assert tracking_reading(record, 2) == "The states are not finite numbers, so no unit follows “z”."
    assert probe_reading(record, 0) == (
        "The readout tells “x” with R² 0.25 ± 0.03 on sequences that it was not fitted on; its control, with the values of another "
        "sequence, has -0.12. "
        "Training took from it (0.50 untrained, -0.25 ± 0.06)."
    )
    assert probe_reading(record, 1).endswith("Training added to it (0.50 untrained, +0.38 ± 0.06).")
    assert probe_reading(record, 2) == "The states are not finite numbers, so “z” can’t be read from them."
    alike = replace(record, chance_correlations=np.full(3, nan), controls=np.full(3, nan), probes=np.full(3, 0.625))
    assert tracking_reading(alike, 0).endswith("0.38 for the best unit of the untrained network.")
    assert probe_reading(alike, 0) == (
        "The readout tells “x” with R² 0.62 ± 0.03 on sequences that it was not fitted on; there is no control, for it is the same in "
        "every sequence. Training did not change that by more than chance would (0.50 untrained, +0.12 ± 0.06)."
    )
    constant = replace(record, probes=np.full(3, nan))
    assert probe_reading(constant, 0) == "“x” does not change in 29 sequences, so there is nothing to read."
    first = replace(record, untrained=record.probes, gain_errors=np.zeros(3))
    assert probe_reading(first, 0).endswith("has -0.12. The untrained network’s is the same.")
    few = replace(record, sequences=1, correlation_errors=np.full(3, nan))
    assert probe_reading(few, 0).startswith("The data has only 1 sequence that shares nothing with another, too few")
    assert "correlation of -0.75 over 1 sequence. " in tracking_reading(few, 0)


def test_a_score_has_as_many_digits_as_its_error_leaves_sense() -> None:
    assert with_error(0.3149, 0.041) == "0.31 ± 0.04"
    assert with_error(0.97749, 0.0014) == "0.977 ± 0.001"
    assert with_error(-0.0004, 1e-9, "+") == "+0.000 ± 0.001"
    assert with_error(-0.004, 0.02) == "0.00 ± 0.02"
    assert with_error(-0.75, float("nan"), "+") == "-0.75"


def test_the_loss_is_told_with_its_trend_and_the_baseline() -> None:
    meta = {"model": "gru", "loss_baseline": 1 / 6, "loss_baseline_name": "always answering 1"}
    metrics = {
        "step": np.array([1, 2, 3, 4]),
        "loss": np.array([2.0, 0.5, 0.25, 4.0]),
        "validation loss:step": np.array([2, 4]),
        "validation loss": np.array([0.75, 0.75]),
    }
    assert loss_reading(Moment(meta, 3, metrics)) == (
        "GRU, step 3: training loss 0.25, down from 2 at step 1; validation loss 0.75 at step 2. "
        "That is above the 0.167 of always answering 1."
    )
    assert loss_reading(Moment(meta, 4, metrics), "GRU, 2 layers") == (
        "GRU, 2 layers, step 4: training loss 4, up from 2 at step 1; validation loss 0.75 at step 4 "
        "(lowest: 0.75 at step 2). That is above the 0.167 of always answering 1."
    )
    assert loss_reading(Moment(meta, 1, metrics)) == "GRU, step 1: training loss 2."
    assert loss_reading(Moment(meta, 0, metrics)) == "GRU: no step taken yet."
    broken = metrics | {"loss": np.array([2.0, np.nan, np.nan, np.nan])}
    assert loss_reading(Moment({"model": "gru"}, 2, broken)) == (
        "GRU, step 2: training loss not a finite number; validation loss 0.75 at step 2."
    )
