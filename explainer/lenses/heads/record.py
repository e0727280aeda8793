"""What the lens `heads` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of
from explainer.theory.head_roles import ROLES

SCORES = (
    *ROLES,
    "positional",
    "entropy",
    "distance",
    "knocked_out",
)
"""What a head's biography tells of it, in the order of `HeadsRecord.scores`."""


@dataclass(frozen=True, eq=False)
class HeadsRecord:
    """What every head is like, and what it is good for, over a batch.

    Attributes:
        scores: [s, l, h], s as in `SCORES`. The first three are those of `AttentionRecord`;
            `positional`, 1 - sum |A - mean A| / (2 B T), the mean being that of the batch's sequences at the same
            query and key: 1 if attention depends on positions alone (Vig & Belinkov 2019: 1 - variability; NaN for
            one sequence); `entropy`, in nats; `distance`, mean of sum_s A_ts (t - s), in tokens; `knocked_out`,
            by how much the loss grows when the head's output is set to 0.
        chance: [r, l, h], what the first three would be by chance, as in `AttentionRecord`.
        errors: standard error of `knocked_out` over the sequences; NaN for one.
        loss: of the batch, with all heads.
        sequences: B.
        length: T, of the longest.
        even: the entropy of even attention; 0 where all are as long, and it follows from that.
    """

    scores: Float[np.ndarray, "scores L H"]
    chance: Float[np.ndarray, "roles L H"]
    errors: Float[np.ndarray, "L H"]
    loss: float
    sequences: int
    length: int
    even: float = 0.0

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert (sizes["scores"], sizes["roles"]) == (len(SCORES), len(ROLES)), sizes
