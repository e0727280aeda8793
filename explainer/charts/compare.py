"""Several runs on one chart: their losses, the task's metric, and what they were told differently."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.curves import VALIDATION
from explainer.charts.panel import Moment, Panel, numbers_for_json
from explainer.charts.rates import AXIS, fixed_rate_marks
from explainer.charts.references import in_unit, reference_lines, shared_references, stack, three_digits
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES, ink, plain, stroke
from explainer.charts.traces import Run, Runs, drawn, scatter
from explainer.config import KNOBS, RunConfig
from explainer.theory.lowest import RISE_ERROR, Lowest, lowest
from explainer.words import listed

MOST_POINTS = 500  # of one curve; a longer one is drawn as means of equally many steps
MARKED_POINTS = 60  # a curve of few measurements shows where they are
DASHES = ("solid", "dash", "dot", "dashdot")
HEIGHT = 360  # pixels
LABEL_FIELDS = 3  # fields in a run's label, at most

Metrics = Mapping[str, NDArray[Any]]


def differing(configs: Sequence[RunConfig]) -> dict[str, list[Any]]:
    """The fields in which runs differ, with the value of each run; None where a run does not depend on the field."""
    relevant = [config.relevant() for config in configs]
    rows = {name: [fields.get(name) for fields in relevant] for name in KNOBS}
    return {name: values for name, values in rows.items() if len(set(map(repr, values))) > 1}


def labels(configs: Sequence[RunConfig], ids: Sequence[str]) -> list[str]:
    """A short name for each run, no two alike: its family, and the fields in which they differ."""
    fields = {
        name: values
        for name, values in differing(configs).items()
        if name not in ("model", "data") and None not in values
    }
    names = []
    for number, config in enumerate(configs):
        said = [f"{name} {_short(values[number])}" for name, values in fields.items()]
        names.append(" · ".join([FAMILY_NAMES[config.model], *said[:LABEL_FIELDS]]))
    twice = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name} ({run})" if name in twice else name for name, run in zip(names, ids, strict=True)]


def compare_panel(
    runs: Runs, curves: Sequence[Metrics], theme: str, *, log_steps: bool = False, span: int = 7
) -> Panel:
    """Training loss (thin) and validation loss (bold) of each run against the step, the loss on a log axis.

    Args:
        runs: of each, `subject()`, its `label` unlike the others'.
        curves: of each, the metrics on its tape: `loss` at `step`, `validation loss` at `validation loss:step`.
        log_steps: the step on a log axis too; step 0 is then left out.
    """
    data: list[dict[str, Any]] = []
    for run, dash, metrics in zip(runs, _dashes(runs), curves, strict=True):
        data.append(_curve(run, metrics, "loss", dash, bold=False) | {"showlegend": False})
        data.append(_curve(run, metrics, VALIDATION, dash, bold=True))
    data += [_ring(run, metrics, theme) for run, metrics in zip(runs, curves, strict=True)]
    data += _marks(runs, curves, theme)
    return _panel(
        "compare-loss",
        "Loss while training: validation bold, training thin",
        data,
        theme,
        {"title": "loss", "type": "log", "exponentformat": "power"},
        shared_references(runs),
        loss_reading(runs, curves),
        log_steps,
        span,
        in_unit(runs[0]),
    )


def metric_panel(runs: Runs, curves: Sequence[Metrics], theme: str, *, log_steps: bool = False) -> Panel | None:
    """The task's metric on validation batches against the step; None if the runs share none, or it is the loss."""
    name = _shared(runs, "metric")
    if not isinstance(name, str) or all(_is_the_loss(metrics, name) for metrics in curves):
        return None
    data = [
        _curve(run, metrics, name, dash, bold=True)
        for run, dash, metrics in zip(runs, _dashes(runs), curves, strict=True)
    ]
    data += _marks(runs, curves, theme)
    baseline = _shared(runs, "baseline")
    return _panel(
        "compare-metric",
        f"{name[:1].upper()}{name[1:]}, on validation batches",
        data,
        theme,
        {"title": name},
        _in_metric(runs) or ([(str(runs[0].get("baseline_name", "")), baseline)] if _finite(baseline) else []),
        metric_reading(runs, curves, name),
        log_steps,
        span=5,
    )


