"""How soon a page is alive: opened for the first time, and after a click on Train."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from playwright.sync_api import Page

from benchmarks.chromium import SHOWN, browsing, open_bare, open_drawn, profile
from benchmarks.row import Missing, Row, Settings, at_most, say, spread
from benchmarks.server import App, fill_lessons, fresh_store, page_paths, scenes, serving, serving_bare_page

COLD_SECONDS = 2.5
CLICK_SECONDS = 1.0


def measure_cold(settings: Settings) -> Iterator[Row]:
    """Each page in a fresh profile, nothing cached, on a server that has been visited before; a bare page beside."""
    opened: dict[str, list[float]] = {}
    bare: list[float] = []
    paths = page_paths()
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app, serving_bare_page() as bare_url, browsing() as browser:
            for number in range(settings.pick(4, 2)):
                with profile(browser) as page:
                    bare.append(open_bare(page, bare_url))
                for path in paths:
                    with profile(browser) as page:
                        seconds = open_drawn(page, f"{app.url}/{path}")
                    if number > 0:  # the first visit warms the server
                        opened.setdefault(path, []).append(seconds)
                        say(f"cold page: {path} {seconds:.2f} s")
    yield at_most(
        "cold page to its first figure with data, server warm",
        max(max(times) for times in opened.values()),
        COLD_SECONDS,
        "s (slowest visit)",
        pages={path: spread(times) for path, times in opened.items()},
        bare_streamlit_page=spread(bare[1:]),
    )


def measure_click(settings: Settings) -> Iterator[Row]:
    """Train pressed on each page that trains, with settings that nobody has asked for yet."""
    first: dict[str, list[float]] = {}
    moved: dict[str, list[float]] = {}
    seeds = count(1000)
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app, browsing() as browser:
            for scene in scenes():
                with profile(browser) as page:
                    for number in range(settings.pick(6, 2)):
                        times = click_train(app, page, f"{app.url}/{scene.address()}&seed={next(seeds)}")
                        app.stop_runs()
                        if times is None:
                            break  # a page without Train
                        if number > 0:
                            first.setdefault(scene.path, []).append(times[0])
                            moved.setdefault(scene.path, []).append(times[1])
                            say(f"click on Train: {scene.path} {times[0]:.2f} s, trained {times[1]:.2f} s")
    if not first:
        raise Missing("No page has a button Train.")
    yield at_most(
        "warm click on Train to the first new frame",
        max(max(times) for times in first.values()),
        CLICK_SECONDS,
        "s (slowest click)",
        first_frame={path: spread(times) for path, times in first.items()},
        first_trained_frame={path: spread(times) for path, times in moved.items()},
    )


def click_train(app: App, page: Page, url: str) -> tuple[float, float] | None:
    """Seconds from a click on Train to the new run's first frame and to its first trained one; None without a Train."""
    open_drawn(page, url)
    button = page.get_by_role("button", name="Train", exact=True)
    if button.count() == 0:
        return None
    # The recorded run stands still at its last step, so that every other step is of the new run.
    slider = page.get_by_role("slider", name="Training step").first
    slider.press("End")
    said = slider.get_attribute("aria-valuetext") or ""
    last = int(said.split()[1])  # "step 700 of 700"
    page.wait_for_function(SHOWN, arg=last)
    page.evaluate("(last) => { bench.armed = last; }", last)
    button.click()
    page.wait_for_function("() => bench.moved !== null")
    clicked, first, moved = page.evaluate("[bench.clicked, bench.first, bench.moved]")
    return (first - clicked) / 1e3, (moved - clicked) / 1e3
