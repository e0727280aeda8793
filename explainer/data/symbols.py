"""Made-up symbols of the synthetic token tasks: their names on a chart, and reading them from text."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

MOST_SHOWN = 24
"""Symbols of a sequence that are written out in a sentence."""


def symbol_names(count: int) -> tuple[str, ...]:
    """A, B, C … for up to 26 symbols, else 0, 1, 2 …"""
    return tuple(ascii_uppercase[:count]) if count <= len(ascii_uppercase) else tuple(map(str, range(count)))


def read_symbols(text: str, names: tuple[str, ...], besides: tuple[str, ...] = ()) -> list[int]:
    """Numbers of the symbols that a person typed: of one sign each with or without blanks, else between blanks.

    Where no name has small letters, capitals may be typed as such.

    Args:
        besides: signs that may stand between them, numbered on.

    Raises:
        ValueError: something else is in the text.
    """
    words = text.replace(",", " ").split()
    if all(len(name) == 1 for name in names):
        words = list("".join(words))
    if "".join(names).isupper():
        words = [word.upper() for word in words]
    known = {name: number for number, name in enumerate((*names, *besides))}
    for word in words:
        if word not in known:
            allowed = " or ".join([f"{names[0]} to {names[-1]}", *besides])
            raise ValueError(f"{word[:40]!r} is not a symbol. Use {allowed}.")
    return [known[word] for word in words]


def periods(T: int) -> tuple[int, int]:
    """The shortest and the longest period that sequences of T symbols are drawn with: T/4 and T/2."""
    return -(-T // 4), T // 2


def period_of(tokens: Sequence[int | str], least: int, most: int) -> int | None:
    """The shortest period of at least `least` and at most `most` steps with which tokens repeat themselves; None if there is none."""
    for period in range(max(1, least), min(most, len(tokens) - 1) + 1):
        if tokens[period:] == tokens[:-period]:
            return period
    return None


def repeated_words(symbols: Sequence[str], period: int) -> str:
    """What a repeated sequence is and what comes next in it, a sentence."""
    once = list(symbols[:period])
    shown = " ".join(once) if period <= MOST_SHOWN else f"{' '.join(once[: MOST_SHOWN // 2])} … {once[-1]}"
    return (
        f"The {period} symbols {shown} come once and then again in the same order: after {' '.join(once[:2])} the next "
        f"symbol is {(once * 3)[2]}."
    )
