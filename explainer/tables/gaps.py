"""Missing values: straight lines over short gaps, nothing over long ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_FILLED = 1 / 3
"""Share of the values that may be filled in."""


@dataclass(frozen=True)
class Filled:
    """A series without missing values, if they can be filled in.

    Attributes:
        values: without those missing at both ends; NaN in gaps that are too long.
        places: of the filled ones in `values`.
        cut: values missing at the beginning and at the end.
        longest: most missing values in a run between two known ones.
        where: first and last place in the given values of that run; (0, 0) if there is none.
    """

    values: NDArray[np.float64]
    places: NDArray[np.int64]
    cut: tuple[int, int]
    longest: int
    where: tuple[int, int]


def fill(values: NDArray[np.float64], gap: int) -> Filled:
    """Straight lines between neighbours over runs of at most `gap` missing values (NaN)."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return Filled(values[:0], known, (len(values), 0), 0, (0, 0))
    first, last = int(known[0]), int(known[-1])
    inner = values[first : last + 1]
    missing = np.flatnonzero(np.isnan(inner))
    lengths = np.diff(known) - 1
    longest = int(lengths.max(initial=0))
    at = int(known[int(lengths.argmax())]) if longest else 0
    where = (at + 1, at + longest) if longest else (0, 0)
    if 0 < longest <= gap:
        inner = np.where(np.isnan(inner), np.interp(np.arange(len(inner)), known - first, values[known]), inner)
    return Filled(inner, missing, (first, len(values) - 1 - last), longest, where)
