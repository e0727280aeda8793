"""Dyck-k words of bounded depth, cut off after T brackets."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task, next_step, open_ended
from explainer.tasks.brackets import BracketsProblem
from explainer.theory.baselines import chance


class Brackets(Task):
    """At depth 0 one opens, at the greatest depth one closes, else either with p = 1/2; kinds are drawn evenly.

    All T steps count in the loss. The metric looks at those where the next bracket closes, and asks which of the closing
    ones is likeliest: with k kinds 1/k by chance.
    """

    problem: BracketsProblem
    metric = BracketsProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = chance(self.problem.kinds)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        kinds, most, T = self.problem.kinds, self.problem.depth, self.total_length
        coins = torch.rand(size, T + 1, generator=generator) < 0.5
        kind = torch.randint(kinds, (size, T + 1), generator=generator)
        rows, depth = torch.arange(size), torch.zeros(size, dtype=torch.long)
        stack = torch.zeros(size, most + 1, dtype=torch.long)
        said = torch.empty(size, T + 1, dtype=torch.long)
        for t in range(T + 1):
            opens = (depth == 0) | (coins[:, t] & (depth < most))
            top = stack[rows, (depth - 1).clamp(min=0)]
            said[:, t] = torch.where(opens, kind[:, t], kinds + top)
            stack[rows, depth] = torch.where(opens, kind[:, t], stack[rows, depth])
            depth = torch.where(opens, depth + 1, depth - 1)
        return next_step(said)

    def asked(self, steps: Int[Tensor, "1 T"]) -> Batch:
        return open_ended(steps[0])

    def judged(self, batch: Batch) -> Bool[Tensor, "B T"]:
        """Where the next bracket closes; all that count where none does."""
        closes = batch.mask & (batch.y >= self.problem.kinds)
        return closes if bool(closes.any()) else batch.mask

    def right(self, output: Float[Tensor, "B T V"], batch: Batch) -> Float[Tensor, "B T"]:
        kinds = self.problem.kinds
        return (output[..., kinds:].argmax(-1) + kinds == batch.y).float()

    def example(self) -> str:
        batch = self.batch(0, size=1)
        shown = self.axis(batch)
        return f"In {''.join(shown[:12])} … the next bracket that closes is of the kind that was opened last."
