"""Copy memory (Arjovsky, Shah & Bengio 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explainer.data import Seen, read_symbols, symbol_names
from explainer.tasks.problem import Lag, Problem, drawn_symbols, length, symbols
from explainer.tasks.words import TaskWords, small
from explainer.theory.baselines import RECALLED, chance


@dataclass(frozen=True, kw_only=True)
class CopyProblem(Problem):
    """Ten symbols, a delay, and the ten again."""

    kind = "copy"
    title = "Copy memory"
    made_by = "explainer.tasks.copy.draw:Copy"
    has_tokens = True
    answer = "next token"
    stream_answer = "symbol"
    accuracy = "recall accuracy"
    guesses = {"no memory: 10 ln(symbols) / (delay + 20)": "guessing without a memory"}

    length: int = length(
        "steps of waiting between the ten symbols and the signal to say them; the sequence has 20 more", "Delay"
    )
    symbols: int = symbols("how many different symbols there are to copy")

    @property
    def total_length(self) -> int:
        """Ten symbols stand before the delay and ten after."""
        return self.length + 2 * RECALLED

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The symbols, the blank and the signal."""
        return (*symbol_names(self.symbols), "·", "▸")

    @property
    def words(self) -> TaskWords:
        carried = self.length + RECALLED
        return TaskWords(
            name="copy memory",
            asks=f"{small(RECALLED).capitalize()} symbols are read, then nothing (·) for {self.length - 1} steps, then the signal ▸; "
            f"then the {small(RECALLED)} are to be said again in their order.",
            token="symbol",
            answers="the symbol to say",
            memory=f"All {small(RECALLED)} symbols have to be carried through the silence, for {carried} steps each.",
            states="Once that is learnt, columns differ by what the first ten were, all through the silence",
            counted="every step counts, the silent ones too",
            guess="of a guesser that says · until the signal and then any symbol",
            attention=f"After the signal each position has to find the symbol that was read {carried} steps before.",
            positions="To say the symbols again the network has to count where they are read and where they are said; "
            "through the silence nothing happens.",
        )

    @property
    def lag(self) -> Lag:
        """length + 10 for each of the ten symbols: symbol i is read at step i and said at length + 10 + i."""
        return Lag(
            steps=self.length + RECALLED,
            said=f"the delay and the {RECALLED} symbols before it: typing 20 makes a lag of {20 + RECALLED} steps",
            asks="Ten symbols are read, and after a delay they are to be said again in their order.",
            axis="right answers: share of symbols recalled",
            chance=chance(self.symbols),
            guess="guessing any symbol",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return " ".join(drawn_symbols(self.symbols, rng, RECALLED))

    def unlike(self, text: str, seen: Seen, seed: int, until: int | None = None) -> list[str]:
        """Nothing: what is no ten symbols can't be read at all."""
        return []

    def steps_of(self, text: str) -> list[int]:
        """Ten symbols; the waiting and the signal are added."""
        symbols = read_symbols(text, symbol_names(self.symbols))
        if len(symbols) != RECALLED:
            raise ValueError(f"{len(symbols)} symbols can't be copied. Give exactly {RECALLED}.")
        return symbols
