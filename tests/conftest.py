"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from explainer.runs.store import Store
from explainer.ui import backend

# The tests compare bits, and several of them may run at once: one thread each.
torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The interface over a store of its own."""
    monkeypatch.setenv("EXPLAINER_STORE", str(tmp_path))
    for shared in (backend.store, backend.client, backend.annotator):
        shared.cache_clear()
    yield backend.store()
    backend.store().close()
    for shared in (backend.store, backend.client, backend.annotator):
        shared.cache_clear()
