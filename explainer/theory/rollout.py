"""Attention rollout: how much of each input token is in each position after all layers."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
from jaxtyping import Float


def heads_mean(weights: Float[np.ndarray, "H T T"], silent: Set[int] = frozenset()) -> Float[np.ndarray, "T T"]:
    """The mean over the heads that are not `silent`; zeros where all are, for then a layer reads nothing."""
    on = [head for head in range(len(weights)) if head not in silent]
    return weights[on].mean(axis=0) if on else np.zeros(weights.shape[1:], weights.dtype)


def rollout(weights: Float[np.ndarray, "L H T T"], silent: Sequence[Set[int]] = ()) -> Float[np.ndarray, "T T"]:
    """A_L ... A_1 with A_l = (mean over heads + I) / 2, the I being the residual connection; rows sum to 1.

    Abnar & Zuidema 2020 (Quantifying attention flow in Transformers), section 3. Norms, values and MLPs are left out.

    Args:
        silent: of each layer the heads that are off, whose maps carry nothing; default, none.
    """
    T = weights.shape[-1]
    through = np.eye(T)
    for number, layer in enumerate(weights):
        mean = heads_mean(layer.astype(np.float64), silent[number] if silent else frozenset())
        through = passed_on(through, mean)
    return through


def passed_on(through: Float[np.ndarray, "T T"], mean: Float[np.ndarray, "T T"]) -> Float[np.ndarray, "T T"]:
    """The rollout after one more layer, whose heads' mean is given."""
    mixed = (mean + np.eye(len(mean))) / 2
    passed: Float[np.ndarray, "T T"] = mixed / mixed.sum(axis=-1, keepdims=True) @ through
    return passed
