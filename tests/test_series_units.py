"""What a forecast must beat, in the unit of its series: against rules computed from the raw values with the same held-out split."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explainer.charts.compare import metric_panel
from explainer.charts.curves import loss_panel, loss_reading
from explainer.charts.panel import Moment
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.data import Series, digest
from explainer.lenses.hidden_states.panels import output_panel
from explainer.runs.active import describe
from explainer.training import Trainer

SUNSPOTS = np.loadtxt(
    Path(__file__).parents[1] / "explainer/data/sunspots.csv", delimiter=",", comments="#", skiprows=0, usecols=1,
    converters=lambda text: float(text) if text[:1].isdigit() else math.nan,
)  # fmt: skip
SUNSPOTS = SUNSPOTS[np.isfinite(SUNSPOTS)]
RNG = np.random.default_rng(3)
WEATHER = (17.5 + 8 * np.sin(np.arange(173) / 2) + RNG.normal(0, 1.25, 173)).round(1)
OWN = Series("temperature (°C)", "", 1, tuple(WEATHER.tolist()))
BARE = Series("things", "", 1, tuple(WEATHER.tolist()))


def rules(values: np.ndarray) -> tuple[float, float, float]:
    """RMSE over the held-out values of "as before" and of AR(9) by normal equations, and the deviation of the rest."""
    held = min(60, len(values) // 5)
    n = len(values) - held
    naive = math.sqrt(np.mean([(values[t] - values[t - 1]) ** 2 for t in range(n, len(values))]))
    rows = np.array([[1.0, *(values[t - k] for k in range(1, 10))] for t in range(9, len(values))])
    fitted = rows[: n - 9]
    weights = np.linalg.solve(fitted.T @ fitted, fitted.T @ values[9:n])
    return naive, math.sqrt(np.mean((values[n:] - rows[n - 9 :] @ weights) ** 2)), float(values[:n].std())


def about(series: Series | None) -> dict[str, Any]:
    data = series.to_text() if series else None
    config = RunConfig(task="forecast", model="gru", width=5, length=11, data=digest(data) if data else "")
    return subject(config, describe(Trainer(config, data)))


def labels(figure: dict[str, Any]) -> list[str]:
    return [note["text"] for note in figure["layout"]["annotations"]]


CASES = [(None, SUNSPOTS, "sunspots"), (OWN, WEATHER, "°C"), (BARE, WEATHER, "in units of the series")]


REPEATING, FITTED = "repeating the last value", "a linear fit to the last nine values (AR(9))"


def test_the_sunspots_rules_are_the_known_ones() -> None:
    naive, regression, _ = rules(SUNSPOTS)
    assert (round(naive, 1), round(regression, 1)) == (32.9, 19.1)


@pytest.mark.parametrize(("series", "values", "unit"), CASES)
def test_the_chart_names_what_is_to_be_beaten_in_the_series_own_unit(
    series: Series | None, values: Any, unit: str
) -> None:
    naive, regression, deviation = rules(values)
    figure = loss_panel([about(series)], "light", "hidden_states").figure
    said = labels(figure)
    assert said == [f"{REPEATING}: {naive:.3g} {unit}", f"{FITTED}: {regression:.3g} {unit}"]
    heights = [shape["y0"] for shape in figure["layout"]["shapes"][1:]]
    np.testing.assert_allclose(heights, [(naive / deviation) ** 2, (regression / deviation) ** 2], rtol=1e-4)


@pytest.mark.parametrize(("series", "values", "unit"), CASES)
def test_the_sentence_has_the_network_s_error_and_the_rules_in_that_unit(
    series: Series | None, values: Any, unit: str
) -> None:
    naive, regression, deviation = rules(values)
    error = (naive + 2 * regression) / 3
    loss = np.array([(error / deviation) ** 2])
    moment = Moment(about(series), 7, {"validation loss": loss, "validation loss:step": np.array([7])})
    assert loss_reading(moment).endswith(
        f"That is an error of {error:.3g} {unit} (root mean square), below the {naive:.3g} {unit} of {REPEATING}, "
        f"above the {regression:.3g} {unit} of {FITTED}."
    )


def test_the_page_that_compares_draws_both_rules_beside_the_metric() -> None:
    naive, regression, _ = rules(WEATHER)
    run = about(OWN)
    curve = {"step": np.array([1]), run["metric"]: np.array([2.5]), f"{run['metric']}:step": np.array([1])}
    panel = metric_panel([run] * 2, [curve] * 2, "light")
    assert panel is not None
    assert labels(panel.figure) == [f"{REPEATING}: {naive:.3g}", f"{FITTED}: {regression:.3g}"]
    assert "°C" in str(panel.figure["layout"]["yaxis"]["title"]["text"])


@pytest.mark.parametrize(("series", "title"), [(None, "sunspots"), (OWN, "°C"), (BARE, "value")])
def test_values_stand_on_an_axis_with_their_unit(series: Series | None, title: str) -> None:
    assert output_panel(about(series), "light").figure["layout"]["yaxis"]["title"]["text"] == title


@pytest.mark.parametrize(
    ("name", "unit"),
    [("temperature (°C)", "°C"), ("rain [mm]", "mm"), ("mean (of all) (kg / m²) ", "kg / m²"), ("(a)", ""), ("plain", ""), ("a ()", ""), ("f(x) = y", "")],
)  # fmt: skip
def test_a_unit_in_brackets_at_the_end_of_a_name_is_known(name: str, unit: str) -> None:
    values = tuple(WEATHER.tolist())
    assert Series(name, "", 1, values).measured_in == unit
    assert Series(name, "given", 1, values).measured_in == "given"
    assert '"unit":""' in Series(name, "", 1, values).to_text(), "its hash stays"


def test_a_task_without_a_unit_says_its_losses_as_they_are() -> None:
    run = subject(RunConfig(task="adding"), {"loss_references": {"always answering 1": 1 / 6}})
    assert run["loss_scale"] is None
    assert labels(loss_panel([run], "light", "hidden_states").figure) == ["guessing the mean sum: 0.167"]
