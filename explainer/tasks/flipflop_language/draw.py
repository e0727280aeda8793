"""The flip-flop language: to say at each r which bit stood behind the last w."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.flipflop_language import FlipFlopLanguageProblem
from explainer.theory.baselines import chance

WRITE, READ, IGNORE, ZERO = range(4)


class FlipFlopLanguage(Task):
    """T/2 pairs of an instruction and a bit, of an odd T the last without its bit; the first writes, the last reads, in between p(i) is `ignore` and p(w) = p(r).

    Bits behind w and i are even coins, the one behind r is the last that was written. y_t = x_{t+1} as a bit, and counts where x_t = r.
    """

    problem: FlipFlopLanguageProblem
    metric = FlipFlopLanguageProblem.accuracy
    lower_is_better = False
    baseline = chance(2)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T, ignore = self.total_length, self.problem.ignore
        pairs = -(-T // 2)
        u = torch.rand(size, pairs, generator=generator)
        instructions = torch.where(u < ignore, IGNORE, torch.where(u < (1 + ignore) / 2, WRITE, READ))
        instructions[:, 0], instructions[:, -1] = WRITE, READ
        bits = torch.randint(2, (size, pairs), generator=generator)
        bits = torch.where(instructions == READ, _last_written(instructions, bits), bits)
        return self.asked(torch.stack([instructions, ZERO + bits], dim=2).flatten(1)[:, :T])

    def asked(self, steps: Int[Tensor, "B T"]) -> Batch:
        """What is behind an r in an input is left to the network: the right bit is the last one written."""
        instructions = steps[:, ::2]
        bits = torch.zeros_like(instructions)
        bits[:, : steps.shape[1] // 2] = steps[:, 1::2] - ZERO
        y = torch.zeros_like(steps)
        y[:, ::2] = _last_written(instructions, bits)
        return Batch(steps, y, steps == READ)

    def example(self) -> str:
        batch = self.batch(0, size=1)
        first = int(batch.mask[0].nonzero()[0])
        return f"After {' '.join(self.axis(batch)[: first + 1])} the answer is {self.target_axis(batch)[first]}."


def _last_written(instructions: Int[Tensor, "B P"], bits: Int[Tensor, "B P"]) -> Int[Tensor, "B P"]:
    """At each pair the bit of the last w up to it; 0 before the first."""
    places = torch.arange(instructions.shape[1])
    return bits.gather(1, torch.where(instructions == WRITE, places, 0).cummax(1).values)
