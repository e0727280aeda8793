"""What the lens `attention` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of
from explainer.theory.head_roles import ROLES


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Which tokens look at which, in every head, for one sequence; and what each head is like.

    Attributes:
        weights: [l, h, t, s] is how much query t takes from key s; rows sum to 1. Of long sequences in many heads each row
            and column is of `cell` positions: what the queries of a group take, in the mean, from the keys of a group together.
        tokens: labels of the T positions.
        previous_token: mean weight on the token just before.
        prefix_matching: mean weight, from a token that was there before, on the token that
            followed it then: the mark of an induction head (Olsson et al. 2022).
        duplicate_token: the same on the earlier token itself.
        chance: [r, l, h], what score r of `ROLES` would be by chance: even attention, or this head on shuffled tokens,
            whichever is more (see `lenses.head_scores`).
        entropy: mean over the queries of -sum w ln w, in nats.
        even: the same of even attention; 0 where all sequences are as long as this one, and it follows from that.

    The scores are means over the queries of a batch that they are about; NaN where there
    are none (no token repeats).
    """

    weights: Float[np.ndarray, "L H P P"]
    tokens: tuple[str, ...]
    previous_token: Float[np.ndarray, "L H"]
    prefix_matching: Float[np.ndarray, "L H"]
    duplicate_token: Float[np.ndarray, "L H"]
    chance: Float[np.ndarray, "roles L H"]
    entropy: Float[np.ndarray, "L H"]
    even: float = 0.0

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert sizes["P"] == -(-len(self.tokens) // self.cell), (sizes, len(self.tokens))
        assert sizes["roles"] == len(ROLES), sizes

    @property
    def cell(self) -> int:
        """How many positions share a row, and a column, of the maps (see `theory.looks.pooling`)."""
        return -(-len(self.tokens) // self.weights.shape[2])
