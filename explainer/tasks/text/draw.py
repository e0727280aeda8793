"""The next character of a real text.

The first nine tenths are for training, the last for validation. Before it has learnt anything a model's loss is ln V.
What it must beat is counted in the training part and measured on the validation part, as the model is: how often each
letter comes, and which follow the last one or two (`theory.ngrams`).
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import (
    OTHER,
    alphabet,
    check_text,
    check_text_length,
    default_text,
    repeated_share,
    training_characters,
)
from explainer.tasks.base import Batch, Split, Windowed, masked_accuracy, next_step, open_ended
from explainer.theory.baselines import uniform_entropy
from explainer.theory.characters import visible
from explainer.theory.ngrams import window_losses

LONGER = ("one letter back (bigrams)", "two letters back (trigrams)")
"""What is counted beside the letters' frequencies."""


@lru_cache(maxsize=4)
def tokenized(text: str) -> tuple[tuple[str, ...], Shaped[np.ndarray, " characters"]]:
    """The signs of the text in their order (`data.alphabet`), and the number of each of its characters. Nobody writes to it.

    A number takes one byte where there are at most 256 signs, else two.
    Kept for the next run on the same text: it takes a fifth of a second, which is what a look at a run may take in all.
    """
    signs = alphabet(text).signs
    number = {sign: token for token, sign in enumerate(signs)}
    codes, places = np.unique(np.frombuffer(text.encode("utf-32-le"), np.uint32), return_inverse=True)
    tokens = [number[chr(code)] if chr(code) in number else number[OTHER] for code in codes.tolist()]
    return signs, np.array(tokens, np.uint8 if len(signs) <= 256 else np.int16)[places]


class Text(Windowed):
    """Predict character t + 1 from the characters up to t, at every position.

    Raises:
        ValueError: the text is unfit (see `check_text`), or too short for windows of this length.
    """

    metric = "cross-entropy (nats per character)"
    baseline_name = "letter frequencies alone"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.text = default_text() if data is None else check_text(data, math.inf)
        characters, tokens = tokenized(self.text)
        self.characters = list(characters)
        self.vocabulary = tuple(visible(character) for character in self.characters)
        self.inputs = self.outputs = len(self.characters)
        self._number = {character: token for token, character in enumerate(self.characters)}
        self._other = self._number[OTHER] if alphabet(self.text).has_other else None

        boundary = training_characters(len(tokens))
        check_text_length(config.length, len(tokens))
        stored = torch.from_numpy(tokens)  # windows are widened as they are drawn
        self._parts: dict[Split, Tensor] = {"train": stored[:boundary], "validation": stored[boundary:]}

    @cached_property
    def _counted(self) -> list[float]:
        """Cross-entropy of unigrams, bigrams and trigrams on validation windows; not needed to train or to look."""
        training, held_out = (self._parts[split].numpy() for split in ("train", "validation"))
        return window_losses(training, held_out, self.outputs, self.total_length, orders=1 + len(LONGER))

    @property
    def baseline(self) -> float:  # type: ignore[override]
        """What knowing the letters' frequencies alone costs: the cross-entropy of p_1 on validation windows."""
        return self._counted[0]

    @property
    def references(self) -> dict[str, float]:
        longer = dict(zip(LONGER, self._counted[1:], strict=True))
        return {**super().references, **longer, "even guess, ln V": uniform_entropy(self.outputs)}

    @property
    def repeated(self) -> float | None:
        return repeated_share(self.text)

    @property
    def rare(self) -> dict[str, float]:
        found = alphabet(self.text)
        return {"characters": found.rare, "share": found.rare_share} if found.has_other else {}

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        """Windows of T + 1 characters that begin anywhere in the split's part of the text."""
        part, T = self._parts[split], self.total_length
        start = torch.randint(len(part) - T, (size, 1), generator=generator)
        return next_step(part[start + torch.arange(T + 1)].long())

    @property
    def held_out(self) -> int:
        """Characters of the part kept for validation."""
        return len(self._parts["validation"])

    def independent(self, split: Split) -> float:
        """Windows that do not overlap."""
        return max(1, len(self._parts[split]) // self.total_length)

    def windows(self, split: Split, most: int) -> Int[Tensor, "R T"]:
        """The split's text cut into windows of T characters one behind the other, at most `most` characters in all."""
        part, T = self._parts[split], self.total_length
        rows = max(1, min(len(part), most) // T)
        return part[: rows * T].reshape(rows, T).long()

    def validation_windows(self, length: int, count: int) -> Batch:
        """`count` windows of `length` characters, evenly spaced over the part kept for validation: always the same.

        Raises:
            ValueError: that part is shorter than a window and the character after it.
        """
        part = self._parts["validation"]
        if len(part) < length + 1:
            raise ValueError(
                f"The text keeps {len(part):,} characters for validation, too few for a window of {length:,}. "
                "Learn from a longer text, or train at a shorter length."
            )
        start = torch.linspace(0, len(part) - length - 1, count, dtype=torch.float64).long()
        return next_step(part[start[:, None] + torch.arange(length + 1)].long())

    def apart(self, most: int) -> Batch:
        """Windows of the validation part, as evenly spaced as leaves no two of them a character in common."""
        T = self.total_length
        return self.validation_windows(T, max(1, min(most, (len(self._parts["validation"]) - 1) // T)))

    def read(self, text: str) -> Batch:
        """The characters as typed; the right one after the last is not known."""
        numbers = self.numbers(text)
        self._check_count(len(numbers), "characters")
        return open_ended(torch.tensor(numbers))

    def numbers(self, text: str) -> list[int]:
        """The tokens of a text of any length; a character that the vocabulary lacks is `OTHER`, where that is a sign.

        Raises:
            ValueError: a character that the vocabulary lacks, and it has no sign for others.
        """
        text = text.replace("\r\n", "\n")
        if self._other is not None:
            return [self._number.get(character, self._other) for character in text]
        unknown = list(dict.fromkeys(character for character in text if character not in self._number))
        if unknown:
            others = [repr(character) for character in unknown[1:4]]
            more = [f"{len(unknown) - 4} more"] if len(unknown) > 4 else []
            nor = f" (nor are {', '.join([*others, *more])})" if others else ""
            raise ValueError(
                f"The character {unknown[0]!r} is not in the text that this model learns from{nor}. "
                f"Leave it out: use its {len(self.characters)} characters."
            )
        return [self._number[character] for character in text]

    def example(self) -> str:
        batch = self.batch(0, size=1)
        before = "".join(self.axis(batch)[-40:]).replace(visible(" "), " ")
        return f"After “{before}” the next character is “{self.target_axis(batch)[-1]}”."

    def extras(self, output: Float[Tensor, "B T V"], batch: Batch) -> dict[str, float]:
        return {
            "bits per character": self.score(output, batch) / math.log(2),
            "accuracy": masked_accuracy(output, batch, batch.mask),
        }
