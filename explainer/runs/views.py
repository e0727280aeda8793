"""When a run is looked at while it trains: at its kept moments and at steps that grow in proportion, within a share of its time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.costs import look_bytes
from explainer.limits import limits
from explainer.models.pieces import waited
from explainer.runs.memory import give_back_freed, large_given_back, resident_bytes
from explainer.runs.moments import RATIO, VIEW_BYTES, VIEWS, moments, spread, view_places
from explainer.runs.store import Draft, Run, Store
from explainer.runs.tape import VIEW, Grid, encode_view, event
from explainer.tasks.base import Batch
from explainer.training import Trainer

log = logging.getLogger(__name__)

FREE_VIEWS = 3  # of a lens that a page waits for: the first moments are looked at at once; what that takes is paid back
QUICK_SECONDS = 0.1  # a look that takes less is made at the end in any case, and while somebody watches also at once
KEPT_MB = 30.0  # of memory that a look may take and leave with the process
TOGETHER_MB = 200.0
"""Of memory that looks take together where one is taken while others give way: more than the largest at the default limits, less than two."""
WATCHED_WEIGHT = 3.0  # a lens that somebody looks through gets so much more of the time


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How densely a run is recorded.

    Attributes:
        share: of training time that may go into views; `watched_share` while somebody looks.
        validation_share: of training time that may go into validation at kept moments; 24 parts of a run have one anyway.
        gap: seconds between two views of a lens at least.
        watched_gap: seconds after which a watched lens looks also between the log-spaced steps.
        views: most views of a lens.
        view_bytes: most bytes of a lens's views.
        weight_bytes: most bytes of weights.
        bests: moments of the lowest validation loss whose weights are kept beside, at most.
        ratio: growth of the steps with views and gradient details.
        weight_ratio: growth of the steps with weights, at least.
        weight_steps: steps with weights, in the place of those that grow; () for these.
        whole: every moment of the run (`runs.moments`) is to have a view of the lenses that a page waits for. It is looked at as it
            comes where that lens's share of the whole run will pay for it, and else afterwards, through the kept weights.
    """

    share: float = 0.03
    watched_share: float = 0.09
    validation_share: float = 0.05
    gap: float = 0.1
    watched_gap: float = 0.5
    views: int = VIEWS
    view_bytes: int = VIEW_BYTES
    weight_bytes: int = 32_000_000
    bests: int = 4
    ratio: float = 1.03
    weight_ratio: float = RATIO
    weight_steps: tuple[int, ...] = ()
    whole: bool = True


SWEEP_PACE = Pace(whole=False, gap=math.inf, weight_bytes=0, bests=0, ratio=1.25, weight_ratio=1.25)
"""Of a run in a sweep: views and weights of the first and the last moment, few measurements between."""


@dataclass
class Sight:
    """One lens on one tape.

    Attributes:
        step: the last moment that it saw, -1 before the first.
        seen: the steps of the views on the tape.
        moments: those of the run that it is to see, now or later.
        places: views that the tape may have of it.
        at: the clock when the last was taken.
        seconds: what the last cost.
        spent: what all of them cost here.
        credit: seconds that it may spend on the next.
    """

    lens: str
    grid: Grid
    seen: set[int]
    moments: frozenset[int]
    places: int
    step: int = -1
    at: float = 0.0
    seconds: float = 0.0
    spent: float = 0.0
    credit: float = 0.0


