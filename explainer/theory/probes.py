"""What can be read from a network's states, with the error of every number and the level that chance has.

Neighbouring positions of a sequence are nearly equal, so they are no samples of their own: a readout fitted to some of
them knows the others. Here **sequences** are the samples. Whole ones are held out, every error counts sequences, and the
control gives whole sequences the values of others.

Shapes: S sequences, T positions of each, N units, Q variables, C controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

FEWEST = 8
"""Sequences without which nothing is held out: below, too little would be left to learn from, or to measure an error by."""
FOLDS = 4
SHRINKAGE = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties that are tried, per position."""
CONTROLS = 4
"""Ways in which sequences exchange their values; a control is the mean over them."""
MOST_COMPONENTS = 256
"""Numbers that a readout gets. Of a wider state these are the leading principal components: the fit costs their cube."""
STILL = 1e-9
"""A unit that moves by less than so much of its mean counts as one that does not change: that is rounding."""


class Readout(NamedTuple):
    """Held-out errors of linear readouts.

    Attributes:
        errors: sum over a sequence's positions of (v - v^)^2, with v^ from a readout that has not seen the sequence.
        total: the same around the mean of all values.
    """

    errors: Float[np.ndarray, "S Q"]
    total: Float[np.ndarray, "S Q"]

    def score(self) -> tuple[Float[np.ndarray, " Q"], Float[np.ndarray, " Q"]]:
        """R^2 = 1 - sum errors / sum total over all sequences, and its standard error; NaN for what never changes."""
        share, error = ratio(self.errors, self.total)
        return 1 - share, error

    def first(self, count: int) -> Readout:
        """Of the first variables alone."""
        return Readout(self.errors[:, :count], self.total[:, :count])

    def gain(self, before: Readout) -> tuple[Float[np.ndarray, " Q"], Float[np.ndarray, " Q"]]:
        """How much higher R^2 is than that of other states on the same sequences, and the error of the difference."""
        return ratio(before.errors - self.errors, self.total)


def ratio(
    part: Float[np.ndarray, "S Q"], whole: Float[np.ndarray, "S Q"]
) -> tuple[Float[np.ndarray, " Q"], Float[np.ndarray, " Q"]]:
    """sum part / sum whole = r over S independent sequences, and its standard error.

    A ratio of sums has the error sqrt(S / (S - 1) sum_s (part_s - r whole_s)^2) / sum whole, to first order in 1 / S
    (Cochran, Sampling Techniques, 1977, section 6.3). NaN where the whole is 0; without an error of one sequence.

    Of held-out errors this is the error for the readouts at hand. That others would have been fitted to other sequences is
    not in it: scores vary from draw to draw by 1 to 1.5 times as much (measured on 256 sequences of the recorded text
    LSTM), by twice as much where a few sequences have nearly all of the variable.
    """
    S = len(whole)
    sums = whole.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = part.sum(axis=0) / sums
        rest = part - r * whole
        error = np.sqrt((rest**2).sum(axis=0) * S / (S - 1)) / sums if S > 1 else np.full(len(sums), np.nan)
    known = sums > 0
    return np.where(known, r, np.nan), np.where(known, error, np.nan)


def exchanged(S: int, count: int, seed: int = 0) -> Int[np.ndarray, "C S"]:
    """For each of `count` controls the sequence whose values each one gets: never its own, each once.

    They stand in a random circle, and control c hands everything on by c + 1 places.
    """
    circle = np.random.default_rng(seed).permutation(S)
    given = np.empty((min(count, S - 1), S), np.int64)
    for shift, row in enumerate(given, start=1):
        row[circle] = np.roll(circle, shift)
    return given


def folds(S: int) -> Int[np.ndarray, " S"]:
    """The fold of each of S sequences, in blocks as they come: neighbours in a text are held out together."""
    return np.arange(S) * FOLDS // S


def components(states: Float[np.ndarray, "S T N"]) -> Float[np.ndarray, "S T P"]:
    """Units with mean 0 and variance 1 (one that does not change: 0); of more than `MOST_COMPONENTS` the leading directions."""
    flat = _unit(np.asarray(states, np.float64).reshape(-1, states.shape[-1]))
    if flat.shape[1] > MOST_COMPONENTS:
        flat = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -MOST_COMPONENTS:]
    return flat.reshape(*states.shape[:2], -1)


class _Moments(NamedTuple):
    """Sums over the positions of some sequences, of which a fit needs no more."""

    size: float
    x: Float[np.ndarray, " N"]
    y: Float[np.ndarray, " Q"]
    xx: Float[np.ndarray, "N N"]
    xy: Float[np.ndarray, "N Q"]
    yy: Float[np.ndarray, " Q"]

    def without(self, *others: _Moments) -> _Moments:
        n, x, y, xx, xy, yy = _together(others)
        return _Moments(self.size - n, self.x - x, self.y - y, self.xx - xx, self.xy - xy, self.yy - yy)

    def around(self, x: Float[np.ndarray, " N"], y: Float[np.ndarray, " Q"]) -> _Moments:
        """The same sums of what is left when x and y are taken off each position."""
        M, outer = self.size, np.outer
        return _Moments(
            M,
            self.x - M * x,
            self.y - M * y,
            self.xx - outer(self.x, x) - outer(x, self.x) + M * outer(x, x),
            self.xy - outer(self.x, y) - outer(x, self.y) + M * outer(x, y),
            self.yy - 2 * self.y * y + M * y**2,
        )


