"""What each layer knows: the loss and the likeliest token after each layer, and rollout beside raw attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot
from explainer.figures.theme import SEQUENTIAL, colour_bar, layout
from explainer.records import LayersRecord
from explainer.theory.ties import first_largest

LENS = "layers"
TICKS = 24  # tokens on an axis, at most
WORDS_FIT = 64  # positions in which words fit side by side
RIGHT = "right answer"  # the row above the layers
NEXT = {"repeat": "symbol", "text": "character", "forecast": "value"}  # of tasks whose right answer is what comes next


def layer_names(run: Mapping[str, Any]) -> list[str]:
    """The rows of the logit lens."""
    return ["embedding", *(f"after layer {layer + 1}" for layer in range(run["layers"]))]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of one run."""
    return [
        lens_panel(run, theme),
        map_panel("rollout", "Rollout: how much of token s is in position t", theme),
        map_panel("last", "Raw: attention of the last layer, mean of its heads", theme),
    ]


def lens_panel(run: Mapping[str, Any], theme: str, *, span: int = 12, height: int = 70) -> Panel:
    """The loss of what the residual stream says, layer by layer, with the likeliest token written in, below the right one.

    Where nobody knows what is right there is no colour.
    """
    rows = layer_names(run)
    unit = "nats" if run["has_tokens"] else "squared error"
    mode = "text" if run["length"] <= WORDS_FIT else "markers"
    what = (
        ("its likeliest symbol" if run["task"] == "copy" else "its likeliest next token")
        if run["has_tokens"]
        else "its answer"
    )
    heat = {
        "type": "heatmap",
        "y": rows,
        "colorscale": SEQUENTIAL,
        "reversescale": True,
        "zmin": 0,
        "colorbar": colour_bar(f"loss ({unit})"),
        "hovertemplate": "%{y}, t = %{x}: loss %{z:.4f}<extra></extra>",
        "ygap": 2,
    }
    slots = [
        Slot("data.0.z", lens=LENS, name="losses"),
        Slot("data.0.zmax", "context", lens=LENS, name="most"),
        Slot("layout.xaxis.tickvals", lens=LENS, name="tick_places"),
        Slot("layout.xaxis.ticktext", "labels", lens=LENS, name="tick_labels"),
        Slot("layout.xaxis.range", lens=LENS, name="edges"),
    ]
    data: list[dict[str, Any]] = [heat]
    for row, name in enumerate((*rows, RIGHT)):
        slots += [
            Slot(f"data.{row + 1}.x", lens=LENS, name="places"),
            Slot(f"data.{row + 1}.y", "labels", lens=LENS, name=f"row_{row}"),
            Slot(f"data.{row + 1}.text", "labels", lens=LENS, name=f"guesses_{row}"),
            Slot(f"data.{row + 1}.customdata", "labels", lens=LENS, name=f"said_{row}"),
        ]
        if name != RIGHT:
            slots.append(Slot(f"data.{row + 1}.textfont.color", "labels", lens=LENS, name=f"inks_{row}"))
        words = {"mode": mode, "marker": {"opacity": 0}, "textfont": {"size": 11}}
        data.append({"type": "scatter", **words, "hovertemplate": f"{name}, %{{customdata}}<extra></extra>"})
    return Panel(
        id="logit-lens",
        title=f"If the model stopped here: {what}, and the loss",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "position t, and its token"}, "showgrid": False, "tickmode": "array"},
                yaxis={"type": "category", "showgrid": False, "range": [-0.5, len(rows) + 0.5]},
                margin={"l": 92, "r": 14, "t": 6, "b": 44},
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "lens"),),
        span=span,
        height=height + 44 * (len(rows) + 1),
    )


def map_panel(name: str, title: str, theme: str, *, span: int = 6, height: int = 340) -> Panel:
    """[t, s] of the rollout or of the last layer's attention."""
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("share"),
        "hovertemplate": "query t = %{text}<br>key s = %{customdata}<br>%{z:.4f}<extra></extra>",
    }
    ticks = {"showgrid": False, "tickmode": "array"}
    slots = [
        Slot("data.0.z", lens=LENS, name=name),
        Slot("data.0.text", "across", lens=LENS, name="cells", transpose=True),
        Slot("data.0.customdata", "across", lens=LENS, name="cells"),
    ]
    for axis in ("xaxis", "yaxis"):
        slots += [
            Slot(f"layout.{axis}.tickvals", lens=LENS, name="tick_places"),
            Slot(f"layout.{axis}.ticktext", "labels", lens=LENS, name="tick_labels"),
        ]
    return Panel(
        id=name,
        title=title,
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**ticks, "title": {"text": "input token s"}},
                yaxis={**ticks, "title": {"text": "position t"}, "autorange": "reversed"},
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, name),),
        span=span,
        height=height,
    )


