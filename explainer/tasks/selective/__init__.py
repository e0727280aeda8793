"""Selective copy (Gu & Dao 2023, section 3.1; Jing et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen, read_symbols, symbol_names
from explainer.parts import knob
from explainer.tasks.problem import Problem, drawn_symbols, length, symbols
from explainer.tasks.words import TaskWords, small

BLANK, SIGNAL = "·", "▸"
WRITTEN = 400  # steps of an example, at most


@dataclass(frozen=True, kw_only=True)
class SelectiveProblem(Problem):
    """Some symbols among blanks, and then the symbols alone."""

    kind = "selective"
    title = "Selective copy"
    made_by = "explainer.tasks.selective.draw:Selective"
    has_tokens = True
    answer = "symbol"
    accuracy = "right symbols"
    guesses = {"chance": "guessing any symbol"}

    length: int = length("steps among which the symbols stand; the sequence has one more for each of them")
    items: int = knob(8, "symbols that stand among blanks", low=1, high=64, label="Items")
    symbols: int = symbols("how many different symbols there are to copy")

    def check(self) -> None:
        if self.items > self.length:
            raise ValueError(
                f"items = {self.items} do not fit into length = {self.length}. Set length to at least {self.items}."
            )

    @property
    def total_length(self) -> int:
        """A signal for each symbol stands behind."""
        return self.length + self.items

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The symbols, the blank and the signal."""
        return (*symbol_names(self.symbols), BLANK, SIGNAL)

    @property
    def answers(self) -> tuple[str, ...]:
        return symbol_names(self.symbols)

    @property
    def guessed(self) -> int:
        return self.symbols

    @property
    def words(self) -> TaskWords:
        items = small(self.items)
        return TaskWords(
            name="selective copy",
            asks=f"{items.capitalize()} symbols stand anywhere among {self.length - self.items} blanks ({BLANK}); then a signal {SIGNAL} comes {items} "
            "times, and the symbols are to be said in their order.",
            token="token",
            answers="the symbol to say",
            memory=f"All {items} symbols have to be kept in their order, and the blanks must leave no trace.",
            states="Once that is learnt, columns change where a symbol is read and stay alike at blanks",
            counted="only the signals count",
            guess="of an even guess among the symbols",
            attention="At each signal one has to find the next of the symbols, past blanks that are as many as they please.",
            positions="Where a symbol stood does not tell which it is: it has to be counted.",
            typed=f"Give {self.items} symbols with dots for blanks, such as A..B…; the signals are added.",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        row = [BLANK] * min(self.length, WRITTEN)
        names = drawn_symbols(self.symbols, rng, self.items)
        for place, name in zip(sorted(rng.permutation(len(row))[: self.items]), names, strict=True):
            row[place] = name
        return " ".join(row)

    def steps_of(self, text: str) -> Sequence[int]:
        """The symbols among blanks; the signals are added."""
        steps = read_symbols(text.replace(".", BLANK), self.answers, (BLANK,))
        found = sum(step < self.symbols for step in steps)
        if found != self.items:
            raise ValueError(
                f"{found} symbols are there. Give exactly {self.items}, with dots for blanks between them."
            )
        return steps
