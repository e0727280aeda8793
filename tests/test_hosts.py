"""Headers, cookies and addresses as hosts need them, and how many tabs fit."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from explainer.player.access import OWNER_COOKIE
from explainer.ui.guard import ancestors, policy
from explainer.ui.places import base_seen
from explainer.ui.room import FULL, Room, log_sparingly, tabs_that_fit
from explainer.ui.visitors import OwnerCookie
from tests.loops import on_a_loop

PROJECT = Path(__file__).resolve().parents[1]


def answered(request: Request) -> PlainTextResponse:
    return PlainTextResponse("here")


def visit(headers: Sequence[tuple[str, str]] = (), url: str = "http://app/gates") -> httpx.Response:
    app = Starlette(routes=[Route("/{rest:path}", answered)], middleware=[Middleware(OwnerCookie)])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.get(url, headers=[("accept", "text/html"), *headers])

    return on_a_loop(ask())


@pytest.mark.parametrize("name", ["a/b", "a,b", "a[1]", "a b", "ä", "", "a;b", '"', "a=b", "a\tb"])
def test_a_cookie_of_another_app_may_have_any_name(name: str) -> None:
    """The standard library's reader refuses some of these by an exception."""
    theirs = f"{name}=1".encode()
    assert OWNER_COOKIE in visit([("cookie", theirs)]).headers["set-cookie"]  # type: ignore[list-item]
    both = theirs + f"; {OWNER_COOKIE}={'0' * 32}".encode()
    assert "set-cookie" not in visit([("cookie", both)]).headers  # type: ignore[list-item]


def test_a_name_in_a_second_header_of_cookies_is_found() -> None:
    assert "set-cookie" not in visit([("cookie", "a=1"), ("cookie", f"{OWNER_COOKIE}={'0' * 32}")]).headers


@pytest.mark.parametrize(
    ("url", "headers", "secure"),
    [
        ("http://app/gates", [], False),
        ("https://app/gates", [], True),
        ("http://app/gates", [("x-forwarded-proto", "https")], True),
        ("http://app/gates", [("x-forwarded-proto", "HTTPS, http")], True),
        ("https://app/gates", [("x-forwarded-proto", "http")], False),
    ],
)
def test_the_cookie_is_secure_behind_tls_and_for_the_apps_own_path(
    url: str, headers: list[tuple[str, str]], secure: bool
) -> None:
    cookie = visit(headers, url).headers["set-cookie"]
    assert ("; Secure" in cookie) is secure
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "path" not in cookie.lower()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", "'self' https://*.streamlit.app https://share.streamlit.io"),
        (
            "https://school.example, https://*.example.org/",
            "'self' https://*.streamlit.app https://share.streamlit.io https://school.example https://*.example.org",
        ),
        (
            "localhost:8080 https://school.example;script-src 'none' javascript:x",
            "'self' https://*.streamlit.app https://share.streamlit.io localhost:8080",
        ),
        ("*", "*"),
    ],
)
def test_who_may_show_the_app_in_a_frame(given: str, wanted: str) -> None:
    assert ancestors(given) == wanted


def test_a_list_of_sites_adds_no_rule_of_its_own() -> None:
    assert ";" not in ancestors("https://a.example;script-src https://b.example;x")
    names = [rule.split(" ")[0] for rule in policy().split("; ")]
    assert len(names) == len(set(names))
    assert "'unsafe-eval'" not in policy()


@pytest.mark.parametrize(
    ("url", "page", "wanted"),
    [
        ("https://host/gates", "gates", "https://host/"),
        ("https://host/", "", "https://host/"),
        ("https://host", "", "https://host/"),
        ("https://host/lab/gates", "gates", "https://host/lab/"),
        ("https://host/lab/", "", "https://host/lab/"),
        ("https://host/~/+/gates", "gates", "https://host/"),
        ("https://host/~/+", "", "https://host/"),
        ("https://host:8501/lab/~/+/gates", "gates", "https://host:8501/lab/"),
        ("https://host/a)b](x/gates", "gates", "https://host/a%29b]%28x/"),
        ("javascript:alert(1)", "", "/"),
        (None, "gates", "/"),
    ],
)
def test_links_are_built_from_where_the_browser_is(url: str | None, page: str, wanted: str) -> None:
    assert base_seen(url, page) == wanted


async def asked(
    app: ASGIApp, kind: str, path: str = "/gates", headers: Sequence[tuple[bytes, bytes]] = ()
) -> list[Message]:
    """What an app sends to somebody who asks, and then says nothing more."""
    sent: list[Message] = []
    scope: Scope = {"type": kind, "method": "GET", "path": path, "headers": list(headers), "query_string": b""}

    async def receive() -> Message:
        return {"type": f"{kind}.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_what_does_not_fit_is_told_so_and_who_is_there_is_served() -> None:
    leave = asyncio.Event()

    async def inner(scope: Scope, receive: object, send: object) -> None:
        if scope["type"] == "websocket":
            await leave.wait()
        else:
            await PlainTextResponse("here")(scope, receive, send)  # type: ignore[arg-type]

    async def crowd() -> None:
        room = Room(inner, tabs=2)
        page = [(b"accept", b"text/html")]
        tabs = [asyncio.ensure_future(asked(room, "websocket"))]
        await asyncio.sleep(0)
        assert (await asked(room, "http", headers=page))[1]["body"] == b"here"
        tabs.append(asyncio.ensure_future(asked(room, "websocket")))
        await asyncio.sleep(0)
        start, body = await asked(room, "http", headers=page)
        assert start["status"] == 503
        assert (b"retry-after", b"30") in start["headers"]
        assert FULL.encode() in body["body"]
        start, body = await asked(room, "http", "/api/tape/x")
        assert (start["status"], body["body"]) == (200, b"here")
        assert (b"connection", b"close") in start["headers"]
        assert [message["type"] for message in await asked(room, "websocket")] == ["websocket.close"]
        leave.set()
        await asyncio.gather(*tabs)
        start, body = await asked(room, "http", headers=page)
        assert (start["status"], body["body"]) == (200, b"here")

    on_a_loop(crowd())


@pytest.mark.parametrize(("limit", "tabs"), [(1024, 117), (20_000, 2828), (100, 1)])
def test_how_many_tabs_fit(limit: int, tabs: int) -> None:
    assert tabs_that_fit(limit) == tabs


@pytest.mark.parametrize(("soft", "hard", "wanted"), [(256, 2048, 2048), (1024, 1024, 1024)])
def test_the_soft_limit_is_raised_as_far_as_the_system_allows(soft: int, hard: int, wanted: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip(f"The hard limit here is below {hard} file descriptors.")
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from explainer.ui.room import descriptors\n"
        "print(descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(wanted)] * 2


def test_a_want_of_descriptors_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    log_sparingly(loop)
    for _ in range(1000):
        loop.call_exception_handler({"message": "socket.accept() out of system resource"})
    loop.call_exception_handler({"message": "something else"})
    loop.close()
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "No file descriptors are left",
        "something else",
    ]
