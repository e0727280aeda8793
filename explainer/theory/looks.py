"""What a look takes, before it begins: the most bytes that it holds at once, the bytes of what it leaves on a tape, and time.

No torch: the interface and the estimate of a run ask, too. Bytes are upper estimates of what the lenses do (`explainer.lenses`), which cut
into chunks what would be larger than the constants here; `tests/test_look_sizes.py` holds both against what is measured. Time is
kinds of work at measured prices, like that of an update (`theory.costs`): passes of some sequences through the model, unrolled step
by step where it is recurrent, and what a lens does with what it saw. Prices are seconds on one thread of a server's CPU, fitted to looks
at random networks by `python -m benchmarks.estimates --calibrate-looks`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from explainer.families import Attending, Blocks
from explainer.theory.sizes import BYTES, Architecture, flops_per_step

MAPS = 2**22
"""Attention weights of all sequences, blocks and heads that a look holds at once, and that a view has: 4 MB, a byte each on a tape.

A lesson's maps fit many times over. Where one sequence's do not, heads are looked at a few at a time, and a view's maps are pooled.
"""
CHUNK = 2**21
"""Weights of such a few heads: 8 MB, and some times that while scores become weights and weights become sums."""
NUMBERS = 2**24
"""Numbers that a pass with a backward one may hold (64 MB), where it can choose how many sequences it takes."""
SEARCHED_NUMBERS = 2**23
"""Numbers of the states of a text that is searched, at once: 32 MB."""
WIDE_VIEW = 2**22
"""Bytes of a view above which its large arrays are kept in steps of 1/32767 of their largest value: two bytes each."""
MIXED = 18
"""Numbers of a block's mixer that cost as much as one of the width does where a block attends."""
LABEL = 8  # bytes of a label in a view, with its quotes and comma

Work = Mapping[str, float]
SECOND = 2e10
"""Floating-point operations of a second, which some lenses count from."""
SHUFFLED = 32
SEARCHED = 2**14
TRACKED, FEWEST_TRACKED, MOST_TRACKED = 2**14, 16, 256
COMPONENTS = 256
STARTS, FEWEST_STARTS, START_NUMBERS = 1024, 128, 2**14


class LookSize(NamedTuple):
    """Bytes of a look.

    Attributes:
        peak: that it holds at once, beside the model's weights.
        view: of its record on a tape.
    """

    peak: int
    view: int


class Sequences(Protocol):
    """What costs depend on in a task (see `tasks.problem.Problem`)."""

    validation_windows: ClassVar[int]
    preparing_bytes: ClassVar[float]
    drawing: ClassVar[float]
    stepping: ClassVar[float]


@runtime_checkable
class Looked(Architecture, Protocol):
    """The part of a configuration that looks depend on beyond its architecture; `RunConfig` is one."""

    @property
    def problem(self) -> Sequences: ...
    @property
    def length(self) -> int: ...


