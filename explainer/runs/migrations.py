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

MIGRATIONS: tuple[Migration, ...] = (
    (
        "runs and their tape",
        (
            """CREATE TABLE runs (
                id TEXT PRIMARY KEY,
                config TEXT NOT NULL,
                data TEXT NOT NULL,
                status TEXT NOT NULL,
                step INTEGER NOT NULL,
                created REAL NOT NULL,
                updated REAL NOT NULL,
                owner TEXT NOT NULL,
                parent TEXT NOT NULL,
                pinned INTEGER NOT NULL,
                altered INTEGER NOT NULL,
                attempts INTEGER NOT NULL,
                message TEXT NOT NULL,
                meta TEXT NOT NULL,
                bytes INTEGER NOT NULL,
                lenses TEXT NOT NULL
            )""",
            "CREATE INDEX runs_by_status ON runs (status, created)",
            """CREATE TABLE chunks (
                run TEXT NOT NULL,
                seq INTEGER NOT NULL,
                kind TEXT NOT NULL,
                step INTEGER NOT NULL,
                body BLOB NOT NULL,
                PRIMARY KEY (run, seq)
            )""",
            "CREATE INDEX chunks_by_kind ON chunks (run, kind, step)",
            "CREATE TABLE checkpoints (run TEXT PRIMARY KEY, step INTEGER NOT NULL, body BLOB NOT NULL)",
            "CREATE TABLE texts (digest TEXT PRIMARY KEY, body TEXT NOT NULL, created REAL NOT NULL)",
        ),
    ),
    (
        "commands and the worker",
        (
            """CREATE TABLE commands (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                run TEXT NOT NULL,
                kind TEXT NOT NULL,
                value TEXT NOT NULL,
                created REAL NOT NULL
            )""",
            """CREATE TABLE worker (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                pid INTEGER NOT NULL,
                started REAL NOT NULL,
                heartbeat REAL NOT NULL,
                device TEXT NOT NULL,
                version TEXT NOT NULL
            )""",
        ),
    ),
    (
        "looks and watching",
        (
            """CREATE TABLE looks (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                run TEXT NOT NULL,
                step INTEGER NOT NULL,
                lens TEXT NOT NULL,
                input TEXT NOT NULL,
                status TEXT NOT NULL,
                body BLOB,
                error TEXT NOT NULL,
                created REAL NOT NULL,
                UNIQUE (run, step, lens, input)
            )""",
            "CREATE INDEX looks_by_status ON looks (status, id)",
            """CREATE TABLE watching (
                run TEXT NOT NULL,
                lens TEXT NOT NULL,
                until REAL NOT NULL,
                PRIMARY KEY (run, lens)
            )""",
        ),
    ),
    (
        "sweeps",
        (
            """CREATE TABLE sweeps (
                id TEXT PRIMARY KEY,
                sweep TEXT NOT NULL,
                runs TEXT NOT NULL,
                owner TEXT NOT NULL,
                created REAL NOT NULL
            )""",
            "ALTER TABLE runs ADD COLUMN sweep TEXT NOT NULL DEFAULT ''",
        ),
    ),
    (
        "surgery of looks",  # old answers are asked again
        (
            "DROP TABLE looks",
            """CREATE TABLE looks (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                run TEXT NOT NULL,
                step INTEGER NOT NULL,
                lens TEXT NOT NULL,
                input TEXT NOT NULL,
                surgery TEXT NOT NULL,
                status TEXT NOT NULL,
                body BLOB,
                error TEXT NOT NULL,
                created REAL NOT NULL,
                UNIQUE (run, step, lens, input, surgery)
            )""",
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
            """CREATE TABLE text_owners (
                digest TEXT NOT NULL,
                owner TEXT NOT NULL,
                name TEXT NOT NULL,
                created REAL NOT NULL,
                PRIMARY KEY (digest, owner)
            )""",
            """CREATE TABLE shares (
                key TEXT NOT NULL,
                run TEXT NOT NULL,
                created REAL NOT NULL,
                PRIMARY KEY (key, run)
            )""",
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
            "CREATE TABLE room (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL)",
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
