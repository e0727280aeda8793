"""The flip-flop: hold the sign of the last pulse, for several bits at once.

Sussillo & Barak 2013, section 3.1: each bit has an input that is mostly silent and an output of its own.
A network that has learnt it keeps 2^bits memories apart for as long as nothing comes in.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import written_pulses
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.flipflop import FlipFlopProblem
from explainer.theory.baselines import flipflop_memoryless

PULSE = 0.2
"""Probability of a pulse at a step, of each bit: about one every five steps."""


class FlipFlop(Task):
    """Inputs are pulses +1 or -1, or 0 for none; the target of each bit is its last pulse, held.

    At the first step every bit is set by a pulse, so that each target is +1 or -1. Every step counts.
    """

    problem: FlipFlopProblem
    metric = "mean squared error of the bits"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = flipflop_memoryless(self.total_length, PULSE)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        shape = (size, self.total_length, self.problem.bits)
        signs = 2.0 * torch.randint(2, shape, generator=generator) - 1
        pulses = torch.rand(shape, generator=generator) < PULSE
        pulses[:, 0] = True
        return self.asked(signs * pulses)

    def numbers(self, text: str) -> list[list[float]]:
        """Their count is refused before what stands in them."""
        self._check_count(len(text.replace(",", " ").split()))
        return self.problem.steps_of(text)

    def asked(self, steps: Float[Tensor, "B T bits"]) -> Batch:
        """The last pulse of each bit at every step; before its first one the target of a bit is 0."""
        times = torch.arange(steps.shape[1])[:, None]
        last = torch.where(steps != 0, times, 0).cummax(dim=1).values
        return Batch(steps, steps.gather(1, last), torch.ones(steps.shape[:2], dtype=torch.bool))

    def example(self) -> str:
        batch = self.batch(0, size=1)
        shown = self.axis(batch)[:6]
        held = self.target_axis(batch)[len(shown) - 1]
        return f"After the pulses {' '.join(shown)} the bits are {held}: each keeps the sign of its last pulse."

    def axis(self, batch: Batch, row: int = 0) -> list[str]:
        """The pulses of each step in the notation of `read`."""
        return [written_pulses(step) for step in batch.x[row, : batch.length_of(row)].tolist()]

    def target_axis(self, batch: Batch, row: int = 0) -> list[str]:
        """The sign that each bit should have, in order: `+-+`."""
        held = batch.y[row, : batch.length_of(row)].tolist()
        return ["".join("-0+"[int(value) + 1] for value in step) for step in held]

    def right(self, output: Float[Tensor, "B T bits"], batch: Batch) -> Float[Tensor, "B T"]:
        return (output.detach().sign() == batch.y).float().mean(-1)
