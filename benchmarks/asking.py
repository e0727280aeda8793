"""Many questions at once: what they cost who only watches, what they cost training, and what a large view costs memory."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np

from benchmarks import clients
from benchmarks.clients import header_of
from benchmarks.crowd import speed
from benchmarks.looking import an_input
from benchmarks.memory import forget_peak, memory
from benchmarks.recipes import GRU
from benchmarks.row import Row, Settings, at_least, at_most, percentile, say
from benchmarks.server import App, fill_lessons, fresh_store, serving, wait_for
from explainer.config import RunConfig
from explainer.lenses.attention.record import AttentionRecord
from explainer.runs.store import Draft, Store
from explainer.runs.tape import LARGEST_VIEW, encode_view
from explainer.theory.head_roles import ROLES

QUESTIONS, TAPE_MS = 30, 100.0
TOGETHER, INTERFACE_MB, WORKER_MB = 12, 250.0, 700.0
LOOPERS, KEPT = 50, 0.5
ASKED = "lesson-hidden"
COOKIE = "unrolled_owner"
EDGE = RunConfig(
    task="text", model="transformer", length=1024, layers=6, heads=16, width=256, positions="rotary", batch=2, steps=2
)
"""A run at the edge of the default limits: its maps are 400 MB where they are not looked at in parts."""


def measure_waiting(settings: Settings) -> Iterator[Row]:
    """A recorded tape, asked for while thirty questions wait for a worker that has been stopped."""
    count = settings.pick(100, 5)
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app:
            worker = app.wait_for_worker()
            alone = asyncio.run(tape_times(app, count))
            os.kill(worker, signal.SIGSTOP)
            try:
                beside = asyncio.run(tape_times(app, count, QUESTIONS))
            finally:
                os.kill(worker, signal.SIGCONT)
    yield at_most(
        f"a tape while {QUESTIONS} questions wait for a stopped worker: p95",
        percentile(beside, 0.95),
        TAPE_MS,
        "ms",
        median=statistics.median(beside),
        largest=max(beside),
        p95_without_questions=percentile(alone, 0.95),
    )


async def tape_times(app: App, count: int, questions: int = 0) -> list[float]:
    """Milliseconds of each of some requests for a whole tape, one after the other, beside questions that wait."""
    async with httpx.AsyncClient(base_url=app.url, timeout=60.0, limits=httpx.Limits(max_connections=200)) as http:
        config = app.client.found(ASKED).config
        waiting = [asyncio.create_task(ask(http, an_input(config))) for _ in range(questions)]
        await asyncio.sleep(0.5 if questions else 0.0)
        times = []
        for _ in range(count):
            start = time.perf_counter()
            answer = await http.get(f"/api/tape/{ASKED}", params={"lenses": "hidden_states", "after": -1})
            times.append(1e3 * (time.perf_counter() - start))
            assert answer.status_code == 200, answer.text
            assert not questions or not all(task.done() for task in waiting), "the questions no longer wait"
        for task in waiting:
            assert (await task).status_code in (200, 503)
    return times


async def ask(http: httpx.AsyncClient, text: str, visitor: str = "") -> httpx.Response:
    """A question at the end of a recorded run."""
    query = {"lens": "hidden_states", "step": "1000000", "input": text}
    return await http.get(
        f"/api/look/{ASKED}", params=query, headers={"Cookie": f"{COOKIE}={visitor or uuid.uuid4().hex}"}
    )


def measure_largest(settings: Settings) -> Iterator[Row]:
    """Twelve viewers at once: of a tape whose views are as large as may be sent, of one from before there was a limit, and
    with a question each at the largest run that is accepted."""
    yield from largest_tapes(settings)
    yield from largest_looks(settings)


def largest_looks(settings: Settings) -> Iterator[Row]:
    """What both processes grow to."""
    config = EDGE if not settings.quick else EDGE.but(length=128, layers=2)
    with fresh_store() as store, serving(store) as app:
        worker = app.wait_for_worker()
        fresh = memory(worker)
        run = app.client.submit(config, "benchmark", ("attention",))
        wait_for(lambda: app.client.found(run).finished, "the run did not end", seconds=180)
        trained = memory(worker)
        wait_for(lambda: memory(worker)["rss"] < fresh["rss"] + 150, "the worker kept what training took")
        forget_peak(worker)
        answers = asyncio.run(ask_together(app, run, config))
        after, interface = memory(worker), memory(app.pid)
        assert app.wait_for_worker() == worker, "the worker died on the way"
    assert answers == [200] * TOGETHER, answers
    details = {"fresh": fresh, "after_training": trained, "afterwards": after}
    name = f"{TOGETHER} questions at once at the largest run"
    yield at_most(f"memory of the worker, {name}", after["peak"], WORKER_MB, "MB at most", **details)
    yield at_most(f"memory of the interface, {name}", interface["peak"], INTERFACE_MB, "MB at most", after=interface)


async def ask_together(app: App, run: str, config: RunConfig) -> list[int]:
    """The statuses of as many questions, each of a visitor of its own, who asks again where the server is busy."""

    async def one(http: httpx.AsyncClient) -> int:
        query = {"lens": "attention", "step": str(config.steps), "input": an_input(config)}
        headers = {"Cookie": f"{COOKIE}={uuid.uuid4().hex}"}
        for _ in range(60):
            answer = await http.get(f"/api/look/{run}", params=query, headers=headers)
            if answer.status_code not in (429, 503):
                break
            await asyncio.sleep(1.0)
        return answer.status_code

    async with httpx.AsyncClient(base_url=app.url, timeout=120.0) as http:
        return await asyncio.gather(*(one(http) for _ in range(TOGETHER)))


def largest_tapes(settings: Settings) -> Iterator[Row]:
    """What the interface grows to while tapes are sent."""
    views = settings.pick(8, 2)
    with fresh_store() as store:
        large_run(store, "large", views, LARGEST_VIEW)
        large_run(store, "larger", 1, 13 * LARGEST_VIEW)
        with serving(store) as app:
            app.wait_for_worker()
            before = memory(app.pid)
            sizes = asyncio.run(whole_tapes(app, "large"))
            with_large = memory(app.pid)
            left_out = asyncio.run(whole_tapes(app, "larger"))
            after = memory(app.pid)
    assert min(sizes) > views * 0.9 * LARGEST_VIEW, "a viewer did not get the whole tape"
    assert max(left_out) < LARGEST_VIEW, "a view that is too large was sent"
    yield at_most(
        f"memory of the interface's process, {TOGETHER} viewers at once of views of {LARGEST_VIEW / 1e6:.0f} MB",
        after["peak"],
        INTERFACE_MB,
        "MB at most",
        before=before,
        with_large_views=with_large,
        afterwards=after,
        megabytes_to_each=max(sizes) / 1e6,
    )


def large_run(store: Store, name: str, views: int, size: int) -> None:
    """A finished run with attention views of nearly `size` bytes."""
    T = 256
    H = size * 99 // 100 // (T * T)
    draw = np.random.default_rng(0)
    weights = draw.random((1, H, T, T), np.float32)
    scores = draw.random((1, H), np.float32)
    record = AttentionRecord(
        weights=weights / weights.sum(-1, keepdims=True),
        tokens=("a",) * T,
        previous_token=scores,
        prefix_matching=scores,
        duplicate_token=scores,
        chance=np.zeros((len(ROLES), 1, H), np.float32),
        entropy=scores,
    )
    config = RunConfig(
        task="repeat", length=T, symbols=4, model="transformer", layers=1, width=64, heads=4, steps=views
    )
    store.create(name, config, owner="benchmark", lenses=("attention",), status="running")
    body = encode_view("attention", record)
    for step in range(1, views + 1):
        store.append(name, [Draft("view:attention", step, body)], step)
    store.set_status(name, "done")


async def whole_tapes(app: App, run: str) -> list[int]:
    """Bytes that each of some viewers at once got of a tape, however many answers it takes."""

    async def whole(http: httpx.AsyncClient) -> int:
        after, size, more = -1, 0, True
        while more:
            query = {"lenses": "attention", "after": str(after)}
            answer = await clients.ask(http, f"/api/tape/{run}", query)
            header = header_of(answer.content)
            after, more, size = header["after"], header["more"], size + len(answer.content)
        return size

    async with httpx.AsyncClient(base_url=app.url, timeout=120.0) as http:
        return await asyncio.gather(*(whole(http) for _ in range(TOGETHER)))


def measure_loopers(settings: Settings) -> Iterator[Row]:
    """Training while fifty visitors ask one new question after the other."""
    seconds = settings.pick(15, 3)
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app:
            run = app.client.submit(GRU.but(steps=20_000), "benchmark", ("hidden_states",))
            wait_for(lambda: app.client.found(run).step > 200, "the run did not begin")
            say("asking: training alone")
            before = speed(app, run, seconds)
            with looping(app) as answered:
                time.sleep(1.0)
                say(f"asking: {LOOPERS} visitors ask in a loop")
                begun = len(answered)
                beside = speed(app, run, seconds)
                count = len(answered) - begun
            say("asking: training alone again")
            after = speed(app, run, seconds)
            assert app.client.found(run).status == "running", "the run was too short to measure"
            app.stop_runs()
    yield at_least(
        f"{LOOPERS} visitors asking in a loop: speed that training keeps",
        2 * beside / (before + after),
        KEPT,
        "of its steps a second without them",
        steps_a_second={"before": before, "with questions": beside, "after": after},
        answers_a_second=count / seconds,
    )


@contextmanager
def looping(app: App) -> Iterator[list[int]]:
    """Visitors who ask in a loop, in a thread, as long as the block lasts; the statuses of what they got."""
    over, statuses = threading.Event(), list[int]()
    config = app.client.found(ASKED).config

    async def loop(http: httpx.AsyncClient) -> None:
        visitor = uuid.uuid4().hex
        while not over.is_set():
            statuses.append((await ask(http, an_input(config), visitor)).status_code)

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=LOOPERS)
        async with httpx.AsyncClient(base_url=app.url, timeout=60.0, limits=limits) as http:
            await asyncio.gather(*(loop(http) for _ in range(LOOPERS)))

    thread = threading.Thread(target=asyncio.run, args=(all_of_them(),))
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()
