"""The word problem: the product of all permutations read so far, at every step."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.word_problem import WordProblem
from explainer.theory.baselines import chance
from explainer.theory.permutations import products


class Words(Task):
    """y_t = x_t ∘ … ∘ x_1 in a group of permutations, each drawn evenly."""

    problem: WordProblem
    metric = WordProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = chance(len(self.vocabulary))
        self._after = torch.from_numpy(products(self.problem.permutations))

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        return self.asked(torch.randint(len(self.vocabulary), (size, self.total_length), generator=generator))

    def asked(self, steps: Int[Tensor, "B T"]) -> Batch:
        made = [steps[:, 0]]
        for t in range(1, steps.shape[1]):
            made.append(self._after[steps[:, t], made[-1]])
        return Batch(steps, torch.stack(made, dim=1), torch.ones_like(steps, dtype=torch.bool))

    def example(self) -> str:
        batch = self.batch(0, size=1)
        first, second = self.axis(batch)[:2]
        return f"After {first} and {second} the order is {self.target_axis(batch)[1]}."
