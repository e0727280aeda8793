"""`python -m explainer train`: a run on the tape without a page.

A store has one process that trains. Where no worker has it, this one takes its place for as long
as the run lasts, with the worker's own recorder; else the worker is asked and this one watches.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from explainer.config import RunConfig
from explainer.headless.progress import Progress
from explainer.lenses import LENSES, shown
from explainer.runs.active import record
from explainer.runs.claim import Taken
from explainer.runs.client import Client
from explainer.runs.rates import Rates
from explainer.runs.sharing import is_private
from explainer.runs.store import Run, Store, default_path
from explainer.runs.tape import join_metrics
from explainer.training import set_threads

OWNER = "command line"
SILENT_SECONDS = 5.0  # without a sign of life, the worker's place may be free
POLL_SECONDS = 0.2


def train_run(
    config: RunConfig,
    data: str | None = None,
    folder: Path | None = None,
    *,
    name: str = "",
    how: str = "",
    rates: Rates = (),
) -> int:
    """Train or join a run, print its progress, and its numbers as JSON on the last line.

    Args:
        config: the run.
        data: the user's own text, or a series' canonical text.
        folder: of the store.
        name: of the file that the data is from.
        how: options that read it so.
        rates: learning rates that take the place of the configuration's, each after so many updates.

    Returns:
        The exit status: 0 done, 1 ended otherwise, 130 interrupted.

    Raises:
        ValueError: the data is unfit, or the run is too big for this host.
        StoreError: the store can't be used.
    """
    store = Store(folder or default_path())
    client = Client(store)
    lenses = [name for name in shown() if LENSES[name].suits(config)]  # all that pages can show of it
    progress = Progress(config.steps, sys.stdout)
    with interruptions() as told:
        run = client.submit(config, OWNER, lenses, data, name=name, how=how, rates=rates)
        if is_private(client.found(run)):
            progress.say(f"It is on own data: in the app it opens at runs?run={run}&key={client.share([run], OWNER)}")
        if client.found(run).finished:
            progress.say(f"Run {run} is recorded already.")
        alone = True
        while not client.found(run).finished and not told:
            try:
                _train_here(store, run, progress, told)
            except Taken:
                if alone:
                    progress.say("Another process trains for this store: it takes this run, or this run follows.")
                    alone = False
                _watch(client, run, progress, told)
            except Exception:
                if client.found(run).status != "failed":
                    raise
    progress.close()
    found = client.found(run)
    if found.message:
        print(found.message, file=sys.stderr)
    print(orjson.dumps(summary(found, store.folder)).decode(), flush=True)
    if told:
        return 130
    return 0 if found.status == "done" else 1


def _train_here(store: Store, run: str, progress: Progress, told: list[int]) -> None:
    """Train in this process until the run has ended, or has been stopped by a signal.

    Raises:
        Taken: a worker trains for this store.
    """
    set_threads()
    with closing(record(store, run)) as steps:
        for step in steps:
            progress.update(step.number, step.loss)
            if told:
                break


def _watch(client: Client, run: str, progress: Progress, told: list[int]) -> None:
    """Follow a run that the store's worker trains, until it has ended or the worker is gone.

    A signal stops the run if it was asked for here; one that somebody else started goes on.
    """
    after, stopping = -1, False
    while True:
        found = client.found(run)
        chunks = client.store.chunks(run, after, ("metrics",))
        if chunks:
            after = chunks[-1].seq
            rows = join_metrics(chunk.body for chunk in chunks)
            if rows["step"].size:
                progress.update(int(rows["step"][-1]), float(rows["loss"][-1]))
        if found.finished:
            return
        if told and found.owner != OWNER:
            progress.say("Somebody else started this run, so it goes on.")
            return
        if told and not stopping:
            client.stop(run, OWNER)
            stopping = True
        time.sleep(POLL_SECONDS)
        if client.store.worker_state().age > SILENT_SECONDS:
            return


def summary(run: Run, folder: Path) -> dict[str, Any]:
    """What a script wants to know of a run; a number that is not finite becomes null in JSON."""
    said = ("metric", "baseline", "baseline_name", "parameters", "seconds", "device", "threads")
    return {
        "run": run.id,
        "status": run.status,
        "message": run.message,
        "step": run.step,
        "final": run.meta.get("final", {}),
        "lowest": run.meta.get("lowest", {}),
        **{name: run.meta.get(name) for name in said},
        "store": str(folder),
    }


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """A list that Ctrl-C or SIGTERM fills, so that a run ends between two updates; a second one acts as ever."""
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
