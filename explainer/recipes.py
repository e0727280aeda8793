"""The parts of a recipe: the optimiser, and the learning rate's course over the run. No torch.

What each does is in `training.optimizer` and `training.schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explainer.parts import Part, knob


@dataclass(frozen=True, kw_only=True)
class AdamW(Part):
    """Adam whose weight decay is decoupled from the gradient (Loshchilov & Hutter 2019)."""

    kind = "adamw"
    title = "AdamW"

    beta2: float = knob(0.999, "decay of AdamW's second moment", low=0.0, high=0.99999, label="β₂ of AdamW")


@dataclass(frozen=True, kw_only=True)
class SGD(Part):
    """Gradient descent with momentum, and a weight decay that is decoupled from the gradient."""

    kind = "sgd"
    title = "SGD"

    momentum: float = knob(0.9, "momentum of SGD", low=0.0, high=0.999, label="Momentum")


@dataclass(frozen=True, kw_only=True)
class Constant(Part):
    """The same learning rate at every step."""

    kind = "constant"
    title = "constant"


@dataclass(frozen=True, kw_only=True)
class Cosine(Part):
    """A linear warm-up, then half a cosine down to the last rate."""

    kind = "cosine"
    title = "warm-up + cosine"

    warmup: int = knob(0, "steps of linear warm-up before the cosine", low=0, high=100_000, label="Warm-up steps")
    min_lr: float = knob(0.0, "learning rate at the end of the cosine", low=0.0, high=10.0, label="Last learning rate")

    def fits(self, run: Any) -> None:
        if self.warmup >= run.steps:
            raise ValueError(f"warmup = {self.warmup} leaves no steps to train. Choose fewer than steps = {run.steps}.")
        if self.min_lr > run.lr:
            raise ValueError(f"min_lr = {self.min_lr:g} is above lr = {run.lr:g}. Choose at most lr.")


OPTIMIZERS: dict[str, type[Part]] = {part.kind: part for part in (AdamW, SGD)}
SCHEDULES: dict[str, type[Part]] = {part.kind: part for part in (Constant, Cosine)}
