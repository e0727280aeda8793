"""One line of the result: what was measured, against what was promised."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number and its bound.

    Attributes:
        name: what was measured.
        measured: None where it could not be.
        required: the bound in words, such as ">= 0.9".
        unit: of `measured`.
        ok: whether it is within the bound.
        details: further numbers of the same measurement, and why there is none.
    """

    name: str
    measured: float | None
    required: str
    unit: str
    ok: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        text: the file for the language model, or None when it isn't here.
        quick: everything small, only to see that it runs. The numbers then say nothing.
    """

    text: Path | None
    quick: bool = False

    def pick(self, full: int, quick: int) -> int:
        """One of two sizes."""
        return quick if self.quick else full


Bench = Callable[[Settings], Iterator[Row]]


class Missing(RuntimeError):
    """A measurement lacks something; the sentence says what, and where to get it."""


def at_least(name: str, measured: float, limit: float, unit: str, **details: Any) -> Row:
    """A row that wants `measured` ≥ `limit`."""
    return Row(
        name=name,
        measured=tidy(measured),
        required=f">= {limit:g}",
        unit=unit,
        ok=measured >= limit,
        details=tidied(details),
    )


def at_most(name: str, measured: float, limit: float, unit: str, **details: Any) -> Row:
    """A row that wants `measured` ≤ `limit`."""
    return Row(
        name=name,
        measured=tidy(measured),
        required=f"<= {limit:g}",
        unit=unit,
        ok=measured <= limit,
        details=tidied(details),
    )


def between(name: str, measured: float, low: float, high: float, unit: str, **details: Any) -> Row:
    """A row that wants `low` ≤ `measured` ≤ `high`."""
    return Row(
        name=name,
        measured=tidy(measured),
        required=f"{low:g} to {high:g}",
        unit=unit,
        ok=low <= measured <= high,
        details=tidied(details),
    )


def unmeasured(name: str, reason: str) -> Row:
    """A row for what could not be measured here."""
    return Row(name=name, measured=None, required="", unit="", ok=False, details={"missing": reason})


def tidy(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def tidied(value: Any) -> Any:
    """The same for every float inside lists and mappings."""
    if isinstance(value, float):
        return tidy(value)
    if isinstance(value, Mapping):
        return {name: tidied(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidied(each) for each in value]
    return value


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above (nearest rank).

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and largest of some values."""
    return {"least": min(values), "median": statistics.median(values), "largest": max(values)}


def say(text: str) -> None:
    """Progress, beside the result."""
    print(text, file=sys.stderr, flush=True)
