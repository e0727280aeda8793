"""Surgery: what the network says untouched and operated, its loss token by token, and what each unit is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.curves import VALIDATION
from explainer.charts.own_series import filled_trace
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.theme import (
    DIVERGING,
    FAMILY_COLOURS,
    INKS,
    LOSS_AXIS,
    UNSEEN,
    colour_bar,
    ink,
    layout,
    level,
    level_name,
    upright,
)
from explainer.families import FAMILIES

LENS = "surgery"
UNTOUCHED, OPERATED = 0, 1
TARGET = "t = %{x}, target %{y:.4f}<extra></extra>"

Run = Mapping[str, Any]


def output_panel(run: Run, theme: str, *, span: int = 7, height: int = 290) -> Panel:
    """What the network says at each token: untouched thin and dashed, operated bold, the target as dots."""
    shade, colour = ink(theme), FAMILY_COLOURS[run["model"]]
    tokens = run["says_tokens"]
    said = "p(right token)" if tokens else "output"
    hover = f"{'<br>guess: %{text}' if tokens else ''}<br>{said} = %{{y:.4f}}"
    both = {"type": "scatter", "mode": "lines+markers"}
    data: list[dict[str, Any]] = [
        {
            **both,
            "name": "operated",
            "line": {"color": colour, "width": 2.6},
            "marker": {"size": 5},
            "hovertemplate": f"t = %{{x}}, operated{hover}<br>moved by %{{customdata:.4f}}<extra></extra>",
        },
        {
            **both,
            "name": "untouched",
            "line": {"color": shade.text, "width": 1.2, "dash": "dash"},
            "marker": {"size": 5, "symbol": "circle-open"},
            "hovertemplate": f"t = %{{x}}, untouched{hover}<extra></extra>",
        },
    ]
    slots = [
        Slot("data.0.y", lens=LENS, name="outputs", index=(OPERATED,)),
        Slot("data.1.y", lens=LENS, name="outputs", index=(UNTOUCHED,)),
        Slot("data.0.customdata", lens=LENS, name="moved"),
        Slot("layout.xaxis.tickvals", lens=LENS, name="tick_places"),
        Slot("layout.xaxis.ticktext", "labels", lens=LENS, name="tick_labels"),
    ]
    if tokens:
        names = ("operated_guesses", "guesses")
        slots += [Slot(f"data.{at}.text", "labels", lens=LENS, name=name) for at, name in enumerate(names)]
    else:
        slots.append(Slot("data.2.y", lens=LENS, name="target"))
        target = {"type": "scatter", "mode": "markers", "name": "target", "hovertemplate": TARGET}
        data.append(target | {"marker": {"color": shade.muted, "symbol": "diamond", "size": 5}})
        if run.get("filled"):
            trace, more = filled_trace(LENS, len(data))
            data.append(trace)
            slots += more
    return Panel(
        id="operated",
        title=f"{'Probability of the right token' if tokens else 'Output'}, operated and untouched",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t, and what is read there"}}
                | {"tickmode": "array", "tickangle": 0 if tokens else -90},
                yaxis={"title": {"text": run.get("unit") or said}} | ({"range": [-0.02, 1.02]} if tokens else {}),
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "effect"),),
        span=span,
        height=height,
    )


def worth_panel(run: Run, theme: str, *, span: int = 5, height: int = 290) -> Panel:
    """The change of the loss without each unit or head, a bar each, with two standard errors; a click operates on it.

    Dotted: a tenth of the longest bar.
    """
    shade = ink(theme)
    bars: dict[str, Any] = {
        "type": "bar",
        "hovertemplate": "without %{text}<br>loss %{y:+.4g}<br>whisker: two standard errors<extra></extra>",
        "textposition": "none",
        "showlegend": False,
    }
    unseen = {"type": "scatter", "mode": "lines", "x": [0, 0], "line": UNSEEN, "hoverinfo": "skip", "showlegend": False}
    least = {"color": shade.muted, "width": 1, "dash": "dot"}
    return Panel(
        id="worth",
        title=f"The loss without each {_kind(run)}",
        hint="click one to switch it off",
        figure={
            "data": [
                {
                    **bars,
                    "marker": {"color": FAMILY_COLOURS[run["model"]], "opacity": 0.6},
                    "error_y": {"type": "data", "color": shade.muted, "thickness": 1.2, "width": 2},
                },
                {**bars, "name": "operated", "marker": {"color": shade.text}},
                unseen,
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": _axis(run)}, "tickmode": "array", "tickangle": 0, "showgrid": False},
                yaxis={"title": {"text": "change of the loss"}, "zeroline": True, "zerolinecolor": shade.line},
                barmode="overlay",
                bargap=0.15,
                shapes=[level(0, **least)],
            ),
        },
        slots=(
            *(Slot(f"data.{trace}.x", lens=LENS, name="sites") for trace in (0, 1)),
            Slot("data.0.y", lens=LENS, name="effects"),
            Slot("data.0.error_y.array", lens=LENS, name="whiskers"),
            Slot("data.1.y", lens=LENS, name="held_effects"),
            Slot("layout.shapes.0.y0", lens=LENS, name="least_drawn"),
            Slot("layout.shapes.0.y1", lens=LENS, name="least_drawn"),
            *(Slot(f"data.{trace}.text", "labels", lens=LENS, name="site_names") for trace in (0, 1)),
            *(Slot(f"data.{trace}.customdata", "labels", lens=LENS, name="site_surgeries") for trace in (0, 1)),
            Slot("data.2.y", "context", lens=LENS, name="ends"),
            Slot("layout.xaxis.tickvals", lens=LENS, name="site_places"),
            Slot("layout.xaxis.ticktext", "labels", lens=LENS, name="site_ticks"),
        ),
        readings=(Reading(LENS, "worth"),),
        span=span,
        height=height,
        click={"operates": True},
    )


def losses_panel(run: Run, theme: str, *, span: int = 7, height: int = 220) -> Panel:
    """The loss at each token, operated and untouched; triangles mark the tokens that count in training."""
    shade, colour = ink(theme), FAMILY_COLOURS[run["model"]]
    lines = (
        ("operated", OPERATED, {"color": colour, "width": 2.6}),
        ("untouched", UNTOUCHED, {"color": shade.text, "width": 1.2, "dash": "dash"}),
    )
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "line": line,
            "hovertemplate": f"t = %{{x}}, {name}<br>loss %{{y:.4g}}<extra></extra>",
        }
        for name, _, line in lines
    ]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "counts in training",
            "marker": {"symbol": "triangle-up", "size": 8, "color": shade.muted},
            "cliponaxis": False,
            "hovertemplate": "t = %{x} counts in training<extra></extra>",
        }
    )
    return Panel(
        id="losses",
        title="Loss, token by token",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t"}},
                yaxis={
                    "title": {"text": "loss (nats)" if run["says_tokens"] else "squared error"},
                    "rangemode": "tozero",
                },
                showlegend=True,
            ),
        },
        slots=(
            *(Slot(f"data.{at}.y", lens=LENS, name="losses", index=(row,)) for at, (_, row, _) in enumerate(lines)),
            Slot("data.2.x", lens=LENS, name="counted"),
            Slot("data.2.y", lens=LENS, name="counted_heights"),
        ),
        readings=(Reading(LENS, "losses"),),
        span=span,
        height=height,
    )


def history_panel(run: Run, theme: str, *, span: int = 5, height: int = 220) -> Panel:
    """The change of the loss without each unit or head (rows) at every kept step of the tape (columns)."""
    heat = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmid": 0,
        "colorbar": colour_bar("change of the loss"),
        "hovertemplate": "step %{x}, without %{y}<br>loss %{z:+.4g}<extra></extra>",
    }
    return Panel(
        id="worth-history",
        title="The same over training",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "showgrid": False},
                yaxis={"title": {"text": _axis(run)}, "type": "category", "tickmode": "array", "showgrid": False},
                shapes=[
                    upright(color=INKS["light"].text, width=1, dash="dot")
                ],  # the map is light on either background
            ),
        },
        slots=(
            Slot("data.0.x", "history", lens=LENS, name="step"),
            Slot("data.0.y", "labels", lens=LENS, name="site_names"),
            Slot("data.0.z", "history", lens=LENS, name="effects", transpose=True),
            Slot("data.0.zmin", "context", lens=LENS, name="span", index=(0,)),
            Slot("data.0.zmax", "context", lens=LENS, name="span", index=(1,)),
            Slot("layout.yaxis.tickvals", lens=LENS, name="site_places"),
            Slot("layout.yaxis.ticktext", "labels", lens=LENS, name="site_ticks"),
            *at_moment(),
        ),
        readings=(Reading(LENS, "needed"),),
        span=span,
        height=height,
    )


def branch_panel(
    run: Run, parent: Mapping[str, NDArray[Any]], step: int, theme: str, *, span: int = 4, height: int = 220
) -> Panel:
    """The loss of a run that was trained on operated, beside that of its parent from the same moment.

    Args:
        run: `subject()` of the operated one, the only tape.
        parent: the parent's metrics.
        step: of the parent, from which the run went on.
    """
    steps, losses = (np.asarray(parent.get(name, ())) for name in (f"{VALIDATION}:step", VALIDATION))
    known = losses[steps <= step]
    loss, measured = (float(known[-1]), int(steps[steps <= step][-1])) if len(known) else (math.nan, step)
    later = steps >= step
    data = _branch_lines(run, (steps[later] - step).tolist(), losses[later].tolist(), theme)
    marks, set_at = rate_marks(theme, len(data))
    muted = ink(theme).muted
    shapes, annotations = [], []
    if math.isfinite(loss) and loss > 0:
        shapes.append(level(loss, color=muted, width=1.5, dash="dot"))
        annotations.append(level_name(f"parent at step {measured}", math.log10(loss), muted))
    return Panel(
        id="branch",
        title="Trained on like this, beside its parent",
        figure={
            # Alone: the steps of another tape are not those of this axis.
            "data": [trace | {"meta": "alone"} for trace in (*data, marks)],
            "layout": layout(
                theme,
                xaxis={"title": {"text": f"updates since the parent's step {step}"}, "rangemode": "tozero"},
                yaxis=LOSS_AXIS,
                yaxis2=AXIS,
                shapes=[*shapes, upright(color=muted, width=1, dash="dot")],
                annotations=annotations,
                showlegend=True,
            ),
        },
        slots=(
            Slot("data.0.x", "series", name="step"),
            Slot("data.0.y", "series", name="loss"),
            Slot("data.1.x", "series", name=f"{VALIDATION}:step"),
            Slot("data.1.y", "series", name=VALIDATION),
            *set_at,
            *at_moment(len(shapes)),
        ),
        readings=(Reading(LENS, "loss"),),
        reading=f"The parent's validation loss at step {measured} was {loss:.3g}." if shapes else "",
        span=span,
        height=height,
    )


def _branch_lines(run: Run, x: list[int], y: list[float], theme: str) -> list[dict[str, Any]]:
    """The operated run's training and validation loss, and the parent's validation loss, y at x updates later."""
    colour, hover = FAMILY_COLOURS[run["model"]], "<br>%{x} updates later: %{y:.4g}<extra></extra>"
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"color": colour, "width": 1.2},
            "opacity": 0.6,
            "showlegend": False,
            "hovertemplate": f"operated, training{hover}",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "operated",
            "line": {"color": colour, "width": 2.6},
            "hovertemplate": f"operated, validation{hover}",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "parent, untouched",
            "showlegend": len(x) > 1,  # from its last moment on there is no line to see
            "x": x,
            "y": y,
            "line": {"color": ink(theme).text, "width": 1.2, "dash": "dash"},
            "hovertemplate": f"parent, validation{hover}",
        },
    ]


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run, in reading order."""
    return [output_panel(run, theme), worth_panel(run, theme), losses_panel(run, theme), history_panel(run, theme)]


def _kind(run: Run) -> str:
    return FAMILIES[run["model"]].site


def _axis(run: Run) -> str:
    return _kind(run) if run["layers"] == 1 else f"layer · {_kind(run)}"
