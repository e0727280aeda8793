"""The recorded run (or runs) of each lesson: what a page shows before anyone has pressed Train.

`python -m explainer tapes` trains these and writes them to `tapes/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from explainer.config import RunConfig


@dataclass(frozen=True)
class Lesson:
    """One recorded run.

    Attributes:
        config: what it trains.
        lenses: whose views are on its tape.
    """

    config: RunConfig
    lenses: tuple[str, ...]


_ADDING = RunConfig(task="adding", length=30, model="gru", width=32, lr=5e-3, batch=64, steps=700)
_REPEAT = RunConfig(
    task="repeat",
    length=48,
    symbols=32,
    model="transformer",
    layers=2,
    width=64,
    heads=4,
    mlp=False,
    lr=5e-3,
    batch=32,
    steps=2400,
)

LESSONS: Mapping[str, Lesson] = {
    "lesson-hidden": Lesson(_ADDING, ("hidden",)),
}
