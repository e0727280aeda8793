"""A task from outside, with what no task of the app has: tokens in and one of two classes out, at the end of sequences of any length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.variables import Variable, position

SHORTEST = 3
SIGNS = ("A", "B", "C")


@dataclass(frozen=True, kw_only=True)
class ParityProblem(Problem):
    """Whether A stands an odd number of times in a sequence."""

    kind = "parity"
    title = "Parity"
    made_by = "tests.toys.parity:Parity"
    has_tokens = True
    vocabulary, answers = SIGNS, ("even", "odd")
    item = "sign"
    accuracy = "right classes"

    length: int = length("T, the longest sequence")

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="parity",
            asks=f"A sequence of {SHORTEST} to {self.length} signs is read, and whether A stood there an odd number of times is to be said.",
            token="sign",
            answers="the class",
            memory="Whether the A so far are even or odd has to be carried to the end.",
            states="Once that is learnt, the state changes where an A is read",
            counted="only the last step counts",
            guess="of an even guess between the two",
            attention="The last position has to find every A.",
            positions="The order does not matter: see whether any appears.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {
            "position": position,
            "A so far": lambda tokens: np.cumsum([token == "A" for token in tokens]).astype(np.float64),
        }

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return "".join(SIGNS[sign] for sign in rng.integers(len(SIGNS), size=rng.integers(SHORTEST, self.length + 1)))


TASKS = (ParityProblem,)
