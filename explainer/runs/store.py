"""The store: the one channel between the interface and the worker, on disk and crash-safe.

The contract:

| table | written by | when |
|---|---|---|
| runs | client | a new run (`queued`), one that ended early queued again, owner, lenses, altered |
| runs | worker | every other change of status, step, message, meta, attempts |
| chunks | client | with a new run, the learning rates that it was asked for with |
| chunks | worker | append-only, numbered from 0 without gaps, never changed |
| checkpoints | worker | the latest one of each run: everything needed to go on |
| texts | client | a text or series under its SHA-256 |
| text_owners | client | who gave a text or series, and what they call it |
| shares | client | keys that open runs on somebody's own data for others; gone with the run |
| commands | client, then worker | the worker removes one in the transaction that writes its effect |
| looks | client asks, worker answers | one row for each (run, step, lens, input, surgery) |
| watching | client | heartbeats of viewers, a few seconds long |
| sweeps | client | which runs belong together, and who may stop them |
| worker | worker | its one row: process, device, heartbeat each second |
| room | anybody | written and emptied to see whether the disk has room |

Status: queued → running ⇄ paused → done, stopped, diverged or failed; stopped and failed → queued.
A queued run may be stopped before it began; a running or paused one goes back to queued when the
worker's places are taken. `set_status` refuses every other change.

What a reader sees is always whole: each method is one transaction, and several are one inside
`with store.transaction():`. A run's `step` is the last update whose row is on the tape, and
everything that belongs to earlier steps is on it too; views may be filled in later.

A run that trains for a sweep has that sweep's id in `sweep`, until somebody asks for it by itself.

Deleting removes a run, its chunks, checkpoint, commands and looks together. Pinned runs (the
tapes that ship) refuse it. A text that no run reads goes after an hour. When the store outgrows its limit, `make_room`
(`runs/room.py`) takes what is missed least: unused texts, answers, then the oldest unpinned runs that nobody watches and
that have finished or been paused for an hour.

A row that can't be read is a run that has failed and says so (`Run.unreadable`); it harms no other. What happens when the
file is damaged, taken away or can't be written is `Database`'s part.
"""

from __future__ import annotations

import os
from pathlib import Path

from explainer.runs.database import StoreError
from explainer.runs.ledger import IllegalChange
from explainer.runs.mailbox import Mailbox
from explainer.runs.room import Room
from explainer.runs.rows import ACTIVE, Chunk, Draft, Listing, Run
from explainer.runs.sharing import ShareTable
from explainer.runs.sweep_table import SweepTable

__all__ = ["ACTIVE", "Chunk", "Draft", "IllegalChange", "Listing", "Run", "Store", "StoreError", "default_path"]


class Store(Room, Mailbox, SweepTable, ShareTable):
    """All tables over one SQLite file in `folder`; safe to share between threads."""


def default_path() -> Path:
    """The folder named by EXPLAINER_STORE, else `.store` in the project."""
    return Path(os.environ.get("EXPLAINER_STORE") or Path(__file__).resolve().parents[2] / ".store")
