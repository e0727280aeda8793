"""The torch half of the leaky network: one step of it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.models.cells import Cell, CellWeights, State
from explainer.models.observe import Point
from tests.toys.families import Leaky


def leaky(family: Leaky) -> Cell:
    """The cell of one network, with its own leak."""

    def leaky_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
        """h' = (1 - a) h + a tanh(W x + U h + b)."""
        (h,) = state
        drive = point("drive", torch.tanh(w.from_input(x) + w.from_hidden(h)))
        return (point("hidden", (1 - family.leak) * h + family.leak * drive),)

    return Cell(leaky_cell, None, ("drive", "hidden"))
