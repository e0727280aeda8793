"""What a neighbour keeps while the heaviest run that is accepted is looked at, and how much a look takes and leaves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.recipes import GRU
from benchmarks.row import Row, Settings, at_least, at_most, say
from explainer.config import RunConfig
from explainer.lenses.costs import look_bytes

if TYPE_CHECKING:
    from explainer.runs.active import ActiveRun
    from explainer.runs.workshop import Workshop
    from explainer.training import Step

KEPT, STANDSTILL_SECONDS, STOP_SECONDS, VIEW_MB, LOOK_MB = 0.5, 2.0, 2.0, 8.0, 300.0
LENSES = ("attention", "heads")
HEAVIEST = RunConfig(
    task="repeat",
    symbols=64,
    model="transformer",
    length=1024,
    layers=6,
    heads=16,
    width=64,
    positions="rotary",
    batch=2,
    steps=40,
)


def measure(settings: Settings) -> Iterator[Row]:
    """One worker in this process, two runs: seconds are those of this process, so that others don't count."""
    from explainer.training import set_threads

    set_threads()
    heavy = HEAVIEST if not settings.quick else HEAVIEST.but(length=128, layers=2)
    seconds = settings.pick(30, 2)
    for lens in LENSES:
        alone, beside, longest, stopped = neighbour(heavy, lens, seconds)
        say(f"sharing: beside {lens} {beside:.0f} of {alone:.0f} steps a second, longest standstill {longest:.2f} s")
        yield at_least(f"speed that a neighbour keeps beside {lens}", beside / alone, KEPT, "of its own", alone=alone)
        yield at_most(f"longest standstill of a neighbour beside {lens}", longest, STANDSTILL_SECONDS, "s")
        yield at_most(f"Stop while {lens} is looked at", stopped, STOP_SECONDS, "s")
    widest = HEAVIEST.but(width=256, symbols=256)
    sizes = {lens: look_bytes(widest, lens, 256, 256) for lens in ("hidden_states", "attention", "layers", "positions")}
    yield at_most("largest view of the largest Transformer", max(s.view for s in sizes.values()) / 1e6, VIEW_MB, "MB")
    yield at_most("largest peak of a look at it", max(s.peak for s in sizes.values()) / 1e6, LOOK_MB, "MB")


def neighbour(heavy: RunConfig, lens: str, seconds: float) -> tuple[float, float, float, float]:
    """Updates a second of a GRU alone and beside, its longest pause beside, and what Stop took: in this process's seconds."""
    from explainer.runs.client import Client
    from explainer.runs.store import Store
    from explainer.runs.workshop import Workshop

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        client, workshop = Client(store), Workshop(store)
        first = client.submit(GRU.but(steps=20_000), "neighbour", ("hidden_states",))
        while first not in workshop.active:
            workshop.turn()
        updates = _clocked(workshop.active[first])
        _turn_for(workshop, seconds / 4)
        alone = _rate(updates)
        updates.clear()
        run = client.submit(heavy, "benchmark", (lens,))
        _turn_for(workshop, seconds)
        beside, longest = _rate(updates), max(b - a for a, b in pairwise(updates))
        start = time.process_time()
        client.stop(run, "benchmark")
        while not client.found(run).finished:
            workshop.turn()
        stopped = time.process_time() - start
        store.close()
    return alone, beside, longest, stopped


def _clocked(run: ActiveRun) -> list[float]:
    """When each later update of a run was done."""
    times: list[float] = []
    advance = run.advance

    def timed() -> Step | None:
        step = advance()
        times.append(time.process_time())
        return step

    run.advance = timed  # type: ignore[method-assign]
    return times


def _turn_for(workshop: Workshop, seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        workshop.turn()


def _rate(times: list[float]) -> float:
    """Updates a second over the whole time."""
    return (len(times) - 1) / (times[-1] - times[0])
