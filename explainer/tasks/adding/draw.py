"""The adding problem: remember two numbers out of many and answer their sum at the end.

Hochreiter & Schmidhuber 1997, section 5.4, in the form of Le et al. 2015, section 4.1: values
uniform in [0, 1], one marker in each half of the sequence.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.data import MARK, read_marked
from explainer.tasks.base import Batch, Split, Task
from explainer.theory.baselines import ADDING_TOLERANCE, adding_constant


class Adding(Task):
    """Each step is a pair (value, marker); the target is the sum of the two marked values.

    Only the last step counts. `y` holds the sum at every step, so that a chart can draw how
    far the output is from it on the way.
    """

    metric = "mean squared error of the sum"
    baseline = adding_constant()

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        values = torch.rand(size, T, generator=generator)
        first = torch.randint(T // 2, (size, 1), generator=generator)
        second = torch.randint(T // 2, T, (size, 1), generator=generator)
        marks = torch.zeros(size, T).scatter_(1, torch.cat([first, second], 1), 1.0)
        return _ask(values, marks)

    def read(self, text: str) -> Batch:
        """Numbers, those to add marked by a star, in the notation of `data.typed.read_marked`: `0.3 0.5* … 0.8*`."""
        found = read_marked(text, self.total_length, self.config.seed)
        self._check_count(len(found.values))
        if not any(found.marks):
            raise ValueError("0 numbers are marked. Mark the two to add with a star, as in “0.3 0.5* … 0.8*”.")
        return _ask(torch.tensor([found.values]), torch.tensor([found.marks]).float())

    def example(self) -> str:
        batch = self.batch(0, size=1)
        marked = [value for value, mark in batch.x[0].tolist() if mark]
        return (
            f"Of {self.total_length} numbers two are marked, {marked[0]:.2f} and {marked[1]:.2f}; "
            f"the answer after the last one is {float(batch.y[0, -1, 0]):.2f}."
        )

    def axis(self, batch: Batch, row: int = 0) -> list[str]:
        return [f"{value:.2f}{MARK if mark else ''}" for value, mark in batch.x[row, : batch.length_of(row)].tolist()]

    def right(self, output: Float[Tensor, "B T 1"], batch: Batch) -> Float[Tensor, "B T"]:
        return ((output.detach() - batch.y).abs().squeeze(-1) < ADDING_TOLERANCE).float()


def _ask(values: Float[Tensor, "B T"], marks: Float[Tensor, "B T"]) -> Batch:
    total = (values * marks).sum(1, keepdim=True)
    mask = torch.zeros(values.shape, dtype=torch.bool)
    mask[:, -1] = True
    return Batch(torch.stack([values, marks], -1), total.expand_as(values)[..., None].contiguous(), mask)