class Viewer:
    """Takes the views of one run.

    Attributes:
        lenses: those that the run was asked with; a page moves at the pace of the first.
        watched: those through which somebody looks now.
        looked: seconds that looking took here.
        trained: seconds of updates between.

    Args:
        kept: steps whose weights will be on the tape, so that they can be looked at afterwards.
    """

    def __init__(self, store: Store, run: Run, trainer: Trainer, pace: Pace, kept: Collection[int] = ()) -> None:
        self.store, self.run, self.trainer, self.pace = store, run.id, trainer, pace
        self.lenses, self.watched = run.lenses, frozenset[str]()
        self.looked = self.trained = 0.0
        self._from, self._kept = trainer.step, frozenset(kept)
        self._moments = moments(trainer.config.steps) if pace.whole else ()
        self._sights: dict[str, Sight] = {}
        self._blind: set[str] = set()  # lenses that failed on this run

    def look(self) -> list[Draft]:
        """The present moment through every lens that hasn't seen it."""
        return [draft for sight in self._open() if sight.step != self.trainer.step for draft in self._take(sight)]

    def look_last(self, quick: bool = False) -> list[Draft]:
        """The last moment: as `look`, but slow lenses that no page waits for have to stay within their share of the run.

        One that would not is left out; its last moment is filled in from the weights when somebody asks for it.

        Args:
            quick: leave out every slow lens: somebody waits for the run's end.
        """
        sights = [sight for sight in self._open() if sight.step != self.trainer.step]
        wanted = [
            sight
            for sight in sights
            if sight.seconds <= QUICK_SECONDS or (not quick and (self._awaited(sight) or self._affords(sight)))
        ]
        return [draft for sight in wanted for draft in self._take(sight)]

    def look_back(self, step: int, weights: Mapping[str, np.ndarray]) -> list[Draft]:
        """An earlier moment, for whose weights there was no view when it was the present: as `look_last`.

        The trainer is as it was afterwards.
        """
        present, now = self.trainer.weights(), self.trainer.step
        drafts: list[Draft] = []
        self.trainer.load_weights(weights)
        self.trainer.step = step
        try:
            for sight in list(self._open()):
                if not (self._awaited(sight) or self._affords(sight)):
                    continue
                if step not in self.store.steps(self.run, VIEW + sight.lens):
                    last = sight.step
                    drafts += self._take(sight)
                    sight.step = last
        finally:
            self.trainer.load_weights(present)
            self.trainer.step = now
        return drafts

    @property
    def awaited(self) -> tuple[str, ...]:
        """The lenses that suit the run and for which a page waits, that at whose pace it moves first."""
        return tuple(sight.lens for sight in self._open() if self._awaited(sight))

    def _awaited(self, sight: Sight) -> bool:
        """Whether a page waits for what this lens sees."""
        return sight.lens in self.watched or sight.lens in self.lenses[:1]

    def _free(self, sight: Sight) -> bool:
        """Whether its first moments are seen at once: that a page moves at its pace, or it is quick and watched."""
        return sight.lens in self.lenses[:1] or (sight.lens in self.watched and sight.seconds <= QUICK_SECONDS)

    def _affords(self, sight: Sight) -> bool:
        return sight.seconds <= QUICK_SECONDS or self.looked + sight.seconds <= self._share * self.trained

    @property
    def _share(self) -> float:
        return self.pace.watched_share if self.watched else self.pace.share

    def look_if_due(self, seconds: float) -> list[Draft]:
        """The present moment through every lens whose turn it is, after an update that took `seconds`."""
        self.trained += seconds
        sights = list(self._open())
        each = self._share / (sum(map(self._weight, sights)) or 1)
        drafts: list[Draft] = []
        for sight in sights:
            share = each * self._weight(sight)
            sight.credit = min(sight.credit + share * seconds, 2 * sight.seconds)  # no bursts
            if self._due(sight) or self._ahead(sight, share):
                drafts += self._take(sight)
        return drafts

    def _weight(self, sight: Sight) -> float:
        return WATCHED_WEIGHT if sight.lens in self.watched else 1.0

    def _open(self) -> Iterator[Sight]:
        """The lenses that suit the run, those of the run first."""
        for name in dict.fromkeys((*self.lenses, *sorted(self.watched))):
            if name not in self._sights and name in LENSES and LENSES[name].suits(self.trainer.config):
                seen, wanted = set(self.store.steps(self.run, VIEW + name)), frozenset(self._moments)
                last = max(seen, default=-1)
                self._sights[name] = Sight(name, Grid(self.pace.ratio), seen, wanted, self.pace.views, last)
            if name in self._sights and name not in self._blind:
                yield self._sights[name]

    def _due(self, sight: Sight) -> bool:
        since = time.perf_counter() - sight.at
        if since < self.pace.gap:
            return False
        if len(sight.seen) < FREE_VIEWS and self._free(sight):
            return True
        if sight.credit < sight.seconds:
            return False
        step, steps = self.trainer.step, self.trainer.config.steps
        free = sight.places - len(sight.seen) - self._awaiting(sight)
        if step >= sight.grid.next(sight.step):
            return free > 0
        # Watched moments in between use the places that the log-spaced ones will not need.
        coming = sight.grid.count(steps) - sight.grid.count(step)
        return sight.lens in self.watched and since >= self.pace.watched_gap and coming < free

    def _awaiting(self, sight: Sight) -> int:
        """How many other moments of the run this lens is still to see, now or afterwards, if a page waits for it."""
        if not self._awaited(sight):
            return 0
        now = self.trainer.step
        return sum(moment > now or (moment < now and moment in self._kept) for moment in sight.moments - sight.seen)

    def _ahead(self, sight: Sight, share: float) -> bool:
        """Whether to look at a moment before its time, since `share` of the whole run's will pay for all of them."""
        step, steps = self.trainer.step, self.trainer.config.steps
        if step not in sight.moments or not self._awaited(sight) or len(sight.seen) >= sight.places:
            return False
        whole = self.trained * (steps - self._from) / (step - self._from)
        coming = sum(moment >= step for moment in sight.moments)
        return sight.spent + coming * sight.seconds <= share * whole

    def _take(self, sight: Sight) -> list[Draft]:
        step, lens = self.trainer.step, LENSES[sight.lens]
        start, before = time.perf_counter(), waited()
        try:
            with room_for(self.trainer, lens.name):
                body = encode_view(lens.name, lens.look(self.trainer.model, self._batch, self.trainer.task))
        except Exception as error:
            # A lens that can't cope with this run must not end it.
            log.exception("lens %s failed on run %s", lens.name, self.run)
            self._blind.add(lens.name)
            return [event(step, "lens failed", lens=lens.name, error=str(error)[:300])]
        sight.at = time.perf_counter()
        sight.seconds = sight.at - start - (waited() - before).wall
        self.looked += sight.seconds
        sight.spent += sight.seconds
        sight.credit -= sight.seconds
        sight.step = step
        sight.seen.add(step)
        self._make_fit(sight, len(body))
        return [Draft(VIEW + lens.name, step, body)]

    def _make_fit(self, sight: Sight, size: int) -> None:
        """Plan no more views, of `size` bytes each, than the tape has places for."""
        sight.places = view_places(size, self.pace.views, self.pace.view_bytes)
        if sight.grid.count(self.trainer.config.steps) > sight.places:
            sight.grid = Grid.with_at_most(sight.places, self.trainer.config.steps, self.pace.ratio)
        if len(sight.moments) > sight.places:
            sight.moments = frozenset(spread(self._moments, sight.places))

    @cached_property
    def _batch(self) -> Batch:
        return view_batch(self.trainer)


