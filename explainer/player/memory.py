"""Memory that is given back: what glibc's malloc keeps for the next large array is most of what a small host has."""

from __future__ import annotations

import ctypes
import sys

LARGE_BYTES = 262_144
_M_MMAP_THRESHOLD = -3  # malloc.h


def give_back_large() -> bool:
    """Have arrays from `LARGE_BYTES` on leave this process as soon as they are freed; whether that can be had here.

    By itself glibc raises this bound to the largest array that was ever freed (mallopt(3)), and from then on each
    thread keeps what it has once needed: four threads that have read a view of 8 MB hold 180 MB.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    except AttributeError:  # another C library
        return False
