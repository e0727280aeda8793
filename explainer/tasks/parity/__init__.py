"""Parity at every step (Minsky & Papert 1969; Delétang et al. 2023, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.variables import Variable, ones_so_far, parity, position


@dataclass(frozen=True, kw_only=True)
class ParityProblem(Problem):
    """Whether the ones so far are even or odd."""

    kind = "parity"
    title = "Parity"
    made_by = "explainer.tasks.parity.draw:Parity"
    has_tokens = True
    vocabulary = ("0", "1")
    answers = ("even", "odd")
    item = "bit"
    accuracy = "right answers"
    guesses = {"chance": "guessing even or odd"}

    length: int = length("T, bits of a sequence")

    @property
    def guessed(self) -> int:
        return 2

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="parity",
            asks="Zeros and ones are read, and at each step it is to be said whether there were an even or an odd number of ones so far.",
            token="bit",
            answers="even or odd",
            memory="One of two states has to be kept, and turned over at every one.",
            states="Once that is learnt, the state jumps between two places at every one and stays where it is at a zero",
            counted="every step counts",
            guess="of an even guess between the two",
            attention="Every one counts as much as every other, wherever it stands: there is no place to look at, and nothing that may be left out.",
            positions="The order does not matter: see whether any appears.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {"parity": parity, "ones so far": ones_so_far, "position": position}

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return "".join(map(str, rng.integers(2, size=min(self.length, 60))))
