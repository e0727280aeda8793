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
_HAN = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")


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
    text = _as(content, found)
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
    """UTF-16 by its zero bytes, UTF-8 if it is that, GB18030 if that gives Chinese in pairs, else Windows-1252."""
    start = content[:2000]
    if b"\0" in start:
        odd, even = start[1::2].count(0), start[::2].count(0)
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return "cp1252"
    beyond = [character for character in text if character > "\x7f"]
    return "gb18030" if len(beyond) > 1 and sum(map(bool, map(_HAN.match, beyond))) > 0.9 * len(beyond) else "cp1252"
