"""The app as a user starts it, with a store of its own and recorded lessons in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.row import Missing
from explainer.config import RunConfig
from explainer.lessons import LESSONS
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.runs.tape_file import load_shipped

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0


@dataclass(frozen=True)
class Scene:
    """A lesson page and the recorded runs that it opens with.

    Attributes:
        path: its address.
        lenses: whose views it shows.
        runs: ids, in the order of the lessons.
    """

    path: str
    lenses: tuple[str, ...]
    runs: tuple[str, ...]

    def address(self, prefix: str = "") -> str:
        """The page with its recorded runs, or those whose names have a prefix more."""
        return f"{self.path}?run={','.join(prefix + run for run in self.runs)}"


@dataclass(frozen=True)
class App:
    """A running app.

    Attributes:
        url: where it listens, on this machine only.
        pid: of the process that serves pages.
        store: the one that it uses.
    """

    url: str
    pid: int
    store: Store

    @property
    def client(self) -> Client:
        """To ask for runs beside the pages."""
        return Client(self.store)

    def wait_for_worker(self) -> int:
        """The worker's process, once it is warm."""
        wait_for(lambda: self.store.worker_state().ready, "the worker did not get ready")
        return self.store.worker_state().pid

    def stop_runs(self) -> None:
        """Stop every run that trains or waits, and wait until all have ended."""
        for run in self.store.runs("queued", "running", "paused"):
            self.client.stop(run.id, run.owner)
        wait_for(lambda: not self.store.runs("queued", "running", "paused"), "a run did not stop")


def wait_for(ready: Callable[[], bool], trouble: str, seconds: float = PATIENCE, poll: float = 0.02) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it doesn't.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{trouble} within {seconds:g} s")
        time.sleep(poll)


#: The recorded runs of pages that look at those of another page.
BORROWED = {
    "gates": ("lesson-hidden",),
    "microscope": ("lesson-microscope-rnn", "lesson-microscope-lstm", "lesson-microscope-gru"),
    "jacobian": ("lesson-microscope-rnn", "lesson-microscope-lstm", "lesson-microscope-gru"),
    "heads": ("lesson-attention", "lesson-attention-one-layer"),
    "layers": ("lesson-attention",),
    "surgery": ("lesson-microscope-lstm",),
}


def scenes() -> list[Scene]:
    """The lesson pages that are here and have recorded runs."""
    from explainer.ui.places import LESSON_PLACES, PAGES

    found = []
    for place in LESSON_PLACES:
        own = tuple(name for name, lesson in LESSONS.items() if lesson.lenses and lesson.lenses[0] == place.lens)
        names = BORROWED.get(place.path, own)
        if names and (PAGES / place.file).exists():
            found.append(Scene(place.path, (place.lens,), names))
    return found


def page_paths() -> list[str]:
    """The pages with figures that are here, the first one ("") included."""
    from explainer.ui.places import HOME, LESSON_PLACES, PAGES

    return [place.path for place in (HOME, *LESSON_PLACES) if (PAGES / place.file).exists()]


def fill_lessons(store: Store, steps: int = 60) -> None:
    """Put the lessons' recorded runs into a store; those that do not ship yet are trained for a few steps."""
    there = load_shipped(store)
    for name, lesson in LESSONS.items():
        if name not in there:
            short = lesson.config.but(steps=steps, warmup=min(lesson.config["warmup"], steps // 2))
            train_into(store, name, short, lesson.lenses)


def train_into(store: Store, name: str, config: RunConfig, lenses: Sequence[str], every_step: bool = False) -> None:
    """Train a run here and now, recorded under a name of ours.

    Args:
        every_step: a view of every lens after each update, however long that takes.
    """
    from explainer.runs.active import record
    from explainer.runs.inputs import prepare
    from explainer.runs.views import Pace
    from explainer.training import set_threads

    set_threads()
    prepared = prepare(config)
    if prepared.digest:
        store.save_text(prepared.digest, prepared.body)
    store.create(name, prepared.config, owner="benchmark", lenses=lenses, data=prepared.digest)
    pace = Pace(share=1e6, gap=0.0, ratio=1.0001, views=config.steps + 2) if every_step else Pace(gap=0.0, share=0.5)
    for _ in record(store, name, pace):
        pass


@contextmanager
def fresh_store() -> Iterator[Store]:
    """A store in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="unrolled-", ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder))
        try:
            yield store
        finally:
            store.close()


@contextmanager
def serving(store: Store) -> Iterator[App]:
    """The app on a free port of this machine, its worker on the CPU, until the block ends.

    Raises:
        Missing: it did not start.
    """
    with _streamlit(Path("app.py"), store.folder) as (url, process):
        app = App(url, process.pid, store)
        app.wait_for_worker()
        yield app


@contextmanager
def starting(store: Store) -> Iterator[App]:
    """The same from the moment that it answers; its worker may still be on its way.

    Raises:
        Missing: it did not start.
    """
    with _streamlit(Path("app.py"), store.folder) as (url, process):
        yield App(url, process.pid, store)


@contextmanager
def serving_bare_page() -> Iterator[str]:
    """Streamlit with a page that has a title and nothing else: what no app of ours can be faster than."""
    with TemporaryDirectory(prefix="bare-", ignore_cleanup_errors=True) as folder:
        script = Path(folder) / "bare.py"
        script.write_text("import streamlit\n\nstreamlit.title('Bare')\n")
        with _streamlit(script, Path(folder)) as (url, _):
            yield url


@contextmanager
def _streamlit(script: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A script under Streamlit with the project's settings; its log and its store go into a folder."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run"]
    log_path = folder / "app.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, str(script), "--server.port", str(port), "--server.address", "127.0.0.1"],
            cwd=PROJECT,
            env={**os.environ, "EXPLAINER_STORE": str(folder), "CUDA_VISIBLE_DEVICES": ""},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or _healthy(url), "Streamlit did not start")
        if process.poll() is not None:
            raise Missing(f"Streamlit did not start: {log_path.read_text(errors='replace')[-800:]}")
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
