"""String copy: sequences of unequal lengths, each a string and the same string again."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.string import StringProblem
from explainer.theory.baselines import chance


class String(Task):
    """s_1 … s_L ▸ s_1 … s_L with L uniform in 1 … `length`; from ▸ on y is what comes next, and ■ at the end."""

    problem: StringProblem
    metric = StringProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = chance(self.problem.guessed)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        lengths = torch.randint(1, self.problem.length + 1, (size,), generator=generator)
        return self._batch(
            torch.randint(self.problem.symbols, (size, self.problem.length), generator=generator), lengths
        )

    def asked(self, steps: Int[Tensor, "1 L"]) -> Batch:
        return self._batch(steps, torch.tensor([steps.shape[1]]))

    def _batch(self, strings: Int[Tensor, "B N"], lengths: Int[Tensor, " B"]) -> Batch:
        copy = self.problem.symbols
        place, L = torch.arange(2 * strings.shape[1] + 1), lengths[:, None]
        again = place - L - 1  # of the copy
        x = strings.gather(1, torch.where(again < 0, place, again).clamp(0, strings.shape[1] - 1))
        x = torch.where(place == L, copy, torch.where(place <= 2 * L, x, 0))
        y = torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)
        y = torch.where(place == 2 * L, copy + 1, y)
        full = bool((lengths == strings.shape[1]).all())
        mask = (place >= L) & (place <= 2 * L)
        return Batch(x, y, mask, lengths=None if full else 2 * lengths + 1)

    def example(self) -> str:
        batch = self.batch(0, size=1)
        L = int(batch.mask.logical_not().sum()) if batch.lengths is None else (batch.length_of(0) - 1) // 2
        shown = self.axis(batch)
        return f"After {' '.join(shown[: L + 1])} the answer is {' '.join(self.target_axis(batch)[L : 2 * L + 1])}."
