"""The worker process: `python -m explainer.runs.worker --store DIR --parent PID`.

It trains whatever the store asks for, one update of each run in turn, until its parent dies or
it is told to end. All that it knows is in the store, so it may be killed at any moment.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from explainer.runs.claim import Claim
from explainer.runs.store import Store, StoreError

if TYPE_CHECKING:
    from explainer.runs.workshop import Workshop

log = logging.getLogger(__name__)

TAKEN = 3
"""Exit status when another worker has this store."""

IDLE_SECONDS = 0.01
BEAT_SECONDS = 1.0
TIDY_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until told to end. Returns the exit status: 0, `TAKEN`, or 1 when the store can't be used."""
    parser = argparse.ArgumentParser(description="Train the runs of a store.")
    parser.add_argument("--store", type=Path, required=True, help="folder of the store")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="worker: %(message)s")

    try:
        store = Store(options.store)
    except StoreError as error:
        log.error("%s", error)
        return 1
    claim = Claim(options.store)
    if not claim.take():
        return TAKEN
    try:
        work(store, options.parent)
    finally:
        claim.drop()
        store.close()
    return 0


def work(store: Store, parent: int) -> None:
    """Take the turns of a `Workshop` until a signal comes or the parent is gone."""
    child = os.getppid() == parent
    store.register_worker(os.getpid())
    if parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the app too, which then ends this process

    # torch takes seconds to load: only the process that has the claim pays for it.
    import torch

    from explainer.limits import limits
    from explainer.runs.memory_bound import bound_memory
    from explainer.runs.warm import warm
    from explainer.runs.workshop import Workshop
    from explainer.training import device_name, pick_device, set_threads

    set_threads()
    device = pick_device()
    warm(device)
    gc.collect()
    gc.freeze()  # what is loaded now stays: the collector needn't walk it between updates
    if device.type == "cpu":
        bound_memory(limits().memory_mb)
    store.register_worker(os.getpid(), device_name(device), torch.__version__)

    told = _listen(signal.SIGTERM) if parent else _listen(signal.SIGTERM, signal.SIGINT)
    pulse = Pulse(store, lambda: bool(told) or not _alive(parent, child))
    _turns(store, pulse, lambda: Workshop(store, device, ending=pulse.over))


class Pulse:
    """Says each second that this process lives, also between two pieces of long work, and whether it is to end.

    Args:
        told: whether it was told to end, or has nobody left to work for.
    """

    def __init__(self, store: Store, told: Callable[[], bool]) -> None:
        self.store, self.told = store, told
        self._beat = time.monotonic()

    def over(self) -> bool:
        """Whether to end."""
        now = time.monotonic()
        if now - self._beat >= BEAT_SECONDS:
            self._beat = now
            self.store.heartbeat()
        return self.told()


def _turns(store: Store, pulse: Pulse, make: Callable[[], Workshop]) -> None:
    from explainer.models.pieces import Abandoned

    workshop, tidied = make(), time.monotonic()
    while not pulse.over():
        try:
            worked = workshop.turn()
            if time.monotonic() - tidied >= TIDY_SECONDS:
                tidied = time.monotonic()
                workshop.tidy()
        except Abandoned:
            break
        except StoreError as error:
            log.error("%s", error)
            time.sleep(BEAT_SECONDS)
            workshop = make()
            continue
        if not worked:
            time.sleep(IDLE_SECONDS)
    workshop.close()


def _listen(*signals: signal.Signals) -> list[int]:
    """A list that these signals fill; until now they ended the process, which had nothing to save."""
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)

    for each in signals:
        signal.signal(each, note)
    return told


def _alive(parent: int, child: bool) -> bool:
    """Whether the parent is there: an orphan gets another one at once."""
    if parent == 0:
        return True
    if child:
        return os.getppid() == parent
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


if __name__ == "__main__":
    sys.exit(main())
