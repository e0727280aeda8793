"""Counting on: the next number, learnt on 0 to 99 and asked beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainer.data import Seen, beyond, parse_number, split_numbers
from explainer.parts import knob
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords

HIGHEST = 99
SCALES = {"normalised": "normalised", "raw": "as they are"}


@dataclass(frozen=True, kw_only=True)
class CountProblem(Problem):
    """Each number is one more than the last."""

    kind = "count"
    title = "Counting on"
    made_by = "explainer.tasks.count.draw:Count"
    foretells = "number"
    item = "number"
    guesses = {"nothing changes": "saying the last number again"}

    length: int = length("T, numbers of a sequence")
    scale: str = knob(
        "normalised",
        "how numbers enter: with mean 0 and standard deviation 1, or as they are",
        label="Numbers",
        names=SCALES,
    )

    def check(self) -> None:
        if self.length > HIGHEST:
            raise ValueError(
                f"length = {self.length} is more than there are numbers to count on from. Choose at most {HIGHEST}."
            )

    @property
    def deviation(self) -> float:
        """By which numbers are divided as they enter: of 0 … 99, or 1."""
        return ((HIGHEST + 1) ** 2 - 1) ** 0.5 / 12**0.5 if self.scale == "normalised" else 1.0

    def earlier_references(self, meta: Mapping[str, Any]) -> Mapping[str, float]:
        return {"nothing changes": self.deviation**-2}

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="counting on",
            asks=f"Numbers that follow each other are read, such as 41 42 43, and at each the next one is to be said. In training they lie between 0 and {HIGHEST}.",
            token="number",
            answers="the next number",
            memory="Nothing has to be kept: one more than what was just read is always right.",
            states="Look for units that grow evenly with the number",
            counted="every step counts",
            guess="of saying the last number again",
            attention="There is nothing to find: what was just read is enough.",
            positions="The place does not matter: see whether any order appears.",
            typed="Give numbers beyond those of training, such as 97 98 99 100 101, to see whether the network counts or has learnt a table.",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        shown = min(self.length, 12)
        first = int(rng.integers(HIGHEST - shown + 2))
        return " ".join(map(str, range(first, first + shown)))

    def steps_of(self, text: str) -> list[float]:
        return [parse_number(word) for word in split_numbers(text)]

    def odd(self, steps: Sequence[float], seen: Seen) -> list[str]:
        return beyond(steps, 0, HIGHEST)
