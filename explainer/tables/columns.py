"""What the columns of a table are, by what stands in them: the time, a counter, a category, a series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainer.tables.numbers import Marks, is_missing, number, read_numbers
from explainer.tables.times import is_time, read_dates

_FIRST_YEAR, _LAST_YEAR = 1500, 2200
_MOST_PARTS = 366
_MOST_CATEGORIES = 12
_SAMPLE = 300
_NAMED = re.compile(r"value|price|close|cnt|count|total|target|y|sales|amount|obs_value", re.IGNORECASE)
_NOT_NAMED = re.compile(r"(?:row.?names?|index|id|no\.?|nr\.?|unnamed.*)", re.IGNORECASE)
RANK = ("series", "category", "date part", "counter", "time")
"""Kinds that can be a series, the likeliest first."""
UNLIKELY = ("counter", "time")
"""Kinds that are a series only if a person says so."""


@dataclass(frozen=True)
class Content:
    """A column with what its cells mean.

    Attributes:
        name: of the column.
        cells: as they stand in the file.
        values: of the cells, NaN where there is none.
        bad: places of cells that are no number and not missing.
        kind: see `understanding.Column`.
        reason: of the kind.
        dates: seconds since 1970 where the cells are dates.
    """

    name: str
    cells: list[str]
    values: NDArray[np.float64]
    bad: list[int]
    kind: str
    reason: str
    dates: NDArray[np.float64] | None = None

    @property
    def offered(self) -> bool:
        """Whether most of its cells with something in them are numbers, and not all the same."""
        return self.kind in RANK and self.dates is None


def content_of(name: str, cells: list[str], marks: Marks, missing: Sequence[str]) -> Content:
    """A column, its kind found out."""
    nothing = np.full(len(cells), np.nan)
    sample = [cell for cell in cells[:: max(1, len(cells) // _SAMPLE)] if not is_missing(cell)]
    sample = sample or [cell for cell in cells if not is_missing(cell)]
    if not sample:
        return Content(name, cells, nothing, [], "empty", "no cell has a value")
    numeric = sum(number(cell, marks) is not None for cell in sample)
    dated = sum(map(is_time, sample))
    if dated > 0.9 * len(sample):
        dates = read_dates(cells)
        steps = nothing if dates is None else np.diff(dates[np.isfinite(dates)])
        if dates is not None and (numeric < len(sample) or (len(steps) and goes_one_way(steps))):
            return Content(name, cells, nothing, [], "time", "its cells are dates", dates)
    if 2 * numeric < len(sample):
        return Content(name, cells, nothing, [], "text", "most cells are words")
    values, bad = read_numbers(cells, marks, missing)
    kind, reason = kind_of(values, name)
    return Content(name, cells, values, bad, kind, reason)


def kind_of(values: NDArray[np.float64], name: str = "") -> tuple[str, str]:
    """The kind of a column of numbers, and why."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "empty", "no cell has a value"
    if known.min() == known.max():
        return "constant", "all values are the same"
    whole = bool((known == np.round(known)).all())
    steps = np.diff(known)
    one_way = goes_one_way(steps)
    if len(known) < 4:
        return "series", "numbers"
    if whole and (time := _time_in_whole_numbers(known, steps, one_way)):
        return "time", time
    if not whole and _is_year_with_fraction(known, steps, one_way):
        return "time", "years with a fraction"
    if whole and one_way and np.mean(np.abs(steps) == np.median(np.abs(steps))) >= 0.8 and _counts(known, steps, name):
        return "counter", "it counts the rows"
    if not whole:
        return "series", "numbers that change"
    distinct = len(np.unique(known))
    if distinct <= 2:
        return "category", "only two values"
    if _counts_up_and_starts_again(known, steps):
        return "date part", "it counts up and starts again"
    if distinct <= _MOST_CATEGORIES and len(known) >= 10 * distinct and len(known) >= 100:
        return "category", f"only {distinct} values"
    return "series", "numbers that change"


