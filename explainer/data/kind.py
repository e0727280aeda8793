"""What training shows of a text or a series, and the words for an input that is of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.words import counted


@dataclass(frozen=True)
class Seen:
    """What training shows of a text or a series.

    Attributes:
        characters: the signs that the training part of a text has; `unseen`: those that only the held-out part has.
        passages: stretches of its held-out part, each from the start of a line.
        low, high: of the training values of a series.
        recent: its last values, of which the last `held_out` are not trained on.
        unit: of these; empty where unknown.
    """

    characters: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    passages: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    recent: tuple[float, ...] = ()
    held_out: int = 0
    unit: str = ""


def longer(count: int, T: int, what: str) -> list[str]:
    """That an input has more steps than training; [] where it hasn't."""
    return [f"{counted(count, what)} instead of at most {T:,}"] if count > T else []


def beyond(values: Sequence[float], low: float, high: float, unit: str = "") -> list[str]:
    """That values are not between `low` and `high`; [] where all are."""
    off = [value for value in values if not low <= value <= high]
    of = f" {unit}" if unit else ""
    if not off:
        return []
    if min(off) == max(off):
        return [f"a value of {min(off):.6g} instead of {low:.6g} to {high:.6g}{of}"]
    return [f"values from {min(off):.6g} to {max(off):.6g} instead of {low:.6g} to {high:.6g}{of}"]
