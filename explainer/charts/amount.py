"""A number as a sentence says it: few digits, in people's notation, and a factor whose power can be computed from it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from explainer.words import counted

CLOSE = 0.005
"""Relative: to this what a reader computes from a printed factor agrees with what is printed beside it."""
LARGE = "more than 10³⁸"  # what float32 does not hold
MOST_DIGITS = 12
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def amount(value: float, digits: int = 3) -> str:
    """A finite number in so many significant digits: 0.031, 8, 12,400; below a thousandth or from a million on as 3.1·10⁸."""
    assert math.isfinite(value), value
    return _bare(_written(value, digits))


def short(value: float) -> str:
    """A number in three digits, below 0.01 in two: 0.63, 0.0031, 1,230, 3.1·10⁻¹¹; in words if it is not finite."""
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return LARGE if value > 0 else "less than −10³⁸"
    return amount(value, 2 if abs(value) < 0.01 else 3)


def short_steps(count: float) -> str:
    """A time in steps, in two digits, from ten on in three: "0.38 steps", "1 step", "6.6 steps", "693 steps"."""
    said = amount(count, 2) if count < 9.95 else amount(round(count))
    return f"{said} {'step' if said == '1' else 'steps'}"


def base_of(factor: float, power: float) -> str:
    """A factor in three digits, or in as many as its power takes to be computed from it."""
    return _enough(factor, lambda printed: power * math.log(printed / factor))


def paced(factor: float) -> str:
    """A factor in three digits, or in as many as its half-life ln 2 / |ln factor| takes to be computed from it."""
    slope = math.log(factor) if 0 < factor < math.inf else 0.0
    return _enough(factor, lambda printed: math.log(printed) / slope - 1 if slope else 0.0)


def half_life(factor: float) -> float:
    """Steps in which a positive factor per step halves or doubles; infinite for 1."""
    slope = abs(math.log(factor))
    return math.log(2) / slope if slope else math.inf


def percent(share: float) -> str:
    """A share in whole per cent; 0% and 100% are said of none and all only."""
    if 0 < share < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < share < 1 else f"{share:.0%}"


def not_finite(values: ArrayLike, what: str) -> str:
    """Where values are not finite: "not a number at 2 of 5 steps"; empty if all are finite."""
    array = np.asarray(values)
    bad = ~np.isfinite(array)
    if not bad.any():
        return ""
    kind = "not a number" if np.isnan(array[bad]).all() else "not a finite number"
    return f"{kind} at {int(bad.sum())} of {counted(array.size, what)}"


def ratio(value: float, one: float) -> float:
    """value / one in float64, infinite where that has no number so large."""
    with np.errstate(all="ignore"):
        return float(np.float64(value) / np.float64(one))


def _enough(factor: float, error: Callable[[float], float]) -> str:
    """The factor with the fewest digits, three at least, whose `error` is below `CLOSE`."""
    if not (math.isfinite(factor) and factor > 0):
        return short(factor)
    for digits in range(3, MOST_DIGITS):
        if abs(error(_rounded(factor, digits))) < CLOSE:
            break
    return _written(factor, digits)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _written(value: float, digits: int) -> str:
    """So many digits, zeros at their end among them."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if not -4 < power < 6:
        return f"{mantissa}·10{str(power).translate(RAISED)}"
    return f"{_rounded(value, digits):,.{max(0, digits - 1 - power)}f}"


def _bare(said: str) -> str:
    """Without zeros at the end of its decimals."""
    number, times, power = said.partition("·")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + times + power
