"""Surgery: what the network says untouched and operated, its loss token by token, and what each unit is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.curves import VALIDATION
from explainer.charts.own_series import filled_trace
from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.theme import (
    DIVERGING,
    FAMILY_COLOURS,
    INKS,
    LOSS_AXIS,
    UNSEEN,
    ink,
    level,
    level_name,
    stroke,
)
from explainer.charts.traces import Run, Seen, bar, coloured, drawn, heatmap, moment, scatter, series
from explainer.families import FAMILIES

LENS = "surgery"
UNTOUCHED, OPERATED = 0, 1
SEEN = Seen(LENS)


def output_panel(run: Run, theme: str) -> Panel:
    """What the network says at each token: untouched thin and dashed, operated bold, the target as dots."""
    shade, tokens = ink(theme), run["says_tokens"]
    said = "p(right token)" if tokens else "output"
    hover = f"{'<br>guess: %{text}' if tokens else ''}<br>{said} = %{{y:.4f}}"
    operated, untouched = data = [
        scatter(
            "lines+markers", name=name, y=SEEN("outputs", row), line=line, hover=f"t = %{{x}}, {name}{hover}{moved}"
        )
        for (name, row, line), moved in zip(_both(run, theme), ("<br>moved by %{customdata:.4f}", ""), strict=True)
    ]
    if tokens:
        operated["text"], untouched["text"] = SEEN.labels("operated_guesses"), SEEN.labels("guesses")
    else:
        dots = {"color": shade.muted, "symbol": "diamond", "size": 5}
        data.append(scatter("markers", name="target", y=SEEN("target"), marker=dots, hover="t = %{x}, target %{y:.4f}"))
        data += [filled_trace(LENS)] if run.get("filled") else []
    operated |= {"marker": {"size": 5}, "customdata": SEEN("moved")}
    untouched |= {"marker": {"size": 5, "symbol": "circle-open"}}
    figure = drawn(
        theme,
        data,
        xaxis={**SEEN.ticks(), "title": "time step t, and what is read there", "tickangle": 0 if tokens else -90},
        yaxis={"title": run.get("unit") or said} | ({"range": [-0.02, 1.02]} if tokens else {}),
        showlegend=True,
    )
    return SEEN.panel(
        "operated",
        f"{'Probability of the right token' if tokens else 'Output'}, operated and untouched",
        figure,
        "effect",
        span=7,
        height=290,
    )


def _both(run: Run, theme: str) -> tuple[tuple[str, int, dict[str, Any]], ...]:
    """Name, row of an array and line of the operated network, which stands out, and of the untouched one."""
    untouched = stroke(ink(theme).text, 1.2, "dash")
    return ("operated", OPERATED, stroke(FAMILY_COLOURS[run["model"]], 2.6)), ("untouched", UNTOUCHED, untouched)


def worth_panel(run: Run, theme: str) -> Panel:
    """The change of the loss without each unit or head, a bar each, with two standard errors; a click operates on it.

    Dotted: a tenth of the longest bar.
    """
    shade = ink(theme)
    bars = bar(
        x=SEEN("sites"),
        text=SEEN.labels("site_names"),
        customdata=SEEN.labels("site_surgeries"),
        hover="without %{text}<br>loss %{y:+.4g}<br>whisker: two standard errors",
        textposition="none",
        showlegend=False,
    )
    whiskers = {"type": "data", "array": SEEN("whiskers"), "color": shade.muted, "thickness": 1.2, "width": 2}
    worth = {"marker": {"color": FAMILY_COLOURS[run["model"]], "opacity": 0.6}, "error_y": whiskers}
    figure = drawn(
        theme,
        [
            bars | worth | {"y": SEEN("effects")},
            bars | {"name": "operated", "y": SEEN("held_effects"), "marker": {"color": shade.text}},
            scatter(x=[0, 0], y=SEEN.context("ends"), line=UNSEEN, hoverinfo="skip", showlegend=False),
        ],
        xaxis={"title": _axis(run), **_site_ticks(), "tickangle": 0, "showgrid": False},
        yaxis={"title": "change of the loss", "zeroline": True, "zerolinecolor": shade.line},
        barmode="overlay",
        bargap=0.15,
        shapes=[level(0, **stroke(shade.muted, 1, "dot"))],
    )
    return SEEN.panel(
        "worth",
        f"The loss without each {FAMILIES[run['model']].site}",
        figure,
        hint="click one to switch it off",
        slots=tuple(Slot(f"layout.shapes.0.{end}", lens=LENS, name="least_drawn") for end in ("y0", "y1")),
        span=5,
        height=290,
        click={"operates": True},
    )


def losses_panel(run: Run, theme: str) -> Panel:
    """The loss at each token, operated and untouched; triangles mark the tokens that count in training."""
    data = [
        scatter(name=name, y=SEEN("losses", row), line=line, hover=f"t = %{{x}}, {name}<br>loss %{{y:.4g}}")
        for name, row, line in _both(run, theme)
    ]
    counted = scatter(
        "markers",
        name="counts in training",
        x=SEEN("counted"),
        y=SEEN("counted_heights"),
        marker={"symbol": "triangle-up", "size": 8, "color": ink(theme).muted},
        cliponaxis=False,
        hover="t = %{x} counts in training",
    )
    figure = drawn(
        theme,
        [*data, counted],
        xaxis="time step t",
        yaxis={"title": "loss (nats)" if run["says_tokens"] else "squared error", "rangemode": "tozero"},
        showlegend=True,
    )
    return SEEN.panel("losses", "Loss, token by token", figure, span=7, height=220)


def history_panel(run: Run, theme: str) -> Panel:
    """The change of the loss without each unit or head (rows) at every kept step of the tape (columns)."""
    heat = heatmap(
        x=SEEN.history("step"),
        y=SEEN.labels("site_names"),
        z=SEEN.history("effects", transpose=True),
        **coloured("change of the loss", *SEEN.ends("span"), DIVERGING),
        zmid=0,
        hover="step %{x}, without %{y}<br>loss %{z:+.4g}",
    )
    figure = drawn(
        theme,
        [heat],
        xaxis={"title": "training step", "showgrid": False},
        yaxis={"title": _axis(run), "type": "category", **_site_ticks(), "showgrid": False},
        # The map is light on either background.
        shapes=[moment(theme, color=INKS["light"].text, dash="dot")],
    )
    return SEEN.panel("worth-history", "The same over training", figure, "needed", span=5, height=220)


def branch_panel(run: Run, parent: Mapping[str, NDArray[Any]], step: int, theme: str) -> Panel:
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
    data = [*_branch_lines(run, (steps[later] - step).tolist(), losses[later].tolist(), theme), rate_marks(theme)]
    muted = ink(theme).muted
    shapes, annotations = [], []
    if math.isfinite(loss) and loss > 0:
        shapes.append(level(loss, color=muted, width=1.5, dash="dot"))
        annotations.append(level_name(f"parent at step {measured}", math.log10(loss), muted))
    figure = drawn(
        theme,
        # Alone: the steps of another tape are not those of this axis.
        [trace | {"meta": "alone"} for trace in data],
        xaxis={"title": f"updates since the parent's step {step}", "rangemode": "tozero"},
        yaxis=LOSS_AXIS,
        yaxis2=AXIS,
        shapes=[*shapes, moment(theme, dash="dot")],
        annotations=annotations,
        showlegend=True,
    )
    return Panel(
        "branch",
        "Trained on like this, beside its parent",
        figure,
        readings=(Reading(LENS, "loss"),),
        reading=f"The parent's validation loss at step {measured} was {loss:.3g}." if shapes else "",
        span=4,
        height=220,
    )


def _branch_lines(run: Run, x: list[int], y: list[float], theme: str) -> list[dict[str, Any]]:
    """The operated run's training and validation loss, and the parent's validation loss, y at x updates later."""
    hover = "<br>%{x} updates later: %{y:.4g}"
    (_, _, operated), (_, _, untouched) = _both(run, theme)
    return [
        scatter(
            x=series("step"),
            y=series("loss"),
            line=operated | {"width": 1.2},
            opacity=0.6,
            showlegend=False,
            hover=f"operated, training{hover}",
        ),
        scatter(
            name="operated",
            x=series(f"{VALIDATION}:step"),
            y=series(VALIDATION),
            line=operated,
            hover=f"operated, validation{hover}",
        ),
        scatter(
            name="parent, untouched",
            showlegend=len(x) > 1,  # from its last moment on there is no line to see
            x=x,
            y=y,
            line=untouched,
            hover=f"parent, validation{hover}",
        ),
    ]


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run, in reading order."""
    return [output_panel(run, theme), worth_panel(run, theme), losses_panel(run, theme), history_panel(run, theme)]


def _axis(run: Run) -> str:
    kind = FAMILIES[run["model"]].site
    return kind if run["layers"] == 1 else f"layer · {kind}"


def _site_ticks() -> dict[str, Any]:
    return {"tickmode": "array", "tickvals": SEEN("site_places"), "ticktext": SEEN.labels("site_ticks")}
