"""The next value of a real series, one step ahead."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import SUNSPOTS, Series, check_series_length, training_values
from explainer.tasks.base import Batch, Split, Task, next_step, open_ended
from explainer.theory.baselines import ar_rmse, naive_rmse

_ORDER = 9
LEAST = 1e-6
"""An error of at most this share of the series' deviation is none: the values are kept as float32."""


class Forecast(Task):
    """Predict v_{t+1} from v_{t-T+1} … v_t, standardised by mean and deviation of the training part.

    The last 60 values, or the last fifth of a short series, are for validation. In training
    every step of a window counts. A validation window ends at one validation value and only
    that counts, so that the score is the error of forecasting each of them once, from T
    values of true history: comparable with the naive rule and with AR(9).

    Raises:
        ValueError: the series is unfit, too short for windows of this length, or its training
            part does not change.
    """

    validation_batches = 1  # it has every value of the last part

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.series = SUNSPOTS if data is None else Series.from_text(data)
        self.unit, self.filled = self.series.measured_in, len(self.series.filled)
        self.metric = f"root mean squared error ({self.unit or 'units of the series'})"

        values = np.array(self.series.values)
        self.validation = len(values) - training_values(len(values))
        train = values[: -self.validation]
        check_series_length(config.length, len(values))
        self.mean, self.deviation = float(train.mean()), float(train.std())
        if train.min() == train.max():
            raise ValueError(
                f"The first {len(train)} values of {self.series.name!r}, those for training, are all {train[0]:g}. "
                "Choose a series that changes."
            )
        self.baseline = naive_rmse(values, self.validation)
        self._ar = ar_rmse(values, _ORDER, self.validation)
        self._values = torch.tensor((values - self.mean) / self.deviation, dtype=torch.float32)[:, None]
        self._filled = torch.zeros(len(values), dtype=torch.bool)
        self._filled[list(self.series.filled)] = True

    @property
    def references(self) -> dict[str, float]:
        """On the validation values, as the model's score."""
        return dict(zip(self.problem.guesses, (self.baseline, self._ar), strict=True))

    @property
    def loss_references(self) -> dict[str, float]:
        """The mean squared error of standardised values: (RMSE / deviation)²."""
        return {name: (error / self.deviation) ** 2 for name, error in self.references.items()}

    def default_size(self, split: Split) -> int:
        return self.validation if split == "validation" else super().default_size(split)

    def independent(self, split: Split) -> float:
        """Windows that do not overlap; of validation, in the values that they foretell."""
        values = self.validation if split == "validation" else len(self._values) - self.validation
        return max(1, values // self.total_length)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        """Random training windows; or windows that end at `size` validation values, each once before any twice."""
        T, train = self.total_length, len(self._values) - self.validation
        if split == "train":
            return self._windows(torch.randint(train - T, (size,), generator=generator))
        chosen = torch.randperm(self.validation, generator=generator)[torch.arange(size) % self.validation]
        batch = self._windows(train + chosen.sort().values - T)
        mask = torch.zeros_like(batch.mask)
        mask[:, -1] = True
        return replace(batch, mask=mask)

    def apart(self, most: int) -> Batch:
        """Windows of the whole series, one behind the other, the last ones: its validation part is shorter than two of them."""
        T = self.total_length
        count = min(most, (len(self._values) - 1) // T)
        return self._windows(len(self._values) - 1 - T * torch.arange(count, 0, -1))

    def asked(self, steps: Float[Tensor, "1 T"]) -> Batch:
        """Numbers in the units of the series."""
        return open_ended((steps[0, :, None] - self.mean) / self.deviation)

    def example(self) -> str:
        batch = self.batch(0, size=1)
        shown, target = self.axis(batch)[-3:], self.target_axis(batch)[-1]
        unit = f" {self.unit}" if self.unit else ""
        return f"In the series “{self.series.name}” the value after {', '.join(shown)} is {target}{unit}."

    def score(self, output: Float[Tensor, "B T 1"], batch: Batch) -> float:
        return self.deviation * math.sqrt(self.loss(output.detach(), batch))

    def extras(self, output: Float[Tensor, "B T 1"], batch: Batch) -> dict[str, float]:
        """The error as a share of what the naive rule makes of the same batch; nothing where that makes none."""
        naive = self.score(batch.x, batch)
        return {"share of the naive error": self.score(output, batch) / naive} if naive > LEAST * self.deviation else {}

    def in_units(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return values * self.deviation + self.mean

    def _windows(self, start: Int[Tensor, " B"]) -> Batch:
        """The next value is asked for everywhere in the windows that begin at these places."""
        places = start[:, None] + torch.arange(self.total_length + 1)
        return replace(next_step(self._values[places]), filled=self._filled[places[:, 1:]] if self.filled else None)