def _in_metric(runs: Runs) -> list[tuple[str, float]]:
    """Of runs on one series, all that they must beat, as errors in its own units; else []."""
    scale = runs[0].get("loss_scale")
    return [(name, scale * math.sqrt(loss)) for name, loss in shared_references(runs)] if scale else []


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def loss_reading(runs: Runs, curves: Sequence[Metrics]) -> str:
    """The validation losses at the last step that all the runs reached, each with its own step if it was measured
    before that; and which of them have risen since their lowest."""
    begun = [(run, metrics) for run, metrics in zip(runs, curves, strict=True) if len(metrics.get("step", ())) > 0]
    if not begun:
        return "No step taken yet."
    waiting = [run["label"] for run in runs if not any(run is other for other, _ in begun)]
    common = min(int(metrics["step"][-1]) for _, metrics in begun)
    name = VALIDATION if all(_known(metrics, VALIDATION, common) for _, metrics in begun) else "loss"
    values = [(run["label"], value_at(metrics, name, common), step_at(metrics, name, common)) for run, metrics in begun]
    said = "validation loss" if name == VALIDATION else "training loss"
    if len(values) == 1:
        sentence = f"{values[0][0]}: {said} {_digits(values[0][1])} at step {values[0][2]}"
    else:
        sentence = (
            f"At step {common}, the last that {_all(len(values))} reached, {said} is {_lowest_first(values, common)}"
        )
    sentence += f" ({listed(waiting)}: no step yet)." if waiting else "."
    lows = [(run["label"], _lowest(metrics, common)) for run, metrics in begun]
    rises = [f"{label} ({_digits(low.value)} at step {low.step})" for label, low in lows if low and low.risen]
    if rises:
        sentence += f" Risen since its lowest: {'; '.join(rises)}."
    if len({run["task"] for run in runs}) > 1:
        sentence += " They learn different tasks, so these losses can't be compared."
    return sentence


def metric_reading(runs: Runs, curves: Sequence[Metrics], name: str) -> str:
    """One sentence: the metric's last value of each run with its step, best first, and the baseline."""
    lower = bool(runs[0].get("lower_is_better", True))
    values = [
        (f"{run['label']}, step {int(metrics[f'{name}:step'][-1])}", float(metrics[name][-1]))
        for run, metrics in zip(runs, curves, strict=True)
        if len(metrics.get(name, ())) > 0
    ]
    if not values:
        return "Not measured yet."
    finite = sorted((pair for pair in values if math.isfinite(pair[1])), key=lambda pair: pair[1], reverse=not lower)
    ranked = finite + [pair for pair in values if not math.isfinite(pair[1])]
    sentence = "Last measured: " + "; ".join(f"{label} ({_digits(value)})" for label, value in ranked)
    baseline = _shared(runs, "baseline")
    if baseline is not None and math.isfinite(baseline):
        sentence += f"; {runs[0].get('baseline_name', 'baseline')}: {_digits(baseline)}"
    return f"{sentence} ({'lower' if lower else 'higher'} is better)."


def value_at(metrics: Metrics, name: str, step: int) -> float:
    """The last value of a metric at or before a step; NaN where there is none."""
    return Moment({}, step, metrics).metric(name)


def step_at(metrics: Metrics, name: str, step: int) -> int:
    """The step at which that value was measured; `step` where there is none."""
    steps, _ = Moment({}, step, metrics).until_now(name)
    return int(steps[-1]) if len(steps) else step


