"""What stands in a cell: a number as people write it, a sign for "no value", or neither."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset((
    "", "na", "n/a", "#n/a", "#na", "n.a.", "nan", "null", "none", "nil", "missing", "<na>", "?", ".", "..", "...", "*", ":",
    "-", "--", "---", "–", "—", "#value!", "#div/0!", "#num!", "#ref!", "#name?",
))  # fmt: skip
"""Cells that mean "no value", in small letters."""
_BLANKS = " \u00a0\u2007\u2009\u202f"
_APOSTROPHES = "'’"
_POWERS = {"k": "e3", "m": "e6", "mn": "e6", "b": "e9", "bn": "e9"}
_OUTER = (
    r"(?P<sign>[-+])?\s*(?P<unit>[$€£¥])?\s*(?P<sign2>[-+])?(?P<body>{body})\s*(?P<suffix>%|‰|[KkMB]|bn|mn)?\s*[$€£¥]?"
)
_LOOSE = re.compile(_OUTER.format(body=rf"\d[\d.,'’{_BLANKS}]*|[.,]\d+"))


class Marks(NamedTuple):
    """Keys of `options.DECIMALS` and `options.THOUSANDS`."""

    decimal: str
    thousands: str


EITHER = (Marks("point", "comma"), Marks("comma", "point"))


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def number(cell: str, marks: Marks) -> float | None:
    """The number in a cell, None if there is none.

    Understood are signs, also − and (43.5), currencies, %, the scales K, M and B, exponents, and
    thousands in groups of three: by the mark, by a blank or by an apostrophe.
    """
    text = cell.strip().replace("−", "-")
    negative = text.startswith("(") and text.endswith(")")
    found = _pattern(marks).fullmatch(text[1:-1].strip() if negative else text)
    if found is None or (found["sign"] and found["sign2"]):
        return None
    body = re.sub(f"[{_BLANKS}{_APOSTROPHES}{'.' if marks.decimal == 'comma' else ','}]", "", found["body"])
    suffix = (found["suffix"] or "").lower()
    power = _POWERS.get(suffix, "")
    if power and "e" in body.lower():
        return None
    value = float(body.replace(",", ".") + power)
    return -value if negative or "-" in (found["sign"], found["sign2"]) else value


def is_number(cell: str) -> bool:
    """Whether a cell is a number by some pair of marks."""
    return any(number(cell, marks) is not None for marks in EITHER)


def read_numbers(
    cells: Sequence[str], marks: Marks, missing: Iterable[str] = ()
) -> tuple[NDArray[np.float64], list[int]]:
    """The values of a column, NaN where a cell has none, and the places of cells that are neither.

    Args:
        cells: of the column.
        marks: of its numbers.
        missing: cells that mean "no value" in this file.
    """
    own = {word.strip().lower() for word in missing}
    sentinels = {value for value in (number(word, marks) for word in own) if value is not None}
    values, bad = np.full(len(cells), np.nan), []
    plain = marks.decimal == "point"
    for place, cell in enumerate(cells):
        value = _plain(cell) if plain else None
        if value is None:
            low = cell.strip().lower()
            if low in MISSING or low in own:
                continue
            value = number(cell, marks)
        if value is None or not math.isfinite(value):
            bad.append(place)
        elif value not in sentinels:
            values[place] = value
    return values, bad


def _plain(cell: str) -> float | None:
    """A number as programs write it, quickly; None for what needs a closer look."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


@lru_cache(maxsize=16)
def _pattern(marks: Marks) -> re.Pattern[str]:
    group = _BLANKS + _APOSTROPHES + {"comma": ",", "point": "."}.get(marks.thousands, "")
    decimal = r"\.\d*" if marks.decimal == "point" else r",\d+"
    least = r"\.\d+" if marks.decimal == "point" else r",\d+"
    body = rf"(?:(?:\d{{1,3}}(?:[{group}]\d{{3}})+|\d+)(?:{decimal})?|{least})(?:[eE][-+]?\d{{1,3}})?"
    return re.compile(_OUTER.format(body=body))


class Votes(NamedTuple):
    """How the numbers of some cells are written.

    Attributes:
        decimal: cells in which a mark can only be a decimal one.
        either: cells in which a mark can be a decimal one or divide thousands, such as 10,318.
        seen: cells in which a mark stands, whatever it means.
        whole: cells without a mark that have three digits.
    """

    decimal: Counter[str]
    either: Counter[str]
    seen: Counter[str]
    whole: Counter[str]

    @property
    def dividing(self) -> str:
        """The mark that divides thousands: it always stands before three digits, and 987 stands beside 1.234."""
        if self.decimal or not self.whole or len(self.either) != 1:
            return ""
        return next(iter(self.either))


def votes(cells: Iterable[str]) -> Votes:
    """What the numbers in some cells tell about the marks."""
    found = Votes(Counter(), Counter(), Counter(), Counter())
    for cell in cells:
        match = _LOOSE.fullmatch(cell.strip().strip("()").replace("−", "-"))
        if match is not None:
            _vote(match["body"].strip(), found)
    return found


def _vote(body: str, found: Votes) -> None:
    """Count the marks of one number; the last of them is a decimal mark if it can't divide thousands."""
    signs = {"point": ".", "comma": ",", "blank": _BLANKS, "apostrophe": _APOSTROPHES}
    found.seen.update(name for name, some in signs.items() if any(sign in body for sign in some))
    last = max(body.rfind("."), body.rfind(","))
    if last < 0:
        found.whole.update(["whole"] if re.fullmatch(r"\d{3}", body) else [])
        return
    mark, other = ("point", "comma") if body[last] == "." else ("comma", "point")
    head, tail = re.sub(f"[{_BLANKS}{_APOSTROPHES}]", "", body[:last]), body[last + 1 :]
    if body[last] in head:
        found.decimal[other] += 1
    elif signs[other] in head or len(tail) != 3 or len(head) > 3 or head in ("", "0"):
        found.decimal[mark] += 1
    else:
        found.either[mark] += 1


def choose_marks(columns: Sequence[Votes], decimal: str = "", thousands: str = "") -> Marks:
    """The marks of a file from the votes of its columns, a column counting once.

    10,318 alone is ten thousand and 1.234 alone is one and a bit, if no other cell says more.

    Args:
        columns: their votes.
        decimal: known already, a key of `options.DECIMALS`.
        thousands: known already, a key of `options.THOUSANDS`.
    """
    sides: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for column in columns:
        seen.update(column.seen)
        if column.dividing:
            sides["comma" if column.dividing == "point" else "point"] += 1
        for mark, count in column.decimal.items():
            sides[mark] += count / column.decimal.total()  # type: ignore[assignment]
    if not decimal and thousands in ("comma", "point"):
        decimal = "point" if thousands == "comma" else "comma"
    decimal = decimal or ("comma" if sides["comma"] > sides["point"] else "point")
    other = "comma" if decimal == "point" else "point"
    return Marks(decimal, thousands or next((mark for mark in (other, "apostrophe", "blank") if seen[mark]), "none"))


def doubt(columns: Sequence[Votes], marks: Marks) -> str:
    """A sentence where the marks could be read otherwise and nothing in the file decides; "" where something does."""
    if any(column.decimal or column.dividing for column in columns):
        return ""
    either = sum((column.either for column in columns), Counter[str]())
    if either[marks.decimal]:
        return f"A {marks.decimal} before three digits is read as the decimal mark. If it divides thousands, say so."
    if either[marks.thousands]:
        return (
            f"A {marks.thousands} before three digits is read as dividing thousands. If it is the decimal mark, say so."
        )
    return ""
