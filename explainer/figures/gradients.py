"""Gradients: what arrives of a late loss at each earlier step, the factor per step, clipping, parameters.

Several runs on the same batches share a chart, one colour each. A logarithmic axis has no place
for 0, so steps where the gradient is exactly 0 are marked along its bottom edge, and those where
it is not a finite number along its top.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.config import RunConfig
from explainer.figures.compare import labels
from explainer.figures.curves import loss_reading
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot
from explainer.figures.subject import subject
from explainer.figures.theme import FAMILY_COLOURS, FAMILY_NAMES, SEQUENTIAL, colour_bar, ink, layout, plain
from explainer.records import GradientRecord
from explainer.theory.jacobian import HEALTHY, verdict

LENS = "gradients"
SCALES = ("scale: absolute", "scale: relative")
STAGES = ("before clipping", "after clipping")
SCALE_TITLES = ("gradient norm ‖∂L/∂hₜ‖", "‖∂L/∂hₜ‖ as a share of the last")
UNSEEN = {"color": "rgba(0,0,0,0)"}
DASHES = ("solid", "dot", "dashdot", "longdashdot")  # of several runs of one family
FITS = 0.5  # R² below which one factor per step does not describe the curve: no verdict then
AT_ZERO, NOT_FINITE = 0.025, 0.975  # heights of the marks, as shares of the chart

Runs = Sequence[Mapping[str, Any]]


def through_time_panel(runs: Runs, theme: str, *, span: int = 8, height: int = 330) -> Panel:
    """||dL_T/dh_t|| of every run against t on a log axis, with theory's line for plain RNNs."""
    data: list[dict[str, Any]] = []
    slots: list[Slot] = []

    def trace(number: int, arrays: Mapping[str, str], **given: Any) -> None:
        slots.extend(
            Slot(
                f"data.{len(data)}.{place}",
                "context" if name == "span" else "labels" if name == "mark_words" else "frame",
                run=number,
                lens=LENS,
                name=name,
                index=("scale",) if name in ("curve", "rate", "span") else (),
            )
            for place, name in arrays.items()
        )
        data.append({"type": "scatter", "showlegend": False, **given})

    for number, run in enumerate(runs):
        colour, label = FAMILY_COLOURS[run["model"]], plain(run["label"])
        state = "x" if run["model"] == "transformer" else "h"
        trace(number, {"y": "span"}, x=[0, 0], mode="lines", line=UNSEEN, hoverinfo="skip")  # holds the axis still
        trace(
            number,
            {"y": "curve", "customdata": "hover"},
            mode="lines",
            name=label,
            showlegend=True,
            line={"color": colour, "width": 2.6, "dash": _dash(run)},
            hovertemplate=f"{label}<br>‖∂L<sub>T</sub>/∂{state}<sub>t</sub>‖ at t = %{{x}}: %{{customdata[0]:.3e}}"
            "<br>%{customdata[1]:.3e} of the last one<extra></extra>",
        )
        if run["model"] in ("rnn", "rnn_relu"):
            trace(
                number,
                {"y": "rate"},
                mode="lines",
                name="theory: ρᵏ",
                showlegend=True,
                line={"color": colour, "width": 1.6, "dash": "dash"},
                hovertemplate=f"{label}, what ρᵏ predicts<br>t = %{{x}}: %{{y:.3e}}<extra></extra>",
            )
        trace(
            number,
            {"x": "mark_at", "y": "mark_height", "text": "mark_words"},
            mode="markers",
            yaxis="y2",
            marker={"color": colour, "symbol": "x-thin-open", "size": 7},
            hovertemplate=f"{label}<br>t = %{{x}}: %{{text}}<extra></extra>",
        )
    slots.append(Slot("layout.yaxis.title.text", "labels", lens=LENS, name="axes", index=("scale",)))
    return Panel(
        id="through-time",
        title="How much of the last loss reaches each earlier step",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t (the loss is taken at the right end)"}},
                yaxis={"title": {"text": SCALE_TITLES[0]}, "type": "log", "exponentformat": "power", "nticks": 9},
                yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "share", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def factor_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 330) -> Panel:
    """The factor by which the gradient changes per step back, against training; the healthy band."""
    shade = ink(theme)
    low, high = HEALTHY
    # Shapes do not stretch an axis: two points nobody sees keep the band in the picture.
    data: list[dict[str, Any]] = [
        {"type": "scatter", "x": [0, 0], "y": [0.9, 1.1], "mode": "lines", "line": UNSEEN, "hoverinfo": "skip"}
    ]
    slots = [Slot("layout.shapes.1.x0", "step"), Slot("layout.shapes.1.x1", "step")]
    for number, run in enumerate(runs):
        colour, label = FAMILY_COLOURS[run["model"]], plain(run["label"])
        hover = f"{label}<br>step %{{x}}: × %{{y:.3f}} per step back<extra></extra>"
        at = len(data)
        slots += [
            Slot(f"data.{at}.x", "history", run=number, lens=LENS, name="step"),
            Slot(f"data.{at}.y", "history", run=number, lens=LENS, name="per_step"),
            Slot(f"data.{at + 1}.x", run=number, lens=LENS, name="now_step"),
            Slot(f"data.{at + 1}.y", run=number, lens=LENS, name="now_per_step"),
        ]
        line = {"color": colour, "width": 2, "dash": _dash(run)}
        data += [
            {"type": "scatter", "mode": "lines", "name": label, "line": line, "hovertemplate": hover},
            {"type": "scatter", "mode": "markers", "marker": {"color": colour, "size": 9}, "hovertemplate": hover},
        ]
    words = (("exploding", high, "bottom"), ("healthy", (low + high) / 2, "middle"), ("vanishing", low, "top"))
    return Panel(
        id="factor",
        title="Verdict: its factor per step back, as training goes on",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "factor per step back"}},
                shapes=[
                    {
                        "type": "rect",
                        "layer": "below",
                        "xref": "paper",
                        "x0": 0,
                        "x1": 1,
                        "y0": low,
                        "y1": high,
                        "line": {"width": 0},
                        "fillcolor": shade.grid,
                        "opacity": 0.8,
                    },
                    _moment_line(theme),
                ],
                annotations=[
                    {
                        "xref": "paper",
                        "x": 0.01,
                        "xanchor": "left",
                        "y": y,
                        "yanchor": anchor,
                        "showarrow": False,
                        "text": word,
                        "font": {"size": 11, "color": shade.muted},
                    }
                    for word, y, anchor in words
                ],
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "verdict", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def clipping_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 250) -> Panel:
    """The norm of the whole gradient at every update, before and after clipping; the run is a selection."""
    shade = ink(theme)
    source: dict[str, Any] = {"run": "network"}
    after = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 2.4}
    return Panel(
        id="clipping",
        title="Gradient norm at each update, before and after clipping",
        figure={
            "data": [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": STAGES[0],
                    "line": {"color": shade.muted, "width": 1.2},
                    "hovertemplate": f"step %{{x}}: %{{y:.4g}} {STAGES[0]}<extra></extra>",
                },
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": STAGES[1],
                    "line": after,
                    "hovertemplate": f"step %{{x}}: %{{y:.4g}} {STAGES[1]}<extra></extra>",
                },
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={
                    "title": {"text": "‖∂L/∂θ‖"},
                    "type": "log",
                    "exponentformat": "power",
                    "minor": {"showgrid": False},
                },
                shapes=[_moment_line(theme)],
                showlegend=True,
            ),
        },
        slots=(
            Slot("data.0.x", "series", name="step", **source),
            Slot("data.0.y", "series", name="grad_norm", **source),
            Slot("data.1.x", "series", name="step", **source),
            Slot("data.1.y", "series", name="clipped", **source),
            Slot("data.1.line.color", "labels", lens=LENS, name="colour", index=(0,), **source),
            Slot("layout.shapes.0.x0", "step"),
            Slot("layout.shapes.0.x1", "step"),
        ),
        readings=(Reading(LENS, "clipping", run="network"),),
        span=span,
        height=height,
    )


