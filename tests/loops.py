"""Coroutines in tests: a browser's test leaves a running event loop in its process, and no second one may begin on that thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def on_a_loop(asked: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, run on an event loop of a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asked).result()
