"""What a task says of itself without torch: its knobs, what goes in and what comes out, its words, its inputs and its guesses.

Shared code asks a run's `Problem`, and never which task it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from explainer.data import ASKED_CHARACTERS, OTHER, Seen, Source, longer, read_symbols, symbol_names
from explainer.parts import Part, knob
from explainer.tasks.words import TaskWords
from explainer.theory.baselines import uniform_entropy
from explainer.theory.variables import Variable, position
from explainer.words import counted, listed


def length(
    meaning: str = "T, time steps of a sequence; for `copy` the delay between symbols and recall",
    label: str = "Length T",
) -> Any:
    """T of a task."""
    return knob(30, meaning, low=2, high=1024, label=label)


def symbols(meaning: str = "distinct symbols to copy or repeat") -> Any:
    """How many made-up tokens there are."""
    return knob(8, meaning, low=2, high=256, label="Symbols")


@dataclass(frozen=True)
class Memories:
    """The things that a state must be able to hold while nothing comes in.

    Attributes:
        count: how many.
        places: with the points between them at which a state may stand still.
        needed: by what, and how many: a clause.
        shape: how they and the points between can lie; within a sentence.
    """

    count: int
    places: int
    needed: str
    shape: str


class Lag(NamedTuple):
    """The distance between what is asked for and the answer.

    Attributes:
        steps: in the mean over sequences.
        said: what it follows from, by an example of a length of 20; within a sentence.
        asks: what is read and answered, whatever the length; one sentence.
        axis: of right answers (`Problem.accuracy`).
        chance: their share without a memory.
        guess: by what guess.
    """

    steps: float
    said: str
    asks: str
    axis: str
    chance: float
    guess: str


@dataclass(frozen=True, kw_only=True)
class Problem(Part, ABC):
    """What is to be learnt, and one setting of it.

    Attributes:
        kind, title: see `Part`.
        made_by: module and class of its torch half, a `tasks.base.Task`.
        has_tokens: whether what goes in is tokens of a vocabulary, else real numbers.
        windows: whether sequences are windows of one long text, so that longer ones can be read, and a place looked for in it.
        reads: what of a user's own it can learn from; None where it makes up its sequences.
        characters: whether tokens are characters, which are written without gaps.
        item: what is typed for one step, as a refusal counts it.
        foretells: what comes next in a sequence, where that is the right answer at every step; else empty.
        answer: what is right, behind "right" and "likeliest"; `stream_answer`: the same of a residual stream, where it has another name.
        first_of: which of several numbers that are said is drawn, behind a title.
        repeats: whether a sequence repeats itself with a period of its own (see `data.symbols.periods`).
        accuracy: the recorded number that is a share of right answers; empty without one.
        guesses: what a page calls the guesses that runs record by another name, the baseline first.
        metric_in_units: whether the metric is the root of the loss, in the units of the data.
        validation_windows: how many validation sequences there are, all of them one batch; 0 where there is no end of batches.
        preparing_bytes: that making it takes at its peak.
        drawing, stepping: seconds of a step of a sequence that is drawn, and of one of all sequences together, where worth counting (see `theory.costs`).
    """

    group: ClassVar[str] = "task"
    made_by: ClassVar[str]
    has_tokens: ClassVar[bool] = False
    windows: ClassVar[bool] = False
    reads: ClassVar[Source | None] = None
    characters: ClassVar[bool] = False
    item: ClassVar[str] = "step"
    foretells: ClassVar[str] = ""
    answer: ClassVar[str] = "answer"
    stream_answer: ClassVar[str] = ""
    first_of: ClassVar[str] = ""
    repeats: ClassVar[bool] = False
    accuracy: ClassVar[str] = ""
    guesses: ClassVar[Mapping[str, str]] = {}
    metric_in_units: ClassVar[bool] = False
    validation_windows: ClassVar[int] = 0
    preparing_bytes: ClassVar[float] = 0.0
    drawing: ClassVar[float] = 0.0
    stepping: ClassVar[float] = 0.0

    length: int = length()

    # -- what goes in and what comes out ----------------------------------------------------------

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """What stands for each token that is read; () of numbers, and where a text has it."""
        return ()

    @property
    def answers(self) -> tuple[str, ...]:
        """What stands for each token that is said."""
        return self.vocabulary

    @property
    def says_tokens(self) -> bool:
        """Whether what comes out is tokens of a vocabulary, else real numbers."""
        return self.has_tokens

    @property
    def one_vocabulary(self) -> bool:
        """Whether the tokens that come out are those that go in."""
        return self.has_tokens and self.says_tokens and self.answers == self.vocabulary

    @property
    def total_length(self) -> int:
        """T as the model sees it."""
        return self.length

    def sizes(self, body: Callable[[], str]) -> tuple[int, int]:
        """Inputs and outputs of a model: V for tokens, F and how many numbers are said, which by default are one.

        Args:
            body: gives the text or series that is learnt from.
        """
        return len(self.vocabulary) or 1, len(self.answers) or 1

    @property
    def digest(self) -> str:
        """SHA-256 of what is learnt from, which is a part of a run's name; empty where nothing is read."""
        return ""

    # -- words ------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def words(self) -> TaskWords:
        """What a page says of it."""

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What is worth looking for in a network that learns it, by name."""
        return {"position": position}

    @property
    def memories(self) -> Memories | None:
        """What has to be kept while nothing comes in; None where something always does."""
        return None

    @property
    def lag(self) -> Lag | None:
        """How far back the answer lies; None where that is no one number."""
        return None

    @property
    def guessed(self) -> int:
        """Among how many answers chance guesses, where the metric is the share of right ones; else 0."""
        return 0

    def earlier_references(self, meta: Mapping[str, Any]) -> Mapping[str, float]:
        """What a network must beat, by a run of an earlier version, which recorded only the metric of one guess: that,
        where it is a loss, as it is of a task that makes its sequences up and says no other; of an even guess, ln `guessed`."""
        if self.guessed:
            return {"chance": uniform_entropy(self.guessed)}
        if self.reads is not None or meta.get("baseline") is None:
            return {}
        return {str(meta.get("baseline_name", "baseline")): meta["baseline"]}

    # -- a viewer's own input ---------------------------------------------------------------------

    def seen(self, body: str) -> Seen:
        """What training shows of what is learnt from.

        Args:
            body: the text, or the canonical text of the series; "" where nothing is read.
        """
        return Seen()

    @abstractmethod
    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """An input of the kind of training, as a viewer may type it, held-out where there is such; "" where there is none."""

    def steps_of(self, text: str) -> Sequence[Any]:
        """The steps of an input that was typed; a ValueError where something in it is none."""
        return read_symbols(text, self.vocabulary)

    def unlike(self, text: str, seen: Seen, seed: int, until: int | None = None) -> list[str]:
        """The ways in which an input differs in kind from those of training, each as what it has; [] where it doesn't.

        A network that has to say something at every step has read beginnings of every length up to T, so there a shorter
        input is of the kind of training.

        Args:
            seed: of the run.
            until: the step up to which the input is read, where it is another one whose memory the network goes on with.

        Raises:
            ValueError: it can't be read.
        """
        steps = self.steps_of(text)[: None if until is None else until + 1]
        return [*longer(len(steps), self.total_length, self.item), *self.odd(steps, seen)]

    def odd(self, steps: Sequence[Any], seen: Seen) -> list[str]:
        """The same of its steps, beside that they are too many."""
        return []

    def drawn(self, text: str, seed: int) -> int:
        """How many steps of an input were drawn for it."""
        return 0

    def examples(self, seen: Seen, count: int = 8) -> tuple[str, ...]:
        """At most `count` inputs of the kind of training, always the same ones; () where the data is not here."""
        found = (self.example(seen, np.random.default_rng(number)) for number in range(count))
        return tuple(dict.fromkeys(example for example in found if example))

    def passages(self, seen: Seen, times: int) -> tuple[str, ...]:
        """Held-out text of up to `times` times T characters, and one."""
        most = min(times * self.length + 1, ASKED_CHARACTERS)
        return tuple(passage[:most] for passage in seen.passages if OTHER not in passage[:most])

    def about(self, text: str, seen: Seen, seed: int, until: int | None = None) -> str:
        """What a viewer should know of an input of their own that can be read: what was drawn for it, and that it is of another kind.

        Args:
            seed, until: see `unlike`.

        Raises:
            ValueError: it can't be read.
        """
        other, drawn = until is not None, self.drawn(text, seed)
        said = []
        if drawn:
            said.append(
                f"{'In the other input ' * other}“…” stands for {counted(drawn, 'number')}, drawn as in training."
            )
        ways = self.unlike(text, seen, seed, until)
        if ways:
            whose = f"the other input has, up to t = {until}," if other else "your input has"
            said.append(
                f"Unlike in training, {whose} {listed(ways)}: the answer tells how the network goes beyond what it was "
                "trained on, not how well it learnt."
            )
        return " ".join(said)


@dataclass(frozen=True, kw_only=True)
class OfData(Problem):
    """A task that learns from a text or a series, the user's own or one that comes with Python or with the app."""

    data: str = knob(
        "",
        "SHA-256 of the user's own text or series; empty for the default one",
        label="Data",
        form=("[0-9a-f]{64}", "a SHA-256 in 64 hex digits"),
    )

    @property
    def digest(self) -> str:
        assert self.reads is not None, self.kind
        return self.data or self.reads.default_digest


def drawn_symbols(symbols: int, rng: np.random.Generator, count: int) -> list[str]:
    """Made-up symbols for an example."""
    names = symbol_names(symbols)
    return [names[number] for number in rng.integers(len(names), size=count)]
