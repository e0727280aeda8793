"""Why a gradient through time shrinks or grows: products of Jacobians, in closed form.

For h_t = phi(W h_{t-1} + ...) the gradient that arrives k steps back is

    dL/dh_{T-k} = (W^T D_{T-k+1}) ... (W^T D_T) dL/dh_T,   D_t = diag(phi'(a_t)),

and for a linear network (D = I) it is (W^T)^k dL/dh_T. Its rate per step is, in the long run,
the spectral radius rho(W); only the largest singular value bounds it from the first step on,
||(W^T)^k|| <= sigma_max^k (Pascanu, Mikolov, Bengio 2013, section 2.1).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

Verdict = Literal["vanishing", "healthy", "exploding", "undefined"]

TENFOLD = 10.0
"""A gradient is healthy if from the loss to the first step it changes less than this, either way."""

NON_NORMAL = np.array([[0.9, 10.0], [0.0, 0.9]])
"""rho = .9, so its powers vanish in the end; before that their norm grows to 38.7."""
NON_NORMAL.setflags(write=False)


def spectral_radius(W: Float[np.ndarray, "N N"]) -> float:
    """rho(W) = max |eigenvalue|; NaN if W has an entry that is not finite."""
    if not np.isfinite(W).all():
        return math.nan
    return float(np.abs(np.linalg.eigvals(np.asarray(W, dtype=np.float64))).max())


def gaussian_matrix(N: int, radius: float, seed: int = 0) -> Float[np.ndarray, "N N"]:
    """Independent normal entries, rescaled so that the spectral radius is exactly `radius`."""
    W = np.random.default_rng(seed).standard_normal((N, N))
    return W * (radius / spectral_radius(W))


def power_norms(W: Float[np.ndarray, "N N"], K: int) -> Float[np.ndarray, " powers"]:
    """||(W^T)^k||_2 for k = 0 ... K: the most that any gradient can be amplified in k steps."""
    return np.array([np.linalg.norm(power, 2) * scale for power, scale in _powers(W, K)])


def linear_decay(W: Float[np.ndarray, "N N"], K: int) -> Float[np.ndarray, " powers"]:
    """||(W^T)^k||_F / sqrt(N) for k = 0 ... K: how a linear network carries a gradient back k steps.

    This is the root mean square of ||(W^T)^k g|| over all directions of a unit vector g, so no
    direction has to be drawn. An orthogonal W gives 1 everywhere (Saxe et al. 2013); a normal
    one with one leading eigenvalue decays like rho^k.
    """
    root = math.sqrt(len(W))
    return np.array([np.linalg.norm(power) / root * scale for power, scale in _powers(W, K)])


def bound(W: Float[np.ndarray, "N N"], K: int) -> Float[np.ndarray, " powers"]:
    """sigma_max(W)^k for k = 0 ... K: an upper bound of `power_norms`; tanh' <= 1 keeps it true for tanh."""
    with np.errstate(over="ignore"):
        return np.linalg.norm(np.asarray(W, dtype=np.float64), 2) ** np.arange(K + 1)


def factor_per_step(norms: Float[np.ndarray, " T"]) -> float:
    """exp of the slope, backwards in time, of the least-squares line through log(norms).

    Below 1 the gradient shrinks with each step back, above 1 it grows. Zeros and values that
    are not finite have no logarithm and are left out; NaN if fewer than two others remain, infinite
    beyond what a number can hold.
    """
    usable = np.isfinite(norms) & (norms > 0)
    if usable.sum() < 2:
        return math.nan
    back = -np.flatnonzero(usable).astype(np.float64)
    back -= back.mean()
    logs = np.log(norms[usable].astype(np.float64))
    with np.errstate(over="ignore"):
        return float(np.exp(float(back @ logs) / float(back @ back)))


def gradient_horizon(norms: Float[np.ndarray, " T"], share: float = 0.01) -> float:
    """The steps k back from the last at which ||dL/dh_{T-k}|| first falls below `share` of ||dL/dh_T||.

    Between the last k above and the first k below, the crossing of the straight line through the
    logarithms; with a fixed factor f < 1 per step that is ln(share) / ln(f), whatever the length. Where
    the norm falls to exactly 0 there is no such line, and the horizon is that k.

    Returns:
        Steps; infinite if it never falls so low in these T steps; NaN if the last norm is not a positive
        number, or one before the crossing is not finite.
    """
    back = np.asarray(norms, dtype=np.float64)[::-1]
    if not (back.size and math.isfinite(back[0]) and back[0] > 0):
        return math.nan
    with np.errstate(over="ignore"):
        below = np.flatnonzero(back / back[0] < share)  # a share of the smallest numbers would be 0
    k = int(below[0]) if below.size else len(back)
    if not np.isfinite(back[:k]).all():
        return math.nan
    if not below.size:
        return math.inf
    if back[k] == 0:
        return float(k)
    high, low = math.log(back[k - 1]), math.log(back[k])
    return k - 1 + (high - math.log(share) - math.log(back[0])) / (high - low)


def mean_factor(norms: Float[np.ndarray, " T"]) -> float:
    """(norms[0] / norms[-1])^(1 / (T-1)): what each step back multiplies by, on average, of what arrives at the first.

    Its power T-1 is the share that arrives, by definition; the slope of `factor_per_step` has no such power unless
    the curve is straight.

    Returns:
        0 if nothing arrives; NaN if there is no step back, the last norm is not above 0, or one norm is not finite.
    """
    steps = len(norms) - 1
    if steps < 1 or not np.isfinite(norms).all() or norms[-1] <= 0:
        return math.nan
    if norms[0] == 0:
        return 0.0
    return math.exp((math.log(float(norms[0])) - math.log(float(norms[-1]))) / steps)


def healthy(steps: int) -> tuple[float, float]:
    """The factors per step between which a gradient changes less than `TENFOLD` in so many steps: 10^(-1/k), 10^(1/k)."""
    return TENFOLD ** (-1 / steps), TENFOLD ** (1 / steps)


def verdict(factor: float, steps: int) -> Verdict:
    """What a factor per step comes to in so many steps: "healthy" within `healthy(steps)`, "undefined" for NaN."""
    if math.isnan(factor):
        return "undefined"
    low, high = healthy(steps)
    if factor < low:
        return "vanishing"
    return "exploding" if factor > high else "healthy"


def _powers(W: Float[np.ndarray, "N N"], K: int) -> list[tuple[np.ndarray, float]]:
    """(P, s) with (W^T)^k = s P and the largest entry of P about 1, for k = 0 ... K.

    With the scale apart a product of a thousand matrices is lost only if its norm itself is
    beyond float64 (then 0 or inf), never because an intermediate was.
    """
    step = np.asarray(W, dtype=np.float64).T
    power, log_scale = np.eye(len(W)), 0.0
    powers = [(power, 1.0)]
    for _ in range(K):
        power = step @ power
        size = float(np.abs(power).max())
        if size > 0:
            power, log_scale = power / size, log_scale + math.log(size)
        powers.append((power, math.exp(log_scale) if log_scale < 709 else math.inf))
    return powers
