"""The reader as a process of its own: bytes and options in, an understanding or a refusal out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from explainer.limits import limits
from explainer.tables.options import Options
from explainer.tables.understanding import Understanding

SECONDS = 10
"""Of processor time that a table may take."""
MEMORY = 1_000_000_000
"""Bytes of address space that the reader may take; pandas alone takes a third of them."""
FILE_FACTOR = 10
"""A file may have so many times the bytes of `EXPLAINER_MAX_TEXT_BYTES`: one column of it is kept."""
_WALL = 60.0
_PATIENCE = 20.0
_AT_ONCE = 2
_PROJECT = Path(__file__).parents[2]
_places = threading.BoundedSemaphore(_AT_ONCE)


def read_table(content: bytes, options: Options | None = None) -> Understanding:
    """What a file means.

    Two files at most are read at the same time; a third one waits for its turn.

    Args:
        content: the bytes of the file.
        options: what is known about it.

    Raises:
        ValueError: no table with numbers, too large, or beyond the reader's time and memory; the
            sentence has the way out. A column that can't be learnt from is `Understanding.trouble`.
    """
    most = most_bytes()
    if len(content) > most:
        raise ValueError(f"The file has {len(content):,} bytes, and this host reads {most:,}. Keep fewer columns.")
    if not _places.acquire(timeout=_PATIENCE):
        raise ValueError("Other tables are being read on this host. Try again in a moment.")
    try:
        answer = _asked(json.dumps(asdict(options or Options())).encode() + b"\n" + content)
    finally:
        _places.release()
    if "refused" in answer:
        raise ValueError(answer["refused"])
    return Understanding.from_json(answer["understood"])


def most_bytes() -> int:
    """The largest file that is read."""
    return int(FILE_FACTOR * limits().text_bytes)


def _asked(question: bytes) -> dict[str, str]:
    """The reader's answer.

    Raises:
        ValueError: it had none within its limits.
    """
    command = [sys.executable, "-m", "explainer.tables.reader", str(SECONDS), str(MEMORY)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_PROJECT)}
    try:
        done = subprocess.run(command, input=question, capture_output=True, env=environment, timeout=_WALL, check=False)
        answer: dict[str, str] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ValueError(_beyond("time")) from None
    except json.JSONDecodeError:
        if done.returncode > 0:  # an exception of the reader, not one of its limits
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:]) from None
        ended_by_time = -done.returncode in (signal.SIGXCPU, signal.SIGKILL)
        raise ValueError(_beyond("time" if ended_by_time else "memory")) from None
    return answer


def _beyond(what: str) -> str:
    return f"Reading this table takes more {what} than a table gets. Keep fewer columns or rows of it."
