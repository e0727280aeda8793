"""SQLite as this project uses it: WAL, short transactions, errors in plain sentences, and a way on after each of them.

The file may be damaged or taken away while it is open, and the disk may fill. A damaged file is put aside and a new one
begun; one that is gone is made anew; where nothing can be written, an interface goes on in memory until it can.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from explainer.runs import faults
from explainer.runs.faults import StoreError, explained, has_space
from explainer.runs.migrations import migrate

__all__ = ["FILE", "Database", "StoreError"]

log = logging.getLogger(__name__)

FILE = "runs.sqlite3"
PARTS = ("", "-wal", "-shm")
IDLE_CONNECTIONS = 8
LOG_BYTES = 4_000_000
"""The write-ahead log is cut back to this size after a checkpoint."""
DAMAGED_KEPT = 2
PROBE_BYTES = 262_144
IN_MEMORY = "Until then the recorded lessons play from memory and nothing can be trained."


class Database:
    """One SQLite file in a folder, for any number of threads and processes.

    A connection is used by one thread at a time and handed back to a small pool, because
    Streamlit runs every script in a thread of its own.

    Attributes:
        folder: holds the file.
        path: the file.
        notice: a sentence when a damaged or missing file was replaced, else "".
        noticed: when that was, in seconds since 1970.
        trouble: a sentence while nothing can be trained, else "".
        in_memory: the folder can't be used at the moment, and what is read and written is in memory.
        began: called after another database has taken the place of the one before: it is empty.

    Args:
        mends: puts a damaged file aside whenever it is met; else that is a StoreError.
        falls_back: goes on in memory where the folder can't be used; else that is a StoreError.

    Raises:
        StoreError: the folder can't be written, the file is busy for ten seconds, or it was
            written by a newer version of this project.
    """

    def __init__(self, folder: str | Path, *, mends: bool = True, falls_back: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILE
        self.mends, self.falls_back = mends, falls_back
        self.notice = self.trouble = ""
        self.noticed = 0.0
        self.in_memory = False
        self.began: Callable[[], None] = lambda: None
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._mine = threading.local()
        self._watcher: sqlite3.Connection | None = None
        self._anchor: sqlite3.Connection | None = None
        self._address = ""
        self._generation = 0
        self._file: tuple[int, int] | None = None
        try:
            self._open_folder()
        except StoreError as error:
            if not falls_back:
                raise
            self.fall_back(error)

    def close(self) -> None:
        """Close what is idle; a later use opens anew."""
        with self._lock:
            idle, self._idle = [*self._idle, self._watcher], []
            self._watcher = None
            if not self.in_memory:
                idle.append(self._anchor)
                self._anchor = None
        for db in filter(None, idle):
            db.close()

    # -- transactions -------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; inside another one of the same thread it joins that."""
        joined = getattr(self._mine, "db", None)
        if joined is not None:
            yield joined
            return
        try:
            with self._sentences(), self._borrowed() as db:
                db.execute("BEGIN IMMEDIATE")
                self._mine.db = db
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if _usable(db) and db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
                finally:
                    self._mine.db = None
        except StoreError as error:
            if error.kind == "damaged" and self.mends:
                self.replace_damaged()
                raise StoreError(faults.RENEWED, "busy", self.path) from error
            raise

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one SELECT; sees the own transaction if there is one."""
        joined: sqlite3.Connection | None = getattr(self._mine, "db", None)
        if joined is not None:
            return joined.execute(sql, values).fetchall()
        try:
            return self._read(sql, values)
        except StoreError as error:
            if error.kind == "damaged" and self.mends:
                self.replace_damaged()
            elif error.kind in ("full", "unwritable") and self.falls_back:
                self.fall_back(error)
            else:
                raise
        return self._read(sql, values)

    def column(self, sql: str, *values: Any) -> list[Any]:
        """What the rows of a SELECT of one column hold."""
        return [value for (value,) in self.read(sql, *values)]

    def write(self, sql: str, *values: Any) -> int:
        """One statement, in a transaction; how many rows it changed."""
        with self.transaction() as db:
            return db.execute(sql, values).rowcount

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._sentences(), self._borrowed() as db:
            return db.execute(sql, values).fetchall()

    def data_version(self) -> int:
        """A number that changes when anybody, this process too, has committed; microseconds."""
        with self._sentences(), self._lock:
            self._check_file()
            if self._watcher is None:
                self._watcher = self._connect()
            return (self._generation << 40) + int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def wait_until(self, ready: Callable[[], bool], timeout: float, poll: float = 0.005) -> bool:
        """Wait until `ready()` holds, asking only when the database has changed; False after `timeout` seconds."""
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
        """Bytes of the column `body` of one row; the rest is not read. A KeyError where there is no such row."""
        with self._sentences(), self._borrowed() as db:
            try:
                with db.blobopen(table, "body", row, readonly=True) as blob:
                    blob.seek(start)
                    return blob.read(length)
            except sqlite3.OperationalError as error:
                if "no such rowid" in str(error):
                    raise KeyError(row) from None
                raise

    # -- size ---------------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes in use, without the free pages."""
        tables = "pragma_page_count, pragma_freelist_count, pragma_page_size"
        return int(self.column(f"SELECT (page_count - freelist_count) * page_size FROM {tables}")[0])

    def shrink(self) -> None:
        """Give free pages back to the file system, and cut the write-ahead log back if nobody reads it now."""
        with self._sentences(), self._borrowed() as db:
            db.executescript("PRAGMA incremental_vacuum")  # `execute` would free a single page
            db.execute("PRAGMA busy_timeout = 200")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            db.execute(f"PRAGMA busy_timeout = {int(1000 * faults.BUSY_SECONDS)}")

    # -- after a fault ------------------------------------------------------------------------

    def sound(self) -> bool:
        """Whether SQLite finds nothing wrong with the whole file; a second or two for 512 MB."""
        try:
            return self._read("PRAGMA quick_check(1)", ()) == [("ok",)]
        except StoreError as error:
            return error.kind != "damaged"

    def replace_damaged(self) -> None:
        """Put the file aside, keep it, and begin a new one; nothing happens where another process has done so."""
        with self._lock:
            if self.in_memory or _file(self.path) != self._file:
                return
            try:
                kept = self._put_aside()
            except OSError as error:
                self._lost(explained(error, self.path) or StoreError(faults.DAMAGED, "damaged", self.path))
                return
            self._begin_again(
                f"The store was damaged, so a new one was begun. The old file is kept beside it as {kept}."
            )

    def fall_back(self, error: StoreError) -> None:
        """Go on in memory, since the folder can't be used; `recover` goes back."""
        with self._lock:
            log.error("%s (%s)", error, error.place or self.path)
            self._let_go()
            self.in_memory = True
            self._address = f"file:/unrolled-{uuid.uuid4().hex}?vfs=memdb"
            self._anchor = self._connect()
            migrate(self._anchor)
            self.trouble = str(error) if error.kind == "full" else f"{error} {IN_MEMORY}"
            self.began()

    def recover(self) -> bool:
        """From memory back to the folder, if it can be written again; whether it could."""
        with self._lock:
            if not self.in_memory:
                return True
            if not has_space(self.folder):
                return False
            try:
                probe = type(self)(self.folder)
                probe.write_probe()
                probe.close()
            except StoreError:
                return False
            self.in_memory, self.trouble = False, ""
            self._begin_again()
            return not self.in_memory

    def check_room(self) -> bool:
        """Whether what training writes finds room on the disk now; `trouble` says so where it does not."""
        if self.in_memory:
            return False
        if not has_space(self.folder):
            self.trouble = faults.FULL
        elif self.trouble:
            with suppress(StoreError):
                self.write_probe()
                self.trouble = ""
        return not self.trouble

    def write_probe(self) -> None:
        """Write a quarter of a megabyte, and take it out again.

        Raises:
            StoreError: there is no room for it, or nothing may be written.
        """
        for size in (PROBE_BYTES, 0):
            self.write("INSERT OR REPLACE INTO room VALUES (1, zeroblob(?))", size)

    # -- connections --------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._address if self.in_memory else self.path,
            timeout=faults.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=self.in_memory,
        )
        db.text_factory = _text
        try:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            if not self.in_memory:
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._check_file()
            generation = self._generation
            db = self._idle.pop() if self._idle else None
        db = db or self._connect()
        try:
            yield db
        except sqlite3.DatabaseError:
            db.close()
            raise
        finally:
            with self._lock:
                keep = generation == self._generation and len(self._idle) < IDLE_CONNECTIONS and _usable(db)
                if keep:
                    self._idle.append(db)
            if not keep:
                db.close()

    def _check_file(self) -> None:
        """Notice that the file is another one than the one that was opened, or gone: then it is opened anew."""
        if not self.in_memory and _file(self.path) != self._file:
            self._begin_again("The store was taken away while the app ran, so a new one was begun.")

    def _begin_again(self, notice: str = "") -> None:
        if notice:
            log.warning("%s (%s)", notice, self.path)
        self._let_go()
        try:
            self._open_folder()
            if notice:
                self.notice, self.noticed = notice, time.time()
            self.began()
        except StoreError as error:
            self._lost(error)

    def _lost(self, error: StoreError) -> None:
        if not self.falls_back:
            raise error
        self.fall_back(error)

    def _let_go(self) -> None:
        """Close what leads to the database so far; what threads have borrowed is closed when it comes back."""
        self._generation += 1
        self.close()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def _open_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explained(error, self.path) or error from None
        with self._sentences():
            try:
                self._open()
            except sqlite3.Error as error:
                found = explained(error, self.path)
                if found is None or found.kind != "damaged" or not self.mends:
                    raise
                kept = self._put_aside()
                self.notice = f"The store was damaged ({error}), so a new one was begun. The old file is kept beside it as {kept}."
                self.noticed = time.time()
                log.error("%s (%s)", self.notice, self.path)
                self._open()
            self._file = _file(self.path)

    def _open(self) -> None:
        db = self._connect()
        try:
            migrate(db)
        except LookupError as error:
            db.close()
            raise StoreError(faults.NEWER.format(error), "newer", self.path) from None
        except BaseException:
            db.close()
            raise
        self._anchor = db  # as long as it is open, others can open the file on a disk without room

    def _put_aside(self) -> str:
        """Rename a damaged file and what belongs to it, and return its name; the newest two are kept."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        for suffix in PARTS:
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(part.with_name(f"damaged-{stamp}-{part.name}"))
        for suffix in PARTS:
            for old in sorted(self.folder.glob(f"damaged-*-{FILE}{suffix}"))[:-DAMAGED_KEPT]:
                old.unlink()
        return f"damaged-{stamp}-{self.path.name}"

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn errors of SQLite into sentences with a way out."""
        try:
            yield
        except sqlite3.Error as error:
            found = explained(error, self.path)
            if found is None:
                raise
            if found.kind == "full" and not self.in_memory:
                self.trouble = str(found)
            raise found from error


def marks(values: Collection[Any]) -> str:
    """(?, ?, …): a place for each of some values."""
    return f"({', '.join('?' * len(values))})"


def _file(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to: it may be another one than it was."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _usable(db: sqlite3.Connection) -> bool:
    try:
        return not db.in_transaction
    except sqlite3.ProgrammingError:
        return False
