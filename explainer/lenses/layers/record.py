"""What the lens `layers` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class LayersRecord:
    """What the model would say after each layer (the logit lens), and where its attention comes from (rollout).

    Attributes:
        losses: [l, t], of what the residual stream says at t, l = 0 after the embedding, l after layer l; NaN
            where nobody knows what is right.
        certainty: probability of the likeliest token there (token tasks; else of shape (0, 0)).
        guesses: that token, or the number, row by row: (L + 1) T labels.
        counted: the positions that count in the loss.
        targets: what it should say, as labels.
        tokens: what the model read, as labels.
        rollout: [t, s], how much of token s is in position t after all layers; rows sum to 1.
        last: the attention of the last layer, the mean over its heads that are on; zeros where all are off.
    """

    losses: Float[np.ndarray, "layers T"]
    certainty: Float[np.ndarray, "rows columns"]
    guesses: tuple[str, ...]
    counted: Bool[np.ndarray, " T"]
    targets: tuple[str, ...]
    tokens: tuple[str, ...]
    rollout: Float[np.ndarray, "T T"]
    last: Float[np.ndarray, "T T"]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        rows, T = sizes["layers"], sizes["T"]
        assert (sizes["rows"], sizes["columns"]) in ((0, 0), (rows, T)), sizes
        assert len(self.guesses) == rows * T, (len(self.guesses), rows, T)
        assert len(self.targets) == len(self.tokens) == T, (len(self.targets), len(self.tokens))