class _Room:
    """Megabytes that the looks take which this process is at, and what it held before the first of them."""

    taken = held = 0.0


def looking() -> bool:
    """Whether this process is at a look now."""
    return _Room.taken > 0


def has_room(run: Run, lens: str) -> bool:
    """Whether a look may be taken now: the only one always, another if all together are small enough."""
    if not looking() or "inputs" not in run.meta:
        return True
    return _Room.taken + _megabytes(run.config, lens, run.meta["inputs"], run.meta["outputs"]) <= TOGETHER_MB


@contextmanager
def room_for(trainer: Trainer, lens: str, longer: int = 0) -> Iterator[None]:
    """Inside there is a look, for which this host has the memory.

    Args:
        longer: steps of what is read, where they are more than those of training.

    Raises:
        ValueError: it hasn't; the sentence has the way out.
    """
    allowed, config = limits().memory_mb, trainer.config
    config = config.but(length=longer) if longer > config.length else config
    needed = _megabytes(config, lens, trainer.task.inputs, trainer.task.outputs)
    if needed > allowed:
        raise ValueError(
            f"Looking through {lens!r} would take about {needed:,.0f} MB of memory, and this host allows {allowed:,.0f} MB. "
            "Look at a run with a shorter sequence, fewer heads or a smaller width."
        )
    with large_given_back(needed > KEPT_MB):
        before = _Room.taken
        if not before:
            _Room.held = resident_bytes() / 1e6
        _Room.taken = before + needed
        try:
            yield
        finally:
            _Room.taken = before  # a difference would leave a rest, and with it a look that nobody takes


def keep_to_room() -> None:
    """Between two pieces of looks: give back what they freed, if this process has come to hold more than they take.

    Arrays go first where others were freed, so that a process which has trained a large network would soon hold again all that
    it gave back before the look.
    """
    if _Room.taken > KEPT_MB and resident_bytes() / 1e6 > _Room.held + _Room.taken:
        give_back_freed()


def _megabytes(config: RunConfig, lens: str, inputs: int, outputs: int) -> float:
    return look_bytes(config, lens, inputs, outputs).peak / 1e6


def view_batch(trainer: Trainer) -> Batch:
    """The validation batch that every view of a tape shows."""
    return trainer.task.batch(0, split="validation").to(trainer.device)
