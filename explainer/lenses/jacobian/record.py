"""What the lens `jacobian` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class JacobianRecord:
    """J_t = ds_t/ds_(t-1) of the top layer's state s on one sequence, and what products of it do.

    s is h, and of an LSTM (h, c), M numbers. L* is the loss at the last step that counts.

    Attributes:
        eigenvalues: real and imaginary part for each choice, largest first. Of a product of k steps
            the k-th root of their length is taken, so that all are per step. NaN where rounding hides them.
        singular: singular values, likewise.
        steps: the last step of each choice.
        spans: how many Jacobians are multiplied in it.
        rate: radius^k for k = 0 ... K steps back from L*: a linear network.
        bound: what no direction exceeds: sigma^k of W_hh, or with gates the product of the sigma_max(J_t).
        largest: ||J_T ... J_(T-k+1)||_2, the most that any direction keeps.
        measured: ||dL*/ds_(T-k)|| / ||dL*/ds_T||, of the direction that the loss asks for.
        radius: spectral radius of the theory's matrix.
        sigma: its largest singular value.
        theory: which matrix that is: "W_hh", with zeros in the rows of units that surgery holds; or "rest", J without
            input where the state is zero, apart from what is held (gated cells).
        saturated: share of the activations that are not held whose slope is under a tenth of its largest, at each step.
        slope: their mean slope, as a share of its largest.
        parts: `saturated` of each kind of activation.
        part_names: of these.
        last: the step of L*.
        tokens: what the model read, as labels.
    """

    eigenvalues: Float[np.ndarray, "C M 2"]
    singular: Float[np.ndarray, "C M"]
    steps: Int[np.ndarray, " C"]
    spans: Int[np.ndarray, " C"]
    rate: Float[np.ndarray, " lags"]
    bound: Float[np.ndarray, " lags"]
    largest: Float[np.ndarray, " lags"]
    measured: Float[np.ndarray, " lags"]
    radius: float
    sigma: float
    theory: str
    saturated: Float[np.ndarray, " T"]
    slope: Float[np.ndarray, " T"]
    parts: Float[np.ndarray, "G T"]
    part_names: tuple[str, ...]
    last: int
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert (len(self.tokens), len(self.part_names)) == (sizes["T"], sizes["G"]), sizes
        assert 0 <= self.last < sizes["T"], self.last
