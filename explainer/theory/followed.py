"""Which pairs of steps are followed, where all of them would be too many; and means over pairs of one distance.

P places are followed of T steps: evenly spaced, the last step among them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_STATE = 256
"""Numbers in a state whose Jacobian is taken apart: its eigenvalues cost their cube."""
MOST_SEARCHED = 128
"""Numbers in a state whose fixed points are searched for: each step of the search costs their cube, for every start."""
PRODUCT_NUMBERS = 2**21
SPANS = (5, 10, 20, 50, 100)
SINGLE_STEPS = 7


def evenly(T: int, most: int) -> Int[np.ndarray, " P"]:
    """At most `most` of T steps, a constant number of steps apart, the last one of them T - 1."""
    stride = -(-T // max(1, most))
    return np.arange((T - 1) % stride, T, stride)


def mean_by_lag(norms: Float[np.ndarray, "*ways P P"], counted: Bool[np.ndarray, " P"]) -> Float[np.ndarray, "*ways P"]:
    """Means of norms[t, k] over the t that count, for each lag t - k = 0 ... P-1; NaN where there is none."""
    P = norms.shape[-1]
    means = np.full(norms.shape[:-1], np.nan)
    for lag in range(P):
        rows = np.flatnonzero(counted[lag:]) + lag
        if rows.size:
            means[..., lag] = norms[..., rows, rows - lag].mean(axis=-1, dtype=np.float64)
    return means


def horizon(last: int, size: int) -> int:
    """How many steps back from step `last` Jacobians of a state of this size are multiplied."""
    return min(last, 128, max(1, PRODUCT_NUMBERS // size**2))


def moments(last: int, size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The single steps, latest first, and the spans of steps up to `last`, whose Jacobians are taken apart.

    The step to t = 0 starts from the zero state; it is shown only where there is no other.
    """
    K = horizon(last, size)
    if K == 0:
        return (0,), ()
    singles = np.unique(np.linspace(last - K + 1, last, SINGLE_STEPS).round().astype(int))
    spans = sorted({span for span in (*SPANS, K) if 2 <= span <= K})
    return tuple(int(t) for t in singles[::-1]), tuple(spans)
