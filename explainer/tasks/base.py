"""What every task offers: batches that depend on the seed alone, a loss, a metric and words for both.

Shapes: B batch, T time, V vocabulary, F input features (see docs/design.md).
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch.nn.functional import pad

from explainer.config import RunConfig
from explainer.tasks.problem import Problem
from explainer.words import plural

Split = Literal["train", "validation"]


@dataclass(frozen=True, eq=False)
class Input:
    """What a model reads: B sequences, the shorter ones with padding behind them.

    Attributes:
        x: token numbers, or F real features a step.
        lengths: steps of each; None where all have T. What lies behind is padding: it may be anything, and counts nowhere.
        source: another sequence that each one is about, of a task that has such.
    """

    x: Int[Tensor, "B T"] | Float[Tensor, "B T F"]
    lengths: Int[Tensor, " B"] | None = field(default=None, kw_only=True)
    source: Input | None = field(default=None, kw_only=True)

    def each(self, act: Callable[[Tensor], Tensor]) -> Self:
        """The same with something done to each of its tensors."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        found = {name: act(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **found, source=None if self.source is None else self.source.each(act))

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return self.each(lambda tensor: tensor.to(device))

    def length_of(self, row: int) -> int:
        """Steps of one sequence, without its padding."""
        return self.x.shape[1] if self.lengths is None else int(self.lengths[row])

    @property
    def real(self) -> Bool[Tensor, "B T"] | None:
        """The steps that are no padding; None where all are real."""
        if self.lengths is None:
            return None
        return torch.arange(self.x.shape[1], device=self.x.device) < self.lengths[:, None]

    def rows(self, some: slice) -> Self:
        """Some of its sequences, without steps that are padding in all of them: of one sequence that one alone."""
        cut = self.each(lambda tensor: tensor[some])
        return cut if cut.lengths is None else cut.until(int(cut.lengths.max()))

    def until(self, T: int) -> Self:
        """The first T steps of each sequence; a source stays whole."""
        steps = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("lengths", "period")}
        cut: dict[str, Any] = {name: value[:, :T] for name, value in steps.items() if isinstance(value, Tensor)}
        ends = None if self.lengths is None else self.lengths.clamp(max=T)
        return replace(self, **cut, lengths=None if ends is None or bool((ends == T).all()) else ends)

    def even(self) -> Self:
        """The sequences that are at least as long as half of them are, cut to one length: for what takes no padding."""
        if self.lengths is None:
            return self
        T = self.lengths.median()
        long = self.lengths >= T
        return self.each(lambda tensor: tensor[long]).until(int(T))


@dataclass(frozen=True, eq=False)
class Batch(Input):
    """B sequences of at most T steps and what should come out of each.

    Attributes:
        y: the right next token, or the right numbers; where nobody knows it, something that must not be used.
        mask: the positions that count in the loss and the metric; never padding.
        period: after how many steps a sequence repeats itself, where the task knows it.
        known: the positions at which y is known, the mask's among them; None for all.
        filled: those at which y was not measured: it lies on a straight line between values that were; None for nowhere.
    """

    y: Int[Tensor, "B T"] | Float[Tensor, "B T outputs"]
    mask: Bool[Tensor, "B T"]
    period: Int[Tensor, " B"] | None = None
    known: Bool[Tensor, "B T"] | None = None
    filled: Bool[Tensor, "B T"] | None = None

    def __post_init__(self) -> None:
        real = self.real
        if real is not None:
            object.__setattr__(self, "mask", self.mask & real)

    def known_of(self, row: int) -> Bool[Tensor, " T"]:
        """Where y of one sequence is known."""
        return torch.ones_like(self.mask[row]) if self.known is None else self.known[row]


def together(batches: Sequence[Input]) -> Input:
    """The sequences of several batches as one input."""
    T = max(batch.x.shape[1] for batch in batches)
    padded = [pad(batch.x, (*[0, 0] * (batch.x.ndim - 2), 0, T - batch.x.shape[1])) for batch in batches]
    ends = [torch.tensor([batch.length_of(row) for row in range(len(batch.x))]) for batch in batches]
    sources = [batch.source for batch in batches if batch.source is not None]
    return Input(
        torch.cat(padded),
        lengths=None if all((each == T).all() for each in ends) else torch.cat(ends).to(batches[0].x.device),
        source=together(sources) if sources else None,
    )


