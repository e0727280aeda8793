"""Copy memory (Arjovsky, Shah & Bengio 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.tasks.problem import Problem, length, symbols
from explainer.theory.baselines import RECALLED


@dataclass(frozen=True, kw_only=True)
class CopyProblem(Problem):
    """Ten symbols, a delay, and the ten again."""

    kind = "copy"
    title = "Copy memory"
    made_by = "explainer.tasks.copy.draw:Copy"
    has_tokens = True

    length: int = length(
        "steps of waiting between the ten symbols and the signal to say them; the sequence has 20 more"
    )
    symbols: int = symbols("how many different symbols there are to copy")

    @property
    def total_length(self) -> int:
        """Ten symbols stand before the delay and ten after."""
        return self.length + 2 * RECALLED
