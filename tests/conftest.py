"""What all tests share."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy, as in `explainer`

import pytest
import torch
from hypothesis import HealthCheck, settings

from explainer.player import backend
from explainer.runs.looking import Looker
from explainer.runs.store import Store
from explainer.runs.tape_file import load_shipped
from explainer.ui import sweeping

SHARED = (backend.store, backend.keeper, backend.client, backend.annotator, sweeping.outcomes_of)

# The tests compare bits, and several of them may run at once: one thread each.
torch.set_num_threads(1)

# How long an example takes says what else the machine does. The same examples each time: what chance finds is for whoever
# looks for it (`--hypothesis-seed`), and nothing that a change is refused for.
settings.register_profile("untimed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


LONGEST = (
    "test_operated_lenses.py",
    "test_worker.py",
    "browser/",
    "test_probes.py",
    "test_pieces.py",
    "test_headless.py",
)
"""Files that take a minute or more; begun first, so that none of them is left for one process when others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the order stays."""
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The interface over a store of its own."""
    monkeypatch.setenv("EXPLAINER_STORE", str(tmp_path))
    for shared in SHARED:
        shared.cache_clear()
    yield backend.store()
    backend.store().close()
    for shared in SHARED:
        shared.cache_clear()


@pytest.fixture
def store(own_store: Store) -> Store:
    """The same, under the name that a file of tests may give to one with something in it."""
    return own_store


@pytest.fixture(scope="session")
def shipped_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of the lessons that ship, to be copied."""
    folder = tmp_path_factory.mktemp("shipped")
    store = Store(folder)
    load_shipped(store)
    store.close()
    return folder


@pytest.fixture
def lessons(shipped_store: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    """The interface over a store of its own with the lessons that ship."""
    shutil.copytree(shipped_store, tmp_path, dirs_exist_ok=True)
    found: Store = request.getfixturevalue("own_store")  # opened after its files are there
    return found


@pytest.fixture
def looks_answered(own_store: Store) -> Iterator[None]:
    """In a thread beside the test, someone who answers looks as the worker would."""
    done = threading.Event()

    def answer() -> None:
        own = Store(own_store.folder)
        looker = Looker(own, lambda run: None)
        while not done.wait(0.01):
            looker.looks = own.waiting_looks()
            looker.turn(busy=False)
        own.close()

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    done.set()
    thread.join()