def parameters_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 250) -> Panel:
    """The gradient's norm for each parameter (rows) against training; run, and before or after, are selections."""
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    return Panel(
        id="parameters",
        title="Gradient norm of each parameter",
        figure={
            "data": [
                {
                    "type": "heatmap",
                    "colorscale": SEQUENTIAL,
                    "colorbar": colour_bar("log₁₀ of the norm"),
                    "hovertemplate": "%{y}<br>step %{x}: %{customdata:.3e}<extra></extra>",
                }
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}},
                yaxis={"autorange": "reversed", "title": {"text": ""}},
                shapes=[_moment_line(theme)],
            ),
        },
        slots=(
            Slot("data.0.x", "history", name="step", **source),
            Slot("data.0.y", "labels", name="parameter_words", **source),
            Slot("data.0.z", "history", name="parameter_logs", index=("clipped",), transpose=True, **source),
            Slot("data.0.customdata", "history", name="parameter_sizes", index=("clipped",), transpose=True, **source),
            Slot("data.0.zmin", "context", name="parameter_range", index=(0,), **source),
            Slot("data.0.zmax", "context", name="parameter_range", index=(1,), **source),
            Slot("layout.shapes.0.x0", "step"),
            Slot("layout.shapes.0.x1", "step"),
        ),
        readings=(Reading(LENS, "parameters", run="network"),),
        reading_index=("clipped",),
        span=span,
        height=height,
    )


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of one run's gradients."""
    one = [run]
    return [
        through_time_panel(one, theme),
        factor_panel(one, theme),
        clipping_panel(one, theme),
        parameters_panel(one, theme),
    ]


