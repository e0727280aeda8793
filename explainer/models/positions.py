"""How a Transformer knows the order: what is added to embeddings, turned in queries and keys, or added to scores.

Everything that follows from a formula is computed for the length at hand and never kept, so only
learned positions have a longest sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from explainer.config import RunConfig
from explainer.families import Attending

BASE = 10_000.0

Bias = Float[Tensor, "H T T"] | Callable[[int], Float[Tensor, "1 T T"]]
"""What is added to the scores of all heads, or a function from a head to what is added to its own."""


def frequencies(D: int, base: float = BASE, like: Tensor | None = None) -> Float[Tensor, " pairs"]:
    """ω_i = base^(-2i/D) for the pairs i = 0 … D/2-1: wavelengths from 2π to almost 2π·base."""
    return torch.exp(-math.log(base) * _range(0, D, 2, like) / D)


def sinusoidal(T: int, D: int, base: float = BASE, like: Tensor | None = None) -> Float[Tensor, "T D"]:
    """PE(t, 2i) = sin(ω_i t), PE(t, 2i+1) = cos(ω_i t)   (Vaswani et al. 2017, §3.5).

    Args:
        like: a tensor whose device and type of numbers the table takes; default, torch's own.
    """
    angles = rotary_angles(T, D, base, like)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def rotary_angles(T: int, K: int, base: float = BASE, like: Tensor | None = None) -> Float[Tensor, "T pairs"]:
    """ω_i t: by how much position t turns pair i of a head of size K (Su et al. 2021, §3.2)."""
    return torch.outer(_range(0, T, 1, like), frequencies(K, base, like))


def rotate(x: Float[Tensor, "*B T K"], angles: Float[Tensor, "T pairs"]) -> Float[Tensor, "*B T K"]:
    """Turn each pair (x_2i, x_2i+1) at position t by its angle; the norm stays.

    The product of a query turned by m and a key turned by n depends on m - n only.
    """
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = angles.cos(), angles.sin()
    turned = torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1)
    return turned.flatten(-2).type_as(x)


def alibi_slopes(H: int) -> list[float]:
    """m_h = 2^(-8h/H), h = 1 … H, for H a power of two (Press et al. 2021, §3).

    Otherwise, as their code does, the slopes of the power of two below and then every other one
    of the power above.
    """
    below = 2 ** int(math.log2(H))
    slopes = [2 ** (-8 * h / below) for h in range(1, below + 1)]
    return slopes + [2 ** (-4 * h / below) for h in range(1, 2 * (H - below), 2)]


def alibi_bias(H: int, T: int, like: Tensor | None = None) -> Float[Tensor, "H T T"]:
    """-m_h |i - j|: how much head h is held back from looking from i to j."""
    t = _range(0, T, 1, like)
    slopes = t.new_tensor(alibi_slopes(H))
    return -slopes[:, None, None] * (t[:, None] - t[None, :]).abs()


def _range(start: int, end: int, step: int, like: Tensor | None) -> Tensor:
    """Whole numbers as floats of at least single precision, in which positions stay exact."""
    if like is None:
        return torch.arange(start, end, step, dtype=torch.get_default_dtype())
    dtype = torch.promote_types(like.dtype, torch.float32)
    return torch.arange(start, end, step, dtype=dtype, device=like.device)


class Positions(nn.Module):
    """No positions; each kind below overrides the one method by which it enters."""

    def added(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The embeddings with what the kind adds to them."""
        return x

    def table(self, T: int) -> Float[Tensor, "T D"] | None:
        """What is added at each of the first T positions, if anything is."""
        return None

    def angles(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "T pairs"] | None:
        """By how much queries and keys are turned, if they are."""
        return None

    def bias(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "H T T"] | None:
        """What is added to the scores, if anything is."""
        return None

    def bias_of(self, x: Float[Tensor, "B T D"]) -> Callable[[int], Float[Tensor, "1 T T"]] | None:
        """The same, made for one head at a time."""
        return None


class LearnedPositions(Positions):
    """A trained vector for each position, added to the embedding (Gehring et al. 2017).

    Args:
        length: T of the longest sequence; a longer one is refused with a ValueError.
    """

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, width))

    def table(self, T: int) -> Float[Tensor, "T D"]:
        length = self.weight.shape[0]
        if length < T:
            raise ValueError(
                f"A sequence of {T} is longer than the {length} positions that this model has learned. "
                f"Shorten it to {length}, or train with positions none, sinusoidal, rotary or alibi."
            )
        return self.weight[:T]

    def added(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return x + self.table(x.shape[1])


class SinusoidalPositions(Positions):
    """The fixed table of sines and cosines, added to embeddings times √D (Vaswani et al. 2017, §3.4).

    Without that factor a table of norm √(D/2) would drown embeddings that start small.
    """

    reference: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("reference", torch.empty(0), persistent=False)  # knows the device and the type

    def table(self, T: int) -> Float[Tensor, "T D"]:
        return sinusoidal(T, self.width, like=self.reference)

    def added(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return x * math.sqrt(self.width) + self.table(x.shape[1]).type_as(x)


class RotaryPositions(Positions):
    """Queries and keys turn with their position (Su et al. 2021)."""

    def __init__(self, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size

    def angles(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "T pairs"]:
        return rotary_angles(x.shape[1], self.head_size, like=x)


class AlibiPositions(Positions):
    """Scores fall linearly with distance, each head at its own slope (Press et al. 2021)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def bias(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "H T T"]:
        return alibi_bias(self.heads, x.shape[1], like=x)

    def bias_of(self, x: Float[Tensor, "B T D"]) -> Callable[[int], Float[Tensor, "1 T T"]]:
        t = _range(0, x.shape[1], 1, x)
        slopes = t.new_tensor(alibi_slopes(self.heads))
        return lambda head: -slopes[head, None, None] * (t[:, None] - t[None, :]).abs()[None]


class ShuffledPositions:
    """The same kind of positions, token t being given that of place `order[t]`.

    Args:
        positions: the kind, with its weights.
        order: a permutation of the T places.
    """

    def __init__(self, positions: Positions, order: Int[Tensor, " T"]) -> None:
        self.positions, self.order, self.inverse = positions, order, order.argsort()

    def table(self, T: int) -> Float[Tensor, "T D"] | None:
        """What is added at each of the T tokens, if anything is: that of place order[t]."""
        table = self.positions.table(T)
        return None if table is None else table[self.order]

    def added(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """x_t with what is added at place order[t]."""
        return self.positions.added(x[:, self.inverse])[:, self.order]

    def angles(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "T pairs"] | None:
        """The angles of place order[t]."""
        angles = self.positions.angles(x)
        return None if angles is None else angles[self.order]

    def bias(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "H T T"] | None:
        """The bias between places order[t] and order[s]."""
        bias = self.positions.bias(x)
        return None if bias is None else bias[:, self.order][:, :, self.order]

    def bias_of(self, x: Float[Tensor, "B T D"]) -> Callable[[int], Float[Tensor, "1 T T"]] | None:
        """The same, made for one head at a time."""
        bias = self.positions.bias_of(x)
        return None if bias is None else lambda head: bias(head)[:, self.order][:, :, self.order]


POSITIONS: dict[str, Callable[[RunConfig], Positions]] = {
    "none": lambda config: Positions(),
    "learned": lambda config: LearnedPositions(config.total_length, config.width),
    "sinusoidal": lambda config: SinusoidalPositions(config.width),
    "rotary": lambda config: RotaryPositions(config.width // config.part(Attending).heads),
    "alibi": lambda config: AlibiPositions(config.part(Attending).heads),
}
