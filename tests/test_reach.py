"""How far back a loss reaches, against autograd on torch's own modules, the Jacobians' products and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.lenses.gradients.look import look as gradients
from explainer.lenses.jacobian.look import look as jacobian
from explainer.lenses.look import first_rows
from explainer.lenses.reach.look import look
from explainer.models import build
from explainer.tasks.make import make_task
from explainer.theory.baselines import adding_constant_within
from explainer.theory.jacobian import gradient_horizon

ADDING = RunConfig(task="adding", length=13, width=7, batch=5)


def made(config: RunConfig):
    task = make_task(config)
    return build(config, task.inputs, task.outputs), task


# -- the lens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["rnn", "rnn_relu", "gru", "transformer"])
def test_where_h_is_the_whole_state_it_is_the_gradient_with_respect_to_h(model: str) -> None:
    config = ADDING.but(model=model, width=8)
    network, task = made(config)
    batch = task.batch(0, "validation")
    np.testing.assert_allclose(look(network, batch, task).norms, gradients(network, batch, task).norms, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_of_an_lstm_it_is_what_the_products_of_its_jacobians_make(layers: int) -> None:
    network, task = made(ADDING.but(model="lstm", layers=layers))
    one = first_rows(task.batch(0, "validation"), 1)
    record, by_products = look(network, one, task), jacobian(network, one, task)
    assert record.last == by_products.last == 12
    shares = record.norms[::-1] / record.norms[-1]
    np.testing.assert_allclose(shares[: len(by_products.measured)], by_products.measured, rtol=2e-4)


def test_of_an_lstm_it_is_torchs_gradient_at_a_state_that_is_handed_over() -> None:
    """The sequence cut in two: dL/d(h, c) at the cut, from torch.nn.LSTM in double precision."""
    network, task = made(ADDING.but(model="lstm"))
    batch = task.batch(0, "validation")
    record = look(network, batch, task)
    twin = torch.nn.LSTM(2, 7, batch_first=True).double()
    twin.load_state_dict({name: value.double() for name, value in network.rnn.state_dict().items()})
    readout = network.readout.double()
    for t in (0, 4, 11):
        with torch.no_grad():
            _, (h, c) = twin(batch.x[:, : t + 1].double())
        h, c = h.requires_grad_(), c.requires_grad_()
        after, _ = twin(batch.x[:, t + 1 :].double(), (h, c))
        loss = (readout(after[:, -1]) - batch.y[:, -1].double()).square().sum()
        h_part, c_part = torch.autograd.grad(loss, (h, c))
        expected = (h_part[0].square().sum(-1) + c_part[0].square().sum(-1)).sqrt().mean()
        assert record.norms[t] == pytest.approx(float(expected), rel=1e-4)


def test_after_the_last_step_that_counts_nothing_arrives() -> None:
    network, task = made(RunConfig(task="text", model="lstm", length=11, width=5, batch=3))
    batch = task.read("for x in")
    record = look(network, batch, task)
    assert record.last == 6
    assert record.norms[7] == 0
    assert (record.norms[:7] > 0).all()


def test_an_input_with_nothing_to_predict_is_refused() -> None:
    network, task = made(RunConfig(task="text", model="gru", length=11, width=5, batch=3))
    batch = task.read("fo")
    batch.mask[:] = False
    with pytest.raises(ValueError, match="nothing to predict"):
        look(network, batch, task)


# -- the horizon ------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "share"), [(0.6, 0.01), (0.9, 0.01), (0.5, 0.001), (0.37, 0.2)])
def test_with_one_factor_per_step_it_is_the_closed_form(factor: float, share: float) -> None:
    norms = 3.7 * factor ** np.arange(101.0)[::-1]
    assert gradient_horizon(norms, share) == pytest.approx(math.log(share) / math.log(factor), rel=1e-9)


def test_it_does_not_depend_on_the_length() -> None:
    norms = 0.7 ** np.arange(200.0)[::-1]
    assert gradient_horizon(norms[-20:]) == pytest.approx(gradient_horizon(norms))


def test_what_never_falls_so_low_has_no_horizon_within_the_sequence() -> None:
    assert gradient_horizon(np.ones(31)) == math.inf
    assert gradient_horizon(np.array([5.0])) == math.inf
    assert gradient_horizon(1.2 ** np.arange(31.0)[::-1]) == math.inf


def test_the_first_fall_counts_even_if_it_comes_back() -> None:
    assert gradient_horizon(np.array([1.0, 1.0, 1e-4, 1.0, 1.0])) == pytest.approx(1 + 0.5)


def test_a_gradient_of_exactly_nothing_ends_there() -> None:
    assert gradient_horizon(np.array([0.0, 0.0, 0.5, 1.0])) == 2.0


@pytest.mark.parametrize(
    "norms", [[], [1.0, 0.0], [1.0, math.nan], [1.0, math.inf], [1.0, math.inf, 1.0], [math.nan, 1]]
)
def test_without_numbers_there_is_no_horizon(norms: list[float]) -> None:
    assert math.isnan(gradient_horizon(np.array(norms)))


# -- the lag ----------------------------------------------------------------------------------


def steps_back(config: RunConfig) -> float:
    lag = config.problem.lag
    assert lag is not None
    return lag.steps


def test_the_copy_lag_is_where_a_symbol_stands_and_where_it_is_asked_for() -> None:
    task = make_task(RunConfig(task="copy", length=17, symbols=5, batch=1))
    batch = task.batch(0)
    for number in range(10):
        said = batch.y.shape[1] - 10 + number
        assert batch.y[0, said] == batch.x[0, number]
        assert said - number == steps_back(task.config)


@pytest.mark.parametrize("length", [5, 13, 40])
def test_the_adding_lag_is_the_mean_distance_of_the_first_marker(length: int) -> None:
    task = make_task(RunConfig(task="adding", length=length, batch=4000))
    first = task.batch(0).x[:, :, 1].argmax(1).double()
    lags = length - 1 - first
    assert float(lags.mean()) == pytest.approx(steps_back(task.config), abs=4 * float(lags.std()) / 4000**0.5 + 1e-9)


def test_a_task_that_asks_for_what_is_next_has_no_lag() -> None:
    assert RunConfig(task="text").problem.lag is None


def test_how_often_a_constant_answer_is_right() -> None:
    total = torch.rand(400_000, 2, generator=torch.Generator().manual_seed(3)).sum(1)
    assert float(((total - 1).abs() < 0.04).double().mean()) == pytest.approx(adding_constant_within(0.04), abs=0.002)
