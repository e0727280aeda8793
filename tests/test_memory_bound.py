"""A process that may have no more memory says so in an exception, and goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from explainer.config import RunConfig
from explainer.runs.client import Client
from explainer.runs.memory_bound import free_bytes
from explainer.runs.store import Store

PROJECT = Path(__file__).resolve().parents[1]
SMALL = RunConfig(task="adding", length=7, width=5, batch=3, steps=13)
LARGE = RunConfig(task="adding", model="lstm", length=1024, width=64, batch=512, steps=3)
"""Its inputs to the gates alone are 512 · 1024 · 4 · 64 numbers, 537 MB."""
BOUNDED = """
import sys
from pathlib import Path
from explainer.runs.memory_bound import bound_memory
from explainer.runs.store import Store
from explainer.runs.workshop import Workshop
store = Store(Path(sys.argv[1]))
allowed = bound_memory(100.0)
workshop = Workshop(store)
while workshop.turn():
    pass
print(allowed)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the bound is Linux's")
def test_a_run_that_wants_more_than_the_bound_fails_with_a_sentence_and_the_others_go_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.create("large", LARGE, owner="me")
    small = Client(store).submit(SMALL, "me")
    command = [sys.executable, "-c", BOUNDED, str(store.folder)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0
    large, other = store.run("large"), store.run(small)
    assert large is not None
    assert other is not None
    assert (large.status, other.status) == ("failed", "done")
    assert large.message == "There was not enough memory. Choose a smaller batch, length or width."
    store.close()


def test_what_is_free_is_what_the_container_or_the_machine_leaves(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:  5000 kB\n")
    assert free_bytes(tmp_path, meminfo) == 5000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(tmp_path, meminfo) == 5000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2500000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 400000\n")
    assert free_bytes(tmp_path, meminfo) == 900_000
    assert free_bytes(tmp_path / "none", tmp_path / "nothing") is None
