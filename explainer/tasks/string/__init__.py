"""Copying a string of any length (Jelassi et al. 2024, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen, read_symbols, symbol_names
from explainer.tasks.problem import Problem, drawn_symbols, length, symbols
from explainer.tasks.words import TaskWords
from explainer.words import counted

COPY, END = "▸", "■"
WRITTEN = 400  # symbols of an example, at most


@dataclass(frozen=True, kw_only=True)
class StringProblem(Problem):
    """A string, and the same string again; how long it is, is drawn."""

    kind = "string"
    title = "String copy"
    made_by = "explainer.tasks.string.draw:String"
    has_tokens = True
    answer = "next symbol"
    item = "symbol"
    accuracy = "right symbols"
    guesses = {"chance": "guessing any symbol or the end"}

    length: int = length("the longest string; a sequence has it twice and the sign between", "Longest string")
    symbols: int = symbols("how many different symbols there are to copy")

    @property
    def total_length(self) -> int:
        return 2 * self.length + 1

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The symbols, the sign to copy and the sign that all is said."""
        return (*symbol_names(self.symbols), COPY, END)

    @property
    def guessed(self) -> int:
        return self.symbols + 1

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="string copy",
            asks=f"A string of 1 to {self.length} symbols is read, then {COPY}, and then it is to be said again symbol by symbol, with {END} behind "
            "the last. While it says it, the network reads what it should have said so far.",
            token="symbol",
            answers="the next symbol",
            memory=f"The whole string has to be kept in its order: up to {self.length} symbols.",
            states="Once that is learnt, states after the sign differ by what is still to be said",
            counted=f"from {COPY} on every step counts",
            guess="of an even guess among the symbols and the end",
            attention="At each step one has to find the place that comes next in the string: by counting, or by looking for what was said last "
            "and **reading what came after it**.",
            positions="The way back to the place that comes next is as long as the string: see whether positions help to count it.",
            typed="Give a string alone; the sign and the copy are added.",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return " ".join(drawn_symbols(self.symbols, rng, int(rng.integers(1, min(self.length, WRITTEN) + 1))))

    def steps_of(self, text: str) -> Sequence[int]:
        return read_symbols(text, symbol_names(self.symbols))

    def unlike(self, text: str, seen: Seen, seed: int, until: int | None = None) -> list[str]:
        count = len(self.steps_of(text))
        return [f"{counted(count, 'symbol')} instead of at most {self.length}"] if count > self.length else []
