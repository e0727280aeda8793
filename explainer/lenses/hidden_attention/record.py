"""What the lens `hidden_attention` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explainer.lenses.shapes import sizes_of

SHOWN = 5
"""Channels of a layer whose maps are shown: those that say most."""


@dataclass(frozen=True, eq=False)
class HiddenAttentionRecord:
    """What each channel's output at t is of what it read at s, of one sequence.

    A channel says y_t = Σ_s A_ts u_s, u being what it reads. Unlike attention's, a row need not sum to 1 and may have negative numbers.

    Attributes:
        weights: [l, k, t, s], each map divided by its largest |entry|. k = 0 is the mean of |A| over all channels, the others are the maps of
            `channels`. Of long sequences each row and column is of several positions, as in the lens `attention`.
        largest: what they were divided by.
        channels: [l, k], -1 for the mean.
        reach: [l, c], of every channel the mean distance Σ |A_ts| (t - s) / Σ |A_ts|, in steps; NaN where it says nothing.
        negative: [l, c], the share of Σ |A| that is of negative entries.
        tokens: labels of the T positions.
    """

    weights: Float[np.ndarray, "L K P P"]
    largest: Float[np.ndarray, "L K"]
    channels: Int[np.ndarray, "L K"]
    reach: Float[np.ndarray, "L C"]
    negative: Float[np.ndarray, "L C"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert sizes["P"] == -(-len(self.tokens) // self.cell), (sizes, len(self.tokens))

    @property
    def cell(self) -> int:
        """How many positions share a row, and a column, of the maps."""
        return -(-len(self.tokens) // self.weights.shape[2])
