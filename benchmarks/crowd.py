"""A class of thirty on one live run: how long an update takes, and what it costs the training."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator, Sequence

from benchmarks.clients import Viewer, watch_together
from benchmarks.memory import cpu_seconds
from benchmarks.recipes import GRU
from benchmarks.row import Row, Settings, at_least, at_most, percentile, say
from benchmarks.server import App, fresh_store, serving, wait_for

CLIENTS = 30
LATENCY_MS = 100.0
KEPT = 0.80
UNWATCHED_SECONDS = 4.0  # after the last question, until the worker knows that nobody looks


def measure(settings: Settings) -> Iterator[Row]:
    """A row for the updates and one for the training, from the same half minute."""
    seconds = settings.pick(15, 3)
    with fresh_store() as store, serving(store) as app:
        run = app.client.submit(GRU.but(steps=20_000), "benchmark", ("hidden_states",))
        wait_for(lambda: _step(app, run) > 200, "the run did not begin")
        say("crowd: training alone")
        before = speed(app, run, seconds)
        say(f"crowd: {CLIENTS} clients join")
        viewers = [Viewer(app.url, "hidden-states", run, ("hidden_states",)) for _ in range(CLIENTS)]
        with Crowd(viewers) as crowd:
            crowd.wait_until_in()
            used = cpu_seconds(app.pid)
            start = time.perf_counter()
            with_crowd = speed(app, run, seconds)
            end = time.perf_counter()
            used = cpu_seconds(app.pid) - used
        time.sleep(UNWATCHED_SECONDS)
        say("crowd: training alone again")
        after = speed(app, run, seconds)
        assert app.client.found(run).status == "running", "the run was too short to measure"
        app.stop_runs()
    answers = [update for viewer in viewers for update in viewer.updates if start <= update.at <= end]
    news = [1e3 * update.seconds for update in answers if update.chunks]
    assert news, "no client saw anything new"
    yield at_most(
        f"{CLIENTS} clients on a live run: p95 of an update",
        percentile(news, 0.95),
        LATENCY_MS,
        "ms",
        median=statistics.median(news),
        largest=max(news),
        p95_of_all_answers=percentile([1e3 * update.seconds for update in answers], 0.95),
        answers_a_second=len(answers) / (end - start),
        updates_a_second_of_one_client=len(news) / (end - start) / CLIENTS,
        kilobytes_a_second=sum(update.size for update in answers) / 1e3 / (end - start),
        server_cores=used / (end - start),
        page_opened_seconds={
            "median": statistics.median([viewer.opened for viewer in viewers]),
            "largest": max(viewer.opened for viewer in viewers),
        },
    )
    alone = (before + after) / 2
    yield at_least(
        f"{CLIENTS} clients on a live run: speed that training keeps",
        with_crowd / alone,
        KEPT,
        "of its steps a second without them",
        steps_a_second={"before": before, "with clients": with_crowd, "after": after},
    )


def speed(app: App, run: str, seconds: float) -> float:
    """Steps a second, between the first and the last commit that fall into some seconds."""
    seen: list[tuple[float, int]] = []
    last = _step(app, run)
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        step = _step(app, run)
        if step != last:
            seen.append((now, step))
            last = step
        time.sleep(0.01)
    assert len(seen) > 1, "the run does not move"
    (start, first), (stop, final) = seen[0], seen[-1]
    return (final - first) / (stop - start)


def _step(app: App, run: str) -> int:
    return app.client.found(run).step


class Crowd:
    """Viewers in a thread of their own, for as long as the block lasts; what went wrong there is raised at its end."""

    def __init__(self, viewers: Sequence[Viewer], gap: float = 0.1) -> None:
        self._viewers, self._gap = viewers, gap
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()
        self._loop.close()
        if self._trouble is not None:
            raise self._trouble

    def wait_until_in(self) -> None:
        """Wait until every viewer has the whole tape so far, or something went wrong."""
        wait_for(
            lambda: not self._thread.is_alive() or all(viewer.caught_up for viewer in self._viewers),
            "not every client got in",
        )

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(watch_together(self._viewers, self._ending, self._gap))
        except Exception as trouble:
            self._trouble = trouble
