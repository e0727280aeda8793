"""Who may see a run: by the browser's cookie, by the keys of an address, by the session where there is no cookie.

A request of the player comes with the browser's cookie, and with the keys that its page was opened with. A browser that
takes no cookies has a name for the length of its session only; its page hands that on among the keys.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import streamlit as st
from starlette.requests import Request

from explainer.runs.reader import Reader
from explainer.runs.sharing import is_private
from explainer.runs.store import Run
from explainer.runs.viewer import MOST_KEYS, Viewer, is_secret

OWNER_COOKIE = "unrolled_owner"
KEYS = "keys"
"""In the session: the keys that its addresses had, which last over a change of the page."""


def seen(reader: Reader, request: Request) -> Run:
    """The run in a request's path, if who asks may see it.

    Raises:
        ValueError: there is none, or none for them; the sentence doesn't tell which.
    """
    keys = tuple(key for text in request.query_params.getlist("key") for key in _keys(text))
    return reader.seen(request.path_params["run"], Viewer(named(request.cookies), keys))


def owner() -> str:
    """Who is asking, on a page: a browser by its cookie (set by the shell), else this session."""
    return named(st.context.cookies) or str(st.session_state.setdefault("owner", uuid.uuid4().hex))


def viewer() -> Viewer:
    """Who looks at this page, with the keys of all the addresses that this session opened."""
    state = st.session_state
    fresh = [key for key in _keys(st.query_params.get("key", "")) if key not in state.get(KEYS, ())]
    if fresh:
        state[KEYS] = (*state.get(KEYS, ()), *fresh)[-MOST_KEYS + 1 :]
    return Viewer(owner(), state.get(KEYS, ()))


def passed_on() -> str:
    """What the requests of this page's player need beside the cookie: keys, and the session's name without one."""
    asked = viewer()
    session = () if named(st.context.cookies) else (asked.owner,)
    return ",".join((*asked.keys, *session))


def query_of(reader: Reader, run: Run) -> dict[str, str]:
    """The part of an address that opens a run for the one who looks: its id, and the key that they have to it."""
    asked = viewer()
    if not is_private(run) or run.owner == asked.owner:
        return {"run": run.id}
    keys = set(asked.keys) & set(reader.store.keys_of(run.id))
    return {"run": run.id, "key": min(keys)} if keys else {"run": run.id}


def named(cookies: Mapping[str, str]) -> str:
    """The browser's name, "" where it has none."""
    name = cookies.get(OWNER_COOKIE, "")
    return name if is_secret(name) else ""


def _keys(text: str) -> list[str]:
    return [key for key in text[: 33 * MOST_KEYS].split(",") if is_secret(key)]
