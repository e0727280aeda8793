"""What each layer knows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Moment, Notes
from explainer.lenses.layers.record import LayersRecord
from explainer.tasks import TASKS
from explainer.theory.ties import first_largest

TICKS = 24  # tokens on an axis, at most
RIGHT = "right answer"  # the row above the layers


def layer_names(run: Mapping[str, Any]) -> list[str]:
    """The rows of the logit lens."""
    return ["embedding", *(f"after layer {layer + 1}" for layer in range(run["layers"]))]


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
    what = TASKS[moment.meta["task"]].foretells
    if not what:
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
