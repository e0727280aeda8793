"""Principal axes, against the eigenvectors of the covariance matrix and samples with known axes."""

from __future__ import annotations

import numpy as np
import pytest

from explainer.theory.pca import aligned, principal_axes, project

M, N = 101, 7


@pytest.fixture
def samples() -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.normal(size=(M, N)) @ rng.normal(size=(N, N)) + rng.normal(size=N)


def test_axes_are_the_leading_eigenvectors_of_the_covariance(samples: np.ndarray) -> None:
    axes = principal_axes(samples, k=3)
    values, vectors = np.linalg.eigh(np.cov(samples.T))
    np.testing.assert_allclose(axes.explained, values[::-1][:3] / values.sum())
    np.testing.assert_allclose(np.abs(axes.basis @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(axes.mean, samples.mean(0))


def test_signs_do_not_depend_on_the_order_of_the_samples(samples: np.ndarray) -> None:
    axes, again = principal_axes(samples), principal_axes(samples[::-1])
    np.testing.assert_allclose(axes.basis, again.basis, atol=1e-12)
    largest = np.abs(axes.basis).argmax(1)
    assert (axes.basis[[0, 1], largest] > 0).all()


def test_coordinates_keep_the_variance_that_is_explained(samples: np.ndarray) -> None:
    axes = principal_axes(samples)
    coordinates = project(samples.reshape(1, M, N), axes)
    assert coordinates.shape == (1, M, 2)
    total = samples.var(0).sum()
    np.testing.assert_allclose(coordinates[0].var(0) / total, axes.explained)


def test_samples_on_a_line_have_one_axis_and_the_other_is_zero() -> None:
    direction = np.array([3.0, 0.0, -4.0, 0, 0, 0, 0]) / 5
    axes = principal_axes(np.outer(np.linspace(-1, 1, M), direction) + 100)
    np.testing.assert_allclose(axes.basis, [-direction, np.zeros(N)], atol=1e-9)
    np.testing.assert_allclose(axes.explained, [1, 0])


@pytest.mark.parametrize("shape", [(0, N), (1, N), (M, 1)])
def test_too_few_samples_or_units_give_axes_of_the_same_shape(shape: tuple[int, int]) -> None:
    axes = principal_axes(np.full(shape, 1 / 3), k=2)
    assert axes.basis.shape == (2, shape[1])
    assert not axes.basis.any()
    assert not axes.explained.any()


def test_samples_of_a_diverged_run_are_left_out(samples: np.ndarray) -> None:
    broken = np.concatenate([samples, np.full((2, N), np.nan), np.full((1, N), np.inf)])
    np.testing.assert_array_equal(principal_axes(broken).basis, principal_axes(samples).basis)


def test_aligned_flips_only_the_axes_that_turned_round(samples: np.ndarray) -> None:
    basis = principal_axes(samples).basis
    turned = basis * np.array([[-1.0], [1.0]])
    np.testing.assert_array_equal(aligned(turned, basis), basis)
