"""The one store, client and annotator of this process, shared by all pages and routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from explainer.charts.panel import Frame, Reel
from explainer.lessons import LESSONS
from explainer.player.access import owner, viewer
from explainer.player.annotate import Annotator
from explainer.player.track import Track
from explainer.runs.client import Client
from explainer.runs.keeper import Keeper
from explainer.runs.rows import StoredSweep
from explainer.runs.store import Run, Store, default_path
from explainer.runs.tape import VIEW
from explainer.runs.tape_file import load_shipped
from explainer.surgery import Surgery


@cache
def store() -> Store:
    """The store of this process; in memory as long as its folder can't be used."""
    return Store(default_path(), falls_back=True)


@cache
def keeper() -> Keeper:
    """Who looks after the store and the worker; started with the app."""
    return Keeper(store(), fill_store)


def fill_store() -> None:
    """Put into the store what belongs into every one: the lessons that ship."""
    load_shipped(store())
    complete_lessons()


def trouble() -> str:
    """Why nothing can be trained at the moment, in a sentence; "" when something can."""
    return store().trouble or keeper().supervisor.trouble


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
    """The runs that are (still) in the store, can be read and that the viewer may see, in the order asked."""
    seen = store().seen(ids, viewer())
    return [run for run in map(store().run, ids) if run is not None and not run.unreadable and run.id in seen]


def why_not(ids: Sequence[str]) -> str:
    """Why the first of some runs that is in the store can't be shown to the viewer, a sentence; "" if it is not a matter of reading."""
    seen = store().seen(ids, viewer())
    return next((run.message for run in map(store().run, ids) if run and run.unreadable and run.id in seen), "")


def runs_to_see(*statuses: str) -> list[Run]:
    """The newest runs that the viewer may see, or those of some statuses."""
    return client().runs(viewer(), *statuses)


def sweep_of(number: str) -> StoredSweep | None:
    """A sweep that is in the store, if the viewer may see all of its runs that are.

    Raises:
        Unreadable: its row is damaged, or of a newer version.
    """
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


def answers_of(track: Track, step: int, text: str, surgery: str = "") -> dict[str, Frame]:
    """What the lenses of a track see on the viewer's own input, in the operated model, at the last kept moment until `step`.

    Raises:
        ValueError: the run is gone, or the input can't be read; the sentence has the way out.
        TimeoutError: the worker has not answered yet.
    """
    run = client().seen(track.run, viewer())
    kept = client().snapshot_before(run.id, step)
    operation = Surgery.from_text(surgery) if surgery else None
    return {
        lens: annotator().answer(
            run, kept, lens, client().look(run.id, kept, lens, text, surgery=operation, asker=owner()), asked=bool(text)
        )
        for lens in track.lenses
    }
