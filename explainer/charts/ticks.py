"""What stands under an axis of time steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def tick_places(T: int, most: int = 40) -> NDArray[np.int32]:
    """At most so many places of T, evenly spaced from the first."""
    return np.arange(0, T, max(1, -(-T // most)), dtype=np.int32)


def tick_labels(tokens: Sequence[str], places: NDArray[np.int32]) -> list[str]:
    """What stands under an axis: the token where it is short, else its position."""
    return [tokens[place] if len(tokens[place]) <= 6 else str(place) for place in places]
