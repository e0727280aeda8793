"""A workshop that a test turns by hand, and the run that it has in mind."""

from __future__ import annotations

import time
from collections.abc import Callable

from explainer.runs.store import Run, Store
from explainer.runs.workshop import Workshop


def the_run(store: Store, run: str) -> Run:
    """The run of this id, which is there."""
    found = store.run(run)
    assert found is not None
    return found


def work(workshop: Workshop, until: Callable[[], bool], seconds: float = 120) -> None:
    """Turns until something is so; a deadline instead of a hang."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "the deadline passed"
        workshop.turn()
