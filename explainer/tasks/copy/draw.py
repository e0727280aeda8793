"""Copy memory: say ten symbols again after a long wait.

Arjovsky, Shah & Bengio 2016, section 4.1 (after Hochreiter & Schmidhuber 1997).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.copy import CopyProblem
from explainer.theory.baselines import RECALLED, copy_memoryless


class Copy(Task):
    """Ten symbols, `length` steps of waiting, ten steps of recall: T = length + 20 in all.

        in:   s1 … s10  ·  ·  …  ·  ▸  ·  …  ·      (length - 1 blanks, the signal ▸, ten blanks)
        out:  ·  …  ·   ·  ·  …  ·  ·  s1 …  s10    (length + 10 blanks, then the symbols)

    Every step counts. The outputs have all V tokens, though the signal is never right.
    """

    problem: CopyProblem
    metric = "cross-entropy (nats per step)"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.blank, self.signal = self.problem.symbols, self.problem.symbols + 1
        self.baseline = copy_memoryless(config.length, self.problem.symbols)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        return self.asked(torch.randint(self.problem.symbols, (size, RECALLED), generator=generator))

    def asked(self, steps: Int[Tensor, "B 10"]) -> Batch:
        x = torch.full((len(steps), self.total_length), self.blank)
        y = x.clone()
        x[:, :RECALLED] = steps
        x[:, -RECALLED - 1] = self.signal
        y[:, -RECALLED:] = steps
        return Batch(x, y, torch.ones_like(x, dtype=torch.bool))

    def example(self) -> str:
        shown = " ".join(self.axis(self.batch(0, size=1))[:RECALLED])
        return f"The network reads {shown}, waits {self.config.length} steps and then has to say {shown} again."

    def extras(self, output: Float[Tensor, "B T V"], batch: Batch) -> dict[str, float]:
        memoryless = self.score(output, batch) / self.baseline
        return {**super().extras(output, batch), "share of the memoryless loss": memoryless}

    def judged(self, batch: Batch) -> Bool[Tensor, "B T"]:
        """The ten steps of recall."""
        return batch.mask & (torch.arange(batch.x.shape[1], device=batch.x.device) >= batch.x.shape[1] - RECALLED)
