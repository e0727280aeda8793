"""How a number is written with its standard error, and when it says anything."""

from __future__ import annotations

import math

TOLD = 2.0
"""A difference is told from nothing beyond so many standard errors."""
SURE = 5.0
"""A ratio is said where what it divides by is so many standard errors away from zero."""


def told(value: float, error: float) -> bool:
    """Whether a number is beyond `TOLD` standard errors; never without an error."""
    return math.isfinite(value) and math.isfinite(error) and value != 0 and abs(value) >= TOLD * error


def plus_minus(value: float, error: float, sign: bool = False) -> str:
    """ "0.236 ± 0.012": the error with two digits, and the value as far as they go; without an error, three digits.

    Args:
        sign: write a plus before a number above zero.
    """
    plus = "+" if sign else ""
    if not (math.isfinite(error) and error > 0) or not math.isfinite(value):
        return f"{value:{plus}.3g}"
    decimals = 1 - math.floor(math.log10(float(f"{error:.1e}")))
    if decimals > 6 or error >= 1e6:
        return f"{value:{plus}.3g} ± {error:.2g}"
    value, error = (round(each, decimals) + 0.0 for each in (value, error))
    shown = max(0, decimals)
    return f"{value:{plus},.{shown}f} ± {error:,.{shown}f}"
