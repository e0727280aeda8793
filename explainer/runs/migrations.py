"""The store's tables, as ordered named migrations.

A migration is never changed once it has shipped: a later one alters what it made. Each runs in
one transaction together with the row that says it ran, so a database is always at a named state.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from explainer import upgrade

Migration = tuple[str, tuple[str, ...]]

REDEFINED = ("hidden", "fixed_points", "gates", "attention", "biography", "beyond", "surgery")
"""Lenses whose numbers came to mean something else: probes by whole sequences, errors, chance levels, three kinds of points."""

_KEY, _ONE = "id INTEGER PRIMARY KEY AUTOINCREMENT", "one INTEGER PRIMARY KEY CHECK (one = 1)"
_ASKED = f"{_KEY}, run TEXT, step INTEGER, lens TEXT, input TEXT"
_ANSWERED = "status TEXT, body BLOB NULL, error TEXT, created REAL"


def _table(name: str, columns: str, *rules: str) -> str:
    """A new table; of its columns, those of which nothing but the type is said need a value."""
    needed = (f"{column} NOT NULL" if column.count(" ") == 1 else column for column in columns.split(", "))
    return f"CREATE TABLE {name} ({', '.join([*needed, *rules])})"


MIGRATIONS: tuple[Migration, ...] = (
    (
        "runs and their tape",
        (
            _table(
                "runs",
                "id TEXT PRIMARY KEY, config TEXT, data TEXT, status TEXT, step INTEGER, created REAL, updated REAL, "
                "owner TEXT, parent TEXT, pinned INTEGER, altered INTEGER, attempts INTEGER, message TEXT, meta TEXT, "
                "bytes INTEGER, lenses TEXT",
            ),
            "CREATE INDEX runs_by_status ON runs (status, created)",
            _table("chunks", "run TEXT, seq INTEGER, kind TEXT, step INTEGER, body BLOB", "PRIMARY KEY (run, seq)"),
            "CREATE INDEX chunks_by_kind ON chunks (run, kind, step)",
            _table("checkpoints", "run TEXT PRIMARY KEY, step INTEGER, body BLOB"),
            _table("texts", "digest TEXT PRIMARY KEY, body TEXT, created REAL"),
        ),
    ),
    (
        "commands and the worker",
        (
            _table("commands", f"{_KEY}, run TEXT, kind TEXT, value TEXT, created REAL"),
            _table("worker", f"{_ONE}, pid INTEGER, started REAL, heartbeat REAL, device TEXT, version TEXT"),
        ),
    ),
    (
        "looks and watching",
        (
            _table("looks", f"{_ASKED}, {_ANSWERED}", "UNIQUE (run, step, lens, input)"),
            "CREATE INDEX looks_by_status ON looks (status, id)",
            _table("watching", "run TEXT, lens TEXT, until REAL", "PRIMARY KEY (run, lens)"),
        ),
    ),
    (
        "sweeps",
        (
            _table("sweeps", "id TEXT PRIMARY KEY, sweep TEXT, runs TEXT, owner TEXT, created REAL"),
            "ALTER TABLE runs ADD COLUMN sweep TEXT NOT NULL DEFAULT ''",
        ),
    ),
    (
        "surgery of looks",  # old answers are asked again
        (
            "DROP TABLE looks",
            _table("looks", f"{_ASKED}, surgery TEXT, {_ANSWERED}", "UNIQUE (run, step, lens, input, surgery)"),
            "CREATE INDEX looks_by_status ON looks (status, id)",
        ),
    ),
    (
        "views by other definitions",  # what these lenses saw is looked at anew, from the weights that are kept
        (
            *(f"DELETE FROM chunks WHERE kind = 'view:{lens}'" for lens in REDEFINED),
            # A network that was operated on while it trained was not looked at as it ran.
            "DELETE FROM chunks WHERE kind LIKE 'view:%' AND run IN (SELECT id FROM runs "
            """WHERE config LIKE '%"surgery": "%' AND config NOT LIKE '%"surgery": ""%')""",
            "DELETE FROM looks",
            "UPDATE runs SET bytes = (SELECT COALESCE(SUM(LENGTH(body)), 0) FROM chunks WHERE run = runs.id)",
        ),
    ),
    (
        "who asks",  # so that visitors take turns
        ("ALTER TABLE looks ADD COLUMN asker TEXT NOT NULL DEFAULT ''",),
    ),
    (
        "whose data",  # what was given before belongs to the owners of the runs on it
        (
            """ALTER TABLE runs ADD COLUMN private INTEGER GENERATED ALWAYS AS (
                CASE WHEN json_valid(config) THEN
                    COALESCE(json_extract(config, '$.data'), '') != ''
                    AND COALESCE(json_extract(config, '$.task'), '') IN ('text', 'forecast')
                ELSE data != '' END
            ) VIRTUAL""",
            "CREATE INDEX runs_private ON runs (owner, status) WHERE private = 1",
            _table("text_owners", "digest TEXT, owner TEXT, name TEXT, created REAL", "PRIMARY KEY (digest, owner)"),
            _table("shares", "key TEXT, run TEXT, created REAL", "PRIMARY KEY (key, run)"),
            "CREATE INDEX shares_by_run ON shares (run)",
            "CREATE TRIGGER runs_shared AFTER DELETE ON runs BEGIN DELETE FROM shares WHERE run = OLD.id; END",
            "CREATE TRIGGER texts_owned AFTER DELETE ON texts "
            "BEGIN DELETE FROM text_owners WHERE digest = OLD.digest; END",
            "INSERT INTO text_owners SELECT data, owner, '', MIN(created) FROM runs "
            "WHERE private = 1 AND owner != '' GROUP BY data, owner",
        ),
    ),
    (
        "pages of runs, turns, and a place to try whether there is room",
        (
            "CREATE INDEX runs_by_age ON runs (created)",
            "CREATE INDEX runs_by_owner ON runs (owner, created)",
            "CREATE INDEX runs_by_data ON runs (data) WHERE data != ''",
            "CREATE INDEX runs_by_sweep ON runs (sweep, updated) WHERE sweep != ''",
            _table("room", f"{_ONE}, body BLOB"),
        ),
    ),
    (
        "learning rates set by hand",  # from the events of a tape, which are headers of JSON after eight bytes
        (
            # Put in front as text: a meta with NaN in it is no JSON to SQLite.
            """UPDATE runs SET meta = '{"rates": ' || (
                SELECT json_group_array(json_array(step, json_extract(said, '$.value'))) FROM (
                    SELECT step, MAX(seq), json_extract(CAST(SUBSTR(body, 9) AS TEXT), '$.__metadata__.event') AS said
                    FROM chunks WHERE run = runs.id AND kind = 'event' GROUP BY step ORDER BY step
                ) WHERE json_extract(said, '$.kind') = 'lr'
            ) || CASE WHEN meta = '{}' THEN '}' ELSE ', ' || SUBSTR(meta, 2) END
            WHERE altered = 1 AND meta LIKE '{%}'""",
        ),
    ),
    (
        "lenses have the names of their pages",
        tuple(
            statement
            for old, new in upgrade.LENSES.items()
            for statement in (
                f"UPDATE chunks SET kind = 'view:{new}' WHERE kind = 'view:{old}'",
                f"UPDATE looks SET lens = '{new}' WHERE lens = '{old}'",
                f"UPDATE watching SET lens = '{new}' WHERE lens = '{old}'",
                f"UPDATE commands SET value = '{new}' WHERE kind = 'fill' AND value = '{old}'",
                f"""UPDATE runs SET lenses = REPLACE(lenses, '"{old}"', '"{new}"')""",
            )
        ),
    ),
    ("how fast the worker's host is", ("ALTER TABLE worker ADD COLUMN speed REAL NOT NULL DEFAULT 1",)),
)


def migrate(db: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> list[str]:
    """Bring the database to the last migration; several processes may try at once.

    Args:
        db: in autocommit mode (`isolation_level=None`).
        migrations: in order.

    Returns:
        The names of those that ran now.

    Raises:
        LookupError: the database holds a migration that this version doesn't know.
    """
    ran: list[str] = []
    if _applied(db) == [name for name, _ in migrations]:
        return ran
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied REAL NOT NULL)")
    db.execute("COMMIT")
    for name, statements in migrations:
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("SELECT 1 FROM migrations WHERE name = ?", (name,)).fetchone() is None:
                for statement in statements:
                    db.execute(statement)
                db.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time()))
                ran.append(name)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    unknown = set(_applied(db)) - {name for name, _ in migrations}
    if unknown:
        raise LookupError(f"unknown migration {min(unknown)!r}")
    return ran


def _applied(db: sqlite3.Connection) -> list[str]:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None:
        return []
    return [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY rowid")]
