"""The closed forms that models are compared with, against published numbers and simulation."""

import math

import numpy as np
import pytest

from explainer.data import SUNSPOTS
from explainer.theory.baselines import (
    adding_constant,
    ar_rmse,
    chance,
    copy_memoryless,
    naive_rmse,
    uniform_entropy,
)


@pytest.mark.parametrize(("delay", "expected"), [(20, 0.5199), (50, 0.2971), (100, 0.1733)])
def test_memoryless_copy_loss_is_the_published_one(delay, expected):
    assert copy_memoryless(delay, symbols=8) == pytest.approx(expected, abs=5e-5)


def test_answering_one_to_the_adding_problem_costs_the_variance_of_the_sum():
    pairs = np.random.default_rng(0).random((200_003, 2))
    assert adding_constant() == 1 / 6
    assert np.mean((pairs.sum(1) - 1) ** 2) == pytest.approx(adding_constant(), rel=0.01)


def test_chance_and_uniform_entropy_belong_to_the_same_guess():
    assert chance(7) == pytest.approx(1 / 7)
    assert uniform_entropy(7) == pytest.approx(-math.log(chance(7)))


def test_sunspots_naive_and_ar9_are_the_known_numbers():
    assert naive_rmse(SUNSPOTS.values, 60) == pytest.approx(32.9, abs=0.05)
    assert ar_rmse(SUNSPOTS.values, 9, 60) == pytest.approx(19.1, abs=0.05)


def test_naive_rmse_by_hand():
    assert naive_rmse([0, 9, 1, 4, 4], test=2) == pytest.approx(math.sqrt((9 + 0) / 2))


def test_autoregression_forecasts_its_own_process_without_error():
    values = [1.0, 0.5]
    for _ in range(59):
        values.append(0.3 + 1.2 * values[-1] - 0.7 * values[-2])
    assert ar_rmse(values, order=2, test=7) < 1e-10
    assert naive_rmse(values, test=7) > 1e-6


def test_autoregression_does_not_look_at_the_test_values_when_it_is_fitted():
    values = np.random.default_rng(1).normal(size=67)
    changed = values.copy()
    changed[-1] += 1000
    ahead = ar_rmse(values, order=3, test=1)
    assert abs(ar_rmse(changed, order=3, test=1) - 1000) == pytest.approx(ahead, rel=1e-6)


def test_too_few_values_for_the_order_is_a_bug():
    with pytest.raises(AssertionError):
        ar_rmse(np.arange(11), order=9, test=2)
