"""Surgery: what is done to a network while it runs, as a value with a short text form and without torch.

    layer 1 unit 5 = 0          unit 5 of the first recurrent layer is set to 0 at every time step
    layer 1 gate forget = 1     that gate is set to 1 at every time step, in all units
    layer 2 head 3 off          what that head reads is replaced by zeros
    positions shuffled seed 3   each token gets the position of another one
    swap state at 12            at t = 12 the network goes on with what it would remember after another input
    swap state at 12 with A B C that input, in the words of the task

Layers and heads are counted from 1, units and time steps from 0, as in every chart. Several operations
stand behind each other with semicolons; a swap stands alone.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from explainer.families import FAMILIES, Family
from explainer.words import listed

MOST_OPERATIONS = 16
MOST_CHARACTERS = 2000
LARGEST_VALUE = 1e6
LARGEST_SEED = 2**31 - 1


class Operated(Protocol):
    """The part of a configuration that a surgery has to fit; `RunConfig` is one."""

    @property
    def network(self) -> Family: ...
    @property
    def total_length(self) -> int: ...


class _Operation(ABC):
    """One thing that is done; its text form is that of the module's docstring. Layers, units and heads count from 0."""

    @abstractmethod
    def phrase(self, layers: int) -> str:
        """How a sentence about it begins."""

    @abstractmethod
    def check(self, run: Operated) -> None:
        """Refuse what the network does not have.

        Raises:
            ValueError: no such layer, unit, gate, head or step, or none at all; a value or a seed that can't be.
        """


@dataclass(frozen=True)
class Unit(_Operation):
    """h_t of one recurrent unit is `value` at every step."""

    layer: int
    unit: int
    value: float = 0.0

    def __str__(self) -> str:
        return f"layer {self.layer + 1} unit {self.unit} = {_shortest(self.value)}"

    def name(self, layers: int) -> str:
        """ "unit 5", or "unit 5 of layer 2" where there are several layers."""
        return f"unit {self.unit}{_of_layer(self.layer, layers)}"

    def phrase(self, layers: int) -> str:
        name = self.name(layers)
        return f"Without {name}" if self.value == 0 else f"With {name} set to {_shortest(self.value)}"

    def check(self, run: Operated) -> None:
        if run.network.site != "unit":
            raise ValueError(
                f"{run.network.article.capitalize()} {run.network.title} carries no units from step to step. Switch a head off instead."
            )
        _check_there("layer ", self.layer, run.network.layers, first=1)
        _check_there("unit ", self.unit, run.network.sites)
        if not (math.isfinite(self.value) and abs(self.value) <= LARGEST_VALUE):
            raise ValueError(f"unit = {self.value!r} can't be set. Choose a number of size at most {LARGEST_VALUE:g}.")


@dataclass(frozen=True)
class Gate(_Operation):
    """One gate is `value` at every step and in all units of a layer."""

    layer: int
    gate: str
    value: float

    def __str__(self) -> str:
        return f"layer {self.layer + 1} gate {self.gate} = {_shortest(self.value)}"

    def phrase(self, layers: int) -> str:
        return f"With the {self.gate} gate{_of_layer(self.layer, layers)} set to {_shortest(self.value)}"

    def check(self, run: Operated) -> None:
        gates = run.network.settable
        if not gates:
            having = [f"{family.article} {family.title}" for family in FAMILIES.values() if family.gates]
            raise ValueError(f"This network has no gates. Choose {listed(having, 'or')}, or operate on something else.")
        if self.gate not in gates:
            raise ValueError(f"gate {self.gate[:40]!r} is not there. Choose one of: {', '.join(gates)}.")
        _check_there("layer ", self.layer, run.network.layers, first=1)
        if not 0 <= self.value <= 1:
            raise ValueError(f"gate = {self.value!r} can't be: a gate lies between 0 (closed) and 1 (open).")


