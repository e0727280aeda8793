"""What a family of networks says of itself without torch: knobs, name and look, size and cost, points and their roles.

B, T, V, F   sequences, time steps, outputs, inputs (F features, or V one-hot tokens)
N, D, L, H   units, model width, layers or blocks, heads
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from explainer.parts import Part, knob

BYTES = 4  # of a float32
DROPPED = 1.1e-8
"""Seconds of a number that dropout may zero: drawing, multiplying, and the same on the way back."""
Work = dict[str, float]


@runtime_checkable
class Run(Protocol):
    """The part of a configuration, beside its network, that sizes and costs depend on; `RunConfig` is one."""

    @property
    def batch(self) -> int: ...
    @property
    def has_tokens(self) -> bool: ...
    @property
    def says_tokens(self) -> bool: ...
    @property
    def total_length(self) -> int: ...
    @property
    def surgery(self) -> str: ...


def dropout() -> Any:
    """The knob of the families that have dropout."""
    return knob(0.0, "probability that a value is zeroed while training", low=0.0, high=0.9, label="Dropout")


class Gate(NamedTuple):
    """A value between 0 and 1 (a candidate: between -1 and 1) by which a cell multiplies, unit by unit.

    Attributes:
        name: in words and in a surgery.
        point: its observation point within the layer.
        keeps: whether its value is the share of the state that is kept from step to step.
        settable: whether a surgery can hold it; not a candidate, which is no gate.
        opened: what a unit does for which it is 1 at every step; for one that is 0 that keeps nothing.
    """

    name: str
    point: str
    keeps: bool = False
    settable: bool = True
    opened: str = ""

    @property
    def article(self) -> str:
        """ "a" or "an", before its name."""
        return "an" if self.name[0] in "aeiou" else "a"


class Roles(NamedTuple):
    """Which observation points play which part; a lens asks for these, and never which family it is.

    Attributes:
        states: what each layer hands on, lowest first: h_t, or the residual stream after a block.
        entered: what enters each layer and is not made by it, where the family has that: the stream before a block.
        carried: the path of each layer that only a gate multiplies, such as c_t, and that gate; empty without one.
        gates: of each layer the points of the gates that a surgery can hold, by name.
        steps: whether a point has one value for each time step, because the state goes from step to step.
        attention: the attention weights (B, H, T, T) of each block.
        residual: the residual stream at the start and after each block.
        sites: where one unit or head can be switched off, by layer.
        linear: whether a layer's units are linear recurrences of what they read, whose factors do not depend on the state, so
            that what each says of each earlier step is a number: a map (see `models.scan`).
    """

    states: tuple[str, ...]
    entered: tuple[str, ...] = ()
    carried: tuple[tuple[str, str], ...] = ()
    gates: tuple[dict[str, str], ...] = ()
    steps: bool = False
    attention: tuple[str, ...] = ()
    residual: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    linear: bool = False


@dataclass(frozen=True, kw_only=True)
class Family(Part, ABC):
    """A family of networks, and one network of it.

    Attributes:
        kind, title: see `Part`.
        colour, symbol: of its curves and points, told apart without colour too.
        good_for: one line.
        made_by: module and class of its torch half, of `SequenceModel`.
        article: before its title.
        state: the letter of what goes from layer to layer or step to step, in formulas: h, or x of a residual stream.
        ways: by which a gradient reaches an earlier state, the whole one first.
        prices: seconds of each kind of an update's work, forward and backward (see `theory.costs`).
        read_prices: the same where a batch is only read and judged; `batch`: of any.
        plain: whether W_hh and an activation are all there is, so that W_hh alone is the linear theory.
        bounded: whether its states lie between -1 and 1.
        unrolled: an unrolled step, as so many steps of a plain cell: what starting its products and gates takes.
        held_in_look: numbers that a unit of an observed layer holds for its backward pass.
        site: what is switched off as one: "unit" or "head".
        gates: of a cell, in the order of a record and of the controls.
        most_layers, fewest_layers: how deep it may be.
    """

    group: ClassVar[str] = "model"
    colour: ClassVar[str]
    symbol: ClassVar[str]
    good_for: ClassVar[str]
    made_by: ClassVar[str]
    prices: ClassVar[Mapping[str, float]]
    read_prices: ClassVar[Mapping[str, float]]
    plain: ClassVar[bool] = False
    bounded: ClassVar[bool] = False
    unrolled: ClassVar[float] = 1.0
    held_in_look: ClassVar[int] = 10
    state: ClassVar[str] = "h"
    ways: ClassVar[tuple[str, ...]] = ("h",)
    site: ClassVar[str] = "unit"
    gates: ClassVar[tuple[Gate, ...]] = ()
    article: ClassVar[str] = "a"

    layers: int = knob(1, "L, recurrent layers (1-3) or Transformer blocks (0-6)", low=0, high=6, label="Layers")
    width: int = knob(64, "N hidden units, or D model width", low=1, high=1024, label="Width")

    @property
    @abstractmethod
    def roles(self) -> Roles:
        """Its observation points by the part that they play."""

    @property
    def state_size(self) -> int:
        """M, numbers that a layer carries from step to step; 0 where none are."""
        return 0

    @property
    def reads_on(self) -> bool:
        """Whether it can read more than the T steps that it was made for."""
        return True

    @property
    def depth(self) -> str:
        """How deep it is, where a name has to say it: ", 2 blocks"."""
        return ""

    @property
    @abstractmethod
    def described(self) -> str:
        """ "GRU, 64 units"."""

    @property
    def sites(self) -> int:
        """Units, or heads, of a layer that can be switched off."""
        return self.width

    @property
    def keeper(self) -> Gate | None:
        """The gate that says what a unit keeps; None without one."""
        return next((gate for gate in self.gates if gate.keeps), None)

    @property
    def settable(self) -> tuple[str, ...]:
        """The gates that a surgery can hold, by name."""
        return tuple(gate.name for gate in self.gates if gate.settable)

    @property
    def activations(self) -> dict[str, str]:
        """By point of a layer the activation that it is the value of: "sigmoid", "tanh" or "relu"."""
        gates = sorted(self.gates, key=lambda gate: not gate.settable)
        return {gate.point: "sigmoid" if gate.settable else "tanh" for gate in gates}

    @property
    def products(self) -> int:
        """G, gate blocks of its recurrent weight matrices; 0 without such."""
        return 0

    @property
    def mixed(self) -> int:
        """Numbers that a block's mixer of steps makes of a token, where it is no attention with a softmax."""
        return 0

    @property
    def matrices(self) -> int:
        """How many weight matrices it has."""
        return 2 * self.layers + 1

    # -- size and cost ----------------------------------------------------------------------------

    @abstractmethod
    def parameters(self, run: Run, inputs: int, outputs: int) -> int:
        """Trained numbers, exactly."""

    @abstractmethod
    def activation_bytes(self, run: Run, inputs: int, outputs: int) -> int:
        """Bytes that one update holds for its backward pass, estimated from above (see `theory.sizes`)."""

    @abstractmethod
    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        """Floating-point operations of the matrix products of one update, backward pass as two forward ones."""

    def follows(self, run: Run) -> int:
        """Kernels of an update that must wait for each other: the critical path in time steps and layers."""
        return 0

    @abstractmethod
    def work(self, run: Run, inputs: int, outputs: int) -> Work:
        """How much of each kind of work one update is, beside what any model has (see `theory.costs`)."""

    def costs(self, run: Run, reading: bool = False) -> Mapping[str, float]:
        """The prices of this run's updates, or of reading a batch of it."""
        return self.read_prices if reading else {"dropped": DROPPED, **self.prices}

    @abstractmethod
    def arrays(self, run: Run) -> Iterator[tuple[int, int]]:
        """The largest arrays of an update: the numbers in each, and about how many of that size come and go."""

    @abstractmethod
    def update_bytes(self, run: Run, inputs: int, outputs: int) -> float:
        """Bytes that one update holds at its peak, beside weights, gradients and moments."""

    @abstractmethod
    def read_bytes(self, run: Run, tokens: int, maps: int) -> float:
        """Bytes that reading so many tokens at once holds, beside outputs and losses.

        Args:
            maps: attention weights of all sequences that a look holds at most.
        """
