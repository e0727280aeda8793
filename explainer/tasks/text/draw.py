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
from jaxtyping import Float, Shaped
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
from explainer.tasks.base import Batch, Windowed
from explainer.tasks.text import TextProblem
from explainer.theory.baselines import uniform_entropy
from explainer.theory.characters import visible
from explainer.theory.ngrams import window_losses


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

    problem: TextProblem
    metric = "cross-entropy (nats per character)"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        self.text = default_text() if data is None else check_text(data, math.inf)
        super().__init__(config, self.text)
        characters, tokens = tokenized(self.text)
        self.characters = list(characters)
        self.vocabulary = self.answers = tuple(visible(character) for character in self.characters)
        self._number = {character: token for token, character in enumerate(self.characters)}
        found = alphabet(self.text)
        self._other = self._number[OTHER] if found.has_other else None
        self.rare = {"characters": found.rare, "share": found.rare_share} if found.has_other else {}

        boundary = training_characters(len(tokens))
        check_text_length(config.length, len(tokens))
        stored = torch.from_numpy(tokens)
        self.parts = {"train": stored[:boundary], "validation": stored[boundary:]}

    @cached_property
    def _counted(self) -> list[float]:
        """Cross-entropy of unigrams, bigrams and trigrams on validation windows; not needed to train or to look."""
        training, held_out = (part.numpy() for part in self.parts.values())
        return window_losses(training, held_out, self.outputs, self.total_length, orders=3)

    @property
    def baseline(self) -> float:  # type: ignore[override]
        """What knowing the letters' frequencies alone costs: the cross-entropy of p_1 on validation windows."""
        return self._counted[0]

    @property
    def references(self) -> dict[str, float]:
        return dict(zip(self.problem.guesses, (*self._counted, uniform_entropy(self.outputs)), strict=True))

    @property
    def repeated(self) -> float | None:  # type: ignore[override]
        return repeated_share(self.text)

    def numbers(self, text: str) -> list[int]:
        """A character that the vocabulary lacks is `OTHER`, where that is a sign."""
        text = self.problem.steps_of(text)
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
        return {"bits per character": self.score(output, batch) / math.log(2), **super().extras(output, batch)}
