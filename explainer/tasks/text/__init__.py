"""The next character of a real text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import OTHER, TEXT, Seen, alphabet, training_characters
from explainer.tasks.problem import OfData, length
from explainer.tasks.words import TaskWords
from explainer.theory.variables import Variable, bracket_depth, inside_quotes, since_line, since_space

PASSAGES, PASSAGE = 12, 2000
"""Stretches of the held-out text that are known, and characters of each."""
CHARACTERS, LINE = 60, 8
"""Of an example at most, and of a line that is one at least where there are such lines."""


@dataclass(frozen=True, kw_only=True)
class TextProblem(OfData):
    """Each character from those before it."""

    kind = "text"
    title = "Next character"
    made_by = "explainer.tasks.text.draw:Text"
    has_tokens = True
    windows = True
    characters = True
    reads = TEXT
    item = "character"
    foretells = "character"
    answer = "next token"
    accuracy = "accuracy"
    guesses = {
        "letter frequencies alone": "guessing by the characters’ frequencies",
        "one letter back (bigrams)": "guessing by the last character (bigrams)",
        "two letters back (trigrams)": "guessing by the last two characters (trigrams)",
        "even guess, ln V": "guessing any character",
    }
    preparing_bytes = 12_000_000

    length: int = length("T, characters of a sequence")

    def sizes(self, body: Callable[[], str]) -> tuple[int, int]:
        signs = len(alphabet(body()).signs)
        return signs, signs

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="a text",
            asks="A text is read character by character, and at each the next one is to be foretold.",
            token="character",
            answers="the next character",
            memory="What helps is to know the last few characters, the word so far, and whatever is still open.",
            states="Look for units that change at blanks or at the end of a line, and keep their value in between",
            guess="of guesses by the frequencies of characters, alone or after the last one or two",
            attention="What comes next may follow from the last few characters, or from an earlier place where the same ones stood.",
            positions="To foretell the next character the network has to know what is near: see whether neighbours become alike, "
            "and far positions different.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {
            "bracket depth": bracket_depth,
            "inside quotes": inside_quotes,
            "characters since a blank": since_space,
            "characters since the line began": since_line,
        }

    def seen(self, body: str) -> Seen:
        boundary = training_characters(len(body))
        signs, trained = frozenset(alphabet(body).signs), frozenset(body[:boundary])
        unseen = signs - trained - ({OTHER} if trained - signs else set())
        return Seen(signs & trained, unseen, _passages(body[boundary:]))

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """The beginning of a line, without characters that training never has."""
        if not seen.passages:
            return ""
        lines = [line.strip() for line in seen.passages[rng.integers(len(seen.passages))].split("\n")]
        fitting = [line[: min(CHARACTERS, self.length)].strip() for line in lines]
        fitting = [line for line in fitting if len(line) >= 2 and set(line) <= seen.characters - {OTHER}]
        long = [line for line in fitting if len(line) >= min(LINE, self.length)]
        return (long or fitting or [""])[0]

    def steps_of(self, text: str) -> str:
        return text.replace("\r\n", "\n")

    def odd(self, steps: Sequence[str], seen: Seen) -> list[str]:
        new = [repr(character) for character in dict.fromkeys(steps) if character in seen.unseen]
        if not new:
            return []
        which = f"the character {new[0]}" if len(new) == 1 else f"{len(new)} characters, such as {new[0]},"
        return [f"{which} that the training part of the text never has"]


def _passages(held_out: str) -> tuple[str, ...]:
    """Evenly spaced stretches, each from the start of a line where one begins soon."""
    found = []
    for number in range(PASSAGES):
        start = number * len(held_out) // PASSAGES
        line = held_out.find("\n", start, start + PASSAGE)
        found.append(held_out[max(start, line + 1) :][:PASSAGE].strip())
    return tuple(dict.fromkeys(filter(None, found)))
