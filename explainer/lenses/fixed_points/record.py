"""What the lens `fixed_points` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class FixedPointsRecord:
    """States s that a network without input keeps, F(s) = s, or nearly so; and one sequence's path.

    s is h, and of an LSTM (h, c), M numbers; q(s) = |F(s) - s|^2 / 2.

    Attributes:
        points: the first of those that were found, in the order of their kinds (`theory.stability`).
        q: of each.
        fixed: whether q is as small as rounding allows; else a slow point, where q is small.
        unstable: eigenvalues of dF/ds with a length above 1, by more than a margin.
        neutral: eigenvalues with a length of 1, within that margin.
        eigenvalues: real and imaginary part of the longest ones, longest first.
        says: what the network's output is in that state, as text.
        counts: of all distinct points that were found, how many there are of each kind; P of them are kept.
        states: of the sequence, step by step.
        tokens: what was read there, as labels.
    """

    points: Float[np.ndarray, "P M"]
    q: Float[np.ndarray, " P"]
    fixed: Bool[np.ndarray, " P"]
    unstable: Int[np.ndarray, " P"]
    neutral: Int[np.ndarray, " P"]
    eigenvalues: Float[np.ndarray, "P E 2"]
    says: tuple[str, ...]
    counts: Int[np.ndarray, " kinds"]
    states: Float[np.ndarray, "T M"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert (len(self.says), len(self.tokens)) == (sizes["P"], sizes["T"]), sizes
        assert self.found >= sizes["P"], (self.found, sizes)

    @property
    def found(self) -> int:
        """How many distinct points there are."""
        return int(self.counts.sum())
