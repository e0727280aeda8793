"""From the click to an induction head: the attention lesson's run in the worker, on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.recipes import induction
from benchmarks.row import Missing, Row, Settings, at_most, say
from benchmarks.server import PROJECT, fresh_store, wait_for
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view

LIMIT_SECONDS = 90.0
SCORE = 0.5
PATIENCE = 240.0


def measure(settings: Settings) -> Iterator[Row]:
    """Seconds until a view on the tape has a head whose prefix-matching score is above one half.

    Raises:
        Missing: no such lesson, or it did not get there.
    """
    lesson = induction()
    patience = settings.pick(int(PATIENCE), 8)
    with fresh_store() as store, working(store):
        client = Client(store)
        start = time.perf_counter()
        run = client.submit(lesson.config, "benchmark", lesson.lenses)
        after, best, step, told = -1, float("nan"), 0, start
        while time.perf_counter() - start < patience:
            client.store.watch(run, lesson.lenses)  # as an open page does
            chunks = client.store.chunks(run, after, (f"{VIEW}attention",))
            for chunk in chunks:
                after, step = chunk.seq, chunk.step
                best = float(np.nanmax(decode_view("attention", chunk.body).prefix_matching))
                if best > SCORE:
                    break
            if best > SCORE or client.found(run).finished:
                break
            if time.perf_counter() - told > 10:
                told = time.perf_counter()
                say(f"induction: step {step}, prefix-matching {best:.2f}")
            time.sleep(0.1)
        seconds = time.perf_counter() - start
    if not best > SCORE:
        raise Missing(f"No head got above {SCORE} in {seconds:.0f} s: the best has {best:.2f} at step {step}.")
    yield at_most(
        "induction lesson: from the click to a prefix-matching score above 0.5",
        seconds,
        LIMIT_SECONDS,
        "s",
        step=step,
        score=best,
        config=lesson.config.to_query(),
    )


@contextmanager
def working(store: Store) -> Iterator[None]:
    """A warm worker for the store, on the CPU, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "explainer.runs.worker", "--store", str(store.folder), "--parent", str(os.getpid())],
        cwd=PROJECT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    try:
        wait_for(lambda: store.worker_state().ready, "the worker did not get ready")
        yield
    finally:
        process.terminate()
        process.wait(30)
