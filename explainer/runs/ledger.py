"""Runs and their tapes in the store: the part that outlives a process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from explainer.config import RunConfig
from explainer.runs.database import Database, marks
from explainer.runs.rows import ACTIVE, NEXT, Chunk, Draft, Listing, Piece, Run, Turn, check_meta
from explainer.runs.sharing import hidden_from
from explainer.upgrade import Newer

_COLUMNS = {field.name: field.type for field in fields(Run) if field.name != "unreadable"}
_RUN = ", ".join(_COLUMNS)
_CHUNK, _PIECE = "run, seq, kind, step, body", "run, seq, kind, step, LENGTH(body)"
_AT = "FROM chunks WHERE run = ? AND kind = ? AND step = ? ORDER BY seq LIMIT 1"
UNREADABLE = "What the store has of this run can't be read. Delete it, and train it again. The reason: {}."
_config = lru_cache(maxsize=1024)(RunConfig.from_json)
_KINDS: Mapping[str, Callable[..., Any]] = {
    name: kind for kind in (str, int, float, bool) for name, said in _COLUMNS.items() if said == kind.__name__
}
"""The columns that are taken as they are."""


class IllegalChange(RuntimeError):
    """A status can't follow the present one, or a pinned run was to be deleted."""


class Ledger(Database):
    """Runs, chunks and checkpoints (see `Store` for who writes what)."""

    # -- runs ---------------------------------------------------------------------------------

    def create(
        self,
        run: str,
        config: RunConfig,
        *,
        owner: str,
        lenses: Iterable[str] = (),
        data: str = "",
        parent: str = "",
        status: str = "queued",
        pinned: bool = False,
        meta: Mapping[str, Any] | None = None,
        step: int = 0,
        sweep: str = "",
    ) -> None:
        """A new run; `data` is the hash of a text in `texts`. An sqlite3.IntegrityError where the id is taken."""
        now = time.time()
        values = (run, config.to_json(), data, status, step, now, now, owner, parent, int(pinned))
        rest = (0, 0, "", json.dumps(dict(meta or {})), 0, json.dumps(list(dict.fromkeys(lenses))), sweep)
        self.write(f"INSERT INTO runs ({_RUN}) VALUES {marks(values + rest)}", *values, *rest)

    def run(self, run: str) -> Run | None:
        """One run, or None."""
        rows = self.read(f"SELECT {_RUN} FROM runs WHERE id = ?", run)
        return _run(rows[0]) if rows else None

    def runs(self, *statuses: str) -> list[Run]:
        """All runs, or those of some statuses, the newest first; a page asks for some of them with `listed`."""
        return self.listed(Listing(statuses=statuses))

    def listed(self, listing: Listing, limit: int = -1, offset: int = 0) -> list[Run]:
        """Some runs of a list, the newest first.

        Args:
            limit: at most so many; -1 for all.
            offset: how many newer ones are left out.
        """
        where, values = _where(listing)
        sql = f"SELECT {_RUN} FROM runs {where} ORDER BY created DESC, rowid DESC LIMIT ? OFFSET ?"
        return [_run(row) for row in self.read(sql, *values, limit, offset)]

    def count(self, listing: Listing) -> int:
        """How many runs a list has."""
        where, values = _where(listing)
        return int(self.column(f"SELECT COUNT(*) FROM runs {where}", *values)[0])

    def turns(self, status: str) -> list[Turn]:
        """The runs of one status in the order in which they came, without what they are."""
        rows = self.read(
            "SELECT id, owner, sweep, CAST(created AS REAL) FROM runs WHERE status = ? ORDER BY created, rowid", status
        )
        return [Turn(*row) for row in rows]

    def last_turns(self) -> dict[str, float]:
        """Of each owner whose runs wait, when another run of theirs last did anything: seconds since 1970."""
        return dict(
            self.read(
                "SELECT owner, MAX(CAST(updated AS REAL)) FROM runs WHERE status != 'queued' AND pinned = 0 "
                "AND owner IN (SELECT owner FROM runs WHERE status = 'queued') GROUP BY owner"
            )
        )

    def places_of(self, owner: str) -> int:
        """How many places in the queue an owner's runs take that train, wait or are paused; a sweep's take one."""
        count = "SELECT COUNT(DISTINCT CASE sweep WHEN '' THEN id ELSE sweep END) FROM runs"
        return int(self.column(f"{count} WHERE owner = ? AND status IN {marks(ACTIVE)}", owner, *ACTIVE)[0])

    def fail_unreadable(self) -> list[str]:
        """Give up the runs that wait, train or are paused and whose rows can't be read; their ids."""
        broken = [run for run in self.runs(*ACTIVE) if run.unreadable]
        with self.transaction() as db:
            for run in broken:
                db.execute("UPDATE runs SET status = 'failed', message = ? WHERE id = ?", (run.message, run.id))
        return [run.id for run in broken]

    def forgive(self) -> None:
        """Runs that train have not been taken up in vain so far: it was not they that stopped the worker."""
        self.write("UPDATE runs SET attempts = 0 WHERE status = 'running'")

    def set_status(self, run: str, status: str, message: str = "") -> None:
        """Move a run to a status that may follow its present one (`rows.NEXT`); the same one is fine.

        Raises:
            KeyError: no such run.
            IllegalChange: the status may not follow.
        """
        with self.transaction() as db:
            row = db.execute("SELECT status FROM runs WHERE id = ?", (run,)).fetchone()
            if row is None:
                raise KeyError(run)
            if status != row[0] and status not in NEXT[row[0]]:
                raise IllegalChange(f"Run {run} is {row[0]} and can't become {status}.")
            db.execute(
                "UPDATE runs SET status = ?, message = ?, updated = ? WHERE id = ?", (status, message, time.time(), run)
            )

    def change(
        self,
        run: str,
        *,
        owner: str | None = None,
        altered: bool | None = None,
        attempts: int | None = None,
        lenses: Iterable[str] | None = None,
        message: str | None = None,
        meta: Mapping[str, Any] | None = None,
        sweep: str | None = None,
    ) -> None:
        """Set what is given; entries of `meta` are added to those that are there."""
        given = {"owner": owner, "altered": altered, "attempts": attempts, "message": message, "sweep": sweep}
        if lenses is not None:
            given["lenses"] = json.dumps(list(dict.fromkeys(lenses)))
        with self.transaction() as db:
            if meta is not None:
                row = db.execute("SELECT meta FROM runs WHERE id = ?", (run,)).fetchone()
                given["meta"] = json.dumps({**(_object(row[0]) if row else {}), **meta})
            for name, value in given.items():
                if value is not None:
                    db.execute(f"UPDATE runs SET {name} = ? WHERE id = ?", (value, run))

    def delete(self, run: str) -> None:
        """Remove a run and all that hangs on it, in one transaction; texts stay. An IllegalChange if pinned."""
        with self.transaction() as db:
            row = db.execute("SELECT pinned FROM runs WHERE id = ?", (run,)).fetchone()
            if row and row[0]:
                raise IllegalChange(f"Run {run} ships with the project and can't be deleted.")
            self.erase(run)

    def erase(self, run: str) -> None:
        """Remove a run even when it is pinned: only for a tape that replaces it."""
        with self.transaction() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
            for table in ("chunks", "checkpoints", "commands", "looks", "watching"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))

    # -- sweeps -------------------------------------------------------------------------------

    def sweep_seconds(self, sweep: str, but: str) -> float:
        """What the runs that train or trained for a sweep have taken together, all but one."""
        total = "SELECT TOTAL(COALESCE(json_extract(meta, '$.taken'), json_extract(meta, '$.seconds'))) FROM runs"
        return float(self.column(f"{total} WHERE sweep = ? AND id != ? AND json_valid(meta)", sweep, but)[0])

    def take_out_sweep(self, sweep: str) -> None:
        """Take the runs of a sweep that wait out of the queue; one that has begun keeps its tape."""
        with self.transaction() as db:
            rows = db.execute("SELECT id, step FROM runs WHERE sweep = ? AND status = 'queued'", (sweep,)).fetchall()
            for run, step in rows:
                if step == 0:
                    self.delete(run)
                else:
                    self.set_status(run, "stopped", f"stopped at step {step}")

    # -- tape ---------------------------------------------------------------------------------

    def append(self, run: str, drafts: Sequence[Draft], step: int | None = None) -> int:
        """Add chunks to a run's tape, and set how far it goes.

        Returns:
            The number of the last chunk (-1: the tape is empty).

        Raises:
            KeyError: no such run, for instance because it was deleted.
        """
        with self.transaction() as db:
            (last,) = db.execute("SELECT COALESCE(MAX(seq), -1) FROM chunks WHERE run = ?", (run,)).fetchone()
            rows = [(run, last + 1 + i, kind, at, body) for i, (kind, at, body) in enumerate(drafts)]
            db.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", rows)
            changed = db.execute(
                "UPDATE runs SET bytes = bytes + ?, step = COALESCE(?, step), updated = ? WHERE id = ?",
                (sum(len(draft.body) for draft in drafts), step, time.time(), run),
            )
            if changed.rowcount == 0:
                raise KeyError(run)
        return int(last) + len(drafts)

    def chunks(self, run: str, after: int = -1, kinds: Sequence[str] | None = None, limit: int = -1) -> list[Chunk]:
        """Chunks with numbers above `after`, in order.

        Args:
            kinds: only these, for example ("metrics", "view:hidden_states").
            limit: at most so many; -1 for all.
        """
        return [Chunk(*row) for row in self._after(_CHUNK, run, after, kinds, limit)]

    def chunk(self, run: str, seq: int) -> Chunk | None:
        """One chunk by its number."""
        rows = self.read(f"SELECT {_CHUNK} FROM chunks WHERE run = ? AND seq = ?", run, seq)
        return Chunk(*rows[0]) if rows else None

    def chunk_at(self, run: str, kind: str, step: int) -> Chunk | None:
        """The chunk of a kind taken after exactly `step` updates."""
        rows = self.read(f"SELECT {_CHUNK} {_AT}", run, kind, step)
        return Chunk(*rows[0]) if rows else None

    def pieces(self, run: str, after: int = -1, kinds: Sequence[str] = (), limit: int = -1) -> list[Piece]:
        """Where the chunks of some kinds with numbers above `after` are, in order; reads no bodies."""
        return [Piece(*row) for row in self._after(_PIECE, run, after, kinds, limit)]

    def piece_at(self, run: str, kind: str, step: int) -> Piece | None:
        """Where the chunk of a kind is that was taken after exactly `step` updates."""
        rows = self.read(f"SELECT {_PIECE} {_AT}", run, kind, step)
        return Piece(*rows[0]) if rows else None

    def _after(
        self, columns: str, run: str, after: int, kinds: Sequence[str] | None, limit: int
    ) -> list[tuple[Any, ...]]:
        wanted = "" if kinds is None else f" AND kind IN {marks(kinds)}"
        sql = f"SELECT {columns} FROM chunks WHERE run = ? AND seq > ?{wanted} ORDER BY seq LIMIT ?"
        return self.read(sql, run, after, *(kinds or ()), limit)

    def part(self, piece: Piece, start: int, length: int) -> bytes:
        """Bytes of a chunk's body from `start` on; a KeyError where it is not there any more."""
        sql = "SELECT rowid FROM chunks WHERE run = ? AND seq = ? AND LENGTH(body) = ?"
        rows = self.column(sql, piece.run, piece.seq, piece.size)
        if not rows:
            raise KeyError(piece)
        return self.blob_part("chunks", rows[0], start, length)

    def count_larger(self, run: str, kinds: Sequence[str], size: int) -> int:
        """How many chunks of some kinds have more than `size` bytes."""
        sql = f"SELECT COUNT(*) FROM chunks WHERE run = ? AND kind IN {marks(kinds)} AND LENGTH(body) > ?"
        return int(self.column(sql, run, *kinds, size)[0])

    def steps(self, run: str, kind: str) -> list[int]:
        """Steps at which a kind of chunk was taken, in ascending order; reads no bodies."""
        return self.column("SELECT DISTINCT step FROM chunks WHERE run = ? AND kind = ? ORDER BY step", run, kind)

    # -- checkpoints --------------------------------------------------------------------------

    def save_checkpoint(self, run: str, step: int, body: bytes) -> None:
        """Replace the run's checkpoint."""
        self.write("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", run, step, body)

    def checkpoint(self, run: str) -> tuple[int, bytes] | None:
        """(step, body) of the latest one."""
        rows = self.read("SELECT step, body FROM checkpoints WHERE run = ?", run)
        return (int(rows[0][0]), rows[0][1]) if rows else None


