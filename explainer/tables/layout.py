"""The lines of a file as rows of cells: what divides them, where the names stand, and what is no row at all."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from explainer.tables.numbers import EITHER, is_missing, is_number, number
from explainer.tables.options import SEPARATORS, Options
from explainer.tables.times import is_time
from explainer.tables.understanding import Skipped

MOST_COLUMNS = 1000
MOST_CELLS = 5_000_000
_SAMPLE = 240
_COMMENT = ("#", "%", "//")
_UNIT = "\x1f"
_TYPED = 0.6


@dataclass(frozen=True)
class Row:
    """Cells without the empty ones at the end, the line of the file (from 1) at which they begin, and how many stood there."""

    line: int
    cells: list[str]
    count: int = 0

    @property
    def filled(self) -> list[str]:
        """The cells that are not empty."""
        return [cell for cell in self.cells if cell]


@dataclass(frozen=True)
class Layout:
    """A table without meaning yet.

    Attributes:
        separator: a key of `options.SEPARATORS`.
        header: the row of names, None where there is none.
        rows: those with values.
        width: columns.
        skipped: lines that are neither.
    """

    separator: str
    header: Row | None
    rows: list[Row]
    width: int
    skipped: list[Skipped]


def find_layout(text: str, options: Options) -> Layout:
    """The rows of a text.

    Raises:
        ValueError: there are none, or some have more cells than the table has columns.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    separator, skipped = options.separator, []
    if lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) <= 5:
        mark = lines[0].strip()[4:] or "\t"
        separator = separator or next((name for name, sign in SEPARATORS.items() if sign == mark), "")
        skipped.append(Skipped(1, "the line that names the separator"))
        lines[0] = ""
    separator = separator or _guess_separator(lines)
    rows = [row for row in split(lines, separator) if row.filled and not _is_rule(row)]
    if not rows:
        raise ValueError("The file has no rows. Upload a CSV with a column of numbers.")
    return _arranged(rows, separator, options, skipped)


def split(lines: Sequence[str], separator: str) -> Iterator[Row]:
    """The rows, their cells without blanks around them and without empty cells at the end.

    The csv module reads them, for it alone tells at which line of the file each row stands.

    Raises:
        ValueError: a cell is too long to be one.
    """
    mark = {"blanks": _UNIT, "none": _UNIT}.get(separator) or SEPARATORS[separator]
    quoted = sum(line.count('"') for line in lines if not line.startswith(_COMMENT)) % 2 == 0
    source = (_prepared(line, separator) + "\n" for line in lines)
    reader = csv.reader(
        source, delimiter=mark, skipinitialspace=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"Line {line:,} is no row of a table: {error}. Export the table again as CSV.") from None
        if cells is None:
            return
        cells = [cell.replace("\n", " ").strip() for cell in cells]
        count = len(cells)
        while cells and not cells[-1]:
            cells.pop()
        yield Row(line, cells, count)
        line = reader.line_num + 1


def _prepared(line: str, separator: str) -> str:
    if line.startswith(_COMMENT) and line.count('"') % 2:
        line = line.replace('"', "'")
    if separator == "blanks":
        return re.sub(r'("[^"]*")|[ \t]+', lambda found: found[1] or _UNIT, line.strip())
    return line


def _guess_separator(lines: Sequence[str]) -> str:
    """The one that gives most rows the same number of cells, and most cells a meaning; `none` for one column."""
    full = [line for line in lines if line.strip() and not _is_comment(line)]
    third = _SAMPLE // 3
    middle = len(full) // 2
    sample = full if len(full) <= _SAMPLE else [*full[:third], *full[middle : middle + third], *full[-third:]]
    scores = {separator: _score(sample, separator) for separator in ("tab", "semicolon", "pipe", "comma", "blanks")}
    best = max(scores, key=lambda name: scores[name])
    return "none" if scores[best] == 0 or _score(sample, "none") > scores[best] else best


def _is_comment(line: str) -> bool:
    return line.startswith(_COMMENT) and not is_missing(re.split(r"[,;\t|\s]", line)[0])


def _score(sample: Sequence[str], separator: str) -> float:
    try:
        rows = [row.cells for row in split(sample, separator)]
    except ValueError:
        return 0.0
    width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
    if separator == "none":
        return _score_of_one_column(rows)
    if width < 2:
        return 0.0
    cells = [cell for row in rows if len(row) == width for cell in row]
    return count / len(rows) * sum(map(_worth, cells)) / len(cells)


