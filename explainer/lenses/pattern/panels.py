"""A pattern of units: the viewer's text with the chosen stretch, and the places where the same units are on."""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Slot
from explainer.charts.theme import SEQUENTIAL, colour_bar, ink, stroke
from explainer.charts.traces import Run, Seen, drawn, scatter
from explainer.lenses.pattern.notes import COLUMNS

SEEN = Seen("pattern")


def stretch_panel(run: Run, theme: str) -> Panel:
    """The viewer's text, coloured by how many of the pattern's units are on; the stretch has a border."""
    figure = _page(theme, _letters(theme, "text_x", "text_y", "tokens", "on"), [-0.8, COLUMNS - 0.2])
    border = (Slot("data.0.marker.line.width", lens=SEEN.lens, name="border"),)
    title = "The stretch, and the share of its units that is on at each character"
    return SEEN.panel("stretch", title, figure, slots=border, span=12, height=130)


def places_panel(run: Run, theme: str) -> Panel:
    """The first places of the validation text with the same units on, one below the other, aligned at their first step."""
    frame = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": -0.5, "x1": 0.5, "layer": "above"}
    page = _page(theme, _letters(theme, "place_x", "place_y", "place_text", "place_on"), [-19, 24])
    page["layout"]["shapes"] = [frame | {"line": stroke(ink(theme).text, 2)}]
    moved = {"shapes.0.x1": "frame", "xaxis.range": "reach"}
    slots = tuple(Slot(f"layout.{to}", lens=SEEN.lens, name=name) for to, name in moved.items())
    return SEEN.panel("places", "Where else in the validation text", page, slots=slots, span=12, height=440)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [stretch_panel(run, theme), places_panel(run, theme)]


def _letters(theme: str, x: str, y: str, text: str, on: str) -> dict[str, Any]:
    """Characters on coloured squares, by the names of what is seen of them."""
    return scatter(
        "markers+text",
        x=SEEN(x),
        y=SEEN(y),
        text=SEEN.labels(text),
        marker={
            "color": SEEN(on),
            "symbol": "square",
            "size": 22,
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 1,
            "opacity": 0.4 if theme == "dark" else 0.55,  # the letters must stand out on both backgrounds
            "colorbar": colour_bar("share on"),
            "line": {"width": 0.5, "color": ink(theme).text},
        },
        textfont={"color": ink(theme).text, "size": 13},
        hover="%{text}<br>%{marker.color:.0%} of the units are on",
        cliponaxis=False,
    )


def _page(theme: str, letters: dict[str, Any], reach: list[float]) -> dict[str, Any]:
    hidden, margin = {"visible": False, "fixedrange": True}, {"l": 8, "r": 8, "t": 14, "b": 14}
    return drawn(theme, [letters], xaxis={**hidden, "range": reach}, yaxis=hidden, margin=margin)
