"""Counting on: numbers go in and numbers come out, so that one sees what a network makes of those it never saw."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task, masked_mean
from explainer.tasks.count import HIGHEST, CountProblem


class Count(Task):
    """x_t = n + t - 1, y_t = x_t + 1, with n uniform so that all lie in 0 … 99; the metric is in these numbers, whatever their scale.

    Normalised they go in as (x - 49.5) / 28.9. The baseline is off by 1 each time.
    """

    problem: CountProblem
    metric = "root mean squared error"
    baseline = 1.0

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.unit_size = self.problem.deviation
        self.shift = HIGHEST / 2 if self.problem.scale == "normalised" else 0.0

    @property
    def loss_references(self) -> dict[str, float]:
        return dict(self.problem.earlier_references({}))

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        first = torch.randint(HIGHEST - T + 1, (size, 1), generator=generator)
        return self._batch((first + torch.arange(T + 1)).float()[..., None])

    def asked(self, steps: Float[Tensor, "1 T"]) -> Batch:
        return self._batch(torch.cat([steps, steps[:, -1:] + 1], dim=1).float()[..., None])

    def _batch(self, numbers: Float[Tensor, "B T+1 1"]) -> Batch:
        scaled = (numbers - self.shift) / self.unit_size
        return Batch(
            scaled[:, :-1].contiguous(),
            (scaled[:, :-1] + 1 / self.unit_size).contiguous(),
            torch.ones(scaled[:, 1:, 0].shape, dtype=torch.bool),
        )

    def in_units(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return values * self.unit_size + self.shift

    def score(self, output: Float[Tensor, "B T 1"], batch: Batch) -> float:
        squares = ((output.detach() - batch.y) * self.unit_size).square().mean(-1)
        return float(masked_mean(squares, batch.mask).sqrt())

    def example(self) -> str:
        batch = self.batch(0, size=1)
        return f"After {' '.join(self.axis(batch)[:3])} the answer is {self.target_axis(batch)[:3][-1]}."
