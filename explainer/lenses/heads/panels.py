"""The biography of heads: any score of every head over training, one head's whole life, and what each is worth.

The lines and the table are of the tape's validation batch. What the viewer's own input gives at the kept moments
are dots beside the lines; the bars, which show one moment, are then its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from explainer.charts import head_curves as curves
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.theme import FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout, plain, shades
from explainer.lenses.heads.notes import LIFE, NAMES
from explainer.lenses.heads.record import SCORES

LENS = "heads"
CHOSEN = ("layer", "head")
CHOICES = (
    "induction score",
    "previous-token score",
    "same-token score",
    "position-only score",
    "entropy",
    "mean distance",
    "Δloss without the head",
)
LIFE_NAMES = ("induction", "previous token", "same token", "position only", "entropy / that of even attention")
DASHES = ("solid", "solid", "dot", "dash", "dashdot")
NAMED_ROWS = 16  # so many heads have a label each; of more, the first of each layer
HISTORY_STEPS: dict[str, Any] = {"kind": "history", "lens": LENS, "name": "step"}

Runs = Sequence[Mapping[str, Any]]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of one run."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """All figures of the first run, in reading order; of the others, such as a control, only their strongest head."""
    return [
        lines_panel(runs, theme),
        table_panel(runs, theme),
        life_panel(runs[0], theme),
        knock_out_panel(runs[0], theme),
        loss_panel(runs, theme),
    ]


def selections(run: Mapping[str, Any]) -> dict[str, tuple[str, int | tuple[str, ...]]]:
    """What a viewer chooses: the score of the two upper figures, and a head."""
    return {"score": ("Score", CHOICES), "layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def lines_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 260) -> Panel:
    """The chosen score of every head against the step, its phase change shaded; other runs' highest is dotted.

    Dashed: what the chosen head's score would be by chance, where it is one of those that give a role. Dots: the same on the viewer's own input.
    """
    L, H = runs[0]["layers"], runs[0]["heads"]
    band, band_slots = _band("band", ("score",))
    data: list[dict[str, Any]] = [band]
    slots = [
        *band_slots,
        *at_moment(),
        Slot("layout.yaxis.range", "context", lens=LENS, name="ends", index=("score",), covers="by_head"),
    ]
    dots: list[OwnDots] = []
    slots.append(Slot("layout.yaxis.title.text", "labels", lens=LENS, name="axes", index=("score",)))

    def line(run: int, array: str, index: tuple[int | str, ...], label: str, **given: Any) -> None:
        slots.append(Slot(f"data.{len(data)}.x", run=run, **HISTORY_STEPS))
        slots.append(Slot(f"data.{len(data)}.y", "history", run=run, lens=LENS, name=array, index=("score", *index)))
        hover = f"{label}<br>step %{{x}}: %{{y:.4g}}<extra></extra>"
        data.append({"type": "scatter", "mode": "lines", "hovertemplate": hover, **given})
        look = given["line"]
        dots.append(OwnDots(label, look["color"], array, ("score", *index), 9 if look["width"] > 2 else 5, run))

    for layer, colour in enumerate(shades(theme, L)):
        thin = {"color": colour, "width": 1.3}
        if L * H > curves.MOST_LINES:
            line(0, "by_layer", (layer,), f"layer {layer + 1}, the highest of its heads", line=thin)
            continue
        for head in range(H):
            line(0, "scores", (layer, head), f"layer {layer + 1}, head {head + 1}", line=thin)
    level = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 1.5, "dash": "dash"}
    line(0, "by_chance", CHOSEN, "the chosen head, by chance", line=level)
    line(0, "scores", CHOSEN, "the chosen head", line={"color": FAMILY_COLOURS[runs[0]["model"]], "width": 3})
    for number, run in enumerate(runs[1:], start=1):
        dotted = {"color": ink(theme).text, "width": 2, "dash": "dot"}
        line(number, "best", (), plain(f"{run['label']}: the highest of its heads"), line=dotted)
    slots += _added(data, dots)
    return Panel(
        id="score",
        title="Every head over training: the chosen score",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis=_steps_axis(),
                yaxis={"nticks": 6},
                **BAND_AXIS,
                shapes=[curves.moment_line(theme)],
                annotations=[curves.key(runs, theme)],
                margin={"l": 54, "r": 8, "t": 20, "b": 40},
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "score", run=number) for number in range(len(runs))),
        reading_index=("score",),
        span=span,
        height=height,
    )


def table_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 260) -> Panel:
    """The first run's chosen score as heads x steps, and when it changes phase; a click chooses the head."""
    run = runs[0]
    names = head_names(run)
    few = len(names) <= NAMED_ROWS
    heat = {
        "type": "heatmap",
        "y": names,
        "colorscale": SEQUENTIAL,
        "colorbar": colour_bar(""),
        "hovertemplate": "%{y}, step %{x}: %{z:.4g}<br>click to choose this head<extra></extra>",
    }
    frame = {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "line": {"color": FAMILY_COLOURS[run["model"]], "width": 3},
    }
    return Panel(
        id="table",
        title="The same as colours, head × step",
        hint="click a head",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**_steps_axis(), "showgrid": False},
                yaxis={
                    "type": "category",
                    "autorange": "reversed",
                    "showgrid": False,
                    "title": {"text": "layer and head"},
                    **({} if few else {"tickmode": "array", "tickvals": names[:: run["heads"]]}),
                },
                shapes=[curves.moment_line(theme), frame],
                margin={"l": 62, "r": 14, "t": 20, "b": 40},
            ),
        },
        slots=(
            Slot("data.0.x", **HISTORY_STEPS),
            Slot("data.0.z", "history", lens=LENS, name="by_head", index=("score",), transpose=True),
            Slot("data.0.zmin", "context", lens=LENS, name="ends", index=("score", 0)),
            Slot("data.0.zmax", "context", lens=LENS, name="ends", index=("score", 1)),
            Slot("data.0.colorbar.title.text", "labels", lens=LENS, name="axes", index=("score",)),
            *at_moment(),
            *_framed(1, "y", run)[0],
        ),
        arrays=_framed(1, "y", run)[1],
        readings=(*(Reading(LENS, "change", run=number) for number in range(len(runs))), Reading(LENS, "table")),
        reading_index=("score",),
        span=span,
        height=height,
        click={"heads": run["heads"]},
    )


