"""The app's entry: `streamlit run app.py`. The shell, the tape's routes, the worker's life."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from explainer.player.assets import HINTS, plotly_script
from explainer.player.backend import annotator, keeper, store
from explainer.player.mount import base_path
from explainer.player.routes import routes
from explainer.ui.frontend import Frontend, Opening, send_at_once
from explainer.ui.guard import Guard
from explainer.ui.own_series import allow_uploads
from explainer.ui.room import Room, descriptors, log_sparingly, tabs_that_fit
from explainer.ui.visitors import OwnerCookie

HERE = Path(__file__).resolve().parent
BASE = base_path()
ROUTES = os.environ.get("EXPLAINER_ROUTES", "1") != "0"


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """The worker lives as long as the app does; lessons and plotly.js are in place before the first visit."""
    allow_uploads()
    with keeper():
        plotly_script()
        send_at_once()
        log_sparingly(asyncio.get_running_loop())
        yield


def routes_below(base: str) -> list[Route]:
    """The tape's routes below the path that the app is served under."""
    return [
        Route(base + route.path.removeprefix("/"), route.endpoint, methods=list(route.methods or ("GET",)))
        for route in routes(store(), annotator())
    ]


app = st.App(
    HERE / "explainer" / "ui" / "shell.py",
    routes=routes_below(BASE) if ROUTES else [],
    middleware=[
        Middleware(Guard),
        Middleware(Room, tabs=tabs_that_fit(descriptors())),
        Middleware(Frontend, base=BASE),
        Middleware(Opening, hints=HINTS if ROUTES else {}, base=BASE),
        Middleware(OwnerCookie),
    ],
    lifespan=lifespan,
)
