"""What was understood of a table: plain data that goes through JSON, and its sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from explainer.data import Series
from explainer.words import counted, listed

MARKS = {
    "comma": "commas",
    "semicolon": "semicolons",
    "tab": "tabs",
    "pipe": "vertical bars",
    "blanks": "blanks",
    "none": "nothing: one column",
}
_FEW = 4


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        number: its place, from 1.
        name: from the header, or `column 4`.
        kind: time, counter, date part, category, constant, series, empty or text.
        reason: of the kind, in a few words.
        offered: whether it can be chosen as the series.
        count: rows.
        missing: rows without a value.
        longest_gap: most rows without a value in a run between two values.
        first: the first cell of the file, as it stands there.
        last: the last cell of the file.
    """

    number: int
    name: str
    kind: str
    reason: str
    offered: bool
    count: int
    missing: int
    longest_gap: int
    first: str
    last: str


@dataclass(frozen=True)
class Shown:
    """A row as it stands in the file: its line there (the first is 1), and its cells."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """A line of the file that is no row: where, and what it was taken for."""

    line: int
    what: str


@dataclass(frozen=True)
class Understanding:
    """A table as it was understood, and the series in it.

    Attributes:
        encoding: of the file.
        separator: a key of `options.SEPARATORS`.
        decimal: a key of `options.DECIMALS`.
        thousands: a key of `options.THOUSANDS`.
        header: line of the names, 0 where there are none.
        skipped: comments, titles, footers and notes.
        columns: all of them, in the order of the file.
        rows: number of rows.
        lines: of the first and the last row.
        head: the first rows.
        tail: the last rows.
        time: name of the column that tells the time, or the names of several; "" where none does.
        step: from one row to the next: month, week, …; "" where unknown or unequal.
        span: the earliest and the latest time, as in the file.
        turned: whether the newest rows came first and were turned round.
        column: the chosen one.
        chosen: why it was.
        missing: cells of it without a value.
        left_out: times between the first and the last that have no row, and were given one.
        cut: missing values at the beginning and at the end, which were cut off.
        longest_gap: most missing values in a run, of those between two values.
        gap: the longest run that is filled in.
        values: of the series, oldest first.
        filled: places in `values` (from 0) that stand on a straight line between their neighbours.
        trouble: why this column can't be learnt from, with the way out; "" if it can.
        notes: what else should be known.
    """

    encoding: str
    separator: str
    decimal: str
    thousands: str
    header: int
    skipped: tuple[Skipped, ...]
    columns: tuple[Column, ...]
    rows: int
    lines: tuple[int, int]
    head: tuple[Shown, ...]
    tail: tuple[Shown, ...]
    time: str
    step: str
    span: tuple[str, str]
    turned: bool
    column: str
    chosen: str
    missing: int
    left_out: int
    cut: tuple[int, int]
    longest_gap: int
    gap: int
    values: tuple[float, ...]
    filled: tuple[int, ...]
    trouble: str
    notes: tuple[str, ...]

    @property
    def offered(self) -> list[str]:
        """Names of the columns that can be chosen."""
        return [column.name for column in self.columns if column.offered]

    def series(self) -> Series:
        """The chosen column.

        Raises:
            ValueError: it can't be learnt from; the sentence has the line of the file and the way out.
        """
        if self.trouble:
            raise ValueError(self.trouble)
        return Series(self.column, "", 1, self.values, self.filled)

    def said(self) -> list[str]:
        """What was understood, in sentences. They hold words of the file, so they are not Markdown."""
        sentences = [self._said_of_file(), self._said_of_lines(), self._said_of_time(), self._said_of_column()]
        return [sentence for sentence in (*sentences, self._said_of_missing(), *self.notes) if sentence]

    def to_json(self) -> str:
        """Its text; `from_json` is the inverse."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Understanding:
        """The understanding of a text that `to_json` made."""
        content: dict[str, Any] = json.loads(text)
        content["columns"] = tuple(Column(**column) for column in content["columns"])
        content["skipped"] = tuple(Skipped(**line) for line in content["skipped"])
        for rows in ("head", "tail"):
            content[rows] = tuple(Shown(row["line"], tuple(row["cells"])) for row in content[rows])
        content = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        return cls(**content)

    def _said_of_file(self) -> str:
        marks = f"a decimal {self.decimal}"
        if self.thousands != "none":
            marks += f", thousands divided by a {self.thousands}"
        names = f"names in line {self.header}" if self.header else "no line of names"
        first, last = self.lines
        return (
            f"{self.encoding}; cells divided by {MARKS[self.separator]}; {marks}; {names}; "
            f"{self.rows:,} rows, lines {first:,} to {last:,}."
        )

    def _said_of_lines(self) -> str:
        if not self.skipped:
            return ""
        kinds: dict[str, list[int]] = {}
        for line in self.skipped:
            kinds.setdefault(line.what, []).append(line.line)
        return f"Not read as rows: {'; '.join(f'{what}: {lines_in_words(lines)}' for what, lines in kinds.items())}."

    def _said_of_time(self) -> str:
        turned = " The newest rows come first in the file; they are turned round." if self.turned else ""
        if not self.time:
            return f"No column tells the time; the rows are taken as they stand, equally spaced.{turned}"
        step = f"one row every {self.step}" if self.step else "the rows taken as equally spaced"
        return f"Time: {self.time}, {step}, from {self.span[0]} to {self.span[1]}.{turned}"

    def _said_of_column(self) -> str:
        if not self.column:
            return ""
        count = f"; {len(self.values):,} values" if self.values else ""
        return f"Series: {self.column!r}, {self.chosen}{count}."

    def _said_of_missing(self) -> str:
        if not self.column:
            return ""
        if not (self.missing or self.left_out):
            return "Nothing is missing."
        parts = []
        if self.missing:
            parts.append(f"{self.missing:,} of {self.rows:,} cells {'has' if self.missing == 1 else 'have'} no value")
        if self.left_out:
            verb = "has" if self.left_out == 1 else "have"
            parts.append(f"{counted(self.left_out, self.step or 'step')} between the first and the last {verb} no row")
        parts += [
            f"{counted(count, 'missing value')} at the {end} {'is' if count == 1 else 'are'} cut off"
            for count, end in zip(self.cut, ("beginning", "end"), strict=True)
            if count
        ]
        if self.filled:
            parts.append(
                f"{counted(len(self.filled), 'value')} {'lies' if len(self.filled) == 1 else 'lie'} on straight lines "
                f"between neighbours (the longest gap has {self.longest_gap}, up to {self.gap} are filled)"
            )
        return f"Missing: {'; '.join(parts)}."


def lines_in_words(lines: Sequence[int]) -> str:
    """Numbers of lines for people: "line 3", "lines 1 to 4 and 9"."""
    runs: list[list[int]] = []
    for line in lines:
        if not runs or line != runs[-1][-1] + 1:
            runs.append([])
        runs[-1].append(line)
    said = [f"{run[0]:,}" if len(run) == 1 else f"{run[0]:,} to {run[-1]:,}" for run in runs]
    if len(said) > _FEW:
        said = [*said[:_FEW], f"{len(said) - _FEW} more places"]
    return f"{'line' if len(lines) == 1 else 'lines'} {listed(said)}"
