"""Repetition: random symbols, then the same again and again."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.tasks.problem import Problem, length, symbols


@dataclass(frozen=True, kw_only=True)
class RepeatProblem(Problem):
    """The next token, which can be known from the second round on."""

    kind = "repeat"
    title = "Repetition"
    made_by = "explainer.tasks.repeat.draw:Repeat"
    has_tokens = True

    length: int = length("T, tokens of a sequence")
    symbols: int = symbols("how many different symbols there are")

    def check(self) -> None:
        if self.length < 8:
            raise ValueError(f"length = {self.length} is too short to repeat anything. Choose at least 8.")
