"""Long work in pieces: between two of them something else gets its turn, on the same thread and stack.

A lens, or whatever else takes long, calls `give_way` where it could wait. Outside `giving_way` that does nothing. Inside,
once the present piece has lasted `PIECE_SECONDS`, the one who called for the work is given the time to do something else
first; what the work has set up, such as a watched model, is his to leave as he finds it. An exception that he raises ends the
work, for which each step of it must clean up behind itself; `Abandoned` is meant for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

PIECE_SECONDS = 0.02
"""A piece is over at the first place to give way after so long: short beside a blink, long beside what a change of turns costs."""

Meanwhile = Callable[[float], None]
"""What is done between two pieces, given how many seconds the last one took."""


class Abandoned(BaseException):
    """The work that gave way is not wanted any more; no error, so that nobody takes it for one of his own."""


class _Clock:
    """The work that is in pieces now, if any is; and how long all such work has given way so far."""

    meanwhile: Meanwhile | None = None
    since: float = 0.0
    waited: float = 0.0


@contextmanager
def giving_way(meanwhile: Meanwhile | None) -> Iterator[None]:
    """Inside, work gives way to `meanwhile`, which runs with gradients on and in one piece itself; None: to nothing."""
    before = _Clock.meanwhile, _Clock.since
    _Clock.meanwhile, _Clock.since = meanwhile, time.perf_counter()
    try:
        yield
    finally:
        _Clock.meanwhile, _Clock.since = before


def give_way() -> None:
    """A place between two pieces."""
    meanwhile, now = _Clock.meanwhile, time.perf_counter()
    if meanwhile is None or now - _Clock.since < PIECE_SECONDS:
        return
    lasted = now - _Clock.since
    before = _Clock.waited
    with giving_way(None), torch.enable_grad():
        meanwhile(lasted)
    _Clock.since = time.perf_counter()
    _Clock.waited = before + _Clock.since - now  # what gave way within that time is a part of it


def waited() -> float:
    """Seconds for which work in this process has given way; the difference of two is none of the work's own time."""
    return _Clock.waited


def give_way_at(value: Tensor) -> None:
    """A place between two pieces, also when a backward pass comes by this value again."""
    if _Clock.meanwhile is None:
        return
    give_way()
    if value.requires_grad:
        value.register_hook(lambda _: give_way())
