"""The Jacobian of each cell's step with respect to its state, in closed form, for many states at once.

Autograd gives the same numbers (`lenses.jacobian.jacobians`) at many times the cost; a search for fixed
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

from explainer.models.cells import CELLS, CellWeights
from explainer.models.observe import unwatched


class Step(NamedTuple):
    """F(s) and its Jacobian."""

    after: Float[Tensor, "S M"]
    J: Float[Tensor, "S M M"]


def advance(model: str, w: CellWeights, states: Float[Tensor, "S M"], x: Float[Tensor, " F"]) -> Float[Tensor, "S M"]:
    """F(s) for each state, with the input x."""
    cell = CELLS[model]
    parts = states.chunk(cell.states, dim=-1)
    return torch.cat(cell.step(x.expand(len(states), -1), parts, w, unwatched), dim=-1)


def linearise(model: str, w: CellWeights, states: Float[Tensor, "S M"], x: Float[Tensor, " F"]) -> Step:
    """F(s) and J for each state, with the input x."""
    kept: dict[str, Tensor] = {}

    def keep(name: str, value: Tensor) -> Tensor:
        kept[name] = value
        return value

    cell = CELLS[model]
    parts = states.chunk(cell.states, dim=-1)
    after = torch.cat(cell.step(x.expand(len(states), -1), parts, w, keep), dim=-1)
    return Step(after, _JACOBIANS[model](kept, states, w))


def _scaled(rows: Float[Tensor, "S N"], matrix: Float[Tensor, "*S N N"]) -> Float[Tensor, "S N N"]:
    """diag(rows) matrix."""
    return rows[..., None] * matrix


def _tanh(kept: Mapping[str, Tensor], states: Float[Tensor, "S N"], w: CellWeights) -> Float[Tensor, "S N N"]:
    """diag(1 - h'^2) U."""
    return _scaled(1 - kept["hidden"].square(), w.w_hidden)


def _relu(kept: Mapping[str, Tensor], states: Float[Tensor, "S N"], w: CellWeights) -> Float[Tensor, "S N N"]:
    """diag(a > 0) U, with a the preactivation."""
    return _scaled((kept["preactivation"] > 0).to(states.dtype), w.w_hidden)


def _gru(kept: Mapping[str, Tensor], states: Float[Tensor, "S N"], w: CellWeights) -> Float[Tensor, "S N N"]:
    """diag(z) + diag((h - n) z (1-z)) U_z + diag((1-z)(1-n^2)) [diag(r) U_n + diag(m r (1-r)) U_r], m = U_n h + b_n'."""
    r, z, n = (kept[f"gates.{name}"] for name in ("reset", "update", "candidate"))
    U_r, U_z, U_n = w.w_hidden.chunk(3)
    m = w.from_hidden(states).chunk(3, dim=-1)[2]
    inner = _scaled(r, U_n) + _scaled(m * r * (1 - r), U_r)
    return torch.diag_embed(z) + _scaled((states - n) * z * (1 - z), U_z) + _scaled((1 - z) * (1 - n.square()), inner)


def _lstm(kept: Mapping[str, Tensor], states: Float[Tensor, "S M"], w: CellWeights) -> Float[Tensor, "S M M"]:
    """With d = dc'/dh = diag(c f (1-f)) U_f + diag(g i (1-i)) U_i + diag(i (1-g^2)) U_g and q = o (1 - tanh(c')^2):

    [[diag(tanh(c') o (1-o)) U_o + diag(q) d, diag(q f)],
     [d,                                      diag(f)  ]]
    """
    i, f, g, o = (kept[f"gates.{name}"] for name in ("input", "forget", "candidate", "output"))
    U_i, U_f, U_g, U_o = w.w_hidden.chunk(4)
    c, squashed = states.chunk(2, dim=-1)[1], kept["cell"].tanh()
    q = o * (1 - squashed.square())
    d = _scaled(c * f * (1 - f), U_f) + _scaled(g * i * (1 - i), U_i) + _scaled(i * (1 - g.square()), U_g)
    top = torch.cat([_scaled(squashed * o * (1 - o), U_o) + _scaled(q, d), torch.diag_embed(q * f)], dim=-1)
    return torch.cat([top, torch.cat([d, torch.diag_embed(f)], dim=-1)], dim=-2)


_JACOBIANS: Mapping[str, Callable[[Mapping[str, Tensor], Tensor, CellWeights], Tensor]] = {
    "rnn": _tanh,
    "rnn_relu": _relu,
    "gru": _gru,
    "lstm": _lstm,
}
