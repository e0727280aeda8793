"""Places named by their value: nothing turns on the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from explainer.theory.pca import principal_axes
from explainer.theory.ties import first_largest, first_smallest


def test_places_that_differ_by_rounding_are_tied_and_the_first_one_counts() -> None:
    assert first_largest(np.array([1.0, 3.0, 2.0, 3.0 * (1 + 1e-15)])) == 1
    assert first_largest(np.array([1.0, 3.0, 2.0, 3.0 * (1 + 1e-5)])) == 3
    assert first_largest(-np.array([3.0, 2.0 * (1 + 1e-15), 2.0])) == 1
    assert first_smallest(np.array([3.0, 2.0 * (1 + 1e-15), 2.0])) == 1
    assert first_smallest(np.array([[1.0, 1e-9], [0.0, 1.0]])) == 2
    assert first_smallest(np.array([[1.0, 1e-9], [0.0, 1.0]]), scale=1.0) == 1


@pytest.mark.parametrize("find", [first_largest, first_smallest])
def test_rounding_to_float32_changes_no_place(find: object) -> None:
    rng = np.random.default_rng(17)
    assert callable(find)
    for _ in range(50):
        values = rng.choice([0.3, 0.7, 0.9], 23)
        noisy = values * (1 + 6e-8 * rng.uniform(-1, 1, 23))
        assert find(values) == find(noisy) == find(noisy.astype(np.float32))


def test_the_sign_of_an_axis_does_not_turn_on_the_last_bit() -> None:
    """Two units that mirror each other: either could be the larger entry of the axis by a rounding."""
    line = np.linspace(-1, 1, 13)
    rng = np.random.default_rng(3)
    for _ in range(20):
        samples = np.stack([line, -line], axis=1) * (1 + 1e-15 * rng.uniform(-1, 1, (13, 2)))
        np.testing.assert_allclose(principal_axes(samples, 1).basis[0], [0.5**0.5, -(0.5**0.5)], atol=1e-12)