@dataclass(frozen=True)
class Head(_Operation):
    """One attention head is off."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"layer {self.layer + 1} head {self.head + 1} off"

    def name(self, layers: int) -> str:
        """ "head 3", or "head 3 of layer 2" where there are several layers."""
        return f"head {self.head + 1}{_of_layer(self.layer, layers)}"

    def phrase(self, layers: int) -> str:
        return f"Without {self.name(layers)}"

    def check(self, run: Operated) -> None:
        if run.network.site != "head":
            raise ValueError(
                f"{run.network.article.capitalize()} {run.network.title} has no heads. Hold a unit instead."
            )
        _check_there("layer ", self.layer, run.network.layers, first=1)
        _check_there("head ", self.head, run.network.sites, first=1)


@dataclass(frozen=True)
class Shuffle(_Operation):
    """Every token is given the position of another one, by a permutation that depends on the seed and T."""

    seed: int = 0

    def __str__(self) -> str:
        return f"positions shuffled seed {self.seed}"

    def phrase(self, layers: int) -> str:
        return "With the positions shuffled"

    def check(self, run: Operated) -> None:
        if not run.network.roles.attention:
            raise ValueError(
                f"{run.network.article.capitalize()} {run.network.title} is told no positions: it knows the order from reading. Hold a unit."
            )
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed {self.seed} is out of range. Choose 0 to {LARGEST_SEED}.")


@dataclass(frozen=True)
class Swap(_Operation):
    """At step `step` the network goes on with what it remembers of another input.

    Attributes:
        step: t; the input's own steps after it are read as before.
        donor: the other input in the words of the task; "" for another sequence of the task.
    """

    step: int
    donor: str = ""

    def __str__(self) -> str:
        return f"swap state at {self.step}" + (f" with {self.donor}" if self.donor else "")

    def phrase(self, layers: int) -> str:
        return f"With another input's memory from t = {self.step} on"

    def check(self, run: Operated) -> None:
        _check_there("t = ", self.step, run.total_length)


Operation = Unit | Gate | Head | Shuffle | Swap


class Held(NamedTuple):
    """What is held in one recurrent layer, and at which value: units by number, gates by name."""

    units: Mapping[int, float]
    gates: Mapping[str, float]


@dataclass(frozen=True)
class Surgery:
    """Operations, done in this order. Without any it is false and changes nothing.

    Raises:
        ValueError: too many operations, or a swap together with others.
    """

    operations: tuple[Operation, ...] = ()

    def __post_init__(self) -> None:
        if len(self.operations) > MOST_OPERATIONS:
            raise ValueError(f"{len(self.operations)} operations are too many at once. Give at most {MOST_OPERATIONS}.")
        if len(self.operations) > 1 and self.swap is not None:
            raise ValueError("A swap of the state stands alone: give it without other operations.")

    def __bool__(self) -> bool:
        return bool(self.operations)

    def __str__(self) -> str:
        return "; ".join(map(str, self.operations))

    def __add__(self, other: Surgery) -> Surgery:
        return Surgery((*self.operations, *other.operations))

    @property
    def swap(self) -> Swap | None:
        """The swap, if there is one."""
        return next((operation for operation in self.operations if isinstance(operation, Swap)), None)

    @property
    def shuffled(self) -> bool:
        """Whether tokens are given the positions of others."""
        return any(isinstance(operation, Shuffle) for operation in self.operations)

    def held(self, layer: int) -> Held:
        """What is held in this layer, which counts from 0; of two operations on one thing the later one counts."""
        here = [each for each in self.operations if isinstance(each, (Unit, Gate)) and each.layer == layer]
        return Held(
            units={each.unit: each.value for each in here if isinstance(each, Unit)},
            gates={each.gate: each.value for each in here if isinstance(each, Gate)},
        )

    def silent(self, layer: int) -> frozenset[int]:
        """The heads of this block, both counting from 0, that are off."""
        return frozenset(each.head for each in self.operations if isinstance(each, Head) and each.layer == layer)

    @classmethod
    def from_text(cls, text: str) -> Surgery:
        """The inverse of `str`; an empty text is no operation.

        Raises:
            ValueError: the text is none of the forms above.
        """
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"The surgery has {len(text):,} characters. Give at most {MOST_CHARACTERS:,}.")
        if text.strip().lower().startswith("swap"):  # what it reads instead may hold anything
            return cls((_operation(text.strip()),))
        return cls(tuple(_operation(" ".join(part.split())) for part in text.split(";") if part.strip()))

    def check(self, run: Operated) -> Surgery:
        """Itself, if the network has all that it operates on, else a ValueError."""
        for operation in self.operations:
            operation.check(run)
        return self

    def check_trainable(self) -> None:
        """Refuse, by a ValueError, what can't be kept up while training: a swap."""
        if self.swap is not None:
            raise ValueError(
                "A swapped state belongs to one pair of inputs, so there is nothing to train. Choose another."
            )

    def phrase(self, layers: int) -> str:
        """How a sentence about it begins: "Without unit 5"."""
        first, *rest = [operation.phrase(layers) for operation in self.operations] or ["Untouched"]
        return ", ".join([first, *(each[0].lower() + each[1:] for each in rest)])


def knock_outs(run: Operated) -> Sequence[Unit | Head]:
    """Every unit, or every head, to be switched off on its own, lowest layer first."""
    kind, found = Head if run.network.site == "head" else Unit, run.network
    return [kind(layer, site) for layer in range(found.layers) for site in range(found.sites)]


_COUNT, _VALUE = r"(\d{1,9})", r"(\S{1,40})"
_FORMS: Mapping[str, Callable[..., Operation]] = {
    rf"layer {_COUNT} gate ([a-z]{{1,20}}) = {_VALUE}": lambda at, gate, to: Gate(
        int(at) - 1, gate.lower(), _value(to)
    ),
    rf"layer {_COUNT} unit {_COUNT} = {_VALUE}": lambda at, unit, to: Unit(int(at) - 1, int(unit), _value(to)),
    rf"layer {_COUNT} head {_COUNT} off": lambda at, head: Head(int(at) - 1, int(head) - 1),
    rf"positions shuffled seed {_COUNT}": lambda seed: Shuffle(int(seed)),
    rf"swap state at {_COUNT}(?: with (.+))?": lambda step, donor: Swap(int(step), donor or ""),
}
"""Each form by how it is written, and the operation that its words make."""


def _operation(text: str) -> Operation:
    for form, made in _FORMS.items():
        found = re.fullmatch(form, text, re.IGNORECASE | re.DOTALL)
        if found is not None:
            return made(*found.groups())
    raise ValueError(
        f"{text[:60]!r} is no surgery. Write it like one of these: layer 1 unit 5 = 0; layer 1 gate forget = 1; "
        "layer 1 head 3 off; positions shuffled seed 3; swap state at 12."
    )


def _value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} can't be set. Give a finite number.")
    return value + 0.0  # -0.0 is the same surgery as 0.0


def _shortest(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else repr(value)


def _of_layer(layer: int, layers: int) -> str:
    return f" of layer {layer + 1}" if layers > 1 else ""


def _check_there(what: str, number: int, count: int, first: int = 0) -> None:
    if not 0 <= number < count:
        most = f"Choose {first} to {count - 1 + first}." if count else "This model has none."
        raise ValueError(f"{what}{number + first} is not there. {most}")
