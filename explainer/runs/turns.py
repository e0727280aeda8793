"""Whose turn it is when a place to train is free: first come, first served, a sweep as one of those who wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from explainer.runs.rows import Run


def next_up(queued: Sequence[Run], running: Sequence[Run], places: int, since: Mapping[str, float]) -> list[Run]:
    """The queued runs that begin now.

    A sweep has at most one place at a time, and goes to the end of the queue after each of its runs. All
    sweeps together leave one place free where there are several, so that a single run never waits for
    more than the single runs before it.

    Args:
        queued: oldest first.
        running: those that have a place.
        places: how many there are.
        since: when each sweep's last turn ended, in seconds since 1970.
    """
    training = {run.sweep for run in running} - {""}
    waiting: list[tuple[float, Run]] = []
    for run in queued:
        if not run.sweep:
            waiting.append((run.created, run))
        elif run.sweep not in training and all(other.sweep != run.sweep for _, other in waiting):
            waiting.append((max(run.created, since.get(run.sweep, 0.0)), run))
    free, free_for_sweeps = places - len(running), max(1, places - 1) - len(training)
    chosen: list[Run] = []
    for _, run in sorted(waiting, key=lambda pair: pair[0]):
        if len(chosen) >= free:
            break
        if run.sweep and free_for_sweeps <= 0:
            continue
        free_for_sweeps -= bool(run.sweep)
        chosen.append(run)
    return chosen
