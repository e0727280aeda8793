"""What of a run goes onto its tape, and when.

Every update's numbers are recorded. Views, validation and gradient details are taken at steps
that grow in proportion, as long as the time spent on them stays a small share of the time spent
training; weights are kept at such steps within a budget of bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from explainer.lenses import LENSES
from explainer.runs.store import Draft, Run, Store
from explainer.runs.tape import VIEW, Grid, encode, encode_detail, encode_metrics, encode_view, event, grid
from explainer.tasks import Batch
from explainer.training import Step, Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How densely a run is recorded.

    Attributes:
        share: of training time that may go into views and validation, and `watched_share` while
            somebody looks.
        gap: seconds between two views at least.
        watched_gap: seconds after which a watched run is looked at, also between the log-spaced steps.
        views: most moments with views.
        view_bytes: most bytes of views.
        weight_bytes: most bytes of weights.
        ratio: growth of the steps with views and gradient details.
        weight_ratio: growth of the steps with weights and validation, at least.
    """

    share: float = 0.05
    watched_share: float = 0.09
    gap: float = 0.1
    watched_gap: float = 0.5
    views: int = 400
    view_bytes: int = 48_000_000
    weight_bytes: int = 32_000_000
    ratio: float = 1.03
    weight_ratio: float = 1.1


def view_batch(trainer: Trainer) -> Batch:
    """The validation batch that every view of a tape shows."""
    return trainer.task.batch(0, split="validation").to(trainer.device)


FREE_VIEWS = 3  # the first moments are looked at whatever that takes
VALIDATION_BATCHES = 4
FINAL_BATCHES = 16
CHECKPOINT_SECONDS = 2.0
CHECKPOINT_SHARE = 0.02
FLUSH_SECONDS = 0.1
FLUSH_SHARE = 0.01


