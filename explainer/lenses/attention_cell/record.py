"""What the lens `attention_cell` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class AttentionCellRecord:
    """What the cells of one sequence's attention maps are computed from.

    Attributes:
        query: q_t of each head, `key` and `value` likewise; turned, where positions are rotary.
        weights: as the model has them; rows sum to 1.
        slopes: of ALiBi for each head (0: none).
        places: the position that each token is given: its own, unless they are shuffled.
        silent: the heads that are off: what they read is replaced by zeros.
        positions: the scheme, one of `config.POSITIONS`.
        tokens: what the model read, as labels.
        layer: the first that the arrays have, from 0: of long sequences in many heads they have a single one.
        head: likewise.
        window: w of a sliding window; 0 for none.
        global_tokens: the first positions that are seen beside it.
        softmax: false of linear attention.
    """

    query: Float[np.ndarray, "L H T K"]
    key: Float[np.ndarray, "L H T K"]
    value: Float[np.ndarray, "L H T K"]
    weights: Float[np.ndarray, "L H T T"]
    slopes: Float[np.ndarray, " H"]
    places: Int[np.ndarray, " T"]
    silent: Bool[np.ndarray, "L H"]
    positions: str
    tokens: tuple[str, ...]
    layer: int = 0
    head: int = 0
    window: int = 0
    global_tokens: int = 0
    softmax: bool = True

    def __post_init__(self) -> None:
        assert len(self.tokens) == sizes_of(self)["T"], len(self.tokens)
