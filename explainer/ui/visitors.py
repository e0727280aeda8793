"""A cookie that says which browser asks, so that the right to steer one's own runs lasts over a reload."""

from __future__ import annotations

import uuid
from http.cookies import SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explainer.ui.backend import OWNER_COOKIE


class OwnerCookie:
    """ASGI middleware: gives a browser that opens a page a random name, for a year, for this site only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not opens_page(scope) or _is_named(scope):
            await self.app(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{OWNER_COOKIE}={uuid.uuid4().hex}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_named)


def opens_page(scope: Scope) -> bool:
    """Whether this asks for a page, not for a file of it."""
    return scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _is_named(scope: Scope) -> bool:
    """Whether the browser has its name."""
    return OWNER_COOKIE in SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
