"""Keeps a worker alive beside the app: starts it, starts it again when it dies, ends it with the app."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from explainer.runs.worker import TAKEN

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
HEALTHY_SECONDS = 60.0
TAKEN_WAIT = 2.0
GRACE_SECONDS = 10.0


class Supervisor:
    """A worker for the store in `folder`, as long as this object lives between `start` and `stop`.

    When another app's worker has the store already, this one waits in case that one dies. Usable
    as a context manager.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._worker: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The worker's process, or 0."""
        worker = self._worker
        return worker.pid if worker is not None and worker.poll() is None else 0

    def start(self) -> None:
        """Start the worker; a second call does nothing."""
        if self._thread is None:
            self._ending.clear()
            self._launch()
            self._thread = threading.Thread(target=self._keep, name="worker supervisor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the worker gently; after ten seconds, at once."""
        self._ending.set()
        with self._lock:
            worker = self._worker
            if worker is not None and worker.poll() is None:
                worker.terminate()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _launch(self) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            command = [sys.executable, "-m", "explainer.runs.worker", "--store", str(self.folder)]
            path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
            self._worker = subprocess.Popen(
                [*command, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while True:
            started = time.monotonic()
            status = self._wait()
            if self._ending.is_set():
                return
            if status == TAKEN:
                pause = TAKEN_WAIT
            else:
                wait = FIRST_WAIT if time.monotonic() - started > HEALTHY_SECONDS else wait
                log.warning("The worker ended with status %s; the next one starts in %.1f s.", status, wait)
                pause, wait = wait, min(2 * wait, LONGEST_WAIT)
            if self._ending.wait(pause):
                return
            self._launch()

    def _wait(self) -> int | None:
        """The worker's exit status; once it is to end, it has ten seconds."""
        worker = self._worker
        assert worker is not None
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