def notes(record: LayersRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the layers."""
    T = record.losses.shape[1]
    places = np.arange(0, T, max(1, -(-T // TICKS)), dtype=np.int32)
    edges = np.array([-0.5, T - 0.5], np.float32)
    most = float(record.losses[np.isfinite(record.losses)].max(initial=0.0)) or 1.0
    labels: dict[str, list[str]] = {
        "tick_labels": [record.tokens[at] for at in places],
        "cells": [f"{at} ({token})" for at, token in enumerate(record.tokens)],
    }
    rows = layer_names(moment.meta)
    right = [_right(record, at) for at in range(T)]
    labels |= {
        f"row_{len(rows)}": [RIGHT] * T,
        f"guesses_{len(rows)}": right,
        f"said_{len(rows)}": [f"t = {at} ({record.tokens[at]}): {right[at] or 'not asked for'}" for at in range(T)],
    }
    for row, name in enumerate(rows):
        guesses = record.guesses[row * T : (row + 1) * T]
        labels |= {
            f"row_{row}": [name] * T,
            f"guesses_{row}": list(guesses),
            f"said_{row}": [_tile(record, row, at) for at in range(T)],
            f"inks_{row}": [_ink(float(loss), most) for loss in record.losses[row]],
        }
    return Notes(
        readings={
            "lens": lens_reading(record, moment),
            "rollout": map_reading("Rollout", record.rollout, record),
            "last": map_reading("Last layer", record.last, record),
        },
        arrays={"tick_places": places, "places": np.arange(T, dtype=np.int32), "edges": edges},
        labels=labels,
    )


def context(records: Any, previous: Any = None) -> dict[str, Any]:
    """`most`: the largest finite loss of the whole tape, so that a colour means the same at every step."""
    found = [float(record.losses[np.isfinite(record.losses)].max(initial=0.0)) for record in records]
    return {"most": np.float32(max(found) or 1.0)}


def lens_reading(record: LayersRecord, moment: Moment) -> str:
    """One sentence: the mean loss after each layer, and which layer lowers it most."""
    start = f"{moment.meta['label']}, step {moment.step}"
    if not record.counted.any():
        return f"{start}: no position of this input counts in the loss."
    means = record.losses[:, record.counted].astype(np.float64).mean(axis=1)
    if not np.isfinite(means).all():
        return f"{start}: not all losses are finite numbers."
    said = f"{start}: mean loss {', '.join(f'{mean:.2f}' for mean in means)} after {', '.join(_places(len(means)))}"
    gains = means[:-1] - means[1:]
    best = first_largest(gains)
    last = last_column(record, moment)
    if gains[best] < 0.005:
        return f"{said}; no layer lowers it.{last}"
    return f"{said}; layer {best + 1} lowers it most, by {gains[best]:.2f}.{last}"


def last_column(record: LayersRecord, moment: Moment) -> str:
    """A sentence on what the last position is held against, which the network does not read; "" where that is no question."""
    what = NEXT.get(moment.meta["task"])
    if what is None:
        return ""
    if _unknown(record, len(record.tokens) - 1):
        return f" The last column has no colour: nobody knows which {what} comes next."
    return (
        f" The last column is held against {record.targets[-1]}, the {what} that follows those shown."
        if record.targets[-1]
        else ""
    )


def _unknown(record: LayersRecord, at: int) -> bool:
    """Whether nobody knows what is right at a position."""
    return not record.counted[at] and bool(np.isnan(record.losses[:, at]).all())


def _right(record: LayersRecord, at: int) -> str:
    return "?" if _unknown(record, at) else record.targets[at]


def map_reading(name: str, table: Float[np.ndarray, "T T"], record: LayersRecord) -> str:
    """One sentence: how much stays at a position itself, and which earlier token is in a later position most."""
    T = len(table)
    if not np.isfinite(table).all():
        return f"{name}: not all numbers are finite."
    if not table.any():
        return f"{name}: all heads are off, so nothing is read."
    if T == 1:
        return f"{name}: a single token can only come from itself."
    own = float(np.diagonal(table)[1:].mean())
    earlier = np.tril(table, -1)
    t, s = (int(at) for at in np.unravel_index(first_largest(earlier), earlier.shape))
    if earlier[t, s] == 0:
        return f"{name}: every position has only itself."
    return (
        f"{name}: from the second on, a position has {own:.2f} of itself on average; the largest share of an earlier token "
        f"is {earlier[t, s]:.2f}, that of s = {s} ({record.tokens[s]}) in t = {t} ({record.tokens[t]})."
    )


def _places(rows: int) -> list[str]:
    return ["the embedding", *(f"layer {layer}" for layer in range(1, rows))]


def _ink(loss: float, most: float) -> str:
    """Of the word on a tile; where there is no loss there is no tile, and grey can be read on any page."""
    if np.isnan(loss):
        return "#7B8794"
    return "#FFFFFF" if loss > most / 2 else "#1F2933"


def _tile(record: LayersRecord, row: int, at: int) -> str:
    T = record.losses.shape[1]
    guess = record.guesses[row * T + at]
    sure = f" (probability {record.certainty[row, at]:.3f})" if record.certainty.size else ""
    right = f"; right: {record.targets[at]}" if record.targets[at] else ""
    if _unknown(record, at):
        return f"t = {at} ({record.tokens[at]}): says {guess}{sure}; what is right is not known"
    return f"t = {at} ({record.tokens[at]}): says {guess}{sure}{right}; loss {record.losses[row, at]:.3f}"
