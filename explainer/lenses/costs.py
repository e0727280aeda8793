"""What a look takes, before it begins: the most bytes that it holds, the bytes of its view, its time. No torch."""

from __future__ import annotations

from explainer.lenses import LENSES
from explainer.theory.looks import Looked, LookSize, Sizes, Work

LEAST = 300_000  # bytes that any look takes: labels, small arrays
LEAST_VIEW = 600


def look_bytes(config: Looked, lens: str, inputs: int, outputs: int) -> LookSize:
    """What one look through a lens at a run's own sequences takes.

    Args:
        lens: a name in `LENSES`; one that has nothing to look at in this model takes what it would there.
        inputs: V for tokens, F for numbers (see `runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.

    Raises:
        KeyError: no lens of this name.
    """
    sizes = Sizes(config, inputs, outputs)
    return LookSize(int(LENSES[lens].peak(sizes)) + LEAST, int(LENSES[lens].view(sizes)) + LEAST_VIEW)


def look_seconds(config: Looked, lens: str, inputs: int, outputs: int) -> float:
    """Time of one look through a lens at a run's own sequences, on the processor; the arguments are those of `look_bytes`."""
    prices = LENSES[lens].prices
    return sum(prices.get(name, 0.0) * amount for name, amount in look_work(config, lens, inputs, outputs).items())


def look_work(config: Looked, lens: str, inputs: int, outputs: int) -> Work:
    """How much of each kind of work one look is; the kinds are those of `Lens.prices`."""
    return {"look": 1.0, **LENSES[lens].work(Sizes(config, inputs, outputs))}
