"""Units that are on together: which ones over a stretch, where else, and how often chance would have it.

After LSTMVis (Strobelt et al. 2018, section 4): choose a stretch, keep the units above a threshold all along it,
and look for other stretches where the same units are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Place(NamedTuple):
    """A run of steps over which all units are on: its row, its first step and how long it is."""

    row: int
    start: int
    length: int


def pattern(on: Bool[np.ndarray, "T N"], first: int, last: int, fresh: bool) -> Int[np.ndarray, " U"]:
    """The units that are on at every step from first to last.

    Args:
        on: of each unit at each step.
        first: of the stretch.
        last: of the stretch, included.
        fresh: only those that are off at the step before (before the text nothing is on).
    """
    chosen = on[first : last + 1].all(axis=0)
    if fresh and first:
        chosen &= ~on[first - 1]
    return np.flatnonzero(chosen)


def held(on: Bool[np.ndarray, "*R T"], length: int) -> Bool[np.ndarray, "*R W"]:
    """Of each stretch of `length` steps whether it is on all along; W = T - length + 1, none if T is shorter."""
    if length > on.shape[-1]:
        return np.zeros((*on.shape[:-1], 0), dtype=bool)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(on, length, axis=-1).all(axis=-1))


def expected(on: Bool[np.ndarray, "R T U"], length: int) -> float:
    """How many stretches would have all units on if these were independent: their number times prod_u share_u.

    share_u is that of the stretches over which unit u is on all along, so each unit keeps its own persistence.
    """
    each = held(np.moveaxis(on, -1, 0), length)
    stretches = each[0].size if len(each) else 0
    return float(stretches * each.mean(axis=(1, 2)).prod()) if stretches else 0.0


def places(together: Bool[np.ndarray, "R T"], length: int) -> list[Place]:
    """The runs of at least `length` steps, in order."""
    padded = np.pad(together, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    return [
        Place(int(row), int(start), int(end - start))
        for row, start, end in zip(rows, starts, ends, strict=True)
        if end - start >= length
    ]


def around(
    values: Float[np.ndarray, "R T"], found: list[Place], before: int, columns: int
) -> Float[np.ndarray, "P columns"]:
    """Of each place the values from `before` steps ahead of it; NaN outside of its row."""
    padded = np.pad(values.astype(np.float64), ((0, 0), (before, columns)), constant_values=np.nan)
    rows = [padded[place.row, place.start : place.start + columns] for place in found]
    return np.stack(rows) if rows else np.zeros((0, columns))