def life_panel(run: Mapping[str, Any], theme: str, *, span: int = 5, height: int = 230) -> Panel:
    """All that lies between 0 and 1 of the chosen head, against the step; dots: on the viewer's own input."""
    shade, tones = ink(theme), shades(theme, 3)
    colours = (FAMILY_COLOURS[run["model"]], tones[0], tones[1], shade.muted, shade.text)
    data: list[dict[str, Any]] = []
    slots = [*at_moment()]
    dots = []
    for at, (name, colour, dash) in enumerate(zip(LIFE_NAMES, colours, DASHES, strict=True)):
        slots += [
            Slot(f"data.{at}.x", **HISTORY_STEPS),
            Slot(f"data.{at}.y", "history", lens=LENS, name="life", index=(at, *CHOSEN)),
        ]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "line": {"color": colour, "width": 2.6 if at < 2 else 1.6, "dash": dash},
                "hovertemplate": f"{name}<br>step %{{x}}: %{{y:.3f}}<extra></extra>",
            }
        )
        dots.append(OwnDots(name, colour, "life", (at, *CHOSEN), 8 if at < 2 else 6))
    assert len(data) == len(LIFE), LIFE
    slots += _added(data, dots)
    return Panel(
        id="life",
        title="The life of the chosen head",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis=_steps_axis(),
                yaxis={"title": {"text": "score"}, "range": [0, 1.02], "nticks": 5},
                shapes=[curves.moment_line(theme)],
                showlegend=True,
                legend=curves.small_legend(),
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "life"),),
        reading_index=CHOSEN,
        span=span,
        height=height,
    )


