"""What the lens `hidden_states` saw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class HiddenStatesRecord:
    """The hidden state at every time step of one sequence, and what the model said there.

    Attributes:
        states: of each layer; for a Transformer the residual stream after each block.
        tokens: what the model read, as labels.
        mask: the positions that count in the loss.
        targets: what it should say, as labels.
        guesses: the likeliest token, and `certainty`, its probability (token tasks).
        right: probability that it gave to the right token (token tasks).
        output: the number that it said, in the units of the data (number tasks; of several, the first).
        target: the number that it should say (number tasks).
        errors: of each number that it says, the root mean square of output - target over the positions that count.
        signs: of each, the share of these positions where it has the target's sign.
        filled: the positions whose target was filled in, not measured; empty where none was.

    `right` and `target` are NaN where nobody knows what is right: after the last step of an input whose
    continuation is asked for.
    """

    states: Float[np.ndarray, "L T N"]
    tokens: tuple[str, ...]
    mask: Bool[np.ndarray, " T"]
    targets: tuple[str, ...]
    guesses: tuple[str, ...]
    certainty: Float[np.ndarray, " tokens"]
    right: Float[np.ndarray, " tokens"]
    output: Float[np.ndarray, " numbers"]
    target: Float[np.ndarray, " numbers"]
    errors: Float[np.ndarray, " outputs"] = field(default_factory=lambda: np.zeros(0, np.float32))
    signs: Float[np.ndarray, " outputs"] = field(default_factory=lambda: np.zeros(0, np.float32))
    filled: Bool[np.ndarray, " positions"] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        T = sizes["T"]
        assert len(self.tokens) == len(self.targets) == T, (len(self.tokens), len(self.targets), T)
        assert (sizes["tokens"], sizes["numbers"]) == ((T, 0) if self.has_tokens else (0, T)), sizes
        assert sizes["positions"] in (0, T), sizes
        assert len(self.guesses) == sizes["tokens"], len(self.guesses)

    @property
    def foretells(self) -> bool:
        """Whether what it says last is a forecast: there nobody knows what is right."""
        return not self.mask[-1] and bool(np.isnan((self.right if self.has_tokens else self.target)[-1]))

    @property
    def has_tokens(self) -> bool:
        """Whether the model predicts tokens (else numbers)."""
        return self.right.size > 0
