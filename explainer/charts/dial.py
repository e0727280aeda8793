"""The dial: what the spectral radius of W_hh at the start does to a gradient, in closed form.

A linear network carries a gradient k steps back by (Wᵀ)ᵏ. Scaling W to another spectral radius
only scales that, (ρW₁)ᵏ = ρᵏ W₁ᵏ, so each kind of matrix is multiplied out once and the dial
answers at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.amount import base_of, short
from explainer.charts.panel import Panel
from explainer.charts.theme import RECURRENCE, ink, stroke
from explainer.charts.traces import drawn, scatter
from explainer.theory.jacobian import NON_NORMAL, gaussian_matrix, linear_decay, power_norms
from explainer.theory.ties import first_largest

KINDS: Mapping[str, str] = {"gaussian": "Gaussian", "orthogonal": "orthogonal", "non-normal": "non-normal"}
STEPS = 50  # back in time: as long as the lesson's sequences
RANGE = (-12, 6)  # of the axis, as exponents of 10: fixed, so that the curve moves when the dial does


@dataclass(frozen=True, eq=False)
class Dial:
    """A recurrent matrix and what its powers do, for k = 0 ... K steps back.

    Attributes:
        kind: one of `KINDS`.
        N: rows of W.
        radius: its spectral radius ρ.
        sigma: its largest singular value.
        average: ||(Wᵀ)ᵏ||_F / √N, the root mean square over all directions of a gradient.
        largest: ||(Wᵀ)ᵏ||₂, over the worst direction.
        rate: ρᵏ.
        bound: σᵏ.
    """

    kind: str
    N: int
    radius: float
    sigma: float
    average: Float[np.ndarray, " powers"]
    largest: Float[np.ndarray, " powers"]
    rate: Float[np.ndarray, " powers"]
    bound: Float[np.ndarray, " powers"]


def turn(kind: str, radius: float, N: int = 64, K: int = STEPS) -> Dial:
    """A matrix of this kind with exactly this spectral radius.

    `gaussian` is one draw of independent normal entries; `orthogonal` is ρ times any orthogonal
    matrix, all alike here; `non-normal` is [[ρ, 10], [0, ρ]], two units whatever N says.

    Raises:
        ValueError: an unknown kind, or a radius that is not above 0.
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind[:40]!r} is not known. Choose one of: {', '.join(KINDS)}.")
    if not (math.isfinite(radius) and radius > 0):
        raise ValueError(f"radius = {radius!r} must be a number above 0.")
    powers = np.arange(K + 1)
    with np.errstate(over="ignore", under="ignore"):
        rate = float(radius) ** powers
        if kind == "non-normal":
            W = NON_NORMAL.copy()
            np.fill_diagonal(W, radius)
            N, sigma = 2, float(np.linalg.norm(W, 2))
            average, largest = linear_decay(W, K), power_norms(W, K)
        elif kind == "orthogonal":
            sigma, average, largest = radius, rate, rate
        else:
            unit_sigma, unit_average, unit_largest = _gaussian(N, K)
            sigma, average, largest = radius * unit_sigma, rate * unit_average, rate * unit_largest
        return Dial(kind, N, radius, sigma, average, largest, rate, sigma**powers)


@lru_cache(maxsize=32)
def _gaussian(N: int, K: int) -> tuple[float, Float[np.ndarray, " powers"], Float[np.ndarray, " powers"]]:
    """Largest singular value, average and largest norms of the powers of a Gaussian matrix of radius 1."""
    W = gaussian_matrix(N, 1.0)
    return float(np.linalg.norm(W, 2)), linear_decay(W, K), power_norms(W, K)


def dial_panel(dial: Dial, theme: str, *, span: int = 12) -> Panel:
    """The four curves on a fixed log axis."""
    shade, colour = ink(theme), RECURRENCE
    curves = (
        ("σᵏ, the bound", dial.bound, stroke(shade.muted, 1.6, "dot")),
        ("largest direction", dial.largest, stroke(colour, 1.4)),
        ("rms over directions", dial.average, stroke(colour, 3)),
        ("ρᵏ, the long run", dial.rate, stroke(shade.text, 1.6, "dash")),
    )
    steps = list(range(len(dial.rate)))
    data: list[dict[str, Any]] = [
        scatter(
            name=name,
            x=steps,
            # Zero and infinity have no place on a log axis; None leaves a gap there.
            y=[float(value) if 0 < value < math.inf else None for value in values],
            line=line,
            hover=f"{name}<br>%{{x}} steps back: × %{{y:.3e}}",
        )
        for name, values, line in curves
    ]
    yaxis = {"title": "factor since the loss", "type": "log", "range": [*RANGE], "exponentformat": "power", "nticks": 8}
    xaxis = {"title": "steps back, k", "range": [0, steps[-1]]}
    figure = drawn(theme, data, xaxis=xaxis, yaxis=yaxis, showlegend=True)
    title = "What is left of a gradient k steps back, in a linear network"
    return Panel("dial", title, figure, reading=dial_reading(dial), span=span, height=330)


def dial_reading(dial: Dial) -> str:
    """What the matrix does in the long run, what is left at the end, and whether it grows first."""
    K, peak = len(dial.rate) - 1, first_largest(dial.largest)
    radius = base_of(dial.radius, K)
    ends = "vanishing" if dial.radius < 1 else "exploding" if dial.radius > 1 else "no constant growth or loss"
    sentence = (
        f"ρ = {radius}: {ends} in the long run, × {radius} with each step back; "
        f"after {K} steps × {short(dial.average[K])} on average (ρ^{K} = {short(dial.rate[K])})."
    )
    if dial.radius < 1 and dial.largest[peak] > 1.05:
        sentence += f" Yet in one direction it first grows × {short(dial.largest[peak])}, at k = {peak}"
        return f"{sentence}: only σ < 1 forbids that, and σ is {short(dial.sigma)}."
    return sentence
