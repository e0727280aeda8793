"""The standard error of a mean over sequences, of a difference between two networks on the same ones, and of a ratio.

Sequences are what is drawn; positions of one sequence are not independent. So everything here is made of one sum for each
sequence, and a mean over positions is the quotient of two such sums.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def quotient(
    above: Float[np.ndarray, "*K n"], below: Float[np.ndarray, " n"], independent: float = math.inf
) -> tuple[Float[np.ndarray, "*K"], Float[np.ndarray, "*K"]]:
    """q = sum_i a_i / sum_i b_i over n sequences, and its standard error to first order (the delta method):

        SE = sqrt( n / (n - 1) · (1 + n / m) · sum_i (a_i - q b_i)² ) / |sum_i b_i|

    (Cochran 1977, Sampling Techniques, §6.4; with all b_i alike it is the deviation of the a_i / b_i over sqrt n).
    With a the summed loss and b the number of positions it is that of a mean loss; with a the *difference* of two summed losses, that
    of a paired difference; with b the loss of the other network, that of a ratio. The last needs a denominator that is far from 0.

    Windows of a text that holds only m which do not overlap are no n independent ones: two that are drawn at random share in the
    mean 1/m of a window, and the variance over texts is sigma² (1/n + 1/m). The factor 1 + n / m is that.

    Args:
        above: a, for each sequence, in float64.
        below: b.
        independent: m; infinite where every sequence is drawn anew.

    Returns:
        q and SE; SE is NaN for one sequence. Where a loss is not finite, neither is a number.
    """
    n = below.shape[-1]
    with np.errstate(all="ignore"):
        q = above.sum(-1) / below.sum()
        if n < 2:
            return q, np.full_like(q, np.nan)
        left = ((above - q[..., None] * below) ** 2).sum(-1)
        return q, np.sqrt(n / (n - 1) * (1 + n / independent) * left) / np.abs(below.sum())
