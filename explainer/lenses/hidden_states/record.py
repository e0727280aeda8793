"""What the lens `hidden_states` saw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float


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
        assert self.states.ndim == 3, self.states.shape
        T = self.states.shape[1]
        assert len(self.tokens) == len(self.targets) == T, (len(self.tokens), len(self.targets), T)
        assert self.mask.shape == (T,), self.mask.shape
        given = ((T,), (0,)) if self.has_tokens else ((0,), (T,))
        assert (self.right.shape, self.output.shape) == given, (self.right.shape, self.output.shape)
        assert self.target.shape == self.output.shape, self.target.shape
        assert self.errors.shape == self.signs.shape, (self.errors.shape, self.signs.shape)
        assert self.filled.shape in ((0,), (T,)), self.filled.shape
        assert len(self.guesses) == self.right.size, len(self.guesses)
        assert self.certainty.shape == self.right.shape, self.certainty.shape

    @property
    def foretells(self) -> bool:
        """Whether what it says last is a forecast: there nobody knows what is right."""
        return not self.mask[-1] and bool(np.isnan((self.right if self.has_tokens else self.target)[-1]))

    @property
    def has_tokens(self) -> bool:
        """Whether the model predicts tokens (else numbers)."""
        return self.right.size > 0
