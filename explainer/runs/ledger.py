"""Runs and their tapes in the store: the part that outlives a process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from explainer.config import RunConfig
from explainer.runs.database import Database
from explainer.runs.rows import FINISHED, NEXT, Chunk, Draft, Run

_RUN = (
    "id, config, data, status, step, created, updated, owner, parent, pinned, altered, attempts, message, meta, "
    "bytes, lenses, sweep"
)


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
        """A new run; `data` is the hash of a text in `texts`.

        Raises:
            sqlite3.IntegrityError: the id is taken.
        """
        now = time.time()
        values = (run, config.to_json(), data, status, step, now, now, owner, parent, int(pinned))
        rest = (0, 0, "", json.dumps(dict(meta or {})), 0, json.dumps(list(dict.fromkeys(lenses))), sweep)
        with self.transaction() as db:
            db.execute(f"INSERT INTO runs ({_RUN}) VALUES ({', '.join('?' * 17)})", (*values, *rest))

    def run(self, run: str) -> Run | None:
        """One run, or None."""
        rows = self.read(f"SELECT {_RUN} FROM runs WHERE id = ?", run)
        return _run(rows[0]) if rows else None

    def runs(self, *statuses: str) -> list[Run]:
        """All runs, or those of some statuses, the newest first."""
        marks = ", ".join("?" * len(statuses))
        where = f"WHERE status IN ({marks})" if statuses else ""
        rows = self.read(f"SELECT {_RUN} FROM runs {where} ORDER BY created DESC, rowid DESC", *statuses)
        return [_run(row) for row in rows]

    def wanted(self) -> dict[str, tuple[str, ...]]:
        """The lenses of every run that trains."""
        rows = self.read("SELECT id, lenses FROM runs WHERE status = 'running'")
        return {run: tuple(json.loads(lenses)) for run, lenses in rows}

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
        with self.transaction() as db:
            if meta is not None:
                row = db.execute("SELECT meta FROM runs WHERE id = ?", (run,)).fetchone()
                merged = json.dumps({**(json.loads(row[0]) if row else {}), **meta})
                db.execute("UPDATE runs SET meta = ? WHERE id = ?", (merged, run))
            if owner is not None:
                db.execute("UPDATE runs SET owner = ? WHERE id = ?", (owner, run))
            if altered is not None:
                db.execute("UPDATE runs SET altered = ? WHERE id = ?", (int(altered), run))
            if attempts is not None:
                db.execute("UPDATE runs SET attempts = ? WHERE id = ?", (attempts, run))
            if message is not None:
                db.execute("UPDATE runs SET message = ? WHERE id = ?", (message, run))
            if sweep is not None:
                db.execute("UPDATE runs SET sweep = ? WHERE id = ?", (sweep, run))
            if lenses is not None:
                names = json.dumps(list(dict.fromkeys(lenses)))
                db.execute("UPDATE runs SET lenses = ? WHERE id = ?", (names, run))

    def delete(self, run: str) -> None:
        """Remove a run and all that hangs on it, in one transaction; texts stay for other runs.

        Raises:
            IllegalChange: it is pinned.
        """
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

    def make_room(self, limit: int) -> list[str]:
        """Delete the oldest unpinned finished runs that nobody watches until `limit` bytes hold the rest.

        Returns:
            The ids that went.
        """
        gone: list[str] = []
        if self.size() <= limit:
            return gone
        marks = ", ".join("?" * len(FINISHED))
        candidates = self.read(
            f"SELECT id FROM runs WHERE pinned = 0 AND status IN ({marks}) "
            "AND id NOT IN (SELECT run FROM watching WHERE until > ?) ORDER BY updated",
            *sorted(FINISHED),
            time.time(),
        )
        for (run,) in candidates:
            self.delete(run)
            gone.append(run)
            if self.size() <= limit:
                break
        old = time.time() - 86400
        with self.transaction() as db:
            db.execute("DELETE FROM texts WHERE digest NOT IN (SELECT data FROM runs) AND created < ?", (old,))
        self.shrink()
        return gone

    # -- sweeps -------------------------------------------------------------------------------

    def sweep_seconds(self, sweep: str, but: str) -> float:
        """What the runs that train or trained for a sweep have taken together, all but one."""
        rows = self.read("SELECT meta FROM runs WHERE sweep = ? AND id != ?", sweep, but)
        times = [json.loads(meta) for (meta,) in rows]
        return float(sum(each.get("taken", each.get("seconds", 0.0)) for each in times))

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

    def chunks(
        self, run: str, after: int = -1, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> list[Chunk]:
        """Chunks with numbers above `after`, in order.

        Args:
            kinds: only these, for example ("metrics", "view:hidden").
            limit: at most so many.
        """
        marks = "" if kinds is None else f" AND kind IN ({', '.join('?' * len(kinds))})"
        rows = self.read(
            f"SELECT run, seq, kind, step, body FROM chunks WHERE run = ? AND seq > ?{marks} ORDER BY seq LIMIT ?",
            run,
            after,
            *(kinds or ()),
            -1 if limit is None else limit,
        )
        return [Chunk(*row) for row in rows]

    def chunk(self, run: str, seq: int) -> Chunk | None:
        """One chunk by its number."""
        rows = self.read("SELECT run, seq, kind, step, body FROM chunks WHERE run = ? AND seq = ?", run, seq)
        return Chunk(*rows[0]) if rows else None

    def chunk_at(self, run: str, kind: str, step: int) -> Chunk | None:
        """The chunk of a kind taken after exactly `step` updates."""
        rows = self.read(
            "SELECT run, seq, kind, step, body FROM chunks "
            "WHERE run = ? AND kind = ? AND step = ? ORDER BY seq LIMIT 1",
            run,
            kind,
            step,
        )
        return Chunk(*rows[0]) if rows else None

    def steps(self, run: str, kind: str) -> list[int]:
        """Steps at which a kind of chunk was taken, in ascending order; reads no bodies."""
        rows = self.read("SELECT DISTINCT step FROM chunks WHERE run = ? AND kind = ? ORDER BY step", run, kind)
        return [step for (step,) in rows]

    def kind_bytes(self, run: str) -> dict[str, int]:
        """Bytes of a run's chunks by kind."""
        return dict(self.read("SELECT kind, SUM(LENGTH(body)) FROM chunks WHERE run = ? GROUP BY kind", run))

    # -- checkpoints --------------------------------------------------------------------------

    def save_checkpoint(self, run: str, step: int, body: bytes) -> None:
        """Replace the run's checkpoint."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", (run, step, body))

    def checkpoint(self, run: str) -> tuple[int, bytes] | None:
        """(step, body) of the latest one."""
        rows = self.read("SELECT step, body FROM checkpoints WHERE run = ?", run)
        return (int(rows[0][0]), rows[0][1]) if rows else None


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(_RUN.split(", "), row, strict=True))
    values["config"] = RunConfig.from_json(values["config"])
    values["pinned"], values["altered"] = bool(values["pinned"]), bool(values["altered"])
    values["meta"] = json.loads(values["meta"])
    values["lenses"] = tuple(json.loads(values["lenses"]))
    return Run(**values)
