"""The adding problem (Hochreiter & Schmidhuber 1997; Le et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from explainer.data import MARK, Seen, beyond, read_marked
from explainer.tasks.problem import Lag, Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.baselines import ADDING_TOLERANCE, adding_constant_within
from explainer.theory.variables import Variable, markers_seen, position, since_marker
from explainer.words import counted

WHOLE = 10
"""Numbers of an example that are written out; of more, those beside the marks."""


@dataclass(frozen=True, kw_only=True)
class AddingProblem(Problem):
    """Of T numbers two are marked; the answer after the last one is their sum."""

    kind = "adding"
    title = "Adding problem"
    made_by = "explainer.tasks.adding.draw:Adding"
    item = "number"
    accuracy = f"answers within {ADDING_TOLERANCE}"
    guesses = {"always answering 1": "guessing the mean sum"}

    length: int = length("T, how many numbers a sequence has")

    def sizes(self, body: Callable[[], str]) -> tuple[int, int]:
        return 2, 1

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="the adding problem",
            asks=f"Of {self.length} numbers two carry a star, one in each half, and the answer after the last one is their sum.",
            token="number",
            answers="the sum",
            memory="The first starred number has to be carried to the end, past all those that do not count.",
            states="Once the sum is learnt, the state changes at the two starred columns and changes less between them",
            counted="only the last step counts",
            guess="of guessing the mean sum, 1, every time",
            attention="The last position has to find the two starred numbers. No number comes twice, so there is nothing to find by its likeness.",
            positions="The sum does not depend on where the two starred numbers stand: see whether any order appears.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {"markers seen": markers_seen, "numbers since a marker": since_marker, "position": position}

    @property
    def lag(self) -> Lag:
        """The last step is T - 1, and the first marker is uniform over 0 ... T//2 - 1: on average T - 1 - (T//2 - 1)/2 steps."""
        steps, of_20 = (T - 1 - (T // 2 - 1) / 2 for T in (self.length, 20))
        return Lag(
            steps=steps,
            said="the first of the two starred numbers stands somewhere in the first half, so on average it was read "
            f"{of_20:g} steps before the end of a sequence of 20",
            asks="Of T numbers two carry a star, one in each half, and the answer after the last one is their sum.",
            axis=self.accuracy,
            chance=adding_constant_within(ADDING_TOLERANCE),
            guess="guessing the mean sum",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """All T numbers, or a few at both ends with a gap between."""
        T = self.length
        numbers = [f"{value:g}" for value in rng.random(min(T, WHOLE)).round(2)]
        if T <= WHOLE:
            first, second = rng.integers(T // 2), rng.integers(T // 2, T)
            return " ".join(number + MARK * (place in (first, second)) for place, number in enumerate(numbers))
        head, tail = numbers[: 1 + rng.integers(3)], numbers[-1 - rng.integers(3) :]
        for end in (head, tail):
            end[rng.integers(len(end))] += MARK
        return " ".join((*head, "…", *tail))

    def drawn(self, text: str, seed: int) -> int:
        return read_marked(text, self.length, seed).drawn

    def unlike(self, text: str, seen: Seen, seed: int, until: int | None = None) -> list[str]:
        """It was asked after T numbers only, so that a shorter input is of another kind."""
        found = read_marked(text, self.length, seed)
        if until is not None:
            return self._unlike_beginning(found.values, found.marks, until + 1)
        count, ways = len(found.values), []
        if count != self.length:
            ways.append(f"{counted(count, 'number')} instead of {self.length:,}")
        ways += beyond(found.values, 0, 1)
        places = [place for place, mark in enumerate(found.marks) if mark]
        if len(places) != 2:
            ways.append(f"{counted(len(places), 'mark')} instead of 2")
        elif (places[0] < count // 2) == (places[1] < count // 2):
            ways.append(
                f"both marks in the {'first' if places[0] < count // 2 else 'second'} half instead of one in each"
            )
        return ways

    def _unlike_beginning(self, values: tuple[float, ...], marks: tuple[bool, ...], count: int) -> list[str]:
        """Of the first `count` numbers: there may be a mark to come, as long as its half of the T is not over."""
        T, ways = self.length, beyond(values[:count], 0, 1)
        for half, start, end in (("first", 0, T // 2), ("second", T // 2, T)):
            found = sum(marks[start : min(end, count)])
            if found > 1 or (not found and count >= end):
                ways.append(f"{counted(found, 'mark')} in the {half} half instead of 1")
        return ways
