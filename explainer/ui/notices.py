"""What a host has to say on every page: why nothing can be trained, what became of the store, settings that can't be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st

from explainer.limits import faulty
from explainer.player.backend import store, trouble
from explainer.runs.store import StoreError
from explainer.words import literal

P = ParamSpec("P")
POLL = "5s"
KEPT_SECONDS = 86_400.0
"""Of a notice that a new store was begun."""


def notices() -> list[str]:
    """The sentences, the most important one first; none on a host where all is well."""
    notice = store().notice if time.time() - store().noticed < KEPT_SECONDS else ""
    return [sentence for sentence in (trouble(), notice, *faulty()) if sentence]


def in_sentences(part: Callable[P, None]) -> Callable[P, None]:
    """A part of a page, a fragment's function, that says so when the store can't be read just now."""

    @wraps(part)
    def said(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            part(*args, **kwargs)
        except StoreError as error:
            st.error(literal(str(error)), icon=":material/error:")

    return said


@contextmanager
def toasted(whose: str = "") -> Iterator[None]:
    """What is refused within is said in passing: a run may have ended, or be gone, since the page was drawn.

    Args:
        whose: the network's that is spoken of.
    """
    try:
        yield
    except ValueError as error:
        st.toast(literal(f"{whose}: {error}" if whose else str(error)))


def show_notices() -> None:
    """Show them above the page, until they are others; where there are none, nothing is asked again."""
    shown = notices()
    if not shown:
        return

    @st.fragment(run_every=POLL)
    def board() -> None:
        if notices() != shown:
            st.rerun()
        for sentence in shown:
            st.warning(literal(sentence), icon=":material/warning:")

    board()
