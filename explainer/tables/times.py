"""Columns that tell the time: dates as people write them, years, and the calendar that their rows keep."""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explainer.tables.numbers import is_missing

Seconds = NDArray[np.float64]
"""Since 1970, NaN where a cell has no time."""
_ENOUGH = 0.95
_DAY = 86_400.0
_CLOCK = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
_WORD = r"[^\W\d_]{3,9}\.?"
_MONTHS = {
    "jan": "Jan", "feb": "Feb", "mar": "Mar", "apr": "Apr", "may": "May", "jun": "Jun", "jul": "Jul", "aug": "Aug",
    "sep": "Sep", "oct": "Oct", "nov": "Nov", "dec": "Dec", "mär": "Mar", "mrz": "Mar", "mai": "May", "okt": "Oct",
    "dez": "Dec", "fév": "Feb", "avr": "Apr", "aoû": "Aug", "déc": "Dec", "ene": "Jan", "abr": "Apr", "ago": "Aug",
    "dic": "Dec", "gen": "Jan", "mag": "May", "giu": "Jun", "lug": "Jul", "set": "Sep", "ott": "Oct",
}  # fmt: skip


def _dates(cells: Sequence[str], pattern: str) -> Seconds:
    times = pd.to_datetime(pd.Series(cells, dtype=object), format=pattern, errors="coerce", utc=True)
    stamps = times.dt.tz_localize(None).to_numpy("datetime64[s]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(float))


def _year_first(cells: Sequence[str]) -> list[Seconds]:
    plain = [re.sub(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", cell) for cell in cells]
    padded = [re.sub(r"-(\d)(?!\d)", r"-0\1", cell).replace(" UTC", "Z") for cell in plain]
    return [_dates(padded, "ISO8601")]


def _year_last(cells: Sequence[str]) -> list[Seconds]:
    """Day or month first: both readings, the likelier one first (a month before a stroke, a day before a point)."""
    plain = [re.sub(r"^(\d{1,2})[-.](\d{1,2})[-.]", r"\1/\2/", cell) for cell in cells]
    given, example = next(pair for pair in zip(cells, plain, strict=True) if not is_missing(pair[1]))
    year = "%Y" if re.match(r"\d+/\d+/\d{4}", example) else "%y"
    clock = ["", " %H:%M", " %H:%M:%S"][min(example.count(":"), 2)]
    heads = ("%m/%d/", "%d/%m/") if "/" in given else ("%d/%m/", "%m/%d/")
    return [_dates(plain, head + year + clock) for head in heads]


def _named_month(cells: Sequence[str]) -> list[Seconds]:
    plain = [_english(cell) for cell in cells]
    patterns = ("%b %d %Y", "%d %b %Y", "%b %Y", "%Y %b", "%d %b %y", "%b %y")
    return [_dates(plain, pattern) for pattern in patterns]


def _english(cell: str) -> str:
    words = re.sub(r"[-,./]", " ", cell.lower()).split()
    return " ".join(_MONTHS.get(word[:3], word) if word[:1].isalpha() else word for word in words)


def _weeks(cells: Sequence[str]) -> list[Seconds]:
    shape = re.compile(r"^(\d{4})-?W(\d{1,2})(?:-?(\d))?$")
    plain = [shape.sub(lambda m: f"{m[1]}-W{int(m[2]):02}-{m[3] or 1}", cell) for cell in cells]
    return [_dates(plain, "%G-W%V-%u")]


def _quarters(cells: Sequence[str]) -> list[Seconds]:
    plain = []
    for cell in cells:
        year, quarter = re.search(r"\d{4}", cell), re.search(r"Q([1-4])", cell, re.IGNORECASE)
        plain.append(f"{year[0]}-{3 * int(quarter[1]) - 2}" if year and quarter else "")
    return [_dates(plain, "%Y-%m")]


def _pattern(pattern: str, change: Callable[[str], str] = str) -> Callable[[Sequence[str]], list[Seconds]]:
    return lambda cells: [_dates([change(cell) for cell in cells], pattern)]


FORMS: tuple[tuple[re.Pattern[str], Callable[[Sequence[str]], list[Seconds]]], ...] = (
    (re.compile(rf"\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}{_CLOCK}"), _year_first),
    (re.compile(r"\d{4}[-/]\d{1,2}"), _pattern("%Y-%m", lambda cell: cell.replace("/", "-"))),
    (re.compile(r"\d{4}M\d{1,2}"), _pattern("%YM%m")),
    (re.compile(r"\d{4}\.(?:0[1-9]|1[0-2])"), _pattern("%Y.%m")),
    (re.compile(r"(?:0?[1-9]|1[0-2])[-/.](?:1[5-9]|20)\d\d"), _pattern("%m/%Y", lambda cell: re.sub("[-.]", "/", cell))),
    (re.compile(rf"\d{{1,2}}([-/.])\d{{1,2}}\1\d{{2}}(?:\d{{2}})?{_CLOCK}"), _year_last),
    (re.compile(r"\d{4}-?W\d{1,2}(?:-?[1-7])?"), _weeks),
    (re.compile(r"\d{4}[- ]?Q[1-4]|Q[1-4][-/ ]?\d{4}", re.IGNORECASE), _quarters),
    (
        re.compile(rf"{_WORD}[-/. ]\s*\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}\.?[-/ ]\s*{_WORD}[-/, ]+\d{{2,4}}|{_WORD}[-/ ]\d{{2,4}}|\d{{4}}[-/ ]?{_WORD}"),
        _named_month,
    ),
)  # fmt: skip
"""The shape of a cell, and the readings of a column of such cells."""


def is_time(cell: str) -> bool:
    """Whether a cell looks like a date."""
    cell = cell.strip()
    if not any(shape.fullmatch(cell) for shape, _ in FORMS):
        return False
    words = re.findall(r"[^\W\d_]{3,}", cell)
    return not words or "UTC" in cell or any(word.lower()[:3] in _MONTHS for word in words)


def read_dates(cells: Sequence[str]) -> Seconds | None:
    """The times of a column of dates, None if it holds none.

    Where day and month can be either, the reading is taken whose steps are more regular.
    """
    cells = [cell.strip() for cell in cells]
    some = [cell for cell in cells if not is_missing(cell)]
    if not some:
        return None
    sample = some[:: max(1, len(some) // 100)]
    for shape, readings in FORMS:
        if sum(shape.fullmatch(cell) is not None for cell in sample) < _ENOUGH * len(sample):
            continue
        found = [times for times in readings(cells) if np.isfinite(times).sum() >= _ENOUGH * len(some)]
        if found:
            return max(found, key=_regularity)
    return None


def _regularity(times: Seconds) -> float:
    """Share of the most frequent step, in days or in months, whichever is higher."""
    known = times[np.isfinite(times)]
    if len(known) < 3:
        return 0.0
    months = known.astype("datetime64[s]").astype("datetime64[M]").astype(float)
    same_day = len(np.unique(_day_of_month(known))) == 1
    return max(_share_of_mode(np.diff(known)), _share_of_mode(np.diff(months)) if same_day else 0.0)


def _share_of_mode(steps: NDArray[np.float64]) -> float:
    return float(np.unique(steps, return_counts=True)[1].max() / len(steps))


def _day_of_month(times: Seconds) -> NDArray[np.int64]:
    days = times.astype("datetime64[s]").astype("datetime64[D]")
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


@dataclass(frozen=True)
class Calendar:
    """Where rows lie on a regular grid.

    Attributes:
        places: of the rows, from 0, in ascending time; None: no regular grid.
        step: between two places: month, week, …; "" if there is no grid.
        fills: whether places without a row are values that are missing.
        note: what should be known of it.
    """

    places: NDArray[np.int64] | None
    step: str = ""
    fills: bool = True
    note: str = ""


_IRREGULAR = Calendar(None, note="The times are not equally spaced; the rows are taken as if they were.")


def calendar(times: Seconds) -> Calendar:
    """The grid of ascending, distinct times: months, quarters, years, weekdays, weeks, days, or an equal step."""
    stamps = times.astype("datetime64[s]")
    days = stamps.astype("datetime64[D]")
    midnight = bool((stamps == days).all())
    if midnight and len(times) > 1:
        day = _day_of_month(times)
        month_ends = bool((_day_of_month(times + _DAY) == 1).all())
        if len(np.unique(day)) == 1 or month_ends:
            return _grid(days.astype("datetime64[M]").astype(float), {1: "month", 3: "quarter", 12: "year"}, "months")
    steps = np.diff(times)
    step = _mode(steps)
    weekend = (days.astype(np.int64) + 3) % 7 >= 5
    if midnight and step == _DAY and not weekend.any() and len(times) >= 5:
        first = days[0]
        found = _grid(np.busday_count(first, days).astype(float), {1: "weekday"}, "weekdays")
        full = found.places is None or found.places[-1] - found.places[0] == len(times) - 1
        note = "" if full else "Weekdays without a row are taken as no gap."
        return Calendar(found.places, found.step, fills=False, note=note)
    if midnight and step == _DAY and _without_leap_days(days):
        note = "A day of each leap year has no row (a calendar of 365 days); that is taken as no gap."
        return Calendar(np.arange(len(times)), "day", note=note)
    names = {_DAY: "day", 7 * _DAY: "week", 3600.0: "hour", 60.0: "minute", 1.0: "second"}
    name = names.get(step, f"{step / _DAY:g} days" if step >= _DAY else f"{step / 60:g} minutes")
    return _grid(times / step, {1: name}, name, tolerance=0.45 if step == 7 * _DAY else 0.05)


def calendar_of_numbers(times: NDArray[np.float64], per_year: bool) -> Calendar:
    """The grid of ascending, distinct years with or without a fraction, or of a counter."""
    step = float(np.median(np.diff(times)))
    if not per_year:
        return _grid(times, {1: "row"}, "step")
    if float(np.mod(times, 1).max()) == 0:
        return _grid(times, {1: "year"}, "years")
    parts = round(1 / step) if step <= 1 else 0
    names = {12: "month", 4: "quarter", 2: "half-year"}
    if parts not in names:
        return _grid(times / step, {1: f"{step:.3g} years"}, "step", tolerance=0.3)
    return _grid(times * parts, {1: names[parts]}, names[parts], tolerance=0.4)


def _grid(numbers: NDArray[np.float64], names: dict[int, str], other: str, tolerance: float = 0.01) -> Calendar:
    """Places on the grid of the most frequent step, if four fifths of the steps are that one."""
    steps = np.diff(numbers)
    if not len(steps):
        return _IRREGULAR
    step = _mode(np.round(steps)) if tolerance > 0.01 else _mode(steps)
    if step <= 0:
        return _IRREGULAR
    exact = (numbers - numbers[0]) / step
    places = np.round(exact).astype(np.int64)
    drift = np.abs(np.diff(exact) - np.diff(places)).max()
    alike = np.mean(np.diff(places) == 1)
    if drift > tolerance or alike < 0.6 or (np.diff(places) < 1).any():
        return _IRREGULAR
    name = names.get(int(step), "") if float(step).is_integer() else ""
    return Calendar(places, name or f"{step:g} {other}")


def _mode(steps: NDArray[np.float64]) -> float:
    values, counts = np.unique(steps, return_counts=True)
    return float(values[counts.argmax()])


def _without_leap_days(days: NDArray[np.datetime64]) -> bool:
    """Whether the days without a row are one in each leap year: 29 February, or 31 December."""
    everyday = np.arange(days[0], days[-1] + 1)
    lost = [str(day) for day in np.setdiff1d(everyday, days)]
    if not lost or len({day[5:] for day in lost}) != 1 or lost[0][5:] not in ("02-29", "12-31"):
        return False
    wanted = [str(day) for day in everyday if str(day)[5:] == lost[0][5:] and isleap(int(str(day)[:4]))]
    return lost == wanted