def knock_out_panel(run: Mapping[str, Any], theme: str, *, span: int = 3, height: int = 230) -> Panel:
    """By how much the loss is higher without each head, at this step, with two standard errors."""
    L, H = run["layers"], run["heads"]
    names = head_names(run)
    unit = "nats" if run["says_tokens"] else "squared error"
    at = SCORES.index("knocked_out")
    bars = {
        "type": "bar",
        "x": names,
        "marker": {"color": [colour for colour in shades(theme, L) for _ in range(H)]},
        "error_y": {"type": "data", "color": ink(theme).muted, "thickness": 1.2, "width": 2},
        "hovertemplate": "without %{x}: %{y:+.4g} "
        + unit
        + "<br>whisker: two standard errors<br>click to choose this head<extra></extra>",
    }
    frame = {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": FAMILY_COLOURS[run["model"]], "width": 2},
    }
    return Panel(
        id="knock-out",
        title=f"{NAMES['knocked_out']}, at this step",
        figure={
            "data": [bars],
            "layout": layout(
                theme,
                xaxis={
                    "type": "category",
                    "showgrid": False,
                    "title": {"text": "head that is switched off"},
                    **({} if len(names) <= NAMED_ROWS else {"tickmode": "array", "tickvals": names[::H]}),
                },
                yaxis={
                    "title": {"text": f"Δloss ({unit})"},
                    "nticks": 5,
                    "zeroline": True,
                    "zerolinecolor": ink(theme).line,
                },
                shapes=[frame],
            ),
        },
        slots=(
            Slot("data.0.y", lens=LENS, name="by_head", index=(at,)),
            Slot("data.0.error_y.array", lens=LENS, name="whiskers"),
            Slot("layout.yaxis.range", "context", lens=LENS, name="ends", index=(at,), covers="by_head"),
            *_framed(0, "x", run)[0],
        ),
        arrays=_framed(0, "x", run)[1],
        readings=(Reading(LENS, "knocked_out"),),
        span=span,
        height=height,
        click={"heads": H},
    )


def loss_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 230) -> Panel:
    """The loss of every run, and where the first one's changes phase; dots: on the viewer's own input."""
    panel = curves.loss_panel(runs, theme, LENS, span=span, height=height)
    band, slots = _band("loss_band", (), trace=len(panel.figure["data"]))
    data = [*panel.figure["data"], band]
    dots = []
    for number, run in enumerate(runs):
        colour = ink(theme).text if number else FAMILY_COLOURS[run["model"]]
        dots.append(OwnDots(plain(run["label"]), colour, "loss", (), 8, number))
    slots += _added(data, dots)
    figure = {"data": data, "layout": {**panel.figure["layout"], **BAND_AXIS}}
    readings = tuple(Reading(LENS, name, run=number) for number in range(len(runs)) for name in ("loss", "loss_change"))
    return replace(panel, figure=figure, slots=(*panel.slots, *slots), readings=readings)


def head_names(run: Mapping[str, Any]) -> list[str]:
    """L1 H1, L1 H2 and so on."""
    return [f"L{layer + 1} H{head + 1}" for layer in range(run["layers"]) for head in range(run["heads"])]


class OwnDots(NamedTuple):
    """An array of every answer on the viewer's own input, as dots at their steps; further runs' are hollow.

    `under` are the indices that lead to the numbers in it, as in a slot.
    """

    label: str
    colour: str
    array: str
    under: tuple[int | str, ...]
    size: int
    run: int = 0


def _added(data: list[dict[str, Any]], dots: Sequence[OwnDots]) -> list[Slot]:
    """Put the dots over the other traces; returns their slots."""
    slots = []
    for label, colour, array, under, size, run in dots:
        slots.append(Slot(f"data.{len(data)}.x", "asked", run=run, lens=LENS, name="step"))
        slots.append(Slot(f"data.{len(data)}.y", "asked", run=run, lens=LENS, name=array, index=under))
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [],
                "y": [],
                "showlegend": False,
                "marker": {"symbol": "circle-open" if run else "circle", "size": size, "color": colour},
                "hovertemplate": f"{label}, your own sequence<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
            }
        )
    return slots


BAND_AXIS = {"yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}}


def _band(name: str, index: tuple[int | str, ...], trace: int = 0) -> tuple[dict[str, Any], list[Slot]]:
    """A shaded stretch of steps from top to bottom; nothing where its steps are NaN (a shape would need numbers)."""
    band = {
        "type": "scatter",
        "mode": "lines",
        "y": [0, 1, 1, 0],
        "yaxis": "y2",
        "fill": "toself",
        "fillcolor": "rgba(230, 159, 0, 0.22)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return band, [Slot(f"data.{trace}.x", "context", lens=LENS, name=name, index=index)]


def _framed(shape: int, axis: str, run: Mapping[str, Any]) -> tuple[tuple[Slot, Slot], dict[str, Any]]:
    """A frame around the chosen head's row or bar: slots for a shape, and where each head's begins and ends."""
    place = np.arange(run["layers"] * run["heads"], dtype=np.float32).reshape(run["layers"], run["heads"])
    slots = tuple(Slot(f"layout.shapes.{shape}.{axis}{end}", "own", name=f"end{end}", index=CHOSEN) for end in (0, 1))
    return (slots[0], slots[1]), {"end0": place - 0.5, "end1": place + 0.5}


def _steps_axis() -> dict[str, Any]:
    return {"title": {"text": "training step"}, "rangemode": "tozero"}
