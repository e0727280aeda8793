"""What every task offers: batches that depend on the seed alone, a loss, a metric and words for both.

Shapes: B batch, T time, V vocabulary, F input features (see docs/design.md).
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from explainer.config import RunConfig
from explainer.data import longest_input

Split = Literal["train", "validation"]


@dataclass(frozen=True, eq=False)
class Batch:
    """B sequences of T steps and what should come out of each.

    Attributes:
        x: token numbers, or F real features a step.
        y: the right next token, or the right numbers; where nobody knows it, something that must not be used.
        mask: the positions that count in the loss and the metric.
        period: after how many steps a sequence repeats itself, where the task knows it.
        known: the positions at which y is known, the mask's among them; None for all.
        filled: those at which y was not measured: it lies on a straight line between values that were; None for nowhere.
    """

    x: Int[Tensor, "B T"] | Float[Tensor, "B T F"]
    y: Int[Tensor, "B T"] | Float[Tensor, "B T outputs"]
    mask: Bool[Tensor, "B T"]
    period: Int[Tensor, " B"] | None = None
    known: Bool[Tensor, "B T"] | None = None
    filled: Bool[Tensor, "B T"] | None = None

    def each(self, act: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with something done to each of its tensors."""
        tensors: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        return Batch(**{name: act(tensor) for name, tensor in tensors.items() if tensor is not None})

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return self.each(lambda tensor: tensor.to(device))

    def known_of(self, row: int) -> Bool[Tensor, " T"]:
        """Where y of one sequence is known."""
        return torch.ones_like(self.mask[row]) if self.known is None else self.known[row]


def next_step(sequence: Tensor) -> Batch:
    """The batch that asks for the next element everywhere: x = s[:-1], y = s[1:], all counted.

    Args:
        sequence: T + 1 steps, (B, T+1) tokens or (B, T+1, 1) numbers.
    """
    x, y = sequence[:, :-1].contiguous(), sequence[:, 1:].contiguous()
    return Batch(x, y, torch.ones(x.shape[:2], dtype=torch.bool))


def open_ended(sequence: Tensor) -> Batch:
    """One sequence, all of it shown: nobody knows what follows its last step, so there is no y there.

    Args:
        sequence: T steps, (T,) tokens or (T, 1) numbers.
    """
    y = torch.cat([sequence[1:], torch.zeros_like(sequence[:1])])
    mask = torch.ones(1, len(sequence), dtype=torch.bool)
    mask[0, -1] = False
    return Batch(sequence[None], y[None], mask, known=mask)


