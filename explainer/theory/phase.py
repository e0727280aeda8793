"""Where a curve over training changes phase: it turns up (or down) sharply and levels off again.

Looked at over u = ln(step), for training is recorded at steps that grow in proportion, and because there every
exponential approach 1 - exp(-step / tau) is one and the same curve, shifted by ln tau: its second difference is
largest at step / tau = (3 - sqrt 5) / 2 and smallest at (3 + sqrt 5) / 2, 6.85 times later, and between steps that
are r-fold apart it makes a limited share of its way (see `exponential_share`). A curve that makes twice as much
between two such steps is no such approach, whatever its rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from explainer.theory.ties import ALIKE, first_largest

GRID = 0.02  # in ln(step)
SMOOTH = 0.1  # the standard deviation of the smoothing, in ln(step): about a tenth of the steps so far
FOLD = 3.0  # how many times earlier and later than the steepest place bends are looked for
TIMES = 2.0  # the share of an exponential approach that a phase change makes at least
BEND = 1e-3  # the least bend at both ends, as a share of the greatest slope; a normal curve of deviation ln(FOLD) has 0.011


class PhaseChange(NamedTuple):
    """The steps between which a curve changes phase, and the smoothed curve there."""

    first: float
    last: float
    before: float
    after: float


def phase_change(steps: ArrayLike, values: ArrayLike, least: float) -> PhaseChange | None:
    """The phase change of a curve, None where it has none.

    The curve is smoothed, and looked at around the first place where it is steepest, up to `FOLD` times earlier and
    later. `first` is where the second difference is largest before that place, `last` where it is smallest after
    it (for a falling curve the signs change). Both must lie inside, two widths of the smoothing from the curve's
    ends, and bend by at least `BEND` of the greatest slope; and the curve must make between them `TIMES` the share of
    its range that an exponential approach could, and no less than `least`.

    Nothing turns on the last bit of the values: between two steps recorded far apart the curve is a straight line in
    ln(step), all of it equally steep and with no bend but rounding, so places whose values differ by less than
    `ALIKE` are tied and the first one counts, and a curve that stays within `ALIKE` of its size is constant.

    Args:
        steps: growing. Those below 1, and values that are not finite, are left out.
        values: of the curve at these steps.
        least: change that is worth a name, in units of the values.
    """
    u, y = smoothed(steps, values)
    if len(y) < 5:
        return None
    if np.ptp(y) <= ALIKE * np.abs(y).max():
        return None
    slopes = np.diff(y)
    steepest = first_largest(np.abs(slopes))
    sign = np.sign(slopes[steepest])
    bend = sign * np.diff(y, n=2)  # bend[i] belongs to u[i + 1]
    window = int(np.log(FOLD) / GRID)
    start, stop = max(0, steepest - window), min(len(bend), steepest + window)
    if start == steepest or stop == steepest:
        return None  # steepest at an end
    first = start + first_largest(bend[start:steepest])
    last = steepest + first_largest(-bend[steepest:stop])
    if first == start or last == stop - 1:
        return None  # it bends most where the curve or the stretch ends
    if min(bend[first], -bend[last]) < BEND * abs(slopes[steepest]):
        return None  # a straight line there
    first, last = first + 1, last + 1
    change = abs(y[last] - y[first])
    if u[first] - u[0] < 2 * SMOOTH or u[-1] - u[last] < 2 * SMOOTH:
        return None  # made of the mirror image too
    if change < max(least, TIMES * exponential_share(np.exp(u[last] - u[first])) * np.ptp(y)):
        return None
    return PhaseChange(*(float(each) for each in (np.exp(u[first]), np.exp(u[last]), y[first], y[last])))


def exponential_share(fold: float) -> float:
    """The most that 1 - exp(-step / tau) can make of its way between two steps that are `fold` times apart.

    fold^(-1 / (fold - 1)) - fold^(-fold / (fold - 1)), when the first is tau ln(fold) / (fold - 1): 1/4 for 2, 0.385 for 3.
    """
    return float(fold ** (-1 / (fold - 1)) - fold ** (-fold / (fold - 1)))


def smoothed(steps: ArrayLike, values: ArrayLike) -> tuple[Float[np.ndarray, " grid"], Float[np.ndarray, " grid"]]:
    """The curve at even places of u = ln(step), after a Gaussian of width `SMOOTH`; beyond its ends it goes on
    as its own mirror image through the end point, which adds no bend.

    Returns:
        u and the values there; both empty where fewer than two are known.
    """
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    known = (x >= 1) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 2:
        return np.zeros(0), np.zeros(0)
    u = np.arange(np.log(x[0]), np.log(x[-1]), GRID)
    y = np.interp(u, np.log(x), y)
    reach = min(int(4 * SMOOTH / GRID), len(y) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * GRID / SMOOTH) ** 2)
    longer = np.pad(y, reach, mode="reflect", reflect_type="odd")
    return u, np.convolve(longer, kernel / kernel.sum(), mode="valid")
