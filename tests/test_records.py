"""Records: they go through files unchanged, and only a bug can make one whose parts do not fit."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from explainer.lenses import LENSES
from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.lenses.gates.record import GatesRecord
from explainer.lenses.glasses.record import GlassesRecord
from explainer.lenses.gradients.record import GradientsRecord
from explainer.lenses.heads.record import HeadsRecord
from explainer.lenses.hidden_attention.record import HiddenAttentionRecord
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.lenses.jacobian.record import JacobianRecord
from explainer.lenses.layers.record import LayersRecord
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.lenses.pattern.record import PatternRecord
from explainer.lenses.positions.record import PositionsRecord
from explainer.lenses.race.record import RaceRecord
from explainer.lenses.reach.record import ReachRecord
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.records import from_arrays, to_arrays

T, N, L, H, P, D = 11, 5, 2, 3, 7, 13
TOKENS = tuple("ab<i>\n\"'\\€ …")[:T]
rng = np.random.default_rng(5)


def values(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


NONE = np.zeros(0, dtype=np.float32)
EXAMPLES = {
    "hidden_states": HiddenStatesRecord(
        values(L, T, N), TOKENS, values(T) > 0, TOKENS, TOKENS, values(T), values(T), NONE, NONE
    ),
    "gradients": GradientsRecord(
        norms=np.array([0.0, np.nan, np.inf, *range(T - 3)]),
        theory=np.zeros(0),
        radius=float("nan"),
        last=T - 1,
        factor=0.1 + 0.2,
        parameters=("a.weight", *"bcdefg"),
        parameter_norms=values(P),
        total=1587.0,
        clip=1.0,
        clipped=1.0,
        loss=1 / 6,
    ),
    "attention": AttentionRecord(
        values(L, H, T, T), TOKENS, *(values(L, H) for _ in range(3)), values(3, L, H), values(L, H)
    ),
    "positions": PositionsRecord("learned", values(T, D), values(T, T), values(L, H, T)),
    "gates": GatesRecord(
        gates=values(L, H, T, N),
        gate_names=tuple("abc"),
        kept=values(L, N),
        closed=values(L, H),
        opened=values(L, H),
        states=values(T, N),
        tokens=TOKENS,
        variables=("depth", "<b>"),
        values=values(2, T),
        sequences=13,
        correlations=values(2, N),
        correlation_errors=values(2),
        untrained_correlations=values(2),
        chance_correlations=values(2),
        probes=values(2),
        probe_errors=values(2),
        untrained=values(2),
        gain_errors=values(2),
        controls=values(2),
    ),
    "microscope": MicroscopeRecord(
        norms=values(2, L, T, T),
        ways=("h", "c"),
        gates=values(H, L, T),
        gate_names=tuple("abc"),
        at=np.arange(T),
        counted=values(T) > 0,
        tokens=TOKENS,
    ),
    "jacobian": JacobianRecord(
        eigenvalues=values(H, N, 2),
        singular=values(H, N),
        steps=np.arange(H),
        spans=np.ones(H, int),
        rate=values(P),
        bound=values(P),
        largest=values(P),
        measured=np.array([np.nan, np.inf, *range(P - 2)]),
        radius=0.9,
        sigma=float("nan"),
        theory="W_hh",
        saturated=values(T),
        slope=values(T),
        parts=values(2, T),
        part_names=("a", "b"),
        last=T - 1,
        tokens=TOKENS,
    ),
    "fixed_points": FixedPointsRecord(
        points=values(P, N),
        q=np.array([0.0, np.nan, *range(P - 2)]),
        fixed=values(P) > 0,
        unstable=np.arange(P),
        neutral=np.arange(P)[::-1],
        eigenvalues=values(P, 3, 2),
        says=TOKENS[:P],
        counts=np.array([P, 1]),
        states=values(T, N),
        tokens=TOKENS,
    ),
    "pattern": PatternRecord(
        units=np.arange(N),
        above=N + 1,
        tokens=TOKENS,
        on=values(T),
        first=2,
        last=3,
        threshold=0.3,
        found=P,
        searched=101,
        expected=0.1 + 0.2,
        times=1 / 3,
        times_error=float("nan"),
        places=L,
        shares=values(L, 3),
        before=1,
        lengths=np.arange(L),
        texts=(*"ab<i>", ""),
    ),
    "heads": HeadsRecord(values(7, L, H), values(3, L, H), values(L, H), loss=1 / 6, sequences=2, length=T),
    "layers": LayersRecord(
        values(L, T),
        values(L, T),
        tuple(map(str, range(L * T))),
        values(T) > 0,
        TOKENS,
        TOKENS,
        values(T, T),
        values(T, T),
    ),
    "attention_cell": AttentionCellRecord(
        *(values(L, H, T, N) for _ in range(3)),
        values(L, H, T, T),
        values(H),
        places=np.arange(T)[::-1],
        silent=values(L, H) > 0,
        positions="alibi",
        tokens=TOKENS,
    ),
    "beyond_the_length": BeyondTheLengthRecord(
        kind="none",
        trained=T,
        lengths=np.array([T, 2 * T]),
        loss=np.array([1.5, np.nan]),
        error=values(2),
        blocks=np.array([P, 0]),
        why=("", "<b> & more"),
        windows=np.array([P, 0]),
        places=values(N),
        course=values(N),
        distances=np.arange(H),
        attention=values(2, H),
        looked=values(2),
        kernel=values(H),
    ),
    "reach": ReachRecord(norms=np.array([0.0, np.nan, np.inf, *range(T - 3)]), last=T - 1),
    "glasses": GlassesRecord(np.array([3, 7, 14]), values(2, 3), np.ones((2, 3), bool), ("a", "<b>")),
    "hidden_attention": HiddenAttentionRecord(
        values(L, H, T, T), values(L, H), np.zeros((L, H), np.int32), values(L, N), values(L, N), TOKENS
    ),
    "race": RaceRecord(7, np.array([3, 7, 14]), np.array([0.5, 1.0, np.nan]), np.array([0.1, 0.0, np.nan]), values(T)),
    "surgery": SurgeryRecord(
        surgery="layer 1 unit 5 = 0",
        loss=0.25,
        operated_loss=float("nan"),
        loss_error=0.125,
        operated_error=float("nan"),
        ratio_error=float("inf"),
        sequences=3,
        effects=values(N),
        errors=values(N),
        screened=2,
        layers=np.zeros(N, np.int32),
        places=np.arange(N, dtype=np.int32),
        extremes=np.array([1, 0], np.int32),
        checked=values(2),
        checked_errors=values(2),
        outputs=values(2, T),
        losses=values(2, T),
        moved=np.array([np.nan, np.inf, *range(T - 2)]),
        target=NONE,
        guesses=TOKENS,
        operated_guesses=TOKENS,
        donor=TOKENS[:3],
        tokens=TOKENS,
        targets=TOKENS,
        mask=values(T) > 0,
    ),
}


@pytest.mark.parametrize("name", LENSES)
def test_a_record_comes_back_from_arrays_as_it_was(name: str) -> None:
    record = EXAMPLES[name]
    arrays, text = to_arrays(record)
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in arrays.values())
    assert all(isinstance(value, str) for value in text.values())
    back: object = from_arrays(LENSES[name].record, {**arrays, "of another record": NONE}, text)
    assert type(back) is type(record)
    for item in fields(record):  # type: ignore[arg-type]
        before, after = getattr(record, item.name), getattr(back, item.name)
        assert type(before) is type(after)
        np.testing.assert_array_equal(before, after)


def test_number_tasks_have_outputs_and_no_probabilities() -> None:
    labels = tuple(map(str, range(T)))
    record = HiddenStatesRecord(values(L, T, N), labels, np.ones(T, bool), labels, (), NONE, NONE, values(T), values(T))
    assert not record.has_tokens
    assert EXAMPLES["hidden_states"].has_tokens  # type: ignore[attr-defined]


def test_a_missing_field_is_named() -> None:
    arrays, text = to_arrays(EXAMPLES["gradients"])
    del arrays["norms"]
    with pytest.raises(KeyError, match="norms"):
        from_arrays(GradientsRecord, arrays, text)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("hidden_states", {"tokens": TOKENS[1:]}),
        ("hidden_states", {"states": values(T, N)}),
        ("hidden_states", {"mask": np.ones(T + 1, bool)}),
        ("hidden_states", {"output": values(T)}),
        ("hidden_states", {"guesses": ()}),
        ("gradients", {"theory": values(T - 1)}),
        ("gradients", {"last": T}),
        ("gradients", {"parameters": ("one",)}),
        ("attention", {"weights": values(L, H, T, T - 1)}),
        ("attention", {"entropy": values(H, L)}),
        ("positions", {"kernel": values(D, D)}),
        ("fixed_points", {"eigenvalues": values(P, 3)}),
        ("fixed_points", {"found": P - 1}),
        ("pattern", {"last": T}),
        ("pattern", {"texts": ("a",)}),
        ("fixed_points", {"states": values(T, N + 1)}),
        ("positions", {"distance": values(L, T)}),
    ],
)
def test_parts_that_do_not_fit_are_a_bug(name: str, wrong: dict[str, object]) -> None:
    # Where shapes of arguments are checked as well, that check comes first, with a TypeError.
    with pytest.raises((AssertionError, TypeError)):
        replace(EXAMPLES[name], **wrong)  # type: ignore[type-var]


def test_a_record_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        EXAMPLES["positions"].kind = "none"  # type: ignore[attr-defined]
