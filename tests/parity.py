"""A task from outside, with what no task of the app has: tokens in and one of two classes out, at the end of sequences of any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import Seen, longer, read_symbols
from explainer.tasks.base import Batch, Split, Task, masked_accuracy
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.variables import Variable, position

SHORTEST = 3
SIGNS = ("A", "B", "C")


@dataclass(frozen=True, kw_only=True)
class ParityProblem(Problem):
    """Whether A stands an odd number of times in a sequence."""

    kind = "parity"
    title = "Parity"
    made_by = "tests.parity:Parity"
    has_tokens = True
    accuracy = "right classes"

    length: int = length("T, the longest sequence")

    @property
    def one_vocabulary(self) -> bool:
        return False

    def sizes(self, body: Callable[[], str]) -> tuple[int, int]:
        return len(SIGNS), 2

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="parity",
            asks=f"A sequence of {SHORTEST} to {self.length} signs is read, and whether A stood there an odd number of times is to be said.",
            token="sign",
            answers="the class",
            memory="Whether the A so far are even or odd has to be carried to the end.",
            states="Once that is learnt, the state changes where an A is read",
            counted="only the last step counts",
            guess="of an even guess between the two",
            attention="The last position has to find every A.",
            positions="The order does not matter: see whether any appears.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {
            "position": position,
            "A so far": lambda tokens: np.cumsum([token == "A" for token in tokens]).astype(np.float64),
        }

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        return "".join(SIGNS[sign] for sign in rng.integers(len(SIGNS), size=rng.integers(SHORTEST, self.length + 1)))

    def unlike(self, text: str, seen: Seen, seed: int, until: int | None = None) -> list[str]:
        return longer(len(read_symbols(text, SIGNS)), self.length, "sign")


class Parity(Task):
    """x ends at a step of its own; y is the class at every step, of what was read so far, and the last one counts."""

    vocabulary = SIGNS
    answers = ("even", "odd")  # type: ignore[assignment]
    inputs, outputs = len(SIGNS), 2
    metric = "cross-entropy (nats)"
    baseline, baseline_name = float(np.log(2)), "an even guess"
    padding = 0  # what stands behind a sequence's end; a test sets it

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.longest = self.total_length  # a test sets it

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        lengths = torch.randint(SHORTEST, self.longest + 1, (size,), generator=generator)
        x = torch.randint(len(SIGNS), (size, T), generator=generator)
        return asked(torch.where(torch.arange(T) < lengths[:, None], x, self.padding), lengths)

    def read(self, text: str) -> Batch:
        tokens = read_symbols(text, SIGNS)
        self._check_count(len(tokens), "signs")
        return asked(torch.tensor([tokens]), torch.tensor([len(tokens)]))

    def example(self) -> str:
        batch = self.batch(0, size=1)
        return f"In {' '.join(self.axis(batch))} A stands an {self.target_axis(batch)[-1]} number of times."

    def extras(self, output: Float[Tensor, "B T 2"], batch: Batch) -> dict[str, float]:
        return {"right classes": masked_accuracy(output, batch, batch.mask)}


def asked(x: Tensor, lengths: Tensor) -> Batch:
    """The batch that asks for the class at the last step of each sequence."""
    mask = torch.arange(x.shape[1]) == lengths[:, None] - 1
    full = bool((lengths == x.shape[1]).all())
    return Batch(x, (x == 0).cumsum(1) % 2, mask, lengths=None if full else lengths)


TASKS = (ParityProblem,)
