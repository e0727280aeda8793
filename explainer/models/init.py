"""Weights at the start: recurrent matrices of a chosen spectrum, the forget-gate bias, GPT-2's Gaussians.

Each function changes its module in place and draws from torch's default generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from explainer.models.cells import Weights


def orthogonal_(block: Float[Tensor, "N N"]) -> None:
    """U with UᵀU = I, uniform over such matrices: every singular value is 1 (Saxe et al. 2013)."""
    nn.init.orthogonal_(block)


def identity_(block: Float[Tensor, "N N"]) -> None:
    """U = I (Le et al. 2015)."""
    nn.init.eye_(block)


def gaussian_(block: Float[Tensor, "N N"], radius: float) -> None:
    """Independent Gaussian entries, rescaled so that the largest |eigenvalue| is `radius`.

    N(0, 1/N) alone has spectral radius 1 only in the limit of large N (circular law), so the
    eigenvalues of this very matrix are computed, in double precision.
    """
    draw = torch.randn(block.shape, dtype=torch.float64)
    largest = torch.linalg.eigvals(draw).abs().max()
    block.copy_(draw * (radius / largest))


@torch.no_grad()
def recurrent_(rnn: nn.RNNBase | Weights, init: str, radius: float) -> None:
    """Set W_hh of every layer, each gate block of N rows on its own; W_ih keeps torch's default.

    `default` leaves torch's U(-1/√N, 1/√N). `identity` also zeroes the biases. `xavier` is U(-√(3/N), √(3/N)), of variance 1/N (Glorot & Bengio
    2010), and `he` N(0, 2/N) (He et al. 2015): of a square matrix, so ρ is about 1 and √2.
    """
    if init == "default":
        return
    fill: dict[str, Callable[[Tensor], object]] = {
        "orthogonal": orthogonal_,
        "identity": identity_,
        "gaussian": lambda block: gaussian_(block, radius),
        "xavier": nn.init.xavier_uniform_,
        "he": nn.init.kaiming_normal_,
    }
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_hh"):
            for block in parameter.split(rnn.hidden_size):
                fill[init](block)
        elif name.startswith("bias") and init == "identity":
            parameter.zero_()


@torch.no_grad()
def forget_bias_(rnn: nn.RNNBase | Weights, value: float) -> None:
    """Make the bias of every forget gate `value` (Jozefowicz et al. 2015).

    torch adds two biases in each gate: one is set, the other is zeroed, or the sum would be another.
    """
    N = rnn.hidden_size
    for layer in range(rnn.num_layers):
        rnn.get_parameter(f"bias_ih_l{layer}")[N : 2 * N] = value
        rnn.get_parameter(f"bias_hh_l{layer}")[N : 2 * N] = 0.0


@torch.no_grad()
def gpt2_(model: nn.Module, layers: int) -> None:
    """N(0, 0.02) for every matrix; 0.02/√(2L) for the last one of each residual branch (Radford et al. 2019, §2.3).

    The 2L branches then add up to a residual stream whose variance does not grow with depth. Biases of
    layers that read numbers are drawn too: from W x alone a layer norm would keep only the sign of x.

    Args:
        layers: L; matrices whose name ends in `project.weight` are the last of their branch.
    """
    for name, parameter in model.named_parameters():
        if "norm" in name:
            continue
        last = name.endswith("project.weight")
        nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if last else 0.02)
