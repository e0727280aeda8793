"""Phase changes of closed-form curves, and honest answers where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from explainer.runs.tape import Grid
from explainer.theory.phase import SMOOTH, exponential_share, phase_change, smoothed

ndtr = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))), otypes=[float])
STEPS = np.array([step for step in range(901) if step in Grid(1.03)], dtype=float)
COARSE = np.array([step for step in range(3001) if step in Grid(1.1)], dtype=float)


def hill(steps: np.ndarray, middle: float, width: float) -> np.ndarray:
    """A logistic curve over ln(step)."""
    with np.errstate(divide="ignore"):
        return 1 / (1 + np.exp(-(np.log(steps) - math.log(middle)) / width))


def normal(steps: np.ndarray, middle: float, width: float) -> np.ndarray:
    """A normal distribution's cumulative curve over ln(step)."""
    with np.errstate(divide="ignore"):
        return ndtr((np.log(steps) - math.log(middle)) / width)


@pytest.mark.parametrize("steps", [STEPS, COARSE], ids=["3 %", "10 %"])
@pytest.mark.parametrize("width", [0.15, 0.3])
@pytest.mark.parametrize("middle", [60, 200, 350])
def test_a_smoothed_normal_curve_bends_most_one_deviation_from_its_middle(
    steps: np.ndarray, width: float, middle: float
) -> None:
    found = phase_change(steps, 3 + 2 * normal(steps, middle, width), least=0.1)
    assert found is not None
    deviation = math.hypot(width, SMOOTH)  # of two Gaussians, one after the other
    assert math.log(found.first) == pytest.approx(math.log(middle) - deviation, abs=0.06)
    assert math.log(found.last) == pytest.approx(math.log(middle) + deviation, abs=0.06)
    assert found.after - found.before == pytest.approx(2 * (ndtr(1) - ndtr(-1)), abs=0.05)
    assert found.before == pytest.approx(3 + 2 * ndtr(-1), abs=0.06)


def test_a_logistic_curve_bends_most_at_its_known_places() -> None:
    width = 0.2
    found = phase_change(STEPS, hill(STEPS, 150, width), least=0.1)
    assert found is not None
    # ln(2 + sqrt 3) widths from the middle; the smoothing widens it a little.
    bend = math.log(2 + math.sqrt(3)) * math.hypot(width, SMOOTH * math.sqrt(3) / math.pi)
    assert math.log(found.last / found.first) == pytest.approx(2 * bend, abs=0.06)
    assert math.sqrt(found.first * found.last) == pytest.approx(150, rel=0.03)


def test_a_falling_curve_has_the_phase_change_of_its_mirror_image() -> None:
    rising, falling = (phase_change(STEPS, sign * normal(STEPS, 100, 0.2), 0.1) for sign in (1, -1))
    assert rising is not None
    assert falling is not None
    assert (rising.first, rising.last) == (falling.first, falling.last)
    assert falling.before == -rising.before


@pytest.mark.parametrize("tau", [0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1, 2, 5, 15, 50, 150, 500, 1500, 1e5])
def test_no_exponential_approach_is_a_phase_change_whatever_its_rate(tau: float) -> None:
    assert phase_change(STEPS, 1 - np.exp(-STEPS / tau), least=0) is None
    assert phase_change(STEPS, np.exp(-STEPS / tau), least=0) is None


@pytest.mark.parametrize("steps", [STEPS, COARSE], ids=["3 %", "10 %"])
@pytest.mark.parametrize(("kind", "least"), [(np.float64, 0), (np.float32, 1e-5)], ids=["float64", "float32"])
def test_rounding_never_makes_an_exponential_approach_a_phase_change(
    steps: np.ndarray, kind: type[np.floating], least: float
) -> None:
    """Another processor's arithmetic is noise of an ulp; a tape's float32 is one of 1e-7."""
    rng = np.random.default_rng(5)
    rates = np.concatenate([[0.1, 0.2, 0.35, 0.7], np.exp(rng.uniform(np.log(0.05), np.log(1e5), 200))])
    for tau, ulps in zip(rates, np.resize([1, 4, 16] if kind is np.float64 else [1, 4], len(rates)), strict=True):
        noise = 1 + ulps * np.finfo(kind).eps * rng.uniform(-1, 1, steps.size)
        rising, falling = 1 - np.exp(-steps / tau), np.exp(-steps / tau)
        for curve in (rising, falling, 1 + falling, -1 - rising):
            assert phase_change(steps, (curve * noise).astype(kind), least) is None, (tau, ulps)


