"""What goes along with a page: a cookie that says which browser asks, and a hint to fetch plotly.js early.

The cookie keeps the right to steer one's own runs over a reload. The hint lets the browser fetch the
largest file beside Streamlit's own instead of after it.
"""

from __future__ import annotations

import uuid
from http.cookies import SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explainer.player.assets import PLOTLY_ROUTE
from explainer.ui.backend import OWNER_COOKIE


class OwnerCookie:
    """ASGI middleware: gives a browser that opens a page a random name, for a year, for this site only, and the hint."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _opens_page(scope):
            await self.app(scope, receive, send)
            return
        named = _is_named(scope)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("Link", f"<{scope.get('root_path', '')}/{PLOTLY_ROUTE}>; rel=preload; as=script")
                if not named:
                    cookie = f"{OWNER_COOKIE}={uuid.uuid4().hex}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
                    headers.append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_named)


def _opens_page(scope: Scope) -> bool:
    """Whether this asks for a page, not for a file of it."""
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _is_named(scope: Scope) -> bool:
    """Whether the browser has its name."""
    return OWNER_COOKIE in SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
