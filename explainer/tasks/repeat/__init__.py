"""Repetition: random symbols, then the same again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainer.data import ASKED_CHARACTERS, Seen, period_of, periods, symbol_names
from explainer.tasks.problem import Problem, drawn_symbols, length, symbols
from explainer.tasks.words import TaskWords
from explainer.theory.baselines import uniform_entropy
from explainer.words import counted

RARE = 1e-3
"""A repetition that so few of the training sequences have is not of their kind."""


@dataclass(frozen=True, kw_only=True)
class RepeatProblem(Problem):
    """The next token, which can be known from the second round on."""

    kind = "repeat"
    title = "Repetition"
    made_by = "explainer.tasks.repeat.draw:Repeat"
    has_tokens = True
    foretells = "symbol"
    item = "symbol"
    answer = "next token"
    repeats = True
    accuracy = "accuracy within the repetition"
    guesses = {"chance": "guessing any symbol", "chance, ln V": "guessing any symbol"}

    length: int = length("T, tokens of a sequence")
    symbols: int = symbols("how many different symbols there are")

    def check(self) -> None:
        if self.length < 8:
            raise ValueError(f"length = {self.length} is too short to repeat anything. Choose at least 8.")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return symbol_names(self.symbols)

    @property
    def words(self) -> TaskWords:
        shortest, longest = periods(self.length)
        return TaskWords(
            name="repetition",
            asks=f"Random symbols come, {shortest} to {longest} of them, then the same again and again. At each step the next one is to be "
            "foretold. How soon they repeat is drawn anew for each sequence, so counting positions does not help.",
            token="token",
            answers="the next token",
            memory=f"The whole first round has to be carried, up to {longest} symbols in their order.",
            states="A column that knows the round differs from others that end in the same symbol",
            counted="every step counts, though nobody can foretell the first round",
            guess="of an even guess over all symbols",
            attention="To foretell the next token one must **find where the present token stood before and read what came after it**.",
            positions="To find what came after the present token, a head has to look one place back: see whether neighbours become alike.",
        )

    def earlier_references(self, meta: Mapping[str, Any]) -> Mapping[str, float]:
        return {"chance, ln V": uniform_entropy(self.symbols)}

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """One period and the next, and what of the third a box holds and training had."""
        shortest, longest = periods(self.length)
        period = int(rng.integers(shortest, min(shortest + 2, longest) + 1))
        once = drawn_symbols(self.symbols, rng, period)
        whole = " ".join((once * 3)[: min(self.length, 2 * period + 2)])
        return whole if len(whole) <= ASKED_CHARACTERS else whole[:ASKED_CHARACTERS].rpartition(" ")[0]

    def odd(self, steps: Sequence[int], seen: Seen) -> list[str]:
        """Consistent with a period of training, or with no more than a beginning of one, is of the kind."""
        T = len(steps)
        shortest, longest = periods(self.length)
        short = period_of(steps, 1, min(T // 2, shortest - 1))
        if short is not None and self.symbols ** float(short - shortest) < RARE:
            return [f"a repetition after {counted(short, 'symbol')} instead of {shortest:,} to {longest:,}"]
        if T > longest and period_of(steps, shortest, longest) is None:
            return [f"no repetition instead of one after {shortest:,} to {longest:,} symbols"]
        return []
