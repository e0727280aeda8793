"""From bytes to an understanding: text, rows, marks, columns, time, and the series without gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from explainer.data.decoding import decode
from explainer.tables.columns import UNLIKELY, Content, choose, content_of, goes_one_way
from explainer.tables.gaps import MOST_FILLED, fill
from explainer.tables.layout import Layout, Row, find_layout
from explainer.tables.numbers import Marks, choose_marks, doubt, is_missing, votes
from explainer.tables.options import Options
from explainer.tables.times import Calendar, calendar, calendar_of_numbers, is_time, read_dates
from explainer.tables.understanding import Column, Shown, Understanding

_LONGEST_NAME = 80
_SHOWN = 4
_SHOWN_CELLS = 40
_SHOWN_SIGNS = 60
_VOTERS = 2000
_MARK = re.compile("[,.' \u00a0\u202f’]")
_SENTINELS = frozenset(
    (-1.0, -9.0, -9.9, -99.0, -99.9, -99.99, -999.0, -999.9, -9999.0, 999.0, 999.9, 9999.0, 99999.0, -99999.0)
)


def understand(content: bytes, options: Options | None = None) -> Understanding:
    """What a file means; see `process.read_table`, which asks for it in a process of its own.

    Raises:
        ValueError: it is no table with a column of numbers.
    """
    options = options or Options()
    text, encoding = decode(content, options.encoding, table=True)
    layout = find_layout(text, options)
    marks, contents, doubt_of_marks = _contents(layout, options)
    clock = _clock(contents, layout, options)
    place, chosen = _chosen(contents, clock, options)
    result = _learnt(contents[place], clock, layout, options)
    first, last = (layout.rows[0].line, layout.rows[-1].line) if layout.rows else (0, 0)
    doubts = _doubt_of_commas(layout, options), _suspicion(contents[place])
    return Understanding(
        encoding=encoding,
        separator=layout.separator,
        decimal=marks.decimal,
        thousands=marks.thousands,
        header=layout.header.line if layout.header else 0,
        skipped=tuple(layout.skipped),
        columns=tuple(_column(number, each) for number, each in enumerate(contents, 1)),
        rows=len(layout.rows),
        lines=(first, last),
        head=_shown(layout.rows[:_SHOWN], layout.width),
        tail=_shown(layout.rows[_SHOWN:][-_SHOWN:], layout.width),
        time=clock.name,
        step=clock.calendar.step,
        span=clock.span,
        turned=clock.turned,
        column=contents[place].name,
        chosen=chosen,
        missing=int(np.isnan(contents[place].values).sum()) - len(contents[place].bad),
        left_out=result.left_out,
        cut=result.cut,
        longest_gap=result.longest,
        gap=options.gap,
        values=tuple(result.values.tolist()) if not result.trouble else (),
        filled=tuple(result.filled.tolist()) if not result.trouble else (),
        trouble=clock.trouble or result.trouble or _unlikely(contents[place], options),
        notes=tuple(filter(None, (*clock.notes, clock.calendar.note, doubt_of_marks, *doubts))),
    )


def _contents(layout: Layout, options: Options) -> tuple[Marks, list[Content], str]:
    """The marks of the numbers, all columns, and a doubt about the marks.

    Raises:
        ValueError: none of the columns holds numbers.
    """
    names, width = _names(layout), layout.width
    cells = [[row.cells[place] if place < len(row.cells) else "" for row in layout.rows] for place in range(width)]
    voters = [votes(sample) for column in cells if (sample := _voters(column))]
    marks = choose_marks(voters, options.decimal, options.thousands)
    contents = [content_of(name, column, marks, options.missing) for name, column in zip(names, cells, strict=True)]
    if not any(content.offered or content.kind == "constant" for content in contents):
        raise ValueError(f"None of the {layout.width} columns holds numbers. Upload a CSV that has one.")
    return marks, contents, "" if options.decimal or options.thousands else doubt(voters, marks)


def _voters(cells: Sequence[str]) -> list[str]:
    """Cells that tell how numbers are written: those with marks, and some without; none of a column of dates."""
    marked = [cell for cell in cells if _MARK.search(cell)]
    marked = marked[:: max(1, len(marked) // _VOTERS)]
    if sum(map(is_time, marked[:100])) > 0.9 * len(marked[:100]):
        return []
    return [*marked, *cells[:: max(1, len(cells) // 500)]]


def _names(layout: Layout) -> list[str]:
    """Names of the columns, no two of them equal; `column 4` where the file has none."""
    given = layout.header.cells if layout.header else []
    names: list[str] = []
    for place in range(layout.width):
        name = (given[place].strip()[:_LONGEST_NAME] if place < len(given) else "") or f"column {place + 1}"
        names.append(name if name not in names else f"{name} (column {place + 1})")
    return names


def _column(number: int, content: Content) -> Column:
    missing = np.isnan(content.values)
    missing[content.bad] = False
    if content.dates is not None or content.kind == "text":
        missing = np.array([is_missing(cell) for cell in content.cells])
    return Column(
        number=number,
        name=content.name,
        kind=content.kind,
        reason=content.reason,
        offered=content.offered,
        count=len(content.cells),
        missing=int(missing.sum()),
        longest_gap=fill(np.where(missing, np.nan, 0.0), 0).longest,
        first=content.cells[0][:_SHOWN_CELLS] if content.cells else "",
        last=content.cells[-1][:_SHOWN_CELLS] if content.cells else "",
    )


def _shown(rows: Sequence[Row], width: int) -> tuple[Shown, ...]:
    few = min(width, _SHOWN_CELLS)
    return tuple(
        Shown(row.line, tuple(cell[:_SHOWN_SIGNS] for cell in [*row.cells, *[""] * few][:few])) for row in rows
    )


# -- time -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """The order of the rows.

    Attributes:
        name: of the column that tells the time, "" if none does.
        order: of the rows by time, oldest first.
        calendar: their places.
        turned: whether the file has the newest rows first.
        span: first and last time, as the file has them.
        notes: what should be known.
        trouble: why the rows have no order.
    """

    name: str
    order: NDArray[np.int64]
    calendar: Calendar
    turned: bool = False
    span: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class _Times:
    name: str
    at: NDArray[np.float64]
    kind: str
    cells: list[str]


def _clock(contents: Sequence[Content], layout: Layout, options: Options) -> Clock:
    """The order of the rows, by the first column that tells it, or as a person says."""
    count = len(layout.rows)
    candidates = _times_of(contents)
    clear = [times for times in candidates if np.isfinite(times.at).all() and len(np.unique(times.at)) == count]
    times = clear[0] if clear else next(iter(candidates), None)
    as_it_stands = np.arange(count)
    if times is None or count < 2:
        turned = options.order == "newest"
        return Clock("", as_it_stands[::-1] if turned else as_it_stands, Calendar(None), turned)
    steps = np.diff(times.at[np.isfinite(times.at)])
    newest_first = bool((steps < 0).sum() > (steps > 0).sum())
    turned = options.order == "newest" if options.order else newest_first
    order = as_it_stands[::-1] if turned else as_it_stands
    span = (times.cells[order[0]], times.cells[order[-1]])
    if times is not (clear[0] if clear else None) or (options.order and turned != newest_first):
        return _clock_by_rows(times, order, turned, span, options)
    notes: tuple[str, ...] = ()
    if not goes_one_way(steps):
        order, turned = np.argsort(times.at, kind="stable"), False
        span = (times.cells[order[0]], times.cells[order[-1]])
        notes = ("The rows were not in the order of time; they are sorted by it.",)
    name = "" if times.kind == "counter" else times.name
    found = _calendar_of(times, times.at[order], options)
    if times.kind == "counter":
        found = replace(found, step="", note="")
        span = ("", "")
    return Clock(name, order, found, turned, span, notes)


def _clock_by_rows(
    times: _Times, order: NDArray[np.int64], turned: bool, span: tuple[str, str], options: Options
) -> Clock:
    """Rows as they stand, where their times are not all known and different, or a person says so."""
    steps = np.diff(times.at[order])
    backward = int((steps <= 0).sum())
    trouble = ""
    if backward > 0.05 * len(order) and not options.order and times.kind == "date":
        values, counts = np.unique(times.at[np.isfinite(times.at)], return_counts=True)
        example = times.cells[int(np.flatnonzero(times.at == values[counts.argmax()])[0])]
        trouble = (
            f"The column {times.name!r} has {counts.max()} rows for {example}: several series seem to stand under each "
            "other. Keep one of them, or say which row comes first (the oldest) to take the rows as they stand."
        )
    notes = ("The times are not all there and different; the rows are taken as they stand.",)
    return Clock(times.name, order, Calendar(None), turned, span, notes, trouble)


def _times_of(contents: Sequence[Content]) -> list[_Times]:
    """Columns that tell the time, and a year with its month and day, the most telling first."""
    dates = [_Times(each.name, each.dates, "date", each.cells) for each in contents if each.dates is not None]
    numbers = [each for each in contents if each.dates is None and each.kind == "time"]
    read = [_Times(each.name, *_seconds(each), each.cells) for each in numbers]
    counters = [_Times(each.name, each.values, "counter", each.cells) for each in contents if each.kind == "counter"]
    return [*dates, *_year_and_parts(contents), *read, *counters]


def _seconds(content: Content) -> tuple[NDArray[np.float64], str]:
    """Times of numbers: years as they are, months and days as seconds since 1970."""
    if content.reason in ("months", "days"):
        pattern = "{0}-{1:02}" if content.reason == "months" else "{0}-{1:02}-{2:02}"
        numbers = [None if np.isnan(value) else int(value) for value in content.values]
        parts = 100 if content.reason == "months" else 10_000
        cells = [
            "" if each is None else pattern.format(each // parts, each // (parts // 100) % 100, each % 100)
            for each in numbers
        ]
        dates = read_dates(cells)
        if dates is not None:
            return dates, "date"
    if "1970" in content.reason:
        return content.values / (1000 if content.reason.startswith("milli") else 1), "date"
    return content.values, "year"


def _year_and_parts(contents: Sequence[Content]) -> list[_Times]:
    """A column of years with the first column after it that numbers months, and one that numbers days."""
    years = [place for place, each in enumerate(contents) if each.reason == "years"]
    if not years or len(np.unique(contents[years[0]].values)) == len(contents[years[0]].values):
        return []
    year = contents[years[0]]
    parts = [each for each in contents if each.kind == "date part" and np.isfinite(each.values).all()]
    months = [each for each in parts if each.values.min() >= 1 and each.values.max() <= 12]
    if not months or np.isnan(year.values).any():
        return []
    month = months[0]
    cells = [f"{int(a)}-{int(b):02}" for a, b in zip(year.values, month.values, strict=True)]
    names = [year.name, month.name]
    days = [each for each in parts if each is not month and each.values.min() >= 1 and 12 < each.values.max() <= 31]
    if days and len(set(cells)) < len(cells):
        cells = [f"{cell}-{int(day):02}" for cell, day in zip(cells, days[0].values, strict=True)]
        names.append(days[0].name)
    dates = read_dates(cells)
    return [] if dates is None else [_Times(" and ".join(names), dates, "date", cells)]


def _calendar_of(times: _Times, ascending: NDArray[np.float64], options: Options) -> Calendar:
    dated, per_year = times.kind == "date", times.kind == "year"
    found = calendar(ascending) if dated else calendar_of_numbers(ascending, per_year=per_year)
    if options.left_out == "keep" and found.places is not None:
        return replace(found, fills=False, note="")
    if options.left_out == "fill":
        return replace(found, fills=True, note="" if not found.fills else found.note)
    if found.places is not None and len(ascending) < 0.6 * (found.places[-1] + 1):
        note = "Many times have no row; the rows are taken as equally spaced."
        return replace(found, fills=False, note=note)
    return found


# -- the series -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Learnt:
    """A column on its grid, without gaps."""

    values: NDArray[np.float64]
    filled: NDArray[np.int64]
    left_out: int
    cut: tuple[int, int]
    longest: int
    trouble: str


def _chosen(contents: Sequence[Content], clock: Clock, options: Options) -> tuple[int, str]:
    """The place of the series, and why it is that one.

    Raises:
        ValueError: there is no such column, or none of numbers.
    """
    if options.column:
        return _named_column(contents, options.column), "as chosen"
    fits = [content.offered and not _grid_of(content, clock, options).trouble for content in contents]
    found = choose(contents, fits)
    if found is None:
        place = next(place for place, content in enumerate(contents) if content.kind == "constant")
        return place, "the only column of numbers"
    return found


def _unlikely(content: Content, options: Options) -> str:
    """Why a column that nobody chose is not learnt from: it counts or tells the time, and no other has numbers."""
    if options.column or content.kind not in UNLIKELY:
        return ""
    return (
        f"The only column of numbers is {content.name!r}, and {content.reason}: that is no series. Choose it by its name if "
        "it is meant, or give a table with a column that changes."
    )


def _doubt_of_commas(layout: Layout, options: Options) -> str:
    """What to do if 20,7 was meant as one number, where a file without names has two columns of whole numbers."""
    if layout.separator != "comma" or options.separator or layout.header or layout.width != 2:
        return ""
    if not all(cell.lstrip("-").isdigit() for row in layout.rows for cell in row.cells):
        return ""
    return (
        "The comma is read as dividing two columns. If it is the decimal mark, choose that nothing divides the cells."
    )


def _named_column(contents: Sequence[Content], wanted: str) -> int:
    names = [content.name for content in contents]
    found = next((place for place, name in enumerate(names) if name == wanted), None)
    low = [name.lower() for name in names]
    if found is None and low.count(wanted.strip().lower()) == 1:
        found = low.index(wanted.strip().lower())
    number = wanted.strip().lower().removeprefix("column").strip()
    if found is None and number.isascii() and number.isdigit() and 0 < int(number) <= len(contents):
        found = int(number) - 1
    if found is None or not (contents[found].offered or contents[found].kind == "constant"):
        offered = ", ".join(content.name for content in contents[:200] if content.offered)
        raise ValueError(f"There is no column of numbers {wanted[:40]!r}. Choose one of: {offered[:400]}.")
    return found


def _learnt(content: Content, clock: Clock, layout: Layout, options: Options) -> Learnt:
    """The column on its grid; its trouble names lines of the file."""
    found = _grid_of(content, clock, options, layout.rows)
    if not (found.trouble or clock.trouble or len(found.values)):
        return replace(found, trouble=f"The column {content.name!r} has no values. Choose another one.")
    return found


def _grid_of(content: Content, clock: Clock, options: Options, rows: Sequence[Row] = ()) -> Learnt:
    """The values in the order of time, with the places that have no row, filled in where that may be."""
    nothing = Learnt(np.empty(0), np.empty(0, np.int64), 0, (0, 0), 0, "")
    if content.bad:
        return replace(nothing, trouble=_said_of_bad(content, rows))
    values = content.values[clock.order]
    lines = np.array([row.line for row in rows])[clock.order] if rows else np.zeros(len(values), np.int64)
    places = clock.calendar.places if clock.calendar.fills else None
    left_out = 0
    if places is not None:
        size = int(places[-1]) + 1
        left_out = size - len(places)
        grid, at = np.full(size, np.nan), np.zeros(size, np.int64)
        grid[places], at[places] = values, lines
        values, lines = grid, at
    found = fill(values, options.gap)
    trouble = ""
    if found.longest > options.gap:
        trouble = _said_of_gap(content.name, found.longest, found.where, lines, options.gap, left_out)
    elif len(found.places) > MOST_FILLED * max(1, len(found.values)):
        trouble = (
            f"The column {content.name!r} lacks {len(found.places):,} of {len(found.values):,} values, more than a third. "
            "Choose another column, or fill them in."
        )
    return Learnt(found.values, found.places, left_out, found.cut, found.longest, trouble)


def _said_of_bad(content: Content, rows: Sequence[Row]) -> str:
    place = content.bad[0]
    line = f"Line {rows[place].line:,}" if rows else "A line"
    more = f" (and {len(content.bad) - 1:,} more)" if len(content.bad) > 1 else ""
    return (
        f"{line}{more} of column {content.name!r} is {content.cells[place][:40]!r}, not a number. Correct it, or name it "
        "as a sign for a missing value."
    )


def _said_of_gap(
    name: str, longest: int, where: tuple[int, int], lines: NDArray[np.int64], gap: int, left_out: int
) -> str:
    around = [int(lines[where[0] - 1]), int(lines[where[1] + 1])]
    first, last = min(around), max(around)
    keep = " Rows that are left out can also be taken as no gap." if left_out else ""
    return (
        f"The column {name!r} lacks {longest:,} values in a row, between lines {first:,} and {last:,}, and gaps of at most "
        f"{gap} are filled in. Allow longer gaps, or choose another column.{keep}"
    )


def _suspicion(content: Content) -> str:
    """A value that may mean "no value": far outside, the same several times, one of those that files use."""
    known = content.values[np.isfinite(content.values)]
    if len(known) < 10:
        return ""
    counts = Counter(known.tolist())
    for value in (float(known.min()), float(known.max())):
        rest = known[known != value]
        if value in _SENTINELS and len(rest) > 1 and counts[value] > 1:
            distance = min(abs(value - rest.min()), abs(value - rest.max()))
            if distance > (rest.max() - rest.min()) / 2 or (value < 0 <= rest.min()):
                return f"{value:g} stands {counts[value]:,} times in {content.name!r}. If it means “no value”, say so (missing)."
    return ""