def choose(contents: Sequence[Content], fits: Sequence[bool]) -> tuple[int, str] | None:
    """The column that a person would forecast, and why; None if there is none.

    First those that may be a series, of these one that can be learnt from, of these one with a telling name, else the first.

    Args:
        contents: all columns.
        fits: whether each of them can be learnt from as it is.
    """
    offered = [place for place, content in enumerate(contents) if content.offered]
    if not offered:
        return None

    def rank(place: int) -> tuple[int, bool, int, bool, int]:
        content = contents[place]
        telling = content.kind == "series" and _NAMED.fullmatch(content.name) is not None
        kind = RANK.index(content.kind)
        return (max(1, kind), not fits[place], kind, not telling, place)

    best = min(offered, key=rank)
    content = contents[best]
    passed = [contents[place] for place in offered if place < best]
    reason = "the only column of numbers" if len(offered) == 1 else _reason(content, passed, fits, offered, best)
    return best, reason


def _reason(
    content: Content, passed: Sequence[Content], fits: Sequence[bool], offered: Sequence[int], best: int
) -> str:
    if content.kind != "series":
        return f"although {content.reason}, for no column of numbers is more of a series"
    if _NAMED.fullmatch(content.name):
        return "by its name"
    if any(each.kind == "series" for each in passed):
        return "the first column that can be learnt from as it is"
    if passed:
        return f"the first column of numbers that is no {' or '.join(dict.fromkeys(each.kind for each in passed))}"
    return "the first column of numbers"


def goes_one_way(steps: NDArray[np.float64]) -> bool:
    """Whether all steps are up, or all down; so are none."""
    return bool((steps > 0).all() or (steps < 0).all())


def _time_in_whole_numbers(known: NDArray[np.float64], steps: NDArray[np.float64], one_way: bool) -> str:
    """What kind of time the whole numbers are, "" if none: years, months such as 195803, days, seconds since 1970."""
    low, high = known.min(), known.max()
    slow = bool((steps >= 0).all() or (steps <= 0).all())
    years, with_months, with_days = (
        low >= unit * _FIRST_YEAR and high <= unit * _LAST_YEAR for unit in (1, 100, 10_000)
    )
    if years and slow and np.mean(np.abs(steps) <= 1) >= 0.8:
        return "years"
    if years and one_way and len(np.unique(np.abs(steps))) == 1:
        return "years"
    last, middle = np.mod(known, 100), np.mod(known // 100, 100)
    if one_way and with_months and ((last >= 1) & (last <= 12)).all():
        return "months"
    if one_way and with_days and (last <= 31).all() and (middle <= 12).all():
        return "days" if (last >= 1).all() and (middle >= 1).all() else ""
    mode = np.median(np.abs(steps))
    if one_way and 1e8 <= low and high <= 4e12 and np.mean(np.abs(steps) == mode) >= 0.5:
        return "seconds since 1970" if high < 1e10 else "milliseconds since 1970"
    return ""


def _is_year_with_fraction(known: NDArray[np.float64], steps: NDArray[np.float64], one_way: bool) -> bool:
    if not one_way or known.min() < _FIRST_YEAR or known.max() > _LAST_YEAR:
        return False
    sizes = np.abs(steps)
    return bool(np.median(sizes) <= 1 and np.mean(np.abs(sizes / np.median(sizes) - 1) < 0.35) >= 0.8)


def _counts(known: NDArray[np.float64], steps: NDArray[np.float64], name: str) -> bool:
    """Whether whole numbers that go one way number the rows: all steps equal, or by one with some left out."""
    sizes = np.abs(steps)
    return bool((sizes == sizes[0]).all() or np.median(sizes) == 1 or _NOT_NAMED.fullmatch(name))


def _counts_up_and_starts_again(known: NDArray[np.float64], steps: NDArray[np.float64]) -> bool:
    """Months, days, weekdays, hours, seasons: each value is the one before, the next one, or the first again."""
    if known.min() < 0 or known.max() > _MOST_PARTS or known.min() > 31:
        return False
    for values, moves in ((known[1:], steps), (known[:-1], -steps)):
        held = (moves == 0) | (moves == 1) | ((moves < 0) & (values == known.min()))
        if held.mean() >= 0.97:
            return True
    return False
