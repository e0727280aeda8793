"""Units that are on together: which ones over a stretch, where else, and how often chance would have it.

After LSTMVis (Strobelt et al. 2018, section 4): choose a stretch, keep the units above a threshold all along it,
and look for other stretches where the same units are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

BLOCKS = 20
"""Blocks of rows that are left out in turn."""


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
    """How many stretches would have all units on if each unit's rows were dealt out anew: R sum_w prod_u share_uw.

    share_uw is that of the rows in which unit u is on all along the stretch from place w. So each unit keeps its own
    persistence and its own course along a row, which begins at the zero state for all of them; only what they
    have to do with each other in one row is taken away. It is the mean over all ways to deal.
    """
    each = held(np.moveaxis(on, -1, 0), length)
    return float(on.shape[0] * each.mean(axis=1).prod(axis=0).sum()) if each.size else 0.0


def excess(on: Bool[np.ndarray, "R T U"], length: int) -> tuple[float, float]:
    """How many times as many stretches have all units on as `expected`, and the standard error of that over rows.

    Neighbouring stretches are nearly the same one, so whole blocks of rows are left out in turn (at most `BLOCKS` of
    them): the jackknife, sqrt((b - 1) / b sum_i (r_i - mean r)^2). NaN where nothing is expected, an error also of one row.
    """
    R = len(on)
    each = held(np.moveaxis(on, -1, 0), length)  # (U, R, W)
    if not each.size:
        return math.nan, math.nan
    blocks = np.arange(R) * min(BLOCKS, R) // R
    b = int(blocks[-1]) + 1
    starts = np.searchsorted(blocks, np.arange(b))
    shares = np.add.reduceat(each, starts, axis=1, dtype=np.int64)  # (U, b, W) counts of each block
    found = np.add.reduceat(each.all(axis=0).sum(axis=1), starts)
    sizes = np.bincount(blocks)
    rest = (shares.sum(axis=1, keepdims=True) - shares) / np.maximum(1, R - sizes)[:, None]
    chance = (R - sizes) * rest.prod(axis=0).sum(axis=1)
    whole = expected(on, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (found.sum() - found) / chance
        times = found.sum() / whole if whole else math.nan
    if b < 2 or not np.isfinite(without).all():
        return float(times), math.nan
    return float(times), float(np.sqrt((b - 1) / b * np.square(without - without.mean()).sum()))


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
