"""What the figures of positions say and show beyond the lens's record: order in numbers, the plane of the path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.charts.subject import surgery_of
from explainer.lenses.positions.record import PositionsRecord
from explainer.theory.encodings import offset_range
from explainer.theory.pca import frame_of, principal_axes
from explainer.theory.ties import first_largest

NO_TABLE = {
    "none": "This model is told nothing about positions, so there is no table.",
    "rotary": "Rotary positions add nothing to the embeddings: they turn queries and keys. There is no table.",
    "alibi": "ALiBi adds nothing to the embeddings: it changes the scores. There is no table.",
}


def notes(record: PositionsRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the positions."""
    T, missing = len(record.table), _missing(record)
    profile = zip(("least", "mean", "most"), offset_range(record.kernel), strict=True)
    return Notes(
        readings={
            "table": missing or table_reading(record, surgery_of(moment.meta).shuffled),
            "likeness": missing or likeness_reading(record),
            "path": missing or path_reading(record),
            "profile": missing or profile_reading(record),
            "order": missing or order_reading(record),
            "distance": {str(layer): distance_reading(weights) for layer, weights in enumerate(record.distance)},
            "loss": loss_reading(moment),
        },
        arrays={
            "distances": np.arange(T, dtype=np.int32),
            **{f"profile_{name}": each[max(0, T - 1) :].astype(np.float32) for name, each in profile},
            "neighbours": np.array(_mean_at(record, 1), np.float32),
            "half": np.array(_mean_at(record, T // 2), np.float32),
            "by_distance": np.array(distance_share(record.kernel), np.float32),
        },
    )


def context(
    records: Sequence[PositionsRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The plane of the path and the range of colours, one for the whole tape.

    Args:
        records: of the tape so far.
        previous: the basis of the tape when it was shorter; signs follow it.

    Returns:
        mean (D,), basis (2, D), range (2, 2) of both axes, limits (2,) of the colours.
    """
    tables = np.concatenate([record.table for record in records])
    tables = tables[np.isfinite(tables).all(axis=1)]
    limit = max(float(np.abs(tables).max(initial=0.0)), 1e-6)
    named = {**frame_of(tables, previous), "limits": np.array([-limit, limit])}
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def table_reading(record: PositionsRecord, shuffled: bool = False) -> str:
    """One sentence on the size of the vectors; another where each token gets that of another place."""
    norms = np.linalg.norm(record.table.astype(np.float64), axis=1)
    T, D = record.table.shape
    what = "fixed by a formula" if record.kind == "sinusoidal" else "learnt"
    sentence = f"{T} vectors of {D} numbers, {what}; their norms go from {norms.min():.3g} to {norms.max():.3g}."
    return f"{sentence} They are shuffled: position t has what is added to token t." if shuffled else sentence


def likeness_reading(record: PositionsRecord) -> str:
    """One sentence on how much of the likeness follows from the distance."""
    share = distance_share(record.kernel)
    if np.isnan(share):
        return "Too few different positions to say what likeness depends on."
    T = len(record.kernel)
    return (
        f"Distance alone explains {share:.0%} of the differences between these cosines; "
        f"for vectors without any order it would be about {2 * (T - 2) / (T * (T - 1) - 2):.0%}."
    )


def path_reading(record: PositionsRecord) -> str:
    """One sentence on how much of this table lies in a plane of its own."""
    share = principal_axes(record.table, 2).explained.sum()
    if share == 0:
        return "All positions have the same vector."
    return f"A plane holds {share:.0%} of what sets the {len(record.table)} vectors apart at this step."


def profile_reading(record: PositionsRecord) -> str:
    """One sentence on cosines near and far, and their range at one distance."""
    T = len(record.table)
    if T < 3:
        return f"{T} {'position has' if T == 1 else 'positions have'} too few distances."
    least, _, most = (each[T - 1 :] for each in offset_range(record.kernel))
    widest = first_largest(most - least)
    sentence = f"Mean cosine {_mean_at(record, 1):.2f} at distance 1, {_mean_at(record, T // 2):.2f} at {T // 2}"
    if most[widest] - least[widest] < 1e-4:
        return f"{sentence}; it depends on the distance alone."
    ends = f"from {least[widest]:.2f} to {most[widest]:.2f}"
    return f"{sentence}. Not the distance alone counts: at {widest} it goes {ends}."


def order_reading(record: PositionsRecord) -> str:
    """One sentence on neighbours against far positions."""
    T, share = len(record.table), distance_share(record.kernel)
    if T < 3 or np.isnan(share):
        return "Too few different positions to compare neighbours with far ones."
    near, far = _mean_at(record, 1), _mean_at(record, T // 2)
    return f"Now: neighbours {near:.2f}, far positions ({T // 2} apart) {far:.2f}, explained by distance {share:.0%}."


def distance_reading(weights: Float[np.ndarray, "H T"]) -> str:
    """One sentence on the head of a layer that puts most on one distance.

    Distances up to half the sequence: beyond, few queries have a key that far away.
    """
    if not np.isfinite(weights).all():
        return "The attention weights are not finite numbers."
    near = weights[:, : (weights.shape[1] + 1) // 2]
    head, far = np.unravel_index(first_largest(near), near.shape)
    where = "the token itself" if far == 0 else "the token before" if far == 1 else f"the token {far} back"
    return f"Head {head + 1} puts most on one distance: a weight of {near[head, far]:.2f}, on average, on {where}."


def distance_share(kernel: Float[np.ndarray, "T T"]) -> float:
    """Share of the variance of the cosines of all pairs m < n that their means at each distance explain.

    1 where the cosine is a function of the distance; (k - 1)/(N - 1) is to be expected of N pairs
    in k distances that have nothing to do with it. NaN where the cosines don't differ.
    """
    T = len(kernel)
    diagonals = [kernel.diagonal(distance).astype(np.float64) for distance in range(1, T)]
    cosines = np.concatenate([*diagonals, np.zeros(0)])
    if len(cosines) < 2 or np.ptp(cosines) == 0 or not np.isfinite(cosines).all():
        return float("nan")
    within = sum(float(((diagonal - diagonal.mean()) ** 2).sum()) for diagonal in diagonals)
    return 1 - within / float(((cosines - cosines.mean()) ** 2).sum())


def _mean_at(record: PositionsRecord, distance: int) -> float:
    """Mean cosine of positions that far apart; NaN where there are none."""
    return float(record.kernel.diagonal(distance).mean()) if distance < len(record.table) else float("nan")


def _missing(record: PositionsRecord) -> str:
    """Why there is nothing to say about the table, or ""."""
    if len(record.table) == 0:
        return NO_TABLE.get(record.kind, "There is no table.")
    if not np.isfinite(record.table).all():
        return "The position vectors are not finite numbers."
    return ""
