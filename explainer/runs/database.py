"""SQLite as this project uses it: WAL, short transactions, errors in plain sentences."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from explainer.runs.migrations import migrate

FILE = "runs.sqlite3"
BUSY_SECONDS = 10.0
IDLE_CONNECTIONS = 8


class StoreError(RuntimeError):
    """The store can't be used; the sentence says why and what to do."""


class Database:
    """One SQLite file in a folder, for any number of threads and processes.

    A connection is used by one thread at a time and handed back to a small pool, because
    Streamlit runs every script in a thread of its own.

    Attributes:
        folder: holds the file.
        path: the file.
        notice: a sentence when a damaged file was put aside on opening, else "".

    Raises:
        StoreError: the folder can't be written, the file is busy for ten seconds, or it was
            written by a newer version of this project.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILE
        self.notice = ""
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._watcher: sqlite3.Connection | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(self._unwritable(error)) from None
        with self._sentences():
            try:
                self._open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._put_aside(error)
                self._open()

    def close(self) -> None:
        """Close what is idle; a later use opens anew."""
        with self._lock:
            idle, self._idle = self._idle, []
            if self._watcher is not None:
                idle.append(self._watcher)
                self._watcher = None
        for db in idle:
            db.close()

    # -- transactions -------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; inside another one of the same thread it joins that."""
        joined = getattr(self._mine, "db", None)
        if joined is not None:
            yield joined
            return
        with self._sentences(), self._borrowed() as db:
            db.execute("BEGIN IMMEDIATE")
            self._mine.db = db
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                self._mine.db = None

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one SELECT; sees the own transaction if there is one."""
        joined: sqlite3.Connection | None = getattr(self._mine, "db", None)
        if joined is not None:
            return joined.execute(sql, values).fetchall()
        with self._sentences(), self._borrowed() as db:
            return db.execute(sql, values).fetchall()

    def data_version(self) -> int:
        """A number that changes when anybody, this process too, has committed; microseconds."""
        with self._sentences(), self._lock:
            if self._watcher is None:
                self._watcher = self._connect()
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def wait_until(self, ready: Callable[[], bool], timeout: float, poll: float = 0.005) -> bool:
        """Wait until `ready()` holds, asking again only when the database has changed.

        Returns:
            False when `timeout` seconds passed first.
        """
        deadline = time.monotonic() + timeout
        seen: int | None = None
        while True:
            now = self.data_version()
            if now != seen:
                seen = now
                if ready():
                    return True
            if time.monotonic() >= deadline:
                return ready()
            time.sleep(poll)

    def blob_part(self, table: str, row: int, start: int, length: int) -> bytes:
        """Bytes of the column `body` of one row; the rest of it is not read.

        Raises:
            KeyError: there is no such row.
        """
        with self._sentences(), self._borrowed() as db:
            try:
                with db.blobopen(table, "body", row, readonly=True) as blob:
                    blob.seek(start)
                    return blob.read(length)
            except sqlite3.OperationalError as error:
                if "no such rowid" in str(error):
                    raise KeyError(row) from None
                raise

    def size(self) -> int:
        """Bytes in use, without the free pages."""
        ((pages, free, each),) = self.read(
            "SELECT page_count, freelist_count, page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int((pages - free) * each)

    def shrink(self) -> None:
        """Give free pages back to the file system."""
        with self._sentences(), self._borrowed() as db:
            db.executescript("PRAGMA incremental_vacuum")  # `execute` would free a single page

    # -- connections --------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_size_limit = 67108864")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            db = self._idle.pop() if self._idle else None
        db = db or self._connect()
        try:
            yield db
        except sqlite3.DatabaseError:
            db.close()
            raise
        finally:
            with self._lock:
                keep = len(self._idle) < IDLE_CONNECTIONS and _usable(db)
                if keep:
                    self._idle.append(db)
            if not keep:
                db.close()

    def _open(self) -> None:
        db = self._connect()
        try:
            migrate(db)
        except LookupError as error:
            raise StoreError(
                f"The store {self.path} was written by a newer version of this project ({error}). "
                "Update the project, or name another folder in EXPLAINER_STORE."
            ) from None
        finally:
            db.close()

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        """Rename a damaged file and what belongs to it; nothing is deleted."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(part.with_name(f"damaged-{stamp}-{part.name}"))
        self.notice = (
            f"The store was damaged ({error}), so a new one was begun. "
            f"The old file is kept as damaged-{stamp}-{self.path.name} in {self.folder}."
        )

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn SQLite's errors into sentences with a way out."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                raise StoreError(f"The store {self.path} was busy for {BUSY_SECONDS:g} seconds. Try again.") from error
            if "full" in text:
                raise StoreError(f"The disk that holds the store {self.path} is full. Delete some runs.") from error
            if "readonly" in text or "unable to open" in text or "disk I/O" in text:
                raise StoreError(self._unwritable(error)) from error
            raise
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"The store {self.path} can't be read ({error}). Start the app again: the damaged file is put aside."
            ) from error

    def _unwritable(self, error: Exception) -> str:
        return (
            f"The store {self.folder} can't be written ({error}). "
            "Name a folder that can be written in the environment variable EXPLAINER_STORE."
        )


def _usable(db: sqlite3.Connection) -> bool:
    try:
        return not db.in_transaction
    except sqlite3.ProgrammingError:
        return False
