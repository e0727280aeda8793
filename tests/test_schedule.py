"""The learning rate over a run: closed values of the formula, its shape, and what scales it."""

import math
from itertools import pairwise

import pytest

from explainer.config import RunConfig
from explainer.training import lr_at

COSINE = RunConfig(schedule="cosine", lr=1e-3, min_lr=1e-4, warmup=100, steps=2000)


def test_a_constant_rate_is_the_rate_at_every_step() -> None:
    config = RunConfig(lr=0.1, steps=7, warmup=3, min_lr=0.01)
    assert {lr_at(step, config) for step in range(23)} == {0.1}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1e-3 / 101),
        (49, 1e-3 * 50 / 101),
        (99, 1e-3 * 100 / 101),
        (100, 1e-3),  # the peak
        (1050, 5.5e-4),  # half way: the mean of lr and min_lr
        (100 + 1900 / 4, 1e-4 + 9e-4 * (1 + math.sqrt(0.5)) / 2),
        (100 + 1900 / 3, 1e-4 + 9e-4 * 0.75),
        (2000, 1e-4),
        (9999, 1e-4),
    ],
)
def test_warm_up_and_cosine_go_through_the_closed_values(step: float, expected: float) -> None:
    # The formula is continuous in s, so an odd fraction of the run is as good a place to look as any.
    assert lr_at(step, COSINE) == pytest.approx(expected, rel=1e-12)  # type: ignore[arg-type]


def test_the_rate_rises_to_the_peak_and_falls_from_it_without_a_jump() -> None:
    rates = [lr_at(step, COSINE) for step in range(2001)]
    assert rates.index(max(rates)) == 100
    assert all(low < high for low, high in pairwise(rates[:101]))
    assert all(high > low for high, low in pairwise(rates[100:]))
    assert max(abs(a - b) for a, b in pairwise(rates)) < 1.01e-3 / 101


def test_no_warm_up_begins_at_the_peak() -> None:
    assert lr_at(0, RunConfig(schedule="cosine", lr=0.3, steps=11)) == 0.3


def test_another_peak_scales_the_whole_curve() -> None:
    for step in (0, 37, 100, 731, 2000, 2503):
        assert lr_at(step, COSINE, lr=3e-3) == pytest.approx(3 * lr_at(step, COSINE), rel=1e-12)


def test_a_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step = -1 is negative"):
        lr_at(-1, COSINE)
