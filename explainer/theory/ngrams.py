"""Guessing the next token from the last one or two: how often each came after them, smoothed by Witten and Bell's rule.

    p_n(w | h) = (c(hw) + k(h) p_{n-1}(w | h')) / (c(h) + k(h)),      p_0(w) = 1 / V

c counts in the training tokens; h are the n - 1 tokens before w, and h' is h without its first; k(h) is the number of distinct
tokens that came after h. So the more surprises a context has had, the more is left for the next one. Without h in
training, p_n = p_{n-1}. Every p_n sums to one over the V tokens and is above 0. (Witten & Bell 1991, method C; interpolated
as in Chen & Goodman 1999, section 2.5.)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped


def witten_bell(
    training: Shaped[np.ndarray, " tokens"], grams: Shaped[np.ndarray, "M n"], vocabulary: int
) -> list[Float[np.ndarray, " M"]]:
    """p_1, p_2 … p_n of the last token of each gram after those before it.

    Takes a sort of the training tokens for each order: a quarter of a second and some 12 MB for 2 MB of text and n = 3, whatever V.

    Args:
        training: the tokens that are counted, from 0 to V - 1.
        grams: n tokens in a row each; their last is the one that is guessed.
        vocabulary: V, with V^n below 2^63; the grams take 4 bytes each where that is below 2^31 (V = 1290 with n = 3), else 8.
    """
    n = grams.shape[1]
    assert vocabulary**n < 2**63, (vocabulary, n)
    found: list[Float[np.ndarray, " M"]] = []
    lower: Float[np.ndarray, " M"] = np.full(len(grams), 1 / vocabulary)
    for order in range(1, n + 1):
        # In their order, so that grams with one context lie behind each other.
        seen = np.sort(_numbered(_rows(training, order), vocabulary))
        asked, back = np.unique(_numbered(grams[:, n - order :], vocabulary), return_inverse=True)  # in order: faster
        context = asked // vocabulary * vocabulary  # the first of its grams
        kinds = seen[np.flatnonzero(np.diff(seen, prepend=-1))]
        total = _between(seen, context, context + vocabulary)
        distinct = _between(kinds, context, context + vocabulary)
        count = _between(seen, asked, asked + 1)
        known = (total > 0)[back]
        smoothed = (count[back] + distinct[back] * lower) / np.maximum(total + distinct, 1)[back]
        lower = np.where(known, smoothed, lower)
        found.append(lower)
    return found


def window_losses(
    training: Shaped[np.ndarray, " tokens"],
    held_out: Shaped[np.ndarray, " held"],
    vocabulary: int,
    length: int,
    orders: int = 3,
) -> list[float]:
    """Cross-entropy in nats per token of p_1 … p_orders on windows of the held-out tokens, as a network reads them.

    The mean of -ln p over the T targets of a window, expected over windows of T + 1 tokens that begin anywhere in the
    held-out part with equal chance: the task's validation batches are drawn so. Like a network, p_n knows nothing before its window:
    the first target has one token before it, so that p_3 is p_2 there.

    Args:
        training: what is counted.
        held_out: at least T + 1 tokens.
        vocabulary: V.
        length: T.
        orders: how many p_n.
    """
    T, count = length, len(held_out)
    starts = count - T  # as many places to begin at
    assert starts >= 1, (count, T)
    padded = np.concatenate([np.zeros(orders - 1, held_out.dtype), held_out])
    grams = np.lib.stride_tricks.sliding_window_view(padded, orders)[1:]  # all targets; what is padded never weighs
    losses = [-np.log(p) for p in witten_bell(training, grams, vocabulary)]
    target = np.arange(1, count)
    # Of the windows that ask for a target: as many as begin from T before it to one before it.
    windows = np.minimum(target, starts) - np.maximum(target - T, 0)
    means = []
    for order in range(1, orders + 1):
        total = float(windows @ losses[order - 1])
        for early in range(min(order - 2, T)):  # targets with only early + 1 tokens of their window before them
            asks = (target - 1 - early >= 0) & (target - 1 - early < starts)
            total += float((losses[early + 1] - losses[order - 1])[asks].sum())
        means.append(total / (starts * T))
    return means


def _rows(tokens: Shaped[np.ndarray, " tokens"], order: int) -> Shaped[np.ndarray, "grams order"]:
    """All grams of a sequence, none if it is shorter."""
    if len(tokens) < order:
        return np.zeros((0, order), tokens.dtype)
    return np.lib.stride_tricks.sliding_window_view(tokens, order)


def _numbered(grams: Shaped[np.ndarray, "M order"], vocabulary: int) -> Int[np.ndarray, " M"]:
    """Each gram as one number, its tokens being the digits to the base V."""
    order = grams.shape[1]
    kind = np.int32 if vocabulary**order < 2**31 else np.int64
    number: Int[np.ndarray, " M"] = np.zeros(len(grams), kind)
    for place in range(order):
        number = number * kind(vocabulary) + grams[:, place].astype(kind)
    return number


def _between(
    ordered: Int[np.ndarray, " grams"], low: Int[np.ndarray, " M"], high: Int[np.ndarray, " M"]
) -> Int[np.ndarray, " M"]:
    """How many of the ordered numbers are at least `low` and below `high`."""
    return np.searchsorted(ordered, high) - np.searchsorted(ordered, low)
