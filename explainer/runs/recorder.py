"""What of a run goes onto its tape, and when it is committed.

Every update's numbers are recorded. Views (`views`) and gradient details are taken at steps that grow
in proportion, as long as the time for them stays a small share of the time spent training; weights are
kept at such steps within a budget of bytes, and so are those of the lowest validation loss (`validating`)
once it has risen from there. A tape only grows, so those are written late, and a few times at most.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property

import numpy as np

from explainer.runs.moments import moments_grid
from explainer.runs.store import Draft, Run, Store
from explainer.runs.tape import Grid, encode_chunk, encode_detail, encode_metrics, event, grid, join_metrics
from explainer.runs.validating import Validator
from explainer.runs.views import FREE_VIEWS, Pace, Viewer
from explainer.training import Step, Trainer

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
        validator: measures on validation data.
        recorded: updates whose numbers are in the store.
        trained: seconds of training, in earlier processes too.
        rates: learning rates that took the place of the configuration's, by the updates before each.
    """

    def __init__(
        self, store: Store, run: Run, trainer: Trainer, pace: Pace, saved: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self.store, self.trainer, self.pace, self.run_id = store, trainer, pace, run.id
        self.rates = dict(run.rates)
        self.viewer = Viewer(store, run, trainer, pace, self._kept)
        self.recorded = self._progress_from = run.step
        self.trained = self._earlier = float(run.meta.get("seconds", 0.0))
        self._taken = float(run.meta.get("taken", self._earlier))
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._measured: list[tuple[str, int, float]] = []
        self._drafts: list[Draft] = []
        self._loss: float | None = None
        self._weight_step = max(store.steps(run.id, "weights"), default=-1)
        earlier = join_metrics(chunk.body for chunk in store.chunks(run.id, kinds=("metrics",))) if run.step else {}
        self.validator = Validator(trainer, pace.validation_share, pace.bests > 0, earlier, saved or {})
        self._bests = 0
        self._flushed = self._saved = time.perf_counter()
        self._save_seconds = 0.0

    @property
    def taken(self) -> float:
        """Seconds of updates, looks and measurements, in earlier processes too."""
        return self._taken + self.trained - self._earlier + self.viewer.looked + self.validator.seconds

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
        """Step 0: weights, views and validation before the first update, committed at once."""
        self._weights()
        self._drafts += self.viewer.look()
        self._measured += self.validator.measure()
        self.flush()

    def wants_detail(self, number: int) -> bool:
        """Whether update `number` should report the gradient norm of each parameter."""
        return number in grid(self.pace.ratio)

    def after(self, step: Step, seconds: float) -> None:
        """Take in an update that took `seconds`; one that the tape has already is passed over."""
        if step.number <= self.recorded:
            self.validator.remember(step.number)
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
        kept = self._weights_due(number)
        if kept:
            self._weights()
        self._drafts += self.viewer.look_if_due(seconds)
        if self.validator.due(number, kept, self.trained - self._earlier):
            self._validate()
        now = time.perf_counter()
        if now - self._saved >= max(CHECKPOINT_SECONDS, self._save_seconds / CHECKPOINT_SHARE):
            self.checkpoint()
        elif number <= FREE_VIEWS or now - self._flushed >= self._flush_gap():
            self.flush()

    def set_lr(self, lr: float) -> None:
        """A person changed the learning rate here; what came before is committed with it."""
        self._drafts.append(event(self.trainer.step, "lr", value=lr))
        self.rates[self.trainer.step] = lr
        with self.store.transaction():
            self.flush()
            self.store.change(self.run_id, meta={"rates": list(self.rates.items())})

    def rest(self) -> None:
        """The run will be held: the present moment is to be on the tape with views and, in budget, weights."""
        if not self.replaying:
            if self._weight_grid.count(self.trainer.step) < self._weight_places:
                self._weights()
            self._drafts += self.viewer.look()
            if self.validator.step < self.trainer.step:
                self._validate()

    def conclude(self, quick: bool = False) -> dict[str, float]:
        """No more updates will follow for now: weights, views and validation of the last moment.

        Args:
            quick: without what takes long: somebody waits for the run's end.

        Returns:
            Final numbers; none when the run was still repeating what the tape has, or they would take long.
        """
        if self.replaying:
            return {}
        self._weights()
        self._drafts += self.viewer.look_last(quick)
        if quick and self.validator.slow:
            return {}
        if self.validator.step < self.trainer.step:
            self._measured += self.validator.measure()
        self._keep_best()
        final = self.trainer.evaluate(FINAL_BATCHES)
        if self._loss is not None:
            final["loss"] = self._loss
        return final

    def lowest(self) -> dict[str, float | bool]:
        """The lowest validation loss with its step, and by how much the last one is above it: see `theory.lowest`."""
        found = self.validator.lowest()
        return {} if found is None else asdict(found)

    # -- measuring ----------------------------------------------------------------------------

    def _validate(self) -> None:
        self._measured += self.validator.measure()
        found = self.validator.lowest()
        if found is not None and found.risen and self._bests < self.pace.bests - 1:  # one is left for the end
            self._keep_best()

    def _keep_best(self) -> None:
        """The weights of the lowest validation loss so far, and what lenses see in them, if the tape lacks them."""
        best = self.validator.best
        if best is None or best.weights is None or self._bests >= self.pace.bests:
            return
        weights, best.weights = best.weights, None
        if best.step == self.trainer.step:
            return
        self._bests += 1
        self.flush()
        if best.step not in self.store.steps(self.run_id, "weights"):
            self._drafts.append(Draft("weights", best.step, encode_chunk("weights", weights)))
        self._drafts += self.viewer.look_back(best.step, weights)

    @cached_property
    def _weight_places(self) -> int:
        size = sum(array.nbytes for array in self.trainer.weights().values())
        return max(2, self.pace.weight_bytes // size)

    @cached_property
    def _weight_grid(self) -> Grid:
        """One place is kept for the last moment, and some for the best ones."""
        places = self._weight_places - 1 - min(self.pace.bests, self._weight_places // 4)
        return moments_grid(self.trainer.config.steps, places, self.pace.weight_ratio)

    @property
    def _kept(self) -> list[int]:
        """The steps at which weights will be on the tape, before the last one."""
        if self.pace.weight_steps:
            return list(self.pace.weight_steps)
        return self._weight_grid.before(self.trainer.config.steps)

    def _weights_due(self, number: int) -> bool:
        if self.pace.weight_steps:
            return number in self.pace.weight_steps
        return number >= self._weight_grid.next(self._weight_step)

    def _weights(self) -> None:
        if self.trainer.step != self._weight_step:
            self._weight_step = self.trainer.step
            self._drafts.append(Draft("weights", self.trainer.step, encode_chunk("weights", self.trainer.weights())))

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
        body = encode_chunk("checkpoint", {**self.trainer.checkpoint(), **self.validator.checkpoint()})
        with self.store.transaction():
            self.flush()
            self.store.save_checkpoint(self.run_id, self.trainer.step, body)
            attempts = 0 if self.trainer.step > self._progress_from else None
            times = {"seconds": round(self.trained, 3), "taken": round(self.taken, 3)}
            self.store.change(self.run_id, meta=times, attempts=attempts)
        self._saved = time.perf_counter()
        self._save_seconds = self._saved - start

    def _flush_gap(self) -> float:
        """Seconds between two commits: longer for a long run that nobody watches."""
        gap = min(1.0, max(FLUSH_SECONDS, FLUSH_SHARE * self.trained))
        return WATCHED_FLUSH_SECONDS if self.viewer.watched else gap
