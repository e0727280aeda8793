"""When a run is measured on its validation data, on how much of it, and where it was best.

The sequences are the same at every moment, the first batches of the validation stream, so moments are compared
sequence by sequence (`theory/lowest.py`). The steps are 0, 1, 2, 4, 8 … until these are farther apart than a 24th of
the run, from there on as even as that; and the moments whose weights are kept, as far as there is time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from explainer.models.pieces import waited
from explainer.tasks.base import Task
from explainer.theory.lowest import MEAN_ERROR, RISE_ERROR, VALIDATION, Lowest, lowest, standard_error
from explainer.training import Trainer

GAPS = 24
"""Even parts of a run with at least one measurement each: more than the twenty that a curve needs."""
SEQUENCES = (32, 64)
"""Of a measurement, in a short and in a long run; in whole batches, and at most four of them."""
MOST_BATCHES = 4
STEPS_A_BATCH = 150
"""Of a run that short, 27 measurements on one batch take a twentieth of the time: reading a batch takes some .3 updates."""
SLOW_SECONDS = 0.5
FREE_SECONDS = 0.25
"""Of a run, for measurements at kept moments, whatever share of its time that is: nobody notices."""

Measured = tuple[str, int, float]


def batches_for(task: Task) -> int:
    """Validation batches of each measurement.

    It depends on the configuration alone, so that the same run is always measured on the same sequences.
    """
    fewest, most = (math.ceil(count / task.default_size("validation")) for count in SEQUENCES)
    wanted = max(fewest, min(most, task.config.steps // STEPS_A_BATCH))
    return int(min(MOST_BATCHES, wanted, task.validation_batches))


@dataclass
class Best:
    """The lowest validation loss so far.

    Attributes:
        step: where.
        loss: how low.
        losses: (n,) of each sequence; None where this process took the run up later.
        weights: of that moment; None where they are on the tape or not to be kept.
    """

    step: int
    loss: float
    losses: Float64[np.ndarray, " n"] | None = None
    weights: Mapping[str, np.ndarray] | None = field(default=None, repr=False)


class Validator:
    """Measures one run, and remembers its best moment.

    Attributes:
        best: the lowest measurement so far, or None.
        step: the last that was measured, -1 before.
        seconds: that measuring took here.

    Args:
        trainer: at its present moment.
        share: of the run's time that may go into measurements at kept moments.
        holds: whether to hold the best moment's weights.
        earlier: metrics that the tape has already.
        saved: the checkpoint that the run goes on from.
    """

    def __init__(
        self,
        trainer: Trainer,
        share: float,
        holds: bool,
        earlier: Mapping[str, np.ndarray],
        saved: Mapping[str, np.ndarray],
    ) -> None:
        self.trainer, self.share, self.holds = trainer, share, holds
        self.batches = batches_for(trainer.task)
        self.gap = max(1, trainer.config.steps // GAPS)
        self.seconds, self._cost, self._from = 0.0, 0.0, trainer.step
        names = (f"metric:{VALIDATION}:step", f"metric:{VALIDATION}:value", f"metric:{RISE_ERROR}:value")
        self._steps, self._values, self._errors = (list(map(float, earlier.get(name, ()))) for name in names)
        if len(self._errors) != len(self._values):  # a tape from before they were recorded
            self._errors = [math.nan] * len(self._values)
        self.step = int(self._steps[-1]) if self._steps else -1
        found = self.lowest()
        self.best = None if found is None else Best(found.step, found.value)
        if self.best is not None and int(saved.get("best/step", -1)) == self.best.step:
            self.best.losses = saved["best/losses"]
            prefix = "best/weights/"
            weights = {name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)}
            self.best.weights = weights or None

    def lowest(self) -> Lowest | None:
        """The best measurement, and whether the loss has risen since."""
        return lowest(*(np.array(column) for column in (self._steps, self._values, self._errors)))

    def due(self, step: int, kept: bool, trained: float) -> bool:
        """Whether the present moment is to be measured.

        Args:
            step: updates done.
            kept: whether its weights are on the tape.
            trained: seconds of training in this process.
        """
        if step <= self.step:
            return False
        if step >= min(1 << max(0, self.step).bit_length(), max(0, self.step) + self.gap):
            return True
        return kept and self._affords(step, trained)

    def _affords(self, step: int, trained: float) -> bool:
        """Whether the time for this one can be spared, with those that come in any case, in the whole run."""
        steps, here = self.trainer.config.steps, max(1, step - self._from)
        coming = (steps - step) / self.gap
        allowed = max(FREE_SECONDS, self.share * trained * (steps - self._from) / here)
        return self.seconds + self._cost * (1 + coming) <= allowed

    def measure(self) -> list[Measured]:
        """Every number of the present moment, as (name, step, value)."""
        step, start, before = self.trainer.step, time.perf_counter(), waited()
        found = self.trainer.validate(self.batches)
        loss = found.values[VALIDATION]
        error = math.nan
        if self.best is not None and self.best.losses is not None:
            error = standard_error(found.losses - self.best.losses)
        self.step = step
        for column, value in ((self._steps, step), (self._values, loss), (self._errors, error)):
            column.append(value)
        if math.isfinite(loss) and (self.best is None or loss < self.best.loss):
            self.best = Best(step, loss, found.losses, self.trainer.weights() if self.holds else None)
        self._cost = time.perf_counter() - start - (waited() - before).wall
        self.seconds += self._cost
        values = {**found.values, MEAN_ERROR: standard_error(found.losses), RISE_ERROR: error}
        return [(name, step, value) for name, value in values.items()]

    @property
    def slow(self) -> bool:
        """Whether a measurement takes so long that nobody should wait for one."""
        return self._cost > SLOW_SECONDS

    def remember(self, step: int) -> None:
        """While updates are done again that the tape has: see once more what made the best moment the best."""
        if self.best is not None and self.best.step == step and self.best.losses is None:
            self.best.losses = self.trainer.validate(self.batches).losses
            self.best.weights = self.trainer.weights() if self.holds else None

    def checkpoint(self) -> dict[str, np.ndarray]:
        """What a process that takes the run up needs to go on comparing."""
        if self.best is None or self.best.losses is None:
            return {}
        weights = self.best.weights or {}
        return {
            "best/step": np.array(self.best.step, dtype=np.int64),
            "best/losses": self.best.losses,
            **{f"best/weights/{name}": array for name, array in weights.items()},
        }
