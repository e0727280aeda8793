"""What kind of fixed point a map s' = F(s) has, by the lengths of the eigenvalues of dF/ds there.

stable    every |lambda| < 1: after any small push the state comes back
neutral   none is above 1, and at least one is 1: there the state stays wherever a push has put it, as along a line of
          fixed points; what the terms beyond the linear ones do is not known (a center, Strogatz 2015, section 6.3)
unstable  at least one |lambda| > 1, a way out; a saddle, if there are ways back, too
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Complex, Int

MARGIN = 1e-4
"""|lambda| this close to 1 counts as 1.

Over the 1,024 steps of the longest sequence such a direction changes a distance by at most a tenth. And it is well above
what a length is uncertain by: a point with |F(s) - s| < g is known up to about sqrt(g / a) along a direction in which two
points have just met, a being the curvature there, and |lambda| up to 2 sqrt(a g): 2.4e-5 for a = 1 and g = 1.4e-10.
"""

KINDS = ("stable", "neutral", "saddle 1", "saddle 2", "saddle 3+", "slow")
"""A fixed point without a way out, of both sorts; those with one, two, and more; and a point that is not quite fixed."""


def directions(eigenvalues: Complex[np.ndarray, "P M"]) -> tuple[Int[np.ndarray, " P"], Int[np.ndarray, " P"]]:
    """How many eigenvalues of each point are longer than 1, and how many are 1 long, both by more than `MARGIN`."""
    lengths = np.abs(eigenvalues)
    return (lengths > 1 + MARGIN).sum(axis=1), (np.abs(lengths - 1) <= MARGIN).sum(axis=1)


def kinds(
    fixed: Bool[np.ndarray, " P"], unstable: Int[np.ndarray, " P"], neutral: Int[np.ndarray, " P"]
) -> Int[np.ndarray, " P"]:
    """Of each point its place in `KINDS`.

    Args:
        fixed: whether it is a fixed point; else a slow one.
        unstable: eigenvalues longer than 1.
        neutral: of length 1.
    """
    ways = np.where(unstable > 0, 1 + np.minimum(unstable, 3), (neutral > 0).astype(np.int64))
    return np.where(fixed, ways, KINDS.index("slow"))


def counts(kind: Int[np.ndarray, " P"]) -> Int[np.ndarray, " kinds"]:
    """How many points there are of each of `KINDS`."""
    return np.bincount(kind, minlength=len(KINDS))
