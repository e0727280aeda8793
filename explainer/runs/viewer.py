"""Who asks for runs: a browser's name, and keys to runs of others."""

from __future__ import annotations

from dataclasses import dataclass

MOST_KEYS = 8
"""Keys of one viewer that are looked at; the newest count."""


@dataclass(frozen=True)
class Viewer:
    """Who asks.

    Attributes:
        owner: the browser's name, or the session's where there is no cookie.
        keys: to runs of others. A session's own name may stand among them (see `player.access`).
    """

    owner: str
    keys: tuple[str, ...] = ()

    @property
    def proven(self) -> tuple[str, ...]:
        """Keys of the right form, without those that nobody can have made."""
        return tuple(key for key in self.keys if is_secret(key))[-MOST_KEYS:]


def is_secret(text: str) -> bool:
    """Whether a text has the form of a key, or of a browser's name."""
    return len(text) == 32 and text.isascii() and text.isalnum()