def thinned(steps: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """A curve of at most `MOST_POINTS` points, each the mean of equally many neighbours (the last of fewer).

    Returns:
        steps (the last of each group), means, and how many values one point stands for.
    """
    size = max(1, -(-len(values) // MOST_POINTS))
    starts = np.arange(0, len(values), size)
    counts = np.diff(np.append(starts, len(values)))
    means = np.add.reduceat(values.astype(np.float64), starts) / counts if len(values) else np.zeros(0)
    return steps[starts + counts - 1].astype(np.float64), means, size


def _curve(run: Run, metrics: Metrics, name: str, dash: str, *, bold: bool) -> dict[str, Any]:
    values = np.asarray(metrics.get(name, np.zeros(0)))
    steps = np.asarray(metrics.get(f"{name}:step", metrics.get("step", np.zeros(0))))
    x, y, size = thinned(steps, values[: len(steps)])
    what = "validation loss" if name == VALIDATION else "training loss" if name == "loss" else name
    mean = f", mean of {size} values" if size > 1 else ""
    return scatter(
        "lines+markers" if bold and len(x) <= MARKED_POINTS else "lines",
        name=plain(run["label"]),
        legendgroup=plain(run["label"]),
        x=numbers_for_json(x),
        y=numbers_for_json(y),
        line=stroke(FAMILY_COLOURS[run["model"]], 2.4 if bold else 1, dash if bold else "solid"),
        marker={"size": 5},
        opacity=1.0 if bold else 0.45,
        hover=f"{plain(run['label'])}<br>step %{{x}}: {plain(what)} %{{y:.4g}}{mean}",
    )


def _lowest(metrics: Metrics, until: int | None = None) -> Lowest | None:
    """The lowest validation loss of a tape, or of its part until a step."""
    steps = np.asarray(metrics.get(f"{VALIDATION}:step", ()))
    count = len(steps) if until is None else int(np.searchsorted(steps, until, side="right"))
    columns = (np.asarray(metrics.get(name, ()))[:count] for name in (VALIDATION, RISE_ERROR))
    return lowest(steps[:count], *columns)


def _ring(run: Run, metrics: Metrics, theme: str) -> dict[str, Any]:
    """A ring around a tape's lowest validation loss."""
    found = _lowest(metrics)
    return scatter(
        "markers",
        name=plain(run["label"]),
        legendgroup=plain(run["label"]),
        showlegend=False,
        x=[found.step] if found else [],
        y=[found.value] if found else [],
        marker={"symbol": "circle-open", "size": 10, "color": ink(theme).text, "line": {"width": 2}},
        hover=f"{plain(run['label'])}<br>lowest validation loss: %{{y:.4g}} at step %{{x}}",
    )


def _marks(runs: Runs, curves: Sequence[Metrics], theme: str) -> list[dict[str, Any]]:
    """Where the learning rate of a run was set by hand."""
    ends = [float(metrics["step"][-1]) if len(metrics.get("step", ())) else 0.0 for metrics in curves]
    return [mark for run, last in zip(runs, ends, strict=True) for mark in fixed_rate_marks(run, last, theme)]


def _panel(
    name: str,
    title: str,
    data: list[dict[str, Any]],
    theme: str,
    yaxis: dict[str, Any],
    references: Sequence[tuple[str, float]],
    reading: str,
    log_steps: bool,
    span: int,
    said: Callable[[float], str] = three_digits,
) -> Panel:
    names = {trace["name"] for trace in data if trace.get("yaxis") != "y2"}
    shapes, annotations = reference_lines(references, theme, logarithmic=yaxis.get("type") == "log", said=said)
    xaxis: dict[str, Any] = {"title": "training step"}
    xaxis |= {"type": "log", "exponentformat": "power"} if log_steps else {"rangemode": "tozero"}
    axes = {"xaxis": xaxis, "yaxis": yaxis, "yaxis2": AXIS}
    figure = drawn(theme, data, **axes, showlegend=len(names) > 1, shapes=shapes, annotations=annotations)
    stack(figure, HEIGHT)
    return Panel(f"{name}{'-log' if log_steps else ''}", title, figure, reading=reading, span=span, height=HEIGHT)


def _dashes(runs: Runs) -> list[str]:
    """The colour says the family; the dash tells two runs of one family apart."""
    models = [run["model"] for run in runs]
    return [DASHES[models[:at].count(model) % len(DASHES)] for at, model in enumerate(models)]


def _shared(runs: Runs, name: str) -> Any:
    """What all runs have in common under a name, else None."""
    values = [run.get(name) for run in runs]
    return values[0] if values and all(value == values[0] for value in values) else None


def _is_the_loss(metrics: Metrics, name: str) -> bool:
    """Whether the metric is the validation loss under another name (or was not measured)."""
    values, losses = metrics.get(name), metrics.get(VALIDATION)
    if values is None or losses is None:
        return values is None
    return len(values) == len(losses) and bool(np.allclose(values, losses, rtol=1e-5, equal_nan=True))


def _known(metrics: Metrics, name: str, step: int) -> bool:
    return len(metrics.get(name, ())) > 0 and int(metrics[f"{name}:step"][0]) <= step


def _lowest_first(values: Sequence[tuple[str, float, int]], common: int) -> str:
    """The best first; the step of what was measured before the common one."""
    finite = sorted((entry for entry in values if math.isfinite(entry[1])), key=lambda entry: entry[1])
    rest = [entry for entry in values if not math.isfinite(entry[1])]
    if not finite:
        return f"not a finite number for {listed([label for label, *_ in rest])}"

    def told(value: float, step: int) -> str:
        return f"({_digits(value)}{f', measured at step {step}' if step < common else ''})"

    said = [f"{label} {told(value, step)}" for label, value, step in [*finite, *rest]]
    return f"lowest for {'; '.join(said)}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def _all(count: int) -> str:
    return "both" if count == 2 else f"all {count}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
