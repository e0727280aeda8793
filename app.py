"""The app's entry: `streamlit run app.py`. The shell, the tape's routes, the worker's life."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from explainer.player.assets import PLOTLY_ROUTE, plotly_script
from explainer.player.mount import base_path
from explainer.player.routes import routes
from explainer.runs.supervisor import Supervisor
from explainer.runs.tape_file import load_shipped
from explainer.ui.backend import annotator, complete_lessons, store
from explainer.ui.frontend import Frontend, Opening, send_at_once
from explainer.ui.own_series import allow_uploads
from explainer.ui.visitors import OwnerCookie

HERE = Path(__file__).resolve().parent


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """The worker lives as long as the app does; lessons and plotly.js are in place before the first visit."""
    allow_uploads()
    load_shipped(store())
    complete_lessons()
    supervisor = Supervisor(store().folder)
    supervisor.start()
    plotly_script()
    send_at_once()
    try:
        yield
    finally:
        supervisor.stop()


app = st.App(
    HERE / "explainer" / "ui" / "shell.py",
    routes=routes(store(), annotator()) if os.environ.get("EXPLAINER_ROUTES", "1") != "0" else [],
    middleware=[
        Middleware(Frontend, base=base_path()),
        Middleware(Opening, script=PLOTLY_ROUTE),
        Middleware(OwnerCookie),
    ],
    lifespan=lifespan,
)
