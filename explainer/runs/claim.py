"""At most one process trains for a store.

The claim is a lock that the operating system drops with the process, however it dies: an
exclusive transaction on a file of its own, which SQLite offers on every platform.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from explainer.runs.database import StoreError

FILE = "worker.lock"


class Taken(StoreError):
    """Another process trains for the store already."""


class Claim:
    """The right to train for the store in `folder`."""

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / FILE
        self._db: sqlite3.Connection | None = None

    def take(self) -> bool:
        """Whether this process has the claim now."""
        if self._db is None:
            db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                db.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                db.close()
                return False
            self._db = db
        return True

    def drop(self) -> None:
        """Let others have it."""
        if self._db is not None:
            self._db.close()
            self._db = None
