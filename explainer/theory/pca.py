"""Principal components of hidden states, with signs that stay put.

A path of states in its first two components is only legible if the axes do not move, so the
basis is taken once over many samples (a whole tape), and its signs are fixed by a rule and not
by the linear-algebra library.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.theory.ties import first_largest

SAMPLES = 4000
"""Rows that a basis over a whole tape is fitted on, at most."""


class Axes(NamedTuple):
    """Where the components start, where they point, and how much of the variance each explains."""

    mean: Float[np.ndarray, " N"]
    basis: Float[np.ndarray, "k N"]
    explained: Float[np.ndarray, " k"]


def principal_axes(samples: Float[np.ndarray, "M N"], k: int = 2) -> Axes:
    """The k orthonormal directions of largest variance, largest first.

    With X = samples - mean = U S V^T, basis is the first k rows of V^T and explained is
    S^2 / sum(S^2). In each row of the basis the entry of largest size is positive.

    Rows with a value that is not finite (a run that diverged) are left out. Where the samples
    have fewer than k directions (one unit, one sample, none), the rest of the basis is zero.
    """
    samples = np.asarray(samples, dtype=np.float64)
    samples = samples[np.isfinite(samples).all(axis=1)]
    M, N = samples.shape
    mean, basis, explained = np.zeros(N), np.zeros((k, N)), np.zeros(k)
    if M == 0:
        return Axes(mean, basis, explained)
    mean = samples.mean(axis=0)
    _, S, Vt = np.linalg.svd(samples - mean, full_matrices=False)
    # Beyond the numerical rank a direction is rounding noise: it would differ between machines.
    rank = int((np.linalg.norm(samples) * max(M, N) * np.finfo(np.float64).eps < S).sum())
    found = min(k, rank)
    basis[:found] = Vt[:found]
    largest = basis[np.arange(k), [first_largest(row) for row in np.abs(basis)]]
    basis[largest < 0] *= -1
    if found:
        explained[:found] = S[:found] ** 2 / (S**2).sum()
    return Axes(mean, basis, explained)


def project(samples: Float[np.ndarray, "*M N"], axes: Axes) -> Float[np.ndarray, "*M k"]:
    """Coordinates of the samples on the axes."""
    return (np.asarray(samples, dtype=np.float64) - axes.mean) @ axes.basis.T


def aligned(basis: Float[np.ndarray, "k N"], previous: Float[np.ndarray, "k N"]) -> Float[np.ndarray, "k N"]:
    """`basis` with the signs that agree best with `previous`: row i . previous row i >= 0.

    For a basis that is taken anew as a tape grows: a picture must not flip between two frames.
    """
    agreement = np.einsum("kn,kn->k", basis, previous)
    return np.where(agreement < 0, -1.0, 1.0)[:, None] * basis


def frame_of(
    samples: Float[np.ndarray, "M N"], previous: NDArray[np.float32] | None, k: int = 2, margin: float = 0.06
) -> dict[str, NDArray[np.float64]]:
    """The axes of a picture of all samples, which don't move while these do.

    Args:
        samples: of a tape so far; rows that are not finite are left out.
        previous: the basis of the tape when it was shorter; signs follow it.
        k: how many axes.
        margin: beyond the outermost samples, as a share of their range.

    Returns:
        mean (N,), basis (k, N), range (k, 2) of each axis, explained (k,).
    """
    samples = samples[np.isfinite(samples).all(axis=1)]
    axes = principal_axes(samples[:: -(-len(samples) // SAMPLES) or 1], k)
    if previous is not None and previous.shape == axes.basis.shape:
        axes = axes._replace(basis=aligned(axes.basis, previous))
    places = project(samples, axes) if len(samples) else np.zeros((1, k))
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.maximum((high - low) * margin, 1e-3)
    return {**axes._asdict(), "range": np.stack([low - room, high + room], axis=1)}
