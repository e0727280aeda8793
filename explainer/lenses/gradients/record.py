"""What the lens `gradients` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class GradientsRecord:
    """How much of a late loss arrives at each earlier time step, and at each parameter.

    Attributes:
        norms: mean over the sequences of ||dL*/dh_t||_2 in the top layer, L* being the loss at
            the last position that counts; for a Transformer with respect to the residual stream
            that enters the first block. Zero after that position.
        theory: norms[last] rho^(last-t), a linear network's long-run rate (plain RNN; else empty).
        radius: rho, the spectral radius of the top layer's W_hh among the units that no surgery holds (plain RNN;
            else NaN).
        last: the position of L*.
        factor: by which the measured norm changes per step back (see `theory.jacobian`).
        parameters: names.
        parameter_norms: ||dL/dW||_2 of each, L being the loss that training minimises.
        total: norm over all parameters.
        clip: the largest norm that training allows (0: any).
        clipped: `total` after clipping.
        loss: L.
    """

    norms: Float[np.ndarray, " T"]
    theory: Float[np.ndarray, " rate"]
    radius: float
    last: int
    factor: float
    parameters: tuple[str, ...]
    parameter_norms: Float[np.ndarray, " P"]
    total: float
    clip: float
    clipped: float
    loss: float

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert sizes["rate"] in (0, sizes["T"]), sizes
        assert 0 <= self.last < sizes["T"], self.last
        assert len(self.parameters) == sizes["P"], sizes
