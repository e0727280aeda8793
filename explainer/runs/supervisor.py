"""Keeps a worker alive beside the app: starts it, starts it again when it dies, ends it with the app."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

UNUSABLE, TAKEN, DAMAGED = 1, 3, 4
"""Exit statuses of a worker: the store can't be used, another worker has it, it is damaged and the parent has to put it aside."""

ROOT = Path(__file__).resolve().parents[2]
FIRST_WAIT, LONGEST_WAIT = 0.2, 300.0
HEALTHY_SECONDS = 60.0
WARM_SECONDS = 20.0
"""A worker that has lived for so long after some that died is taken for well."""
DEATHS = 3
"""In a row, before a page says so."""
TAKEN_WAIT = 2.0
GRACE_SECONDS = 10.0
REASONS = {
    UNUSABLE: "it can't use the store",
    DAMAGED: "the store is damaged",
    -9: "it was killed, perhaps for want of memory",
    None: "it could not be started",
}


class Attendant:
    """Attends to something in a thread of its own between `start` and `stop`. Usable as a context manager."""

    _begin: Callable[[], None]  # what `start` does before there is the thread
    _attend: Callable[[], None]  # what the thread does, until `_ending` is set

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread is None:
            self._ending.clear()
            self._begin()
            self._thread = threading.Thread(target=self._attend, name=type(self).__name__, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait until the thread has."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class Supervisor(Attendant):
    """A worker for the store in `folder`, as long as this object lives between `start` and `stop`.

    When another app's worker has the store already, this one waits in case that one dies. A worker that dies again and
    again is started again later and later.

    Args:
        mend: called when a worker has met damage in the store; with True when it has so again and again.
    """

    def __init__(self, folder: str | Path, mend: Callable[[bool], None] = lambda again: None) -> None:
        super().__init__()
        self.folder, self._mend = Path(folder), mend
        self._deaths, self._reason, self._launched = 0, "", 0.0
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The worker's process, or 0."""
        worker = self._worker
        return worker.pid if worker is not None and worker.poll() is None else 0

    @property
    def trouble(self) -> str:
        """A sentence while workers die one after the other, else ""."""
        alive = self.pid != 0 and time.monotonic() - self._launched > WARM_SECONDS
        if self._deaths < DEATHS or alive:
            return ""
        return (
            f"Training is not possible at the moment: the process that trains ended {self._deaths} times in a row "
            f"({self._reason}). It is started again by itself, within {LONGEST_WAIT / 60:.0f} minutes."
        )

    def stop(self) -> None:
        """End the worker gently; after ten seconds, at once."""
        self._ending.set()
        with self._lock:
            worker = self._worker
            if worker is not None and worker.poll() is None:
                worker.terminate()
        super().stop()

    def _begin(self) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            command = [sys.executable, "-m", "explainer.runs.worker", "--store", str(self.folder)]
            path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
            self._launched = time.monotonic()
            try:
                self._worker = subprocess.Popen(
                    [*command, "--parent", str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": path},
                )
            except OSError as error:
                log.error("The worker can't be started (%s).", error)
                self._worker = None

    def _attend(self) -> None:
        while True:
            status = self._wait()
            if self._ending.is_set() or self._ending.wait(self._pause_after(status)):
                return
            self._begin()

    def _pause_after(self, status: int | None) -> float:
        """Seconds until the next worker is to start."""
        if status == TAKEN:
            self._deaths = 0
            return TAKEN_WAIT
        self._deaths = 1 if time.monotonic() - self._launched > HEALTHY_SECONDS else self._deaths + 1
        self._reason = REASONS.get(status, f"status {status}")
        pause = min(FIRST_WAIT * 2 ** min(self._deaths - 1, 20), LONGEST_WAIT)
        log.warning("The worker ended with status %s; the next one starts in %.1f s.", status, pause)
        if status == DAMAGED:
            self._mend(self._deaths >= DEATHS)
        return pause

    def _wait(self) -> int | None:
        """The worker's exit status; once it is to end, it has ten seconds."""
        worker = self._worker
        if worker is None:
            return None
        while not self._ending.is_set():
            try:
                return worker.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
        try:
            return worker.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            return worker.wait()
