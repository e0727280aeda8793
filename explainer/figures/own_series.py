"""A series of the user's as it was understood: a line, and the values that were filled in marked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explainer.figures.theme import ink, layout, plain

_MOST_POINTS = 1200
_LINE, _FILLED = "#2B83C6", "#D55E00"


def own_series_figure(name: str, values: Sequence[float], filled: Sequence[int], theme: str) -> dict[str, Any]:
    """A plotly figure of a series.

    Args:
        name: of the series; it may be a user's.
        values: oldest first. Of long ones, the least and the greatest of each stretch are drawn.
        filled: places in `values` that lie on straight lines between neighbours.
        theme: "light" or "dark".
    """
    places = thinned(values)
    shown = [*filled][:: max(1, len(filled) // _MOST_POINTS)]
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name[:40]),
        "x": [place + 1 for place in places],
        "y": [values[place] for place in places],
        "line": {"color": _LINE, "width": 1.4},
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": "filled in",
        "x": [place + 1 for place in shown],
        "y": [values[place] for place in shown],
        "marker": {"color": _FILLED, "size": 7, "symbol": "x", "line": {"width": 0, "color": ink(theme).text}},
    }
    return {
        "data": [line, *([marks] if shown else [])],
        "layout": layout(
            theme,
            height=190,
            showlegend=bool(shown),
            margin={"l": 48, "r": 8, "t": 22 if shown else 6, "b": 36},
            xaxis={"title": {"text": "value, oldest first"}},
        ),
    }


def thinned(values: Sequence[float]) -> list[int]:
    """Places of the least and the greatest value of each stretch, in order; all of them where they are few."""
    if len(values) <= _MOST_POINTS:
        return list(range(len(values)))
    size = -(-2 * len(values) // _MOST_POINTS)
    found: set[int] = {0, len(values) - 1}
    for start in range(0, len(values), size):
        stretch = range(start, min(start + size, len(values)))
        found |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return sorted(found)
