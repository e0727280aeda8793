"""One recurrent layer as it runs: its cell and its weights, with all that the model's surgery holds in it.

Whoever steps a cell apart from the model's own forward pass, or writes down what follows from its weights, takes
this one: of an operated model the weights alone do not say what the network does.

    s    state, h or of an LSTM (h, c), M numbers
    F    one step, s' = F(s) on the same input
    U    recurrent weights, of each gate                    (N, N)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.models.cells import Cell, CellWeights, State
from explainer.models.observe import Point, unwatched
from explainer.surgery import Held


@dataclass(frozen=True)
class OperatedCell:
    """A cell in its place.

    Attributes:
        cell: the formulas.
        weights: of the layer.
        held: its units and gates that surgery holds. A held unit is a constant of F: its row of dF/ds is 0. A held
            gate is one, too: whatever it would have read, its slope is 0.
        standing: does the same to the values of a step, at each point of the cell.
    """

    cell: Cell
    weights: CellWeights
    held: Held
    standing: Point

    @property
    def units(self) -> int:
        """N."""
        return self.weights.w_hidden.shape[1]

    def step(self, x: Float[Tensor, "B F"], state: State, point: Point = unwatched) -> State:
        """The state after one step; `point` is passed by what the operated cell computes."""
        return self.cell.step(x, state, self.weights, lambda name, value: point(name, self.standing(name, value)))

    @property
    def free(self) -> Bool[Tensor, " N"]:
        """Which units are not held."""
        free = torch.ones(self.units, dtype=torch.bool, device=self.weights.w_hidden.device)
        free[list(self.held.units)] = False
        return free

    @property
    def recurrence(self) -> Float[Tensor, "GN N"]:
        """U with the rows of held units 0: of a plain cell that is linear, dF/ds.

        Its eigenvalues are those of U among the free units, and a 0 for each that is held.
        """
        gates = len(self.weights.w_hidden) // self.units
        return self.weights.w_hidden * self.free.to(self.weights.w_hidden.dtype).repeat(gates)[:, None]

    def at_rest(self) -> State:
        """The state in which all is 0 but what is held, for one sequence."""
        h = self.weights.w_hidden.new_zeros(1, self.units)
        for unit, value in self.held.units.items():
            h[:, unit] = value
        return (h, *[torch.zeros_like(h)] * (self.cell.states - 1))


def jacobians(
    cell: OperatedCell, inputs: Float[Tensor, "S F"], states: Sequence[Float[Tensor, "S N"]]
) -> Float[Tensor, "S M M"]:
    """J[s, i, j] = d (state after)_i / d (state before)_j of one step of a cell, for each of S steps at once."""
    with torch.enable_grad():
        before = tuple(state.detach().requires_grad_() for state in states)
        after = torch.cat(cell.step(inputs.detach(), before), dim=-1)
        S, M = after.shape
        each = torch.eye(M, dtype=after.dtype, device=after.device)[:, None].expand(M, S, M)
        rows = torch.autograd.grad(after, before, each, is_grads_batched=True, materialize_grads=True)
    return torch.cat(rows, dim=-1).transpose(0, 1)
