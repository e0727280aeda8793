"""What the worker does between its birth and its death, one small turn at a time.

A turn is one update of every run that trains, then at most one look. What the interface asks for
is noticed between any two updates, so a click waits for one of them and not for a whole turn. What takes long, such as
a look at a large model, gives way between its pieces (`models.pieces`): then commands are obeyed, and other runs train.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from explainer.limits import Limits, limits
from explainer.models.pieces import Abandoned, Time, giving_way, waited
from explainer.runs.active import ActiveRun, sentence
from explainer.runs.looking import Looker
from explainer.runs.mailbox import LOOKS_KEPT
from explainer.runs.marker import Marker, fill_mark, look_mark
from explainer.runs.rows import Command
from explainer.runs.store import Run, Store, StoreError
from explainer.runs.turns import next_up
from explainer.runs.views import SWEEP_PACE, Pace, keep_to_room
from explainer.training import Trainer

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
LONG_SECONDS = 0.1
"""Of an update or a look, beyond which other runs get as much time: below it all take turns, so that two models race fairly."""
FOR_OTHERS = 1.3  # seconds that each other run gets for a second of long work: a change of turns costs it warm caches
MOST_OWED = 1.0  # seconds of training: who could not use its time has lost it
MOST_LOOKS = 3  # that are taken at the same time, each while the one before gives way
ANSWER_SHARE = 1 / 8  # of the store, for what was answered to viewers
LOOK = ""
PARKED_RUNS = 4  # paused runs whose models stay in memory
MOST_ATTEMPTS = 3
KILLED = "The worker ended while it took this look, most likely for want of memory. Ask for a shorter input, or at a smaller run."


@dataclass
class Work:
    """What this process is at.

    Attributes:
        whom: a run's id, or LOOK for a viewer.
        lasted: seconds of the pieces that are done.
        shared: those for which others have had their time.
    """

    whom: str
    lasted: float = 0.0
    shared: float = 0.0


class Workshop:
    """The runs that train here, and the requests of the interface.

    Attributes:
        active: runs that train, in the order of their turns.
        parked: paused runs whose models are still in memory.
        marker: where it is written whom this process works for.

    Args:
        ending: whether this process is to end; asked between two pieces of work, so that it can also say that it lives.
    """

    def __init__(
        self,
        store: Store,
        device: torch.device | None = None,
        pace: Pace | None = None,
        allowed: Limits | None = None,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self.store, self.device = store, device
        self.pace, self.limits = pace or Pace(), allowed or limits()
        self.active: OrderedDict[str, ActiveRun] = OrderedDict()
        self.parked: OrderedDict[str, ActiveRun] = OrderedDict()
        self.marker = Marker(store.folder)
        self._ending = ending
        self._looker = Looker(store, self._live, device, self.marker)
        self._stack: list[Work] = []  # the last one is at work, each of the others gives way to the next
        self._unwanted: set[str] = set()  # runs on the stack that are to stop
        self._obeyed: set[int] = set()  # commands that are being obeyed
        self._owed: dict[str, float] = {}  # seconds of training
        self._seen: int | None = None
        self._polled = 0.0
        self._recover()

    # -- a turn -------------------------------------------------------------------------------

    def turn(self) -> bool:
        """One update of each active run, then one look or one view to fill in; whether there was work.

        Where an update, or what is recorded with it, takes long, the other runs get as much time.
        """
        self._poll()
        worked = bool(self.active)
        spent: dict[str, float] = {}
        for run in list(self.active.values()):
            if self._trains(run):
                spent[run.id] = self._advance(run)
                self._poll()
        longest = max(spent.values(), default=0.0)
        if longest > LONG_SECONDS:
            for run_id, seconds in spent.items():
                self._owe(run_id, (FOR_OTHERS if seconds < longest / 2 else 1.0) * longest - seconds)
            self._pay_back()
        with self._at_work(LOOK):
            return self._looker.turn(busy=worked) or worked

    def tidy(self) -> None:
        """Keep the store within its limit."""
        limit = int(self.limits.store_mb * 1e6)
        self.store.drop_answers(int(limit * ANSWER_SHARE))
        self.store.make_room(limit)
        self.store.fail_unreadable()

    def close(self) -> None:
        """Leave every run so that the next worker takes it up without repeating anything."""
        for run in (*self.active.values(), *self.parked.values()):
            run.recorder.checkpoint()
            self.store.change(run.id, attempts=0)
        self.active.clear()
        self.parked.clear()

    def _advance(self, run: ActiveRun) -> float:
        """One update of a run, recorded; the seconds that it took, without those for which others have had as much."""
        replaying = run.recorder.replaying
        start, before, shared = Time.now(), waited(), 0.0
        try:
            with self._work_for(run.id) as work:
                try:
                    run.advance()
                finally:
                    shared = work.shared
        except Abandoned:
            if self._ending():
                raise
        except Exception as error:
            self._fail(run.id, error)
            return 0.0
        else:
            if run.ended:
                self._put_down(run.id)
            elif replaying and not run.recorder.replaying:
                self._seen = None  # commands may have waited for this
        return (Time.now() - start - (waited() - before)).own - shared

    # -- giving way ---------------------------------------------------------------------------

    @contextmanager
    def _at_work(self, whom: str) -> Iterator[Work]:
        """Inside, this process looks for a viewer, or works for a run; it gives way between the pieces of that."""
        work = Work(whom)
        self._stack.append(work)
        try:
            with giving_way(self._meanwhile):
                yield work
        finally:
            self._stack.pop()

    @contextmanager
    def _work_for(self, run: str) -> Iterator[Work]:
        """Inside, this process works for a run, which does nothing else meanwhile."""
        try:
            with self.marker.at(run), self._at_work(run) as work:
                yield work
        finally:
            self._unwanted.discard(run)
            self._seen = None  # commands may have waited for this

    def _meanwhile(self, seconds: float) -> None:
        """Between two pieces of the topmost work, the last of which took so long: commands, the other runs, another look.

        A run's own look takes that run's time, and each of the others gets as much; that of a viewer takes everybody's.

        Raises:
            Abandoned: the run that is worked for is to stop, or this process is to end.
        """
        work = self._stack[-1]
        if self._ending():
            raise Abandoned
        keep_to_room()
        self._poll()
        if work.whom in self._unwanted:
            raise Abandoned
        work.lasted += seconds
        if work.lasted > LONG_SECONDS:
            work.shared += seconds
            others = [run for run in self.active.values() if self._trains(run)]
            for run in others:
                self._owe(run.id, FOR_OTHERS * (seconds / len(others) if work.whom == LOOK else seconds))
            self._pay_back()
        if self._looker.looks and len(self._looker.taking) < MOST_LOOKS:
            with self._at_work(LOOK):
                self._looker.look_next(busy=bool(self.active))

    def _in_hand(self, run: str) -> bool:
        """Whether a run is worked for now, at the top of the stack or below."""
        return any(work.whom == run for work in self._stack)

    def _trains(self, run: ActiveRun) -> bool:
        """Whether another update of a run could be done now."""
        return self.active.get(run.id) is run and not run.ended and not self._in_hand(run.id)

    def _owe(self, run: str, seconds: float) -> None:
        self._owed[run] = min(self._owed.get(run, 0.0) + seconds, MOST_OWED)

    def _pay_back(self) -> None:
        """Let runs train for the time that they are owed."""
        for run in list(self.active.values()):
            while self._owed.get(run.id, 0.0) > 0 and self._trains(run):
                taken = self._advance(run)
                self._owed[run.id] -= max(taken, 1e-4)
                self._poll()
        self._owed = {run: owed for run, owed in self._owed.items() if run in self.active}

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
        self._obey_all()
        self._start_queued()
        self._looker.looks = self.store.waiting_looks()
        watched = self.store.watched() if self.active or self._looker.fills else {}
        self._looker.watched = watched
        if self.active:
            lenses = {row.id: row.lenses for row in self.store.runs("running") if not row.unreadable}
            for run in list(self.active.values()):
                if run.id in lenses:
                    run.recorder.viewer.lenses = lenses[run.id]
                    run.recorder.viewer.watched = frozenset(watched.get(run.id, ()))
                elif self._in_hand(run.id):
                    self._unwanted.add(run.id)
                else:  # it was deleted
                    self._put_down(run.id)

    def _obey_all(self) -> None:
        """Do what the commands say, in order; each run's own wait for each other, and while it is worked for.

        Obeying gives way, too, so the commands are read anew after each.
        """
        waiting: set[str] = set()
        begun: set[int] = set()  # a tape that is being filled keeps its command until the end
        while (command := self._next_command(waiting, begun)) is not None:
            begun.add(command.id)
            self._obeyed.add(command.id)
            try:
                done = self._obey(command)
            except Abandoned:  # for a command that ends the run
                if self._ending():
                    raise
                self.store.settle(command.id)
                done = True
            finally:
                self._obeyed.discard(command.id)
            if not done:
                waiting.add(command.run)

    def _next_command(self, waiting: set[str], begun: set[int]) -> Command | None:
        """The first that needn't wait; a run that is worked for is to leave that for a command that ends it.

        Args:
            waiting: runs whose commands wait.
            begun: commands that are passed over.
        """
        held = set(waiting)
        for command in self.store.commands():
            if command.id in begun and command.id not in self._obeyed:
                continue
            worked_for = self._in_hand(command.run)
            if worked_for and command.kind in ("stop", "pause") and command.id not in self._obeyed:
                self._unwanted.add(command.run)
            if command.id in self._obeyed or worked_for:
                held.add(command.run)
            elif command.run not in held:
                return command
        return None

    def _recover(self) -> None:
        """Take up what was running when the last worker died; give up a run, or a look, that keeps killing workers.

        It is known whom that one worked for when it died: only that run's attempts count.
        """
        self.store.fail_unreadable()
        guilty = self.marker.left
        self.marker.write("")
        for look in self.store.waiting_looks(LOOKS_KEPT):
            if look_mark(look.id) == guilty:
                self.store.refuse(look.id, KILLED)
        for command in self.store.commands():
            if fill_mark(command.id) == guilty:
                self._fill_died(command)
        for row in reversed(self.store.runs("running")):
            row = replace(row, attempts=row.attempts + (row.id == guilty))
            self.store.change(row.id, attempts=row.attempts)
            if row.attempts >= MOST_ATTEMPTS:
                message = f"The worker died {MOST_ATTEMPTS} times at this run. Try a smaller model, batch or length."
                self.store.set_status(row.id, "failed", message)
            elif len(self.active) >= self.limits.active:
                self.store.set_status(row.id, "queued")
            else:
                self._take_up(row)

    def _fill_died(self, command: Command) -> None:
        """Fill a tape again from where it was, unless that keeps killing workers."""
        run = self.store.run(command.run)
        times = 1 + int(run.meta.get("killed_filling", 0)) if run is not None else MOST_ATTEMPTS
        if run is not None:
            self.store.change(run.id, meta={"killed_filling": times})
        if times >= MOST_ATTEMPTS:
            self.store.settle(command.id)

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
            with self.marker.at(row.id):
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
        repeats = row.id in self.active and self.active[row.id].recorder.replaying
        if (command.kind in ("step", "lr") and repeats) or (command.kind == "lr" and row.status == "queued"):
            return False
        if command.kind == "stop":
            if held is not None:
                with self._work_for(row.id):
                    held.end("stopped", f"stopped at step {held.trainer.step}", quick=True)
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
            self.store.settle(command.id)
            self._step_once(row)
            return True
        elif command.kind == "lr":
            with self.store.transaction():
                self._active(row).set_lr(float(command.value))
                self.store.settle(command.id)
            return True
        else:
            log.warning("run %s: there is no command %r", row.id, command.kind)
        self.store.settle(command.id)
        return True

    def _step_once(self, row: Run) -> None:
        run = self._active(row)
        with self._work_for(row.id):
            if row.status == "queued" or run.recorder.fresh:
                run.begin()
            run.advance()
        if run.ended:
            self._put_down(run.id)
        else:
            self._park(run)

    # -- paused runs --------------------------------------------------------------------------

    def _active(self, row: Run) -> ActiveRun:
        """A run that trains, or one that doesn't with its model in memory where its tape ends."""
        run = self.active.get(row.id) or self.parked.get(row.id)
        if run is None:
            run = self._load(row)
            while run.recorder.replaying:
                run.advance()
            self._keep(run)
        return run

    def _park(self, run: ActiveRun) -> None:
        with self._work_for(run.id):
            run.hold()
        self.active.pop(run.id, None)
        self._keep(run)
        self._seen = None

    def _keep(self, run: ActiveRun) -> None:
        self.parked[run.id] = run
        self.parked.move_to_end(run.id)
        while len(self.parked) > PARKED_RUNS:
            self.parked.popitem(last=False)
