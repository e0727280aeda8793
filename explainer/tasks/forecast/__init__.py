"""The next value of a real series."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.tasks.problem import OfData, length


@dataclass(frozen=True, kw_only=True)
class ForecastProblem(OfData):
    """Each value from those before it."""

    kind = "forecast"
    title = "Forecast a series"
    made_by = "explainer.tasks.forecast.draw:Forecast"
    reads = "series"

    length: int = length("T, values of a sequence")