def _moments(x: Float[np.ndarray, "S T N"], y: Float[np.ndarray, "S T Q"]) -> _Moments:
    x, y = (each.reshape(-1, each.shape[-1]) for each in (x, y))
    return _Moments(float(len(x)), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y, np.square(y).sum(axis=0))


def _together(parts: Sequence[_Moments]) -> _Moments:
    return _Moments(*(np.sum(sums, axis=0) for sums in zip(*parts, strict=True)))


class _Fit(NamedTuple):
    """Ridge readouts of one training set: v^ = (x - mean) w + intercept, with one w for each penalty."""

    mean: Float[np.ndarray, " N"]
    intercept: Float[np.ndarray, " Q"]
    weights: Float[np.ndarray, "penalties N Q"]

    def best(self, judge: _Moments) -> Int[np.ndarray, " Q"]:
        """The penalty under which each variable is foretold best in other sequences: sum v^2 - 2 w'X'v + w'X'X w is least."""
        rest = judge.around(self.mean, self.intercept)
        errors = [((rest.xx @ w - 2 * rest.xy) * w).sum(axis=0) for w in self.weights]
        return np.argmin(errors, axis=0)

    def errors(
        self, x: Float[np.ndarray, "S T N"], y: Float[np.ndarray, "S T Q"], penalty: Int[np.ndarray, " Q"]
    ) -> Float[np.ndarray, "S Q"]:
        """Sum of (v - v^)^2 over the positions of each sequence."""
        w = self.weights[penalty, :, np.arange(len(penalty))].T
        return np.square(y - self.intercept - (x - self.mean) @ w).sum(axis=1)


def _fit(known: _Moments) -> _Fit:
    """argmin_w |X w - v|^2 + lambda M |w|^2 on M centred positions, for every lambda in `SHRINKAGE`.

    With X'X = E diag(g) E', w = E diag(1 / (g + lambda M)) E' X'v.
    """
    M = known.size
    mean, intercept = known.x / M, known.y / M
    centred = known.around(mean, intercept)
    g, E = np.linalg.eigh(centred.xx)
    turned = E.T @ centred.xy
    weights = [E @ (turned / (np.maximum(g, 0) + each * M)[:, None]) for each in SHRINKAGE]
    return _Fit(mean, intercept, np.stack(weights))


def readout(states: Float[np.ndarray, "S T N"], values: Float[np.ndarray, "S T Q"]) -> Readout:
    """How far a linear readout of the states is off, on whole sequences that it was not fitted to.

    Sequences form `FOLDS` folds. For each one a ridge regression is fitted to the others, centred by their means; its penalty
    is the one that did best on the next fold when that was left out, too. All units are brought to the same variance before.

    Args:
        states: finite; S is at least `FEWEST`.
        values: each column by itself.
    """
    S = len(values)
    assert S >= FEWEST, S
    x, y = components(states), np.asarray(values, np.float64)
    y = y - y.mean(axis=(0, 1))
    fold = folds(S)
    each = [_moments(x[fold == f], y[fold == f]) for f in range(FOLDS)]
    every = _together(each)
    errors = np.empty((S, y.shape[2]))
    for held in range(FOLDS):
        judge = each[(held + 1) % FOLDS]
        penalty = _fit(every.without(each[held], judge)).best(judge)
        mine = fold == held
        errors[mine] = _fit(every.without(each[held])).errors(x[mine], y[mine], penalty)
    return Readout(errors, np.square(y).sum(axis=1))


def correlations(values: Float[np.ndarray, "S T Q"], states: Float[np.ndarray, "S T N"]) -> Float[np.ndarray, "Q N"]:
    """Pearson's r of each variable with each unit over all positions; 0 for one that never changes."""
    x, y = (_unit(np.asarray(each, np.float64).reshape(-1, each.shape[-1])) for each in (values, states))
    return np.clip(x.T @ y / len(x), -1.0, 1.0)


def correlation_error(variable: Float[np.ndarray, "S T"], unit: Float[np.ndarray, "S T"]) -> float:
    """Standard error of r over S sequences; NaN of one.

    To first order each position adds u v - r (u^2 + v^2) / 2 of the standardised values to M r (its influence), and
    positions of one sequence go together: sqrt(S / (S - 1) sum_s (sum_t influence)^2) / M.
    """
    S, T = variable.shape
    if S < 2:
        return float("nan")
    u, v = (_unit(np.asarray(each, np.float64).reshape(-1, 1))[:, 0] for each in (variable, unit))
    r = u @ v / len(u)
    influence = (u * v - r * (u**2 + v**2) / 2).reshape(S, T).sum(axis=1)
    return float(np.sqrt(S / (S - 1) * (influence**2).sum()) / (S * T))


def _unit(values: Float[np.ndarray, "M N"]) -> Float[np.ndarray, "M N"]:
    """Columns with mean 0 and variance 1; 0 where nothing changes."""
    mean = values.mean(axis=0)
    centred = values - mean
    spread = np.sqrt(np.einsum("mn,mn->n", centred, centred) / len(values))
    moves = spread > STILL * np.abs(mean)
    centred *= np.where(moves, 1 / np.where(moves, spread, 1.0), 0.0)
    return centred
