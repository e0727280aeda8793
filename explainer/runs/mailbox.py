"""What processes tell each other through the store: commands, texts, looks, who watches, who works."""

from __future__ import annotations

import time
from collections.abc import Iterable

from explainer.runs.database import Database, marks
from explainer.runs.rows import Command, Look, WorkerState
from explainer.runs.tape import LARGEST_VIEW

LOOKS_KEPT = 200
ANSWERS_BYTES = 32_000_000
"""Of a run's answers together."""
TOO_LARGE = "The answer has {:,.0f} MB, and the store keeps answers up to {:,.0f} MB. Ask for a shorter input, or at a smaller run."
_OLD_ANSWERS = (
    "DELETE FROM looks WHERE id IN (SELECT id FROM (SELECT id, SUM(LENGTH(body)) OVER (ORDER BY created DESC, id DESC) AS total "
    "FROM looks WHERE status = 'done'"
)
_LOOK = "id, run, step, lens, input, surgery, status, body, error, asker"
WAITING_READ = 64  # questions from so many visitors take turns


class Mailbox(Database):
    """Commands, texts, looks, watching and the worker's row (see `Store` for who writes what)."""

    # -- commands -----------------------------------------------------------------------------

    def command(self, run: str, kind: str, value: str = "") -> None:
        """Ask something of a run; the worker takes commands in order."""
        now = time.time()
        self.write("INSERT INTO commands (run, kind, value, created) VALUES (?, ?, ?, ?)", run, kind, value, now)

    def commands(self) -> list[Command]:
        """All that wait, in order."""
        return [Command(*row) for row in self.read("SELECT id, run, kind, value FROM commands ORDER BY id")]

    def settle(self, command: int) -> None:
        """Remove a command, best in the transaction that writes what it did."""
        self.write("DELETE FROM commands WHERE id = ?", command)

    # -- texts --------------------------------------------------------------------------------

    def save_text(self, digest: str, body: str) -> None:
        """Keep a text or series under its hash."""
        self.write("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", digest, body, time.time())

    def text(self, digest: str) -> str | None:
        """The text of that hash, or None."""
        bodies = self.column("SELECT body FROM texts WHERE digest = ?", digest)
        return str(bodies[0]) if bodies else None

    # -- looks --------------------------------------------------------------------------------

    def ask(self, run: str, step: int, lens: str, text: str, surgery: str = "", asker: str = "") -> Look:
        """The look with exactly these inputs: a finished one, one that waits, or a new one.

        One that failed is asked again. Of each run the newest `LOOKS_KEPT` are kept.
        """
        asked = (run, step, lens, text, surgery)
        with self.transaction() as db:
            db.execute(
                "INSERT INTO looks (run, step, lens, input, surgery, status, error, created, asker) "
                "VALUES (?, ?, ?, ?, ?, 'waiting', '', ?, ?) ON CONFLICT (run, step, lens, input, surgery) DO UPDATE "
                "SET status = 'waiting', error = '', created = excluded.created, asker = excluded.asker "
                "WHERE status = 'failed'",
                (*asked, time.time(), asker),
            )
            db.execute(
                "DELETE FROM looks WHERE run = ? AND id NOT IN "
                "(SELECT id FROM looks WHERE run = ? ORDER BY created DESC, id DESC LIMIT ?)",
                (run, run, LOOKS_KEPT),
            )
            (look,) = self.read(
                f"SELECT {_LOOK} FROM looks WHERE (run, step, lens, input, surgery) = (?, ?, ?, ?, ?)", *asked
            )
        return Look(*look)

    def look(self, number: int) -> Look | None:
        """One look, or None when it is gone."""
        rows = self.read(f"SELECT {_LOOK} FROM looks WHERE id = ?", number)
        return Look(*rows[0]) if rows else None

    def waiting_looks(self, limit: int = WAITING_READ) -> list[Look]:
        """Those that wait: each visitor's oldest, oldest first, then each one's second, and so on."""
        rows = self.read(
            f"SELECT {_LOOK} FROM looks WHERE status = 'waiting' "
            "ORDER BY ROW_NUMBER() OVER (PARTITION BY asker ORDER BY id), id LIMIT ?",
            limit,
        )
        return [Look(*row) for row in rows]

    def still_waiting(self, numbers: Iterable[int]) -> set[int]:
        """Those of some looks that have neither been answered nor refused, and are not gone."""
        asked = list(numbers)
        return set(self.column(f"SELECT id FROM looks WHERE status = 'waiting' AND id IN {marks(asked)}", *asked))

    def look_state(self, number: int) -> tuple[str, str, int] | None:
        """Status, error and bytes of a look's answer, which is not read; None when it is gone."""
        rows = self.read("SELECT status, error, COALESCE(LENGTH(body), 0) FROM looks WHERE id = ?", number)
        return (str(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else None

    def look_part(self, number: int, start: int, length: int) -> bytes:
        """Bytes of a look's answer from `start` on; a KeyError where it is not there any more."""
        return self.blob_part("looks", number, start, length)

    def answer(self, number: int, step: int, body: bytes) -> None:
        """Finish a look with a record's bytes; `step` is the moment that was looked at.

        An answer of more than `LARGEST_VIEW` is refused; of each run the newest ones within `ANSWERS_BYTES` are kept.
        """
        if len(body) > LARGEST_VIEW:
            self.refuse(number, TOO_LARGE.format(len(body) / 1e6, LARGEST_VIEW / 1e6))
            return
        with self.transaction() as db:
            db.execute(
                "UPDATE OR REPLACE looks SET status = 'done', step = ?, body = ? WHERE id = ?", (step, body, number)
            )
            db.execute(
                f"{_OLD_ANSWERS} AND run = (SELECT run FROM looks WHERE id = ?)) WHERE total > ?) AND id <> ?",
                (number, ANSWERS_BYTES, number),
            )

    def drop_answers(self, limit: int) -> None:
        """Delete the oldest answers of all runs until `limit` bytes hold the rest."""
        (total,) = self.column("SELECT COALESCE(SUM(LENGTH(body)), 0) FROM looks")
        if total > limit:
            self.write(f"{_OLD_ANSWERS}) WHERE total > ?)", limit)

    def refuse(self, number: int, error: str) -> None:
        """Finish a look with a sentence why there is no answer."""
        self.write("UPDATE looks SET status = 'failed', error = ? WHERE id = ?", error, number)

    # -- watching -----------------------------------------------------------------------------

    def watch(self, run: str, lenses: Iterable[str], seconds: float = 3.0) -> None:
        """Say that somebody looks at the run through these lenses for the next seconds.

        A hundred viewers of one run cost as many writes as one: what holds half as long still is left. Where nothing
        can be written nothing trains either, and nobody needs to know.
        """
        if self.trouble:
            return
        now = time.time()
        until, lenses = now + seconds, set(lenses)
        fresh = self.read("SELECT lens FROM watching WHERE run = ? AND until > ?", run, now + seconds / 2)
        lenses -= {lens for (lens,) in fresh}
        if not lenses:
            return
        with self.transaction() as db:
            db.execute("DELETE FROM watching WHERE until < ?", (now - 60,))
            db.executemany(
                "INSERT OR REPLACE INTO watching VALUES (?, ?, ?)", [(run, lens, until) for lens in sorted(lenses)]
            )

    def watched(self) -> dict[str, set[str]]:
        """The lenses through which each run is watched now."""
        lenses: dict[str, set[str]] = {}
        for run, lens in self.read("SELECT run, lens FROM watching WHERE until > ?", time.time()):
            lenses.setdefault(run, set()).add(lens)
        return lenses

    # -- the worker ---------------------------------------------------------------------------

    def register_worker(self, pid: int, device: str = "", version: str = "", speed: float | None = None) -> None:
        """The worker's own row: at its start without a device, again when it is warm; a speed that was known stays until then."""
        now, speed = time.time(), self.worker_state().speed if speed is None else speed
        values = (pid, now, now, device, version, speed)
        self.write("INSERT OR REPLACE INTO worker VALUES (1, ?, ?, ?, ?, ?, ?)", *values)

    def heartbeat(self) -> bool:
        """The worker lives; False where nobody has registered: the store is another one than it was."""
        return self.write("UPDATE worker SET heartbeat = ?", time.time()) > 0

    def worker_state(self) -> WorkerState:
        """Who works, on what, and how much waits."""
        running = tuple(self.column("SELECT id FROM runs WHERE status = 'running' ORDER BY created"))
        (queued,) = self.column("SELECT COUNT(*) FROM runs WHERE status = 'queued'")
        rows = self.read("SELECT pid, device, version, speed, heartbeat FROM worker")
        pid, device, version, speed, heartbeat = rows[0] if rows else (0, "", "", 1.0, 0.0)
        age = max(0.0, time.time() - heartbeat) if rows else float("inf")
        return WorkerState(
            pid=pid, device=device, version=version, speed=speed, age=age, running=running, queued=queued
        )
