"""What a look takes, before it begins: the most bytes that it holds at once, and the bytes of what it leaves on a tape.

No torch: the interface and the estimate of a run ask, too. Upper estimates of what the lenses do (`explainer.lenses`), which cut
into chunks what would be larger than the constants here; `tests/test_look_sizes.py` holds both against what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from explainer.families import Attending
from explainer.theory.followed import horizon, moments
from explainer.theory.sizes import BYTES, Architecture, flops_per_step, parameter_count

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
FORECAST_WINDOWS = 60
"""Windows of a series in a batch of validation, whatever the batch of training."""
LABEL = 8  # bytes of a label in a view, with its quotes and comma


class LookSize(NamedTuple):
    """Bytes of a look.

    Attributes:
        peak: that it holds at once, beside the model's weights.
        view: of its record on a tape.
    """

    peak: int
    view: int


@runtime_checkable
class Looked(Architecture, Protocol):
    """The part of a configuration that looks depend on beyond its architecture; `RunConfig` is one."""

    @property
    def task(self) -> str: ...
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
        return T * network.layers * 14 * network.width
    maps = 4 * network.heads * T if network.layers and maps_fit(config, T) else 0
    return T * max(1, network.layers) * (maps + 20 * network.width)


def rows_held(config: Looked, T: int, most: int) -> int:
    """How many of at most `most` sequences a Transformer with blocks is watched on: what their maps and activations allow; one at least."""
    maps = MAPS // (config.network.layers * config.network.sites * T * T)
    return max(1, min(most, maps, NUMBERS // (12 * T * config.network.width)))


def maps_fit(config: Looked, T: int, sequences: int = 1) -> bool:
    """Whether all the attention weights of so many sequences may be held at once."""
    return sequences * config.network.layers * config.network.sites * T * T <= MAPS


def look_bytes(config: Looked, lens: str, inputs: int, outputs: int) -> LookSize:
    """What one look through a lens at a run's own sequences takes.

    Args:
        lens: a name in `records.RECORDS`; one that has nothing to look at in this model takes what it would there.
        inputs: V for tokens, F for numbers (see `runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.

    Raises:
        KeyError: no lens of this name.
    """
    sizes = Sizes(config, inputs, outputs)
    return LookSize(int(_PEAKS[lens](sizes)) + LEAST, int(_VIEWS[lens](sizes)) + LEAST_VIEW)


LEAST = 300_000  # bytes that any look takes: labels, small arrays
LEAST_VIEW = 600


class Sizes:
    """A configuration's numbers by their letters, and what passes through its model take.

    Attributes:
        B, T, D, L, H, V: sequences of the batch that is looked at, steps, width, layers or blocks, heads, outputs.
    """

    def __init__(self, config: Looked, inputs: int, outputs: int) -> None:
        self.config, self.inputs, self.V = config, inputs, outputs
        self.B, self.T, self.D, self.L, self.H = (
            FORECAST_WINDOWS if config.task == "forecast" else config.batch,
            config.total_length,
            config.network.width,
            config.network.layers,
            config.network.sites,
        )
        self.network = config.network
        self.attends, self.recurrent = bool(self.network.roles.attention), self.network.roles.steps
        self.positions = self.network.positions if isinstance(self.network, Attending) else ""
        self.mlp = isinstance(self.network, Attending) and self.network.mlp
        self.settable = len(self.network.settable) or 1

    @property
    def cells(self) -> int:
        """Weights in the view of all maps: L H P²."""
        P = -(-self.T // pooling(self.L, self.H, self.T)) if self.attends else 0
        return self.L * self.H * P * P

    def rows(self, most: int) -> int:
        """Sequences whose maps are held."""
        if not self.attends:
            return most
        return rows_held(self.config, self.T, most)

    def forward_rows(self, passes: int) -> int:
        """Sequences that surgery takes for so many forward passes (see `lenses.surgery.affordable`)."""
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
        maps = self.maps(sequences) if sequences * self.H * self.T**2 <= MAPS else 0
        if self.attends and self.positions == "alibi":
            maps += 3 * BYTES * self.T**2 * (self.H if self.H * self.T**2 <= MAPS else 1)
        wide = 12 * self.D if self.mlp else 7 * self.D
        return self.kept(sequences, wide + 2 * self.V) + (maps if self.attends else 0)

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
        held += self.kept(sequences, (self.L * (18 if self.mlp else 10) + 4) * self.D)
        if self.attends and maps_fit(self.config, self.T):
            held += BYTES * sequences * self.H * self.T**2 * (2 * self.L + 3)
        return held


def _wide(exact: int, halved: int) -> int:
    """Bytes of a view whose large arrays, `halved` of them, are kept in half the bytes if all take too many."""
    return exact - halved // 2 if exact > WIDE_VIEW else exact


def _labels(z: Sizes, of_each: int = 1) -> int:
    return LABEL * z.T * of_each


def _hidden_view(z: Sizes) -> int:
    states = BYTES * max(1, z.L) * z.T * z.D
    return _wide(states + 9 * z.T, states) + _labels(z, 3)


def _gates_view(z: Sizes) -> int:
    return z.L * z.settable * z.T * z.D + BYTES * z.T * z.D + 40 * z.D + _labels(z)


def losses_followed(z: Sizes) -> int:
    """Losses that the microscope follows (see `lenses.microscope`)."""
    backward = 2 * z.forward
    most = int(min(128, max(8, 2e10 // backward)))
    return len(range(0, z.T, -(-z.T // most)))


def _ways(z: Sizes) -> int:
    return 4 if z.network.roles.carried else 1


def _microscope_view(z: Sizes) -> int:
    P, gates = losses_followed(z), len(z.network.gates)
    return BYTES * max(1, z.L) * (_ways(z) * P * P + gates * P) + 13 * P


def _jacobian_view(z: Sizes) -> int:
    M = z.network.state_size
    singles, spans = moments(z.T - 1, M)
    return BYTES * (3 * M * (len(singles) + len(spans)) + 4 * horizon(z.T - 1, M) + 6 * z.T) + _labels(z)


def _layers_view(z: Sizes) -> int:
    maps, cells = 2 * BYTES * z.T**2, (z.L + 1) * z.T
    return _wide(maps + 2 * BYTES * cells, maps) + LABEL * cells + _labels(z, 2)


def _positions_view(z: Sizes) -> int:
    tabled = z.positions in ("learned", "sinusoidal")
    table, kernel = (BYTES * z.T * z.D, BYTES * z.T**2) if tabled else (0, 0)
    return _wide(table + kernel + BYTES * z.L * z.H * z.T, kernel)


def _cell_view(z: Sizes) -> int:
    heads = z.L * z.H if maps_fit(z.config, z.T) else 1
    parts = BYTES * heads * z.T * 3 * (z.D // z.H)
    return _wide(BYTES * heads * z.T**2 + parts + 8 * z.T, parts) + _labels(z)


def sites_followed(z: Sizes) -> int:
    """Units or heads that surgery switches off in turn (see `lenses.surgery.sites_followed`)."""
    every = z.L * z.network.sites
    return int(min(192, every, max(12, 1e11 // z.forward)))


_VIEWS: Mapping[str, Callable[[Sizes], int]] = {
    "hidden": _hidden_view,
    "gradients": lambda z: BYTES * 2 * z.T + 150 * (z.L + 1),
    "attention": lambda z: z.cells + _labels(z) + 7 * BYTES * z.L * z.H,
    "positions": _positions_view,
    "gates": _gates_view,
    "microscope": _microscope_view,
    "jacobian": _jacobian_view,
    "fixed_points": lambda z: BYTES * z.network.state_size * (z.T + 96) + 15_000 + _labels(z),
    "pattern": lambda z: 14 * 42 * (BYTES + LABEL) + BYTES * z.T + _labels(z),
    "biography": lambda z: 11 * BYTES * z.L * z.H,
    "cell": _cell_view,
    "layers": _layers_view,
    "reach": lambda z: BYTES * z.T,
    "beyond": lambda z: 1_600,
    "surgery": lambda z: 16 * sites_followed(z) + 21 * z.T + _labels(z, 4),
}


def _attention_peak(z: Sizes) -> int:
    rows, most = z.rows(z.B), z.rows(32)
    masks = 18 * max(rows, most) * z.T**2
    made = max(z.passing(most), 4 * z.held_maps(1) if not maps_fit(z.config, z.T) else z.maps(most))
    return masks + made + z.held_maps(rows) + z.held_maps(most) + BYTES * z.cells


def _gates_peak(z: Sizes) -> int:
    N, kinds = z.D, z.settable
    tracked = max(16, min(256, 2**14 // z.T)) * z.T
    together = max(1, min(z.B, 16, 2**22 // (z.L * kinds * z.T * N)))
    shown = BYTES * together * z.T * N * (2 * z.L * kinds + 4)
    return max(shown, BYTES * tracked * (7 * N + 2 * z.inputs))


def _beyond_peak(z: Sizes) -> int:
    longest = 8 * z.T if z.positions != "learned" else z.T
    longest = longest if longest <= 2048 else 2048 // z.T * z.T
    tokens = max(T * max(1, min(512 * z.T // T, 2**22 // (max(1, z.H) * T**2))) for T in (z.T, longest))
    steps = BYTES * tokens * (12 * z.D + 3 * z.V)
    bias = 3 * BYTES * longest**2 if z.positions == "alibi" else 0
    return steps + bias + 40 * longest**2 + 4 * BYTES * max(1, min(z.H, CHUNK // longest**2)) * longest**2


def _surgery_peak(z: Sizes) -> int:
    copies = BYTES * 2**23 if z.recurrent else 2 * BYTES * 2**23  # passes without each unit or head
    sites = sites_followed(z)
    screened, checked = (min(128, z.forward_rows(sites + 1)), z.forward_rows(4)) if z.B > 1 else (1, 1)
    return max(z.passing(checked), min(copies, z.passing(sites * screened)), z.passing(2))


def _jacobian_peak(z: Sizes) -> int:
    M = z.network.state_size
    return 3 * 8 * (horizon(z.T - 1, M) + 8) * M * M + z.backward(1)


_PEAKS: Mapping[str, Callable[[Sizes], int]] = {
    "hidden": lambda z: z.passing(1) + 3 * z.kept(1, max(1, z.L) * z.D),
    "gradients": lambda z: z.backward(differentiable(z, 8)) + BYTES * parameter_count(z.config, z.inputs, z.V),
    "attention": _attention_peak,
    "positions": lambda z: (z.passing(z.rows(z.B)) if z.attends else 0) + 2 * z.held_maps(z.rows(z.B)) + 20 * z.T**2,
    "gates": _gates_peak,
    "microscope": lambda z: z.backward(max(1, min(losses_followed(z), NUMBERS // backward_numbers(z.config, z.T)))),
    "jacobian": _jacobian_peak,
    "fixed_points": lambda z: 8 * 6 * max(128, min(1024, 2**14 // z.network.state_size)) * z.network.state_size**2,
    "pattern": lambda z: BYTES * (min(2**14, SEARCHED_NUMBERS // z.D) * (3 * z.D + z.inputs) + 2**12 * z.D),
    "biography": _attention_peak,
    "cell": lambda z: z.passing(1) + 2 * z.held_maps(1) + z.kept(1, 6 * z.L * z.D),
    "layers": lambda z: z.passing(1) + z.kept(1, (z.L + 1) * (z.D + 2 * z.V)) + 2 * z.held_maps(1) + 40 * z.T**2,
    "reach": lambda z: z.backward(differentiable(z, 8)),
    "beyond": _beyond_peak,
    "surgery": _surgery_peak,
}


def differentiable(z: Sizes, most: int) -> int:
    """Sequences of at most `most` that a pass with a backward one takes (see `lenses.lens.differentiable_rows`)."""
    return max(1, min(z.rows(min(most, z.B)), NUMBERS // backward_numbers(z.config, z.T)))
