"""A character as it can be seen: blanks and control characters have a sign of their own."""

from __future__ import annotations

_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def visible(character: str) -> str:
    """A form of the character that can be seen on an axis."""
    if character in _VISIBLE:
        return _VISIBLE[character]
    return character if character.isprintable() else f"U+{ord(character):04X}"
