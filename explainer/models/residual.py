"""What lenses may ask of a model that works on a residual stream and attends, whichever family it is of."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.models.observe import Point, SequenceModel, unwatched
from explainer.models.positions import Bias, Positions, ShuffledPositions


class Residual(SequenceModel):
    """Blocks of attention, each of which adds to one stream.

    Attributes:
        heads: H of each block, or its channels.
        mixer: what mixes the steps in a block; of one that attends, how `scores` and `weights` follow from queries and keys.
    """

    heads: int
    mixer: Any

    @abstractmethod
    def entering(self, x: Tensor) -> Float[Tensor, "B T D"]:
        """The residual stream before the first block."""

    @abstractmethod
    def from_block(self, first: int, h: Float[Tensor, "B T D"], point: Point = unwatched) -> Float[Tensor, "B T D"]:
        """The residual stream after the last block, from the one that enters block `first`."""

    @abstractmethod
    def read_out(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """Logits or numbers from a residual stream."""

    @abstractmethod
    def placed(self, T: int) -> Positions | ShuffledPositions:
        """The encoding of the positions of T tokens, in the order that the model's surgery gives them."""

    @abstractmethod
    def unseen(self, T: int, device: torch.device) -> Bool[Tensor, "T T"]:
        """True where row t may not look at column s; the same in all blocks."""

    @abstractmethod
    def biased(self, h: Float[Tensor, "B T D"]) -> Bias | None:
        """What is added to the scores, if anything is; of a long sequence that is only looked at, head by head."""
