"""The charts and sentences of the memory horizon, by value and at their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from explainer.lenses.reach.panels import (
    NO_GRADIENT,
    Memory,
    accuracy_panel,
    accuracy_reading,
    page_panels,
    reach_panel,
    reach_reading,
    trained_panel,
    trained_reading,
)
from explainer.lenses.reach.record import ReachRecord


def decaying(factor: float, length: int) -> ReachRecord:
    return ReachRecord(factor ** np.arange(float(length))[::-1], length - 1)


def memory(model: str, length: int, score: float, first: float = 0.5, last: float = 1.0) -> Memory:
    return Memory(model, length, length - 3.0, score, decaying(first, length), decaying(last, length))


FOUR = [
    memory("rnn", 13, 0.9, 0.5),
    memory("gru", 13, 0.99, 0.6),
    memory("rnn", 31, 0.1, 0.5, 0.4),
    memory("gru", 31, 0.98, 0.6),
]
REACH_RNN, REACH_GRU = math.log(0.01) / math.log(0.5), math.log(0.01) / math.log(0.6)


def test_the_reading_names_the_farthest_lag_of_each_network_and_its_horizon() -> None:
    assert accuracy_reading(FOUR, 0.0) == (
        "Tried up to T = 31 (lag 28): GRU learnt up to T = 31 (lag 28); RNN (tanh) learnt up to T = 13 (lag 10). Before training the gradient "
        f"fell under 1% of itself after so many steps: RNN (tanh) {REACH_RNN:.1f}, GRU {REACH_GRU:.1f}."
    )


def test_learnt_is_more_than_half_way_from_the_baseline() -> None:
    run = [memory("rnn", 13, 0.55)]
    assert "learnt up to T = 13 (lag 10)" in accuracy_reading(run, 0.0)
    assert "learnt none of them" in accuracy_reading(run, 0.125)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((0.9, 0.1, 0.9), "learnt up to T = 10 (lag 7), and again T = 40 (lag 37)"),
        (
            (0.9, 0.1, 0.9, 0.2, 0.9, 0.8),
            "learnt up to T = 10 (lag 7), and again T = 40 (lag 37), T = 70 (lag 67) and T = 85 (lag 82)",
        ),
        ((0.1, 0.9, 0.9), "learnt not the shortest, but T = 25 (lag 22) and T = 40 (lag 37)"),
        ((0.9, math.nan, 0.9), "learnt up to T = 10 (lag 7), and again T = 40 (lag 37)"),
        ((0.9, 0.9, 0.1), "learnt up to T = 25 (lag 22)"),
        ((0.9, 0.9, 0.9), "learnt up to T = 40 (lag 37)"),
        ((0.1, -math.inf, 0.1), "learnt none of them"),
    ],
)
def test_a_network_learnt_up_to_the_lag_before_the_first_that_it_did_not(scores: tuple[float, ...], said: str) -> None:
    runs = [memory("rnn", 10 + 15 * at, score) for at, score in enumerate(scores)]
    for shuffled in (runs, runs[::-1]):
        assert f"RNN (tanh) {said}." in accuracy_reading(shuffled, 0.0)


def test_who_learnt_without_a_gap_comes_first() -> None:
    runs = [memory("rnn", 10 + 15 * at, score) for at, score in enumerate((0.9, 0.1, 0.9))]
    runs += [memory("gru", 10 + 15 * at, score) for at, score in enumerate((0.9, 0.9, 0.1))]
    assert (
        "GRU learnt up to T = 25 (lag 22); RNN (tanh) learnt up to T = 10 (lag 7), and again T = 40 (lag 37)."
        in accuracy_reading(runs, 0.0)
    )


def test_runs_that_have_not_ended_are_not_drawn_and_not_spoken_of() -> None:
    some = [*FOUR[:2], Memory("rnn", 31, 28.0, math.nan), Memory("lstm", 31, 28.0, math.nan)]
    said = accuracy_reading(some, 0.0)
    assert said.startswith(
        "Tried up to T = 13 (lag 10): RNN (tanh) learnt up to T = 13 (lag 10); GRU learnt up to T = 13 (lag 10). Before"
    )
    assert "LSTM" not in said
    traces = accuracy_panel(some, "light", "score", 0.0, "none").figure["data"]
    assert [trace["x"] for trace in traces if trace["name"] == "LSTM"] == [[]]
    assert [trace["x"] for trace in traces if trace["name"] == "RNN (tanh)"] == [[10.0]]


def test_before_anything_has_ended_there_is_a_sentence() -> None:
    none = [Memory("rnn", 31, 28.0, math.nan)]
    assert accuracy_reading(none, 0.0) == trained_reading(none, 0.0) == "No run has ended yet."
    assert reach_reading(none) == "Nobody has looked at the gradient yet."
    for panel in page_panels(none, "dark", "score", 0.0, "none"):
        assert panel.reading


def test_the_horizon_stands_where_the_gradient_crosses_one_percent() -> None:
    traces = accuracy_panel(FOUR, "light", "score", 0.0, "none").figure["data"]
    upright = [trace["x"] for trace in traces if trace["name"] == "its gradient at the start"]
    np.testing.assert_allclose(upright, [[REACH_RNN] * 2, [REACH_GRU] * 2])
    crossings = [trace["x"][0] for trace in reach_panel(FOUR, "light").figure["data"] if trace["mode"] == "markers"]
    np.testing.assert_allclose(crossings, [REACH_RNN, math.log(0.01) / math.log(0.4), REACH_GRU])


def test_a_gradient_that_never_fades_has_no_upright_line() -> None:
    run = [memory("gru", 13, 0.9, first=1.0)]
    traces = accuracy_panel(run, "light", "score", 0.0, "none").figure["data"]
    assert [trace["name"] for trace in traces] == ["GRU"]
    assert "GRU never" in accuracy_reading(run, 0.0)


def test_the_reach_reading_has_both_ends_of_the_longest_sequence() -> None:
    assert reach_reading(FOUR) == (
        f"Steps back until it is under 1%: RNN (tanh) {REACH_RNN:.1f} before training, {math.log(0.01) / math.log(0.4):.1f} after "
        f"(T = 31); GRU {REACH_GRU:.1f} before training, never after (T = 31)."
    )


def test_the_last_reading_counts_who_learnt_among_those_whose_gradient_reaches() -> None:
    assert trained_reading(FOUR, 0.0) == (
        "Learnt: 3 of 3 runs whose gradient reaches the lag, and 0 of 1 run whose gradient does not."
    )
    assert trained_reading(FOUR[:2], 0.0) == "Learnt: 2 of 2 runs whose gradient reaches the lag."
    assert trained_reading(FOUR[2:3], 0.0) == "Learnt: 0 of 1 run whose gradient does not."


def test_a_horizon_beyond_the_sequence_is_drawn_at_its_end_and_said_in_words() -> None:
    _, rnn, gru = trained_panel(FOUR, "light", 0.0).figure["data"]
    assert gru["y"] == [12, 30]
    assert gru["text"] == ["the whole sequence"] * 2
    assert rnn["y"] == [12, pytest.approx(math.log(0.01) / math.log(0.4))]
    assert rnn["marker"]["symbol"] == ["square", "square-open"]


def test_networks_are_told_apart_without_colour() -> None:
    every = [memory(model, 13, 0.9) for model in ("rnn", "rnn_relu", "lstm", "gru", "transformer")]
    traces = accuracy_panel(every, "light", "score", 0.0, "none").figure["data"]
    symbols = [trace["marker"]["symbol"] for trace in traces if trace.get("showlegend", True)]
    assert len(set(symbols)) == 5
    assert len(trained_panel(every, "light", 0.0).figure["data"]) == 6


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_gradients_that_are_no_numbers_leave_gaps(value: float) -> None:
    bad = ReachRecord(np.array([value, value, value]), 2)
    run = [Memory("rnn", 3, 2.0, -3.0, bad, bad)]
    for panel in page_panels(run, "light", "score", 0.0, "none"):
        assert panel.reading
    assert reach_reading(run) == trained_reading(run, 0.0) == NO_GRADIENT
    assert "RNN (tanh) learnt none of them" in accuracy_reading(run, 0.0)
    assert accuracy_panel(run, "light", "score", 0.0, "none").figure["layout"]["yaxis"]["range"][0] == -0.55
