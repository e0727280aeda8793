"""Comparing runs: labels, differences, curves, and sentences whose numbers are right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from explainer.charts.compare import (
    DASHES,
    MOST_POINTS,
    compare_panel,
    differing,
    labels,
    loss_reading,
    metric_panel,
    metric_reading,
    thinned,
    value_at,
)
from explainer.charts.panel import Panel, fill, reading_at
from explainer.charts.subject import subject
from explainer.charts.theme import FAMILY_COLOURS
from explainer.config import RunConfig

GRU = RunConfig(task="adding", model="gru", width=13, lr=5e-3, steps=7)
LSTM = GRU.but(model="lstm")
META = {"metric": "mean squared error of the sum", "baseline": 1 / 6, "baseline_name": "always answering 1"}


def seen(config: RunConfig, label: str, **meta: Any) -> dict[str, Any]:
    return {**subject(config, {**META, **meta}), "label": label}


def tape(losses: list[float], validation: Mapping[int, float] | None = None, **more: list[float]) -> dict[str, Any]:
    """Metrics as a tape has them: losses from step 1, validation losses by step, other metrics at those steps."""
    metrics: dict[str, Any] = {
        "step": np.arange(1, len(losses) + 1, dtype=np.int32),
        "loss": np.array(losses, np.float32),
    }
    if validation:
        steps = np.array(list(validation), np.int32)
        metrics |= {"validation loss": np.array(list(validation.values()), np.float32), "validation loss:step": steps}
        for name, values in more.items():
            metrics |= {name: np.array(values, np.float32), f"{name}:step": steps}
    return metrics


def drawn(panel: Panel) -> go.Figure:
    """The panel as plotly accepts it and as a browser can read it."""
    figure = fill(panel, [], 0)
    json.dumps(figure, allow_nan=False)
    return go.Figure(figure)


def test_only_fields_that_a_run_depends_on_differ() -> None:
    other = GRU.but(lr=1e-2, heads=8, symbols=5, seed=3)  # a GRU has no heads, adding no symbols
    assert differing([GRU, other]) == {"lr": [5e-3, 1e-2], "seed": [0, 3]}
    assert differing([GRU]) == {}
    assert differing([GRU, LSTM]) == {"model": ["gru", "lstm"], "forget_bias": [None, 0.0]}


def test_labels_say_the_difference_and_are_never_alike() -> None:
    assert labels([GRU, LSTM], ["a", "b"]) == ["GRU", "LSTM"]
    assert labels([GRU, GRU.but(lr=1e-2)], ["a", "b"]) == ["GRU · lr 0.005", "GRU · lr 0.01"]
    assert labels([GRU, GRU], ["a", "a-2"]) == ["GRU (a)", "GRU (a-2)"]
    assert labels([GRU], ["a"]) == ["GRU"]
    many = [GRU.but(lr=1e-2, width=17, seed=5, steps=11, batch=3), GRU, LSTM.but(seed=1)]
    assert len(set(labels(many, ["a", "b", "c"]))) == 3


def test_a_long_curve_is_drawn_as_means_of_neighbours() -> None:
    values = np.random.default_rng(0).normal(size=3 * MOST_POINTS + 7)
    steps, means, size = thinned(np.arange(1, len(values) + 1), values)
    assert size == 4
    assert len(means) <= MOST_POINTS
    assert steps[0] == 4
    assert steps[-1] == len(values)
    np.testing.assert_allclose(means[0], values[:4].mean())
    np.testing.assert_allclose(means[-1], values[(len(means) - 1) * 4 :].mean())


def test_a_short_curve_is_drawn_as_it_is() -> None:
    steps, means, size = thinned(np.array([1, 2, 5]), np.array([3.0, math.nan, 1.0]))
    assert size == 1
    assert steps.tolist() == [1, 2, 5]
    np.testing.assert_array_equal(means, [3.0, math.nan, 1.0])
    assert [len(part) for part in thinned(np.zeros(0), np.zeros(0))[:2]] == [0, 0]


def test_the_chart_holds_the_tapes_numbers() -> None:
    runs = [seen(GRU, "GRU · lr 0.005"), seen(GRU.but(lr=1e-2), "GRU · lr 0.01"), seen(LSTM, "LSTM")]
    curves = [tape([1, 0.5, 0.25], {0: 2, 3: 0.125}), tape([1, math.nan]), {}]
    panel = compare_panel(runs, curves, "light")
    figure = drawn(panel)
    assert figure.data[0].y == pytest.approx([1, 0.5, 0.25])
    assert figure.data[1].x == pytest.approx([0, 3])
    assert figure.data[1].y == pytest.approx([2, 0.125])
    assert figure.data[2].y == (1.0, None)
    assert figure.data[4].y == ()
    assert [trace.line.color for trace in figure.data[1:6:2]] == [FAMILY_COLOURS[m] for m in ("gru", "gru", "lstm")]
    assert [trace.line.dash for trace in figure.data[1:6:2]] == [DASHES[0], DASHES[1], DASHES[0]]
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.shapes[0].y0 == pytest.approx(1 / 6)
    assert figure.layout.annotations[0].y == pytest.approx(math.log10(1 / 6))  # a log axis has its logarithm
    assert [trace.showlegend for trace in figure.data[:6:2]] == [False] * 3
    assert drawn(compare_panel(runs, curves, "dark", log_steps=True)).layout.xaxis.type == "log"


def test_no_line_for_a_baseline_that_is_not_shared() -> None:
    repeat = RunConfig(task="repeat", model="transformer", symbols=11, width=8, heads=2)
    figure = drawn(compare_panel([seen(GRU, "a"), seen(repeat, "b")], [tape([1.0]), tape([2.0])], "light"))
    assert not figure.layout.shapes


def test_labels_are_text_and_not_markup() -> None:
    panel = compare_panel([seen(GRU, "<b>GRU</b>")], [tape([1.0])], "light")
    assert "<b>" not in json.dumps(panel.figure["data"])


def test_the_reading_compares_at_the_last_step_that_all_reached() -> None:
    runs = [seen(GRU, "GRU"), seen(LSTM, "LSTM")]
    curves = [tape([1.0] * 7, {0: 2, 4: 0.5, 7: 0.1}), tape([1.0] * 5, {0: 2, 5: 0.25})]
    assert loss_reading(runs, curves) == (
        "At step 5, the last that both reached, validation loss is lowest for LSTM (0.25); GRU (0.5, measured at step 4)."
    )
    assert compare_panel(runs, curves, "light").reading == loss_reading(runs, curves)
    assert reading_at(compare_panel(runs, curves, "light"), [], 0) == loss_reading(runs, curves)


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ([{}, {}], "No step taken yet."),
        ([tape([1, 0.5]), {}], "GRU: training loss 0.5 at step 2 (LSTM: no step yet)."),
        (
            [tape([1, 0.0]), tape([1, math.nan])],
            "At step 2, the last that both reached, training loss is lowest for GRU (0); LSTM (not finite).",
        ),
        (
            [tape([math.inf]), tape([math.nan])],
            "At step 1, the last that both reached, training loss is not a finite number for GRU and LSTM.",
        ),
    ],
)
def test_the_reading_is_right_at_the_extremes(curves: list[dict[str, Any]], sentence: str) -> None:
    assert loss_reading([seen(GRU, "GRU"), seen(LSTM, "LSTM")], curves) == sentence


def test_the_reading_warns_of_different_tasks() -> None:
    other = GRU.but(task="copy")
    said = loss_reading([seen(GRU, "a"), seen(other, "b")], [tape([1.0]), tape([2.0])])
    assert said.endswith("They learn different tasks, so these losses can't be compared.")


def test_a_metric_of_its_own_gets_a_chart_and_is_ranked() -> None:
    meta = {
        "metric": "accuracy within the repetition",
        "baseline": 1 / 11,
        "baseline_name": "chance",
        "lower_is_better": False,
    }
    config = RunConfig(task="repeat", model="transformer", symbols=11, width=8, heads=2)
    runs = [seen(config, "one", **meta), seen(config.but(layers=2), "two", **meta)]
    curves = [
        tape([1.0, 1.0], {0: 2, 2: 1}, **{meta["metric"]: [0.1, 0.25]}),
        tape([1.0, 1.0], {0: 2, 2: 1}, **{meta["metric"]: [0.1, 0.75]}),
    ]
    panel = metric_panel(runs, curves, "light")
    assert panel is not None
    figure = drawn(panel)
    assert figure.data[1].y == pytest.approx([0.1, 0.75])
    assert figure.layout.annotations[0].y == pytest.approx(1 / 11)  # this axis is linear
    assert (
        panel.reading
        == "Last measured: two, step 2 (0.75); one, step 2 (0.25); guessing any symbol: 0.0909 (higher is better)."
    )
    assert metric_reading(runs, [{}, {}], meta["metric"]) == "Not measured yet."


def test_a_metric_that_is_the_loss_or_not_shared_gets_none() -> None:
    name = META["metric"]
    same = tape([1.0], {0: 2, 1: 1}, **{str(name): [2, 1]})
    assert metric_panel([seen(GRU, "a")], [same], "light") is None
    other = GRU.but(task="copy")
    assert metric_panel([seen(GRU, "a"), seen(other, "b", metric="x")], [same, same], "light") is None
    assert metric_panel([seen(GRU, "a")], [{}], "light") is None


def test_value_at_a_step() -> None:
    metrics = tape([3.0, 2.0, 1.0], {0: 9, 2: 8})
    assert value_at(metrics, "loss", 2) == 2
    assert math.isnan(value_at(metrics, "loss", 0))
    assert value_at(metrics, "validation loss", 1) == 9
    assert math.isnan(value_at(metrics, "nothing", 3))
