"""A sweep as a value: which runs it is, what it refuses, and that its name depends on all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explainer.config import RunConfig
from explainer.lessons import SWEEPS
from explainer.sweep import Sweep, values_from_text

BASE = RunConfig(task="adding", width=5, batch=3, steps=11)
SWEEP = Sweep(base=BASE, axes=(("length", (7, 11)), ("model", ("rnn", "lstm", "gru"))))


def test_the_last_axis_turns_fastest() -> None:
    assert [(config.length, config.model) for config in SWEEP.configs] == [
        (7, "rnn"), (7, "lstm"), (7, "gru"), (11, "rnn"), (11, "lstm"), (11, "gru"),
    ]  # fmt: skip
    assert SWEEP.configs[4] == BASE.but(length=11, model="lstm")


def test_values_of_a_field_without_an_axis_are_those_of_the_base() -> None:
    assert SWEEP.values("length") == (7, 11)
    assert SWEEP.values("width") == (5,)


@pytest.mark.parametrize("sweep", [SWEEP, *(lesson.sweep for lesson in SWEEPS.values())])
def test_it_comes_back_from_its_text(sweep: Sweep) -> None:
    assert Sweep.from_json(sweep.to_json()) == sweep


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"base": {}, "axes": 3}', '{"base": {"x": 1}, "axes": []}'])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Sweep.from_json(text)


def test_its_name_changes_with_every_run_and_with_the_data() -> None:
    names = {
        SWEEP.sweep_id(),
        SWEEP.sweep_id("0" * 64),
        replace(SWEEP, base=BASE.but(seed=1)).sweep_id(),
        Sweep(base=BASE, axes=(("length", (7,)), ("model", ("rnn", "lstm", "gru")))).sweep_id(),
        Sweep(base=BASE, axes=(("model", ("rnn", "lstm", "gru")), ("length", (7, 11)))).sweep_id(),
    }
    assert len(names) == 5
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)


def test_fields_without_effect_do_not_change_its_name() -> None:
    assert replace(SWEEP, base=BASE.but(heads=2)).sweep_id() == SWEEP.sweep_id()


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ((), "something to go through"),
        ((("speed", (1,)),), "can't go through 'speed'"),
        ((("data", ("",)),), "can't go through 'data'"),
        ((("seed", (0,)), ("seed", (1,))), "twice"),
        ((("seed", ()),), "no values of 'seed'"),
        ((("seed", (3, 3)),), "seed = 3 twice"),
        ((("width", (7, 0)),), "width = 0 is out of range"),
        ((("forget_bias", (0.0, 1.0)),), "has no effect"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(axes: tuple, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sweep(base=BASE, axes=axes)


def test_values_are_read_from_a_line_of_text() -> None:
    assert values_from_text("length", "40, 10;20  5") == (5, 10, 20, 40)
    assert values_from_text("lr", "0.01 1e-3") == (0.001, 0.01)
    assert values_from_text("positions", "rotary,none") == ("rotary", "none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" , ", "No value of length"),
        ("10, ten", "whole number"),
        ("10, 1", "length = 1 is out of range"),
        (" ".join(map(str, range(2, 200))), "198 values of length are too many"),
    ],
)
def test_a_line_that_cannot_be_read_gets_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        values_from_text("length", text)
