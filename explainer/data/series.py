"""A series of numbers to forecast: sunspots by default, or a column of a table of the user's (`explainer.tables`)."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

FEWEST_VALUES = 30
MOST_VALUES = 100_000
LARGEST = 1e30

_IN_BRACKETS = re.compile(r"\S\s*[(\[]([^()\[\]]{1,24})[)\]]\s*$")


@dataclass(frozen=True)
class Series:
    """Equally spaced measurements.

    Attributes:
        name: what was measured.
        unit: of the values; empty where unknown.
        start: year or row of the first value; the next ones follow by one.
        values: all finite, 30 to 100,000 of them, not all equal.
        filled: places in `values` (from 0) that had no value and lie on a straight line between their neighbours.

    Raises:
        ValueError: the values are not so; the sentence has the row and the way out.
    """

    name: str
    unit: str
    start: int
    values: tuple[float, ...]
    filled: tuple[int, ...] = ()

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

    @property
    def measured_in(self) -> str:
        """The unit: as given, or what stands in brackets at the end of the name, as in `temperature (°C)`; "" for neither."""
        if self.unit:
            return self.unit
        found = _IN_BRACKETS.search(self.name)
        return found[1].strip() if found else ""

    def to_text(self) -> str:
        """The one text of this series, to be stored and hashed; `from_text` is its exact inverse."""
        content: dict[str, object] = {"name": self.name, "start": self.start, "unit": self.unit, "values": self.values}
        if self.filled:
            content["filled"] = self.filled
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
            filled = tuple(int(place) for place in content.get("filled", ()))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"This is not a stored series ({error!r}). Upload the CSV again.") from None
        return cls(name, unit, start, values, filled)


def _sunspots() -> Series:
    """The series that ships: a line of names, then a year and a value in each."""
    rows = (Path(__file__).parent / "sunspots.csv").read_text().splitlines()
    values = tuple(float(row.split(",")[1]) for row in rows if row[0].isdigit())
    return Series("yearly sunspot number", "sunspots", 1700, values)


SUNSPOTS = _sunspots()
"""Yearly sunspot numbers 1700-2008; the source stands in the CSV beside this file."""
