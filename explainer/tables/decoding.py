"""From bytes to text: by the mark at the start, else by what the bytes can be."""

from __future__ import annotations

import codecs
import re

_BOUND = {
    b"PK\x03\x04": "an Excel or OpenDocument workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
    b"\x89PNG": "a picture",
}
_MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TITLES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_PAIR = re.compile(rb"[\x81-\xfe][0-9][\x81-\xfe][0-9]|[\x81-\xfe][\x40-\xfe]")
_COMMON_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]|[\x81-\xfe][0-9][\x81-\xfe][0-9]")


def decode(content: bytes, encoding: str = "") -> tuple[str, str]:
    """The text, and the name of its encoding.

    Args:
        content: the bytes of a file.
        encoding: one that Python knows; "": by content.

    Raises:
        ValueError: it is no text, or none in this encoding.
    """
    if encoding:
        return _as(content, encoding), encoding
    for start, what in _BOUND.items():
        if content.startswith(start):
            raise ValueError(f"The file is {what}, not text. Open it and save the sheet as CSV.")
    found = next((name for mark, name in _MARKED.items() if content.startswith(mark)), "") or _guessed(content)
    try:
        text = _as(content, found)
    except ValueError:
        raise ValueError(
            "The file is in no encoding that is known here (UTF-8, UTF-16, GB18030, Windows-1252). Name its encoding, or "
            "save it as CSV UTF-8."
        ) from None
    if _CONTROL.search(text):
        raise ValueError("The file holds control signs, zero bytes or the like, so it is not text. Save it as CSV.")
    return text, _TITLES.get(found, found.upper() if found == "gb18030" else "Windows-1252")


def _as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise ValueError(f"The encoding {encoding[:40]!r} is not known. Write utf-8, utf-16 or cp1252.") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Byte {error.start + 1:,} of the file is not {encoding}. Name its encoding, or save it as CSV UTF-8."
        ) from None


def _guessed(content: bytes) -> str:
    """UTF-16 by its zero bytes, UTF-8 if it is that, GB18030 if its bytes beyond ASCII come in pairs, else Windows-1252.

    In pairs of Chinese both bytes lie beyond ASCII; an accented letter of Windows-1252 is mostly followed by a plain one.
    """
    start = content[:2000]
    if start.count(0) > len(start) / 3:
        odd, even = start[1::2].count(0), start[::2].count(0)
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return "cp1252"
    pairs = _PAIR.findall(content)
    common = sum(_COMMON_PAIR.fullmatch(pair) is not None for pair in pairs)
    return "gb18030" if common > 0.9 * len(pairs) else "cp1252"
