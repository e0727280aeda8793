"""The parts of a recipe: the optimiser, and the learning rate's course over the run. No torch.

What a rule does is in `training.optimizer`. A course is its own formula: a share of the peak, a pure function of the step, so
that it needs no state to resume.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from explainer.parts import Part, knob


def beta2() -> Any:
    """The decay of a second moment."""
    return knob(0.999, "decay of AdamW's second moment", low=0.0, high=0.99999, label="β₂ of AdamW")


@dataclass(frozen=True, kw_only=True)
class Rule(Part):
    """How weights follow their gradient."""

    def turning(self, matrices: int, width: int, parameters: int) -> float:
        """Seconds of an update, on one thread of a server's CPU, beyond what every rule takes (see `theory.costs`)."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class AdamW(Rule):
    """Adam whose weight decay is decoupled from the gradient (Loshchilov & Hutter 2019)."""

    kind = "adamw"
    title = "AdamW"

    beta2: float = beta2()


@dataclass(frozen=True, kw_only=True)
class Adam(Rule):
    """Adam (Kingma & Ba 2015): weight decay, if any, is added to the gradient, and so divided like it."""

    kind = "adam"
    title = "Adam"

    beta2: float = beta2()


@dataclass(frozen=True, kw_only=True)
class SGD(Rule):
    """Gradient descent with momentum, and a weight decay that is decoupled from the gradient."""

    kind = "sgd"
    title = "SGD"

    momentum: float = knob(0.9, "momentum of SGD", low=0.0, high=0.999, label="Momentum")


@dataclass(frozen=True, kw_only=True)
class RMSprop(Rule):
    """The gradient over the root of its mean square (Tieleman & Hinton 2012, lecture 6.5); weight decay is added to the gradient."""

    kind = "rmsprop"
    title = "RMSprop"

    smoothing: float = knob(0.99, "decay of RMSprop's mean square", low=0.0, high=0.9999, label="α of RMSprop")


@dataclass(frozen=True, kw_only=True)
class Muon(Rule):
    """Momentum whose matrices are made nearly orthogonal (Jordan 2024); AdamW for what is no matrix.

    Steps of matrices are scaled so that their entries are as large as AdamW's: one learning rate serves both (Liu et al. 2025, section 2.2).
    """

    kind = "muon"
    title = "Muon"

    beta2: float = beta2()

    def turning(self, matrices: int, width: int, parameters: int) -> float:
        """Five rounds of three products of each matrix: about 30 m operations for each of its numbers, m rows or columns."""
        return 4e-4 * matrices + 3e-12 * 30 * width * parameters


@dataclass(frozen=True, kw_only=True)
class Course(Part):
    """The learning rate over the run."""

    @abstractmethod
    def share(self, step: float, run: Any) -> float:
        """η(s) / lr of the update that follows `step` updates, with S = `run.steps`."""


@dataclass(frozen=True, kw_only=True)
class Constant(Course):
    """The same learning rate at every step."""

    kind = "constant"
    title = "constant"

    def share(self, step: float, run: Any) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Warmed(Course):
    """A linear warm-up over W steps, η(s) = lr (s + 1) / (W + 1), then from lr down to `min_lr` at S."""

    warmup: int = knob(0, "steps of linear warm-up before the rate falls", low=0, high=100_000, label="Warm-up steps")
    min_lr: float = knob(0.0, "learning rate at the end of the run", low=0.0, high=10.0, label="Last learning rate")

    def fits(self, run: Any) -> None:
        if self.warmup >= run.steps:
            raise ValueError(f"warmup = {self.warmup} leaves no steps to train. Choose fewer than steps = {run.steps}.")
        if self.min_lr > run.lr:
            raise ValueError(f"min_lr = {self.min_lr:g} is above lr = {run.lr:g}. Choose at most lr.")

    def share(self, step: float, run: Any) -> float:
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        floor = self.min_lr / run.lr
        return floor + (1.0 - floor) * self.left(min(1.0, (step - self.warmup) / (run.steps - self.warmup)))

    @abstractmethod
    def left(self, progress: float) -> float:
        """What is left of lr - min_lr, from 1 at progress 0, the end of the warm-up, to 0 at 1."""


@dataclass(frozen=True, kw_only=True)
class Cosine(Warmed):
    """A linear warm-up, then half a cosine down to the last rate: (1 + cos πp) / 2."""

    kind = "cosine"
    title = "warm-up + cosine"

    def left(self, progress: float) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * progress))


@dataclass(frozen=True, kw_only=True)
class Linear(Warmed):
    """A linear warm-up, then a straight line down to the last rate: 1 - p."""

    kind = "linear"
    title = "warm-up + linear"

    def left(self, progress: float) -> float:
        return 1.0 - progress


@dataclass(frozen=True, kw_only=True)
class Stable(Warmed):
    """Warm-up, stable, decay (Hu et al. 2024, MiniCPM): the full rate, and a straight line down at the end."""

    kind = "wsd"
    title = "warm-up, stable, decay"

    decay: float = knob(
        0.2, "share of the steps behind the warm-up in which the rate falls", above=0.0, high=1.0, label="Decay over"
    )

    def left(self, progress: float) -> float:
        return min(1.0, (1.0 - progress) / self.decay)


@dataclass(frozen=True, kw_only=True)
class Cyclic(Course):
    """Up and down in triangles between `min_lr` and lr (Smith 2017, section 3.1)."""

    kind = "cyclic"
    title = "cyclic"

    cycle: int = knob(200, "steps from one lowest rate to the next", low=2, high=100_000, label="Steps of a cycle")
    min_lr: float = knob(0.0, "learning rate at the end of the run", low=0.0, high=10.0, label="Last learning rate")

    def fits(self, run: Any) -> None:
        if self.min_lr > run.lr:
            raise ValueError(f"min_lr = {self.min_lr:g} is above lr = {run.lr:g}. Choose at most lr.")

    def share(self, step: float, run: Any) -> float:
        floor, phase = self.min_lr / run.lr, step / self.cycle % 1.0
        return floor + (1.0 - floor) * (1.0 - abs(2.0 * phase - 1.0))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Course):
    """One cycle (Smith & Topin 2018), as torch's OneCycleLR has it: from lr / 25 up to lr, then down to lr / 250,000, each along half a cosine."""

    kind = "onecycle"
    title = "one cycle"

    rise: float = knob(0.3, "share of the steps in which the rate rises", above=0.0, high=0.9, label="Rises over")

    def share(self, step: float, run: Any) -> float:
        first, last, top, end = 1 / 25, 1 / 250_000, self.rise * run.steps - 1, run.steps - 1.0
        if step <= top:
            return first + (1.0 - first) * 0.5 * (1.0 - math.cos(math.pi * step / top))
        return last + (1.0 - last) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - top) / (end - top))))


OPTIMIZERS: dict[str, type[Rule]] = {part.kind: part for part in (AdamW, SGD, Adam, RMSprop, Muon)}
SCHEDULES: dict[str, type[Course]] = {part.kind: part for part in (Constant, Cosine, Linear, Stable, Cyclic, OneCycle)}
