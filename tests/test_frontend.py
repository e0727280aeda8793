"""What a first visit gets beside our own pages: Streamlit's files from memory, hints, answers without delay."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from pathlib import Path

import httpx
import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from explainer.player.assets import called_at_once, plotly_path
from explainer.ui.frontend import Frontend, Opening, send_at_once, where
from tests.loops import on_a_loop

STATIC = Path(st.__file__).parent / "static" / "static"
SCRIPT = next(iter(sorted((STATIC / "js").glob("index.*.js"))))
PAGES = ("/page", "/lessons/page", "/lessons/a/page")
HINTS = {"api/plotly.js": "rel=preload; as=script", "api/a.js": "rel=modulepreload"}
PAGE = "<html><head><title>A page</title></head></html>"


def beyond(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"beyond {request.url.path}")


def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"etag": "1", "last-modified": "Sun, 22 Nov 2026 00:00:00 GMT"})


def get(address: str, base: str = "/", **headers: str) -> httpx.Response:
    app = Starlette(
        routes=[*(Route(each, page) for each in PAGES), Route("/{rest:path}", beyond)],
        middleware=[Middleware(Frontend, base=base), Middleware(Opening, hints=HINTS, base=base)],
    )

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            return await client.get(address, headers=headers)

    return on_a_loop(ask())


@pytest.mark.parametrize("base", ["/", "/lessons/"])
def test_streamlits_script_comes_compressed_and_for_good(base: str) -> None:
    answer = get(f"{base}static/js/{SCRIPT.name}", base)
    assert answer.content == SCRIPT.read_bytes()
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < SCRIPT.stat().st_size / 2
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/js/nothing.js", {}),
        ("/static/js/../js/" + SCRIPT.name + "x", {}),
        ("/static/media/font.woff2", {}),
        ("/elsewhere/static/js/" + SCRIPT.name, {}),
        ("/static/js/" + SCRIPT.name, {"accept-encoding": "identity"}),
    ],
)
def test_what_is_not_known_goes_on(path: str, headers: dict[str, str]) -> None:
    assert get(path, **headers).text.startswith("beyond /")


def test_a_page_is_told_its_server_and_its_largest_script() -> None:
    answer = get("/page", accept="text/html")
    told, rest = answer.text.split("</script>", 1)
    assert told.startswith("<html><head><script>")
    assert rest == PAGE.removeprefix("<html><head>")
    assert answer.headers["link"] == "<api/plotly.js>; rel=preload; as=script, <api/a.js>; rel=modulepreload"
    assert len(answer.content) == int(answer.headers["content-length"])
    assert not {"etag", "last-modified"} & set(answer.headers)


def test_only_a_page_is_told() -> None:
    assert get("/page", accept="application/json").text == PAGE
    assert "link" not in get("/other", accept="text/html").headers
    assert get("/other", accept="text/html").text == "beyond /other"


@pytest.mark.parametrize(
    ("address", "base", "up"),
    [("/page", "/", ""), ("/lessons/page", "/lessons/", ""), ("/lessons/a/page", "/lessons/", "../")],
)
def test_what_a_page_is_told_holds_below_any_prefix(address: str, base: str, up: str) -> None:
    """The server may be below a path of its own, and that below a prefix which a proxy took away."""
    answer = get(address, base, accept="text/html")
    assert f"const asked = {json.dumps(address.removeprefix(base.rstrip('/')))}," in answer.text
    assert answer.headers["link"] == f"<{up}api/plotly.js>; rel=preload; as=script, <{up}api/a.js>; rel=modulepreload"


def test_only_the_scripts_that_stand_in_the_page_may_run() -> None:
    answer = get("/page", accept="text/html")
    scripts = re.findall("<script>(.*?)</script>", answer.text)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert rules["script-src"] == f"'self' blob: 'sha256-{hashes[0]}'"
    assert len(hashes) == 1


def test_an_address_cannot_speak_in_the_page() -> None:
    wrong = where("/</script><script>alert(1)</script>\"'").decode()
    assert wrong.count("</script>") == 1
    assert wrong.endswith("</script>")


def test_connections_do_not_wait_to_be_acknowledged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert send_at_once() >= 1
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_plotly_differs_by_one_pair_of_parentheses() -> None:
    before, after = plotly_path().read_bytes(), called_at_once(plotly_path().read_bytes())
    assert len(after) == len(before) + 2
    start = next(at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    assert after[start : start + 1] == b"("
    end = after.rindex(b")));")
    assert after[:start] + after[start + 1 : end] + after[end + 1 :] == before


def test_a_script_of_another_shape_is_left_alone() -> None:
    for script in (b"var Plotly = 1;", b': this, () => {\n"use strict"; 1 })', b""):
        assert called_at_once(script) == script
