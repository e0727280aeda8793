"""Closed forms of gradients through time, against autograd, explicit products and published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explainer.theory import jacobian

N, K = 17, 29


def orthogonal(n: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(3).normal(size=(n, n)))[0]


def test_spectral_radius_of_matrices_with_known_eigenvalues() -> None:
    turn = 0.7 * np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    assert jacobian.spectral_radius(turn) == pytest.approx(0.7)
    assert jacobian.spectral_radius(np.triu(np.full((N, N), 5.0), 1) - 2 * np.eye(N)) == pytest.approx(2)
    assert jacobian.spectral_radius(np.zeros((N, N))) == 0
    assert math.isnan(jacobian.spectral_radius(np.array([[math.inf]])))


@given(radius=st.floats(0.01, 3), seed=st.integers(0, 100))
def test_a_gaussian_matrix_has_the_radius_asked_for(radius: float, seed: int) -> None:
    W = jacobian.gaussian_matrix(N, radius, seed)
    assert jacobian.spectral_radius(W) == pytest.approx(radius)
    assert (jacobian.gaussian_matrix(N, radius, seed) == W).all()


def test_power_norms_are_those_of_explicit_products() -> None:
    W = jacobian.gaussian_matrix(N, 0.9)
    product = np.eye(N)
    for k, norm in enumerate(jacobian.power_norms(W, K)):
        assert norm == pytest.approx(np.linalg.svd(product)[1][0])
        assert jacobian.linear_decay(W, K)[k] == pytest.approx(math.sqrt((product**2).sum() / N))
        product = product @ W.T


def test_linear_decay_is_what_autograd_measures_on_a_linear_network() -> None:
    W = torch.tensor(jacobian.gaussian_matrix(N, 0.9))
    states = [torch.zeros(N, dtype=torch.float64, requires_grad=True)]
    for _ in range(K):
        states.append(W @ states[-1])
    squares = torch.zeros(K + 1, dtype=torch.float64)
    for direction in torch.eye(N, dtype=torch.float64):
        gradients = torch.autograd.grad(direction @ states[-1], states, retain_graph=True)
        squares += torch.stack([gradient.square().sum() for gradient in reversed(gradients)])
    np.testing.assert_allclose(jacobian.linear_decay(W.numpy(), K), (squares / N).sqrt().numpy(), rtol=1e-12)


@pytest.mark.parametrize("radius", [0.9, 1.1])
def test_the_rate_of_a_linear_network_is_its_spectral_radius(radius: float) -> None:
    decay = jacobian.linear_decay(jacobian.gaussian_matrix(64, radius), 1000)
    assert math.log(decay[1000] / decay[500]) / 500 == pytest.approx(math.log(radius), abs=1e-3)


def test_orthogonal_maps_keep_norms_over_a_thousand_products() -> None:
    np.testing.assert_allclose(jacobian.linear_decay(orthogonal(N), 1000), 1, atol=1e-12)
    np.testing.assert_allclose(jacobian.power_norms(orthogonal(N), 1000), 1, atol=1e-12)


def test_a_radius_below_one_does_not_forbid_growth_first() -> None:
    norms = jacobian.power_norms(jacobian.NON_NORMAL, 300)
    assert jacobian.spectral_radius(jacobian.NON_NORMAL) == pytest.approx(0.9)
    assert norms.max() == pytest.approx(38.7, abs=0.05)
    assert norms[-1] < 1e-8


@given(radius=st.floats(0.1, 2), seed=st.integers(0, 20))
def test_norms_lie_between_the_radius_and_the_bound(radius: float, seed: int) -> None:
    W = jacobian.gaussian_matrix(N, radius, seed)
    norms = jacobian.power_norms(W, K)
    assert (norms <= jacobian.bound(W, K) * (1 + 1e-9)).all()
    assert (norms >= radius ** np.arange(K + 1) * (1 - 1e-9)).all()
    assert (jacobian.linear_decay(W, K) <= norms * (1 + 1e-9)).all()


def test_powers_beyond_float64_are_infinite_and_below_it_zero() -> None:
    assert jacobian.power_norms(np.diag([3.0, 1.0]), 1000)[-1] == math.inf
    assert jacobian.bound(np.diag([3.0, 1.0]), 1000)[-1] == math.inf
    assert jacobian.power_norms(np.diag([0.3, 0.1]), 1000)[-1] == 0
    assert jacobian.linear_decay(np.zeros((N, N)), 2).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (0.9, "vanishing"),
        (0.0, "vanishing"),
        (0.995, "healthy"),
        (1.0, "healthy"),
        (1.06, "exploding"),
        (math.inf, "exploding"),
        (math.nan, "undefined"),
    ],
)
def test_verdicts(factor: float, expected: str) -> None:
    assert jacobian.verdict(factor, 50) == expected


@pytest.mark.parametrize("steps", [1, 2, 13, 1023])
def test_a_healthy_factor_changes_a_gradient_less_than_tenfold_over_the_sequence(steps: int) -> None:
    low, high = jacobian.healthy(steps)
    assert low**steps == pytest.approx(0.1)
    assert high**steps == pytest.approx(10)
    for share, word in ((0.099, "vanishing"), (0.101, "healthy"), (9.9, "healthy"), (10.1, "exploding")):
        assert jacobian.verdict(share ** (1 / steps), steps) == word


@given(st.lists(st.floats(1e-30, 1e30), min_size=2, max_size=31))
def test_the_mean_factor_s_power_is_what_arrives_at_the_first_step(norms: list[float]) -> None:
    factor = jacobian.mean_factor(np.array(norms))
    assert math.log(factor) * (len(norms) - 1) == pytest.approx(math.log(norms[0] / norms[-1]), abs=1e-9)


def test_the_mean_factor_at_its_ends() -> None:
    assert jacobian.mean_factor(np.array([0.0, 2, 1])) == 0
    assert jacobian.mean_factor(np.array([9.0, 0, 1])) == pytest.approx(3)
    for norms in ([1.0], [1.0, 0], [math.nan, 1, 1], [1, math.inf, 1], [math.inf, 1, 1], [1, 1, math.nan]):
        assert math.isnan(jacobian.mean_factor(np.array(norms)))


@given(factor=st.floats(0.2, 3), size=st.floats(1e-6, 1e6))
def test_the_factor_of_a_geometric_series_is_its_ratio_per_step_back(factor: float, size: float) -> None:
    norms = size * factor ** np.arange(K)[::-1]
    assert jacobian.factor_per_step(norms) == pytest.approx(factor)


def test_the_factor_leaves_out_zeros_and_values_that_are_not_finite() -> None:
    norms = 0.5 ** np.arange(K)[::-1]
    norms[[0, 3, 8]] = 0, math.nan, math.inf
    assert jacobian.factor_per_step(norms) == pytest.approx(0.5)
    assert math.isnan(jacobian.factor_per_step(np.zeros(K)))
    assert math.isnan(jacobian.factor_per_step(np.array([1.0])))


def test_the_smallest_numbers_have_a_factor_and_a_horizon() -> None:
    assert jacobian.factor_per_step(np.array([1e-2, 5e-324])) == math.inf
    assert jacobian.gradient_horizon(np.array([0.0, 5e-324, 5e-324])) == 2
