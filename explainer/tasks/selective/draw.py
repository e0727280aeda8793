"""Selective copy: the symbols have to be told from the blanks by what they are, since where they stand is drawn."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.selective import SelectiveProblem
from explainer.theory.baselines import chance


class Selective(Task):
    """`items` symbols at places drawn evenly among `length` steps, then as many signals; y is the symbols, and only signals count."""

    problem: SelectiveProblem
    metric = SelectiveProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.blank, self.signal = self.problem.symbols, self.problem.symbols + 1
        self.baseline = chance(self.problem.symbols)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        items, length = self.problem.items, self.problem.length
        places = torch.rand(size, length, generator=generator).argsort(1)[:, :items].sort(1).values
        steps = torch.full((size, length), self.blank)
        return self.asked(
            steps.scatter(1, places, torch.randint(self.problem.symbols, (size, items), generator=generator))
        )

    def asked(self, steps: Int[Tensor, "B length"]) -> Batch:
        items = self.problem.items
        kept = steps[steps != self.blank].view(len(steps), items)
        x = torch.cat([steps, torch.full_like(kept, self.signal)], dim=1)
        y = torch.cat([torch.zeros_like(steps), kept], dim=1)
        return Batch(x, y, x == self.signal)

    def example(self) -> str:
        batch = self.batch(0, size=1)
        return f"After {' '.join(self.axis(batch)[: self.problem.length])} the answer is {' '.join(self.target_axis(batch)[self.problem.length :])}."
