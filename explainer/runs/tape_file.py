"""A whole tape in one file: what ships with the project so that a page is alive at first sight.

A line with the format and the lesson, then an .xz of one safetensors file: the chunks as `packing`
arranges them, and as metadata the run's row. What the run read lies beside, in a file named after
its SHA-256, so that lessons on the same text share it. Loading never runs anything in either.
"""

from __future__ import annotations

import hashlib
import json
import logging
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import safetensors

from explainer.config import RunConfig
from explainer.data import digest
from explainer.runs.packing import compress, decompress, pack, unpack
from explainer.runs.store import Chunk, Draft, Store
from explainer.runs.tape import decode, encode

log = logging.getLogger(__name__)

FORMAT = "unrolled tape 2"
SHIPPED = Path(__file__).resolve().parents[2] / "tapes"
TEXT_SUFFIX = ".txt.xz"
LARGEST = 32_000_000
LARGEST_TEXT = 4_000_000
_LESSON = re.compile(r"lesson-[a-z0-9-]{1,60}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def save_tape(
    store: Store, run: str, path: str | Path, lesson: str, keep: Callable[[Chunk], bool] | None = None
) -> int:
    """Write a run's tape to a file, and the text that it read to another one beside.

    Args:
        lesson: the id that it gets where it is loaded, "lesson-" and a name.
        keep: which chunks go along; default, all.

    Returns:
        The tape file's size in bytes.

    Raises:
        KeyError: no such run.
        ValueError: not a lesson's id, or a tape of more than 32 MB.
    """
    _check_lesson(lesson)
    found = store.run(run)
    if found is None:
        raise KeyError(run)
    chunks = [chunk for chunk in store.chunks(run) if keep is None or keep(chunk)]
    arrays, kinds = pack([Draft(chunk.kind, chunk.step, chunk.body) for chunk in chunks])
    row = {
        "config": found.config.to_json(),
        "data": found.data,
        "status": found.status,
        "step": found.step,
        "altered": found.altered,
        "message": found.message,
        "meta": dict(found.meta),
        "lenses": list(found.lenses),
        "kinds": kinds,
    }
    body = encode(arrays, {"run": json.dumps(row)})
    if len(body) > LARGEST:
        raise ValueError(f"The tape of {run} has {len(body):,} bytes, and at most {LARGEST:,} can be loaded again.")
    packed = f"{FORMAT} {lesson}\n".encode() + compress(body)
    text = store.text(found.data) if found.data else None
    if text is not None:
        _text_file(Path(path), found.data).write_bytes(compress(text.encode()))
    Path(path).write_bytes(packed)
    return len(packed)


def load_tape(store: Store, path: str | Path) -> str:
    """Import a tape file as a pinned run; the same file a second time changes nothing.

    Returns:
        The run's id, the lesson's.

    Raises:
        ValueError: not a tape file, or a damaged one, or the text that its run read is not beside it.
    """
    content = Path(path).read_bytes()
    mark = hashlib.sha256(content).hexdigest()
    try:
        lesson, packed = _opened(content)
        found = store.run(lesson)
        if found is not None and found.meta.get("tape") == mark:
            return lesson
        arrays, metadata = decode(decompress(packed, LARGEST))
        row = json.loads(metadata["run"])
        config = RunConfig.from_json(row["config"])
        status, step, lenses, meta = row["status"], row["step"], row["lenses"], row["meta"]
        words = {"altered": row["altered"], "message": row["message"]}
        drafts = unpack(arrays, row["kinds"])
        text = _read_text(_text_file(Path(path), row["data"]), row["data"]) if row["data"] else None
    except (safetensors.SafetensorError, lzma.LZMAError, OSError, LookupError, TypeError, ValueError) as error:
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
            lenses=lenses,
            data=row["data"],
            status=status,
            pinned=True,
            meta={**meta, "tape": mark},
        )
        store.append(lesson, drafts, step)
        store.change(lesson, **words)
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


def _opened(content: bytes) -> tuple[str, bytes]:
    """The lesson of a tape file, and what is packed in it.

    Raises:
        ValueError: another format.
    """
    line = content[:200].partition(b"\n")[0]
    form, _, lesson = line.decode(errors="replace").rpartition(" ")
    if form != FORMAT:
        raise ValueError(f"it does not begin with {FORMAT!r}")
    return _check_lesson(lesson), content[len(line) + 1 :]


def _text_file(tape: Path, name: str) -> Path:
    """Where a text lies that the run of a tape file read.

    Raises:
        ValueError: the name is not a SHA-256, so it may not become a path.
    """
    if not _DIGEST.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is not the name of a text")
    return tape.with_name(f"{name[:16]}{TEXT_SUFFIX}")


def _read_text(path: Path, name: str) -> str:
    text = decompress(path.read_bytes(), LARGEST_TEXT).decode()
    if digest(text) != name:
        raise ValueError(f"{path.name} is another text than the one it read")
    return text


def _check_lesson(lesson: str) -> str:
    if not _LESSON.fullmatch(lesson):
        raise ValueError(f"{lesson!r} is not a lesson's id: write lesson- and small letters, digits or hyphens.")
    return lesson
