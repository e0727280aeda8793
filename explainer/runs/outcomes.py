"""What has come of the runs of a sweep: enough for its charts, from the store or from a shipped file."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from explainer.config import RunConfig
from explainer.limits import estimate
from explainer.runs.inputs import training_inputs
from explainer.runs.rows import ACTIVE, Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view
from explainer.sweep import Sweep

log = logging.getLogger(__name__)

MISSING = "missing"
FINALS_KEPT = 500


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run of a sweep.

    Attributes:
        run: its id; "" where it is not in the store.
        status: as `Run.status`, or "missing": taken out of the queue, or deleted.
        step: updates done.
        final: numbers on validation batches at its end, by name; none before.
        meta: the task's metric, baseline and so on (see `active.describe`).
        seconds: of training so far.
        message: how it ended, if it ended early.
        first: what each lens saw before the first update; last: after the last one.
    """

    config: RunConfig
    run: str = ""
    status: str = MISSING
    step: int = 0
    final: Mapping[str, float] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""
    first: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it has learnt all its steps."""
        return self.status == "done"


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        steps: updates of all runs, `done` of them.
        finished: runs that need no more time, of `runs`.
        current: what trains now, or None.
        waiting: runs in the queue.
        seconds: that are left, as far as can be told.
    """

    done: int
    steps: int
    finished: int
    runs: int
    current: Outcome | None
    waiting: int
    seconds: float

    @property
    def live(self) -> bool:
        """Whether more will come without anybody's doing."""
        return self.current is not None or self.waiting > 0


class Outcomes:
    """Reads the outcomes of sweeps; what has ended is read once for all viewers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._ended: OrderedDict[tuple[str, float, float, tuple[str, ...]], Outcome] = OrderedDict()

    def of(self, sweep: Sweep, runs: Sequence[str], lenses: Sequence[str] = ()) -> list[Outcome]:
        """One outcome for each run of the sweep, in its order, with the first and the last view of these lenses."""
        rows = [self.store.run(run) for run in runs]
        return [
            Outcome(config=config) if row is None else self._of(row, config, tuple(lenses))
            for config, row in zip(sweep.configs, rows, strict=True)
        ]

    def _of(self, row: Run, config: RunConfig, lenses: tuple[str, ...]) -> Outcome:
        key = (row.id, row.created, row.updated, lenses)
        if key in self._ended:
            return self._ended[key]
        first: dict[str, Any] = {}
        last: dict[str, Any] = {}
        for lens in lenses:
            for step, place in ((0, first), (row.step, last)):
                chunk = self.store.chunk_at(row.id, VIEW + lens, step) if step == 0 or row.finished else None
                if chunk is not None:
                    try:
                        place[lens] = decode_view(lens, chunk.body)
                    except ValueError as error:
                        log.warning("a view of run %s is left out: %s", row.id, error)
        outcome = Outcome(
            config=config,
            run=row.id,
            status=row.status,
            step=row.step,
            final=dict(row.meta.get("final", {})) if row.finished else {},
            meta=row.meta,
            seconds=float(row.meta.get("seconds", 0.0)),
            message=row.message if row.finished else "",
            first=first,
            last=last,
        )
        if row.finished:
            self._ended[key] = outcome
            while len(self._ended) > FINALS_KEPT:
                self._ended.popitem(last=False)
        return outcome


def progress(outcomes: Sequence[Outcome]) -> Progress:
    """How far a sweep is; the time left goes by what its finished runs took against their estimates."""
    expected = [_seconds(outcome.config) for outcome in outcomes]
    spent = sum(outcome.seconds for outcome in outcomes if outcome.done)
    planned = sum(each for each, outcome in zip(expected, outcomes, strict=True) if outcome.done)
    left = sum(
        each * (1 - outcome.step / outcome.config.steps)
        for each, outcome in zip(expected, outcomes, strict=True)
        if outcome.status in ACTIVE
    )
    ended = [outcome.done or outcome.status == "diverged" for outcome in outcomes]
    running = [outcome for outcome in outcomes if outcome.status == "running"]
    return Progress(
        done=sum(outcome.config.steps if end else outcome.step for outcome, end in zip(outcomes, ended, strict=True)),
        steps=sum(outcome.config.steps for outcome in outcomes),
        finished=sum(ended),
        runs=len(outcomes),
        current=running[0] if running else None,
        waiting=sum(outcome.status == "queued" for outcome in outcomes),
        seconds=left * (spent / planned if spent > 0 and planned > 0 else 1.0),
    )


@lru_cache(maxsize=1000)
def _seconds(config: RunConfig) -> float:
    """What one run is expected to take; somebody's own text counts like the default one."""
    return estimate(config, *training_inputs(config.but(data=""))).seconds
