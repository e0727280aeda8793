"""The race: shares of right answers against answers counted one by one, and what is said of them."""

from __future__ import annotations

import math
import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from explainer.charts.panel import Moment, Reel, fill
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.race import FACTORS, read_at_once
from explainer.lenses.race.look import _share
from explainer.lenses.race.notes import SOLVED, notes, solved_at
from explainer.lenses.race.panels import race_panels
from explainer.lenses.race.record import RaceRecord
from explainer.models import SequenceModel, build
from explainer.tasks.make import make_task
from tests.families import RECURRENT

LENS = LENSES["race"]


def setting(task: str, **changes: object) -> tuple[SequenceModel, RaceRecord, RunConfig]:
    config = RunConfig(**{"task": task, "model": "mingru", "length": 12, "width": 8, "heads": 2, "batch": 3, **changes})
    made = make_task(config)
    model = build(config, made.inputs, made.outputs)
    return model, LENS.look(model, made.batch(0, "validation"), made), config


@pytest.mark.parametrize("task", ["parity", "recall", "string", "selective", "copy", "adding", "flipflop"])
def test_shares_are_those_of_answers_counted_one_by_one(task: str) -> None:
    model, record, config = setting(task)
    assert record.lengths.tolist() == [6, 12, 24, 48]
    for length, share in zip(record.lengths.tolist(), record.right.tolist(), strict=True):
        try:
            made = make_task(config.but(length=length))
        except ValueError:  # six steps have no room for four pairs
            assert math.isnan(share)
            continue
        batch = made.batch(0, "validation", size=read_at_once(made.total_length, 8))
        with torch.no_grad():
            output = model.eval()(batch)
        right, count = 0.0, 0
        for row in range(len(batch.x)):
            for t in made.judged(batch)[row].nonzero()[:, 0].tolist():
                count += 1
                if made.says_tokens:
                    right += int(output[row, t].argmax()) == int(batch.y[row, t])
                elif task == "adding":
                    right += abs(float(output[row, t, 0] - batch.y[row, t, 0])) < 0.04
                else:
                    right += float((output[row, t].sign() == batch.y[row, t]).float().mean())
        assert share == pytest.approx(right / count, abs=1e-6), length


def test_the_standard_error_is_that_of_whole_sequences() -> None:
    """Against sequences drawn again and again from the same ones (the bootstrap)."""
    draw = np.random.default_rng(3)
    skill = draw.random((97, 1))
    right, judged = (draw.random((97, 23)) < skill).astype(float), draw.random((97, 23)) < 0.7
    share, error = _share((right, judged))
    assert share == pytest.approx(right[judged].mean())
    again = []
    for _ in range(4000):
        rows = draw.integers(97, size=97)
        again.append((right * judged)[rows].sum() / judged[rows].sum())
    assert error == pytest.approx(np.std(again), rel=0.08)
    assert error > 2 * np.sqrt(share * (1 - share) / judged.sum()), "steps of one sequence are not independent"


def test_who_cannot_read_on_has_no_share_beyond_training() -> None:
    for positions, blind in (("learned", True), ("rotary", False)):
        _, record, _ = setting("parity", model="transformer", positions=positions)
        assert np.isnan(record.right).tolist() == [False, False, blind, blind]
    said = notes(record, Moment(subject(RunConfig(task="parity"), {}), 0)).readings["lengths"]
    assert "at 48" in said


@pytest.mark.parametrize("model", [*RECURRENT, "mingru", "transformer"])
def test_every_network_is_drawn_and_nothing_is_changed_by_the_look(model: str) -> None:
    before = torch.get_rng_state()
    network, record, config = setting("words", model=model, layers=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in network.parameters())
    panels = race_panels(
        [subject(config, {"metric": "right products", "baseline": 1 / 6, "baseline_name": "chance"})] * 2, "light"
    )
    for panel in panels:
        go.Figure(fill(panel, [Reel({"race": []})] * 2, 0))
    assert record.by_place.shape == (12,)


def moment(*values: float) -> Moment:
    steps = np.arange(len(values)) * 10
    meta = {"label": "LSTM", "metric": "right answers", "baseline": 0.5}
    return Moment(
        meta, int(steps[-1]) if len(values) else 0, {"right answers": np.array(values), "right answers:step": steps}
    )


def test_solved_is_said_from_where_on_it_stays() -> None:
    assert SOLVED == 0.99
    assert solved_at(moment(0.5, 0.995, 0.7, 0.99, 1.0)) == 30
    assert solved_at(moment(1.0, 1.0)) == 0
    assert solved_at(moment(0.5, 0.995, 0.98)) is None
    assert solved_at(moment(0.5, math.nan)) is None
    assert solved_at(moment()) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9949, 0.9951, 0.9999, 1.0, math.nan])
def test_what_is_said_is_no_more_than_what_was_seen(share: float) -> None:
    lengths = np.array([6, 12, 24, 48], np.int32)
    record = RaceRecord(12, lengths, np.array([share, share, share, math.nan]), np.full(4, 0.01), np.full(12, share))
    for said in notes(record, moment(share)).readings.values():
        assert isinstance(said, str)
        assert not re.search(r"\bnan\b|\binf\b", said), said
        if share < 1:
            assert "100%" not in said, said
    said = notes(record, moment(0.3)).readings["lengths"]
    assert ("no more than by chance" in str(said)) == (share == 0.5)


def test_lengths_are_half_one_two_and_four_times_that_of_training() -> None:
    assert FACTORS == (0.5, 1.0, 2.0, 4.0)
    assert read_at_once(4096, 8) * 4096 <= 2**14
    assert [read_at_once(T, 8) for T in (1, 256, 2**15)] == [64, 64, 1]
    assert read_at_once(64, 1024) == 21, "wide networks read fewer"
