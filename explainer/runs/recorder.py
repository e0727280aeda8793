"""What of a run goes onto its tape, and when it is committed.

Every update's numbers are recorded. Views (`views`), validation and gradient details are taken at
steps that grow in proportion, as long as the time for them stays a small share of the time spent
training; weights are kept at such steps within a budget of bytes.
"""

from __future__ import annotations

import time
from functools import cached_property

from explainer.runs.store import Draft, Run, Store
from explainer.runs.tape import Grid, encode, encode_detail, encode_metrics, event, grid
from explainer.runs.views import FREE_VIEWS, Pace, Viewer
from explainer.training import Step, Trainer

VALIDATION_BATCHES = 4
EARLY_VALIDATIONS = 4  # at steps 1, 5, 25, 125 at the latest, whatever they cost; what that takes is paid back
EARLY_RATIO = 5
FINAL_BATCHES = 8
CHECKPOINT_SECONDS = 2.0
CHECKPOINT_SHARE = 0.01
FLUSH_SECONDS = 0.2
WATCHED_FLUSH_SECONDS = 0.1
FLUSH_SHARE = 0.01


class Recorder:
    """Writes one run's tape while a trainer trains it.

    Attributes:
        viewer: takes the views; told which lenses are wanted.
        recorded: updates whose numbers are in the store.
        trained: seconds of training, in earlier processes too.
    """

    def __init__(self, store: Store, run: Run, trainer: Trainer, pace: Pace) -> None:
        self.store, self.trainer, self.pace, self.run_id = store, trainer, pace, run.id
        self.viewer = Viewer(store, run, trainer, pace)
        self.recorded = self._progress_from = run.step
        self.trained = self._earlier = float(run.meta.get("seconds", 0.0))
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._measured: list[tuple[str, int, float]] = []
        self._drafts: list[Draft] = []
        self._loss: float | None = None
        self._weight_step = max(store.steps(run.id, "weights"), default=-1)
        self._validation_step, self._validation_seconds, self._validated = -1, 0.0, 0.0
        self._validations = 0
        self._flushed = self._saved = time.perf_counter()
        self._save_seconds = 0.0

    @property
    def replaying(self) -> bool:
        """Whether updates that the tape has are being done again, after a checkpoint."""
        return self.trainer.step < self.recorded

    @property
    def fresh(self) -> bool:
        """Whether nothing is on the tape yet."""
        return self._weight_step < 0

    # -- what happened ------------------------------------------------------------------------

    def begin(self) -> None:
        """Step 0: weights and views before the first update, committed at once."""
        self._weights()
        self._drafts += self.viewer.look()
        self.flush()

    def wants_detail(self, number: int) -> bool:
        """Whether update `number` should report the gradient norm of each parameter."""
        return number in grid(self.pace.ratio)

    def after(self, step: Step, seconds: float) -> None:
        """Take in an update that took `seconds`; one that the tape has already is passed over."""
        if step.number <= self.recorded:
            return
        self.trained += seconds
        self._loss = step.loss
        self._rows.append((step.number, step.loss, step.lr, step.grad_norm, step.clipped))
        if step.detail is not None:
            names, before, after = step.detail.names, step.detail.before, step.detail.after
            self._drafts.append(Draft("detail", step.number, encode_detail(names, before, after)))
            self._measured += [(f"training {name}", step.number, value) for name, value in step.metrics.items()]
        if step.number < self.trainer.config.steps:  # `conclude` sees to the last one
            self._record(step.number, seconds)

    def _record(self, number: int, seconds: float) -> None:
        if self._weights_due(number):
            self._weights()
        self._drafts += self.viewer.look_if_due(seconds)
        if self._validation_due(number):
            start = time.perf_counter()
            self._validate(VALIDATION_BATCHES)
            self._validation_seconds = time.perf_counter() - start
            self._validated += self._validation_seconds
            self._validations += 1
        now = time.perf_counter()
        if now - self._saved >= max(CHECKPOINT_SECONDS, self._save_seconds / CHECKPOINT_SHARE):
            self.checkpoint()
        elif number <= FREE_VIEWS or now - self._flushed >= self._flush_gap():
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
            self._drafts += self.viewer.look()

    def conclude(self) -> dict[str, float]:
        """No more updates will follow for now: weights, views and validation of the last moment.

        Returns:
            Final numbers; none when the run was still repeating what the tape has.
        """
        if self.replaying:
            return {}
        self._weights()
        self._drafts += self.viewer.look_last()
        final = self._validate(FINAL_BATCHES)
        if self._loss is not None:
            final["loss"] = self._loss
        return final

    # -- measuring ----------------------------------------------------------------------------

    def _validation_due(self, step: int) -> bool:
        if step < grid(self.pace.weight_ratio).next(self._validation_step):
            return False
        if self._validations < EARLY_VALIDATIONS and step >= EARLY_RATIO**self._validations:
            return True
        allowed = self.pace.validation_share * (self.trained - self._earlier)
        return self._validated + self._validation_seconds <= allowed

    def _validate(self, batches: int) -> dict[str, float]:
        values = self.trainer.evaluate(batches)
        if self._validation_step != self.trainer.step:
            self._validation_step = self.trainer.step
            self._measured += [(name, self.trainer.step, value) for name, value in values.items()]
        return values

    @cached_property
    def _weight_places(self) -> int:
        size = sum(array.nbytes for array in self.trainer.weights().values())
        return max(2, self.pace.weight_bytes // size)

    @cached_property
    def _weight_grid(self) -> Grid:
        """One place is kept for the last moment."""
        return Grid.with_at_most(self._weight_places - 1, self.trainer.config.steps, self.pace.weight_ratio)

    def _weights_due(self, number: int) -> bool:
        if self.pace.weight_steps:
            return number in self.pace.weight_steps
        return number >= self._weight_grid.next(self._weight_step)

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
        self._flushed = time.perf_counter()

    def checkpoint(self) -> None:
        """Commit what is pending, and with it all that is needed to go on from here."""
        start = time.perf_counter()
        body = encode(self.trainer.checkpoint())
        with self.store.transaction():
            self.flush()
            self.store.save_checkpoint(self.run_id, self.trainer.step, body)
            attempts = 0 if self.trainer.step > self._progress_from else None
            self.store.change(self.run_id, meta={"seconds": round(self.trained, 3)}, attempts=attempts)
        self._saved = time.perf_counter()
        self._save_seconds = self._saved - start

    def _flush_gap(self) -> float:
        """Seconds between two commits: longer for a long run that nobody watches."""
        gap = min(1.0, max(FLUSH_SECONDS, FLUSH_SHARE * self.trained))
        return WATCHED_FLUSH_SECONDS if self.viewer.watched else gap
