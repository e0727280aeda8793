"""What the lens `surgery` saw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class SurgeryRecord:
    """One sequence read by the same weights untouched and operated, and what each unit or head is worth.

    Attributes:
        surgery: what was done (see `explainer.surgery`); "" for nothing.
        loss: mean over `sequences` sequences, untouched; `operated_loss`: operated.
        loss_error: standard error of `loss`; `operated_error`: of the difference of the two, on the same sequences;
            `ratio_error`: of their ratio (see `theory.paired`). NaN for one sequence.
        sequences: how many these are. None of them is among the `screened` ones, unless it is the viewer's own.
        effects: the mean loss without each unit or head, less that with all, over `screened` sequences.
        errors: their standard errors.
        screened: how many these sequences are.
        layers: of the units or heads, from 0; `places`: their number in the layer, from 0.
        extremes: which of them have the largest and the smallest effect (none: there is nothing to switch off).
        checked: these two effects over the `sequences` that did not choose them; `checked_errors`: theirs.
        outputs: untouched and operated, of the first sequence: the probability of the right token
            (token tasks) or the number said, in the units of the data.
        losses: the same two, at each position. These, the probability and `target` are NaN where nobody
            knows what is right.
        moved: how far the output moved: |difference|, or half the sum of |p - q| over the tokens.
        target: the number that should be said (number tasks).
        guesses: the likeliest token untouched; `operated_guesses`: operated (token tasks).
        donor: of a swapped memory, what was read instead, as labels.
        tokens: what the model read; `targets`: what should come out, as labels.
        mask: the positions that count in the loss.
        filled: the positions whose target was filled in, not measured; empty where none was.
    """

    surgery: str
    loss: float
    operated_loss: float
    loss_error: float
    operated_error: float
    ratio_error: float
    sequences: int
    effects: Float[np.ndarray, " K"]
    errors: Float[np.ndarray, " K"]
    screened: int
    layers: Int[np.ndarray, " K"]
    places: Int[np.ndarray, " K"]
    extremes: Int[np.ndarray, " ends"]
    checked: Float[np.ndarray, " ends"]
    checked_errors: Float[np.ndarray, " ends"]
    outputs: Float[np.ndarray, "2 T"]
    losses: Float[np.ndarray, "2 T"]
    moved: Float[np.ndarray, " T"]
    target: Float[np.ndarray, " numbers"]
    guesses: tuple[str, ...]
    operated_guesses: tuple[str, ...]
    donor: tuple[str, ...]
    tokens: tuple[str, ...]
    targets: tuple[str, ...]
    mask: Bool[np.ndarray, " T"]
    filled: Bool[np.ndarray, " positions"] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        T, shown = sizes["T"], len(self.guesses)
        assert len(self.tokens) == len(self.targets) == T, (len(self.tokens), len(self.targets), T)
        assert sizes["positions"] in (0, T), sizes
        assert sizes["ends"] == (2 if sizes["K"] else 0), sizes
        assert shown == len(self.operated_guesses), (shown, len(self.operated_guesses))
        assert (shown, sizes["numbers"]) in ((T, 0), (0, T)), (shown, sizes)
