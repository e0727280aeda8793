"""Linear attention (Katharopoulos et al. 2020): a product of positive features in the place of the softmax, so that sums can be carried on.

phi(x) = elu(x) + 1                                         equation 7
o_t    = phi(q_t) S_t / (phi(q_t) . z_t)                    equation 12, causal
S_t    = S_{t-1} + phi(k_t) v_t',   z_t = z_{t-1} + phi(k_t)  equations 18 and 19: K x K and K numbers are all that is carried
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import elu, pad

from explainer.config import RunConfig
from explainer.models.positions import Bias
from explainer.models.transformer import Attention, Transformer

CHUNK = 32
"""Steps that attend to each other by their products; what comes before them by the sums."""


def features(x: Tensor) -> Tensor:
    """phi(x) = elu(x) + 1 > 0."""
    return elu(x) + 1


class PositiveAttention(Attention):
    """H heads, each row of weights phi(q_t) . phi(k_s) divided by its sum. Dropout is none of its weights', which are never made while it trains."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.dropout = 0.0

    @staticmethod
    def scores(q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H T K"], bias: Bias | None) -> Float[Tensor, "B H T T"]:
        """phi(Q) phi(K)'; there is no bias."""
        return features(q) @ features(k).mT

    @staticmethod
    def weights(scores: Float[Tensor, "B H T T"], unseen: Bool[Tensor, "T T"]) -> Float[Tensor, "B H T T"]:
        """Each row divided by the sum of what it may look at."""
        seen = scores.masked_fill(unseen, 0.0)
        return seen / seen.sum(-1, keepdim=True)

    def fused(
        self,
        q: Float[Tensor, "B H T K"],
        k: Float[Tensor, "B H T K"],
        v: Float[Tensor, "B H T K"],
        bias: Bias | None,
        p: float,
    ) -> Float[Tensor, "B H T K"]:
        """In chunks: within each by its products, from those before it by S and z, which only grow by sums. Linear in T."""
        B, H, T, K = q.shape
        size = min(T, CHUNK)
        n = -(-T // size)
        # A column of ones beside the values makes the sum of the weights come out as one more value.
        parts = (features(q), features(k), torch.cat([v, torch.ones_like(v[..., :1])], dim=-1))
        q, k, v = (pad(part, (0, 0, 0, n * size - T)).view(B, H, n, size, -1) for part in parts)
        read = (q @ k.mT).tril() @ v
        if n > 1:
            sums = (k.mT @ v).cumsum(dim=2)
            read = torch.cat([read[:, :, :1], read[:, :, 1:] + q[:, :, 1:] @ sums[:, :, :-1]], dim=2)
        read = read.view(B, H, n * size, K + 1)[:, :, :T]
        return read[..., :K] / read[..., K:]


class Linear(Transformer):
    """Blocks of linear attention and MLP, else as the Transformer."""

    mixer = PositiveAttention
