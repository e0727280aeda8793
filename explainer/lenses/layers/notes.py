"""What each layer knows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Moment, Notes
from explainer.charts.ticks import tick_places
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
    T, rows = record.losses.shape[1], layer_names(moment.meta)
    places, edges, most = tick_places(T, TICKS), np.array([-0.5, T - 0.5], np.float32), _most(record)
    cells = [f"{at} ({token})" for at, token in enumerate(record.tokens)]
    right = ["?" if _unknown(record, at) else target for at, target in enumerate(record.targets)]
    labels: dict[str, list[str]] = {
        "tick_labels": [record.tokens[at] for at in places],
        "cells": cells,
        f"row_{len(rows)}": [RIGHT] * T,
        f"guesses_{len(rows)}": right,
        f"said_{len(rows)}": [
            f"t = {cell}: {answer or 'not asked for'}" for cell, answer in zip(cells, right, strict=True)
        ],
    }
    for row, name in enumerate(rows):
        labels |= {
            f"row_{row}": [name] * T,
            f"guesses_{row}": list(record.guesses[row * T : (row + 1) * T]),
            f"said_{row}": [f"t = {cell}: {_tile(record, row, at)}" for at, cell in enumerate(cells)],
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
    return {"most": np.float32(_most(*records))}


def _most(*records: LayersRecord) -> float:
    """The largest finite loss of some records; 1 where there is none above 0."""
    return max(float(record.losses[np.isfinite(record.losses)].max(initial=0.0)) for record in records) or 1.0


def lens_reading(record: LayersRecord, moment: Moment) -> str:
    """One sentence: the mean loss after each layer, and which layer lowers it most."""
    start = f"{moment.meta['label']}, step {moment.step}"
    if not record.counted.any():
        return f"{start}: no position of this input counts in the loss."
    means = record.losses[:, record.counted].astype(np.float64).mean(axis=1)
    if not np.isfinite(means).all():
        return f"{start}: not all losses are finite numbers."
    places = ["the embedding", *(f"layer {layer}" for layer in range(1, len(means)))]
    gains = means[:-1] - means[1:]
    best = first_largest(gains)
    lowest = f"layer {best + 1} lowers it most, by {gains[best]:.2f}" if gains[best] >= 0.005 else "no layer lowers it"
    said = f"mean loss {', '.join(f'{mean:.2f}' for mean in means)} after {', '.join(places)}; {lowest}"
    return f"{start}: {said}.{last_column(record, moment)}"


def last_column(record: LayersRecord, moment: Moment) -> str:
    """A sentence on what the last position is held against, which the network does not read; "" where that is no question."""
    what = TASKS[moment.meta["task"]].foretells
    if not what:
        return ""
    if _unknown(record, len(record.tokens) - 1):
        return f" The last column has no colour: nobody knows which {what} comes next."
    last = record.targets[-1]
    return f" The last column is held against {last}, the {what} that follows those shown." if last else ""


def _unknown(record: LayersRecord, at: int) -> bool:
    """Whether nobody knows what is right at a position."""
    return not record.counted[at] and bool(np.isnan(record.losses[:, at]).all())


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


def _ink(loss: float, most: float) -> str:
    """Of the word on a tile; where there is no loss there is no tile, and grey can be read on any page."""
    if np.isnan(loss):
        return "#7B8794"
    return "#FFFFFF" if loss > most / 2 else "#1F2933"


def _tile(record: LayersRecord, row: int, at: int) -> str:
    guess = record.guesses[row * len(record.tokens) + at]
    sure = f" (probability {record.certainty[row, at]:.3f})" if record.certainty.size else ""
    if _unknown(record, at):
        return f"says {guess}{sure}; what is right is not known"
    right = f"; right: {record.targets[at]}" if record.targets[at] else ""
    return f"says {guess}{sure}{right}; loss {record.losses[row, at]:.3f}"