def subjects(runs: Sequence[tuple[str, RunConfig, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """`subject()` of several runs (id, configuration, meta data), told apart where a family comes twice."""
    found = []
    for number, (_, config, meta) in enumerate(runs):
        family = [at for at, (_, other, _) in enumerate(runs) if other.model == config.model]
        known = subject(config, meta)
        if len(family) > 1:
            names = labels([runs[at][1] for at in family], [runs[at][0] for at in family])
            known |= {"label": names[family.index(number)], "twin": family.index(number)}
        found.append(known)
    return found


def selections(runs: Runs) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures."""
    return {
        "scale": ("Scale", SCALES),
        "network": ("Network", tuple(f"norms: {run['label']}" for run in runs)),
        "clipped": ("Parameters", STAGES),
    }


# -- notes ------------------------------------------------------------------------------------


def notes(record: GradientRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the gradients."""
    model = str(moment.meta["model"])
    marks = _marks(record)
    sizes = parameter_sizes(record)
    with np.errstate(divide="ignore"):
        logs = np.where(sizes > 0, np.log10(sizes), np.nan)
    return Notes(
        readings={
            "share": share_reading(record, model),
            "verdict": verdict_reading(record, model),
            "clipping": clipping_reading(record, moment),
            "parameters": {str(stage): parameters_reading(record, model, stage) for stage in range(len(STAGES))},
            "loss": loss_reading(moment),
        },
        arrays={
            "curve": scaled(record, record.norms),
            "rate": scaled(record, record.theory if record.theory.size else np.full(len(record.norms), np.nan)),
            "hover": np.stack([record.norms.astype(np.float64), _shares(record)], axis=1),
            "mark_at": np.array([at for at, _, _ in marks], dtype=np.int32),
            "mark_height": np.array([height for _, height, _ in marks], dtype=np.float32),
            "now_step": np.array([moment.step], dtype=np.int32),
            "per_step": np.array(per_step(record)),
            "now_per_step": np.array([per_step(record)]),
            "parameter_logs": logs.astype(np.float32),
            "parameter_sizes": sizes.astype(np.float32),
        },
        labels={
            "mark_words": [words for _, _, words in marks],
            "axes": SCALE_TITLES,
            "colour": [FAMILY_COLOURS[model]],
            "parameter_words": parameter_words(record.parameters),
        },
    )


def context(records: Sequence[GradientRecord], previous: NDArray[np.float32] | None = None) -> dict[str, NDArray[Any]]:
    """The ranges of the whole tape, so that the curves move and the axes don't.

    Returns:
        span (2, 2): smallest and largest measured value on each scale; parameter_range (2,): the
        same of the parameters' log10 norms, before and after clipping together.
    """
    curves = np.concatenate([scaled(record, record.norms) for record in records], axis=1)
    sizes = np.concatenate([parameter_sizes(record).ravel() for record in records])
    low, high = _range(sizes)
    return {
        "span": np.array([_range(curve) for curve in curves]),
        "parameter_range": np.log10(np.array([low, high if high > low else low * 10])),
    }


def _range(values: NDArray[Any]) -> tuple[float, float]:
    usable = values[np.isfinite(values) & (values > 0)]
    return (float(usable.min()), float(usable.max())) if usable.size else (1.0, 1.0)


def scaled(record: GradientRecord, values: Float[np.ndarray, " T"]) -> Float[np.ndarray, "2 T"]:
    """`values` up to the loss as they are, and as shares of the measured norm there; NaN where a log axis has none."""
    with np.errstate(all="ignore"):
        both = np.stack([values.astype(np.float64), values.astype(np.float64) / float(record.norms[record.last])])
    both[:, record.last + 1 :] = np.nan
    return np.where(np.isfinite(both) & (both > 0), both, np.nan)


def explained(norms: Float[np.ndarray, " T"]) -> float:
    """R², the share of the variance of ln(norms) that one factor per step explains; 1 of a level line."""
    at = np.flatnonzero(np.isfinite(norms) & (norms > 0))
    logs = np.log(norms[at].astype(np.float64))
    if len(at) < 3 or np.ptp(logs) < 1e-6:
        return 1.0
    return float(np.corrcoef(at, logs)[0, 1] ** 2)


def per_step(record: GradientRecord) -> float:
    """The factor, or 0 where nothing arrives at t = 0 and the few steps that get something suggest otherwise."""
    if record.norms[0] == 0 and record.last > 0 and verdict(record.factor) != "vanishing":
        return 0.0
    return record.factor


def _shares(record: GradientRecord) -> Float[np.ndarray, " T"]:
    with np.errstate(all="ignore"):
        return record.norms.astype(np.float64) / float(record.norms[record.last])


def _marks(record: GradientRecord) -> list[tuple[int, float, str]]:
    """(t, height, words) of the steps that a log axis can't show."""
    marks = []
    for at, norm in enumerate(record.norms[: record.last + 1]):
        if norm == 0:
            marks.append((at, AT_ZERO, "exactly 0: nothing arrives"))
        elif not math.isfinite(norm):
            marks.append((at, NOT_FINITE, "not a finite number"))
    return marks


def parameter_sizes(record: GradientRecord) -> Float[np.ndarray, "2 P"]:
    """||dL/dW||_2 of each parameter as it is, and after clipping shrinks all of them alike."""
    before = record.parameter_norms.astype(np.float64)
    shrunk = record.clipped / record.total if math.isfinite(record.total) and record.total > 0 else 1.0
    return np.stack([before, before * shrunk])


_RECURRENT = re.compile(r"rnn\.(weight|bias)_(ih|hh)_l(\d)")
_BLOCK = re.compile(r"blocks\.(\d)\.(.+)")
_PARTS = {
    "attention.query_key_value.weight": "Q, K, V",
    "attention.project.weight": "attention out",
    "attention_norm.weight": "attention norm",
    "mlp.expand.weight": "MLP in",
    "mlp.project.weight": "MLP out",
    "mlp_norm.weight": "MLP norm",
    "embedding.weight": "embedding",
    "embedding.bias": "embedding b",
    "positions.weight": "positions",
    "final_norm.weight": "final norm",
    "readout.weight": "readout W",
    "readout.bias": "readout b",
}


def parameter_words(names: Sequence[str]) -> list[str]:
    """Parameters as the formulas name them: `rnn.weight_hh_l0` is "W_hh", or of several layers "W_hh 1"."""
    several = any(name.endswith("_l1") for name in names)
    words = []
    for name in names:
        if found := _RECURRENT.fullmatch(name):
            layer = f" {int(found[3]) + 1}" if several else ""
            words.append(f"{'W' if found[1] == 'weight' else 'b'}_{found[2]}{layer}")
        elif found := _BLOCK.fullmatch(name):
            words.append(f"{int(found[1]) + 1}: {_PARTS.get(found[2], found[2])}")
        else:
            words.append(_PARTS.get(name, name))
    return words


# -- readings ---------------------------------------------------------------------------------


def share_reading(record: GradientRecord, model: str) -> str:
    """One sentence: what arrives at the first step of what the last one gets, beside theory."""
    name, state = FAMILY_NAMES[model], "x" if model == "transformer" else "h"
    last, norms = record.last, record.norms[: record.last + 1].astype(np.float64)
    bad = int((~np.isfinite(norms)).sum())
    if bad:
        return f"{name}: the gradient is not a finite number at {bad} of {last + 1} steps."
    if last == 0:
        return f"{name}: with one time step there is nothing to carry back."
    if norms[last] == 0:
        return f"{name}: the loss at t = {last} has no gradient."
    zeros = int((norms == 0).sum())
    sentence = f"{name}: {state} at t = 0 gets {short(norms[0] / norms[last])} of the gradient at t = {last}"
    if record.theory.size:
        sentence += f"; ρ = {record.radius:.2f} predicts {short(_power(record.radius, last))}"
    if zeros:
        sentence += f"; at {zeros} {'step' if zeros == 1 else 'steps'} it is exactly 0"
    return sentence + "."


def verdict_reading(record: GradientRecord, model: str) -> str:
    """One sentence: vanishing, healthy or exploding, with the factor per step and what it comes to."""
    name = FAMILY_NAMES[model]
    norms = record.norms[: record.last + 1]
    if not np.isfinite(norms).all():
        return f"{name}: exploding, beyond what a number can hold."
    if record.last == 0 or norms[-1] == 0:
        return f"{name}: no verdict, for there is no gradient to follow."
    if not norms[:-1].any():
        return f"{name}: vanishing, nothing at all arrives at an earlier step."
    if norms[0] == 0:
        zeros = int((norms == 0).sum())
        return f"{name}: vanishing, exactly 0 at {zeros} of {record.last} earlier steps."
    factor, found = record.factor, verdict(record.factor)
    fit = explained(norms)
    if found != "healthy" and fit < FITS:
        return f"{name}: no steady trend, for × {factor:.3f} per step back explains only {fit:.0%} of it."
    sentence = f"{name}: {found}, × {factor:.3f} per step back"
    rate = math.log(factor)
    if abs(rate) < 1e-3:
        return f"{sentence}."
    return f"{sentence}, {'half lost' if rate < 0 else 'doubled'} in {math.log(2) / abs(rate):.1f} steps."


def clipping_reading(record: GradientRecord, moment: Moment) -> str:
    """One sentence: the norm at this update before and after clipping, and how often it was clipped so far."""
    name = FAMILY_NAMES[str(moment.meta["model"])]
    before, after = moment.metric("grad_norm"), moment.metric("clipped")
    if math.isnan(before):
        return f"{name}: no step taken yet."
    if not record.clip:
        return f"{name}, step {moment.step}: gradient norm {short(before)}; nothing is clipped in this run."
    count = int(np.searchsorted(moment.metrics["step"], moment.step, side="right"))
    cut = np.mean(moment.metrics["clipped"][:count] < moment.metrics["grad_norm"][:count] * (1 - 1e-5))
    done = f"clipped to {short(after)}" if after < before * (1 - 1e-5) else f"below the limit of {record.clip:g}"
    return f"{name}, step {moment.step}: gradient norm {short(before)}, {done}; {cut:.0%} of the updates were clipped."


def parameters_reading(record: GradientRecord, model: str, stage: int) -> str:
    """One sentence: the parameters with the largest and the smallest gradient, on the batch of the views."""
    name, sizes = FAMILY_NAMES[model], parameter_sizes(record)[stage]
    if not np.isfinite(sizes).all():
        return f"{name}: some parameters' gradients are not finite numbers."
    if not sizes.any():
        return f"{name}: no parameter has a gradient."
    words = parameter_words(record.parameters)
    big, small = int(sizes.argmax()), int(sizes.argmin())
    sentence = f"{name}: {words[big]} has the largest gradient, {short(sizes[big])}"
    if small != big:
        sentence += f", {words[small]} the smallest, {short(sizes[small])}"
    return f"{sentence} ({STAGES[stage]}, on the batch of the top row)."


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def short(value: float) -> str:
    """A number in two or three digits: 0.63, 3.1e-11."""
    return f"{value:.3g}" if value == 0 or 1e-2 <= abs(value) < 1e4 else f"{value:.1e}"


def _dash(run: Mapping[str, Any]) -> str:
    return DASHES[run.get("twin", 0) % len(DASHES)]


def _moment_line(theme: str) -> dict[str, Any]:
    """A thin line at the moment that is shown."""
    line = {"color": ink(theme).muted, "width": 1}
    return {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": line}
