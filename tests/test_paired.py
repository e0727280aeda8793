"""Standard errors of means, paired differences and ratios: against the textbook, a slow loop, the jackknife, and coverage."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from explainer.theory.paired import quotient

N, K = 29, 3


def drawn(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Summed losses of two networks on the same sequences, and how many positions each has."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(3, 12, n).astype(float)
    hard = generator.gamma(2.0, 1.0, n)
    before = counts * hard * generator.uniform(0.5, 1.5, n)
    return before, before * generator.uniform(1.5, 2.5, n) + counts * generator.normal(0, 0.1, n), counts


def test_with_as_many_positions_each_it_is_the_deviation_over_the_root_of_n() -> None:
    before, after, _ = drawn(1)
    mean, error = quotient(after - before, np.full(N, 7.0))
    each = ((after - before) / 7).tolist()
    assert mean == pytest.approx(statistics.mean(each), rel=1e-12)
    assert error == pytest.approx(statistics.stdev(each) / math.sqrt(N), rel=1e-12)


def test_it_is_a_loop_over_the_sequences() -> None:
    before, after, counts = drawn(2)
    for above, below in ((before, counts), (after - before, counts), (after, before)):
        for m in (math.inf, 11.0):
            q = sum(above) / sum(below)
            left = 0.0
            for a, b in zip(above, below, strict=True):
                left += (a - q * b) * (a - q * b)
            expected = math.sqrt(N / (N - 1) * left * (1 + (0 if math.isinf(m) else N / m))) / sum(below)
            found = quotient(above, below, m)
            assert found[0] == pytest.approx(q, rel=1e-12)
            assert found[1] == pytest.approx(expected, rel=1e-12)


def test_it_is_about_the_jackknife_s() -> None:
    """Which leaves one sequence out at a time and knows no formula for a quotient."""
    before, after, counts = drawn(3, n=199)
    for above, below in ((after - before, counts), (after, before)):
        left_out = [np.delete(above, at).sum() / np.delete(below, at).sum() for at in range(199)]
        jackknife = math.sqrt(198 / 199 * sum((each - statistics.mean(left_out)) ** 2 for each in left_out))
        assert quotient(above, below)[1] == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize("what", ["mean", "difference", "ratio"])
def test_two_standard_errors_hold_the_true_value_in_95_of_100_draws(what: str) -> None:
    """The true one is that of a million sequences."""

    def of(seed: int, n: int) -> tuple[float, float]:
        before, after, counts = drawn(seed, n)
        above, below = {"mean": (before, counts), "difference": (after - before, counts), "ratio": (after, before)}[
            what
        ]
        value, error = quotient(above, below)
        return float(value), float(error)

    true, _ = of(10**6, 10**6)
    held = sum(abs(value - true) < 2 * error for value, error in (of(seed, 128) for seed in range(1000)))
    assert 925 <= held <= 975


def test_unpaired_errors_would_be_several_times_as_large() -> None:
    before, _, counts = drawn(4)
    after = before + counts * np.random.default_rng(5).normal(0.1, 0.02, N)
    paired = quotient(after - before, counts)[1]
    apart = math.hypot(*(quotient(each, counts)[1] for each in (before, after)))
    assert apart > 20 * paired


def test_windows_that_overlap_are_not_counted_as_independent() -> None:
    """Random windows of short texts, of a process that has memory over about a window: the true spread is over texts."""
    n, T, length = 41, 10, 170
    independent = length // T
    values, errors, naive = [], [], []
    for seed in range(400):
        generator = np.random.default_rng(seed)
        text = np.repeat(generator.normal(size=length), 2)[generator.integers(2) :][:length]
        starts = generator.integers(length - T + 1, size=n)
        sums = np.array([text[start : start + T].sum() for start in starts])
        value, error = quotient(sums, np.full(n, float(T)), independent)
        values.append(float(value))
        errors.append(float(error))
        naive.append(float(quotient(sums, np.full(n, float(T)))[1]))
    spread = statistics.stdev(values)
    assert statistics.mean(errors) == pytest.approx(spread, rel=0.2)
    assert statistics.mean(naive) < 0.65 * spread, "what it would be if every window were drawn anew"


def test_several_at_once_and_one_sequence_alone() -> None:
    before, after, counts = drawn(6)
    stacked = np.stack([after, before, after - before])
    found = quotient(stacked, counts)
    assert found[0].shape == found[1].shape == (K,)
    for at in range(K):
        np.testing.assert_allclose([each[at] for each in found], quotient(stacked[at], counts), rtol=1e-13)
    value, error = quotient(stacked[:, :1], counts[:1])
    np.testing.assert_allclose(value, stacked[:, 0] / counts[0])
    assert np.isnan(error).all()


def test_what_is_not_finite_stays_so_without_a_warning() -> None:
    value, error = quotient(np.array([1.0, np.inf, 2.0]), np.ones(3))
    assert np.isinf(value)
    assert np.isnan(error)
    assert np.isnan(quotient(np.array([np.nan, 1.0]), np.ones(2))[0])
