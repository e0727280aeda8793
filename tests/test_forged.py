"""Recordings that are well formed and say what no recording says: none stops a start, and the others are loaded."""

from __future__ import annotations

import json
import lzma
import math
import random
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explainer.runs import tape
from explainer.runs.packing import compress, decompress
from explainer.runs.store import Store
from explainer.runs.sweep_file import load_outcomes
from explainer.runs.tape_file import LARGEST, load_shipped, load_tape

SHIPPED = Path(__file__).resolve().parents[1] / "tapes"
SMALLEST = min(SHIPPED.glob("*.tape"), key=lambda path: path.stat().st_size)
VALUES: list[Any] = [
    None, True, -1, 1e30, 10**30, math.nan, math.inf, "", "x", "\ud800", [], [[]], {}, {"a": []}, [None], 0.5,
    json.loads("[" * 500 + "]" * 500),
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


def parts() -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """A tape file's first line, and the arrays and the row behind it."""
    line, _, packed = SMALLEST.read_bytes().partition(b"\n")
    arrays, metadata = tape.decode(decompress(packed, LARGEST))
    return line + b"\n", arrays, json.loads(metadata["run"])


def written(path: Path, line: bytes, arrays: dict[str, Any], row: Any) -> Path:
    """The same in a file, packed quickly."""
    body = tape.encode(arrays, {"run": json.dumps(row)})
    path.write_bytes(line + lzma.compress(body, preset=0))
    return path


def test_a_bad_recording_is_passed_over_in_a_logged_sentence(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "tapes"
    folder.mkdir()
    shutil.copy(SMALLEST, folder)
    line, arrays, row = parts()
    other = line.replace(b"lesson-", b"lesson-a-")
    for name, change in {"meta": [], "step": 1e30, "status": "running", "lenses": {"a": 1}, "message": 3}.items():
        written(folder / f"a-{name}.tape", other, arrays, {**row, name: change})
    (folder / "a-header.tape").write_bytes(other + compress((2**63 - 1).to_bytes(8, "little") + b"{}"))
    (folder / "a-folder.tape").mkdir()
    assert load_shipped(store, folder) == [line.split()[-1].decode()]
    assert len(store.runs()) == 1
    assert len(caplog.records) == 7
    assert all("is not a tape" in said.message or "directory" in said.message for said in caplog.records)


@pytest.mark.parametrize("name", sorted(parts()[2]))
def test_a_field_of_another_type_is_refused_or_harmless(store: Store, tmp_path: Path, name: str) -> None:
    line, arrays, row = parts()
    small = {key: arrays[key] for key in arrays}
    for value in VALUES:
        path = written(tmp_path / "a.tape", line, small, {**row, name: value})
        assert load_shipped(store, tmp_path) in ([], [line.split()[-1].decode()])
        for run in store.runs():
            assert not run.unreadable
            store.erase(run.id)
        path.unlink()


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_recording_is_refused(store: Store, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(SMALLEST.read_bytes())
    for _ in range(chance.choice((1, 3, 20))):
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content)) :]
    path = tmp_path / "a.tape"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a tape of this project"):
        load_tape(store, path)
    assert store.runs() == []


def test_a_sweep_that_says_what_no_sweep_says_is_refused(tmp_path: Path) -> None:
    shipped = next(iter(SHIPPED.glob("*.sweep")))
    arrays, metadata = tape.decode(zlib.decompress(shipped.read_bytes()))
    row = json.loads(metadata["sweep"])
    path = tmp_path / "a.sweep"
    for name in row["runs"][0]:
        for value in VALUES:
            if type(value) is type(row["runs"][0][name]):
                continue
            forged = {**row, "runs": [{**row["runs"][0], name: value}, *row["runs"][1:]]}
            path.write_bytes(zlib.compress(tape.encode(arrays, {"sweep": json.dumps(forged)}), 1))
            with pytest.raises(ValueError, match="is not a sweep of this project"):
                load_outcomes(path)
