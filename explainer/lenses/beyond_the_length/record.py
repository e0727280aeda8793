"""What the lens `beyond_the_length` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class BeyondTheLengthRecord:
    """How well a Transformer reads windows longer than those it was trained on, and where its heads look there.

    Attributes:
        kind: the encoding, one of `config.POSITIONS`.
        trained: T, the length it was trained at.
        lengths: T, 2T, 4T, 8T.
        loss: nats per character over the last quarter of windows of each length, on validation text; NaN
            where it can't read them.
        error: standard error of that (see `lenses.beyond_the_length.look.standard_error`); NaN where the text has too few blocks.
        blocks: stretches of text, none within another, that the error rests on; of each length.
        why: of each length, why there is no number; "" where there is one.
        windows: how many of each length.
        places: of the longest windows that it reads, the middle of each stretch of positions, from 0.
        course: nats per character in each of these stretches.
        distances: from a query to a key, in tokens.
        attention: mean weight on the key that far back, for the queries of the last quarter, over all blocks and
            heads; at length T and at the longest. NaN where no query has such a key, or there is no block.
        looked: mean distance of the weight in both, in tokens.
        kernel: what the encoding alone makes of that distance (see `lenses.beyond_the_length.look.kernel`); NaN where it has nothing.
    """

    kind: str
    trained: int
    lengths: Int[np.ndarray, " F"]
    loss: Float[np.ndarray, " F"]
    error: Float[np.ndarray, " F"]
    blocks: Int[np.ndarray, " F"]
    why: tuple[str, ...]
    windows: Int[np.ndarray, " F"]
    places: Float[np.ndarray, " P"]
    course: Float[np.ndarray, " P"]
    distances: Int[np.ndarray, " Q"]
    attention: Float[np.ndarray, "ends Q"]
    looked: Float[np.ndarray, " ends"]
    kernel: Float[np.ndarray, " Q"]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert (len(self.why), 2) == (sizes["F"], sizes["ends"]), (self.why, sizes)
