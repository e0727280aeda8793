"""What a model makes of its validation sequences at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Validated:
    """One measurement.

    Attributes:
        values: means over the batches: "validation loss", the task's metric, its extras.
        losses: (n,) of each sequence, in the order in which they are always read.
    """

    values: Mapping[str, float]
    losses: Float64[np.ndarray, " n"]
