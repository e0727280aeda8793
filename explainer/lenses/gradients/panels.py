"""Gradients: what arrives of a late loss at each earlier step, the factor per step, clipping, parameters.

Several runs on the same batches share a chart, one colour each. A logarithmic axis has no place
for 0, so steps where the gradient is exactly 0 are marked along its bottom edge, and those where
it is not a finite number along its top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explainer.charts.panel import Kind, Panel, Reading, Slot, at_moment
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.theme import (
    FAMILY_COLOURS,
    SEQUENTIAL,
    UNSEEN,
    colour_bar,
    ink,
    layout,
    level_name,
    marked,
    plain,
    upright,
)
from explainer.families import FAMILIES
from explainer.lenses.gradients.notes import SCALE_TITLES, STAGES
from explainer.theory.jacobian import TENFOLD, healthy

LENS = "gradients"
SCALES = ("scale: absolute", "scale: relative")
DASHES = ("solid", "dot", "dashdot", "longdashdot")  # of several runs of one family

Runs = Sequence[Mapping[str, Any]]


def through_time_panel(runs: Runs, theme: str, *, span: int = 8, height: int = 330) -> Panel:
    """||dL_T/dh_t|| of every run against t on a log axis, with theory's line for plain RNNs."""
    data: list[dict[str, Any]] = []
    slots: list[Slot] = []
    for number, run in enumerate(runs):
        for arrays, trace in _through_time(run, alone=len(runs) == 1):
            slots += [_norms(f"data.{len(data)}.{place}", number, name) for place, name in arrays.items()]
            data.append({"type": "scatter", "showlegend": False, **trace})
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
                yaxis2=AXIS,
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "share", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def _norms(to: str, run: int, name: str) -> Slot:
    """Where an array of norms over time stands, on the scale that is chosen."""
    kinds: dict[str, Kind] = {"span": "context", "mark_words": "labels"}
    kind = kinds.get(name, "frame")
    index = ("scale",) if name in ("curve", "rate", "span") else ()
    return Slot(to, kind, run=run, lens=LENS, name=name, index=index)


