"""On a phone: a swipe over a chart scrolls the page, two fingers zoom it, and nothing is out of sight without a handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect
from test_pages import LESSONS, plotted

WIDTH, HEIGHT = 390, 844
TOP = "() => document.querySelector('.stMain').scrollTop"
RANGES = "(plot) => ['xaxis', 'yaxis'].map((name) => plot._fullLayout[name].range)"
#: What reaches beyond the screen though nothing that holds it can be scrolled; a slider's own field is not to be seen.
LOST = """() => {
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && !element.matches('input[type="range"][style*="absolute"], .katex-mathml *');
  };
  const held = (element) => {
    for (let up = element.parentElement; up; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (/auto|scroll/.test(style.overflowX) && up.scrollWidth > up.clientWidth && !up.matches('.stMain')) return true;
      if (style.clip !== 'auto' || style.clipPath !== 'none') return true;
    }
    return false;
  };
  return [...document.querySelectorAll('.stMain *')].filter((element) => seen(element)
    && (element.getBoundingClientRect().right > innerWidth + 1 || element.getBoundingClientRect().left < -1)
    && !held(element)).map((element) => `${element.tagName}.${element.className}`);
}"""


@pytest.fixture(scope="module")
def phone(chromium: Browser, app: str) -> Iterator[tuple[Page, CDPSession]]:
    """A page on a screen that is touched."""
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page, context.new_cdp_session(page)
    context.close()


def touch(cdp: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})


def middle(plot: Locator) -> tuple[float, float]:
    """The middle of a chart, which is brought into the middle of the screen before."""
    plot.evaluate("(plot) => plot.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = plot.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def held(page: Page) -> None:
    """Every figure drawn, and nothing playing, so that no axis moves by itself."""
    page.evaluate(
        "() => document.querySelectorAll('.unrolled-player button[aria-label^=\"Hold\"]').forEach((each) => each.click())"
    )
    page.wait_for_function("() => !document.querySelector('.unrolled-player button[aria-label^=\"Hold\"]')")


def settled(plot: Locator) -> Any:
    """The ranges of a chart's axes once they stay: it is fitted to its width after it was drawn."""
    ranges = plot.evaluate(RANGES)
    for _ in range(50):
        plot.page.wait_for_timeout(200)
        before, ranges = ranges, plot.evaluate(RANGES)
        if before == ranges:
            return ranges
    raise AssertionError(f"the axes never rest: {ranges}")


def swipe(cdp: CDPSession, x: float, y: float) -> None:
    touch(cdp, "touchStart", (x, y))
    for far in (30, 60, 90, 120):
        touch(cdp, "touchMove", (x, y - far))
    touch(cdp, "touchEnd")


@pytest.mark.parametrize("name", ["", *LESSONS, "runs"])
def test_a_swipe_over_any_chart_scrolls_the_page_and_nothing_is_out_of_sight(
    app: str, phone: tuple[Page, CDPSession], name: str
) -> None:
    page, cdp = phone
    page.goto(f"{app}/{name or '?'}")
    if name == "runs":
        page.locator("table").first.wait_for()
    else:
        plotted(page)
        held(page)
    for plot in page.locator(".unrolled-player .plot").all():
        x, y = middle(plot)
        plot.locator(".main-svg").first.wait_for()  # out of sight it was not drawn
        before, ranges = page.evaluate(TOP), settled(plot)
        swipe(cdp, x, y)
        page.wait_for_function(f"(before) => ({TOP})() > before + 40", arg=before)
        assert plot.evaluate(RANGES) == ranges, "the swipe has moved an axis"
    if name == "runs":  # its style comes with a script of its own
        page.wait_for_function("() => getComputedStyle(document.querySelector('table')).display === 'block'")
    assert page.evaluate(LOST) == []
    for what in ("document.scrollingElement", "document.querySelector('.stMain')"):
        assert page.evaluate(f"{what}.scrollWidth <= window.innerWidth + 1"), what


def test_two_fingers_zoom_a_chart_and_the_menu_takes_it_back(app: str, phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    page.goto(f"{app}/hidden-states?step=400")
    plotted(page)
    figure = page.locator('figure[data-figure="states"]')
    plot = figure.locator(".plot")
    x, y = middle(plot)
    whole = plot.evaluate(RANGES)
    touch(cdp, "touchStart", (x - 20, y - 20), (x + 20, y + 20))
    for far in (30, 40):
        touch(cdp, "touchMove", (x - far, y - far), (x + far, y + far))
    touch(cdp, "touchEnd")
    spans = "(plot, whole) => plot._fullLayout.xaxis.range[1] - plot._fullLayout.xaxis.range[0]"
    page.wait_for_url(lambda url: "zoom=states" in url)
    page.wait_for_function(
        f"([selector, old]) => ({spans})(document.querySelector(selector)) < old",
        arg=['figure[data-figure="states"] .plot', 0.6 * (whole[0][1] - whole[0][0])],
    )
    near = plot.evaluate(RANGES)
    assert near[0][1] - near[0][0] == pytest.approx((whole[0][1] - whole[0][0]) / 2, rel=0.02), "twice as far apart"
    figure.locator(".head button").tap()
    page.get_by_role("menuitem", name="Reset the view").tap()
    page.wait_for_url(lambda url: "zoom" not in url)
    page.wait_for_function(
        f"([selector, old]) => Math.abs(({spans})(document.querySelector(selector)) - old) < 1e-6",
        arg=['figure[data-figure="states"] .plot', whole[0][1] - whole[0][0]],
    )


def test_a_finger_that_taps_is_a_click(app: str, phone: tuple[Page, CDPSession]) -> None:
    page, _ = phone
    page.goto(f"{app}/attention?step=800&layer=1&head=2")
    plotted(page)
    plot = page.locator('figure[data-figure="heads"] .plot')
    middle(plot)
    box = page.locator('figure[data-figure="heads"] .nsewdrag').first.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])  # the first map
    expect(page.get_by_role("combobox", name="Head")).to_have_value("0")
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("0")


def test_cells_keep_their_words_or_a_list_has_them(app: str, phone: tuple[Page, CDPSession]) -> None:
    page, _ = phone
    page.goto(f"{app}/gates?step=700")
    plotted(page)
    tracking = page.locator('figure[data-figure="tracking"] .plot')
    middle(tracking)
    tracking.locator(".annotation-text").first.wait_for()
    written = tracking.locator(".annotation-text").all_text_contents()
    tokens: list[str] = tracking.evaluate("(plot) => plot.data[1].text")
    assert len(tokens) == 30
    assert sorted(written) == sorted(tokens)
    page.goto(f"{app}/layers?step=800")
    plotted(page)
    lens = page.locator('figure[data-figure="logit-lens"]')
    lens.get_by_text("too narrow here").tap()
    said: list[list[str]] = lens.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    data: list[dict[str, Any]] = lens.locator(".plot").evaluate("(plot) => plot.data.slice(1).map(({ text }) => text)")
    assert [row[1:] for row in said] == [list(column) for column in zip(*data, strict=True)]
    assert len(said) > 40
