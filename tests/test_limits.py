"""What a host allows, and that a run which doesn't fit is refused with its estimate and the way out."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from explainer.config import RunConfig
from explainer.lenses.costs import look_bytes
from explainer.limits import Limits, estimate, faulty, limits, refuse_if_too_big, spoken
from explainer.models import build

NANOGPT = RunConfig(
    task="text", model="transformer", length=64, layers=4, heads=4, width=128, tied=True, batch=12, steps=2000
)


def test_without_variables_the_defaults_hold() -> None:
    assert limits({}) == Limits()


@pytest.mark.parametrize("item", fields(Limits), ids=lambda item: item.name)
def test_every_limit_has_a_meaning_and_a_variable_of_its_own(item) -> None:
    variable = item.metadata["variable"]
    assert item.metadata["meaning"]
    changed = limits({variable: " 17 "})
    assert changed == replace(Limits(), **{item.name: 17.0})


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan", "inf", "1e999", "0x10", "0.5", "2.5"])
def test_a_variable_that_is_no_whole_number_above_0_is_named_and_its_default_holds(text: str) -> None:
    environment = {"EXPLAINER_MAX_STEPS": text, "EXPLAINER_MAX_QUEUED": "7"}
    assert limits(environment) == replace(Limits(), queued=7.0)
    (said,) = faulty(environment)
    assert said == f"EXPLAINER_MAX_STEPS = {text!r} must be a whole number above 0. Its default, 20,000, holds."


def test_what_is_measured_need_not_be_whole() -> None:
    assert limits({"EXPLAINER_STORE_MB": "0.5"}).store_mb == 0.5
    assert faulty({"EXPLAINER_STORE_MB": "0.5", "EXPLAINER_MAX_STEPS": " "}) == []


@pytest.mark.parametrize(("name", "value"), [("steps", 0.5), ("steps", float("nan")), ("store_mb", 0.0)])
def test_limits_are_what_they_say(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=r"EXPLAINER_\w+ = .* must be a (whole )?number above 0"):
        Limits(**{name: value})


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru", "transformer"])
def test_the_estimate_counts_parameters_exactly(model: str) -> None:
    config = RunConfig(task="repeat", model=model, length=11, symbols=7, width=12, heads=3, layers=2, batch=5)
    built = sum(parameter.numel() for parameter in build(config, 7, 7).parameters())
    assert estimate(config, 7, 7).parameters == built


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_more_work_takes_longer_and_more_memory(device: str) -> None:
    base = RunConfig(task="adding", model="gru", length=31, width=61, batch=29, steps=101)
    few = estimate(base, 2, 1, device)
    for change in ({"width": 127}, {"length": 67}, {"batch": 59}, {"layers": 2}):
        more = estimate(replace(base, **change), 2, 1, device)
        assert more.seconds > few.seconds or (device == "cuda" and "batch" in change)  # fewer batches are read there
        assert more.memory_mb > few.memory_mb
    assert 1.5 < estimate(base.but(steps=202), 2, 1, device).seconds / few.seconds < 2
    assert estimate(base, 2, 1, device, speed=0.25).seconds > 3 * few.seconds


def test_looking_is_a_part_of_the_estimate() -> None:
    few, more = (estimate(NANOGPT, 65, 65, lenses=lenses) for lenses in ((), ("attention", "layers")))
    assert (few.look_mb, few.parameters) == (0, more.parameters)
    assert more.look_mb == max(look_bytes(NANOGPT, lens, 65, 65).peak for lens in ("attention", "layers")) / 1e6
    assert more.memory_mb >= more.look_mb
    assert 1.03 * few.seconds < more.seconds < 1.5 * few.seconds
    view = look_bytes(NANOGPT, "attention", 65, 65).view / 1e6
    assert few.tape_mb + view < more.tape_mb < few.tape_mb + 64


def test_the_time_is_of_the_right_order() -> None:
    # docs: GRU(64), B 32, T 32 does about 200 steps a second; nanoGPT's recipe takes 51 ms a step on one thread.
    gru = estimate(RunConfig(task="adding", model="gru", length=32, width=64, batch=32, steps=200), 2, 1).seconds
    assert 1 / 3 < gru < 3
    assert 100 / 3 < estimate(NANOGPT, 65, 65).seconds < 300


def test_a_usual_run_fits_and_gets_its_estimate() -> None:
    assert refuse_if_too_big(NANOGPT, 65, 65, allowed=Limits()) == estimate(NANOGPT, 65, 65)


@pytest.mark.parametrize(
    ("change", "limit", "said"),
    [
        ({"steps": 30_000}, {}, r"steps = 30,000 .* 20,000"),
        ({}, {"parameters": 1000}, r"804,096 parameters.* 1,000\. Choose a smaller width or fewer layers"),
        ({"batch": 4096}, {}, r"This run would take about .* MB of memory.* 512 MB\. Choose a smaller batch"),
        ({}, {"seconds": 10}, r"train for about .*10 s\. Choose fewer steps"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_estimate_the_limit_and_the_way_out(
    change: dict[str, int], limit: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        refuse_if_too_big(replace(NANOGPT, **change), 65, 65, allowed=replace(Limits(), **limit))


def test_a_look_or_a_record_that_does_not_fit_is_refused() -> None:
    looked = look_bytes(NANOGPT, "attention", 65, 65).peak / 1e6
    allowed = replace(Limits(), memory_mb=looked / 2)
    with pytest.raises(ValueError, match=rf"One look at this run would take about {looked:.0f} MB.*another page"):
        refuse_if_too_big(NANOGPT, 65, 65, allowed=allowed, lenses=("attention",))
    with pytest.raises(
        ValueError, match=r"The record of this run would take about .* the store of this host holds 5 MB"
    ):
        refuse_if_too_big(NANOGPT, 65, 65, allowed=replace(Limits(), store_mb=5))


def test_the_environment_raises_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    long = RunConfig(task="adding", length=7, width=5, batch=3, steps=30_000)
    with pytest.raises(ValueError, match="steps"):
        refuse_if_too_big(long, 2, 1)
    monkeypatch.setenv("EXPLAINER_MAX_STEPS", "40000")
    refuse_if_too_big(long, 2, 1)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (41, "41 s"), (1500, "25 min"), (12_600, "3.5 h")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert re.fullmatch(text, spoken(seconds))
