"""Nested brackets of several kinds, Dyck-k of bounded depth (Hewitt et al. 2020; Suzgun et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen
from explainer.parts import knob
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords, small
from explainer.theory.variables import Variable, bracket_depth, position

PAIRS = ("()", "[]", "{}")


@dataclass(frozen=True, kw_only=True)
class BracketsProblem(Problem):
    """What comes next in a well-nested row of brackets; which kind closes is known to who keeps a stack."""

    kind = "brackets"
    title = "Brackets"
    made_by = "explainer.tasks.brackets.draw:Brackets"
    has_tokens = True
    foretells = "bracket"
    answer = "next bracket"
    item = "bracket"
    stepping = 6e-5
    accuracy = "right closing brackets"
    guesses = {"chance": "guessing which kind closes"}

    length: int = length("T, brackets of a sequence")
    kinds: int = knob(2, "k, kinds of brackets", low=1, high=len(PAIRS), label="Kinds")
    depth: int = knob(6, "how many may be open at a time", low=1, high=64, label="Depth")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The opening ones, then the closing ones in the same order."""
        return (*(pair[0] for pair in PAIRS[: self.kinds]), *(pair[1] for pair in PAIRS[: self.kinds]))

    @property
    def guessed(self) -> int:
        return 2 * self.kinds

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="brackets",
            asks=f"Brackets of {small(self.kinds)} {'kind' if self.kinds == 1 else 'kinds'} open and close, nested at most {self.depth} deep, and at each step the next one "
            "is to be foretold. Whether one opens or closes is a coin's throw; of which kind it is that closes is known.",
            token="bracket",
            answers="the next bracket",
            memory=f"The kinds of all open brackets have to be kept in their order, up to {self.depth}: the last opened is closed first.",
            states="Once that is learnt, the states go out and back with the depth",
            counted="every step counts in the loss, though nobody can know whether a bracket opens",
            guess="of an even guess among all brackets",
            attention="One has to find the last bracket that is still open.",
            positions="Which bracket is still open does not depend on the place alone: see whether any order appears.",
            typed=f"Give brackets of {' '.join(PAIRS[: self.kinds])}, such as {PAIRS[self.kinds - 1][0]}(){PAIRS[self.kinds - 1][1]}.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {"bracket depth": bracket_depth, "position": position}

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        opened: list[int] = []
        said = ""
        for _ in range(min(self.length, 40)):
            opens = not opened or (len(opened) < self.depth and rng.random() < 0.5)
            if opens:
                opened.append(int(rng.integers(self.kinds)))
            said += self.vocabulary[opened[-1] if opens else self.kinds + opened.pop()]
        return said

    def steps_of(self, text: str) -> Sequence[int]:
        steps, opened = super().steps_of(text), []
        for step in steps:
            if step < self.kinds:
                opened.append(step)
            elif not opened or opened.pop() != step - self.kinds:
                raise ValueError(
                    f"{self.vocabulary[step]!r} closes what is not open. Close the bracket that was opened last."
                )
        return steps

    def odd(self, steps: Sequence[int], seen: Seen) -> list[str]:
        deepest = int(np.cumsum([1 if step < self.kinds else -1 for step in steps]).max(initial=0))
        return [f"{deepest} open brackets instead of at most {self.depth}"] if deepest > self.depth else []
