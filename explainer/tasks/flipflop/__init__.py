"""The flip-flop (Sussillo & Barak 2013)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.parts import knob
from explainer.tasks.problem import Problem, length


@dataclass(frozen=True, kw_only=True)
class FlipFlopProblem(Problem):
    """Hold the sign of the last pulse, for several bits at once."""

    kind = "flipflop"
    title = "Flip-flop"
    made_by = "explainer.tasks.flipflop.draw:FlipFlop"

    length: int = length("T, steps of a sequence")
    bits: int = knob(
        3,
        "task",
        "bits that the flip-flop holds, each with an input and an output of its own",
        low=1,
        high=6,
        label="Bits",
    )
