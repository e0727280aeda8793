"""Multi-query associative recall, MQAR (Arora et al. 2024, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen, symbol_names
from explainer.parts import knob
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords, small


@dataclass(frozen=True, kw_only=True)
class RecallProblem(Problem):
    """Keys with their values are shown; then the values of keys are asked for."""

    kind = "recall"
    title = "Associative recall"
    made_by = "explainer.tasks.recall.draw:Recall"
    has_tokens = True
    item = "token"
    answer = "value"
    accuracy = "right values"
    guesses = {
        "the value that was seen most often": "saying the value that was seen most often",
        "chance": "guessing any value",
    }

    length: int = length("T, tokens of a sequence: the pairs, then questions")
    pairs: int = knob(4, "pairs of a key and its value that are shown", low=1, high=64, label="Pairs")
    keys: int = knob(16, "different keys, and as many values", low=2, high=128, label="Keys")

    def check(self) -> None:
        if self.pairs > self.keys:
            raise ValueError(f"pairs = {self.pairs} needs as many different keys. Set keys to at least {self.pairs}.")
        if self.length <= 2 * self.pairs:
            raise ValueError(
                f"length = {self.length} leaves no step to ask after {self.pairs} pairs. Choose at least {2 * self.pairs + 1}."
            )

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The keys, then the values: A B C … and a b c …, or K0 … and v0 …."""
        names = symbol_names(self.keys)
        if names[0].isdigit():
            return (*(f"K{name}" for name in names), *(f"v{name}" for name in names))
        return (*names, *(name.lower() for name in names))

    @property
    def guessed(self) -> int:
        return self.keys

    @property
    def words(self) -> TaskWords:
        first, second = (
            (f"{self.vocabulary[at]} {self.vocabulary[self.keys + at + 1]}" for at in range(2))
            if self.keys > 2
            else ("A b", "B a")
        )
        return TaskWords(
            name="associative recall",
            asks=f"{small(self.pairs).capitalize()} pairs of a key and a value are read ({first} {second} …), and then keys alone: the value that "
            "stood behind each is to be said. Who belongs to whom is drawn anew for each sequence.",
            token="token",
            answers="the value of the key",
            memory=f"All {small(self.pairs)} pairs have to be kept until the end, since any of them may be asked for.",
            states="Once that is learnt, states after the pairs differ by all of them at once",
            counted="only the questions count",
            guess="of an even guess among the values",
            attention="At a question one must **find where the key stood before and read what came after it**.",
            positions="Where a pair stood does not matter, but a value stands one place behind its key: see whether neighbours become alike.",
            typed=f"Give {self.pairs} pairs, then keys, such as {self.example(Seen(), np.random.default_rng(0))}.",
        )

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        keys, values = rng.permutation(self.keys)[: self.pairs], rng.integers(self.keys, size=self.pairs) + self.keys
        asked = rng.choice(keys, min(3, self.length - 2 * self.pairs))
        return " ".join(self.vocabulary[at] for at in (*np.stack([keys, values], 1).ravel(), *asked))

    def steps_of(self, text: str) -> Sequence[int]:
        """Pairs of keys that differ, then keys of theirs."""
        steps = super().steps_of(text)
        shown, asked = steps[: 2 * self.pairs], steps[2 * self.pairs :]
        keys, values = shown[::2], shown[1::2]
        whole = len(shown) == 2 * self.pairs and all(
            key < self.keys <= value for key, value in zip(keys, values, strict=True)
        )
        if not whole or len({*keys}) < self.pairs or not asked or not {*asked} <= {*keys}:
            raise ValueError(
                f"That is no recall. Give {self.pairs} different keys ({self.vocabulary[0]} to {self.vocabulary[self.keys - 1]}), each with a "
                f"value ({self.vocabulary[self.keys]} to {self.vocabulary[-1]}) behind it, and then at least one of these keys."
            )
        return steps
