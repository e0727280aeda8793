"""Prices of kinds of work that fit measured times: least squares of the logarithm of their ratio, none below 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

Rows = Sequence[tuple[Mapping[str, float], float]]

ROUNDS = 400
FAR = 0.7
"""ln 2: a time that is farther off counts by its distance and no more by the square of it."""


def fitted(rows: Rows, first: Mapping[str, float]) -> dict[str, float]:
    """The price of each kind of work, p_k = exp(v_k), from Σ_k p_k w_k ≈ t by damped Gauss-Newton steps on v.

    Args:
        rows: (w, t), units of each kind of work and seconds.
        first: prices to begin from.
    """
    names = list(first)
    work = np.array([[units.get(name, 0.0) for name in names] for units, _ in rows])
    times = np.log([seconds for _, seconds in rows])
    v, damping = np.log([max(first[name], 1e-13) for name in names]), 1.0
    cost = _cost(_off(work, v, times))
    for _ in range(ROUNDS):
        tried = v + _step(work, v, times, damping)
        new = _cost(_off(work, tried, times))
        better = new < cost
        v, cost = (tried, new) if better else (v, cost)
        damping = max(damping / 3, 1e-6) if better else min(damping * 4, 1e6)
    return {name: float(f"{price:.2g}") for name, price in zip(names, np.exp(v), strict=True)}


def _off(work: Float[np.ndarray, "n k"], v: Float[np.ndarray, " k"], times: Float[np.ndarray, " n"]) -> np.ndarray:
    return np.log(work @ np.exp(v)) - times


def _cost(off: Float[np.ndarray, " n"]) -> float:
    far = np.abs(off)
    return float(np.where(far < FAR, far**2, FAR * (2 * far - FAR)).sum())


def _step(
    work: Float[np.ndarray, "n k"], v: Float[np.ndarray, " k"], times: Float[np.ndarray, " n"], damping: float
) -> Float[np.ndarray, " k"]:
    prices, off = np.exp(v), _off(work, v, times)
    slopes = work * prices / (work @ prices)[:, None]
    weight = np.minimum(1.0, FAR / np.maximum(np.abs(off), 1e-9))
    squares = slopes.T @ (slopes * weight[:, None])
    damped = squares + damping * np.diag(np.diag(squares) + 1e-3)
    return np.clip(np.linalg.solve(damped, -slopes.T @ (weight * off)), -1.5, 1.5)
