"""The word problem of a group: the product of permutations so far (Barrington 1989; Merrill et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explainer.data import Seen
from explainer.parts import knob
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.permutations import GROUPS, elements, written

NAMES = {"S3": "S₃, the 6 of three things", "A5": "A₅, the 60 even ones of five"}


@dataclass(frozen=True, kw_only=True)
class WordProblem(Problem):
    """Where things are after all the rearrangements so far."""

    kind = "words"
    title = "Word problem"
    made_by = "explainer.tasks.word_problem.draw:Words"
    has_tokens = True
    item = "permutation"
    stepping = 1e-5
    accuracy = "right products"
    guesses = {"chance": "guessing any permutation"}

    length: int = length("T, permutations of a sequence")
    permutations: str = knob("S3", "the group whose word problem it is", label="Permutations", names=NAMES)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(map(written, elements(self.permutations)))

    @property
    def guessed(self) -> int:
        return len(self.vocabulary)

    @property
    def words(self) -> TaskWords:
        things = GROUPS[self.permutations].things
        return TaskWords(
            name="the word problem",
            asks=f"Each step rearranges {things} things: 2 1 3 swaps the first two of three. At each step the order that all of them "
            "together have made is to be said.",
            token="permutation",
            answers="the order so far",
            memory=f"One of {len(self.vocabulary)} orders has to be kept and rearranged at every step; no step can be left out, and none exchanged with another.",
            states=f"Once that is learnt, the states lie in {len(self.vocabulary)} groups, and every step leads from one into another",
            counted="every step counts",
            guess=f"of an even guess among the {len(self.vocabulary)}",
            attention="Each position has to find all those before it, in their order: what comes out depends on every one of them.",
            positions="The order is all that counts: see whether near and far positions become unlike.",
            typed=f"Give permutations with blanks between them, such as {' '.join(self.vocabulary[1:4])}.",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return " ".join(self.vocabulary[at] for at in rng.integers(len(self.vocabulary), size=min(self.length, 20)))
