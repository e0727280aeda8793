"""A pattern of units: the viewer's text with the chosen stretch, and the places where the same units are on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import SEQUENTIAL, colour_bar, ink, layout
from explainer.lenses.pattern.notes import COLUMNS

LENS = "pattern"

Run = Mapping[str, Any]


def stretch_panel(run: Run, theme: str, *, span: int = 12, height: int = 130) -> Panel:
    """The viewer's text, coloured by how many of the pattern's units are on; the stretch has a border."""
    source: dict[str, Any] = {"lens": LENS}
    return Panel(
        id="stretch",
        title="The stretch, and the share of its units that is on at each character",
        figure={"data": [_letters(theme)], "layout": _page(theme, [-0.8, COLUMNS - 0.2])},
        slots=(
            Slot("data.0.x", name="text_x", **source),
            Slot("data.0.y", name="text_y", **source),
            Slot("data.0.text", "labels", name="tokens", **source),
            Slot("data.0.marker.color", name="on", **source),
            Slot("data.0.marker.line.width", name="border", **source),
        ),
        readings=(Reading(LENS, "stretch"),),
        span=span,
        height=height,
    )


def places_panel(run: Run, theme: str, *, span: int = 12, height: int = 440) -> Panel:
    """The first places of the validation text with the same units on, one below the other, aligned at their first step."""
    source: dict[str, Any] = {"lens": LENS}
    frame = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": -0.5, "x1": 0.5, "layer": "above"}
    page = _page(theme, [-19, 24])
    page["shapes"] = [frame | {"line": {"color": ink(theme).text, "width": 2}}]
    return Panel(
        id="places",
        title="Where else in the validation text",
        figure={"data": [_letters(theme)], "layout": page},
        slots=(
            Slot("data.0.x", name="place_x", **source),
            Slot("data.0.y", name="place_y", **source),
            Slot("data.0.text", "labels", name="place_text", **source),
            Slot("data.0.marker.color", name="place_on", **source),
            Slot("layout.shapes.0.x1", name="frame", **source),
            Slot("layout.xaxis.range", name="reach", **source),
        ),
        readings=(Reading(LENS, "places"),),
        span=span,
        height=height,
    )


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [stretch_panel(run, theme), places_panel(run, theme)]


def _letters(theme: str) -> dict[str, Any]:
    """Characters on coloured squares."""
    return {
        "type": "scatter",
        "mode": "markers+text",
        "marker": {
            "symbol": "square",
            "size": 22,
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 1,
            "opacity": 0.4 if theme == "dark" else 0.55,  # the letters must stand out on both backgrounds
            "colorbar": colour_bar("share on"),
            "line": {"width": 0.5, "color": ink(theme).text},
        },
        "textfont": {"color": ink(theme).text, "size": 13},
        "hovertemplate": "%{text}<br>%{marker.color:.0%} of the units are on<extra></extra>",
        "cliponaxis": False,
    }


def _page(theme: str, reach: list[float]) -> dict[str, Any]:
    hidden = {"visible": False, "fixedrange": True}
    return layout(theme, xaxis={**hidden, "range": reach}, yaxis={**hidden}, margin={"l": 8, "r": 8, "t": 14, "b": 14})
