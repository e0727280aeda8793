"""The flip-flop: hold the sign of the last pulse, for several bits at once.

Sussillo & Barak 2013, section 3.1: each bit has an input that is mostly silent and an output of its own.
A network that has learnt it keeps 2^bits memories apart for as long as nothing comes in.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import read_pulses, written_pulses
from explainer.tasks.base import Batch, Split, Task, masked_mean
from explainer.tasks.flipflop import FlipFlopProblem
from explainer.theory.baselines import flipflop_memoryless

PULSE = 0.2
"""Probability of a pulse at a step, of each bit: about one every five steps."""


class FlipFlop(Task):
    """Inputs are pulses +1 or -1, or 0 for none; the target of each bit is its last pulse, held.

    At the first step every bit is set by a pulse, so that each target is +1 or -1. Every step counts.
    """

    metric = "mean squared error of the bits"
    baseline_name = "no memory: (1 - p)(T - 1) / T"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.problem = config.part(FlipFlopProblem)
        self.inputs = self.outputs = self.problem.bits
        self.baseline = flipflop_memoryless(self.total_length, PULSE)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        shape = (size, self.total_length, self.problem.bits)
        signs = 2.0 * torch.randint(2, shape, generator=generator) - 1
        pulses = torch.rand(shape, generator=generator) < PULSE
        pulses[:, 0] = True
        return _asks_for_last(signs * pulses)

    def read(self, text: str) -> Batch:
        """Steps in the notation of `data.typed.read_pulses`. Before its first pulse the target of a bit is 0."""
        self._check_count(len(text.replace(",", " ").split()), "steps")
        return _asks_for_last(torch.tensor([read_pulses(text, self.problem.bits)]))

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
        return [
            "".join("-0+"[int(value) + 1] for value in step) for step in batch.y[row, : batch.length_of(row)].tolist()
        ]

    def extras(self, output: Float[Tensor, "B T bits"], batch: Batch) -> dict[str, float]:
        right = (output.detach().sign() == batch.y).float().mean(-1)
        return {"share of right signs": float(masked_mean(right, batch.mask))}


def _asks_for_last(pulses: Float[Tensor, "B T bits"]) -> Batch:
    """The batch that asks for the last pulse of each bit at every step."""
    steps = torch.arange(pulses.shape[1])[:, None]
    last = torch.where(pulses != 0, steps, 0).cummax(dim=1).values
    return Batch(pulses, pulses.gather(1, last), torch.ones(pulses.shape[:2], dtype=torch.bool))
