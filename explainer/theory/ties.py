"""Places named by their value, where rounding alone may tell several apart.

The last bit of a sum is other on another processor, so the largest of values that differ by rounding is one place
here and another there. Values within `ALIKE` of each other are therefore one, and the first place counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALIKE = 1e-6  # a share: ten times the rounding of the float32 on a tape


def first_largest(values: NDArray[np.floating]) -> int:
    """The first place, in the flattened array, whose value is the largest or less than `ALIKE` of it below.

    Where some are not finite numbers, the first of those that are not numbers or else of the infinite ones.
    """
    top = np.float64(values.max())
    if not np.isfinite(top):
        return int(values.argmax())
    with np.errstate(over="ignore"):
        return int((values >= top - ALIKE * abs(top)).argmax())


def first_smallest(values: NDArray[np.floating], scale: float | None = None) -> int:
    """The first place whose value is the smallest, or above it by less than `ALIKE` of `scale`.

    Args:
        scale: what rounding is a share of; default, the smallest value itself, as suits values over many decades.
    """
    bottom = np.float64(values.min())
    if not np.isfinite(bottom) or not (scale is None or np.isfinite(scale)):
        return int(values.argmin())
    with np.errstate(over="ignore"):
        return int((values <= bottom + ALIKE * (abs(bottom) if scale is None else scale)).argmax())
