"""Text to learn from: the default one that every Python carries, and the user's own, checked."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from explainer.data.repeats import without_repeats

FEWEST_CHARACTERS = 200
MOST_BYTES = 2_000_000


@lru_cache(maxsize=1)
def default_text() -> str:
    """Python's own language reference, about 320,000 characters of real English, each passage once.

    All topics of `pydoc_data`, sorted by name, a line feed between two, without the paragraphs that repeat what
    was said before (`without_repeats`). The whole has 465,000 characters: some topics stand in others word for word, and
    with them 22 % of a last tenth kept for validation would stand in the nine tenths before it.

    It differs between versions of Python, which is why a run's identity includes the text's hash. It takes a tenth of
    a second, once in a process.
    """
    from pydoc_data.topics import topics  # here, because it is 0.7 MB that few processes need

    return without_repeats("\n".join(topics[name] for name in sorted(topics)))


def respelled(text: str, characters: str) -> str:
    """The text in exactly these characters: others are left out, and those that it lacks stand at its beginning.

    So a network with this vocabulary can read the default text of any version of Python.
    """
    known = set(characters)
    kept = "".join(character for character in text if character in known)
    return "".join(sorted(known.difference(kept))) + kept


def digest(text: str) -> str:
    """SHA-256 of the text as UTF-8, in 64 hex digits: the name under which it is stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_text(text: str, most: float = MOST_BYTES) -> str:
    """The text with line feeds only and no byte-order mark, if it can be learnt from. Idempotent.

    Args:
        most: bytes of it in UTF-8.

    Raises:
        ValueError: fewer than 200 characters, one distinct character, more bytes than `most`, or not encodable. The
            sentence holds the number and the way out.
    """
    if len(text) > most:
        raise ValueError(f"The text has {len(text):,} characters. Keep at most {_bytes(most)} of it.")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        place = error.start + 1
        raise ValueError(
            f"Character {place} of the text is half of a surrogate pair. Save the text as UTF-8."
        ) from None
    if size > most:
        raise ValueError(f"The text takes {size:,} bytes. Keep at most {_bytes(most)} of it.")
    if len(text) < FEWEST_CHARACTERS:
        raise ValueError(f"The text has {len(text)} characters. Give at least {FEWEST_CHARACTERS}.")
    if len(set(text)) == 1:
        said = f"The text is one character, {text[0]!r}, {len(text):,} times"
        raise ValueError(f"{said}. Give a text with at least two distinct ones.")
    return text


def _bytes(most: float) -> str:
    """ "2,000,000 bytes (2 MB)"."""
    return f"{most:,.0f} bytes ({most / 1e6:g} MB)"
