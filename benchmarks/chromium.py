"""Chromium, and a clock inside the page that notes when figures are drawn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.row import Missing

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

#: Notes the moment after the paint in which the first player's figure stood there with data, and after a click the
#: moments of another run's first frame and of its first trained one, in the player that plays a tape. Once `armed` is
#: a step, every other step is of the other run. Times are in milliseconds since the navigation began.
CLOCK = """
window.bench = { drawn: null, clicked: null, armed: null, first: null, moved: null, steps: new Set() };
bench.tape = () => [...document.querySelectorAll(".unrolled-player")].find(
  (each) => each.querySelector('.bar:not([hidden]) input[aria-label="Training step"]'));
const noted = (name) => requestAnimationFrame(() => setTimeout(() => (bench[name] ??= performance.now())));
document.addEventListener("click", (event) => {
  if (bench.armed !== null && bench.clicked === null) bench.clicked = event.timeStamp;
}, true);
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const step = Number(target.dataset.step);
    const player = target.closest(".unrolled-player");
    if (player === document.querySelector(".unrolled-player")) noted("drawn");
    if (player !== bench.tape()) continue;
    bench.steps.add(step);
    if (bench.clicked === null || step === bench.armed) continue;
    noted("first");
    if (step > 0) noted("moved");
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-step"] });
"""

WHOLE = "() => !document.querySelector('.sketch') && document.querySelector('.unrolled-player .plot .main-svg')"
DRAWN = "() => window.bench && bench.drawn !== null"
SHOWN = "(step) => Number(bench.tape()?.querySelector('.plot')?.dataset.step) === step"


@contextmanager
def browsing() -> Iterator[Browser]:
    """The system's Chromium.

    Raises:
        Missing: there is none.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not executable:
        raise Missing("Chromium is not here: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def profile(browser: Browser) -> Iterator[Page]:
    """A page in a profile that has seen nothing, with the clock in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(CLOCK)
    page = context.new_page()
    page.set_default_timeout(60_000)
    try:
        yield page
    finally:
        context.close()


def open_drawn(page: Page, url: str) -> float:
    """Go to an address; the seconds until a figure with data was on the screen. Ends when it can be zoomed, too."""
    page.goto(url, wait_until="commit")
    page.wait_for_function(DRAWN)
    page.wait_for_function(WHOLE)
    return float(page.evaluate("bench.drawn")) / 1e3


def open_bare(page: Page, url: str) -> float:
    """Go to a page of Streamlit's that has a title and nothing else; the seconds until it was there."""
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => document.querySelector('h1') && (window.titled ??= performance.now())")
    return float(page.evaluate("window.titled")) / 1e3
