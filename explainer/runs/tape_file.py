"""A whole tape in one file: what ships with the project so that a page is alive at first sight.

The file is safetensors again: array "000012" holds the zlib-compressed bytes of chunk 12 as uint8,
"text" what the run read, and the metadata the run's row. Loading never runs anything in it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors

from explainer.config import RunConfig
from explainer.runs.store import Chunk, Draft, Store
from explainer.runs.tape import decode, encode

log = logging.getLogger(__name__)

FORMAT = "unrolled tape 1"
SHIPPED = Path(__file__).resolve().parents[2] / "tapes"
LARGEST_CHUNK = 64_000_000
_LESSON = re.compile(r"lesson-[a-z0-9-]{1,60}")


def save_tape(
    store: Store, run: str, path: str | Path, lesson: str, keep: Callable[[Chunk], bool] | None = None
) -> int:
    """Write a run's tape to a file.

    Args:
        lesson: the id that it gets where it is loaded, "lesson-" and a name.
        keep: which chunks go along; default, all.

    Returns:
        The file's size in bytes.

    Raises:
        KeyError: no such run.
        ValueError: not a lesson's id.
    """
    _check_lesson(lesson)
    found = store.run(run)
    if found is None:
        raise KeyError(run)
    chunks = [chunk for chunk in store.chunks(run) if keep is None or keep(chunk)]
    arrays = {f"{i:06d}": _packed(chunk.body) for i, chunk in enumerate(chunks)}
    text = store.text(found.data) if found.data else None
    if text is not None:
        arrays["text"] = _packed(text.encode())
    row = {
        "format": FORMAT,
        "lesson": lesson,
        "config": found.config.to_json(),
        "data": found.data,
        "status": found.status,
        "step": found.step,
        "altered": found.altered,
        "message": found.message,
        "meta": dict(found.meta),
        "lenses": list(found.lenses),
        "chunks": [[chunk.kind, chunk.step] for chunk in chunks],
    }
    body = encode(arrays, {"run": json.dumps(row)})
    Path(path).write_bytes(body)
    return len(body)


def load_tape(store: Store, path: str | Path) -> str:
    """Import a tape file as a pinned run; the same file a second time changes nothing.

    Returns:
        The run's id, the lesson's.

    Raises:
        ValueError: not a tape file, or a damaged one.
    """
    content = Path(path).read_bytes()
    mark = hashlib.sha256(content).hexdigest()
    try:
        arrays, metadata = decode(content)
        row = json.loads(metadata["run"])
        if row["format"] != FORMAT:
            raise ValueError(f"its format is {row['format']!r}, and this version reads {FORMAT!r}")
        lesson = _check_lesson(row["lesson"])
        found = store.run(lesson)
        if found is not None and found.meta.get("tape") == mark:
            return lesson
        config = RunConfig.from_json(row["config"])
        drafts = [Draft(kind, step, _unpacked(arrays[f"{i:06d}"])) for i, (kind, step) in enumerate(row["chunks"])]
        text = _unpacked(arrays["text"]).decode() if "text" in arrays else None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"{path} is not a tape of this project ({error}). Make the tapes again.") from error
    with store.transaction():
        if store.run(lesson) is not None:  # an older recording, or another process was quicker
            store.erase(lesson)
        if text is not None:
            store.save_text(row["data"], text)
        store.create(
            lesson,
            config,
            owner="",
            lenses=row["lenses"],
            data=row["data"],
            status=row["status"],
            pinned=True,
            meta={**row["meta"], "tape": mark},
        )
        store.append(lesson, drafts, row["step"])
        store.change(lesson, altered=row["altered"], message=row["message"])
    return lesson


def load_shipped(store: Store, folder: str | Path = SHIPPED) -> list[str]:
    """Import the lessons that ship with the project; those that are there already cost a glance.

    A damaged file is logged and passed over: the app opens without that lesson's recording.

    Returns:
        The ids of the runs.
    """
    loaded = []
    for path in sorted(Path(folder).glob("*.tape")):
        try:
            loaded.append(load_tape(store, path))
        except ValueError as error:
            log.error("%s", error)
    return loaded


def _check_lesson(lesson: str) -> str:
    if not _LESSON.fullmatch(lesson):
        raise ValueError(f"{lesson!r} is not a lesson's id: write lesson- and small letters, digits or hyphens.")
    return lesson


def _packed(body: bytes) -> np.ndarray:
    return np.frombuffer(zlib.compress(body, 9), np.uint8)


def _unpacked(array: np.ndarray) -> bytes:
    """The inverse of `_packed`.

    Raises:
        ValueError: larger than any chunk.
        zlib.error: damaged.
    """
    unpack = zlib.decompressobj()
    body = unpack.decompress(array.tobytes(), LARGEST_CHUNK)
    if unpack.unconsumed_tail or not unpack.eof:
        raise ValueError("a chunk is cut off or too large")
    return body
