"""Attention rollout: how much of each input token is in each position after all layers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def rollout(weights: Float[np.ndarray, "L H T T"]) -> Float[np.ndarray, "T T"]:
    """A_L ... A_1 with A_l = (mean over heads + I) / 2, the I being the residual connection; rows sum to 1.

    Abnar & Zuidema 2020 (Quantifying attention flow in Transformers), section 3. Norms, values and MLPs are left out.
    """
    T = weights.shape[-1]
    through = np.eye(T)
    for layer in weights.astype(np.float64):
        mixed = (layer.mean(axis=0) + np.eye(T)) / 2
        through = mixed / mixed.sum(axis=-1, keepdims=True) @ through
    return through
