"""Who is worked on at this moment, in a small file that outlives the process: so that it is known who killed it.

A worker that runs out of memory is killed between two instructions and says nothing. So before each piece of work it writes down
for whom it is; the next worker reads that before anything else. A write is a copy into shared memory: no system call, no commit.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "worker.now"
SIZE = 128


class Marker:
    """The mark in the folder of a store; only the process that has the claim writes.

    Attributes:
        left: what the process before was at when it ended: a run's id, "look <number>", "fill <command>", or "" for nothing.
    """

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder) / FILE
        if not path.exists() or path.stat().st_size != SIZE:
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)
        self.left = self._map[:].rstrip(b"\0").decode(errors="replace")
        self._now = self.left

    @contextmanager
    def at(self, whom: str) -> Iterator[None]:
        """Inside, this process works for `whom`; afterwards, for whom it did before."""
        before = self._now
        self.write(whom)
        try:
            yield
        finally:
            self.write(before)

    def write(self, whom: str) -> None:
        """From here on, this process works for `whom` ("": for nobody)."""
        self._now = whom
        self._map[:] = whom.encode()[:SIZE].ljust(SIZE, b"\0")


def look_mark(number: int) -> str:
    """How a look is named."""
    return f"look {number}"


def fill_mark(command: int) -> str:
    """How the filling of a tape is named."""
    return f"fill {command}"
