"""A cookie that says which browser asks, so that the right to steer one's own runs lasts over a reload."""

from __future__ import annotations

import uuid

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from explainer.player.access import OWNER_COOKIE
from explainer.ui.guard import with_headers


class OwnerCookie:
    """ASGI middleware: gives a browser that opens a page a random name, for a year, for this app only.

    The cookie has no path of its own, so that a browser takes the page's folder: the one that the app is under, with
    whatever a proxy has taken away. Where the browser came by TLS, it sends the cookie by nothing else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not opens_page(scope) or _is_named(scope):
            await self.app(scope, receive, send)
            return

        secure = "; Secure" if _by_tls(scope) else ""
        cookie = f"{OWNER_COOKIE}={uuid.uuid4().hex}; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"
        named = with_headers(send, lambda headers: headers.append("Set-Cookie", cookie))
        await self.app(scope, receive, named)


def opens_page(scope: Scope) -> bool:
    """Whether this asks for a page, not for a file of it."""
    return scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _is_named(scope: Scope) -> bool:
    """Whether the browser has its name. Cookies of other apps on this host may have names that no standard allows."""
    return any(OWNER_COOKIE in cookie_parser(cookies) for cookies in Headers(scope=scope).getlist("cookie"))


def _by_tls(scope: Scope) -> bool:
    """Whether the browser came by TLS, to us or to the proxy nearest to it."""
    nearest = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return (nearest or scope["scheme"]) == "https"