def next_step(sequence: Tensor) -> Batch:
    """Of (B, T+1) tokens or (B, T+1, 1) numbers each next one is asked for: x = s[:-1], y = s[1:], all counted."""
    x, y = sequence[:, :-1].contiguous(), sequence[:, 1:].contiguous()
    return Batch(x, y, torch.ones(x.shape[:2], dtype=torch.bool))


def open_ended(sequence: Tensor) -> Batch:
    """All of one sequence, (T,) tokens or (T, 1) numbers: nobody knows what follows the last, so it has no y."""
    y = torch.cat([sequence[1:], torch.zeros_like(sequence[:1])])
    mask = torch.ones(1, len(sequence), dtype=torch.bool)
    mask[0, -1] = False
    return Batch(sequence[None], y[None], mask, known=mask)


class Task(ABC):
    """Something to be learnt from sequences.

    A task draws its batches from the seed, the split and the step alone, never from the
    model, so that two models with one seed see the same examples in the same order.

    Attributes:
        config, problem: the run it belongs to, and what that says of it; a task names the class of its own.
        inputs: V for tokens, or F features.
        outputs: V for tokens, or how many numbers are to be said at each step.
        vocabulary, answers: what stands for each token that is read, and that is said, on a chart; empty for numbers.
            Plain text, to be escaped where it is shown: it can come from a user.
        metric: name and unit of what `score` returns.
        baseline: its value for the best guess without a memory, or at chance. Of a task that is made up from the seed, what
            is expected of that guess in closed form; of data, measured on the validation part, as the model is.
        unit: of the numbers that are read and said, in words; empty where they have none.
        lower_is_better: whether a model should end below the baseline.
        filled: how many values of a series were missing, and lie on straight lines between their neighbours.
        repeated: share of the validation text that stands verbatim in training (`data.repeats`); None without a text.
        rare: of a text with more characters than signs, how many `characters` stand as one sign, and their `share`.
        validation_batches: how many there are before they repeat each other.
    """

    problem: Problem
    unit: str = ""
    metric: str
    baseline: float
    lower_is_better: bool = True
    filled: int = 0
    repeated: float | None = None
    rare: Mapping[str, float] = {}
    validation_batches: float = math.inf

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        """With `data`, the user's own text or series, of a task that reads one; None for the default."""
        self.config, self.problem = config, config.problem
        self.has_tokens, self.says_tokens = config.has_tokens, config.says_tokens
        self.total_length = config.total_length
        self.vocabulary, self.answers = self.problem.vocabulary, self.problem.answers
        self.inputs, self.outputs = self.problem.sizes(lambda: data or "")

    @property
    def baseline_name(self) -> str:
        """What the guess is whose value is the baseline."""
        return next(iter(self.problem.guesses))

    @property
    def references(self) -> dict[str, float]:
        """All the values of the metric worth a line on its chart, by name; the baseline comes first."""
        return {self.baseline_name: self.baseline}

    @property
    def loss_references(self) -> dict[str, float]:
        """The same guesses by their loss, for a line on its chart. Where the metric is the loss, these are `references`."""
        return dict(self.problem.earlier_references({})) if self.problem.guessed else self.references

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

    def read(self, text: str) -> Batch:
        """The user's own input as a batch of one.

        Raises:
            ValueError: it can't be an input of this task; the sentence has the way out.
        """
        steps = self.numbers(text)
        self._check_count(len(steps))
        return self.asked(torch.tensor([steps]))

    def numbers(self, text: str) -> Sequence[Any]:
        """The steps of an input of any length, as numbers; a ValueError where something in it is none."""
        return self.problem.steps_of(text)

    def asked(self, steps: Tensor) -> Batch:
        """The batch of inputs whose steps are those of `numbers`, here one; by default nobody knows what follows it."""
        return open_ended(steps[0])

    @abstractmethod
    def example(self) -> str:
        """One example in words, plain text without markup."""

    # -- judgement ----------------------------------------------------------------------------

    def loss_per_position(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> Float[Tensor, "B T"]:
        """Cross-entropy in nats where tokens are said, -ln p(y_t); squared error of numbers, the mean of (o_t - y_t)². Not masked."""
        if self.says_tokens:
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
        """The metric. Unless a task says otherwise, the accuracy where it is called so, else the loss."""
        if self.metric == self.problem.accuracy:
            return self.accuracy(output, batch)
        return float(self.loss(output.detach(), batch))

    def extras(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> dict[str, float]:
        """Further numbers by name: `Problem.accuracy`, where the task has that."""
        name = self.problem.accuracy
        return {name: self.accuracy(output, batch)} if name else {}

    def accuracy(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> float:
        """Mean of `right` over the steps that are judged."""
        return float(masked_mean(self.right(output, batch), self.judged(batch)))

    def right(self, output: Float[Tensor, "B T outputs"], batch: Batch) -> Float[Tensor, "B T"]:
        """How much of each step's answer is right: whether the likeliest token is y_t. Of numbers a task says it."""
        return (output.argmax(-1) == batch.y).float()

    def judged(self, batch: Batch) -> Bool[Tensor, "B T"]:
        """The steps that the accuracy counts: unless a task says otherwise, those of the loss."""
        return batch.mask

    # -- words for a chart --------------------------------------------------------------------

    def in_units(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Numbers of `x`, `y` or the output in the units of the data (number tasks)."""
        return values

    def axis(self, batch: Batch, row: int = 0) -> list[str]:
        """Labels of what goes in, one a step. Labels can be equal: place them by position, not as categories."""
        return self._labels(batch.x[row, : batch.length_of(row)], self.vocabulary)

    def target_axis(self, batch: Batch, row: int = 0) -> list[str]:
        """Labels of what should come out, one a step; empty where it doesn't count."""
        labels = self._labels(batch.y[row, : batch.length_of(row)], self.answers)
        return [label if counts else "" for label, counts in zip(labels, batch.mask[row].tolist(), strict=False)]

    def _labels(self, steps: Tensor, vocabulary: tuple[str, ...]) -> list[str]:
        if not steps.is_floating_point():
            return [vocabulary[token] for token in steps.tolist()]
        return [f"{value:.3g}" for value in self.in_units(steps[:, 0]).tolist()]

    def _check_count(self, count: int) -> None:
        """Refuse, by a ValueError, fewer than two steps, or more than can be read (`RunConfig.longest_input`)."""
        most = self.config.longest_input
        if not 2 <= count <= most:
            raise ValueError(f"{count} {plural(count, self.problem.item)} can't be read. Give 2 to {most}.")


class Windowed(Task):
    """A task whose sequences are windows of one long text (`Problem.windows`).

    Attributes:
        parts: the tokens of each split, a few bytes each: windows are widened as they are drawn.
    """

    parts: Mapping[Split, Tensor]

    @property
    def held_out(self) -> int:
        """Tokens of the part kept for validation."""
        return len(self.parts["validation"])

    def independent(self, split: Split) -> float:
        """Windows that do not overlap."""
        return max(1, len(self.parts[split]) // self.total_length)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        """Windows of T + 1 tokens that begin anywhere in the split's part of the text."""
        part, T = self.parts[split], self.total_length
        return self._windows(split, torch.randint(len(part) - T, (size, 1), generator=generator), T)

    def apart(self, most: int) -> Batch:
        """Windows of the validation part, as evenly spaced as leaves no two of them a token in common."""
        T = self.total_length
        return self.validation_windows(T, max(1, min(most, (self.held_out - 1) // T)))

    def windows(self, split: Split, most: int) -> Int[Tensor, "R T"]:
        """The split's text cut into windows of T tokens one behind the other, at most `most` tokens in all."""
        part, T = self.parts[split], self.total_length
        rows = max(1, min(len(part), most) // T)
        return part[: rows * T].reshape(rows, T).long()

    def validation_windows(self, length: int, count: int) -> Batch:
        """`count` windows of `length` tokens, evenly spaced over the part kept for validation: always the same.

        Raises:
            ValueError: that part is shorter than a window and the token after it.
        """
        if self.held_out < length + 1:
            raise ValueError(
                f"The text keeps {self.held_out:,} {self.problem.item}s for validation, too few for a window of {length:,}. "
                "Learn from a longer text, or train at a shorter length."
            )
        start = torch.linspace(0, self.held_out - length - 1, count, dtype=torch.float64).long()
        return self._windows("validation", start[:, None], length)

    def _windows(self, split: Split, start: Int[Tensor, "B 1"], length: int) -> Batch:
        return next_step(self.parts[split][start + torch.arange(length + 1)].long())


def masked_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    """Mean over the positions where the mask is set; what lies elsewhere may even be NaN."""
    return torch.where(mask, values, 0.0).sum() / mask.sum()


def _generator(config: RunConfig, split: Split, step: int) -> torch.Generator:
    """A CPU generator of its own for each (task, seed, split, step): no global state, any order of calls."""
    name = f"{config.task}/{config.seed}/{split}/{step}"
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(seed)