def _score_of_one_column(rows: Sequence[Sequence[str]]) -> float:
    """Decimal commas without a separator are believed only under a name without a comma."""
    cells = [row[0] for row in rows if row]
    named = bool(cells) and _worth(cells[0]) < 1 and "," not in cells[0]
    years = re.compile(r"(?:1[5-9]|20)\d\d,")
    plain = [cell for cell in cells if "," not in cell or (named and not years.match(cell))]
    return sum(map(_worth, plain)) / max(1, len(cells))


def _worth(cell: str) -> float:
    """How much a cell looks like one: a number, a date or a missing value 1, other text less, or nothing with marks in it."""
    if is_value(cell):
        return 1.0
    return 0.0 if any(mark in cell for mark in ";\t|") else 0.3


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a date or a sign for "no value"."""
    return is_missing(cell) or is_number(cell) or is_time(cell)


def _is_rule(row: Row) -> bool:
    """Whether a row only draws a line under the header."""
    return all(re.fullmatch(r"[:=+-]{2,}", cell) for cell in row.filled) and len(row.filled[0]) > 2


def _arranged(rows: list[Row], separator: str, options: Options, skipped: list[Skipped]) -> Layout:
    widths = Counter(len(row.cells) for row in rows if not _is_comment(row.cells[0])).most_common(1)
    if not widths:
        raise ValueError("The file has nothing but comments. Upload a CSV with a column of numbers.")
    width = widths[0][0]
    typed = _typed_columns([row for row in rows if len(row.cells) == width], width)
    plain = [row for row in rows if not _is_comment(row.cells[0]) or _is_row_all_the_same(row, width, typed)]
    kept = {row.line for row in plain}
    comments = [row for row in rows if row.line not in kept]
    first, last = _body(plain, typed, width)
    header, first = _find_header(plain, first, separator, options.header, comments, width)
    before = [row for row in plain[:first] if row is not header]
    body, notes = _without_notes(plain[first : last + 1], header, typed, width)
    found = [
        *skipped,
        *(Skipped(row.line, "comment") for row in comments if header is None or row.line != header.line),
        *(Skipped(row.line, "title") for row in before),
        *(Skipped(row.line, "note") for row in notes),
        *(Skipped(row.line, "footer") for row in plain[last + 1 :]),
    ]
    if separator in ("blanks", "tab"):
        header = _shifted(header, body)
    if header and separator == "blanks" and len(header.cells) != width:
        found, header = [*found, Skipped(header.line, "names with blanks in them")], None
    columns = max(header.count, len(header.cells)) if header else width
    _check_widths(body, columns, header)
    return Layout(separator, header, body, columns, sorted(found, key=lambda line: line.line))


def _typed_columns(rows: Sequence[Row], width: int) -> list[int]:
    """Columns in which most cells are values."""
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    return [
        column
        for column in range(min(width, MOST_COLUMNS))
        if sum(is_value(row.cells[column]) for row in sample) >= _TYPED * len(sample)
    ]


def _is_row_all_the_same(row: Row, width: int, typed: Sequence[int]) -> bool:
    """Whether a row that begins like a comment holds values in its other columns, as wide as the table."""
    others = [column for column in typed if column > 0]
    return len(row.cells) == width > 1 and bool(others) and all(is_value(row.cells[column]) for column in others)


def _body(rows: Sequence[Row], typed: Sequence[int], width: int) -> tuple[int, int]:
    """Places of the first and the last row of values; without any, all rows but the first.

    A row beside them that begins with a value belongs to them: what else stands in it is to be refused, not left out.
    """
    first = next((place for place, row in enumerate(rows) if _fits(row, typed)), None)
    if first is None:
        return min(1, len(rows) - 1), len(rows) - 1
    last = next(place for place in range(len(rows) - 1, -1, -1) if _fits(rows[place], typed))
    while first > 0 and _begins_with_a_value(rows[first - 1], typed, width):
        first -= 1
    while last + 1 < len(rows) and _begins_with_a_value(rows[last + 1], typed, width):
        last += 1
    return first, last


def _begins_with_a_value(row: Row, typed: Sequence[int], width: int) -> bool:
    cell = row.cells[typed[0]] if typed[0] < len(row.cells) else ""
    return len(row.filled) > min(1, width - 1) and bool(cell) and is_value(cell) and not is_missing(cell)


def _fits(row: Row, typed: Sequence[int]) -> bool:
    """Whether a row holds values where the table does."""
    cells = [row.cells[column] for column in typed if column < len(row.cells) and row.cells[column]]
    return bool(cells) and all(map(is_value, cells)) and not all(map(is_missing, cells) if len(typed) > 1 else (False,))


def _find_header(
    rows: Sequence[Row], first: int, separator: str, wanted: bool | None, comments: Sequence[Row], width: int
) -> tuple[Row | None, int]:
    """The row of names, and the place of the first row of values."""
    if wanted is False:
        return None, first
    if wanted and first == 0:
        return rows[0], 1
    least = max(1, (width + 1) // 2)
    before = [row for row in rows[:first] if len(row.filled) >= least and (width == 1 or row.count > 1)]
    if before:
        most = max(len(row.filled) for row in before)
        candidates = [row for row in before if len(row.filled) == most]
        return candidates[-1 if width == 1 else 0], first
    if first == 0 and _are_names(rows, width):
        return rows[0], 1
    last = max((row for row in comments if row.line < rows[first].line), key=lambda row: row.line, default=None)
    if last and first == 0 and separator not in ("blanks", "none") and len(last.cells) == width > 1:
        return Row(last.line, [last.cells[0].lstrip("#%/ "), *last.cells[1:]]), first
    return None, first


def _are_names(rows: Sequence[Row], width: int) -> bool:
    """Whether numbers in the first row are names: 0, 1, 2, … or years in a sequence, which the second row does not go on with.

    So is a single 0 that stands over the values while nothing stands over the numbers of the rows.
    """
    if len(rows) < 2 or width < 2:
        return False
    found = [[number(cell, EITHER[0]) for cell in row.filled] for row in rows[:2]]
    if any(value is None for value in found[0]):
        found[0] = found[0][1:]
    if not rows[0].cells[0] and all(row.cells[0] for row in rows[1:]) and found[0] == [0]:
        return True
    if len(found[0]) < 2 or None in found[0]:
        return False
    names = [value for value in found[0] if value is not None]
    in_sequence = all(b - a == 1 for a, b in pairwise(names)) and names[0].is_integer()
    begins = names[0] == 0 or (1500 <= names[0] <= 2200) or not rows[0].cells[0]
    goes_on = found[1] and found[1][0] == names[0] + 1
    return in_sequence and begins and not goes_on


def _without_notes(
    rows: Sequence[Row], header: Row | None, typed: Sequence[int], width: int
) -> tuple[list[Row], list[Row]]:
    """The rows with values, and the notes between them: a single cell of text, or the header again."""
    body: list[Row] = []
    notes: list[Row] = []
    for row in rows:
        again = header is not None and row.cells == header.cells
        alone = width > 1 and len(row.filled) == 1 and not is_value(row.filled[0])
        (notes if again or alone else body).append(row)
    return body, notes


def _shifted(header: Row | None, rows: Sequence[Row]) -> Row | None:
    """The header with an empty name before it where each row has one cell more, as R writes tables with row names."""
    if header is None or not rows or any(len(row.cells) != len(header.cells) + 1 for row in rows):
        return header
    counts = [row.cells[0] for row in rows[:50]]
    if len(set(counts)) < len(counts):
        return header
    return Row(header.line, ["", *header.cells])


def _check_widths(rows: Sequence[Row], width: int, header: Row | None) -> None:
    if not rows:
        return
    wide = next((row for row in rows if len(row.cells) > width), None)
    if wide is not None:
        place = "the line of names has" if header else "most lines have"
        raise ValueError(
            f"Line {wide.line:,} has {len(wide.cells):,} cells, and {place} {width:,}. Put cells that hold the "
            "separator between quotes, or choose another separator."
        )
    if len(rows) < 30 < width and width > 2 * len(rows):
        raise ValueError(
            f"The table has {width:,} columns and {len(rows)} rows: the series seems to stand in a row. Turn the table "
            "(in a spreadsheet: copy, paste special, transpose), so that each value has a line of its own."
        )
    if width > MOST_COLUMNS or width * len(rows) > MOST_CELLS:
        raise ValueError(
            f"The table has {width:,} columns and {len(rows):,} rows. Keep fewer columns: at most {MOST_COLUMNS:,}, "
            f"and {MOST_CELLS:,} cells."
        )
    short = [row for row in rows if row.count < width]
    if header is None and width > 1 and len(short) > len(rows) / 20:
        raise ValueError(
            f"Line {short[0].line:,} has {short[0].count} cells, and most lines have {width}. Put cells that hold the "
            "separator between quotes, or choose another separator."
        )
