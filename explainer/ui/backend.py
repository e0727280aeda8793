"""The one store, client and annotator of this process, shared by all pages and routes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cache

import streamlit as st

from explainer.figures.panel import Frame, Reel
from explainer.lessons import LESSONS
from explainer.player.annotate import Annotator
from explainer.player.mount import Track
from explainer.runs.client import Client
from explainer.runs.keeper import Keeper
from explainer.runs.store import Run, Store, default_path
from explainer.runs.tape import VIEW
from explainer.runs.tape_file import load_shipped

OWNER_COOKIE = "unrolled_owner"


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


def owner() -> str:
    """Who is asking: a browser by its cookie (set by the shell), else this session."""
    cookie = st.context.cookies.get(OWNER_COOKIE, "")
    if len(cookie) == 32 and cookie.isalnum():
        return cookie
    return str(st.session_state.setdefault("owner", uuid.uuid4().hex))


def runs_of(ids: Sequence[str]) -> list[Run]:
    """The runs that are (still) in the store and can be read, in the order asked."""
    return [run for run in map(store().run, ids) if run is not None and not run.unreadable]


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
    run = client().found(track.run)
    kept = client().snapshot_before(run.id, step)
    return {lens: annotator().answer(run, kept, lens, client().look(run.id, kept, lens, text)) for lens in track.lenses}
