"""What many viewers share: the word that somebody watches, answers until the next commit, and a few threads."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from explainer.player.annotate import Annotator
from explainer.player.answers import Answer, shared, tape_answer
from explainer.player.kept import Kept
from explainer.runs.rows import Run
from explainer.runs.store import Store, StoreError

log = logging.getLogger(__name__)

ANSWERS_BYTES = 8_000_000  # of answers that are kept for who asks the same
READERS, WRITERS = 4, 2
WATCH_SECONDS = 1.0  # between two words to the worker that a run is watched; it remembers for three
WORDS_KEPT = 1000
Result = TypeVar("Result")


class Crowd:
    """Answers for viewers, each computed once for all who ask the same, in threads of its own.

    Reading and writing have different threads: a write may have to wait for the worker, and no tape waits with it.
    Who waits for a thread holds none.
    """

    def __init__(self, store: Store, annotator: Annotator) -> None:
        self.store, self.annotator = store, annotator
        self._readers = ThreadPoolExecutor(READERS, "tapes")
        self._writers = ThreadPoolExecutor(WRITERS, "questions")
        self._told: dict[tuple[str, str], float] = {}
        self._answers: Kept[Answer] = Kept(ANSWERS_BYTES, lambda answer: answer.size)
        self._begun: dict[tuple[Any, ...], Future[Answer]] = {}
        self._version = -1
        self._lock = threading.Lock()

    async def read(self, do: Callable[..., Result], *given: Any) -> Result:
        """Do something that reads the store."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, do, *given)

    async def write(self, do: Callable[..., Result], *given: Any) -> Result:
        """Do something that writes to the store."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, do, *given)

    def soon(self, do: Callable[[], None]) -> None:
        """Write to the store when it can be written, without waiting for that."""
        self._writers.submit(_logged, do)

    def watch(self, run: str, lenses: tuple[str, ...]) -> None:
        """Pass on that the run is watched, once a second: each time is a write, which the worker has to wait for."""
        now = time.monotonic()
        with self._lock:
            due = [lens for lens in lenses if now - self._told.get((run, lens), -WATCH_SECONDS) >= WATCH_SECONDS]
            self._told.update({(run, lens): now for lens in due})
            if len(self._told) > WORDS_KEPT:
                self._told.clear()
        if due:
            self.soon(lambda: self.store.watch(run, due))

    async def answer(self, run: Run, lenses: tuple[str, ...], after: int, context: str) -> Answer:
        """`tape_answer`, computed once for all who ask the same before anything has changed in the store."""
        key = (run.id, run.created, run.status, lenses, after, context)
        with self._lock:
            begun = self._begun.get(key)
            if begun is None:
                begun = self._begun[key] = self._readers.submit(self._answer, key, run)
        return await asyncio.shield(asyncio.wrap_future(begun))  # of those who share it one may go

    def _answer(self, key: tuple[Any, ...], run: Run) -> Answer:
        _, _, _, lenses, after, context = key
        try:
            version = self.store.data_version()
            with self._lock:
                if version != self._version:
                    self._answers.clear()
                    self._version = version

            def compute() -> Answer:
                found = tape_answer(self.store, self.annotator, run, lenses, after, context, self.soon)
                if run.finished and self.annotator.fills(run, lenses, self.soon):
                    self.watch(run.id, lenses)  # its tape is filled before those for which nobody waits
                return shared(found, self.store)

            return self._answers.get((version, *key), compute)
        finally:
            with self._lock:
                del self._begun[key]


def _logged(do: Callable[[], None]) -> None:
    try:
        do()
    except StoreError as error:
        log.error("%s", error)
