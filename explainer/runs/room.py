"""What goes when the store outgrows its limit, and in what order: what is missed least goes first."""

from __future__ import annotations

import time

from explainer.runs.database import marks
from explainer.runs.ledger import Ledger
from explainer.runs.rows import FINISHED

UNUSED_SECONDS = 3600.0
"""A text that no run reads may stay for so long: somebody has just given it."""
UNUSED_SHARE = 1 / 8
"""Of the limit, that such texts may take together while the store is full."""
PAUSED_SECONDS = 3600.0
"""A run that has been paused for so long, unwatched, counts as finished where room is needed."""
FRESH_SECONDS = 30.0
"""An answer may be on its way to who asked."""
ANSWERS_AT_ONCE = 20
_UNUSED = "digest NOT IN (SELECT data FROM runs)"


class Room(Ledger):
    """Keeps the store within its limit (see `Store` for whose the tables are)."""

    def make_room(self, limit: int) -> list[str]:
        """Take out unused texts, answers, and then the oldest runs, until `limit` bytes hold the rest.

        A run goes when it is unpinned, nobody watches it, and it has finished or been paused for an hour. Texts that no
        run reads go after an hour in any case, and sooner where they take more than `UNUSED_SHARE` of a full store.

        Returns:
            The ids of the runs that went.
        """
        before = self.size()
        self._drop_unused(time.time() - UNUSED_SECONDS)
        gone: list[str] = []
        if self.size() > limit:
            self._drop_newest_unused(limit)
            self._drop_answers(limit)
            gone = self._drop_runs(limit)
        if self.size() < before:
            self.shrink()
        return gone

    def _drop_unused(self, until: float) -> None:
        """Texts that no run reads and that were given before `until`."""
        if self.read(f"SELECT 1 FROM texts WHERE {_UNUSED} AND created < ? LIMIT 1", until):
            self.write(f"DELETE FROM texts WHERE {_UNUSED} AND created < ?", until)

    def _drop_newest_unused(self, limit: int) -> None:
        """Texts that no run reads, the oldest first, until the others take their share of `limit` at most."""
        unused = self.read(
            f"SELECT digest, LENGTH(CAST(body AS BLOB)) FROM texts WHERE {_UNUSED} ORDER BY created DESC"
        )
        allowed = limit * UNUSED_SHARE
        with self.transaction() as db:
            for digest, size in unused:
                allowed -= size
                if allowed < 0:
                    db.execute("DELETE FROM texts WHERE digest = ?", (digest,))

    def _drop_answers(self, limit: int) -> None:
        """Answers to looks, the oldest first: whoever asks again gets the same one."""
        while self.size() > limit:
            answers = "SELECT id FROM looks WHERE status = 'done' AND created < ? ORDER BY created LIMIT ?"
            old = time.time() - FRESH_SECONDS
            if not self.write(f"DELETE FROM looks WHERE id IN ({answers})", old, ANSWERS_AT_ONCE):
                return

    def _drop_runs(self, limit: int) -> list[str]:
        """The oldest runs that may go, each with its text if no other run reads that."""
        gone: list[str] = []
        if self.size() <= limit:
            return gone
        now = time.time()
        sql = (
            f"SELECT id FROM runs WHERE pinned = 0 AND (status IN {marks(FINISHED)} OR status = 'paused' "
            "AND updated < ?) AND id NOT IN (SELECT run FROM watching WHERE until > ?) ORDER BY updated"
        )
        candidates = self.column(sql, *FINISHED, now - PAUSED_SECONDS, now)
        for run in candidates:
            self.delete(run)
            self._drop_unused(now - UNUSED_SECONDS)
            gone.append(run)
            if self.size() <= limit:
                break
        return gone
