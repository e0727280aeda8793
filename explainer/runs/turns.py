"""Whose turn it is when a place to train is free: visitors take turns, and a sweep is one of the runs that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from explainer.runs.rows import Turn


def next_up(
    queued: Sequence[Turn],
    running: Sequence[Turn],
    places: int,
    since: Mapping[str, float],
    turns: Mapping[str, float] | None = None,
) -> list[Turn]:
    """The queued runs that begin now.

    A place goes to the visitor of whose runs the fewest train, among these to the one who has waited longest since the
    last turn, and of one visitor's runs to the oldest. A sweep has at most one place at a time, and goes to the end of its visitor's queue after
    each of its runs. All sweeps together leave one place free where there are several, so that a single run never
    waits for more than the single runs before it.

    Args:
        queued: oldest first.
        running: those that have a place.
        places: how many there are.
        since: when each sweep's last turn ended, in seconds since 1970.
        turns: when each visitor's last turn was, in seconds since 1970.
    """
    training = {run.sweep for run in running} - {""}
    held = Counter(run.owner for run in running)
    last = turns or {}
    waiting = _first_of_sweeps(queued, training, since)
    free_for_sweeps = max(1, places - 1) - len(training)
    chosen: list[Turn] = []
    while len(chosen) < places - len(running):
        fitting = [run for run in waiting if not run.sweep or free_for_sweeps > 0]
        if not fitting:
            break
        run = min(fitting, key=lambda run: (held[run.owner], max(waiting[run], last.get(run.owner, 0.0)), waiting[run]))
        del waiting[run]
        held[run.owner] += 1
        free_for_sweeps -= bool(run.sweep)
        chosen.append(run)
    return chosen


def _first_of_sweeps(queued: Sequence[Turn], training: set[str], since: Mapping[str, float]) -> dict[Turn, float]:
    """The single runs, and of each sweep that has no place its first run, with the time from which each waits."""
    waiting: dict[Turn, float] = {}
    seen = set(training)
    for run in queued:
        if not run.sweep:
            waiting[run] = run.created
        elif run.sweep not in seen:
            seen.add(run.sweep)
            waiting[run] = max(run.created, since.get(run.sweep, 0.0))
    return waiting
