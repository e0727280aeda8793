"""Attention: the maps of all heads at once, the chosen one large, and what each head is like, in words.

The curves of the heads over training are in `heads`, their numbers and sentences in `head_notes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.figures.head_notes import ROLES, arrays_of, heads_reading, map_reading, place_of, readings_of, role_of
from explainer.figures.heads import LENS, loss_panel, metric_panel, score_panel
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot, mosaic_cell
from explainer.figures.theme import FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout
from explainer.records import AttentionRecord

LABELLED_HEADS = 6  # so many maps side by side are wide enough for words
TICKS = 32  # tokens on an axis, at most
LONGEST_TICK = 5  # characters of one; a longer token is only in the hover label


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Sequence[Mapping[str, Any]], theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    metric = metric_panel(runs, theme)
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        score_panel(runs, theme, "previous_token"),
        score_panel(runs, theme, "prefix_matching"),
        *([metric] if metric else []),
        loss_panel(runs, theme, span=6 if metric else 12),
    ]


def selections(run: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the head that is shown large."""
    return {"layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def mosaic_panel(run: Mapping[str, Any], theme: str, *, span: int = 6) -> Panel:
    """The weights of every head, a row of maps for each layer; a click chooses the one shown large."""
    L, H = run["layers"], run["heads"]
    gap = _gap(run)
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "weight %{z:.4f}<br>click to see this head large<extra></extra>",
    }
    slots = [
        Slot("data.0.z", "mosaic", lens=LENS, name="weights", gap=gap),
        Slot("layout.xaxis.tickvals", lens=LENS, name="columns", index=(1,)),
        Slot("layout.yaxis.tickvals", lens=LENS, name="rows", index=(1,)),
        Slot("layout.yaxis.range", lens=LENS, name="row_range"),
        Slot("layout.shapes.0.x0", lens=LENS, name="columns", index=(0, "head")),
        Slot("layout.shapes.0.x1", lens=LENS, name="columns", index=(2, "head")),
        Slot("layout.shapes.0.y0", lens=LENS, name="rows", index=(0, "layer")),
        Slot("layout.shapes.0.y1", lens=LENS, name="rows", index=(2, "layer")),
    ]
    words: list[dict[str, Any]] = []
    for number in range(L * H if H <= LABELLED_HEADS else 0):
        layer, head = divmod(number, H)
        slots += [
            Slot(f"layout.annotations.{number}.text", "labels", lens=LENS, name="roles", index=(number,)),
            Slot(f"layout.annotations.{number}.x", lens=LENS, name="columns", index=(1, head)),
            Slot(f"layout.annotations.{number}.y", lens=LENS, name="rows", index=(0, layer)),
        ]
        words.append({"text": "", "showarrow": False, "yanchor": "bottom", "borderpad": 0, "font": {"size": 11}})
    names = [f"head {head + 1}" if H <= LABELLED_HEADS else str(head + 1) for head in range(H)]
    plain_axis = {"showgrid": False, "showline": False, "tickmode": "array", "ticks": ""}
    return Panel(
        id="heads",
        title="Every head",
        hint="click one to see it large",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**plain_axis, "ticktext": names} | ({} if H <= LABELLED_HEADS else {"title": {"text": "head"}}),
                yaxis={**plain_axis, "ticktext": [f"layer {layer + 1}" for layer in range(L)], "tickangle": -90},
                margin={"l": 30, "r": 6, "t": 4, "b": 24 if H <= LABELLED_HEADS else 40},
                shapes=[{"type": "rect", "line": {"color": FAMILY_COLOURS[run["model"]], "width": 3}}],
                annotations=words,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "heads"),),
        span=span,
        height=min(420, max(180, 40 + 90 * L)),
        click={"run": 0, "lens": LENS, "name": "weights", "gap": gap},
    )


def map_panel(theme: str, *, span: int = 6, height: int = 470) -> Panel:
    """[t, s] of the chosen head: how much the query at t takes from the key at s."""
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("weight"),
        "hovertemplate": "query t = %{text}<br>key s = %{customdata}<br>weight %{z:.4f}<br>click to write it out<extra></extra>",
    }
    future = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 0.78, "showarrow": False}
    ticks = {"showgrid": False, "tickmode": "array", "tickfont": {"size": 10, "color": ink(theme).muted}}
    return Panel(
        id="map",
        title="The chosen head: which token looks at which",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**ticks, "title": {"text": "key: position s, and its token"}},
                yaxis={**ticks, "title": {"text": "query: position t, and its token"}, "autorange": "reversed"},
                annotations=[{**future, "text": "the future is masked", "font": {"color": "#B9AFC9", "size": 12}}],
            ),
        },
        slots=(
            Slot("data.0.z", lens=LENS, name="weights", index=("layer", "head")),
            Slot("data.0.text", "across", lens=LENS, name="cells", transpose=True),
            Slot("data.0.customdata", "across", lens=LENS, name="cells"),
            *(
                slot
                for axis in ("xaxis", "yaxis")
                for slot in (
                    Slot(f"layout.{axis}.tickvals", lens=LENS, name="tick_places"),
                    Slot(f"layout.{axis}.ticktext", "labels", lens=LENS, name="tick_labels"),
                )
            ),
        ),
        readings=(Reading(LENS, "map"),),
        reading_index=("layer", "head"),
        span=span,
        rows=2,
        height=height,
        click={"cell": True},
    )


def notes(record: AttentionRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at attention."""
    L, H, P, _ = record.weights.shape
    places = np.arange(0, P, max(1, -(-P // TICKS)), dtype=np.int32)
    roles = [role_of(record, layer, head) for layer in range(L) for head in range(H)]
    return Notes(
        readings={
            "heads": heads_reading(record),
            "map": {f"{layer},{head}": map_reading(record, layer, head) for layer in range(L) for head in range(H)},
            **readings_of(record, moment),
        },
        arrays={"tick_places": places, **_mosaic_places(record.weights.shape, _gap(moment.meta)), **arrays_of(record)},
        labels={
            "tick_labels": _tick_labels(record.tokens, (places * record.cell).tolist()),
            "cells": [place_of(record, at) for at in range(P)],
            "roles": [f"{ROLES[role[0]][0]} {role[1][0]:.2f}" if role else "" for role in roles],
        },
    )


def _tick_labels(tokens: Sequence[str], places: Sequence[int]) -> list[str]:
    """The tokens at some places, or, where one is too long for an axis, the places themselves."""
    short = all(len(token) <= LONGEST_TICK for token in tokens)
    return [tokens[at] if short else str(at) for at in places]


def _gap(run: Mapping[str, Any]) -> int:
    """Empty cells between two small maps: a fifth of a map, so that words fit in."""
    L, H, T = run["layers"], run["heads"], run["length"]
    return max(1, round(-(-T // mosaic_cell(L, H, T, T)) / 5))


def _mosaic_places(shape: tuple[int, ...], gap: int) -> dict[str, NDArray[np.float32]]:
    """Where the small maps are: `columns` (3, H) and `rows` (3, L), first edge, middle and last edge; `row_range`."""
    L, H, T, S = shape
    cell = mosaic_cell(L, H, T, S)
    places = {}
    for name, count, size in (("columns", H, -(-S // cell)), ("rows", L, -(-T // cell))):
        first = np.arange(count) * (size + gap) - 0.5
        places[name] = np.stack([first, first + size / 2, first + size]).astype(np.float32)
    places["row_range"] = np.array([places["rows"][2, -1] + gap / 8, -0.5 - gap], np.float32)
    return places
