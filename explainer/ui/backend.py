"""The one store, client and annotator of this process, shared by all pages and routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from explainer.figures.panel import Frame, Reel
from explainer.lessons import LESSONS
from explainer.player.annotate import Annotator
from explainer.player.mount import Track
from explainer.runs.client import Client
from explainer.runs.rows import StoredSweep
from explainer.runs.store import Run, Store, default_path
from explainer.runs.tape import VIEW
from explainer.ui.access import OWNER_COOKIE, owner, viewer

__all__ = [
    "OWNER_COOKIE",
    "annotator",
    "answers_of",
    "client",
    "complete_lessons",
    "hidden_among",
    "owner",
    "reels_of",
    "runs_of",
    "runs_to_see",
    "store",
    "sweep_of",
]


@cache
def store() -> Store:
    """The store of this process."""
    return Store(default_path())


@cache
def client() -> Client:
    """The interface's side of the store."""
    return Client(store())


@cache
def annotator() -> Annotator:
    """Notes and contexts, computed once for all viewers."""
    return Annotator(store())


def complete_lessons() -> None:
    """Ask the worker for the views that recorded lessons came with only a few of; what it has been asked it is not again."""
    asked = {(command.run, command.value) for command in store().commands() if command.kind == "fill"}
    for name, lesson in LESSONS.items():
        for lens in lesson.begun:
            missing = set(store().steps(name, "weights")) - set(store().steps(name, VIEW + lens))
            if missing and (name, lens) not in asked:
                client().fill(name, lens)


def runs_of(ids: Sequence[str]) -> list[Run]:
    """The runs that are (still) in the store and that the viewer may see, in the order asked."""
    seen = store().seen(ids, viewer())
    return [run for run in map(store().run, ids) if run is not None and run.id in seen]


def runs_to_see(*statuses: str) -> list[Run]:
    """All runs that the viewer may see, or those of some statuses, the newest first."""
    return client().runs(viewer(), *statuses)


def hidden_among(*statuses: str) -> int:
    """How many runs of some statuses the viewer may not see."""
    return len(store().hidden(viewer(), *statuses))


def sweep_of(number: str) -> StoredSweep | None:
    """A sweep that is in the store, if the viewer may see all of its runs that are."""
    found = store().sweep(number)
    if found is None or set(found.runs) & store().hidden(viewer()):
        return None
    return found


def reels_of(tracks: Sequence[Track]) -> list[Reel]:
    """Whole tapes, for the page without routes."""
    found = {run.id: run for run in runs_of([track.run for track in tracks])}
    return [
        annotator().reel(found[track.run], track.lenses)
        if track.run in found
        else Reel({lens: [] for lens in track.lenses})
        for track in tracks
    ]


def answers_of(track: Track, step: int, text: str) -> dict[str, Frame]:
    """What the lenses of a track see on the viewer's own input, at the last kept moment until `step`.

    Raises:
        ValueError: the run is gone, or the input can't be read; the sentence has the way out.
        TimeoutError: the worker has not answered yet.
    """
    run = client().seen(track.run, viewer())
    kept = client().snapshot_before(run.id, step)
    return {
        lens: annotator().answer(run, kept, lens, client().look(run.id, kept, lens, text, asker=owner()))
        for lens in track.lenses
    }
