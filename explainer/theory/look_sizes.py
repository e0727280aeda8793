"""What a look takes, before it begins: the most bytes that it holds at once, and the bytes of what it leaves on a tape.

No torch: the interface and the estimate of a run ask, too. Upper estimates of what the lenses do (`explainer.lenses`), which cut
into chunks what would be larger than the constants here; `tests/test_look_sizes.py` holds both against what is measured.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable

from explainer.theory.sizes import Architecture

MAPS = 2**22
"""Attention weights of all sequences, blocks and heads that a look holds at once, and that a view has: 4 MB, a byte each on a tape.

A lesson's maps fit many times over. Where one sequence's do not, heads are looked at a few at a time, and a view's maps are pooled.
"""
CHUNK = 2**21
"""Weights of such a few heads: 8 MB, and some times that while scores become weights and weights become sums."""
NUMBERS = 2**24
"""Numbers that a pass with a backward one may hold (64 MB), where it can choose how many sequences it takes."""
WIDE_VIEW = 2**22
"""Bytes of a view above which its large arrays are kept in steps of 1/32767 of their largest value: two bytes each."""
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
    if config.model != "transformer":
        return T * config.layers * 14 * config.width
    maps = 4 * config.heads * T if maps_fit(config, T) else 0
    return T * max(1, config.layers) * (maps + 20 * config.width)


def maps_fit(config: Looked, T: int, sequences: int = 1) -> bool:
    """Whether all the attention weights of so many sequences may be held at once."""
    return sequences * config.layers * config.heads * T * T <= MAPS


def look_bytes(config: Looked, lens: str, inputs: int, outputs: int) -> LookSize:
    """What one look through a lens at a run's own sequences takes.

    Args:
        lens: a name in `records.RECORDS`; one that has nothing to look at in this model takes what it would there.
        inputs: V for tokens, F for numbers (see `runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.

    Raises:
        KeyError: no lens of this name.
    """
    return LookSize(_PEAKS[lens](config, inputs, outputs), _VIEWS[lens](config, inputs, outputs))


_PEAKS: dict = {}
_VIEWS: dict = {}
