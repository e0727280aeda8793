"""A claim: words of an answer, what is measured to check them, and how the two are compared."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.claims.experiments import Experiment
from benchmarks.claims.numbers import Number, numbers

if TYPE_CHECKING:
    from benchmarks.claims.lab import Lab

Measured = float | bool | Sequence[float]
Measure = Callable[["Lab", Experiment], Measured]
Holds = Callable[[Number, float], bool]

_MARKED = re.compile(r"\[([^\]]*)\]")


def to_the_digits(stated: Number, measured: float) -> bool:
    """Rounded to the digits of the text, it is what the text says; half a unit, and what a float's own rounding adds."""
    return abs(measured - stated.value) <= 0.5 * stated.unit + 1e-6 * abs(stated.value)


def about(share: float) -> Holds:
    """Off by no more than this share of what is stated."""
    return lambda stated, measured: abs(measured - stated.value) <= share * abs(stated.value)


def within(margin: float) -> Holds:
    """Off by no more than this."""
    return lambda stated, measured: abs(measured - stated.value) <= margin


def magnitude(fold: float = 2.0) -> Holds:
    """So many times as much or as little at most: for what spans many powers of ten."""
    return lambda stated, measured: measured > 0 and abs(math.log(measured / stated.value)) <= math.log(fold)


def exactly(stated: Number, measured: float) -> bool:
    """The text gives what the measurement goes by, or a number that has no error."""
    return bool(measured == stated.value)


def at_most(stated: Number, measured: float) -> bool:
    """The text gives an upper bound."""
    return measured <= stated.value


def at_least(stated: Number, measured: float) -> bool:
    """The text gives a lower bound."""
    return measured >= stated.value


@dataclass(frozen=True)
class Claim:
    """One thing that an answer says.

    Attributes:
        says: words of the answer, verbatim, but that the numbers to be measured stand in [brackets]. Other numbers in
            them are settings of the measurement ("at step 400").
        measure: gives one number for each bracket, in order; without a bracket, whether it is so.
        holds: how a stated number and the measured one are compared, all or each by itself.
    """

    says: str
    measure: Measure
    holds: Holds | Sequence[Holds] = to_the_digits

    @property
    def words(self) -> str:
        """As they stand in the answer."""
        return _MARKED.sub(r"\1", self.says)

    @property
    def stated(self) -> list[Number]:
        """The numbers in brackets.

        Raises:
            ValueError: a bracket has no number, or several.
        """
        marked = [numbers(inside) for inside in _MARKED.findall(self.says)]
        if any(len(each) != 1 for each in marked):
            raise ValueError(f"A bracket of {self.says!r} has not one number.")
        return [each[0] for each in marked]

    def rows(self, measured: Measured) -> list[Row]:
        """What is stated beside what was measured.

        Raises:
            ValueError: there are more or fewer of the one than of the other.
        """
        stated = self.stated
        if not stated:
            return [Row(self.words, "so", "so" if measured else "not so", bool(measured))]
        found = [float(each) for each in (measured if isinstance(measured, Sequence) else (measured,))]
        rules = list(self.holds) if isinstance(self.holds, Sequence) else [self.holds] * len(stated)
        if not len(stated) == len(found) == len(rules):
            raise ValueError(f"{self.says!r} has {len(stated)} numbers, {len(found)} measured, {len(rules)} rules.")
        texts = _MARKED.findall(self.says)
        return [
            Row(self.words, text.strip(), f"{value:.4g}", rule(number, value))
            for text, number, value, rule in zip(texts, stated, found, rules, strict=True)
        ]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    words: str
    stated: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Answer:
    """All that is to be said of one experiment.

    Attributes:
        claims: what is checked.
        questions: likewise, of what the question says.
        given: words of the answer whose numbers are no claim about a run, and the reason: settings of the experiment,
            names, arithmetic that follows from another number.
        asked: as `given`, of the question.
    """

    claims: Sequence[Claim]
    questions: Sequence[Claim] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)


Answers = Mapping[int, Answer]
"""Of one page: the number of an experiment, and what is said of it."""

NAMES = (
    (r"et al\. (19|20)\d\d", "a citation"),
    (r"\bseed \d+", "the seed of the address"),
    (r"\b[Ll]ayers? \d\b", "a layer's name"),
    (r"\b[Hh]ead \d+\b", "a head's name"),
    (r"\b[Uu]nit \d+\b", "a unit's name"),
)
"""Numbers that are names, wherever they stand."""


def loose_ends(experiment: Experiment, answer: Answer) -> list[str]:
    """Sentences on numbers of the texts that nothing covers, and on words that the texts have no longer."""
    said = [f"the answer has no {each.words!r}" for each in answer.claims if each.words not in experiment.answer]
    said += [
        f"the question has no {each.words!r}" for each in answer.questions if each.words not in experiment.question
    ]
    said += [f"the answer has no {words!r}" for words in answer.given if words not in experiment.answer]
    said += [f"the question has no {words!r}" for words in answer.asked if words not in experiment.question]
    covered = [each.words for each in answer.claims]
    said += _bare(experiment.answer, [*covered, *answer.given], set(), "answer")
    settings = {number.value for text in experiment.query.values() for number in numbers(text)}
    said += _bare(
        experiment.question, [*(each.words for each in answer.questions), *answer.asked], settings, "question"
    )
    return [f"{experiment.page} {experiment.number}: {each}" for each in said]


def _bare(text: str, covered: Sequence[str], settings: set[float], where: str) -> list[str]:
    spans = [match.span() for words in covered for match in re.finditer(re.escape(words), text)]
    spans += [match.span() for pattern, _ in NAMES for match in re.finditer(pattern, text)]
    return [
        f"no claim covers {text[max(0, each.start - 25) : each.end + 15]!r} of the {where}"
        for each in numbers(text)
        if each.value not in settings and not any(start <= each.start and each.end <= end for start, end in spans)
    ]
