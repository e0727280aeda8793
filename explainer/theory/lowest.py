"""The lowest validation loss of a run, and whether it has risen since.

The same n sequences are read at every moment, so two moments are compared sequence by sequence: with l_i the loss of
sequence i, d_i = l_i(now) - l_i(then). The rise is the mean of d_i, and its standard error s(d) / √n, where s is the
sample's standard deviation. The sequences are drawn at random from the validation data, so that is the error of the
rise on all of that data. What it would be on other data of the kind, a short text can't tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

VALIDATION = "validation loss"
MEAN_ERROR = f"{VALIDATION}, standard error"
RISE_ERROR = f"{VALIDATION}, standard error of its rise"
"""The series on a tape: the mean over n sequences, its standard error, and that of its difference from the lowest before."""
SURE = 3.0
"""Standard errors that a rise has to be above zero. Three, not two: the lowest of many measurements is low by luck, too."""
LASTING = 3
"""Measurements, the last ones, that must all be so far above the lowest: one may be a single bad update's."""
FEWEST = 4
"""Sequences without which there is no standard error worth the name."""


def standard_error(values: Float[np.ndarray, " n"]) -> float:
    """s / √n of the mean over n sequences; NaN with fewer than `FEWEST`, or where not all are finite."""
    if len(values) < FEWEST or not np.isfinite(values).all():
        return math.nan
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


@dataclass(frozen=True)
class Lowest:
    """The lowest of some measurements, as it stands at the last of them.

    Attributes:
        step: of the lowest finite value; the first, if there are several.
        value: there.
        rise: the last value minus the lowest, 0 where the lowest is the last.
        error: the standard error of `rise`, NaN where it is not known.
        risen: whether the last `LASTING` measurements are all later than the lowest, and each more than `SURE` of its
            standard errors above it.
    """

    step: int
    value: float
    rise: float
    error: float
    risen: bool


def lowest(
    steps: Int[np.ndarray, " S"], values: Float[np.ndarray, " S"], errors: Float[np.ndarray, " S"] | None = None
) -> Lowest | None:
    """The lowest of S measurements in the order of their steps; None where none of them is finite.

    Args:
        steps: of the measurements.
        values: what was measured.
        errors: of each, the standard error of its difference from the lowest before it; None where that is not known.
    """
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).any():
        return None
    at = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
    known = np.full(len(values), np.nan) if errors is None or len(errors) != len(values) else np.asarray(errors)
    last = slice(max(at + 1, len(values) - LASTING), None)
    above = values[last] - values[at] > SURE * known[last]  # never true of what is not a number
    return Lowest(
        step=int(steps[at]),
        value=float(values[at]),
        rise=float(values[-1] - values[at]),
        error=float(known[-1]) if at < len(values) - 1 else math.nan,
        risen=len(above) == LASTING and bool(above.all()),
    )
