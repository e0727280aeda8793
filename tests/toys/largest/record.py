"""What the lens `largest` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class LargestRecord:
    """Of the top layer's states on the batch's first sequence, the largest |h_t| over its steps.

    Attributes:
        largest: of each unit.
    """

    largest: Float[np.ndarray, " N"]
