"""What the worker does between its birth and its death, one small turn at a time.

A turn is one update of every run that trains, then at most one look. What the interface asks for
is noticed between any two updates, so a click waits for one of them and not for a whole turn.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

import torch

from explainer.limits import Limits, limits
from explainer.runs.active import ActiveRun, sentence
from explainer.runs.looking import Looker
from explainer.runs.store import Command, Run, Store, StoreError
from explainer.runs.turns import next_up
from explainer.runs.views import SWEEP_PACE, Pace
from explainer.training import Trainer

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
PARKED_RUNS = 4  # paused runs whose models stay in memory
MOST_ATTEMPTS = 3


class Workshop:
    """The runs that train here, and the requests of the interface.

    Attributes:
        active: runs that train, in the order of their turns.
        parked: paused runs whose models are still in memory.
    """

    def __init__(
        self, store: Store, device: torch.device | None = None, pace: Pace | None = None, allowed: Limits | None = None
    ) -> None:
        self.store, self.device = store, device
        self.pace, self.limits = pace or Pace(), allowed or limits()
        self.active: OrderedDict[str, ActiveRun] = OrderedDict()
        self.parked: OrderedDict[str, ActiveRun] = OrderedDict()
        self._looker = Looker(store, self._live, device)
        self._seen: int | None = None
        self._polled = 0.0
        self._recover()

    # -- a turn -------------------------------------------------------------------------------

    def turn(self) -> bool:
        """One update of each active run, then one look or one view to fill in; whether there was work."""
        self._poll()
        worked = bool(self.active)
        for run in list(self.active.values()):
            if self.active.get(run.id) is run:
                self._advance(run)
                self._poll()
        return self._looker.turn(busy=worked) or worked

    def tidy(self) -> None:
        """Keep the store within its limit."""
        self.store.make_room(int(self.limits.store_mb * 1e6))
        self.store.fail_unreadable()

    def close(self) -> None:
        """Leave every run so that the next worker takes it up without repeating anything."""
        for run in (*self.active.values(), *self.parked.values()):
            run.recorder.checkpoint()
            self.store.change(run.id, attempts=0)
        self.active.clear()
        self.parked.clear()

    def _advance(self, run: ActiveRun) -> None:
        replaying = run.recorder.replaying
        try:
            run.advance()
        except Exception as error:
            self._fail(run.id, error)
            return
        if run.ended:
            self._put_down(run.id)
        elif replaying and not run.recorder.replaying:
            self._seen = None  # commands may have waited for this

    def _fail(self, run: str, error: Exception) -> None:
        """End one run with a sentence; the others go on."""
        self._put_down(run)
        if isinstance(error, StoreError):
            raise error
        log.error("run %s failed", run, exc_info=error)
        if self.store.run(run) is not None:
            self.store.set_status(run, "failed", sentence(error))

    def _put_down(self, run: str) -> None:
        self.active.pop(run, None)
        self.parked.pop(run, None)
        self._seen = None  # a place is free: look at the queue

    def _live(self, run: str) -> Trainer | None:
        held = self.active.get(run) or self.parked.get(run)
        return held.trainer if held is not None and not held.recorder.replaying else None

    # -- what the interface asks --------------------------------------------------------------

    def _poll(self) -> None:
        """Take in what has changed in the store, if anything has and the last time was 10 ms ago."""
        now = time.monotonic()
        if now - self._polled < POLL_SECONDS:
            return
        self._polled = now
        version = self.store.data_version()
        if version == self._seen:
            return
        self._seen = version
        waiting: set[str] = set()
        for command in self.store.commands():
            if command.run not in waiting and not self._obey(command):
                waiting.add(command.run)
        self._start_queued()
        self._looker.looks = self.store.waiting_looks()
        if self.active:
            wanted, watched = self.store.wanted(), self.store.watched()
            for run in list(self.active.values()):
                if run.id in wanted:
                    run.recorder.viewer.lenses = wanted[run.id]
                    run.recorder.viewer.watched = frozenset(watched.get(run.id, ()))
                else:  # it was deleted
                    self._put_down(run.id)

    def _recover(self) -> None:
        """Take up what was running when the last worker died; give up a run that keeps killing workers."""
        self.store.fail_unreadable()
        for row in reversed(self.store.runs("running")):
            if row.attempts >= MOST_ATTEMPTS:
                message = f"The worker died {row.attempts} times while this run trained. Try a smaller model or batch."
                self.store.set_status(row.id, "failed", message)
            elif len(self.active) >= self.limits.active:
                self.store.set_status(row.id, "queued")
            else:
                self.store.change(row.id, attempts=row.attempts + 1)
                self._take_up(row)

    def _start_queued(self) -> None:
        places = int(self.limits.active)
        if len(self.active) >= places:
            return
        queued = self.store.turns("queued")
        if not queued:
            return
        since, last = self.store.sweeps_waiting_since(), self.store.last_turns()
        for turn in next_up(queued, self.store.turns("running"), places, since, last):
            self.tidy()
            row = self.store.run(turn.id)
            if row is not None and not row.unreadable:
                self._take_up(row)

    def _take_up(self, row: Run) -> None:
        """Let a run train from now on."""
        try:
            run = self.parked.pop(row.id, None) or self._load(row)
            run.begin()
            self.active[row.id] = run
        except Exception as error:
            self._fail(row.id, error)

    def _load(self, row: Run) -> ActiveRun:
        return ActiveRun(self.store, row, SWEEP_PACE if row.sweep else self.pace, self.device)

    def _obey(self, command: Command) -> bool:
        """Do what a command says; False if it has to wait, with all that follow for its run."""
        row = self.store.run(command.run)
        if command.kind == "fill":
            self._looker.queue_fill(command.id, command.run, command.value)
            return True
        if row is None or row.finished:
            self.store.settle(command.id)
            return True
        try:
            return self._steer(row, command)
        except Exception as error:
            self.store.settle(command.id)
            self._fail(row.id, error)
            return True

    def _steer(self, row: Run, command: Command) -> bool:
        held = self.active.get(row.id) or self.parked.get(row.id)
        if command.kind == "stop":
            if held is not None:
                held.end("stopped", f"stopped at step {held.trainer.step}")
                self._put_down(row.id)
            else:
                self.store.set_status(row.id, "stopped", f"stopped at step {row.step}")
        elif command.kind == "pause":
            if row.status == "running" and held is not None:
                self._park(held)
            else:
                self.store.set_status(row.id, "paused")
        elif command.kind == "resume":
            if row.status == "paused":
                self.store.set_status(row.id, "queued")
        elif command.kind == "step":
            if not self._ready(row.id):
                return False
            self.store.settle(command.id)
            self._step_once(row)
            return True
        else:
            assert command.kind == "lr", command.kind
            if row.status == "queued" or not self._ready(row.id):
                return False
            with self.store.transaction():
                self._held(row).set_lr(float(command.value))
                self.store.settle(command.id)
            return True
        self.store.settle(command.id)
        return True

    def _ready(self, run: str) -> bool:
        """Whether a run is not repeating what its tape has."""
        return run not in self.active or not self.active[run].recorder.replaying

    def _step_once(self, row: Run) -> None:
        run = self._held(row)
        if row.status == "queued" or run.recorder.fresh:
            run.begin()
        run.advance()
        if run.ended:
            self._put_down(run.id)
        else:
            self._park(run)

    # -- paused runs --------------------------------------------------------------------------

    def _held(self, row: Run) -> ActiveRun:
        """A run that trains, or one that doesn't with its model in memory where its tape ends."""
        run = self.active.get(row.id) or self.parked.get(row.id)
        if run is None:
            run = self._load(row)
            while run.recorder.replaying:
                run.advance()
            self._keep(run)
        return run

    def _park(self, run: ActiveRun) -> None:
        run.hold()
        self.active.pop(run.id, None)
        self._keep(run)
        self._seen = None

    def _keep(self, run: ActiveRun) -> None:
        self.parked[run.id] = run
        self.parked.move_to_end(run.id)
        while len(self.parked) > PARKED_RUNS:
            self.parked.popitem(last=False)
