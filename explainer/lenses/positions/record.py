"""What the lens `positions` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class PositionsRecord:
    """How a Transformer encodes positions, and how far its heads look.

    Attributes:
        kind: the scheme, one of `config.POSITIONS`.
        table: added to the embeddings (learned, sinusoidal; else of shape (0, 0)). A learned one
            is shown whole, also where the sequence is shorter. Row t is what token t gets: where positions are
            shuffled, that of another place.
        kernel: cosine of the angle between the table's rows m and n (else of shape (0, 0)).
        distance: [l, h, d] is the mean weight that a query gives to the key d tokens before it
            (a model without blocks: no rows).
    """

    kind: str
    table: Float[np.ndarray, "positions D"]
    kernel: Float[np.ndarray, "positions positions"]
    distance: Float[np.ndarray, "L H T"]

    def __post_init__(self) -> None:
        sizes_of(self)
