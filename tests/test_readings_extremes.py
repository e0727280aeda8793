"""Sentences of states, gates and patterns whatever the numbers: plain words and numbers, and a reason where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from explainer.charts.amount import amount
from explainer.charts.panel import Moment
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.data import digest
from explainer.lenses import LENSES
from explainer.lenses.hidden_states import notes as hidden_notes
from explainer.models import build
from explainer.tasks.make import make_task
from explainer.words import counted
from tests.wild import WILD

TEXT = "".join(f"def f{number}(x): return '{number % 7}' + x[{number}]\n" for number in range(401))
SETTINGS = [
    {"task": task, "length": length, "width": width, "layers": layers, **more}
    for task, more in (("text", {"data": digest(TEXT)}), ("adding", {}), ("flipflop", {"bits": 2}), ("forecast", {}))
    for length, width, layers in ((2, 1, 1), (2, 5, 3), (13, 1, 2), (13, 5, 1))
]


def sentences(readings: Any) -> Iterator[str]:
    for reading in readings.values():
        yield from [reading] if isinstance(reading, str) else reading.values()


def check(said: str) -> None:
    assert not re.search(r"\bnan\b|\binf\b|e[+-]\d", said), said
    assert not re.search(r"(?<![\d.,])1 (units|steps|characters|stretches|places|sequences|bits|positions)\b", said), (
        said
    )
    assert said[0].isupper() or said[0] in "“h0123456789", said
    assert said.endswith("."), said


@pytest.mark.parametrize("wild", WILD)
@pytest.mark.parametrize(
    "setting", SETTINGS, ids=lambda each: "-".join(str(each[name]) for name in ("task", "length", "width", "layers"))
)
@pytest.mark.parametrize("model", ["lstm", "gru", "rnn_relu"])
def test_every_reading_is_a_sentence_of_plain_numbers(model: str, setting: dict[str, Any], wild: str) -> None:
    config = RunConfig(model=model, **setting)
    task = make_task(config, TEXT if config.task == "text" else None)
    network = build(config, task.inputs, task.outputs)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(WILD[wild](weight))
    batch = task.batch(0, "validation", size=3)
    for name in ("hidden_states", "gates", "pattern"):
        if LENSES[name].suits(config):
            with np.errstate(over="ignore", invalid="ignore"):
                record = LENSES[name].look(network, batch, task)
            for said in sentences(LENSES[name].notes(record, Moment(subject(config, {}), 0)).readings):
                check(said)


@pytest.mark.parametrize("seed", range(13))
@pytest.mark.parametrize("name", ["hidden_states", "gates", "pattern"])
def test_it_is_so_whatever_a_record_holds(name: str, seed: int) -> None:
    """Each array of a true record is filled with one kind of number."""
    random = np.random.default_rng(seed)
    config = RunConfig(task="text", model="gru", length=11, width=5, data=digest(TEXT))
    task = make_task(config, TEXT)
    record = LENSES[name].look(build(config, task.inputs, task.outputs), task.batch(0, "validation"), task)
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            filled = random.choice([np.nan, np.inf, -np.inf, 0, 1, 1e-12, 1e30, -1e30])
            changed = replace(record, **{each.name: np.full_like(value, filled)})
            with np.errstate(over="ignore", invalid="ignore"):
                made = LENSES[name].notes(changed, Moment(subject(config, {}), 3))
            for said in sentences(made.readings):
                check(said)


def test_weights_that_are_not_numbers_are_named_as_the_reason() -> None:
    config = RunConfig(task="text", model="lstm", length=11, width=5, data=digest(TEXT))
    task = make_task(config, TEXT)
    network = build(config, task.inputs, task.outputs)
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(torch.nan)
    record = LENSES["gates"].look(network, task.batch(0, "validation"), task)
    readings = LENSES["gates"].notes(record, Moment(subject(config, {}), 0)).readings
    for name in ("gates", "memory", "tracking", "probes"):
        for said in sentences({name: readings[name]}):
            assert "not finite" in said or "not a finite number" in said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"), (1, "1"), (8.25, "8.25"), (0.03125, "0.0312"), (123.456, "123"), (9999.6, "10,000"), (12345.6, "12,300"),
        (999999.7, "1·10⁶"), (3.14e-11, "3.14·10⁻¹¹"), (-2.5e30, "-2.5·10³⁰"), (-0.5, "-0.5"),
    ],
)  # fmt: skip
def test_an_amount_has_no_scientific_notation(value: float, said: str) -> None:
    assert amount(value) == said


def test_what_is_counted_has_its_number() -> None:
    assert [counted(count, "step") for count in (0, 1, 2, 12000)] == ["0 steps", "1 step", "2 steps", "12,000 steps"]


def test_a_flip_flop_is_judged_by_all_of_its_bits() -> None:
    """Bit 1 is right here and the others are not, which bit 1 alone would not tell."""
    config = RunConfig(task="flipflop", model="gru", length=11, width=5, bits=3)
    task = make_task(config)
    network = build(config, 3, 3)
    batch = task.batch(0, "validation")
    record = LENSES["hidden_states"].look(network, batch, task)
    said, target = network(batch.x)[0].detach().numpy(), batch.y[0].numpy()
    for bit in range(3):
        off = [said[t, bit] - target[t, bit] for t in range(11)]
        assert record.errors[bit] == pytest.approx((sum(each**2 for each in off) / 11) ** 0.5, rel=1e-5)
        right = [(said[t, bit] > 0) == (target[t, bit] > 0) for t in range(11)]
        assert record.signs[bit] == pytest.approx(sum(right) / 11)
    told = replace(record, errors=np.array([0.125, 1.5, 0.5], np.float32), signs=np.array([1, 0.25, 0.75], np.float32))
    assert hidden_notes.output_reading(told, {"task": "flipflop"}) == (
        "Over the 11 steps that count, 1 of the 3 bits always has the right sign; bit 1 best (sign right at 100%, error 0.125), "
        "bit 2 worst (sign right at 25%, error 1.5); errors are root mean squares."
    )
