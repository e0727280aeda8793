"""Seats for questions: each visitor has a few, the house some more; who finds none stands in line, without a thread."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class Full(ValueError):
    """The line is full too; the sentence says to come back."""


class _Ticket(NamedTuple):
    """A place in line."""

    visitor: str
    called: asyncio.Future[None]


class Seats:
    """Who may have a question before the worker.

    One visitor's questions can't keep out another's: whatever one asks, at most `each` of them have a seat.

    Args:
        each: seats of one visitor.
        all: seats together.
        line_each: places in line of one visitor.
        line_all: places in line together.
    """

    def __init__(self, each: int = 4, all: int = 64, line_each: int = 12, line_all: int = 512) -> None:
        self.each, self.all, self.line_each, self.line_all = each, all, line_each, line_all
        self._taken: Counter[str] = Counter()
        self._line: list[_Ticket] = []
        self._lock = threading.Lock()

    @asynccontextmanager
    async def seat(self, visitor: str) -> AsyncIterator[None]:
        """A seat for as long as the block lasts, as soon as one is free.

        Raises:
            Full: the visitor has too many in line, or everybody together.
        """
        await self._take(visitor)
        try:
            yield
        finally:
            self._leave(visitor)

    async def _take(self, visitor: str) -> None:
        with self._lock:
            if self._free(visitor):
                self._taken[visitor] += 1
                return
            if sum(ticket.visitor == visitor for ticket in self._line) >= self.line_each:
                raise Full(f"{self.each + self.line_each} questions of yours wait already. Ask again in a second.")
            if len(self._line) >= self.line_all:
                raise Full("Too many questions wait here at the moment. Ask again in a second.")
            ticket = _Ticket(visitor, asyncio.get_running_loop().create_future())
            self._line.append(ticket)
        try:
            await ticket.called
        except asyncio.CancelledError:
            self._give_up(ticket)
            raise

    def _free(self, visitor: str) -> bool:
        return self._taken[visitor] < self.each and self._taken.total() < self.all

    def _give_up(self, ticket: _Ticket) -> None:
        with self._lock:
            waited = ticket in self._line
            if waited:
                self._line.remove(ticket)
        if not waited:  # it was called at the same moment
            self._leave(ticket.visitor)

    def _leave(self, visitor: str) -> None:
        with self._lock:
            self._taken[visitor] -= 1
            if not self._taken[visitor]:
                del self._taken[visitor]
            following = next((ticket for ticket in self._line if self._free(ticket.visitor)), None)
            if following is None:
                return
            self._line.remove(following)
            self._taken[following.visitor] += 1
        following.called.get_loop().call_soon_threadsafe(_call, following.called)


def _call(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
