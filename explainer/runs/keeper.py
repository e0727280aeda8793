"""Looks after the app's store and its worker: what the disk does to them is noticed, said, and gone on from."""

from __future__ import annotations

import logging
from collections.abc import Callable

from explainer.limits import limits
from explainer.runs.store import Store, StoreError
from explainer.runs.supervisor import Attendant, Supervisor

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0


class Keeper(Attendant):
    """The store of an interface, filled, with a worker for it, between `start` and `stop`.

    While the store's folder can't be used its store is in memory, and no worker runs.

    Attributes:
        supervisor: of the worker.

    Args:
        store: one that falls back into memory.
        fill: puts into an empty store what belongs into every one.
    """

    def __init__(self, store: Store, fill: Callable[[], None]) -> None:
        super().__init__()
        self.store, self._fill = store, fill
        self.supervisor = Supervisor(store.folder, self._mend)

    def _begin(self) -> None:
        self.store.began = self._fill
        try:
            self._fill()
        except StoreError as error:
            self.store.fall_back(error)
        if not self.store.in_memory:
            self.store.check_room()
            self.supervisor.start()

    def stop(self) -> None:
        """End the thread, and then the worker, which it might start once more."""
        super().stop()
        self.supervisor.stop()

    def look_after(self) -> None:
        """Go back to the folder if it can be used again; leave it when it can't be read; see whether there is room."""
        if self.store.in_memory:
            self.store.make_room(int(limits().store_mb * 1e6))
            if self.store.recover():
                log.warning("The store can be written again.")
                self.supervisor.start()
            return
        self.store.check_room()
        if not self._readable():
            self.supervisor.stop()

    def _readable(self) -> bool:
        """Whether the folder's store can be read; else it is in memory from now on."""
        try:
            self.store.read("SELECT 1 FROM runs LIMIT 1")
        except StoreError as error:
            if error.kind != "busy":
                self.store.fall_back(error)
        return not self.store.in_memory

    def _attend(self) -> None:
        self._mend(False)
        while not self._ending.wait(POLL_SECONDS):
            try:
                self.look_after()
            except Exception:  # whatever it is, the next look may find things in order
                log.exception("The store could not be looked after.")

    def _mend(self, again: bool) -> None:
        """Put the store aside if it is damaged, or if a worker says so again and again."""
        if again or not self.store.sound():
            self.store.replace_damaged()
