"""Many maps of steps by steps at once, and the chosen one of them large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from explainer.charts.panel import Panel, mosaic_cell
from explainer.charts.theme import FAMILY_COLOURS, ink, stroke
from explainer.charts.traces import Run, Seen, coloured, drawn, heatmap

LABELLED = 6
"""So many maps side by side are wide enough for words."""
TICKS = 32
"""Tokens on an axis, at most."""
LONGEST_TICK = 5
"""Characters of one; a longer token is only in the hover label."""


class Mapped(Protocol):
    """A record of maps over tokens, several of which may share a row."""

    @property
    def tokens(self) -> tuple[str, ...]: ...
    @property
    def cell(self) -> int: ...


def place_of(record: Mapped, at: int) -> str:
    """What a row or column of the maps stands for: "3 (the)", or where several positions share one "6–8 (a … c)"."""
    first, last = at * record.cell, min((at + 1) * record.cell, len(record.tokens)) - 1
    if first == last:
        return f"{first} ({record.tokens[first]})"
    return f"{first}–{last} ({record.tokens[first]} … {record.tokens[last]})"


def fitting_labels(tokens: Sequence[str], places: Sequence[int]) -> list[str]:
    """The tokens at some places, or, where one is too long for an axis, the places themselves."""
    short = all(len(token) <= LONGEST_TICK for token in tokens)
    return [tokens[at] if short else str(at) for at in places]


def gap_of(L: int, H: int, T: int) -> int:
    """Empty cells between two small maps of T steps: a fifth of a map, so that words fit in."""
    return max(1, round(-(-T // mosaic_cell(L, H, T, T)) / 5))


def mosaic_places(shape: tuple[int, ...], gap: int) -> dict[str, NDArray[np.float32]]:
    """Where the small maps are: `columns` (3, H) and `rows` (3, L), first edge, middle and last edge; `row_range`."""
    L, H, T, S = shape
    cell = mosaic_cell(L, H, T, S)
    places = {}
    for name, count, size in (("columns", H, -(-S // cell)), ("rows", L, -(-T // cell))):
        first = np.arange(count) * (size + gap) - 0.5
        places[name] = np.stack([first, first + size / 2, first + size]).astype(np.float32)
    places["row_range"] = np.array([places["rows"][2, -1] + gap / 8, -0.5 - gap], np.float32)
    return places


def mosaic_panel(
    run: Run,
    theme: str,
    seen: Seen,
    title: str,
    names: Sequence[str],
    *,
    unit: str,
    of: str,
    colours: dict[str, Any],
    span: int = 6,
    chosen: bool = True,
) -> Panel:
    """Slots for `weights` (L, H, T, T) of a lens, a row of maps for each layer; a click chooses the one shown large.

    Args:
        names: of the H columns.
        unit: what a number is, such as "weight".
        of: what one map is of, such as "head".
        colours: of the table: their scale and its ends.
        chosen: whether one can be chosen.
    """
    L, H = run["layers"], len(names)
    gap, named = gap_of(L, H, run["length"]), len(names) <= LABELLED
    heat = heatmap(
        z=seen("weights", kind="mosaic", gap=gap),
        **colours,
        showscale=False,
        hoverongaps=False,
        hover=f"{unit} %{{z:.4f}}" + (f"<br>click to see this {of} large" if chosen else ""),
    )
    words = [
        {"text": seen.labels("roles", number), "x": seen("columns", 1, number % H), "y": seen("rows", 0, number // H)}
        | {"showarrow": False, "yanchor": "bottom", "borderpad": 0, "font": {"size": 11}}
        for number in range(L * H if named else 0)
    ]
    columns = {"x0": seen("columns", 0, "head"), "x1": seen("columns", 2, "head")}
    rows = {"y0": seen("rows", 0, "layer"), "y1": seen("rows", 2, "layer")}
    frame = {"type": "rect", **columns, **rows, "line": stroke(FAMILY_COLOURS[run["model"]], 3)}
    axis = {"showgrid": False, "showline": False, "tickmode": "array", "ticks": ""}
    places = {"tickvals": seen("rows", 1), "range": seen("row_range")}
    figure = drawn(
        theme,
        [heat],
        xaxis={**axis, "ticktext": list(names), "tickvals": seen("columns", 1)} | ({} if named else {"title": of}),
        yaxis={**axis, **places, "ticktext": [f"layer {layer + 1}" for layer in range(L)], "tickangle": -90},
        margin={"l": 30, "r": 6, "t": 4, "b": 24 if named else 40},
        shapes=[frame] if chosen else [],
        annotations=words,
    )
    height = min(420, max(180, 40 + 90 * L))
    if not chosen:
        return seen.panel("beside", title, figure, "heads", span=span, height=height)
    click, hint = {"run": 0, "lens": seen.lens, "name": "weights", "gap": gap}, "click one to see it large"
    return seen.panel("heads", title, figure, span=span, height=height, click=click, hint=hint)


def map_panel(
    theme: str,
    seen: Seen,
    title: str,
    *,
    unit: str,
    ends: tuple[float, float],
    scale: Any,
    future: str,
    hover: str = "",
    **more: Any,
) -> Panel:
    """[t, s] of the chosen map: how much the query at t takes from the key at s.

    Args:
        unit: what a number is.
        ends: of the colours.
        scale: the colours.
        future: what is said where no key may be seen.
        hover: what the pointer is told beside.
        more: of the panel.
    """
    heat = heatmap(
        z=seen("weights", "layer", "head"),
        text=seen("cells", kind="across", transpose=True),
        customdata=seen("cells", kind="across"),
        **coloured(unit, *ends, scale),
        hover=f"query t = %{{text}}<br>key s = %{{customdata}}<br>{unit} %{{z:.4f}}{hover}",
    )
    note = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 0.78, "showarrow": False}
    ticks = {**seen.ticks(), "showgrid": False, "tickfont": {"size": 10, "color": ink(theme).muted}}
    figure = drawn(
        theme,
        [heat],
        xaxis={**ticks, "title": "key: position s, and its token"},
        yaxis={**ticks, "title": "query: position t, and its token", "autorange": "reversed"},
        annotations=[{**note, "text": future, "font": {"color": "#B9AFC9", "size": 12}}],
    )
    return seen.panel("map", title, figure, reading_index=("layer", "head"), rows=2, height=470, **more)
