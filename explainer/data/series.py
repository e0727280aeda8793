"""A series of numbers to forecast: sunspots by default, or a column of the user's own CSV."""

from __future__ import annotations

import codecs
import csv
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FEWEST_VALUES = 30
MOST_VALUES = 100_000
MOST_BYTES = 2_000_000
LARGEST = 1e30
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Series:
    """Equally spaced measurements.

    Attributes:
        name: what was measured.
        unit: of the values; empty where unknown.
        start: year or row of the first value; the next ones follow by one.
        values: all finite, 30 to 100,000 of them, not all equal.

    Raises:
        ValueError: the values are not so; the sentence has the row and the way out.
    """

    name: str
    unit: str
    start: int
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        for row, value in enumerate(self.values, 1):
            if not math.isfinite(value):
                raise ValueError(f"Value {row} of {self.name!r} is {value}. Give finite numbers only.")
            if abs(value) > LARGEST:
                raise ValueError(f"Value {row} of {self.name!r} is {value:g}. Keep within ±{LARGEST:g}.")
        count = len(self.values)
        if count < FEWEST_VALUES:
            raise ValueError(f"{self.name!r} has {count} values, too few to learn from. Give at least {FEWEST_VALUES}.")
        if count > MOST_VALUES:
            raise ValueError(f"{self.name!r} has {count:,} values. Keep at most {MOST_VALUES:,} of them.")
        if min(self.values) == max(self.values):
            raise ValueError(f"All values of {self.name!r} are {self.values[0]:g}. Choose a column that changes.")

    def to_text(self) -> str:
        """The one text of this series, to be stored and hashed; `from_text` is its exact inverse."""
        content = {"name": self.name, "start": self.start, "unit": self.unit, "values": self.values}
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Series:
        """The series of a canonical text.

        Raises:
            ValueError: it is not one.
        """
        try:
            content = json.loads(text)
            name, unit, start = str(content["name"]), str(content["unit"]), int(content["start"])
            values = tuple(float(value) for value in content["values"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"This is not a stored series ({error!r}). Upload the CSV again.") from None
        return cls(name, unit, start, values)


def parse_number(text: str) -> float:
    """The finite number that a person wrote.

    Raises:
        ValueError: it is not a number, not finite, or beyond ±1e30.
    """
    value = _number(text)
    if value is None:
        raise ValueError(f"{text.strip()[:40]!r} is not a number. Write numbers such as 0.25 or 1e-3.")
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise ValueError(f"{text.strip()[:40]!r} is too large. Keep within ±{LARGEST:g}.")
    return value


def csv_columns(content: bytes) -> list[str]:
    """Names of the columns that hold mostly numbers; `column 1`, … where there is no header.

    Raises:
        ValueError: not a CSV text, too large, or without a column of numbers.
    """
    return list(_columns(content))


def read_csv(content: bytes, column: str | None = None) -> Series:
    """One column of a CSV file as a series.

    The file is UTF-8, or UTF-16 with its mark; cells are divided by comma, semicolon or tab
    (decimal commas are understood in the last two); lines that begin with # are comments; the
    first row is a header when none of its cells is a number.

    Args:
        content: the bytes of the file.
        column: one of `csv_columns`; default, the first that does not merely count (years, row numbers).

    Raises:
        ValueError: as `csv_columns`; an unknown column; a cell that is empty or not a number;
            values that can't be a `Series`.
    """
    columns = _columns(content)
    if column is None:
        column = next((name for name, cells in columns.items() if not _counts(cells)), next(iter(columns)))
    if column not in columns:
        names = ", ".join(list(columns)[:20])
        raise ValueError(f"There is no column of numbers {column[:40]!r}. Choose one of: {names}.")
    values = []
    for row, cell in enumerate(columns[column], 1):
        value = _number(cell)
        if value is None:
            shown = f"is {cell.strip()[:40]!r}, not a number" if cell.strip() else "is empty"
            raise ValueError(f"Row {row} of column {column!r} {shown}. Fill it in or remove the row.")
        values.append(value)
    return Series(column, "", 1, tuple(values))


def _columns(content: bytes) -> dict[str, list[str]]:
    """The cells of each column that holds mostly numbers, by its name."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"The file has {len(content):,} bytes. Keep at most {MOST_BYTES:,} (2 MB).")
    text = _decode(content)
    lines = [line for line in text.splitlines(keepends=True) if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError("The file has no rows. Upload a CSV with a column of numbers.")
    delimiter = next((mark for mark in "\t;" if all(mark in line for line in lines[:10])), ",")
    try:
        raw = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"The file is not a CSV: {error}. Export it again as CSV.") from None
    rows = raw if delimiter == "," else [[_decimal_point(cell) for cell in row] for row in raw]
    header: list[str] = []
    if all(_number(cell) is None for cell in rows[0]):
        header, rows = raw[0], rows[1:]
    width = max((len(row) for row in rows), default=0)
    columns: dict[str, list[str]] = {}
    for index in range(width):
        cells = [row[index] if index < len(row) else "" for row in rows]
        if 2 * sum(_number(cell) is not None for cell in cells) >= len(cells):
            columns[_unused_name(header, index, columns)] = cells
    if not columns:
        raise ValueError(f"None of the {max(width, len(header))} columns holds numbers. Upload a CSV that has one.")
    return columns


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"Byte {error.start + 1} of the file is not UTF-8. Save it as “CSV UTF-8”.") from None
    if "\0" in text:
        raise ValueError("The file holds zero bytes, so it is not text. Export the sheet as CSV.")
    return text


def _unused_name(header: list[str], index: int, taken: dict[str, list[str]]) -> str:
    name = (header[index].strip()[:_LONGEST_NAME] if index < len(header) else "") or f"column {index + 1}"
    return name if name not in taken else f"{name} (column {index + 1})"


def _decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell


def _number(cell: str) -> float | None:
    """The number in a cell, infinities and NaN included; None for anything else."""
    cell = cell.strip()
    if "_" in cell:
        return None  # Python reads 1_000 as a number, people don't
    try:
        return float(cell)
    except ValueError:
        return None


def _counts(cells: list[str]) -> bool:
    """Whether the column goes up by the same whole step from row to row."""
    values = [_number(cell) for cell in cells]
    steps = {b - a for a, b in pairwise(values) if a is not None and b is not None}
    return None not in values and len(steps) == 1 and next(iter(steps)) != 0


def _sunspots() -> Series:
    years = read_csv((Path(__file__).parent / "sunspots.csv").read_bytes(), "sunspots")
    return Series("yearly sunspot number", "sunspots", 1700, years.values)


SUNSPOTS = _sunspots()
"""Yearly sunspot numbers 1700-2008; the source stands in the CSV beside this file."""
