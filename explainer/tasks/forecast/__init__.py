"""The next value of a real series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import SERIES, Seen, Series, beyond, parse_number, split_numbers, training_values
from explainer.data.windows import MOST_VALIDATION
from explainer.tasks.problem import OfData, length
from explainer.tasks.words import TaskWords

RECENT, VALUES = 240, 12
"""Last values of the series that are known, and values of an example at most."""


@dataclass(frozen=True, kw_only=True)
class ForecastProblem(OfData):
    """Each value from those before it."""

    kind = "forecast"
    title = "Forecast a series"
    made_by = "explainer.tasks.forecast.draw:Forecast"
    reads = SERIES
    foretells = "value"
    item = "number"
    guesses = {
        "nothing changes": "repeating the last value",
        "AR(9) by least squares": "a linear fit to the last nine values (AR(9))",
    }
    metric_in_units = True
    validation_windows = MOST_VALIDATION

    length: int = length("T, values of a sequence")

    @property
    def words(self) -> TaskWords:
        series = "Your series" if self.data else "The yearly number of sunspots"
        return TaskWords(
            name="a series",
            asks=f"{series} is read value by value, and at each the next one is to be foretold.",
            token="value",
            answers="the next value",
            memory="What helps is to know the last few values: whether they rise or fall, and how fast.",
            states="Look for units that go up and down with the series, or before it",
            counted="every step counts in training; of a validation sequence the last one does",
            guess="of repeating the last value, and that of a linear fit to the last nine",
            attention="What comes next follows from the last few values, and from those one cycle before if the series has one.",
            positions="The last few values count most: see whether neighbours become alike, and far positions different.",
        )

    def seen(self, body: str) -> Seen:
        series = Series.from_text(body)
        train = series.values[: training_values(len(series.values))]
        held_out = len(series.values) - len(train)
        recent = series.values[-RECENT:]
        return Seen(low=min(train), high=max(train), recent=recent, held_out=held_out, unit=series.measured_in)

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """Values behind each other that lie within those of training, held-out ones where there are such."""
        count = min(self.length, VALUES)
        starts = rng.permutation(max(0, len(seen.recent) - count + 1))
        trained = starts < len(seen.recent) - seen.held_out
        for start in (*starts[~trained], *starts[trained]):
            values = seen.recent[start : start + count]
            if all(seen.low <= value <= seen.high for value in values):
                return " ".join(map(_written, values))
        return ""

    def steps_of(self, text: str) -> list[float]:
        return [parse_number(word) for word in split_numbers(text)]

    def odd(self, steps: Sequence[float], seen: Seen) -> list[str]:
        return [] if seen.low == seen.high else beyond(steps, seen.low, seen.high, seen.unit)


def _written(value: float) -> str:
    """The shortest text that is exactly this number."""
    short = f"{value:.10g}"
    return short if float(short) == value else repr(value)
