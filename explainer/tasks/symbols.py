"""Made-up symbols of the synthetic token tasks: their names on a chart, and reading them from text."""

from __future__ import annotations

from string import ascii_uppercase


def symbol_names(count: int) -> tuple[str, ...]:
    """A, B, C … for up to 26 symbols, else 0, 1, 2 …"""
    return tuple(ascii_uppercase[:count]) if count <= len(ascii_uppercase) else tuple(map(str, range(count)))


def read_symbols(text: str, names: tuple[str, ...]) -> list[int]:
    """Numbers of the symbols that a person typed: letters with or without blanks, or numbers between blanks.

    Raises:
        ValueError: something else is in the text.
    """
    words = text.replace(",", " ").split()
    if names[0] == ascii_uppercase[0]:
        words = list("".join(words).upper())
    known = {name: number for number, name in enumerate(names)}
    for word in words:
        if word not in known:
            raise ValueError(f"{word[:40]!r} is not a symbol. Use {names[0]} to {names[-1]}.")
    return [known[word] for word in words]
