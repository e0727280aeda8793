"""An own input whose continuation nobody knows: nothing is made up for it, and what the network forecasts is told."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from explainer.charts.panel import Moment
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.data import SUNSPOTS
from explainer.lenses import LENSES
from explainer.models import SequenceModel, build
from explainer.runs.active import describe
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.training import Trainer

FORECAST = RunConfig(task="forecast", model="gru", width=5, length=11)
TEXT = RunConfig(task="text", model="lstm", width=5, length=11)
REPEAT = RunConfig(task="repeat", model="transformer", width=6, heads=2, layers=2, length=13, symbols=7, norm="post")
READER = REPEAT.but(task="text", positions="rotary", width=12)
SEER = REPEAT.but(task="forecast", positions="sinusoidal")
INPUTS = {"forecast": "12 30 65 110 95", "text": "x = the", "repeat": "A D B C A D B"}


def asked(config: RunConfig) -> tuple[SequenceModel, Task, Batch]:
    task = make_task(config)
    return build(config, task.inputs, task.outputs), task, task.read(INPUTS[config.task])


def with_another_end(batch: Batch) -> Batch:
    """The same with something else where nobody knows what is right."""
    y = batch.y.clone()
    y[0, -1] = y[0, -1] + 3
    return replace(batch, y=y)


LOOKS = [
    (lens, config) for lens in LENSES for config in (FORECAST, TEXT, REPEAT, READER, SEER) if LENSES[lens].suits(config)
]


@pytest.mark.parametrize(
    ("lens", "config"), LOOKS, ids=[f"{lens} {config.model} {config.task}" for lens, config in LOOKS]
)
def test_no_lens_uses_what_nobody_knows(lens: str, config: RunConfig) -> None:
    model, task, batch = asked(config)
    assert batch.known is not None
    assert batch.known.tolist() == [[True] * (batch.x.shape[1] - 1) + [False]]
    one, other = (LENSES[lens].look(model, each, task) for each in (batch, with_another_end(batch)))
    for each in fields(one):
        np.testing.assert_equal(getattr(one, each.name), getattr(other, each.name), err_msg=each.name)


def test_of_a_forecast_everything_but_the_last_target_is_drawn() -> None:
    model, task, batch = asked(FORECAST)
    record = LENSES["hidden_states"].look(model, batch, task)
    typed = np.array([12.0, 30, 65, 110, 95])
    np.testing.assert_allclose(record.target, [*typed[1:], np.nan], rtol=1e-5)
    assert record.foretells
    values = np.array(SUNSPOTS.values)[:-60]
    with torch.no_grad():
        output = model(torch.tensor((typed - values.mean()) / values.std(), dtype=torch.float32)[None, :, None])
    said = output[0, :, 0].numpy() * values.std() + values.mean()
    np.testing.assert_allclose(record.output, said, rtol=1e-4)
    reading = notes("hidden_states", FORECAST, record)
    assert reading.startswith(f"After 110, 95 the network forecasts {said[-1]:.3g} sunspots. Over the 4 positions")


def test_of_a_text_the_next_character_is_told_with_its_probability() -> None:
    model, task, batch = asked(TEXT)
    record = LENSES["hidden_states"].look(model, batch, task)
    with torch.no_grad():
        scores = model(batch.x)[0].double().numpy()
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(record.certainty, p.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(record.right[:-1], p[np.arange(6), batch.y[0, :-1]], rtol=1e-5)
    assert np.isnan(record.right[-1])
    assert record.guesses[-1] == task.vocabulary[int(p[-1].argmax())]
    assert f"“{record.guesses[-1]}” for the likeliest next character, with probability {p[-1].max():.2f}." in notes(
        "hidden_states", TEXT, record
    )


def test_a_validation_sequence_is_no_forecast_though_only_its_last_step_counts() -> None:
    model, task, _ = asked(FORECAST)
    record = LENSES["hidden_states"].look(model, task.batch(0, split="validation"), task)
    assert not record.foretells
    assert np.isfinite(record.target).all()


@pytest.mark.parametrize("config", [REPEAT, SEER], ids=lambda config: config.task)
def test_after_the_last_token_no_layer_has_a_loss(config: RunConfig) -> None:
    model, task, batch = asked(config)
    record = LENSES["layers"].look(model, batch, task)
    assert np.isnan(record.losses[:, -1]).all()
    assert np.isfinite(record.losses[:, :-1]).all()
    labels = LENSES["layers"].notes(record, moment(config)).labels
    assert labels["said_2"][-1].endswith("what is right is not known")
    assert "not known" not in labels["said_2"][-2]
    assert labels["inks_2"][-1] not in labels["inks_2"][:-1]  # neither of the two that are for a tile


@pytest.mark.parametrize("config", [FORECAST, TEXT, REPEAT], ids=lambda config: config.task)
def test_a_surgery_draws_no_loss_and_no_target_there(config: RunConfig) -> None:
    model, task, batch = asked(config)
    record = LENSES["surgery"].look(model, batch, task)
    assert np.isnan(record.losses[:, -1]).all()
    assert np.isfinite(record.losses[:, :-1]).all()
    assert np.isfinite(record.moved).all()  # how far the output moves needs no target
    judged = record.outputs if config.has_tokens else record.target
    assert np.isnan(judged[..., -1]).all()
    assert np.isfinite(judged[..., :-1]).all()


@pytest.mark.parametrize("config", [FORECAST, TEXT, REPEAT], ids=lambda config: config.task)
def test_the_microscope_has_no_row_for_a_loss_that_there_is_not(config: RunConfig) -> None:
    model, task, batch = asked(config)
    record = LENSES["microscope"].look(model, batch, task)
    assert record.at.tolist() == list(range(batch.x.shape[1] - 1))
    assert record.counted.all()


def test_what_is_known_survives_a_cut_and_a_move() -> None:
    _, _, batch = asked(TEXT)
    for each in (batch.to("cpu"), replace(batch)):
        assert isinstance(each.known, Tensor)
        assert torch.equal(each.known_of(0), batch.mask[0])
    whole = make_task(TEXT).batch(0)
    assert whole.known is None
    assert whole.known_of(0).all()


def moment(config: RunConfig) -> Moment:
    meta = describe(Trainer(config, None, "cpu"))
    return Moment(subject(config, meta), 0, asked=True)


def notes(lens: str, config: RunConfig, record: object) -> str:
    """The sentence under the output."""
    found = LENSES[lens].notes(record, moment(config)).readings["output"]
    assert isinstance(found, str)
    return found
