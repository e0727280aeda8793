"""Memory that is given back: what glibc's malloc keeps for the next large array is most of what a small host has."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGE_BYTES = 262_144
KEPT_BYTES = 32 * 2**20
"""What glibc comes to by itself in a process that uses large arrays: the most that its threshold adapts to (mallopt(3))."""
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # malloc.h


def give_back_large() -> bool:
    """Have arrays from `LARGE_BYTES` on leave this process as soon as they are freed; whether that can be had here.

    By itself glibc raises this bound to the largest array that was ever freed (mallopt(3)), and from then on each
    thread keeps what it has once needed: four threads that have read a view of 8 MB hold 180 MB.
    """
    return _call("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


@contextmanager
def large_given_back(wanted: bool = True) -> Iterator[None]:
    """Inside, as after `give_back_large` and `give_back_freed`; afterwards arrays up to `KEPT_BYTES` are kept again, which updates
    are faster with.

    A backward pass through many steps frees an array as large as a weight at each, and leaves a small one in its
    place: kept, they would be gaps that nothing fits into (an LSTM of 3 x 440 units over 1,004 steps: 3.3 GB for .13).
    """
    given_back = wanted and give_back_large()
    if given_back:
        give_back_freed()
    try:
        yield
    finally:
        if given_back:
            _call("mallopt", _M_MMAP_THRESHOLD, KEPT_BYTES)
            _call("mallopt", _M_TRIM_THRESHOLD, 2 * KEPT_BYTES)


def give_back_freed() -> bool:
    """Give back what is free now, between small arrays that stay, too; whether anything was.

    A Transformer of 5 million parameters leaves 380 MB of it with a worker that has trained it. .2 ms where there is nothing.
    """
    return _call("malloc_trim", 0)


def resident_bytes() -> int:
    """What this process holds of the machine's memory now; 0 where the system doesn't tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _call(name: str, *arguments: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(getattr(ctypes.CDLL(None), name)(*arguments))
    except AttributeError:  # another C library
        return False
