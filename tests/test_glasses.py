"""Two inputs that differ by one token at the start: against torch's modules and the explicit pass, and what is said of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from explainer.charts.panel import Moment
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.glasses import FORMATS, LENGTHS
from explainer.lenses.glasses.notes import apart_reading, formats_reading, notes, slope
from explainer.lenses.glasses.record import GlassesRecord
from explainer.lessons import LESSONS
from explainer.models import build, observe
from explainer.tasks.make import make_task

BLOCKS = LESSONS["lesson-glasses-none"].config


def looked(config: RunConfig) -> GlassesRecord:
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    record = LENSES["glasses"].look(model, task.batch(0, split="validation"), task)
    assert isinstance(record, GlassesRecord)
    return record


def pair(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    one, other = ([0] * length + [1] for length in (n, n + 1))
    return torch.tensor([one]), torch.tensor([other])


@pytest.mark.parametrize("positions", ["none", "rotary", "alibi", "sinusoidal"])
def test_the_distance_is_that_of_the_explicit_pass(positions: str) -> None:
    config = BLOCKS.but(positions=positions)
    record = looked(config)
    model = build(config, 2, 2).double().eval()
    for column, n in enumerate(LENGTHS[:5]):
        states = []
        for x in pair(n):
            with torch.no_grad(), observe(model, "block.2.residual_out", "block.2.weights") as seen:
                model(x)
            states.append(seen["block.2.residual_out"][0, -1].numpy())
        expected = np.linalg.norm(states[0] - states[1]) / np.linalg.norm(states[0])
        assert record.apart[0, column] == pytest.approx(expected, rel=1e-6)


def test_a_gru_s_distance_is_that_of_torch_s_own_module() -> None:
    config = BLOCKS.but(model="gru", layers=1)
    record, model = looked(config), build(config, 2, 2)
    own = nn.GRU(2, config.width, batch_first=True).double()
    own.load_state_dict(
        {
            name.removeprefix("rnn."): value.double()
            for name, value in model.state_dict().items()
            if name.startswith("rnn.")
        }
    )
    for column, n in enumerate(LENGTHS[:2]):
        with torch.no_grad():
            one, other = (own(nn.functional.one_hot(x, 2).double())[0][0, -1] for x in pair(n))
        assert record.apart[0, column] == pytest.approx(float((one - other).norm() / one.norm()), rel=1e-6)


def test_one_head_without_places_falls_as_its_closed_form_says() -> None:
    """One block without an MLP whose queries are zero attends evenly: o = v1 + (v2 - v1) / (n + 1), and the stream is x2 + W o."""
    config = BLOCKS.but(layers=1, mlp=False)
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    D = config.width
    with torch.no_grad():
        model.get_submodule("blocks.0.attention.query_key_value").weight[:D] = 0  # type: ignore[index, operator]
    record = LENSES["glasses"].look(model, task.batch(0, split="validation"), task)
    block, table = model.double().get_submodule("blocks.0"), model.get_submodule("embedding").weight  # type: ignore[union-attr]
    with torch.no_grad():
        v1, v2 = block.attention.query_key_value(block.attention_norm(table))[:, 2 * D :]  # type: ignore[union-attr, operator]
        for column, n in enumerate(LENGTHS):
            one, other = (table[1] + block.attention.project(v1 + (v2 - v1) / (k + 1)) for k in (n, n + 1))  # type: ignore[union-attr, operator]
            assert record.apart[0, column] == pytest.approx(float((one - other).norm() / one.norm()), rel=1e-6)


def test_of_an_operated_network_it_is_that_of_the_operated_pass() -> None:
    config = BLOCKS.but(surgery="layer 2 head 3 off")
    record, model = looked(config), build(config, 2, 2).double().eval()
    states = []
    for x in pair(LENGTHS[1]):
        with torch.no_grad(), observe(model, "block.2.residual_out") as seen:
            model(x)
        states.append(seen["block.2.residual_out"][0, -1])
    assert record.apart[0, 1] == pytest.approx(float((states[0] - states[1]).norm() / states[0].norm()), rel=1e-6)
    assert record.apart[0, 1] != looked(BLOCKS).apart[0, 1]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("positions", ["none", "rotary"])
def test_what_takes_means_comes_together_as_one_over_n_squared(positions: str, seed: int) -> None:
    found, error = slope(looked(BLOCKS.but(positions=positions, seed=seed)))
    assert found == pytest.approx(-2, abs=0.1)
    assert error < 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_encoding_that_is_added_keeps_them_apart(seed: int) -> None:
    assert (looked(BLOCKS.but(positions="sinusoidal", seed=seed)).apart[0] > 0.1).all()


@pytest.mark.parametrize("power", [-2.0, -0.7])
def test_the_power_is_found_with_its_error(power: float) -> None:
    n = np.array(LENGTHS)
    apart = np.tile(n.astype(np.float64) ** power, (len(FORMATS), 1))
    record = GlassesRecord(n.astype(np.int32), apart, np.zeros(apart.shape, bool), ("0", "1"))
    assert slope(record) == (pytest.approx(power), pytest.approx(0, abs=1e-9))
    wild = apart * np.exp(np.where(np.arange(len(n)) % 2, 0.1, -0.1))
    x, y = np.log(n[3:]), np.log(wild[0, 3:])
    (_, expected), covariance = np.polynomial.polynomial.polyfit(x, y, 1), np.cov(x, y)
    found, error = slope(GlassesRecord(n.astype(np.int32), wild, np.zeros(apart.shape, bool), ("0", "1")))
    assert found == pytest.approx(expected)
    rest = covariance[1, 1] - found * covariance[0, 1]
    assert error == pytest.approx(math.sqrt(rest / covariance[0, 0] / (len(x) - 2)))


def test_sentences_say_what_the_numbers_are() -> None:
    n, apart = np.array(LENGTHS, np.int32), np.full((3, len(LENGTHS)), 1e-2)
    same = np.zeros(apart.shape, bool)
    apart[0, 4:], apart[2, 5], same[2, 5] = 1e-16, 0.0, True
    record = GlassesRecord(n, apart, same, ("0", "1"))
    assert "from n = 128 on" in apart_reading(record, "GRU")
    assert "in float32 at none of these lengths; in bfloat16 at n = 256." in formats_reading(record, "GRU")
    arrays = notes(record, Moment({"label": "GRU"}, 0)).arrays
    assert np.isnan(arrays["shown"][2, 5])
    assert np.isfinite(arrays["alike"]).sum() == 1
    apart[0] = np.nan
    assert "not finite" in apart_reading(GlassesRecord(n, apart, same, ("0", "1")), "GRU")