def _through_time(run: Mapping[str, Any], *, alone: bool) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Of one run the arrays of each trace, by place, and the trace: what holds the axis still, the curve, theory, the marks."""
    colour, label = FAMILY_COLOURS[run["model"]], plain(run["label"])
    state = FAMILIES[run["model"]].state
    curve = {
        **({"mode": "lines"} if alone else marked(run["model"])),
        "name": label,
        "showlegend": True,
        "line": {"color": colour, "width": 2.6, "dash": _dash(run)},
        "hovertemplate": f"{label}<br>‖∂L<sub>T</sub>/∂{state}<sub>t</sub>‖ at t = %{{x}}: %{{customdata[0]:.3e}}"
        "<br>%{customdata[1]:.3e} of the last one<extra></extra>",
    }
    theory = {
        "mode": "lines",
        "name": "theory: ρᵏ",
        "showlegend": True,
        "line": {"color": colour, "width": 1.6, "dash": "dash"},
        "hovertemplate": f"{label}, what ρᵏ predicts<br>t = %{{x}}: %{{y:.3e}}<extra></extra>",
    }
    marks = {
        "mode": "markers",
        "yaxis": "y2",
        "marker": {"color": colour, "symbol": "x-thin-open", "size": 7},
        "hovertemplate": f"{label}<br>t = %{{x}}: %{{text}}<extra></extra>",
    }
    return [
        ({"y": "span"}, {"x": [0, 0], "mode": "lines", "line": UNSEEN, "hoverinfo": "skip"}),
        ({"y": "curve", "customdata": "hover"}, curve),
        *([({"y": "rate"}, theory)] if FAMILIES[run["model"]].plain else []),
        ({"x": "mark_at", "y": "mark_height", "text": "mark_words"}, marks),
    ]


def factor_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 330) -> Panel:
    """What each step back multiplies by, on average, against training; the band in which a tenth to ten times arrives."""
    low, high = healthy(max(1, int(runs[0]["length"]) - 1))
    # Shapes do not stretch an axis: two points nobody sees keep the band in the picture, and words beside it.
    data: list[dict[str, Any]] = [
        {"type": "scatter", "x": [0, 0], "y": [low**2, high**2], "mode": "lines", "line": UNSEEN, "hoverinfo": "skip"}
    ]
    slots = [*at_moment(1)]
    slots += [  # an own input, or a loss before the last step, has another band
        Slot(place, lens=LENS, name="band", index=(end,))
        for place, end in (
            ("layout.shapes.0.y0", 0),
            ("layout.shapes.0.y1", 1),
            ("layout.annotations.0.y", 1),
            ("layout.annotations.1.y", 1),
            ("layout.annotations.2.y", 0),
        )
    ]
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
            {"type": "scatter", **marked(run["model"]), "name": label, "line": line, "hovertemplate": hover},
            {"type": "scatter", "mode": "markers", "marker": {"color": colour, "size": 11}, "hovertemplate": hover},
        ]
    band, words = _band(low, high, theme)
    return Panel(
        id="factor",
        title="Verdict: by which factor the gradient changes per step back",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "factor per step back"}},
                shapes=[band, upright(color=ink(theme).muted, width=1)],
                annotations=words,
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "verdict", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def _band(low: float, high: float, theme: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The band of healthy factors, and the words in it, above and below."""
    shade = ink(theme)
    words = (
        (f"exploding: over {TENFOLD:g} times arrives", high, "bottom"),
        ("healthy", high, "top"),
        (f"vanishing: under 1/{TENFOLD:g} arrives", low, "top"),
    )
    place = {"type": "rect", "layer": "below", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high}
    return place | {"line": {"width": 0}, "fillcolor": shade.grid, "opacity": 0.8}, [
        # Not at the end: at first curves rise through all of the height.
        level_name(word, y, shade.muted) | {"x": 0.99, "yanchor": anchor}
        for word, y, anchor in words
    ]


def clipping_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 250) -> Panel:
    """The norm of the whole gradient at every update, before and after clipping; the run is a selection."""
    shade = ink(theme)
    source: dict[str, Any] = {"run": "network"}
    after = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 2.4}
    marks, set_at = rate_marks(theme, 2, "network")
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
                marks,
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
                yaxis2=AXIS,
                shapes=[upright(color=shade.muted, width=1)],
                showlegend=True,
            ),
        },
        slots=(
            *set_at,
            Slot("data.0.x", "series", name="step", **source),
            Slot("data.0.y", "series", name="grad_norm", **source),
            Slot("data.1.x", "series", name="step", **source),
            Slot("data.1.y", "series", name="clipped", **source),
            Slot("data.1.line.color", "labels", lens=LENS, name="colour", index=(0,), **source),
            *at_moment(),
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
                shapes=[upright(color=ink(theme).muted, width=1)],
            ),
        },
        slots=(
            Slot("data.0.x", "history", name="step", **source),
            Slot("data.0.y", "labels", name="parameter_words", **source),
            Slot("data.0.z", "history", name="parameter_logs", index=("clipped",), transpose=True, **source),
            Slot("data.0.customdata", "history", name="parameter_sizes", index=("clipped",), transpose=True, **source),
            Slot("data.0.zmin", "context", name="parameter_range", index=(0,), **source),
            Slot("data.0.zmax", "context", name="parameter_range", index=(1,), **source),
            *at_moment(),
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


def selections(runs: Runs) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures."""
    return {
        "scale": ("Scale", SCALES),
        "network": ("Network", tuple(f"norms: {run['label']}" for run in runs)),
        "clipped": ("Parameters", STAGES),
    }


def _dash(run: Mapping[str, Any]) -> str:
    return DASHES[run.get("twin", 0) % len(DASHES)]
