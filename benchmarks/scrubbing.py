"""A tape of two hundred frames, dragged from one end to the other: how long is the page ever busy?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.chromium import SHOWN, browsing, open_drawn, profile
from benchmarks.row import Row, Settings, at_most, say
from benchmarks.server import fresh_store, scenes, serving, train_into
from explainer.lessons import LESSONS

LONGEST_MS = 100.0
TASKS = frozenset({"RunTask", "ThreadControllerImpl::RunTask"})


class Task(NamedTuple):
    """One task of a page's main thread: how long it took, and how much of that the processor worked on it."""

    ms: float
    processor_ms: float


def measure(settings: Settings) -> Iterator[Row]:
    """Each page with its lesson's networks, recorded at every one of 199 steps."""
    frames = settings.pick(200, 40)
    longest: dict[str, Task] = {}
    drawn: dict[str, int] = {}
    found = scenes()
    lenses: dict[str, set[str]] = {}
    for scene in found:
        for name in scene.runs:
            lenses.setdefault(name, set()).update(scene.lenses)
    with fresh_store() as store:
        for name, looking in lenses.items():
            say(f"scrubbing: recording {frames} frames of {name}")
            config = LESSONS[name].config
            config = config.but(steps=frames - 1, warmup=min(config["warmup"], frames // 2))
            train_into(store, f"long-{name}", config, sorted(looking), every_step=True)
        with serving(store) as app, browsing() as browser:
            for scene in found:
                with profile(browser) as page:
                    open_drawn(page, f"{app.url}/{scene.address('long-')}")
                    longest[scene.path], drawn[scene.path] = scrub(browser, page, frames)
                say(f"scrubbing: {scene.path} {longest[scene.path].ms:.0f} ms, {drawn[scene.path]} frames drawn")
    yield at_most(
        f"scrubbing a tape of {frames} frames end to end: longest task",
        max(task.ms for task in longest.values()),
        LONGEST_MS,
        "ms",
        pages={path: task.ms for path, task in longest.items()},
        processor_ms={path: task.processor_ms for path, task in longest.items()},
        frames_drawn=drawn,
    )


def scrub(browser: Browser, page: Page, frames: int) -> tuple[Task, int]:
    """Drag the slider through the whole tape; the longest task of the page, and how many moments it drew."""
    slider = page.get_by_role("slider", name="Training step").first
    page.wait_for_function(
        "(last) => Number(bench.tape()?.querySelector('input[type=range]').max) === last", arg=frames - 1
    )
    slider.press("End")  # a slider that stands at its start would not tell of Home, and the tape plays on
    slider.press("Home")
    page.wait_for_function(SHOWN, arg=0)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.evaluate("bench.steps.clear()")
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, height)
    browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    page.mouse.down()
    for number in range(frames + 1):
        page.mouse.move(box["x"] + 2 + (box["width"] - 4) * number / frames, height)
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_function(SHOWN, arg=frames - 1)
    trace = json.loads(browser.stop_tracing())
    return longest_task(trace["traceEvents"]), int(page.evaluate("bench.steps.size"))


def longest_task(events: list[dict[str, Any]]) -> Task:
    """The longest task of any page's main thread in a trace of Chromium's."""
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        Task(event.get("dur", 0) / 1e3, event.get("tdur", 0) / 1e3)
        for event in events
        if event["name"] in TASKS and (event["pid"], event["tid"]) in main
    ]
    assert tasks, "the trace has no tasks"
    return max(tasks)
