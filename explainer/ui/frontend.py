"""A visit made shorter: what a page needs before our own script can show anything, and how it is sent.

`Frontend` answers Streamlit's scripts and styles from memory, compressed: a visit asks for about ninety
of them, 2.1 MB as they lie on the disk, 0.5 MB like this. `Opening` puts two things into the page:
a hint to fetch plotly.js, the largest file, and the player beside Streamlit's own scripts instead of after them; and where the
server is, which Streamlit would else find out by asking, in vain first, below the address of the page,
and which the player asks for tapes.
`send_at_once` takes 40 ms off every small answer.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explainer.ui.guard import POLICY, policy
from explainer.ui.visitors import opens_page

FILES = Path(st.__file__).parent / "static" / "static"
KINDS = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
FOREVER = b"public, max-age=31536000, immutable"  # their names carry a hash of what is in them


class Frontend:
    """ASGI middleware for `/static/js/` and `/static/css/`; what it does not know goes on to Streamlit."""

    def __init__(self, app: ASGIApp, base: str = "/") -> None:
        self.app = app
        self.files = {
            f"{base}static/{file.parent.name}/{file.name}": file
            for folder in ("js", "css")
            for file in (FILES / folder).glob("*")
            if file.suffix in KINDS
        }
        self.bodies: dict[Path, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self.files.get(scope.get("path", "")) if _asks_for_gzip(scope) else None
        if file is None:
            await self.app(scope, receive, send)
            return
        body = self.bodies.get(file)
        if body is None:
            body = self.bodies[file] = await asyncio.to_thread(
                lambda: gzip.compress(file.read_bytes(), compresslevel=6, mtime=0)
            )
        headers = [
            (b"content-type", KINDS[file.suffix]),
            (b"content-length", str(len(body)).encode()),
            (b"content-encoding", b"gzip"),
            (b"vary", b"accept-encoding"),
            (b"cache-control", FOREVER),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Opening:
    """ASGI middleware for the pages: the hints, where the server is, and which of the scripts in the page may run.

    Args:
        hints: what to fetch beside the page, as paths below the app, and how ("rel=modulepreload").
        base: the path that the app is served under, with slashes at both ends.
    """

    def __init__(self, app: ASGIApp, hints: Mapping[str, str], base: str = "/") -> None:
        self.app, self.hints, self.base = app, hints, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not opens_page(scope):
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def send_opening(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            headers = MutableHeaders(scope=start)
            if headers.get("content-type", "").startswith("text/html"):
                asked = asked_page(scope, self.base)
                body = body.replace(b"<head>", b"<head>" + where(asked), 1)
                headers["content-length"] = str(len(body))
                headers[POLICY] = policy(inline_scripts(body))
                up = "../" * (asked.count("/") - 1)  # relative: see `where`
                if self.hints:
                    headers.append("Link", ", ".join(f"<{up}{path}>; {how}" for path, how in self.hints.items()))
                for validator in ("etag", "last-modified"):  # they speak of the page without what is put into it
                    del headers[validator]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        plain = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"range")]
        await self.app({**scope, "headers": plain}, receive, send_opening)


def send_at_once() -> int:
    """Turn Nagle's algorithm off (RFC 896) for whoever connects from now on; the number of listening sockets found.

    An answer is written in two pieces, head and body. With the algorithm on, the second waits until the
    browser has acknowledged the first, which it puts off for 40 ms (RFC 1122, 4.2.3.2). asyncio turns it
    off for sockets that name their protocol, which Streamlit's listening socket does not; connections
    take the setting over from the socket that accepts them.
    """
    listening = [each for each in gc.get_objects() if type(each) is socket.socket and _listens(each)]
    for each in listening:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return len(listening)


def _listens(each: socket.socket) -> bool:
    """Whether this takes TCP connections in."""
    try:
        listens = each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:  # closed
        return False
    return bool(listens) and each.family in (socket.AF_INET, socket.AF_INET6)


def asked_page(scope: Scope, base: str) -> str:
    """What of the app was asked for: the path without the one that the app is served under. "" is the first page, else "/gates"."""
    path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
    return str(path.removeprefix(base.rstrip("/")))


def where(asked: str) -> bytes:
    """A script that tells Streamlit's page its server: the page's address without the part that was asked for.

    The app does not know the rest: a proxy may have taken a prefix away. A host that has told it already is not contradicted.

    Args:
        asked: see `asked_page`.
    """
    part = json.dumps(asked).replace("<", "\\u003c")
    return (
        "<script>{ "
        f"const asked = {part}, here = location.pathname.replace(/\\/$/, ''); "
        "if (here.endsWith(asked)) (window.__streamlit ??= {}).BACKEND_BASE_URL ??= "
        "location.origin + here.slice(0, here.length - asked.length) + '/'; "
        "}</script>"
    ).encode()


def inline_scripts(page: bytes) -> list[bytes]:
    """The scripts that stand in a page itself."""
    return re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)


def _asks_for_gzip(scope: Scope) -> bool:
    """Whether this is a GET from a browser that takes gzip."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
    )
