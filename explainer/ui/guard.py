"""Headers that tell a browser what a page of the app may do, and whose pages may show it in a frame."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
from collections.abc import Callable, Sequence
from functools import cache

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

POLICY = "Content-Security-Policy"
ANCESTORS = "EXPLAINER_FRAME_ANCESTORS"
HOST_ANCESTORS = ("https://*.streamlit.app", "https://share.streamlit.io")
"""The pages of Streamlit Community Cloud, which shows every app in a frame."""

_SOURCE = re.compile(r"\*|(https?://)?(\*\.)?[\w-]+(\.[\w-]+)*(:(\d{1,5}|\*))?", re.ASCII)

#: What Streamlit's page, a component's script (from a blob) and plotly.js need, tried in Chromium.
_RULES = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # emotion and plotly write style elements
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' ws: wss: data: blob:",  # not every browser takes a websocket to this host for 'self'
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


class Guard:
    """ASGI middleware: the policy, and that a browser takes a file for what it is said to be, on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def guarded(headers: MutableHeaders) -> None:
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault(POLICY, policy())

        await self.app(scope, receive, with_headers(send, guarded))


def with_headers(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """A `send` that changes the headers of an answer."""

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return send_changed


def policy(scripts: Sequence[bytes] = ()) -> str:
    """The Content-Security-Policy of an answer (W3C, CSP Level 3).

    Args:
        scripts: those that stand in the page itself and may run, each known by its SHA-256; no other may.
    """
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    allowed = " ".join(("'self'", "blob:", *(f"'sha256-{each}'" for each in hashes)))
    rules = _RULES | {"script-src": allowed, "frame-ancestors": ancestors(os.environ.get(ANCESTORS, ""))}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def ancestors(given: str) -> str:
    """Whose pages may show the app in a frame: its own, those of Community Cloud, and the given ones.

    Args:
        given: addresses such as `https://school.example` or `https://*.example.org`, with blanks or commas between, or `*`
            for everyone; what is none is left out, with a line in the log.
    """
    wanted = [each.rstrip("/") for each in re.split(r"[\s,]+", given) if each]
    wrong = [each for each in wanted if not _SOURCE.fullmatch(each)]
    if wrong:
        said = "%s: %s is no address of a site, such as https://school.example, and is left out."
        log.warning(said, ANCESTORS, wrong[0][:80])
    right = [each for each in wanted if each not in wrong]
    return "*" if "*" in right else " ".join(("'self'", *HOST_ANCESTORS, *right))
