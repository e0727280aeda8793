"""Sentences of the gradient's lenses whatever the numbers: plain words, one of a thing in the singular, no contradiction."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from explainer.charts.amount import base_of, not_finite, paced, percent, short, short_steps
from explainer.charts.dial import KINDS, dial_reading, turn
from explainer.charts.panel import Moment
from explainer.charts.subject import subject
from explainer.config import MODELS, RunConfig
from explainer.lenses import LENSES
from explainer.lenses.fixed_points import notes as fixed_point_notes
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.lenses.gradients import notes as gradient_notes
from explainer.lenses.gradients.record import GradientsRecord
from explainer.lenses.jacobian import notes as jacobian_notes
from explainer.lenses.jacobian.record import JacobianRecord
from explainer.lenses.microscope import notes as microscope_notes
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.lenses.reach.panels import Memory, accuracy_reading, reach_reading, trained_reading
from explainer.lenses.reach.record import ReachRecord
from explainer.models import build
from explainer.tasks.make import make_task
from explainer.theory import stability
from explainer.theory.jacobian import factor_per_step
from tests.families import ATTENDING
from tests.wild import WILD

EVERY = settings(deadline=None, max_examples=150)
TINY, HUGE = float(np.finfo(np.float32).smallest_subnormal), float(np.finfo(np.float32).max)
ODD = st.sampled_from([0.0, math.nan, math.inf, TINY, HUGE, 1.0, 999.6, 9999.6])
SIZE = st.floats(-30, 30).map(lambda power: float(np.float32(10**power)))
NUMBER = st.one_of(SIZE, SIZE, SIZE, ODD)
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
THINGS = "steps|lags|cells|units|points|runs|updates|losses|directions|activations|bits"


def numbers_of(said: str) -> list[float]:
    """The numbers of a sentence, powers of ten and thousands among them."""
    found = re.findall(r"(-?\d[\d,]*(?:\.\d+)?)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", said)
    return [float(f"{digits.replace(',', '')}e{power.translate(SUPERSCRIPTS) or 0}") for digits, power in found]


def after(words: str, said: str) -> float:
    return numbers_of(said.split(words, 1)[1])[0]


def sentences(readings: Any) -> Iterator[str]:
    for reading in readings.values():
        yield from [reading] if isinstance(reading, str) else reading.values()


def check(said: str) -> None:
    assert not re.search(r"\bnan\b|\binf(inity)?\b|\de[+-]?\d", said, re.IGNORECASE), said
    assert not re.search(rf"(?<![\d.,])1 (earlier )?({THINGS})\b", said), said
    assert not re.search(r"\b([2-9]|\d\d+) (earlier )?(step|lag|cell|unit|point|run|direction|bit)\b", said), said
    assert said.endswith("."), said


def values(draw: st.DrawFn, *shape: int) -> NDArray[np.float32]:
    """An array all of odd numbers, of a curve that falls or grows steadily, or of finite ones."""
    count = math.prod(shape)
    one = st.one_of(
        st.lists(NUMBER, min_size=count, max_size=count),
        st.lists(SIZE, min_size=count, max_size=count),
        NUMBER.map(lambda value: [value] * count),
        st.floats(0.3, 2.0).map(lambda factor: [factor ** (at % shape[-1]) for at in range(count)]),
    )
    return np.array(draw(one), dtype=np.float32).reshape(shape)


# -- true records of wild networks ------------------------------------------------------------

WILDER = {**WILD, "tiny": lambda weight: weight * 1e-12}


@pytest.mark.parametrize("wild", WILDER)
@pytest.mark.parametrize(("length", "layers"), [(2, 1), (41, 1), (13, 2)])
@pytest.mark.parametrize("model", MODELS)
def test_every_reading_of_a_wild_network(model: str, length: int, layers: int, wild: str) -> None:
    size = {"width": 10, "heads": 5} if model in ATTENDING else {"width": 5}
    config = RunConfig(model=model, task="adding", length=length, layers=layers, batch=3, **size)
    task = make_task(config)
    network = build(config, task.inputs, task.outputs)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(WILDER[wild](weight))
    batch = task.batch(0, "validation", size=3)
    for name in ("gradients", "microscope", "jacobian", "fixed_points"):
        if LENSES[name].suits(config):
            with np.errstate(over="ignore", invalid="ignore"):
                record = LENSES[name].look(network, batch, task)
            readings = LENSES[name].notes(record, Moment(subject(config, {}), 0)).readings
            for said in sentences(readings):
                check(said)
            if name == "gradients" and wild == "not a number":
                assert "the gradient is not a number at" in readings["share"]
                assert "no verdict, for the gradient is not a number at" in readings["verdict"]
    reached = LENSES["reach"].look(network, batch, task)
    memory = Memory(model, length, length - 1.0, 0.1, reached, reached)
    for said in (accuracy_reading([memory], 0.0), reach_reading([memory]), trained_reading([memory], 0.0)):
        check(said)


# -- gradients --------------------------------------------------------------------------------


@st.composite
def gradient_records(draw: st.DrawFn) -> GradientsRecord:
    T = draw(st.sampled_from([1, 2, 3, 11, 50]))
    norms, last = values(draw, T), draw(st.integers(0, T - 1))
    norms[last + 1 :] = 0
    radius = draw(st.one_of(st.just(math.nan), st.just(0.0), st.floats(0.01, 9)))
    sizes = values(draw, draw(st.integers(1, 2))).astype(np.float64)
    total, clip = float(np.sqrt((sizes**2).sum())), draw(st.sampled_from([0.0, 1.0, 1e-5]))
    return GradientsRecord(
        norms=norms,
        theory=np.zeros(0 if math.isnan(radius) else T),
        radius=radius,
        last=last,
        factor=factor_per_step(norms[: last + 1]),
        parameters=("rnn.weight_hh_l0", "readout.bias")[: len(sizes)],
        parameter_norms=sizes,
        total=total,
        clip=clip,
        clipped=min(total, clip) if clip and math.isfinite(total) else total,
        loss=0.25,
    )


@st.composite
def metrics(draw: st.DrawFn) -> dict[str, NDArray[Any]]:
    count = draw(st.sampled_from([0, 1, 2, 7]))
    norms = values(draw, count) if count else np.zeros(0)
    return {"step": np.arange(1, count + 1), "grad_norm": norms, "clipped": np.minimum(norms, 1.0)}


@EVERY
@given(record=gradient_records(), metrics=metrics(), model=st.sampled_from(["rnn", "lstm", "transformer"]))
def test_gradients(record: GradientsRecord, metrics: dict[str, NDArray[Any]], model: str) -> None:
    moment = Moment({"model": model}, 7, metrics)
    made = gradient_notes.notes(record, moment)
    for said in sentences(made.readings):
        check(said)
    share, verdict = str(made.readings["share"]), str(made.readings["verdict"])
    norms, last = record.norms[: record.last + 1].astype(np.float64), record.last
    factor, (low, high) = float(made.arrays["per_step"]), made.arrays["band"]
    nan, bad = np.isnan(norms).any(), not np.isfinite(norms).all()
    assert ("not a number" in share) == (bad and np.isnan(norms[~np.isfinite(norms)]).all())
    assert bad == math.isnan(factor) or last == 0 or norms[-1] == 0, "a gap where there is no verdict"
    assert ("exploding" in verdict) <= (not nan or np.isinf(norms).any())
    if bad or last == 0 or norms[-1] == 0:
        assert "healthy" not in verdict
        assert "vanishing" not in verdict
        return
    arrives = norms[0] / norms[-1]
    if min(abs(math.log(arrives / edge)) for edge in (0.1, 10)) > 1e-6 if arrives else True:
        assert ("healthy" in verdict) == (0.1 < arrives < 10) == (low < factor < high)
        assert ("vanishing" in verdict) <= (arrives < 0.1)
        assert ("exploding" in verdict) <= (arrives > 10)
    if arrives and "trend" not in verdict:
        printed = after("× ", verdict)
        assert last * math.log(printed) == pytest.approx(math.log(arrives), abs=0.0051)
        assert after(f"{ {'transformer': 'x'}.get(model, 'h') } at t = 0 gets ", share) == pytest.approx(
            arrives, rel=0.051
        )


@EVERY
@given(last=st.integers(1, 1023), radius=st.floats(0.3, 3))
def test_who_raises_the_printed_radius_to_its_power_gets_what_is_said_to_be_predicted(last: int, radius: float) -> None:
    record = GradientsRecord(
        np.ones(last + 1), np.ones(last + 1), radius, last, 1.0, ("readout.bias",), np.ones(1), 1.0, 0.0, 1.0, 0.25
    )
    said = gradient_notes.share_reading(record, "rnn")
    check(said)
    if abs(last * math.log(radius)) < 600:
        assert last * math.log(after("ρ = ", said)) == pytest.approx(math.log(after("predicts ", said)), abs=0.056)


@EVERY
@given(kind=st.sampled_from(sorted(KINDS)), radius=st.floats(0.1, 2))
def test_the_dial(kind: str, radius: float) -> None:
    said = dial_reading(turn(kind, radius, 4))
    check(said)
    assert 50 * math.log(after("ρ = ", said)) == pytest.approx(50 * math.log(radius), abs=0.0051)
    assert ("vanishing in the long run" in said) == (radius < 1)
    assert ("exploding in the long run" in said) == (radius > 1)


# -- the microscope ---------------------------------------------------------------------------


@st.composite
def microscope_records(draw: st.DrawFn) -> tuple[str, MicroscopeRecord]:
    P, L = draw(st.sampled_from([1, 2, 5])), draw(st.integers(1, 2))
    model, ways, gates = draw(
        st.sampled_from(
            [
                ("rnn", ("h",), ()),
                ("gru", ("h",), ("reset", "update", "candidate")),
                ("lstm", ("h", "c", "c along c", "c by way of h"), ("input", "forget", "candidate", "output")),
            ]
        )
    )
    counted = np.array(draw(st.lists(st.booleans(), min_size=P, max_size=P)))
    counted[draw(st.integers(0, P - 1))] = True
    norms = values(draw, len(ways), L, P, P) * np.tri(P, dtype=np.float32)
    norms = np.where(np.tri(P, dtype=bool), norms, np.float32(0))
    curves = values(draw, len(gates), L, P) if gates else np.zeros((0, L, P), np.float32)
    at = np.arange(P, dtype=np.int32) * draw(st.sampled_from([1, 3]))
    return model, MicroscopeRecord(norms, ways, curves, gates, at, counted, tuple("abcde"[:P]))


@EVERY
@given(made=microscope_records())
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply:RuntimeWarning")
def test_the_microscope(made: tuple[str, MicroscopeRecord]) -> None:
    model, record = made
    readings = microscope_notes.notes(record, Moment({"model": model}, 7)).readings
    for said in sentences(readings):
        check(said)
    for choice, history in dict(readings["history"]).items():  # type: ignore[arg-type]
        by_lag = dict(readings["by_lag"])[choice]  # type: ignore[arg-type]
        where = re.compile(r"not a (?:finite )?number at \d+ of \d+ lags?")
        assert where.findall(by_lag) == where.findall(history), "both speak of the same curve"
        if where.search(history) or "0 at the loss's own" in history:
            assert "no reach" in history
    for said in dict(readings["ways"]).values():  # type: ignore[arg-type]
        if "most comes" in said:
            along, around = (
                numbers_of(part)[-1] for part in re.split(" arrives along c alone| by way of h, together", said)[:2]
            )
            assert ("most comes along c" in said) == (along > around)


# -- Jacobians --------------------------------------------------------------------------------


@st.composite
def jacobian_records(draw: st.DrawFn) -> JacobianRecord:
    K, M, C = draw(st.sampled_from([0, 1, 4, 39])), draw(st.sampled_from([1, 3])), draw(st.integers(1, 2))
    T, gated = K + draw(st.integers(1, 2)), draw(st.booleans())
    radius = draw(st.one_of(st.just(math.nan), st.just(0.0), st.floats(0.01, 9)))
    measured = values(draw, K + 1)
    measured[0] = draw(st.sampled_from([1.0, 1.0, 1.0, math.nan]))
    shares = st.sampled_from([0.0, 1.0, 0.004, 0.996, 0.3, math.nan])
    parts = np.array([[draw(shares)] * T for _ in range(2 if gated else 1)])
    with np.errstate(over="ignore"):
        rate = np.float64(radius) ** np.arange(K + 1)
    return JacobianRecord(
        eigenvalues=values(draw, C, M, 2) * draw(st.sampled_from([1.0, -1.0])),
        singular=values(draw, C, M),
        steps=np.full(C, K, np.int32),
        spans=np.array([1, max(2, K)][:C], np.int32),
        rate=np.where(rate > HUGE, np.inf, rate),
        bound=values(draw, K + 1),
        largest=values(draw, K + 1),
        measured=measured,
        radius=radius,
        sigma=1.0,
        theory="rest" if gated else "W_hh",
        saturated=parts.mean(axis=0),
        slope=np.full(T, draw(st.sampled_from([0.0, 1.0, 0.5, math.nan]))),
        parts=parts,
        part_names=("forget", "candidate")[: len(parts)],
        last=K,
        tokens=tuple("x" * T),
    )


@EVERY
@given(record=jacobian_records())
def test_the_jacobians(record: JacobianRecord) -> None:
    readings = jacobian_notes.notes(record, Moment({"model": "rnn"}, 7)).readings
    for said in sentences(readings):
        check(said)
    decay, history, K = str(readings["decay"]), str(readings["history"]), len(record.rate) - 1
    measured = record.measured.astype(np.float64)
    if "within tenfold" in decay:
        assert all(
            one == other == 0 or 0.099 < one / other < 10.1 for one, other in zip(measured, record.rate, strict=True)
        )
    if "says" in decay and record.rate[-1] > 1e-300 and math.isfinite(record.rate[-1]):
        assert K * math.log(after("ρ = ", decay)) == pytest.approx(math.log(after("says ", decay)), abs=0.056)
    if ", measured ×" in history and measured[-1] > 0:
        assert K * math.log(after("measured × ", history)) == pytest.approx(math.log(measured[-1]), abs=0.0051)
    assert ("is not a number from" in decay) <= bool(np.isnan(measured).any())
    for said in dict(readings["plane"]).values():  # type: ignore[arg-type]
        if "has |λ| = " in said and "more than" not in said:
            outside = after("has |λ| = ", said) > 1
            assert outside == ("; none of" not in said)


# -- the horizon ------------------------------------------------------------------------------


@EVERY
@given(data=st.data(), scores=st.lists(st.sampled_from([0.9, 0.1, math.nan, -math.inf, 0.5]), min_size=1, max_size=5))
def test_the_horizon(data: st.DataObject, scores: list[float]) -> None:
    def looked(T: int) -> ReachRecord | None:
        return data.draw(st.sampled_from([None, ReachRecord(values(data.draw, T), T - 1)]))

    runs = [
        Memory("gru", 2 + 7 * at, 1 + 7.0 * at, score, looked(2 + 7 * at), looked(2 + 7 * at))
        for at, score in enumerate(scores)
    ]
    learnt = [score > 0.5 for score in scores]
    said = accuracy_reading(runs, 0.0)
    for each in (said, reach_reading(runs), trained_reading(runs, 0.0)):
        check(each)
    first = learnt.index(False) if False in learnt else len(learnt)
    if not np.isnan(scores).all():
        assert ("learnt up to" in said) == (first > 0)
        if first:
            assert after("learnt up to T = ", said) == runs[first - 1].length
            assert f"learnt up to T = {runs[first - 1].length} (lag {runs[first - 1].lag:g})" in said
        assert ("again" in said or "but" in said) == any(learnt[first:])


# -- fixed points -----------------------------------------------------------------------------


@st.composite
def fixed_points_records(draw: st.DrawFn) -> FixedPointsRecord:
    P, M, T = draw(st.integers(0, 3)), draw(st.sampled_from([1, 3])), draw(st.integers(1, 2))
    lengths = st.one_of(st.floats(0, 1.2), st.floats(0.99, 1.01), st.sampled_from([0.0, 1.0, 1e-7, HUGE]))
    eigenvalues = np.zeros((P, M, 2), np.float32)
    for row in eigenvalues:
        row[:, 0] = sorted((draw(lengths) for _ in range(M)), reverse=True)
    unstable, neutral = stability.directions(eigenvalues[..., 0]) if P else (np.zeros(0, np.int64),) * 2
    fixed = np.array(draw(st.lists(st.booleans(), min_size=P, max_size=P)), dtype=bool)
    kinds = stability.kinds(fixed, unstable, neutral)
    return FixedPointsRecord(
        points=draw(st.floats(-1, 1)) * np.ones((P, M), np.float32),
        q=values(draw, P) if P else np.zeros(0, np.float32),
        fixed=fixed,
        unstable=unstable,
        neutral=neutral,
        eigenvalues=eigenvalues,
        says=("1.00",) * P,
        counts=stability.counts(kinds),
        states=values(draw, T, M),
        tokens=("·",) * T,
    )


@EVERY
@given(record=fixed_points_records())
def test_fixed_points(record: FixedPointsRecord) -> None:
    for task in ("flipflop", "adding"):
        for said in sentences(
            fixed_point_notes.notes(
                record,
                Moment({"model": "gru", "task": task, "memories": RunConfig(task=task, bits=1).problem.memories}, 7),
            ).readings
        ):
            check(said)
            if "half in" in said:
                half = math.log(0.5) / math.log(after("shrinks by × ", said))
                assert after("half in ", said) == pytest.approx(half, rel=0.06)
            if "grows by" in said:
                assert after("grows by × ", said) > 1


# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.63, "0.63"), (1234, "1,230"), (9999.6, "10,000"), (0.0031, "0.0031"), (0.00999, "0.01"), (3.14e-11, "3.1·10⁻¹¹"),
        (1e-300, "1·10⁻³⁰⁰"), (2.5e30, "2.5·10³⁰"), (math.nan, "not a number"), (math.inf, "more than 10³⁸"),
    ],
)  # fmt: skip
def test_a_short_number(value: float, said: str) -> None:
    assert short(value) == said


def test_a_factor_has_the_digits_that_its_power_and_its_half_life_take() -> None:
    assert base_of(0.96191, 1) == "0.962"
    assert base_of(0.96191, 1000) == "0.96191"
    assert base_of(0.5, 1023) == "0.500"
    assert base_of(0.0, 3) == "0"
    assert paced(0.9946) == "0.9946"
    assert paced(0.897) == "0.897"
    assert paced(1.0) == "1.00"


def test_steps_and_shares_are_said_with_their_ends() -> None:
    assert [short_steps(each) for each in (0.381, 1.0, 1.04, 6.58, 9.96, 693.1, 690.0)] == [
        "0.38 steps", "1 step", "1 step", "6.6 steps", "10 steps", "693 steps", "690 steps",
    ]  # fmt: skip
    assert [percent(each) for each in (0, 0.004, 0.67, 0.996, 1)] == ["0%", "under 1%", "67%", "over 99%", "100%"]
    assert not_finite([1, 2], "lag") == ""
    assert not_finite([math.nan], "lag") == "not a number at 1 of 1 lag"
    assert not_finite([1, math.inf, math.nan], "lag") == "not a finite number at 2 of 3 lags"
