"""What can go wrong with the store, in sentences for a page: none of them names a place on this machine."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

BUSY_SECONDS = 10.0
LEAST_FREE = 8_000_000
"""Bytes that a disk must have free for training to go on: the write-ahead log and a few seconds of tape."""

FULL = (
    "The disk of this host is full, so nothing can be trained or kept. It goes on by itself when there is room again."
)
DAMAGED = "The store is damaged and can't be read."
RENEWED = "The store was damaged, and a new one was begun just now. Do it again."
NEWER = (
    "The store was written by a newer version of this project ({}). "
    "Update the project, or name another folder in EXPLAINER_STORE."
)
_KINDS = {
    "busy": {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED},
    "full": {sqlite3.SQLITE_FULL},
    "damaged": {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB},
    "unwritable": {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM},
}


class StoreError(ValueError):
    """The store can't be used; the sentence says why and what to do, and can stand on a page.

    Attributes:
        kind: busy, full, damaged, unwritable or newer.
        place: of the store; for the log and the command line only.
    """

    def __init__(self, sentence: str, kind: str = "unwritable", place: Path | None = None) -> None:
        super().__init__(sentence)
        self.kind, self.place = kind, place


def explained(error: sqlite3.Error | OSError, path: Path) -> StoreError | None:
    """An error of SQLite or of the file system as a sentence with a way out; None for a fault of ours."""
    kind = _kind(error, path)
    said = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    sentences = {
        "busy": f"The store was busy for {BUSY_SECONDS:g} seconds. Try again.",
        "full": FULL,
        "damaged": DAMAGED,
        "unwritable": f"The store can't be written ({said[:1].lower()}{said[1:]}). "
        "Name a folder that can be written in the environment variable EXPLAINER_STORE.",
    }
    return StoreError(sentences[kind], kind, path) if kind else None


def _kind(error: sqlite3.Error | OSError, path: Path) -> str:
    if isinstance(error, OSError):
        return "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "unwritable"
    code = getattr(error, "sqlite_errorcode", None)
    kind = "" if code is None else next((kind for kind, codes in _KINDS.items() if code & 0xFF in codes), "")
    if kind == "unwritable" and not has_space(path.parent):
        return "full"
    if not kind and str(error).startswith("no such table"):
        return "damaged"
    return kind


def has_space(folder: Path) -> bool:
    """Whether the disk of a folder has room for what training writes; of a folder that is not there, its nearest parent's."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free >= LEAST_FREE
        except OSError:
            continue
    return True
