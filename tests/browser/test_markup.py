"""Text from outside is never markup: as Streamlit's own Markdown shows it, and in every place of the app, in real Chromium."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from nasty import corpus
from playwright.sync_api import Page, expect

from explainer.words import JOINER, literal

Visit = Callable[..., Page]
HERE = Path(__file__).resolve().parent

MADE = """() => {
  const tags = ["A", "IMG", "B", "I", "EM", "DEL", "CODE", "PRE", "SUP", "H1", "H2", "H3", "LI", "UL", "OL", "BLOCKQUOTE", "HR"];
  const places = [...document.querySelectorAll('[data-testid="stMarkdownContainer"]')];
  return places.flatMap((place) => [...place.querySelectorAll("*")])
    .filter((each) => tags.includes(each.tagName) || /katex|stMarkdown(Colored|Badge|Shimmer)/.test(each.className)
      || each.getAttribute("role") === "img").map((each) => each.outerHTML.slice(0, 200));
}"""


@pytest.fixture(scope="module")
def page_of_texts() -> Iterator[str]:
    """Address of `literal_page.py`, served by Streamlit."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(HERE / "literal_page.py"), *options],
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(15)


def words(text: str) -> str:
    """What stays of a text when a browser has laid it out: blanks run together."""
    return " ".join(text.replace(JOINER, "").replace("\u00a0", " ").split())


def all_shown(page: Page) -> None:
    """Wait until everything stands there, with what Streamlit loads on demand: formulas and emojis."""
    page.get_by_text("the end", exact=True).wait_for()
    page.wait_for_load_state("networkidle")


def test_every_text_is_shown_as_it_is(page_of_texts: str, visit: Visit) -> None:
    page = visit(page_of_texts)
    all_shown(page)
    assert page.evaluate(MADE) == []
    shown = page.evaluate("() => [...document.querySelectorAll('.stMarkdown')].map((each) => each.textContent)")
    asked = [text for text in corpus() if literal(text).strip()]
    assert [words(text) for text in shown[: len(asked)]] == [words(text) for text in asked]


def test_escapes_alone_would_not_do(page_of_texts: str, visit: Visit) -> None:
    page = visit(f"{page_of_texts}?raw=1")
    all_shown(page)
    made = "".join(page.evaluate(MADE))
    for sign in (
        'href="http://evil.example/x"',
        'href="mailto:',
        'href="http://www.evil.example"',
        "home icon",
        "<img",
    ):
        assert sign in made, sign


OUTSIDE = (
    "http://evil.example www.evil.example me@evil.example <b>x</b> <a href='http://evil.example'>y</a> $x^2$ :red[z]"
)
FOUND = """() => [...document.querySelectorAll('a[href*="evil"], img[src*="evil"], .katex, svg a')]
  .concat([...document.querySelectorAll('main b, main strong, svg tspan[style*="bold"]')].filter((each) => each.textContent === "x"))
  .filter((each) => !each.closest('[data-testid="stTabs"]')).map((each) => each.outerHTML.slice(0, 200))"""
ADDRESSES = {
    "hidden-states?task=": "is not known",
    "hidden-states?seed=": "must be",
    "attention?positions=": "is not known",
    "memory-horizon?lengths=": "can't be",
    "memory-horizon?networks=": "is not known",
    "surgery?surgery=": "can't be",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_an_address_asks_for_is_no_markup(app: str, visit: Visit, address: str) -> None:
    page = visit(f"{app}/{address}{quote(OUTSIDE)}")
    warning = page.locator('[data-testid="stAlert"]').first
    expect(warning).to_contain_text(ADDRESSES[address])
    assert page.evaluate(FOUND) == []
    assert page.evaluate(MADE.replace("'[data-testid", '\'[data-testid="stAlert"] [data-testid')) == []


def test_what_a_file_holds_is_no_markup(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?task=text&length=20&width=8&steps=20&seed=977")
    give(page, f"{OUTSIDE[:60]} **x**.txt".replace("/", "_"), "".join(f"{OUTSIDE} {n}\n" for n in range(40)))
    expect(page.get_by_text("distinct ones, that begins").first).to_contain_text("http:")
    assert page.evaluate(FOUND) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("run="))
    page.locator(".unrolled-player input.ask").first.fill(OUTSIDE)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("input="))
    page.locator(".unrolled-player .plot .main-svg").first.wait_for()
    assert page.evaluate(FOUND) == []


def test_what_a_table_s_columns_are_called_is_no_markup(app: str, visit: Visit) -> None:
    page = visit(f"{app}/hidden-states?task=forecast&length=20&width=8&steps=20&seed=977")
    name = OUTSIDE.replace("'", "")
    give(page, "a.csv", f"year,{name}\n" + "".join(f"{1900 + n},{n * n % 37}\n" for n in range(90)))
    expect(page.get_by_text("90 values from 0 to 36").first).to_contain_text("http:")
    assert page.evaluate(FOUND) == []


def give(page: Page, name: str, content: str) -> None:
    """Upload a file under “Your own data”."""
    page.get_by_role("button", name="Your own data").click()
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": content.encode()}
    )