def pooling(layers: int, heads: int, T: int) -> int:
    """How many queries, and keys, share a cell of the maps in a view: the fewest with which all maps have `MAPS` cells at most.

    A cell is the weight that its queries, in the mean, give to its keys together, so that rows go on to sum to 1.
    """
    most = max(1, math.isqrt(MAPS // (layers * heads)))
    return -(-T // most)


def backward_numbers(config: Looked, T: int) -> int:
    """About how many numbers a sequence of T steps holds for its backward pass through an observed model."""
    network = config.network
    if not isinstance(network, Attending):
        return T * max(1, network.layers) * (14 * network.width + network.mixed)
    maps = 4 * network.heads * T if network.layers and maps_fit(config, T) else 0
    return T * max(1, network.layers) * (maps + 20 * network.width + network.mixed)


def rows_held(config: Looked, T: int, most: int) -> int:
    """How many of at most `most` sequences a Transformer with blocks is watched on: what their maps and activations allow; one at least."""
    maps = MAPS // (config.network.layers * config.network.sites * T * T)
    return max(1, min(most, maps, NUMBERS // (12 * T * config.network.width)))


def maps_fit(config: Looked, T: int) -> bool:
    """Whether all the attention weights of a sequence may be held at once."""
    return config.network.layers * config.network.sites * T * T <= MAPS


class Sizes:
    """A configuration's numbers by their letters, and what passes through its model take.

    Attributes:
        B, T, D, L, H, V: sequences of the batch that is looked at, steps, width, layers or blocks, heads, outputs.
    """

    def __init__(self, config: Looked, inputs: int, outputs: int) -> None:
        self.config, self.inputs, self.V = config, inputs, outputs
        self.B, self.T, self.D, self.L, self.H = (
            config.problem.validation_windows or config.batch,
            config.total_length,
            config.network.width,
            config.network.layers,
            config.network.sites,
        )
        self.network = config.network
        self.attends, self.recurrent = bool(self.network.roles.attention), self.network.roles.steps
        self.positions = self.network.positions if isinstance(self.network, Attending) else ""
        self.mlp = isinstance(self.network, Blocks) and self.network.mlp
        self.settable = len(self.network.settable) or 1

    @property
    def cells(self) -> int:
        """Weights in the view of all maps: L H P²."""
        P = -(-self.T // pooling(self.L, self.H, self.T)) if self.attends else 0
        return self.L * self.H * P * P

    def rows(self, most: int) -> int:
        """Sequences whose maps are held."""
        return rows_held(self.config, self.T, most) if self.attends else most

    def forward_rows(self, passes: int) -> int:
        """Sequences that surgery takes for so many forward passes (see `lenses.surgery.look.affordable`)."""
        rows = 1.5e9 // (self.forward * passes)
        return int(min(512, max(2, rows, min(8, 4 * rows))))

    @property
    def forward(self) -> float:
        """Floating-point operations of a forward pass of one sequence."""
        return flops_per_step(self.config, self.inputs, self.V) / 3 / self.config.batch

    def flops_a_token(self, T: int) -> float:
        """Floating-point operations of a forward pass, for each token of a sequence of T."""
        longer = 4 * (T - self.T) * self.D * self.L if self.attends else 0
        return self.forward / self.T + longer

    def kept(self, sequences: int, numbers: int) -> int:
        """Bytes of so many numbers a step."""
        return BYTES * sequences * self.T * numbers

    def passing(self, sequences: int) -> int:
        """Bytes that a forward pass holds at once while nothing is kept."""
        if self.recurrent:
            steps = self.kept(sequences, self.inputs + 2 * self.D + 2 * self.V)
            return steps + BYTES * sequences * self.D * 4 * self.network.products
        maps = self.maps(sequences) if self.attends and sequences * self.H * self.T**2 <= MAPS else 0
        if self.attends and self.positions == "alibi":
            maps += 3 * BYTES * self.T**2 * (self.H if self.H * self.T**2 <= MAPS else 1)
        wide = max(12 * self.D if self.mlp else 7 * self.D, self.network.mixed)
        return self.kept(sequences, wide + 2 * self.V) + maps

    def maps(self, sequences: int) -> int:
        """Bytes of the maps of one block while they are made: scores, masked scores, weights."""
        return 3 * BYTES * sequences * self.H * self.T**2

    def held_maps(self, sequences: int) -> int:
        """Bytes of all maps of a look where they fit, else of a few heads at a time."""
        if not self.attends:
            return 0
        if maps_fit(self.config, self.T):
            return BYTES * sequences * self.L * self.H * self.T**2
        return 3 * BYTES * max(1, min(self.H, CHUNK // self.T**2)) * self.T**2

    def backward(self, sequences: int) -> int:
        """Bytes that a pass with a backward one holds."""
        held = self.kept(sequences, 4 * self.V + self.inputs)
        if self.recurrent:
            return held + self.kept(sequences, self.L * self.network.held_in_look * self.D)
        held += self.kept(sequences, self.L * self.network.mixed + (self.L * (18 if self.mlp else 10) + 4) * self.D)
        if self.attends and maps_fit(self.config, self.T):
            held += BYTES * sequences * self.H * self.T**2 * (2 * self.L + 3)
        return held


def halved_if_large(exact: int, halved: int) -> int:
    """Bytes of a view whose large arrays, `halved` of them, are kept in half the bytes if all take too many."""
    return exact - halved // 2 if exact > WIDE_VIEW else exact


def labels(z: Sizes, of_each: int = 1) -> int:
    return LABEL * z.T * of_each


def losses_followed(z: Sizes) -> int:
    """Losses that the microscope follows (see `lenses.microscope.look`)."""
    backward = 2 * z.forward
    most = int(min(128, max(8, 2e10 // backward)))
    return len(range(0, z.T, -(-z.T // most)))


def sites_followed(z: Sizes) -> int:
    """Units or heads that surgery switches off in turn (see `lenses.surgery.look.sites_followed`)."""
    every = z.L * z.network.sites
    return int(min(192, every, max(12, 1e11 // z.forward)))


def attention_peak(z: Sizes) -> int:
    rows, most = z.rows(z.B), z.rows(32)
    masks = 18 * max(rows, most) * z.T**2
    made = max(z.passing(most), 4 * z.held_maps(1) if not maps_fit(z.config, z.T) else z.maps(most))
    return masks + made + z.held_maps(rows) + z.held_maps(most) + BYTES * z.cells


def differentiable(z: Sizes, most: int) -> int:
    """Sequences of at most `most` that a pass with a backward one takes (see `lenses.look.differentiable_rows`)."""
    return max(1, min(z.rows(min(most, z.B)), NUMBERS // backward_numbers(z.config, z.T)))


def passes(z: Sizes, sequences: float, times: float = 1.0, T: int = 0) -> Counter[str]:
    """The work of so many passes of so many sequences of T steps, the run's own if 0."""
    T, L = T or z.T, max(1, z.L)
    rows = sequences * times * T
    work = {"outputs": rows * z.V, "flops": rows * z.flops_a_token(T)}
    if z.recurrent:
        return Counter(
            work | {"steps": T * L * times * z.network.unrolled, "numbers": rows * L * z.network.products * z.D}
        )
    maps = sequences * times * z.L * z.H * T * T if z.attends else 0
    return Counter(work | {"blocks": L * times, "stream": rows * L * max(z.D, z.network.mixed / MIXED), "maps": maps})


def added(*works: Mapping[str, float]) -> Work:
    total: Counter[str] = Counter()
    for work in works:
        total.update(work)
    return total
