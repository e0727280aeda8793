"""Parity: one bit of memory, turned over by every one that is read."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.parity import ParityProblem
from explainer.theory.baselines import chance


class Parity(Task):
    """y_t = (x_1 + … + x_t) mod 2, at every step; bits are even coins.

    Sequences of training end after 1 … T bits, drawn evenly: without short ones a tanh RNN found no beginning (three seeds,
    T = 40). Those of validation have T.
    """

    problem: ParityProblem
    metric = ParityProblem.accuracy
    lower_is_better = False
    baseline = chance(2)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        whole = self.asked(torch.randint(2, (size, T), generator=generator))
        if split == "validation":
            return whole
        return replace(whole, lengths=torch.randint(1, T + 1, (size,), generator=generator))

    def asked(self, steps: Int[Tensor, "B T"]) -> Batch:
        return Batch(steps, steps.cumsum(1) % 2, torch.ones_like(steps, dtype=torch.bool))

    def example(self) -> str:
        batch = self.batch(0, "validation", size=1)
        shown = min(8, self.total_length)
        return f"After {' '.join(self.axis(batch)[:shown])} the ones are {self.target_axis(batch)[shown - 1]}."
