"""A number as a sentence says it."""

from __future__ import annotations

import math

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def amount(value: float, digits: int = 3) -> str:
    """A finite number in so many significant digits: 0.031, 8, 12,400; below a thousandth or from a million on as 3.1 × 10⁸."""
    assert math.isfinite(value), value
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if not -4 < power < 6:
        return f"{_short(mantissa)} × 10{str(power).translate(RAISED)}"
    return f"{float(f'{mantissa}e{exponent}'):,.0f}" if power >= digits - 1 else f"{value:.{digits}g}"


def counted(count: int, noun: str) -> str:
    """A whole number and what it counts, whose plural ends in s: 1 step, 12,000 steps."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _short(mantissa: str) -> str:
    return mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
