"""The closed forms of positions, against their defining properties and loops written out from the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.theory import encodings

T, D, K, H = 23, 14, 10, 7


def test_sinusoidal_is_the_papers_formula_written_as_a_loop() -> None:
    table = encodings.sinusoidal(T, D, base=50.0)
    assert table.shape == (T, D)
    for p in range(T):
        for i in range(D // 2):
            angle = p / 50.0 ** (2 * i / D)
            assert table[p, 2 * i] == pytest.approx(math.sin(angle), abs=1e-13)
            assert table[p, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-13)


def test_sinusoidal_rows_have_squared_norm_of_half_the_width() -> None:
    np.testing.assert_allclose((encodings.sinusoidal(T, D) ** 2).sum(1), D / 2, rtol=1e-14)


def test_the_dot_product_depends_on_the_offset_only() -> None:
    assert encodings.offset_error(encodings.sinusoidal(512, 128)) < 1e-12


def test_the_usual_bugs_break_what_they_are_known_to_break() -> None:
    right = encodings.sinusoidal(512, 128)
    doubled = encodings.sinusoidal_bug(512, 128, kind="double_step")
    other = encodings.sinusoidal_bug(512, 128, kind="other_exponent")
    assert encodings.offset_error(doubled) < 1e-12, "doubling alone passes the offset test"
    assert encodings.offset_error(other) == pytest.approx(9.1, abs=0.05)
    assert encodings.wavelengths(128).max() == pytest.approx(5.4e4, rel=0.01)
    assert encodings.wavelengths(128, kind="double_step").max() == pytest.approx(4.7e8, rel=0.01)
    assert encodings.still_share(other) == pytest.approx(0.44, abs=0.005)
    assert encodings.still_share(right) < 0.03


def test_a_bug_is_the_tutorials_loop() -> None:
    table = encodings.sinusoidal_bug(T, D, base=50.0, kind="other_exponent")
    doubled = encodings.sinusoidal_bug(T, D, base=50.0, kind="double_step")
    for p in range(T):
        for i in range(0, D, 2):
            assert table[p, i] == doubled[p, i] == pytest.approx(math.sin(p / 50.0 ** (2 * i / D)), abs=1e-13)
            assert table[p, i + 1] == pytest.approx(math.cos(p / 50.0 ** (2 * (i + 1) / D)), abs=1e-13)
            assert doubled[p, i + 1] == pytest.approx(math.cos(p / 50.0 ** (2 * i / D)), abs=1e-13)


def test_wavelengths_are_the_periods_of_the_columns() -> None:
    for column, wavelength in enumerate(encodings.wavelengths(D, base=50.0)):
        i = column // 2
        assert wavelength == pytest.approx(2 * math.pi * 50.0 ** (2 * i / D))


def test_dot_kernel_normalised_is_a_cosine_and_a_zero_row_gives_zero() -> None:
    table = np.random.default_rng(0).normal(size=(T, D)) * 3
    table[5] = 0
    kernel = encodings.dot_kernel(table, normalised=True)
    a, b = table[2], table[11]
    assert kernel[2, 11] == pytest.approx(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))
    assert not kernel[5].any()
    assert encodings.dot_kernel(table)[2, 11] == pytest.approx(sum(a * b))


@given(m=st.integers(0, 300), n=st.integers(0, 300), shift=st.integers(0, 300))
def test_rotary_scores_depend_on_the_offset_only_and_norms_are_kept(m: int, n: int, shift: int) -> None:
    q, k = np.random.default_rng(1).normal(size=(2, 1, K))

    def score(m: int, n: int) -> float:
        return float((encodings.rotate(q, np.array([m])) * encodings.rotate(k, np.array([n]))).sum())

    assert score(m, n) == pytest.approx(score(m + shift, n + shift), abs=1e-11)
    assert np.linalg.norm(encodings.rotate(q, np.array([m]))) == pytest.approx(np.linalg.norm(q))


def test_rotation_turns_each_pair_by_its_angle() -> None:
    x = np.random.default_rng(2).normal(size=(T, K))
    turned = encodings.rotate(x, np.arange(T), base=50.0)
    angles = encodings.rotary_angles(T, K, base=50.0)
    assert angles.shape == (T, K // 2)
    p, i = 19, 3
    assert angles[p, i] == pytest.approx(p * 50.0 ** (-2 * i / K))
    c, s = math.cos(angles[p, i]), math.sin(angles[p, i])
    a, b = x[p, 2 * i : 2 * i + 2]
    np.testing.assert_allclose(turned[p, 2 * i : 2 * i + 2], [c * a - s * b, s * a + c * b])


def test_rotary_kernel_is_the_score_of_equal_pairs() -> None:
    ones = np.ones((T, K))
    kernel = encodings.rotary_kernel(T, K)
    np.testing.assert_allclose(kernel, (encodings.rotate(ones, np.arange(T)) @ ones[0]) / K, atol=1e-13)


def test_alibi_slopes_for_eight_heads_are_halves_to_a_256th() -> None:
    assert encodings.alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]


def test_alibi_slopes_for_other_numbers_of_heads_fill_in_between() -> None:
    np.testing.assert_allclose(encodings.alibi_slopes(3), [2**-4, 2**-8, 2**-2])
    np.testing.assert_allclose(encodings.alibi_slopes(1), [2**-8])
    for heads in range(1, 20):
        slopes = encodings.alibi_slopes(heads)
        assert len(set(slopes.tolist())) == heads
        assert ((slopes > 0) & (slopes < 1)).all()


def test_alibi_bias_grows_with_distance_and_hides_the_future() -> None:
    bias, slopes = encodings.alibi_bias(H, T), encodings.alibi_slopes(H)
    assert bias.shape == (H, T, T)
    assert bias[4, 17, 6] == pytest.approx(-11 * slopes[4])
    assert not bias[:, range(T), range(T)].any()
    assert bias[2, 3, 4] == -np.inf


def test_rotary_scores_are_the_products_of_the_turned_vectors() -> None:
    q, k = np.random.default_rng(3).normal(size=(2, K))
    scores = encodings.rotary_scores(q, k, T, base=50.0)
    one, other = encodings.rotate(np.stack([q, k]), np.array([11, 4]), base=50.0)
    assert scores.shape == (T, T)
    assert scores[11, 4] == pytest.approx(sum(one * other))


def test_alibi_weights_are_the_softmax_of_the_bias_alone() -> None:
    for head, slope in enumerate(encodings.alibi_slopes(H)):
        grown = np.exp(encodings.alibi_bias(H, T)[head])
        np.testing.assert_allclose(encodings.alibi_weights(slope, T), grown / grown.sum(1, keepdims=True), atol=1e-15)


def test_offset_range_is_that_of_each_diagonal() -> None:
    scores = np.random.default_rng(4).normal(size=(5, 5))
    low, mean, high = encodings.offset_range(scores)
    assert len(low) == len(mean) == len(high) == 9
    assert low[0] == mean[0] == high[0] == scores[0, 4], "the first offset is m - n = -4"
    two = [scores[2, 0], scores[3, 1], scores[4, 2]]
    assert (low[6], mean[6], high[6]) == (min(two), pytest.approx(sum(two) / 3), max(two))
    low, _, high = encodings.offset_range(encodings.dot_kernel(encodings.sinusoidal(T, D)))
    np.testing.assert_allclose(low, high, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: encodings.sinusoidal(T, 7), "even width"),
        (lambda: encodings.sinusoidal(T, D, base=1.0), "above 1"),
        (lambda: encodings.sinusoidal_bug(T, D, kind="none"), "double_step"),
        (lambda: encodings.alibi_slopes(0), "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(call: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()  # type: ignore[operator]
