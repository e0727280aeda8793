"""Recordings of just what a page's controls ask for: lessons that ship, and runs that the viewer may see."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.config import RunConfig
from explainer.lessons import LESSONS
from explainer.player.access import owner, viewer
from explainer.player.backend import client, runs_of
from explainer.runs.store import Run


def recorded_runs(asked: Sequence[RunConfig], first: Sequence[str] = ()) -> list[Run]:
    """A recording of each configuration, in their order; [] where one of them has none.

    Args:
        first: lessons that are preferred: those of the page.
    """
    found = [_recorded(config, first) for config in asked]
    return [run for run in found if run is not None] if None not in found else []


def _recorded(config: RunConfig, first: Sequence[str]) -> Run | None:
    wanted = config.run_id()
    names = [name for name in dict.fromkeys((*first, *LESSONS)) if LESSONS[name].config.run_id() == wanted]
    return next(iter(runs_of(names)), None) or client().recorded(config, owner(), viewer())
