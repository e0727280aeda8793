"""How many tabs fit: each takes file descriptors, of which a process has only so many.

A browser holds up to six connections to a server beside the websocket of the tab. Who comes when the room is full gets
a page that says so, and those who are there are served as before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from explainer.ui.guard import with_headers
from explainer.ui.visitors import opens_page

log = logging.getLogger(__name__)

TAB = 7  # descriptors: a websocket, and six connections that a browser keeps open
OWN = 200  # for files, the store's connections of each thread, and answers under way
ENOUGH = 65_536  # descriptors; more would be nine thousand tabs
RETRY_SECONDS = 30
FULL = (
    "This host is full: as many browser tabs as it can serve are open. This page tries again every half minute; "
    "it opens as soon as another tab is closed."
)


def descriptors() -> int:
    """Raise this process's soft limit on file descriptors as far as the system allows; how many it may then have."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return ENOUGH
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # a system whose kernel allows less than it says
        return soft
    return wanted


def tabs_that_fit(limit: int) -> int:
    """How many tabs may be open at once with so many file descriptors; at least one."""
    return max(1, (limit - OWN) // TAB)


class Room:
    """ASGI middleware: counts open tabs by their websockets, and turns away what doesn't fit."""

    def __init__(self, app: ASGIApp, tabs: int) -> None:
        self.app, self.tabs, self.open = app, tabs, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        full = self.open >= self.tabs
        if full and opens_page(scope):
            refusal = HTMLResponse(_page(FULL), 503, headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"})
            await refusal(scope, receive, send)
        elif scope["type"] != "websocket":
            # Once it is full, a connection is closed rather than kept for the next question.
            closing = with_headers(send, lambda headers: headers.update({"Connection": "close"}))
            await self.app(scope, receive, closing if full else send)
        elif full:
            log.warning("A tab was turned away: %d are open, and no more fit.", self.open)
            await send({"type": "websocket.close", "code": 1013, "reason": "full"})
        else:
            self.open += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.open -= 1


def _page(sentence: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Unrolled</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{RETRY_SECONDS}">'
        "<style>body { font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }"
        "</style></head>"
        f"<body><h1>Unrolled</h1><p>{sentence}</p></body></html>"
    )


def log_sparingly(loop: asyncio.AbstractEventLoop, seconds: float = 60.0) -> None:
    """Say once a minute that connections can't be taken in for want of descriptors, not thousands of times a second.

    asyncio tries as often as its backlog is long, and reports each attempt with a trace.
    """
    last = -seconds

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        if "out of system resource" not in str(context.get("message")):
            loop.default_exception_handler(context)
        elif time.monotonic() - last >= seconds:
            last = time.monotonic()
            log.error("No file descriptors are left (ulimit -n): new connections wait until others are closed.")

    loop.set_exception_handler(report)
