"""What a person says about a table; what is left empty is found out from the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "blanks": " ", "none": ""}
"""Between the cells of a row, by name; `none`: a line is one cell."""
DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"none": "", "comma": ",", "point": ".", "blank": " ", "apostrophe": "'"}
ORDERS = ("oldest", "newest")
"""Which row comes first in the file."""
LEFT_OUT = ("fill", "keep")
"""Times that have no row: missing values to fill in, or no gap at all."""
LONGEST_GAP = 5
_MOST_GAP = 1000


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to read a table.

    Attributes:
        encoding: a name in `data.ENCODINGS`, in any spelling.
        separator: a key of `SEPARATORS`.
        decimal: a key of `DECIMALS`.
        thousands: a key of `THOUSANDS`.
        header: whether a line of names stands before the values; None: found out.
        missing: cells that mean "no value", beside those that always do, such as NA.
        order: one of `ORDERS`.
        gap: the longest run of missing values that is filled in, in steps.
        left_out: one of `LEFT_OUT`.
        column: name or number (from 1) of the series.

    Raises:
        ValueError: a field is none of these.
    """

    encoding: str = ""
    separator: str = ""
    decimal: str = ""
    thousands: str = ""
    header: bool | None = None
    missing: tuple[str, ...] = ()
    order: str = ""
    gap: int = LONGEST_GAP
    left_out: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        known = {
            "separator": SEPARATORS,
            "decimal": DECIMALS,
            "thousands": THOUSANDS,
            "order": ORDERS,
            "left_out": LEFT_OUT,
        }
        for field, choices in known.items():
            value = getattr(self, field)
            if value and value not in choices:
                raise ValueError(f"{field} = {value[:40]!r} is not known. Choose one of: {', '.join(choices)}.")
        if not 0 <= self.gap <= _MOST_GAP:
            raise ValueError(f"gap = {self.gap} is out of range. Choose 0 to {_MOST_GAP} steps.")
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(f"The decimal mark and the thousands mark are both a {self.decimal}. Choose two marks.")

    def words(self) -> list[str]:
        """These options on the command line."""
        names = ("encoding", "separator", "decimal", "thousands", "order", "left_out", "column")
        words = [f"--{name.replace('_', '-')}={getattr(self, name)}" for name in names if getattr(self, name)]
        if self.header is not None:
            words.append("--header" if self.header else "--no-header")
        if self.gap != LONGEST_GAP:
            words.append(f"--gap={self.gap}")
        return words + [f"--missing={value}" for value in self.missing]


def named(text: str, names: Mapping[str, str]) -> str:
    """The name of a mark that was given by its name or as itself: `;` is a semicolon.

    What is neither is given back as it is, for `Options` to refuse.
    """
    given = {"\\t": "\t"}.get(text, text)
    return next((name for name, mark in names.items() if mark and mark == given), text)