class Recorder:
    """Writes one run's tape while a trainer trains it.

    Attributes:
        recorded: updates whose numbers are in the store.
        trained: seconds of training, in earlier processes too.
        watched: lenses through which somebody looks now.
    """

    def __init__(self, store: Store, run: Run, trainer: Trainer, pace: Pace) -> None:
        self.store, self.trainer, self.pace = store, trainer, pace
        self.run_id, self.lenses = run.id, run.lenses
        self.recorded = run.step
        self.trained = float(run.meta.get("seconds", 0.0))
        self.watched: frozenset[str] = frozenset()
        self._earlier, self._looked = self.trained, 0.0
        self._loss: float | None = None
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._measured: list[tuple[str, int, float]] = []
        self._drafts: list[Draft] = []
        self._blind: set[str] = set()  # lenses that failed on this run

        viewed = [step for lens in LENSES for step in store.steps(run.id, VIEW + lens)]
        kept = store.steps(run.id, "weights")
        self._view_step, self._views = max(viewed, default=-1), len(set(viewed))
        self._view_time, self._view_seconds = 0.0, 0.0
        self._view_grid = grid(pace.ratio)
        self._weight_step = max(kept, default=-1)
        self._validation_step, self._validation_seconds = -1, 0.0
        self._flush_time = self._checkpoint_time = self._now()
        self._checkpoint_seconds = 0.0
        self._progress_from = run.step

    # -- what happened ------------------------------------------------------------------------

    @property
    def replaying(self) -> bool:
        """Whether updates that the tape has are being done again, after a checkpoint."""
        return self.trainer.step < self.recorded

    @property
    def fresh(self) -> bool:
        """Whether nothing is on the tape yet."""
        return self._weight_step < 0

    def begin(self) -> None:
        """Step 0: weights and views before the first update, committed at once."""
        self._weights()
        self.look()
        self.flush()

    def wants_detail(self, number: int) -> bool:
        """Whether update `number` should report the gradient norm of each parameter."""
        return number in grid(self.pace.ratio)

    def after(self, step: Step, seconds: float) -> None:
        """Take in an update that took `seconds`; one that the tape has already is passed over."""
        if step.number <= self.recorded:
            return
        self.trained += seconds
        start = self._now()
        self._loss = step.loss
        self._rows.append((step.number, step.loss, step.lr, step.grad_norm, step.clipped))
        if step.detail is not None:
            names, before, after = step.detail.names, step.detail.before, step.detail.after
            self._drafts.append(Draft("detail", step.number, encode_detail(names, before, after)))
            self._measured += [(f"training {name}", step.number, value) for name, value in step.metrics.items()]
        if step.number < self.trainer.config.steps:  # `end` sees to the last one
            self._record(step.number, seconds, start)
        self._looked += self._now() - start

    def _record(self, number: int, seconds: float, start: float) -> None:
        if number >= self._weight_grid.next(self._weight_step):
            self._weights()
        if self._views < FREE_VIEWS:
            if start - self._view_time >= self.pace.gap:
                self.look()
                self._looked -= self._now() - start  # it takes what it takes
        elif self._view_due(number):
            self.look()
        if number >= grid(self.pace.weight_ratio).next(self._validation_step) and self._affordable(
            self._validation_seconds or 2 * VALIDATION_BATCHES * seconds
        ):
            self._validate(VALIDATION_BATCHES)
        if self._checkpoint_due():
            self.checkpoint()
        elif number <= FREE_VIEWS or self._now() - self._flush_time >= self._flush_gap():
            self.flush()

    def set_lr(self, lr: float) -> None:
        """A person changed the learning rate here; what came before is committed with it."""
        self._drafts.append(event(self.trainer.step, "lr", value=lr))
        self.flush()

    def rest(self) -> None:
        """The run will be held: the present moment is to be on the tape with views and, in budget, weights."""
        if not self.replaying:
            if self._weight_grid.count(self.trainer.step) < self._weight_places:
                self._weights()
            self.look()

    def conclude(self) -> dict[str, float]:
        """No more updates will follow for now: weights, views and validation of the last moment.

        Returns:
            Final numbers; none when the run was still repeating what the tape has.
        """
        if self.replaying:
            return {}
        self._weights()
        self.look()
        final = self._validate(FINAL_BATCHES)
        if self._loss is not None:
            final["loss"] = self._loss
        return final

    # -- looking ------------------------------------------------------------------------------

    def look(self) -> None:
        """Views through every lens of the run and of its viewers, of the present moment."""
        step = self.trainer.step
        if step == self._view_step:
            return
        start = self._now()
        size = 0
        for name in self._chosen():
            try:
                record = LENSES[name].look(self.trainer.model, self._batch, self.trainer.task)
            except Exception as error:
                # A lens that can't cope with this run must not end it.
                log.exception("lens %s failed on run %s", name, self.run_id)
                self._blind.add(name)
                self._drafts.append(event(step, "lens failed", lens=name, error=str(error)[:300]))
                continue
            body = encode_view(name, record)
            size += len(body)
            self._drafts.append(Draft(VIEW + name, step, body))
        self._views += 1
        self._view_step, self._view_time = step, self._now()
        self._view_seconds = self._view_time - start
        if size:
            places = min(self.pace.views, max(8, self.pace.view_bytes // size))
            if self._view_grid.count(self.trainer.config.steps) > places:
                self._view_grid = Grid.with_at_most(places, self.trainer.config.steps, self.pace.ratio)

    @cached_property
    def _batch(self) -> Batch:
        """What every view of this tape shows."""
        return view_batch(self.trainer)

    def _chosen(self) -> Iterable[str]:
        names = dict.fromkeys((*self.lenses, *sorted(self.watched)))
        return [n for n in names if n in LENSES and n not in self._blind and LENSES[n].suits(self.trainer.config)]

    def _view_due(self, step: int) -> bool:
        waited = self._now() - self._view_time
        if waited < self.pace.gap or not self._affordable(self._view_seconds):
            return False
        if step >= self._view_grid.next(self._view_step):
            return self._views < self.pace.views
        # Watched moments in between use the places that the log-spaced ones will not need.
        steps = self.trainer.config.steps
        coming = self._view_grid.count(steps) - self._view_grid.count(min(step, steps))
        return bool(self.watched) and waited >= self.pace.watched_gap and self._views + coming < self.pace.views

    def _affordable(self, seconds: float) -> bool:
        share = self.pace.watched_share if self.watched else self.pace.share
        return self._looked + seconds <= share * (self.trained - self._earlier)

    def _validate(self, batches: int) -> dict[str, float]:
        start = self._now()
        values = self.trainer.evaluate(batches)
        if self._validation_step != self.trainer.step:
            self._validation_step = self.trainer.step
            self._measured += [(name, self.trainer.step, value) for name, value in values.items()]
        self._validation_seconds = (self._now() - start) * VALIDATION_BATCHES / batches
        return values

    # -- weights ------------------------------------------------------------------------------

    @cached_property
    def _weight_places(self) -> int:
        size = sum(array.nbytes for array in self.trainer.weights().values())
        return max(2, self.pace.weight_bytes // size)

    @cached_property
    def _weight_grid(self) -> Grid:
        """Two places are for the first and the last moment."""
        return Grid.with_at_most(self._weight_places - 1, self.trainer.config.steps, self.pace.weight_ratio)

    def _weights(self) -> None:
        if self.trainer.step != self._weight_step:
            self._weight_step = self.trainer.step
            self._drafts.append(Draft("weights", self.trainer.step, encode(self.trainer.weights())))

    # -- writing ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Commit everything that is pending, in one transaction."""
        drafts = list(self._drafts)
        if self._rows or self._measured:
            drafts.insert(0, Draft("metrics", self.trainer.step, encode_metrics(self._rows, self._measured)))
        if drafts:
            self.store.append(self.run_id, drafts, max(self.recorded, self.trainer.step))
        self.recorded = max(self.recorded, self.trainer.step)
        self._drafts, self._rows, self._measured = [], [], []
        self._flush_time = self._now()

    def checkpoint(self) -> None:
        """Commit what is pending, and with it all that is needed to go on from here bit for bit."""
        start = self._now()
        body = encode(self.trainer.checkpoint())
        with self.store.transaction():
            self.flush()
            self.store.save_checkpoint(self.run_id, self.trainer.step, body)
            progress = {"attempts": 0} if self.trainer.step > self._progress_from else {}
            self.store.change(self.run_id, meta={"seconds": round(self.trained, 3)}, **progress)
        self._checkpoint_time = self._now()
        self._checkpoint_seconds = self._checkpoint_time - start

    def _checkpoint_due(self) -> bool:
        gap = max(CHECKPOINT_SECONDS, self._checkpoint_seconds / CHECKPOINT_SHARE)
        return self._now() - self._checkpoint_time >= gap

    def _flush_gap(self) -> float:
        """Seconds between two commits: longer for a long run that nobody watches."""
        return FLUSH_SECONDS if self.watched else min(1.0, max(FLUSH_SECONDS, FLUSH_SHARE * self.trained))

    @staticmethod
    def _now() -> float:
        return time.perf_counter()
