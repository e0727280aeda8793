"""What the lens `reach` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class ReachRecord:
    """How much of the last loss arrives at the state of each time step.

    Attributes:
        norms: mean over the sequences of ||dL*/ds_t||_2 in the top layer, L* being the loss at the last
            position that counts, s = h, of an LSTM (h, c); for a Transformer the residual stream that
            enters the first block. Zero after that position.
        last: the position of L*.
    """

    norms: Float[np.ndarray, " T"]
    last: int

    def __post_init__(self) -> None:
        assert 0 <= self.last < sizes_of(self)["T"], self.last
