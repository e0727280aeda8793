"""Whose data runs are on, and who else may see them: owners of texts, and links to runs.

A run on somebody's own text or series is private: only its owner sees it, and whoever has a key to it. A key is 128
random bits in hex. It opens the runs that it was made for until it is taken back, lets look and nothing else, and stands
in the store as it is, so that its owner can be shown the link again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from explainer.runs.database import Database, marks
from explainer.runs.rows import Run
from explainer.runs.viewer import Viewer


def is_private(run: Run) -> bool:
    """Whether a run is on somebody's own data, and not one that ships."""
    return not run.pinned and bool(run.config.relevant().get("data"))


def hidden_from(viewer: Viewer) -> tuple[str, list[Any]]:
    """The condition on rows of `runs` that the viewer may not see, for a WHERE, and its values: the one place of this rule."""
    keys, names = viewer.proven, (viewer.owner, *viewer.proven)
    condition = (
        f"private = 1 AND pinned = 0 AND owner NOT IN {marks(names)} "
        f"AND id NOT IN (SELECT run FROM shares WHERE key IN {marks(keys)})"
    )
    return condition, [*names, *keys]


class ShareTable(Database):
    """The tables `text_owners` and `shares` (see `Store` for who writes what)."""

    def seen(self, runs: Sequence[str], viewer: Viewer) -> set[str]:
        """Those of some runs, by their ids, that are here and that the viewer may see."""
        hidden, values = hidden_from(viewer)
        return set(self.column(f"SELECT id FROM runs WHERE id IN {marks(runs)} AND NOT ({hidden})", *runs, *values))

    def hidden(self, viewer: Viewer) -> set[str]:
        """The ids of all runs that the viewer may not see."""
        hidden, values = hidden_from(viewer)
        return set(self.column(f"SELECT id FROM runs WHERE {hidden}", *values))

    # -- owners of texts ----------------------------------------------------------------------

    def own_text(self, digest: str, owner: str, name: str = "") -> None:
        """Note that somebody gave this text or series; a name that is given replaces an earlier one."""
        note = "INSERT INTO text_owners VALUES (?, ?, ?, ?) ON CONFLICT (digest, owner) "
        rename = "DO UPDATE SET name = excluded.name WHERE excluded.name != ''"
        self.write(note + rename, digest, owner, name, time.time())

    def text_name(self, digest: str, owner: str) -> str | None:
        """What the owner calls a text that they gave, perhaps ""; None for who did not give it."""
        names = self.column("SELECT name FROM text_owners WHERE digest = ? AND owner = ?", digest, owner)
        return str(names[0]) if names else None

    def disown_text(self, digest: str, owner: str) -> None:
        """Forget that somebody gave a text that none of their runs reads; the text goes with its last owner and run."""
        with self.transaction() as db:
            db.execute(
                "DELETE FROM text_owners WHERE digest = ? AND owner = ? "
                "AND NOT EXISTS (SELECT 1 FROM runs WHERE data = text_owners.digest AND runs.owner = text_owners.owner)",
                (digest, owner),
            )
            db.execute(
                "DELETE FROM texts WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM runs WHERE data = texts.digest) "
                "AND NOT EXISTS (SELECT 1 FROM text_owners WHERE digest = texts.digest)",
                (digest,),
            )

    # -- links to runs ------------------------------------------------------------------------

    def key_to(self, runs: Sequence[str]) -> str:
        """The key that opens exactly these runs, "" where none was made."""
        for key in self.keys_of(runs[0]):
            if set(self.column("SELECT run FROM shares WHERE key = ?", key)) == set(runs):
                return key
        return ""

    def share(self, runs: Sequence[str]) -> str:
        """A key that opens these runs: the one that opens exactly them already, or a new one."""
        with self.transaction() as db:
            key = self.key_to(runs)
            if not key:
                key = secrets.token_hex(16)
                db.executemany("INSERT INTO shares VALUES (?, ?, ?)", [(key, run, time.time()) for run in set(runs)])
        return key

    def unshare(self, run: str) -> None:
        """Take back every key that opens this run, also for the other runs that it opens."""
        self.write("DELETE FROM shares WHERE key IN (SELECT key FROM shares WHERE run = ?)", run)

    def keys_of(self, run: str) -> list[str]:
        """The keys that open a run, the newest first."""
        return self.column("SELECT key FROM shares WHERE run = ? ORDER BY created DESC, rowid DESC", run)
