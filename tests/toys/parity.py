"""The sequences of `parity`, each of a length of its own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from tests.toys.tasks import SHORTEST, SIGNS


class Parity(Task):
    """x ends at a step of its own; y is the class at every step, of what was read so far, and the last one counts."""

    metric = "cross-entropy (nats)"
    baseline, baseline_name = float(np.log(2)), "an even guess"
    padding = 0  # what stands behind a sequence's end; a test sets it

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.longest = self.total_length  # a test sets it

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        lengths = torch.randint(SHORTEST, self.longest + 1, (size,), generator=generator)
        x = torch.randint(len(SIGNS), (size, T), generator=generator)
        return asked(torch.where(torch.arange(T) < lengths[:, None], x, self.padding), lengths)

    def asked(self, steps: Tensor) -> Batch:
        return asked(steps, torch.tensor([steps.shape[1]]))

    def example(self) -> str:
        batch = self.batch(0, size=1)
        return f"In {' '.join(self.axis(batch))} A stands an {self.target_axis(batch)[-1]} number of times."


def asked(x: Tensor, lengths: Tensor) -> Batch:
    """The batch that asks for the class at the last step of each sequence."""
    mask = torch.arange(x.shape[1]) == lengths[:, None] - 1
    full = bool((lengths == x.shape[1]).all())
    return Batch(x, (x == 0).cumsum(1) % 2, mask, lengths=None if full else lengths)
