"""What the lens `race` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class RaceRecord:
    """How often a network is right, by the place in a sequence and by the length of the whole.

    Attributes:
        trained: T of training, as the setting has it (`config.length`).
        lengths: the settings that were tried: half of it, itself, two and four times.
        right: of each the share of right answers; NaN where there are no such sequences, or the network can't read them.
        error: its standard error, over sequences.
        by_place: of each step of the sequences of training, the share of right answers there; NaN where none is asked for.
    """

    trained: int
    lengths: Int[np.ndarray, " K"]
    right: Float[np.ndarray, " K"]
    error: Float[np.ndarray, " K"]
    by_place: Float[np.ndarray, " T"]

    def __post_init__(self) -> None:
        assert sizes_of(self)["K"] > 0