def _where(listing: Listing) -> tuple[str, list[Any]]:
    """A WHERE clause and its values."""
    clauses: dict[str, Sequence[Any]] = {}
    if listing.statuses:
        clauses[f"status IN {marks(listing.statuses)}"] = listing.statuses
    if listing.owner is not None:
        clauses["owner = ?"] = [listing.owner]
    if listing.pinned is not None:
        clauses["pinned = ?"] = [int(listing.pinned)]
    if listing.viewer is not None:
        hidden, names = hidden_from(listing.viewer)
        clauses[f"id NOT IN (SELECT id FROM runs WHERE {hidden})"] = names
    return f"WHERE {' AND '.join(clauses)}" if clauses else "", [each for values in clauses.values() for each in values]


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(_RUN.split(", "), row, strict=True))
    try:
        return _readable(values)
    except Newer as error:
        return _unreadable(values, str(error))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return _unreadable(values, UNREADABLE.format(" ".join(str(error).split()).partition(". ")[0].rstrip(".")[:200]))


def _readable(values: dict[str, Any]) -> Run:
    """A row as a run.

    Raises:
        ValueError, TypeError, OverflowError, RecursionError: it holds what none of our processes has written.
    """
    if values["status"] not in NEXT:
        raise ValueError(f"status = {values['status']!r:.20}")
    lenses = json.loads(values["lenses"])
    if not isinstance(lenses, list) or not all(isinstance(lens, str) for lens in lenses):
        raise ValueError("lenses are not a list of names")
    read: dict[str, Any] = {
        **{name: kind(values[name]) for name, kind in _KINDS.items()},
        "config": _config(values["config"]),
        "meta": _object(values["meta"]),
        "lenses": tuple(lenses),
    }
    check_meta(read["meta"])
    return Run(**read)


def _unreadable(values: dict[str, Any], why: str) -> Run:
    """What stands for a run whose row is damaged, with the id, the owner, the data and the age that are left of it."""
    read: dict[str, Any] = {name: kind() for name, kind in _KINDS.items()}
    read |= {name: str(values[name]) for name in ("id", "owner", "data")}
    if isinstance(values["created"], float):
        read |= {"created": values["created"], "updated": values["created"]}
    read |= {"status": "failed", "message": why, "pinned": bool(values["pinned"])}
    return Run(config=RunConfig(), meta={}, lenses=(), unreadable=True, **read)


def _object(text: str) -> dict[str, Any]:
    """A JSON object; a ValueError where it is something else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object was expected, and this is a {type(found).__name__}")
    return found
