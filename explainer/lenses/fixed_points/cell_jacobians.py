"""The Jacobian of each cell's step with respect to its state, in closed form, for many states at once.

Of an operated cell a held unit's row is 0, and so is the slope of a held gate. Autograd gives the same numbers (`models.operated_cell.jacobians`) at many times the cost; a search for fixed
points needs thousands of them.

    s    state, h or of an LSTM (h, c), M numbers     (S, M)
    F    one step of the cell on the same input
    J    dF(s)_i / ds_j                               (S, M, M)
    U    recurrent weights, of each gate              (N, N)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.models import cells
from explainer.models.cells import State
from explainer.models.observe import Point, unwatched
from explainer.models.operated_cell import OperatedCell, jacobians


class Step(NamedTuple):
    """F(s) and its Jacobian."""

    after: Float[Tensor, "S M"]
    J: Float[Tensor, "S M M"]


def advance(operated: OperatedCell, states: Float[Tensor, "S M"], x: Float[Tensor, " F"]) -> Float[Tensor, "S M"]:
    """F(s) for each state, with the input x."""
    return _after(operated, states, x, unwatched)


def linearise(operated: OperatedCell, states: Float[Tensor, "S M"], x: Float[Tensor, " F"], kink: float = 0.0) -> Step:
    """F(s) and J for each state, with the input x.

    Args:
        kink: at a preactivation this close to 0 ReLU counts as on. At 0 it has a slope to either side; which of
            them rounding would choose is no property of the network.
    """
    kept: dict[str, Tensor] = {}

    def keep(name: str, value: Tensor) -> Tensor:
        kept[name] = value
        return value

    after = _after(operated, states, x, keep)
    form = CLOSED_FORMS.get(operated.cell.step)
    if form is None:
        J = jacobians(operated, x.expand(len(states), -1), states.chunk(operated.cell.states, dim=-1))
    else:
        J = form(At(operated, states, kept, kink))
    J[:, : operated.units] *= operated.free[:, None]
    return Step(after, J)


class At(NamedTuple):
    """What a closed form is made of: the states before the step, and the values at the cell's points in it."""

    operated: OperatedCell
    states: Float[Tensor, "S M"]
    values: Mapping[str, Tensor]
    kink: float

    def U(self) -> tuple[Float[Tensor, "N N"], ...]:
        """The recurrent weights of each gate."""
        return self.operated.weights.w_hidden.split(self.operated.units)

    def slope(self, gate: str) -> Float[Tensor, "S N"]:
        """g (1 - g), the slope of the sigmoid; 0 of a gate that is held."""
        value = self.values[f"gates.{gate}"]
        return torch.zeros_like(value) if gate in self.operated.held.gates else value * (1 - value)


def _after(operated: OperatedCell, states: Float[Tensor, "S M"], x: Tensor, point: Point) -> Float[Tensor, "S M"]:
    parts = states.chunk(operated.cell.states, dim=-1)
    return torch.cat(operated.step(x.expand(len(states), -1), parts, point), dim=-1)


def _scaled(rows: Float[Tensor, "S N"], matrix: Float[Tensor, "*S N N"]) -> Float[Tensor, "S N N"]:
    """diag(rows) matrix."""
    return rows[..., None] * matrix


def _tanh(at: At) -> Float[Tensor, "S N N"]:
    """diag(1 - h'^2) U."""
    return _scaled(1 - at.values["hidden"].square(), *at.U())


def _relu(at: At) -> Float[Tensor, "S N N"]:
    """diag(a > 0) U, with a the preactivation."""
    return _scaled((at.values["preactivation"] > -at.kink).to(at.states.dtype), *at.U())


def _gru(at: At) -> Float[Tensor, "S N N"]:
    """diag(z) + diag((h - n) z') U_z + diag((1-z)(1-n^2)) [diag(r) U_n + diag(m r') U_r], m = U_n h + b_n'.

    z' = z (1-z) and r' = r (1-r) are the slopes of the gates.
    """
    r, z, n = (at.values[f"gates.{name}"] for name in ("reset", "update", "candidate"))
    U_r, U_z, U_n = at.U()
    m = at.operated.weights.from_hidden(at.states).chunk(3, dim=-1)[2]
    inner = _scaled(r, U_n) + _scaled(m * at.slope("reset"), U_r)
    return (
        torch.diag_embed(z)
        + _scaled((at.states - n) * at.slope("update"), U_z)
        + _scaled((1 - z) * (1 - n.square()), inner)
    )


def _lstm(at: At) -> Float[Tensor, "S M M"]:
    """With d = dc'/dh = diag(c f') U_f + diag(g i') U_i + diag(i (1-g^2)) U_g and q = o (1 - tanh(c')^2):

    [[diag(tanh(c') o') U_o + diag(q) d, diag(q f)],
     [d,                                 diag(f)  ]]

    i' = i (1-i), f' and o' are the slopes of the gates.
    """
    i, f, g, o = (at.values[f"gates.{name}"] for name in ("input", "forget", "candidate", "output"))
    U_i, U_f, U_g, U_o = at.U()
    c, squashed = at.states.chunk(2, dim=-1)[1], at.values["cell"].tanh()
    q = o * (1 - squashed.square())
    d = _scaled(c * at.slope("forget"), U_f) + _scaled(g * at.slope("input"), U_i) + _scaled(i * (1 - g.square()), U_g)
    top = torch.cat([_scaled(squashed * at.slope("output"), U_o) + _scaled(q, d), torch.diag_embed(q * f)], dim=-1)
    return torch.cat([top, torch.cat([d, torch.diag_embed(f)], dim=-1)], dim=-2)


CLOSED_FORMS: Mapping[Callable[..., State], Callable[[At], Tensor]] = {
    cells.tanh_cell: _tanh,
    cells.relu_cell: _relu,
    cells.gru_cell: _gru,
    cells.lstm_cell: _lstm,
}
"""By the step of a cell; of another one autograd does it."""
