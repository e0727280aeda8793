"""What looks may take of the worker's time while runs train, and whose question is next."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.runs.rows import Look

LOOK_SHARE = 0.5
ASKERS_KEPT = 1000


class LookShare:
    """Looks take at most a share of the time, and those who ask take turns.

    After d seconds of looking, the next d (1 / share - 1) belong to the runs that train.

    Args:
        share: in (0, 1].
    """

    def __init__(self, share: float = LOOK_SHARE) -> None:
        assert 0 < share <= 1, share
        self.share = share
        self._free_at = 0.0
        self._count = 0
        self._last: dict[str, int] = {}

    def due(self, now: float) -> bool:
        """Whether looks have had no more than their share until now, in seconds of a clock."""
        return now >= self._free_at

    def took(self, seconds: float, now: float) -> None:
        """A look, or a piece of one, took some time and ended now."""
        self._free_at = now + seconds * (1 / self.share - 1)

    def pick(self, looks: Sequence[Look]) -> Look:
        """The question of whoever was served the longest ago; of several of theirs, the oldest."""
        chosen = min(looks, key=lambda look: (self._last.get(look.asker, 0), look.id))
        self._count += 1
        if len(self._last) >= ASKERS_KEPT:
            self._last.clear()
        self._last[chosen.asker] = self._count
        return chosen
