"""A whole tape in one file: what ships with the project so that a page is alive at first sight.

A line with the format and the lesson, then an .xz of one safetensors file: the chunks as `packing`
arranges them, and as metadata the run's row. What the run read is not in it: it comes with Python
or with this package. Loading never runs anything in a file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import lzma
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors

from explainer import upgrade
from explainer.config import RunConfig
from explainer.data import digest
from explainer.runs.packing import compress, decompress, pack, unpack
from explainer.runs.rows import FINISHED, check_meta
from explainer.runs.store import Chunk, Draft, Store, StoreError
from explainer.runs.tape import decode, encode

log = logging.getLogger(__name__)

NAME = "unrolled tape"
FORMAT = f"{NAME} {upgrade.today(upgrade.TAPE_FILE)}"
ROW: Mapping[str, type] = {
    "config": str, "data": str, "characters": str, "status": str, "step": int, "altered": bool, "message": str,
    "meta": dict, "lenses": list, "kinds": list,
}  # fmt: skip
"""What the row of a tape file holds."""
WRONG = (
    safetensors.SafetensorError, lzma.LZMAError, OSError, LookupError, TypeError, ValueError, AttributeError,
    ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip
"""What a file that is no tape may lead to while it is read."""
SHIPPED = Path(__file__).resolve().parents[2] / "tapes"
LARGEST = 32_000_000
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
        ValueError: not a lesson's id, a run on a user's own data, or a tape of more than 32 MB.
    """
    _check_lesson(lesson)
    found = store.run(run)
    if found is None:
        raise KeyError(run)
    if found.config.data:
        raise ValueError(
            f"{run} learnt from data of a user's own, which does not ship. Record a run on the default data."
        )
    source = found.config.problem.reads
    text = store.text(found.data) if source and source.respelled else None
    chunks = [chunk for chunk in store.chunks(run) if keep is None or keep(chunk)]
    arrays, kinds = pack([Draft(chunk.kind, chunk.step, chunk.body) for chunk in chunks])
    row = {
        "config": found.config.to_json(),
        "data": found.data,
        "characters": "".join(sorted(set(text or ""))),
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
    Path(path).write_bytes(packed)
    return len(packed)


def load_tape(store: Store, path: str | Path) -> str:
    """Import a tape file as a pinned run; the same file a second time changes nothing.

    Returns:
        The run's id, the lesson's.

    Raises:
        ValueError: not a tape file, or a damaged one, one of a newer version, or what its run read is not here.
    """
    content = Path(path).read_bytes()
    mark = hashlib.sha256(content).hexdigest()
    try:
        form, lesson, packed = _opened(content)
        found = store.run(lesson)
        if found is not None and found.meta.get("tape") == mark:
            return lesson
        arrays, metadata = decode(decompress(packed, LARGEST))
        row = {**json.loads(metadata["run"]), upgrade.FORMAT: form}
        row = _checked(upgrade.upgraded(row, upgrade.TAPE_FILE, "It"))
        config = RunConfig.from_json(row["config"])
        if row["step"] > config.steps:
            raise ValueError(f"it has {row['step']} of {config.steps} steps")
        drafts = unpack(arrays, row["kinds"])
        data, text = _to_be_read(config, row["data"], row["characters"])
    except StoreError:
        raise
    except upgrade.Newer as error:
        raise ValueError(f"{path}: {error}") from error
    except WRONG as error:
        raise ValueError(f"{path} is not a tape of this project ({error}). Make the tapes again.") from error
    with store.transaction():
        if store.run(lesson) is not None:  # an older recording, or another process was quicker
            store.erase(lesson)
        if text is not None:
            store.save_text(data, text)
        store.create(
            lesson,
            config,
            owner="",
            lenses=row["lenses"],
            data=data,
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

    Raises:
        StoreError: the store can't take them.
    """
    loaded = []
    for path in sorted(Path(folder).glob("*.tape")):
        try:
            loaded.append(load_tape(store, path))
        except StoreError:
            raise
        except (ValueError, OSError) as error:
            log.error("%s", error)
    return loaded


def _checked(row: Any) -> dict[str, Any]:
    """The row of a tape file; a ValueError or LookupError where it is not what `save_tape` writes."""
    for name, kind in ROW.items():
        if type(row[name]) is not kind:
            raise ValueError(f"{name} is a {type(row[name]).__name__}, not a {kind.__name__}")
    if row["status"] not in FINISHED:
        raise ValueError(f"its status is {row['status'][:20]!r}")
    if row["step"] < 0:
        raise ValueError(f"it has {row['step']} steps")
    row["message"].encode()  # half of a surrogate pair is no text
    check_meta(row["meta"])
    if not all(isinstance(lens, str) for lens in row["lenses"]):
        raise ValueError("a lens has no name")
    return dict(row)


def _opened(content: bytes) -> tuple[str, str, bytes]:
    """The format of a tape file, its lesson, and what is packed in it; a ValueError where it is no tape file."""
    line = content[:200].partition(b"\n")[0]
    name, form, lesson = ["", "", *line.decode(errors="replace").rsplit(" ", 2)][-3:]
    if name != NAME:
        raise ValueError(f"it does not begin with {NAME!r}")
    return form, _check_lesson(lesson), content[len(line) + 1 :]


def _to_be_read(config: RunConfig, recorded: str, characters: str) -> tuple[str, str | None]:
    """The hash of what looks at the run read here, and that text; None for what is no text.

    That is what the run itself read, if it came with this version of Python; with another one, its default text
    in the characters that the network knows: the tape then shows what was read when it was recorded, and looks
    at its weights read the text of here.

    Raises:
        ValueError: it is neither.
    """
    source = config.problem.reads
    if recorded == config.problem.digest:
        return recorded, source.default() if source and source.respelled else None
    if source is None or source.respelled is None or config.data or not characters:
        raise ValueError("what its run read is not here")
    text = source.respelled(source.default(), characters)
    return digest(text), text


def _check_lesson(lesson: str) -> str:
    if not _LESSON.fullmatch(lesson):
        raise ValueError(f"{lesson!r} is not a lesson's id: write lesson- and small letters, digits or hyphens.")
    return lesson
