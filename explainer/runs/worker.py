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
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from explainer.runs.claim import Claim
from explainer.runs.faults import FULL
from explainer.runs.memory import give_back_freed
from explainer.runs.store import Store, StoreError
from explainer.runs.supervisor import DAMAGED, TAKEN, UNUSABLE

if TYPE_CHECKING:
    from explainer.runs.workshop import Workshop

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.01
BEAT_SECONDS = 1.0
TIDY_SECONDS = 10.0
LONGEST_REST = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until told to end. Returns the exit status: 0, `UNUSABLE`, `TAKEN` or `DAMAGED`."""
    parser = argparse.ArgumentParser(description="Train the runs of a store.")
    parser.add_argument("--store", type=Path, required=True, help="folder of the store")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="worker: %(message)s")

    claim = Claim(options.store)
    try:
        with closing(Store(options.store, mends=not options.parent)) as store:
            if not claim.take():
                return TAKEN
            work(store, options.parent, claim)
    except StoreError as error:
        log.error("%s (%s)", error, options.store)
        return DAMAGED if error.kind == "damaged" else UNUSABLE
    finally:
        claim.drop()
    return 0


def work(store: Store, parent: int, claim: Claim) -> None:
    """Take the turns of a `Workshop` until a signal comes or the parent is gone.

    Where the store can't be written this waits until it can; the runs go on from their checkpoints.

    Raises:
        StoreError: the store is damaged, and the parent has to put it aside.
    """
    child = os.getppid() == parent
    store.register_worker(os.getpid())
    if parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the app too, which then ends this process

    # torch takes seconds to load: only the process that has the claim pays for it.
    import torch

    from explainer.limits import limits
    from explainer.runs.memory_bound import bound_memory
    from explainer.runs.speed import host_speed
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
    speed = host_speed(device)
    store.register_worker(os.getpid(), device_name(device), torch.__version__, speed)

    told = _listen(signal.SIGTERM) if parent else _listen(signal.SIGTERM, signal.SIGINT)
    pulse = Pulse(store, lambda: bool(told) or not _alive(parent, child))
    while _turns(store, pulse, lambda: Workshop(store, device, ending=pulse.over)):
        claim.drop()
        if not claim.take():
            return
        store.register_worker(os.getpid(), device_name(device), torch.__version__, speed)


class Pulse:
    """Says each second that this process lives, also between two pieces of long work, and whether it is to end.

    Attributes:
        told: whether it was told to end, or has nobody left to work for.
        moved: whether another store is in the place of the one that it works for.
    """

    def __init__(self, store: Store, told: Callable[[], bool]) -> None:
        self.store, self.told, self.moved = store, told, False
        self._beat = time.monotonic()

    def over(self) -> bool:
        """Whether to end what this process is at."""
        now = time.monotonic()
        if now - self._beat >= BEAT_SECONDS:
            self._beat = now
            self.moved = not self.store.heartbeat()
        return self.moved or self.told()


def _turns(store: Store, pulse: Pulse, make: Callable[[], Workshop]) -> bool:
    """Turns of a workshop, until the pulse is over; whether that is because another store is in the place of this one.

    Raises:
        StoreError: the store is damaged, and the parent has to put it aside.
    """
    from explainer.models.pieces import Abandoned

    pulse.moved = False
    workshop = make()
    tidied = failed = time.monotonic()
    rest, resting = BEAT_SECONDS, False
    while True:
        try:
            if pulse.over():
                break
            worked = workshop.turn()
            if time.monotonic() - tidied >= TIDY_SECONDS:
                tidied = time.monotonic()
                if not store.check_room():
                    raise StoreError(FULL, "full")
                workshop.tidy()
        except Abandoned:
            break
        except StoreError as error:
            if error.kind == "damaged":
                raise
            log.error("%s", error)
            rest = min(2 * rest, LONGEST_REST) if time.monotonic() - failed < LONGEST_REST else BEAT_SECONDS
            _wait_for_room(store, rest, lambda: not pulse.told())
            workshop, failed = make(), time.monotonic()
            continue
        if not worked:
            if not resting:
                gc.collect()
                give_back_freed()
            time.sleep(IDLE_SECONDS)
        resting = not worked
    if not pulse.moved:
        workshop.close()
    return pulse.moved and not pulse.told()


def _wait_for_room(store: Store, rest: float, going_on: Callable[[], bool]) -> None:
    """Wait for `rest` seconds, and then until the store can be written; no run is held responsible.

    Raises:
        StoreError: it is damaged.
    """
    until = time.monotonic() + rest
    while going_on():
        time.sleep(min(rest, BEAT_SECONDS))
        if time.monotonic() < until:
            continue
        try:
            if store.check_room():
                store.write_probe()
                store.forgive()
                return
        except StoreError as error:
            if error.kind == "damaged":
                raise


def _listen(*signals: signal.Signals) -> list[int]:
    """A list that these signals fill; until now they ended the process, which had nothing to save."""
    told: list[int] = []
    for each in signals:
        signal.signal(each, lambda number, _: told.append(number))
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
