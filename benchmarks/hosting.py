"""A small host waking up: an empty disk, one core of which the app gets a share, and little memory."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chromium import browsing, open_drawn, profile
from benchmarks.memory import memory
from benchmarks.row import Missing, Row, Settings, at_most
from benchmarks.server import App, fresh_store, starting, wait_for

MEMORY_MB = 690.0
SHARE = 0.5  # of one core
SECONDS = 20.0
TURN = 0.04  # seconds of a turn, of which the app runs for SHARE
OURS = (b"streamlit", b"explainer.runs.worker")


def measure(settings: Settings) -> Iterator[Row]:
    """From the start to the first figure, then a run that trains to its end: how long, and how much memory at the peak.

    Raises:
        Missing: a system without /proc or without a choice of cores.
    """
    if not Path("/proc/self/smaps_rollup").exists() or not hasattr(os, "sched_setaffinity"):
        raise Missing("The share of a core and the memory are read from /proc, which this system doesn't have.")
    with fresh_store() as store, throttled(SHARE), contextlib.ExitStack() as until_measured:
        start = time.perf_counter()
        with one_core():
            app = until_measured.enter_context(starting(store))
        served = time.perf_counter() - start
        drawn = first_figure(app)
        trained = train(app, settings.pick(300, 20))
        peaks = {"interface": memory(app.pid)["peak"], "worker": memory(app.wait_for_worker())["peak"]}
    yield at_most(
        f"interface and worker at their peaks, {SHARE:g} of a core, from an empty disk through a run",
        sum(peaks.values()),
        MEMORY_MB,
        "MB resident",
        **peaks,
        seconds_of_the_run=trained,
    )
    yield at_most(
        f"start on an empty disk to the first figure, {SHARE:g} of a core",
        served + drawn,
        SECONDS,
        "s",
        until_the_server_answers=served,
        page=drawn,
    )


def first_figure(app: App) -> float:
    """Seconds from the opening of a lesson to its first figure, in a browser on all cores."""
    with browsing() as browser, profile(browser) as page:
        return open_drawn(page, f"{app.url}/hidden-states")


def train(app: App, steps: int) -> float:
    """Seconds that a run of the first lesson's network takes, once the worker is warm."""

    from explainer.lessons import LESSONS

    app.wait_for_worker()
    lesson = LESSONS["lesson-hidden"]
    start = time.perf_counter()
    run = app.client.submit(lesson.config.but(steps=steps, seed=77), "benchmark", lesson.lenses)
    wait_for(lambda: app.client.found(run).finished, "the run did not end", seconds=300)
    return time.perf_counter() - start


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """What is started inside runs on one core of this machine."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def throttled(share: float) -> Iterator[None]:
    """The app's processes that descend from this one stand still for 1 − `share` of every turn."""
    over = threading.Event()

    def keep_turns() -> None:
        while not over.wait(TURN * share):
            pids = ours(os.getpid())
            send(pids, signal.SIGSTOP)
            time.sleep(TURN * (1 - share))
            send(pids, signal.SIGCONT)

    thread = threading.Thread(target=keep_turns)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def ours(root: int) -> list[int]:
    """The interface and the worker among the processes that descend from `root`."""
    found, waiting = [], [root]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended
                for child in map(int, task.read_text().split()):
                    waiting.append(child)
                    if any(word in Path(f"/proc/{child}/cmdline").read_bytes() for word in OURS):
                        found.append(child)
    return found


def send(pids: list[int], what: signal.Signals) -> None:
    """A signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)