class Task(ABC):
    """Something to be learnt from sequences.

    A task draws its batches from the seed, the split and the step alone, never from the
    model, so that two models with one seed see the same examples in the same order.

    Attributes:
        config: the run it belongs to.
        inputs: V for tokens, or F features.
        outputs: V for tokens, or how many numbers are to be said at each step.
        vocabulary: what stands for each token on a chart; empty for numbers. Plain text, to be
            escaped where it is shown: it can come from a user.
        metric: name and unit of what `score` returns.
        baseline: its value for the best guess without a memory, or at chance. Of a task that is made up from the seed, what
            is expected of that guess in closed form; of data, measured on the validation part, as the model is.
        unit: of the numbers that are read and said, in words; empty where they have none.
        baseline_name: what that guess is.
        lower_is_better: whether a model should end below the baseline.
    """

    inputs: int
    outputs: int
    vocabulary: tuple[str, ...] = ()
    unit: str = ""
    metric: str
    baseline: float
    baseline_name: str
    lower_is_better: bool = True

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        """
        Args:
            config: the run.
            data: the user's own text or series, for tasks that read one; None for the default.
        """
        self.config = config

    @property
    def has_tokens(self) -> bool:
        """Whether steps are tokens of a vocabulary (else real numbers)."""
        return self.config.has_tokens

    @property
    def total_length(self) -> int:
        """T, steps of a training sequence as the model sees it."""
        return self.config.total_length

    @property
    def references(self) -> dict[str, float]:
        """All the values of the metric worth a line on its chart, by name; the baseline comes first."""
        return {self.baseline_name: self.baseline}

    @property
    def loss_references(self) -> dict[str, float]:
        """The same guesses by their loss, for a line on its chart. Where the metric is the loss, these are `references`."""
        return self.references

    @property
    def repeated(self) -> float | None:
        """Share of the validation text that stands verbatim in training (`data.repeats`); None where that is no question."""
        return None

    @property
    def rare(self) -> dict[str, float]:
        """Of a text with more distinct characters than signs: how many `characters` stand as one sign, and their `share`."""
        return {}

    @property
    def filled(self) -> int:
        """How many values of a series were missing, and lie on straight lines between their neighbours."""
        return 0

    @property
    def validation_batches(self) -> float:
        """How many validation batches there are before they repeat each other."""
        return math.inf

    # -- sequences ----------------------------------------------------------------------------

    def batch(self, step: int, split: Split = "train", size: int | None = None) -> Batch:
        """The batch of one step, on the CPU: the same for the same task, seed, split, step and size.

        Args:
            step: number of the training step, from 0.
            split: the stream; the two never share an example on purpose, and data is divided.
            size: B; default, that of the configuration.
        """
        assert split in ("train", "validation"), split
        size = self.default_size(split) if size is None else size
        assert size > 0, size
        return self.draw(_generator(self.config, split, step), split, size)

    def apart(self, most: int) -> Batch:
        """Up to `most` validation sequences of which no two share a step; always the same."""
        return self.batch(0, "validation", size=most)

    def default_size(self, split: Split) -> int:
        """B where nobody asks for another."""
        return self.config.batch

    def independent(self, split: Split) -> float:
        """How many sequences that share nothing this part of the data holds: as many as one likes, unless they are cut from it."""
        return math.inf

    @abstractmethod
    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        """`size` sequences whose only randomness is the generator's."""

    @abstractmethod
    def read(self, text: str) -> Batch:
        """The user's own input as a batch of one.

        Raises:
            ValueError: it can't be an input of this task; the sentence has the way out.
        """

    @abstractmethod
    def example(self) -> str:
        """One example in words, plain text without markup."""

    # -- judgement ----------------------------------------------------------------------------

    def loss_per_position(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> Float[Tensor, "B T"]:
        """Cross-entropy in nats for tokens, -ln p(y_t); squared error for numbers, the mean of (o_t - y_t)². Not masked."""
        if self.has_tokens:
            loss = F.cross_entropy(output.flatten(0, 1), batch.y.flatten(), reduction="none")
            return loss.view(batch.y.shape)
        return (output - batch.y).square().mean(-1)

    def loss(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> Float[Tensor, ""]:
        """Mean of `loss_per_position` over the positions that count.

        A token model that knows nothing yet gives ln V; one that starts near 0 was shown its targets.
        """
        return masked_mean(self.loss_per_position(output, batch), batch.mask)

    def loss_per_sequence(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> Float[Tensor, " B"]:
        """Of each sequence, the mean of `loss_per_position` over its positions that count."""
        losses = torch.where(batch.mask, self.loss_per_position(output, batch), 0.0)
        return losses.sum(1) / batch.mask.sum(1)

    def score(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> float:
        """The metric. Unless a task says otherwise, the loss."""
        return float(self.loss(output.detach(), batch))

    def extras(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> dict[str, float]:
        """Further numbers by name."""
        return {}

    # -- words for a chart --------------------------------------------------------------------

    def in_units(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Numbers of `x`, `y` or the output in the units of the data (number tasks)."""
        return values

    def axis(self, batch: Batch, row: int = 0) -> list[str]:
        """T labels of what goes in. Labels can be equal: place them by position, not as categories."""
        return self._labels(batch.x[row])

    def target_axis(self, batch: Batch, row: int = 0) -> list[str]:
        """T labels of what should come out; empty where it doesn't count."""
        labels = self._labels(batch.y[row])
        return [label if counts else "" for label, counts in zip(labels, batch.mask[row].tolist(), strict=True)]

    def _labels(self, steps: Tensor) -> list[str]:
        if self.has_tokens:
            return [self.vocabulary[token] for token in steps.tolist()]
        return [f"{value:.3g}" for value in self.in_units(steps[:, 0]).tolist()]

    def _check_count(self, count: int, what: str, least: int = 2) -> None:
        """Refuse an input of `count` steps, `what` being their plural.

        Raises:
            ValueError: fewer than `least` or more than can be read (see `data.kind.longest_input`).
        """
        most = longest_input(self.config)
        if not least <= count <= most:
            found = f"{count} {what.removesuffix('s') if count == 1 else what}"
            raise ValueError(f"{found} can't be read. Give {least} to {most}.")


def masked_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    """Mean over the positions where the mask is set; what lies elsewhere may even be NaN."""
    return torch.where(mask, values, 0.0).sum() / mask.sum()


def masked_accuracy(output: Float[Tensor, "B T V"], batch: Batch, mask: Bool[Tensor, "B T"]) -> float:
    """Share of the positions in the mask where the likeliest token is the right one."""
    return float(masked_mean((output.argmax(-1) == batch.y).float(), mask))


def _generator(config: RunConfig, split: Split, step: int) -> torch.Generator:
    """A CPU generator of its own for each (task, seed, split, step): no global state, any order of calls."""
    name = f"{config.task}/{config.seed}/{split}/{step}"
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(seed)
