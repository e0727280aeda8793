"""A series of the user's: as it was understood, a line, and everywhere the values that were filled in, marked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from explainer.charts.theme import plain, stroke
from explainer.charts.traces import Seen, drawn, scatter

_MOST_POINTS = 1200
_LINE = "#2B83C6"
_MARKS = scatter(
    "markers", name="filled in", marker={"color": "#D55E00", "size": 7, "symbol": "x", "line": {"width": 0}}
)
"""The points of values that were missing."""


def own_series_figure(name: str, values: Sequence[float], filled: Sequence[int], theme: str) -> dict[str, Any]:
    """A plotly figure of a series.

    Args:
        name: of the series; it may be a user's.
        values: oldest first. Of long ones, the least and the greatest of each stretch are drawn.
        filled: places in `values` that lie on straight lines between neighbours.
    """
    places = thinned(values)
    shown = [*filled][:: max(1, len(filled) // _MOST_POINTS)]
    line = scatter(
        name=plain(name[:40]),
        x=[place + 1 for place in places],
        y=[values[place] for place in places],
        line=stroke(_LINE, 1.4),
    )
    marks = {**_MARKS, "x": [place + 1 for place in shown], "y": [values[place] for place in shown]}
    return drawn(
        theme,
        [line, *([marks] if shown else [])],
        height=190,
        showlegend=bool(shown),
        margin={"l": 48, "r": 8, "t": 22 if shown else 6, "b": 36},
        xaxis="value, oldest first",
    )


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


# -- in the figures of a run ------------------------------------------------------------------


def filled_trace(lens: str) -> dict[str, Any]:
    """The targets that were filled in."""
    hover = "t = %{x}<br>target %{y:.4f}, filled in<extra></extra>"
    return {**_MARKS, "hovertemplate": hover, "x": Seen(lens)("filled_x"), "y": Seen(lens)("filled_y")}


def filled_points(
    filled: Bool[np.ndarray, " positions"], target: Float[np.ndarray, " numbers"]
) -> dict[str, NDArray[Any]]:
    """What fills these slots: the positions, and the targets there."""
    places = np.flatnonzero(filled).astype(np.int32)
    return {"filled_x": places, "filled_y": target[places]}


def filled_reading(filled: Bool[np.ndarray, " positions"], mask: Bool[np.ndarray, " T"]) -> str:
    """A sentence on the targets of a sequence that nobody measured; "" where there are none."""
    count = int(filled.sum())
    if not count:
        return ""
    judged = f", {int(mask[filled].sum()):,} of them where it counts" if mask[filled].any() else ""
    return f" {count:,} of the {len(mask):,} targets {'was' if count == 1 else 'were'} filled in, not measured (×){judged}."
