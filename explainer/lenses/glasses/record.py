"""What the lens `glasses` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class GlassesRecord:
    """Two inputs that end alike: n times one token and then another, and the same with n + 1.

    Attributes:
        lengths: n.
        apart: [f, n], |s - s'| / |s| of the two states that the readout reads at the last step, in each number format of `FORMATS`.
        same: [f, n], whether they are the same number for number.
        tokens: the one that is repeated, and the last.
    """

    lengths: Int[np.ndarray, " K"]
    apart: Float[np.ndarray, "F K"]
    same: Bool[np.ndarray, "F K"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        assert sizes_of(self)["K"] > 0
        assert len(self.tokens) == 2, self.tokens
