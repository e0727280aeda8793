"""Sweeps in the store, and when each of them last had its turn."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from explainer.runs.database import Database
from explainer.runs.rows import StoredSweep, Unreadable
from explainer.sweep import Sweep

SWEEPS_KEPT = 500


class SweepTable(Database):
    """The table `sweeps` (see `Store` for who writes what)."""

    def save_sweep(self, number: str, sweep: Sweep, runs: Sequence[str], owner: str) -> None:
        """Remember which runs belong to a sweep and who may stop it; the newest `SWEEPS_KEPT` are kept."""
        row = (number, sweep.to_json(), json.dumps(list(runs)), owner, time.time())
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?, ?, ?)", row)
            db.execute(
                "DELETE FROM sweeps WHERE id NOT IN (SELECT id FROM sweeps ORDER BY created DESC, rowid DESC LIMIT ?)",
                (SWEEPS_KEPT,),
            )

    def sweep(self, number: str) -> StoredSweep | None:
        """One sweep by its id, or None.

        Raises:
            Unreadable: its row is damaged, or of a newer version; the sentence says why.
        """
        rows = self.read("SELECT id, sweep, runs, owner, created FROM sweeps WHERE id = ?", number)
        if not rows:
            return None
        found, sweep, runs, owner, created = rows[0]
        try:
            names, read = json.loads(runs), Sweep.from_json(sweep)
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError("Its runs are no list of names.")
        except ValueError as error:
            raise Unreadable(str(error)) from error
        return StoredSweep(id=found, sweep=read, runs=tuple(names), owner=owner, created=created)

    def sweeps_waiting_since(self) -> dict[str, float]:
        """Of each sweep, when a run of it last did anything: seconds since 1970."""
        return dict(
            self.read(
                "SELECT sweep, MAX(CAST(updated AS REAL)) FROM runs WHERE sweep != '' AND status != 'queued' GROUP BY sweep"
            )
        )
