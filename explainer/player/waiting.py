"""Waiting for the worker without a thread for each question: one thread watches the store for all that wait."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

from explainer.runs.store import Store, StoreError

POLL_SECONDS = 0.005


class Waiting:
    """Wakes who waits for an answer as soon as it is in the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiters: dict[asyncio.Future[None], int] = {}
        self._watching = False
        self._lock = threading.Lock()

    async def answered(self, number: int) -> None:
        """Wait until that look has been answered or refused, or is gone.

        Raises:
            StoreError: the store can't be read.
        """
        waiter = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiters[waiter] = number
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="waiting", daemon=True).start()
        try:
            await waiter
        finally:
            with self._lock:
                self._waiters.pop(waiter, None)

    def _watch(self) -> None:
        """Look at the store when it has changed or somebody new waits, as long as anybody does."""
        seen: tuple[int, frozenset[int]] | None = None
        while True:
            with self._lock:
                numbers = frozenset(self._waiters.values())
                if not numbers:
                    self._watching = False
                    return
            try:
                now = (self.store.data_version(), numbers)
                if now != seen:
                    self._wake(numbers - self.store.still_waiting(numbers))
                    seen = now
            except StoreError as error:
                self._wake(numbers, error)
            time.sleep(POLL_SECONDS)

    def _wake(self, numbers: frozenset[int], trouble: StoreError | None = None) -> None:
        with self._lock:
            woken = [waiter for waiter, number in self._waiters.items() if number in numbers]
        for waiter in woken:
            with suppress(RuntimeError):  # its loop has ended, and with it whoever waited
                waiter.get_loop().call_soon_threadsafe(_settle, waiter, trouble)


def _settle(waiter: asyncio.Future[None], trouble: StoreError | None) -> None:
    if waiter.done():
        return
    if trouble is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(trouble)
