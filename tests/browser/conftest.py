"""The app as a user runs it, and Chromium as a user sees it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

expect.set_options(timeout=60_000)

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test in a browser that fails is run once more, and listed as such (-rR).

    Three processes that wait for each other share a core or two with another machine's work: of 250 such tests one in
    some runs found its page without its server for a moment. What is wrong fails twice.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(store: Path, base: str = "", **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """The app below the path `base`, on an empty store; its process and its address."""
    port = _free_port()
    log = (store / "app.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            str(port),
            "--server.address",
            "127.0.0.1",
            *(["--server.baseUrlPath", base] if base else []),
        ],
        cwd=PROJECT,
        env={**os.environ, "EXPLAINER_STORE": str(store), **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    log.close()
    url = f"http://127.0.0.1:{port}" + (f"/{base}" if base else "")
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return process, url
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                raise AssertionError((store / "app.log").read_text()) from None
            time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the app, with a store of its own."""
    process, url = _start(tmp_path_factory.mktemp("store"))
    yield url
    _stop(process)


@pytest.fixture(scope="session")
def app_without_routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a host where our own routes can't be reached."""
    process, url = _start(tmp_path_factory.mktemp("store"), EXPLAINER_ROUTES="0")
    yield url
    _stop(process)


@pytest.fixture(scope="session")
def app_under_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app that is served under a path of its own."""
    process, url = _start(tmp_path_factory.mktemp("store"), base="demo")
    yield url
    _stop(process)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "These tests need Chromium: apt-get install chromium (make test does)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


def _complain(complaints: list[str], message: ConsoleMessage) -> None:
    """Note an error of the console."""
    if message.type == "error":
        complaints.append(message.text)


@pytest.fixture
def complaints() -> list[str]:
    """What the console said, filled by `visit`; a test may assert that it is empty."""
    return []


def as_new(page: Page) -> None:
    """Take from a page and its profile all that a visitor has left there: what was done, stored, allowed and held up.

    What stays is what Chromium has read of the app's scripts, which is more than half of the time that a page takes.
    """
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.unroute_all(behavior="ignoreErrors")
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.context.clear_cookies()
    page.context.clear_permissions()
    page.goto("about:blank")


@pytest.fixture(scope="session")
def idle(chromium: Browser) -> list[Page]:
    """Pages that nobody uses at the moment, each in a profile of its own."""
    return []


@pytest.fixture
def visit(chromium: Browser, idle: list[Page], complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Open an address as somebody who was never there, with a profile of their own: visit(url, width=…, theme=…)."""
    lent: list[Page] = []
    listeners: dict[Any, Callable[..., None]] = {
        "console": lambda message: _complain(complaints, message),
        "pageerror": lambda error: complaints.append(str(error)),
        "requestfailed": lambda request: complaints.append(f"{request.url} {request.failure}"),
    }

    def open_page(url: str, width: int = 1440, theme: str = "light") -> Page:
        page = idle.pop() if idle else chromium.new_context().new_page()
        lent.append(page)
        page.set_default_timeout(60_000)
        page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        for event, listener in listeners.items():
            page.on(event, listener)
        page.goto(url)
        return page

    yield open_page
    for page in lent:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        try:
            as_new(page)
        except PlaywrightError:  # such as one that a test has closed
            page.context.close()
        else:
            idle.append(page)
