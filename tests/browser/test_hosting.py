"""The app as hosts serve it: under a path, behind nginx, in a frame as on Streamlit Community Cloud, without its routes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from conftest import _free_port, _stop
from playwright.sync_api import Frame, Page, expect
from test_pages import LESSONS, picture, plotted, shown_step, wait_for_step
from test_take_away import maps_of, recorded, rows_of, taken

expect.set_options(timeout=15_000)
Visit = Callable[..., Page]
View = Page | Frame
HERE = Path(__file__).parent
#: Small runs that end soon; each shape has a seed of its own, so that no two ask for the same.
SMALL = "task=adding&model=gru&width=7&length=12&steps=60"


@dataclass(frozen=True)
class Shape:
    """How a host serves the app.

    Attributes:
        address: that people open, without a slash at its end.
        framed: it shows the app in a frame.
    """

    address: str
    framed: bool = False

    def view(self, page: Page) -> View:
        """Where the app is on a page."""
        if not self.framed:
            return page
        page.locator("iframe").wait_for()
        for _ in range(300):  # a frame is there before it has an address
            frame = page.frames[-1]
            if "/~/+/" in frame.url:
                break
            page.wait_for_timeout(100)
        assert "/~/+/" in frame.url
        return frame


@pytest.fixture(scope="session")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, app: str, app_without_routes: str, app_under_path: str
) -> Iterator[str]:
    """Address of an nginx in front of the app; see nginx.conf."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not here: apt-get install nginx-light (make test does).")
    folder, port = tmp_path_factory.mktemp("nginx"), _free_port()
    text = (HERE / "nginx.conf").read_text()
    for name, value in {
        "WITHOUT_ROUTES": app_without_routes,
        "UNDER_PATH": app_under_path.removesuffix("/demo"),
        "FOLDER": str(folder),
        "OUTER": str(HERE),
        "PORT": str(port),
        "APP": app,
    }.items():
        text = text.replace(name, value)
    if os.geteuid() == 0:
        text = f"user root;\n{text}"
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    _stop(process)


@pytest.fixture
def shape(request: pytest.FixtureRequest) -> Shape:
    """A way to serve the app, by its name."""
    if request.param == "path":
        return Shape(request.getfixturevalue("app_under_path"))
    proxy = request.getfixturevalue("proxy")
    return Shape(proxy, framed=True) if request.param == "frame" else Shape(f"{proxy}/{request.param}")


def alive(view: View) -> None:
    """A figure of the player's stands there, not of the fallback."""
    plotted(view)  # type: ignore[arg-type]
    expect(view.locator(".stException, .stPlotlyChart")).to_have_count(0)


def trouble(complaints: list[str]) -> list[str]:
    """What went wrong, without what a page had asked for when the test left it."""
    return [each for each in complaints if "ERR_ABORTED" not in each]


