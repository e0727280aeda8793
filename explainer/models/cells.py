"""Recurrent cells, one time step each, with the weights of torch's fused modules.

The formulas and the order of the gate blocks are those of `torch.nn.RNN`, `LSTM` and `GRU`:

    x    input at time t                 (B, F)
    h    hidden state before the step    (B, N)
    c    cell state before the step      (B, N), LSTM only
    W, U input and recurrent weights     (G*N, F) and (G*N, N), G gate blocks one below the other
    σ    logistic sigmoid; * elementwise

Each step makes tensors of its own, so ∂L/∂h_t is the total gradient through everything after t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from explainer.extensions import named
from explainer.families import Recurrent
from explainer.families.mingru import MinGRU
from explainer.models.observe import Point
from explainer.models.scan import Recurrence, scan

State = tuple[Tensor, ...]  # (h,) or (h, c)


class CellWeights(NamedTuple):
    """One layer's weights. torch keeps two biases, which always appear as their sum but in the GRU."""

    w_input: Tensor  # (G*N, F)
    w_hidden: Tensor  # (G*N, N)
    b_input: Tensor  # (G*N,)
    b_hidden: Tensor  # (G*N,)

    def from_input(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B GN"]:
        """W x + b."""
        return linear(x, self.w_input, self.b_input)

    def from_hidden(self, h: Float[Tensor, "B N"]) -> Float[Tensor, "B GN"]:
        """U h + b'."""
        return linear(h, self.w_hidden, self.b_hidden)


def tanh_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
    """h' = tanh(W x + U h + b)   (Elman 1990)."""
    (h,) = state
    a = point("preactivation", w.from_input(x) + w.from_hidden(h))
    return (point("hidden", torch.tanh(a)),)


def relu_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
    """h' = max(0, W x + U h + b)   (with U = I at the start, the IRNN of Le et al. 2015)."""
    (h,) = state
    a = point("preactivation", w.from_input(x) + w.from_hidden(h))
    return (point("hidden", torch.relu(a)),)


def lstm_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    i, f, o = σ(W x + U h + b)     input, forget and output gate
    g       = tanh(W x + U h + b)  candidate
    c'      = f * c + i * g        the path along which gradients can live long
    h'      = o * tanh(c')
    """
    h, c = state
    i, f, g, o = (w.from_input(x) + w.from_hidden(h)).chunk(4, dim=-1)
    i = point("gates.input", torch.sigmoid(i))
    f = point("gates.forget", torch.sigmoid(f))
    g = point("gates.candidate", torch.tanh(g))
    o = point("gates.output", torch.sigmoid(o))
    c = point("cell", f * c + i * g)
    h = point("hidden", o * torch.tanh(c))
    return h, c


def gru_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
    """Cho et al. 2014, in cuDNN's variant: the reset gate acts after the recurrent product.

    r, z = σ(W x + b + U h + b')         reset and update gate
    n    = tanh(W x + b + r * (U h + b'))  candidate
    h'   = (1 - z) * n + z * h
    """
    (h,) = state
    r_x, z_x, n_x = w.from_input(x).chunk(3, dim=-1)
    r_h, z_h, n_h = w.from_hidden(h).chunk(3, dim=-1)
    r = point("gates.reset", torch.sigmoid(r_x + r_h))
    z = point("gates.update", torch.sigmoid(z_x + z_h))
    n = point("gates.candidate", torch.tanh(n_x + r * n_h))
    return (point("hidden", (1 - z) * n + z * h),)


def mingru(family: MinGRU) -> Cell:
    """The cell of one network: its a between 0 and 1, or between -1 and 1."""

    def kept(z: Tensor) -> Tensor:
        return z if family.keep == "positive" else 2 * z - 1

    def mingru_cell(x: Float[Tensor, "B F"], state: State, w: CellWeights, point: Point) -> State:
        """Feng et al. 2024, section 3.1: z = σ(W_z x + b_z), n = W_n x + b_n, h' = a * h + (1 - z) * n, with a = z or 2z - 1."""
        (h,) = state
        z, n = w.from_input(x).chunk(2, dim=-1)
        z = point("gates.update", torch.sigmoid(z))
        n = point("gates.candidate", n)
        return (point("hidden", kept(z) * h + (1 - z) * n),)

    def mingru_scan(x: Float[Tensor, "B T F"], start: Tensor, w: CellWeights) -> Float[Tensor, "B T N"]:
        z, n = w.from_input(x).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        return scan(kept(z), (1 - z) * n, start)

    def recurrence(seen: Mapping[str, Tensor]) -> Recurrence:
        z = seen["gates.update"][..., None]
        return Recurrence(kept(z), 1 - z, torch.ones_like(z))

    points = ("gates.update", "gates.candidate", "hidden")
    return Cell(mingru_cell, None, points, scan=mingru_scan, recurrence=recurrence)


@dataclass(frozen=True)
class Cell:
    """What a recurrent family computes at a time step.

    Attributes:
        step: the formulas.
        fused: torch's module that does the same at once for all steps and layers, with the same weights; None where torch has none.
        points: that a step passes, in order.
        parts: of the state, each by the point at which it stands: h, or h and c.
        scan: all steps of a layer at once from its inputs and the state before them, where no step needs the one before; else None.
        recurrence: of such a cell what it computes, from the values (T, N) at its points.
    """

    step: Callable[[Tensor, State, CellWeights, Point], State]
    fused: Callable[..., nn.RNNBase] | None
    points: tuple[str, ...]
    parts: tuple[str, ...] = ("hidden",)
    scan: Callable[[Tensor, Tensor, CellWeights], Tensor] | None = None
    recurrence: Callable[[Mapping[str, Tensor]], Recurrence] | None = None

    @property
    def states(self) -> int:
        """Of how many tensors the state is."""
        return len(self.parts)


tanh = Cell(tanh_cell, partial(nn.RNN, nonlinearity="tanh"), ("preactivation", "hidden"))
relu = Cell(relu_cell, partial(nn.RNN, nonlinearity="relu"), ("preactivation", "hidden"))
lstm = Cell(
    lstm_cell,
    nn.LSTM,
    ("gates.input", "gates.forget", "gates.candidate", "gates.output", "cell", "hidden"),
    ("hidden", "cell"),
)
gru = Cell(gru_cell, nn.GRU, ("gates.reset", "gates.update", "gates.candidate", "hidden"))


def cell_of(family: Recurrent) -> Cell:
    """The cell of a network: what its family names, or what that makes of the network's own knobs."""
    found = named(family.cell)
    return found if isinstance(found, Cell) else found(family)


class Weights(nn.Module):
    """The weights of L layers under the names of torch's fused modules, drawn as these draw them, for a cell that has none.

    Args:
        gates: G, blocks of N rows in each matrix.
        recurrent: whether there are W_hh and its bias; else they are 0 for whoever asks.
    """

    def __init__(self, gates: int, inputs: int, N: int, L: int, recurrent: bool = True) -> None:
        super().__init__()
        self.num_layers, self.hidden_size = L, N
        for layer in range(L):
            rows = {"weight_ih": inputs if layer == 0 else N, "weight_hh": N, "bias_ih": 0, "bias_hh": 0}
            for name, columns in rows.items():
                if name.endswith("_hh") and not recurrent:
                    self.register_buffer(
                        f"{name}_l{layer}", torch.zeros(gates * N, *([N] if columns else [])), persistent=False
                    )
                    continue
                drawn = torch.empty(gates * N, columns) if columns else torch.empty(gates * N)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(nn.init.uniform_(drawn, -(N**-0.5), N**-0.5)))