@pytest.mark.parametrize(("middle", "width"), [(60, 0.15), (200, 0.3), (350, 0.2)])
def test_rounding_moves_no_phase_change(middle: float, width: float) -> None:
    curve, rng = 3 + 2 * normal(STEPS, middle, width), np.random.default_rng(11)
    exact = phase_change(STEPS, curve, 0.1)
    assert exact is not None
    for _ in range(50):
        noisy = (curve * (1 + 1e-7 * rng.uniform(-1, 1, STEPS.size))).astype(np.float32)
        assert phase_change(STEPS, noisy, 0.1) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("least", [0, 1e-9])
def test_a_constant_that_was_rounded_is_a_constant(least: float) -> None:
    curve = 0.1 * (1 + 1e-15 * np.random.default_rng(3).uniform(-1, 1, STEPS.size))
    assert phase_change(STEPS, curve, least) is None


@pytest.mark.parametrize("fold", [1.1, 2, 3, 6.85])
def test_the_share_of_an_exponential_approach_is_the_most_over_all_rates(fold: float) -> None:
    start = np.exp(np.linspace(-6, 6, 4001))
    assert exponential_share(fold) == pytest.approx((np.exp(-start) - np.exp(-fold * start)).max(), abs=1e-6)
    assert exponential_share(2) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    "curve",
    [
        np.zeros_like(STEPS),
        STEPS / 900,
        np.log1p(STEPS),
        (1 + STEPS) ** -0.5,
        np.sin(np.log1p(STEPS)),
        normal(STEPS, 890, 0.2),  # not over yet
        normal(STEPS, 1.1, 0.2),  # over before it began
        normal(STEPS, 100, 0.8),  # gradual
        np.full_like(STEPS, np.nan),
        np.full_like(STEPS, np.inf),
    ],
    ids=["constant", "line", "logarithm", "power", "wave", "late", "early", "gradual", "nan", "inf"],
)
def test_curves_without_a_phase_change_get_none(curve: np.ndarray) -> None:
    assert phase_change(STEPS, curve, least=0.1) is None


def test_noise_around_a_constant_is_too_small_to_count() -> None:
    rng = np.random.default_rng(7)
    assert not any(phase_change(STEPS, rng.normal(scale=0.02, size=STEPS.size), 0.1) for _ in range(50))


def test_a_change_that_is_smaller_than_asked_for_has_no_name() -> None:
    curve = 0.12 * normal(STEPS, 200, 0.2)
    assert phase_change(STEPS, curve, least=0.05) is not None
    assert phase_change(STEPS, curve, least=0.1) is None


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_moments_have_none(count: int) -> None:
    assert phase_change([0, 1, 800][:count], [0.0, 0.1, 0.9][:count], least=0.1) is None


def test_values_that_are_not_finite_are_left_out() -> None:
    curve = normal(STEPS, 200, 0.2)
    holes = np.where(np.arange(len(curve)) % 11 == 3, np.nan, curve)
    whole, found = phase_change(STEPS, curve, 0.1), phase_change(STEPS, holes, 0.1)
    assert whole is not None
    assert found is not None
    assert found.first == pytest.approx(whole.first, rel=0.05)


def test_smoothing_keeps_a_line_and_its_ends() -> None:
    u, y = smoothed(STEPS, 3 * np.log(np.maximum(STEPS, 1)) - 1)
    np.testing.assert_allclose(y, 3 * u - 1, atol=1e-9)
    assert (u[0], y[0]) == (0, pytest.approx(-1))
