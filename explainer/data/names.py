"""What a person's own data is called: the file's name, or the beginning of a text that was pasted."""

from __future__ import annotations

LONGEST = 60
_PASTED = "pasted “"


def short_name(name: str) -> str:
    """A name from outside in at most 60 characters, none of which turns the direction of writing or begins a line."""
    shown = "".join(character if character.isprintable() else " " for character in name)
    shown = " ".join(shown.split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def pasted_name(text: str) -> str:
    """The name of a text that has no file: its first thirty characters."""
    return short_name(f"{_PASTED}{' '.join(text[:30].split())}…”")


def file_name(name: str) -> str:
    """What to put for the file in a command: its name, or YOUR_FILE where it had none or only its beginning is known."""
    return "YOUR_FILE" if not name or name.startswith(_PASTED) or name.endswith("…") else name