def link_copied(page: Page, view: View) -> str:
    """What *Copy link* puts on the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view.get_by_role("button", name="Copy link").first.click()
    view.get_by_role("button", name="Copied").wait_for()
    return str(view.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("shape", ["path", "frame"], indirect=True)
def test_every_page_opens_alive(shape: Shape, visit: Visit, complaints: list[str]) -> None:
    page = visit(f"{shape.address}/")
    for name in ("", *LESSONS):
        page.goto(f"{shape.address}/{name}")
        alive(shape.view(page))
        assert trouble(complaints) == [], name
    page.goto(f"{shape.address}/runs")
    shape.view(page).locator("table").first.wait_for()
    assert trouble(complaints) == []


@pytest.mark.parametrize("shape", ["lab", "demo", "frame"], indirect=True)
def test_a_run_trains_and_its_link_opens_the_same_step_and_settings(
    shape: Shape, visit: Visit, complaints: list[str], request: pytest.FixtureRequest
) -> None:
    seed = 100 + ["lab", "demo", "frame"].index(request.node.callspec.params["shape"])
    page = visit(f"{shape.address}/hidden-states?{SMALL}&seed={seed}")
    view = shape.view(page)
    alive(view)
    view.get_by_role("button", name="Train", exact=True).click()
    view.wait_for_url(re.compile("run="))
    wait_for_step(view, "step == 60")  # type: ignore[arg-type]
    view.get_by_role("slider", name="Training step").press("Home")
    view.get_by_role("button", name="One frame on").click()
    wait_for_step(view, "step > 0")  # type: ignore[arg-type]
    step = shown_step(view)  # type: ignore[arg-type]
    link = link_copied(page, view)
    assert link.split("?")[0] == f"{shape.address}/hidden-states"
    assert parse_qs(urlsplit(link).query)["step"] == [str(step)]
    page.wait_for_url(re.compile(rf"[?&]step={step}\b"))  # the outer page's address, where there is one
    theirs = visit(link)
    there = shape.view(theirs)
    alive(there)
    wait_for_step(there, f"step == {step}")  # type: ignore[arg-type]
    assert picture(there, "states") == picture(view, "states")  # type: ignore[arg-type]
    expect(there.get_by_role("spinbutton", name="Seed")).to_have_value(str(seed))
    expect(there.get_by_role("spinbutton", name="Width")).to_have_value("7")
    assert trouble(complaints) == []


@pytest.mark.parametrize("shape", ["demo", "lab", "frame"], indirect=True)
def test_links_lead_to_the_app_as_people_open_it(shape: Shape, visit: Visit, complaints: list[str]) -> None:
    page = visit(f"{shape.address}/gates")
    view = shape.view(page)
    alive(view)
    view.get_by_role("tab", name="Try").click()
    tried = view.get_by_role("link", name="Open in this state").first
    target = tried.get_attribute("href") or ""
    assert target.startswith(f"{shape.address}/gates?")
    with page.context.expect_page() as opened:
        tried.click()
    alive(shape.view(opened.value))
    page.goto(f"{shape.address}/runs")
    view = shape.view(page)
    row = view.locator("td a").first
    row.wait_for()
    address = row.get_attribute("href") or ""
    assert re.fullmatch(re.escape(shape.address) + r"/[\w-]+\?run=[\w-]+", address)
    page.goto(address)
    alive(shape.view(page))
    assert trouble(complaints) == []


@pytest.mark.parametrize("shape", ["frame"], indirect=True)
def test_a_configuration_is_downloaded(shape: Shape, visit: Visit) -> None:
    page = visit(f"{shape.address}/runs?run=lesson-hidden")
    view = shape.view(page)
    alive(view)
    with page.expect_download() as download:
        view.get_by_role("button", name="Configuration").click()
    assert '"task"' in Path(download.value.path()).read_text()


@pytest.mark.parametrize("shape", ["demo", "frame"], indirect=True)
def test_the_owners_cookie_goes_to_the_app_and_nowhere_else(shape: Shape, visit: Visit) -> None:
    page = visit(f"{shape.address}/gates")
    alive(shape.view(page))
    cookies = [each for each in page.context.cookies() if each["name"] == "unrolled_owner"]
    path = urlsplit(shape.address).path + ("/~/+" if shape.framed else "")
    assert [(each["path"], each["httpOnly"], each["secure"], each["sameSite"]) for each in cookies] == [
        (path, True, False, "Lax")
    ]


def test_another_site_may_not_show_the_app_in_a_frame_unless_it_is_listed(app: str, proxy: str, visit: Visit) -> None:
    """nginx is another site than the app itself, which is on another port."""
    page = visit(f"{proxy}/gates")
    with page.expect_console_message(lambda message: "frame-ancestors 'self'" in message.text):
        page.evaluate(f"document.querySelector('iframe').src = '{app}/gates'")


@pytest.mark.parametrize(
    "path", ["/gates", "/api/tape/lesson-hidden?lenses=hidden_states", "/api/nothing", "/_stcore/health"]
)
def test_every_answer_carries_the_headers(app: str, path: str) -> None:
    request = urllib.request.Request(f"{app}{path}", headers={"Accept": "text/html", "Cookie": "a/b=1; c,d=2"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert rules["object-src"] == "'none'"
    assert rules["frame-ancestors"] == "'self' https://*.streamlit.app https://share.streamlit.io"
    assert "unsafe" not in rules["script-src"]


@pytest.mark.parametrize("shape", ["bare"], indirect=True)
def test_without_routes_every_page_opens(shape: Shape, visit: Visit, complaints: list[str]) -> None:
    page = visit(f"{shape.address}/")
    for name in ("", *LESSONS):
        page.goto(f"{shape.address}/{name}")
        page.locator(".stPlotlyChart .main-svg").first.wait_for()
        expect(page.locator(".stException, .stAlert")).to_have_count(0)


@pytest.mark.parametrize("shape", ["bare", "shut"], indirect=True)
def test_without_routes_a_run_trains_plays_and_is_shared(shape: Shape, visit: Visit) -> None:
    seed = 120 + len(shape.address.rsplit("/", 1)[1])
    page = visit(f"{shape.address}/hidden-states?{SMALL}&seed={seed}{'0' if 'shut' in shape.address else ''}")
    page.locator(".stPlotlyChart .main-svg").first.wait_for()
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("run="))
    slider = page.get_by_role("slider", name="Training step")
    expect(slider).to_have_attribute("aria-valuetext", "60")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(slider).not_to_have_attribute("aria-valuetext", "60")
    page.get_by_role("button", name="Hold", exact=True).click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    expect(slider).to_be_enabled()  # nothing is while the page has lost its server for a moment
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0")
    slider.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", "0")
    step = slider.get_attribute("aria-valuetext") or ""
    page.wait_for_url(re.compile(rf"[?&]step={step}\b"))
    link = link_copied(page, page)
    assert link == page.url
    theirs = visit(link)
    expect(theirs.get_by_role("slider", name="Training step")).to_have_attribute("aria-valuetext", step)


def test_without_our_routes_the_marks_are_the_same(app_without_routes: str, visit: Visit) -> None:
    page = visit(f"{app_without_routes}/hidden-states")
    page.locator(".stPlotlyChart .main-svg").first.wait_for()
    expect(page.get_by_text("recorded · step 700 · GRU, 32 units")).to_have_count(4)


def test_without_our_routes_numbers_are_given_and_a_link_to_a_figure_opens_it_as_zoomed(
    app_without_routes: str, visit: Visit, complaints: list[str], tmp_path: Path
) -> None:
    page = visit(
        f"{app_without_routes}/hidden-states?step=397&figure=states&zoom=states_x_3_9.5*nothing_x_1*states_q_1_2"
    )
    chart = page.locator(".js-plotly-plot")
    chart.locator(".main-svg").first.wait_for()
    expect(chart).to_have_count(1)
    assert chart.evaluate("(plot) => plot._fullLayout.xaxis.range") == [3, 9.5]
    page.get_by_role("button", name="All figures").click()
    expect(chart).to_have_count(4)
    page.wait_for_url(lambda url: "figure=" not in url and "zoom=states" in url)
    with page.expect_download() as download:
        page.get_by_role("button", name="Hidden state h, unit by unit").click()
    assert download.value.suggested_filename == "hidden-states-states-397.csv"
    rows = rows_of(download.value)
    states = recorded(tmp_path, "lesson-hidden", "hidden_states", 397)["states"][0]
    x, _, y, value = rows[0]
    assert [np.float32(row[value]) for row in rows] == [states[int(row[x]), int(row[y])] for row in rows]
    assert len(rows) == states.size
    # Chromium says of the player's module that it is a page, and does not say of which module.
    assert [each for each in complaints if not re.search("/api/|404|load module script", each)] == []


def test_without_our_routes_maps_are_told_apart_too(app_without_routes: str, visit: Visit, tmp_path: Path) -> None:
    weights = recorded(tmp_path, "lesson-attention", "attention", 800)["weights"]
    page = visit(f"{app_without_routes}/attention?step=800")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Every head").click()
    rows = rows_of(download.value)
    np.testing.assert_allclose(maps_of(rows, weights), weights, atol=1e-7)


def test_without_our_routes_a_table_has_the_same_words_for_its_columns_and_rows(
    app: str, app_without_routes: str, visit: Visit
) -> None:
    page = visit(f"{app}/attention?step=800")
    plotted(page)
    wait_for_step(page, "step == 800")
    with_routes = rows_of(taken(page, "map", "Numbers (CSV)"))
    page = visit(f"{app_without_routes}/attention?step=800")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="The chosen head: which token looks at which").click()
    assert rows_of(download.value) == with_routes
    assert sum(name.endswith(": label") for name in with_routes[0]) == 2
