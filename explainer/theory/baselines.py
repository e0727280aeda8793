"""What a model must beat: the score of the best guess that remembers nothing, or of a classical rule.

All are closed forms or one least-squares fit; a task states them and a chart draws them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RECALLED = 10
"""Symbols of the copy task that are to be said again (Arjovsky et al. 2016, section 4.1)."""

ADDING_TOLERANCE = 0.04
"""The error below which an answer to the adding problem counts as right (Hochreiter & Schmidhuber 1997, section 5.4)."""


def copy_memoryless(delay: int, symbols: int) -> float:
    """Cross-entropy, in nats per step, of the best copier without a memory.

    It says "blank" for certain in the first delay + 10 steps, and then spreads its guess
    evenly over the symbols: 10 ln(symbols) / (delay + 20) (Arjovsky et al. 2016, section 4.1).
    """
    return RECALLED * math.log(symbols) / (delay + 2 * RECALLED)


def adding_constant() -> float:
    """Mean squared error of always answering 1 to the adding problem.

    The sum of two independent U[0, 1] has mean 1 and variance 2 · 1/12 (Le et al. 2015, section 4.1).
    """
    return 1 / 6


def flipflop_memoryless(length: int, pulse: float) -> float:
    """Mean squared error of the best flip-flop without a memory.

    At the first step every bit is set; later it says +-1 where there is a pulse, and elsewhere 0, the mean
    of two equally likely signs, off by 1: (1 - pulse) (length - 1) / length.

    Args:
        length: T, steps of a sequence.
        pulse: probability of a pulse at a step, of each bit.
    """
    return (1 - pulse) * (length - 1) / length


def adding_constant_within(tolerance: float) -> float:
    """How often always answering 1 to the adding problem is less than `tolerance` <= 1 off: 2e - e^2.

    The sum of two independent U[0, 1] has the density 1 - |s - 1|.
    """
    return 2 * tolerance - tolerance**2


def chance(vocabulary: int) -> float:
    """Accuracy of guessing one of `vocabulary` equally likely tokens: 1 / V."""
    return 1 / vocabulary


def uniform_entropy(vocabulary: int) -> float:
    """Cross-entropy, in nats, of an even guess over V tokens, ln V: the loss of a model before it has learnt."""
    return math.log(vocabulary)


def most_often_seen(pairs: int, values: int) -> float:
    """How often a key's value is the one that most of the P pairs have, values being drawn evenly from V: E[max_v n_v] / P.

    P! [z^P] (Σ_{j<=m} z^j / j!)^V of the V^P sequences of values have none more than m times.
    """

    def at_most(m: int) -> float:
        once = np.array([1 / math.factorial(j) if j <= m else 0.0 for j in range(pairs + 1)])
        total = np.eye(1, pairs + 1)[0]
        for bit in f"{values:b}":  # the power by squaring
            total = np.convolve(total, total)[: pairs + 1]
            total = np.convolve(total, once)[: pairs + 1] if bit == "1" else total
        return float(total[pairs])

    return sum(1 - at_most(m) / at_most(pairs) for m in range(pairs)) / pairs


def naive_rmse(series: ArrayLike, test: int) -> float:
    """Root mean squared error, over the last `test` values, of forecasting that nothing changes.

    sqrt(mean((v_t - v_{t-1})²)), in the units of the series.
    """
    values = np.asarray(series, dtype=np.float64)
    assert 0 < test < len(values), f"{test} test values of {len(values)}"
    return _rms(np.diff(values)[-test:])


def ar_rmse(series: ArrayLike, order: int, test: int) -> float:
    """Root mean squared error, over the last `test` values, of one-step forecasts by an AR(order).

    v_t ≈ c + Σ_{k=1..order} a_k v_{t-k}, with c and a fitted by least squares to the values
    before the test ones. The forecasts see the true past, test values included.
    """
    values = np.asarray(series, dtype=np.float64)
    assert order < len(values) - test, f"AR({order}) needs more than {order} values before the {test} test values"
    past = np.lib.stride_tricks.sliding_window_view(values[:-1], order)
    design = np.column_stack([np.ones(len(past)), past])
    target = values[order:]
    coefficients = np.linalg.lstsq(design[:-test], target[:-test], rcond=None)[0]
    return _rms(target[-test:] - design[-test:] @ coefficients)


def _rms(errors: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))
