"""What a lens saw: frozen records of numpy arrays, without torch.

Each record is one dataclass of arrays, numbers, and labels (tuples of text). A field that does
not apply to a run is empty: an array of size 0 or `()`. Values that overflowed in the model
stay in the record as NaN or infinity, so that a chart can show where it happened.

`to_arrays` and `from_arrays` carry any record through a file of named arrays and texts; a tape
needs to know no more about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class HiddenRecord:
    """The hidden state at every time step of one sequence, and what the model said there.

    Attributes:
        states: of each layer; for a Transformer the residual stream after each block.
        tokens: what the model read, as labels.
        mask: the positions that count in the loss.
        targets: what it should say, as labels.
        guesses: the likeliest token (token tasks).
        right: probability that it gave to the right token (token tasks).
        output: the number that it said, in the units of the data (number tasks).
        target: the number that it should say (number tasks).
    """

    states: Float[np.ndarray, "L T N"]
    tokens: tuple[str, ...]
    mask: Bool[np.ndarray, " T"]
    targets: tuple[str, ...]
    guesses: tuple[str, ...]
    right: Float[np.ndarray, " tokens"]
    output: Float[np.ndarray, " numbers"]
    target: Float[np.ndarray, " numbers"]

    def __post_init__(self) -> None:
        assert self.states.ndim == 3, self.states.shape
        T = self.states.shape[1]
        assert len(self.tokens) == len(self.targets) == T, (len(self.tokens), len(self.targets), T)
        assert self.mask.shape == (T,), self.mask.shape
        given = ((T,), (0,)) if self.has_tokens else ((0,), (T,))
        assert (self.right.shape, self.output.shape) == given, (self.right.shape, self.output.shape)
        assert self.target.shape == self.output.shape, self.target.shape
        assert len(self.guesses) == self.right.size, len(self.guesses)

    @property
    def has_tokens(self) -> bool:
        """Whether the model predicts tokens (else numbers)."""
        return self.right.size > 0


@dataclass(frozen=True, eq=False)
class GradientRecord:
    """How much of a late loss arrives at each earlier time step, and at each parameter.

    Attributes:
        norms: mean over the sequences of ||dL*/dh_t||_2 in the top layer, L* being the loss at
            the last position that counts; for a Transformer with respect to the residual stream
            that enters the first block. Zero after that position.
        theory: norms[last] rho^(last-t), a linear network's long-run rate (plain RNN; else empty).
        radius: rho, the spectral radius of the top layer's W_hh (plain RNN; else NaN).
        last: the position of L*.
        factor: by which the measured norm changes per step back (see `theory.jacobian`).
        parameters: names.
        parameter_norms: ||dL/dW||_2 of each, L being the loss that training minimises.
        total: norm over all parameters.
        clip: the largest norm that training allows (0: any).
        clipped: `total` after clipping.
        loss: L.
    """

    norms: Float[np.ndarray, " T"]
    theory: Float[np.ndarray, " rate"]
    radius: float
    last: int
    factor: float
    parameters: tuple[str, ...]
    parameter_norms: Float[np.ndarray, " P"]
    total: float
    clip: float
    clipped: float
    loss: float

    def __post_init__(self) -> None:
        assert self.norms.ndim == 1, self.norms.shape
        assert self.theory.shape in ((0,), self.norms.shape), self.theory.shape
        assert 0 <= self.last < len(self.norms), self.last
        assert self.parameter_norms.shape == (len(self.parameters),), self.parameter_norms.shape


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Which tokens look at which, in every head, for one sequence; and what each head is like.

    Attributes:
        weights: [l, h, t, s] is how much query t takes from key s; rows sum to 1.
        tokens: labels of the positions.
        previous_token: mean weight on the token just before.
        prefix_matching: mean weight, from a token that was there before, on the token that
            followed it then: the mark of an induction head (Olsson et al. 2022).
        duplicate_token: the same on the earlier token itself.
        entropy: mean over the queries of -sum w ln w, in nats.

    The four scores are means over the queries of a batch that they are about; NaN where there
    are none (no token repeats).
    """

    weights: Float[np.ndarray, "L H T T"]
    tokens: tuple[str, ...]
    previous_token: Float[np.ndarray, "L H"]
    prefix_matching: Float[np.ndarray, "L H"]
    duplicate_token: Float[np.ndarray, "L H"]
    entropy: Float[np.ndarray, "L H"]

    def __post_init__(self) -> None:
        assert self.weights.ndim == 4, self.weights.shape
        L, H, T, S = self.weights.shape
        assert T == S == len(self.tokens), (T, S, len(self.tokens))
        for scores in (self.previous_token, self.prefix_matching, self.duplicate_token, self.entropy):
            assert scores.shape == (L, H), scores.shape


@dataclass(frozen=True, eq=False)
class PositionsRecord:
    """How a Transformer encodes positions, and how far its heads look.

    Attributes:
        kind: the scheme, one of `config.POSITIONS`.
        table: added to the embeddings (learned, sinusoidal; else of shape (0, 0)). A learned one
            is shown whole, also where the sequence is shorter.
        kernel: cosine of the angle between the table's rows m and n (else of shape (0, 0)).
        distance: [l, h, d] is the mean weight that a query gives to the key d tokens before it
            (a model without blocks: no rows).
    """

    kind: str
    table: Float[np.ndarray, "positions D"]
    kernel: Float[np.ndarray, "positions positions"]
    distance: Float[np.ndarray, "L H T"]

    def __post_init__(self) -> None:
        assert self.table.ndim == 2, self.table.shape
        assert self.kernel.shape == (len(self.table), len(self.table)), self.kernel.shape
        assert self.distance.ndim == 3, self.distance.shape


RECORDS: dict[str, type] = {
    "hidden": HiddenRecord,
    "gradients": GradientRecord,
    "attention": AttentionRecord,
    "positions": PositionsRecord,
}
"""The record of each lens."""


def to_arrays(record: object) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A record as named arrays (numbers become arrays of no dimension) and named JSON texts."""
    arrays: dict[str, np.ndarray] = {}
    text: dict[str, str] = {}
    for item in fields(record):  # type: ignore[arg-type]
        value = getattr(record, item.name)
        if isinstance(value, (str, tuple)):
            text[item.name] = json.dumps(value)
        else:
            arrays[item.name] = np.asarray(value)
    return arrays, text


def from_arrays(cls: type[Record], arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> Record:
    """The inverse of `to_arrays`; entries that are not fields of `cls` are ignored.

    Raises:
        KeyError: a field is missing.
    """
    values: dict[str, object] = {}
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name in text:
            value = json.loads(text[item.name])
            values[item.name] = tuple(value) if isinstance(value, list) else value
        elif item.type in ("int", "float"):
            values[item.name] = arrays[item.name].item()
        else:
            values[item.name] = arrays[item.name]
    return cls(**values)
