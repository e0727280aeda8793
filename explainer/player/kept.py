"""What is computed once and kept for everybody, within so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key; those that were asked for last stay. Safe to share between threads.

    Args:
        most: bytes of all values together; a value that is larger alone is not kept.
        size: bytes of a value.
    """

    def __init__(self, most: int, size: Callable[[Value], int]) -> None:
        self.most, self.size = most, size
        self.bytes = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._begun: dict[Hashable, Future[Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed by the first who asks while the others wait; what it raises all of them get."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            begun = self._begun.get(key)
            if begun is None:
                mine = self._begun[key] = Future()
        if begun is not None:
            return begun.result()
        try:
            value = compute()
        except BaseException as error:
            with self._lock:
                del self._begun[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._begun[key]
            self._keep(key, value)
        mine.set_result(value)
        return value

    def clear(self) -> None:
        """Keep nothing of what has been computed so far."""
        with self._lock:
            self._values.clear()
            self.bytes = 0

    def _keep(self, key: Hashable, value: Value) -> None:
        size = self.size(value)
        if size > self.most:
            return
        self._values[key] = (value, size)
        self.bytes += size
        while self.bytes > self.most:
            _, (_, freed) = self._values.popitem(last=False)
            self.bytes -= freed
