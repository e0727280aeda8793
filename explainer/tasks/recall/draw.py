"""Multi-query associative recall: what stood behind a key is to be said again, for many keys of one sequence."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.recall import RecallProblem
from explainer.theory.baselines import chance, most_often_seen


class Recall(Task):
    """k_1 v_1 … k_P v_P, then T - 2P questions, each one of these keys, drawn evenly; y is its value and only questions count.

    Keys of a sequence differ, values need not. The baseline is the best guess that knows which values were seen and
    not behind which key: the one that was seen most often.
    """

    problem: RecallProblem
    metric = RecallProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = most_often_seen(self.problem.pairs, self.problem.keys)

    @property
    def references(self) -> dict[str, float]:
        return {**super().references, "chance": chance(self.problem.keys)}

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        P, V, T = self.problem.pairs, self.problem.keys, self.total_length
        keys = torch.rand(size, V, generator=generator).argsort(1)[:, :P]
        values = torch.randint(V, 2 * V, (size, P), generator=generator)
        asked = torch.randint(P, (size, T - 2 * P), generator=generator)
        return self.asked(torch.cat([torch.stack([keys, values], 2).flatten(1), keys.gather(1, asked)], dim=1))

    def asked(self, steps: Int[Tensor, "B T"]) -> Batch:
        P = self.problem.pairs
        keys, values = steps[:, : 2 * P : 2], steps[:, 1 : 2 * P : 2]
        which = (steps[:, :, None] == keys[:, None]).int().argmax(2)
        mask = torch.arange(steps.shape[1]) >= 2 * P
        return Batch(steps, values.gather(1, which), mask.expand_as(steps).clone())

    def example(self) -> str:
        batch, P = self.batch(0, size=1), self.problem.pairs
        shown = self.axis(batch)
        return f"After {' '.join(shown[: 2 * P])} the answer to {shown[2 * P]} is {self.target_axis(batch)[2 * P]}."
