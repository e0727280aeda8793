"""At most one process trains for a store.

The claim is a lock that the operating system drops with the process, however it dies: an
exclusive transaction on a file of its own, which SQLite offers on every platform.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from explainer.runs.faults import StoreError, explained

FILE = "worker.lock"


class Taken(StoreError):
    """Another process trains for the store already."""


class Claim:
    """The right to train for the store in `folder`."""

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / FILE
        self._db: sqlite3.Connection | None = None

    def take(self) -> bool:
        """Whether this process has the claim now.

        Raises:
            StoreError: the file of the lock can't be made.
        """
        if self._db is None:
            try:
                self._db = self._locked()
            except sqlite3.DatabaseError as error:
                found = explained(error, self._path)
                if found is None:
                    raise
                if found.kind == "busy":
                    return False
                if found.kind != "damaged":
                    raise found from error
                self._empty()
                return self.take()
        return True

    def drop(self) -> None:
        """Let others have it."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _locked(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("BEGIN EXCLUSIVE")
        except BaseException:
            db.close()
            raise
        return db

    def _empty(self) -> None:
        """Take out what is in the file: nothing belongs there, and an empty file, the same one, can be locked.

        Raises:
            StoreError: it can't be written.
        """
        try:
            self._path.write_bytes(b"")
        except OSError as error:
            raise explained(error, self._path) or error from error
