"""One cell of an attention map, written out: against torch's attention, by value, and on the page."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch.nn.functional import scaled_dot_product_attention

from explainer.config import RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES
from explainer.lenses.attention_cell import panels as figures
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.models import build
from explainer.runs.store import Draft, Store
from explainer.runs.tape import VIEW, encode_view
from explainer.tasks.make import make_task
from explainer.theory.attention_cell import attention_cell
from tests.wild import shaken

PROJECT = Path(__file__).resolve().parents[1]
T, L, H, K, V = 11, 2, 3, 10, 13


def looked(**more: Any) -> AttentionCellRecord:
    config = RunConfig(
        **{"task": "repeat", "model": "transformer", "length": T, "symbols": V, "layers": L, "heads": H, "width": H * K}
        | more
    )
    task = make_task(config)
    model = build(config, task.inputs, task.outputs)
    shaken(model)
    record = LENSES["attention_cell"].look(model, task.batch(3), task)
    assert isinstance(record, AttentionCellRecord)
    return record


# -- the arithmetic ---------------------------------------------------------------------------


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("task", ["repeat", "adding"])
def test_every_cell_written_out_is_the_weight_that_the_model_shows(positions: str, task: str) -> None:
    record = looked(positions=positions, task=task)
    assert record.query.shape == (L, H, T, K)
    for layer, head, t, s in np.ndindex(L, H, T, T):
        cell = figures.cell_of(record, layer, head, t, s)
        assert cell.weight == pytest.approx(record.weights[layer, head, t, s], rel=2e-5, abs=1e-7)
        if s == 0:
            np.testing.assert_allclose(cell.row, record.weights[layer, head, t], rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize(
    "fields", [{"model": "linear", "positions": "none"}, {"attention": "window", "window": 3, "global_tokens": 1}]
)
def test_of_linear_attention_and_in_a_window_too(fields: dict[str, Any]) -> None:
    record = looked(**fields)
    for layer, head, t, s in np.ndindex(L, H, T, T):
        cell = figures.cell_of(record, layer, head, t, s)
        assert cell.weight == pytest.approx(record.weights[layer, head, t, s], rel=2e-5, abs=1e-7)
    said = [[words for words, _ in figures.lines(record, 1, 2, 9, s)] for s in (0, 4, 8, 10)]
    if "window" in fields:
        assert ["the window" in words[-1] for words in said] == [False, True, False, False]
        assert any("over the 4 keys that are left" in words for words in said[2])
    else:
        assert all(any("divided by the sum over the 10 keys" in words for words in each) for each in said[:3])
    assert "the mask: this key lies in the future" in said[3]


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_row_and_output_are_those_of_torch(slope: float) -> None:
    generator = torch.Generator().manual_seed(2)
    q, k, v = (torch.randn(T, K, generator=generator, dtype=torch.float64) for _ in range(3))
    position = torch.arange(T)
    bias = (-slope * (position[:, None] - position)).double().masked_fill(position[:, None] < position, -torch.inf)
    expected = scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias)[0].numpy()
    weights = scaled_dot_product_attention(q[None], k[None], torch.eye(T).double()[None], attn_mask=bias)[0].numpy()
    for t in range(T):
        cells = [attention_cell(q[t].numpy(), k.numpy(), v.numpy(), t, s, slope) for s in range(T)]
        np.testing.assert_allclose(cells[0].output, expected[t], rtol=1e-12)
        np.testing.assert_allclose([cell.weight for cell in cells], weights[t], rtol=1e-12)
        assert sum(cell.share for cell in cells) == pytest.approx(1)
        assert sum(cell.part for cell in cells) == pytest.approx(cells[0].total)
        for s, cell in enumerate(cells):
            assert cell.products.sum() == pytest.approx(cell.dot)
            if s <= t:
                assert cell.score == pytest.approx(cell.dot * cell.scale + cell.bias)
                assert cell.weight == cell.part / cell.total
            else:
                assert (cell.score, cell.weight, cell.share) == (-math.inf, 0, 0)


def test_the_extremes_of_a_cell() -> None:
    large = attention_cell(np.array([1e4]), np.array([[1e4], [-1e4]]), np.array([[2.0], [3.0]]), 1, 0)
    assert (large.weight, large.part, large.total) == (1, 1, 1)
    silent = attention_cell(np.array([1.0]), np.array([[1.0]]), np.array([[0.0]]), 0, 0)
    assert silent.weight == 1
    assert math.isnan(silent.share), "of an output of 0 nothing has a share"
    broken = attention_cell(np.array([np.nan]), np.array([[1.0]]), np.array([[1.0]]), 0, 0)
    assert math.isnan(broken.weight)


# -- words and figures ------------------------------------------------------------------------


def made(positions: str = "none", slope: float = 0.0) -> AttentionCellRecord:
    """Two tokens, one head of two dimensions, simple numbers."""
    query = np.array([[1.0, 0.0], [2.0, -1.0]])[None, None]
    key = np.array([[1.0, 3.0], [0.5, 1.0]])[None, None]
    value = np.array([[1.0, 1.0], [0.0, 4.0]])[None, None]
    scores = (query[0, 0, 1] @ key[0, 0].T) / math.sqrt(2) - slope * np.array([1, 0])
    weights = np.zeros((1, 1, 2, 2))
    weights[0, 0, 0, 0] = 1
    weights[0, 0, 1] = np.exp(scores) / np.exp(scores).sum()
    return AttentionCellRecord(
        query, key, value, weights, np.array([slope]), np.arange(2), np.zeros((1, 1), bool), positions, ("a", "<b>")
    )


def test_every_step_has_the_actual_numbers() -> None:
    words, formulas = zip(*figures.lines(made(), 0, 0, 1, 0), strict=True)
    assert formulas[0] == r"q_{1} \cdot k_{0} = 2 \cdot 1 + (-1) \cdot 3 = -1"
    assert formulas[1] == r"-1 \cdot 0.7071 = -0.7071"
    assert formulas[2] == r"s = 0 \le t = 1"
    # exp(-1/sqrt 2) / (exp(-1/sqrt 2) + 1), the other score being 0.
    weight = math.exp(-(0.5**0.5)) / (math.exp(-(0.5**0.5)) + 1)
    assert formulas[3].endswith(rf"\frac{{0.4931}}{{1.493}} = {weight:.4g}")
    output = np.array([weight, weight + 4 * (1 - weight)])
    share = weight * output.sum() / (output @ output)
    assert formulas[4].endswith(f"= {share:.4g}")
    assert "K = 2" in words[1]
    assert "the 2 keys that are left" in words[3]


def test_a_bias_a_rotation_and_the_mask_are_said() -> None:
    words, formulas = zip(*figures.lines(made("alibi", 0.5), 0, 0, 1, 0), strict=True)
    assert formulas[2] == r"-0.7071 - 0.5 \cdot 1 = -1.207"
    assert "ALiBi" in words[2]
    assert "turned by their positions" in figures.lines(made("rotary"), 0, 0, 1, 0)[0][0]
    future = figures.lines(made(), 0, 0, 0, 1)
    assert "the future" in future[-1][0]
    assert future[-1][1].startswith(r"-\infty")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-0.70710678, "-0.7071"),
        (12345.6, "12346"),
        (3.14159e-7, r"3.14 \cdot 10^{-7}"),
        (-2.5e8, r"-2.50 \cdot 10^{8}"),
        (math.inf, r"\infty"),
        (-math.inf, r"-\infty"),
        (math.nan, r"\text{not a number}"),
    ],
)
def test_numbers_in_formulas(value: float, said: str) -> None:
    assert figures.number(value) == said


def test_the_readings_of_strips_and_row_by_value() -> None:
    strips = figures.strips_panel(made(), 0, 0, 1, 0, "light")
    assert strips.reading == "The products add up to -1: largest 2 (dimension 0), smallest -3 (dimension 1)."
    assert strips.figure["data"][0]["z"] == [[2, -1], [1, 3], [2, -3], [1, 1]]
    row = figures.row_panel(made(), 0, 0, 1, 0, "light")
    assert row.reading == "Most, 0.6698, goes to s = 1 (<b>); 0 later keys get 0; together 1.000000."
    assert row.figure["data"][0]["customdata"] == ["a", "&lt;b&gt;"]
    first = figures.row_panel(made(), 0, 0, 0, 0, "light")
    assert first.reading == "The first query has no choice: all of its weight is on itself."
    broken = replace(made(), query=np.full((1, 1, 2, 2), np.nan))
    assert figures.strips_panel(broken, 0, 0, 1, 0, "light").reading == "Not all numbers are finite."
    assert figures.row_panel(broken, 0, 0, 1, 0, "light").reading == "The row's weights are not finite numbers."
    silent = replace(made(), query=np.zeros((1, 1, 2, 2)))
    assert figures.strips_panel(silent, 0, 0, 1, 0, "light").reading == "All products are 0."
    assert figures.check(broken, 0, 0, 1, 0) == "The model's own weight is not a finite number."
    assert "0.3302385; written out it is 0.3302385 (difference 0)" in figures.check(made(), 0, 0, 1, 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plotly_takes_the_figures(theme: str) -> None:
    for record in (looked(), looked(width=H * 22), replace(made(), query=np.full((1, 1, 2, 2), np.inf))):
        go.Figure(figures.strips_panel(record, 0, 0, 1, 0, theme).figure)
        go.Figure(figures.row_panel(record, 0, 0, 1, 1, theme).figure)


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def store(lessons: Store) -> Store:
    return lessons


def page() -> AppTest:
    return AppTest.from_file(str(PROJECT / "pages" / "attention.py"), default_timeout=60)


def test_a_cell_in_the_address_is_written_out_and_the_boxes_choose_another(store: Store) -> None:
    record = looked(layers=2)
    store.append("lesson-attention", [Draft(VIEW + "attention_cell", 800, encode_view("attention_cell", record))])
    app = page()
    app.query_params["cell"] = "1,2,7,3"
    app.run()
    assert not app.exception
    assert any("query t = 7" in caption.value.replace("\\", "") for caption in app.caption)
    assert any("q_{7} \\cdot k_{3}" in each.value for each in app.markdown)
    app.selectbox(key="attention:cell-key").select(5).run()
    assert not app.exception
    assert any("q_{7} \\cdot k_{5}" in each.value for each in app.markdown)
    assert app.query_params["cell"] in ("1,2,7,5", ["1,2,7,5"])
    app.toggle(key="attention:cell-open").set_value(False).run()
    assert "cell" not in app.query_params
    assert not any("q_{7}" in each.value for each in app.markdown)


@pytest.mark.parametrize("asked", ["", "x", "1,2", "9,9,999,999", "-1,0,0,0", "1,2,3,4,5"])
def test_a_wrong_cell_in_the_address_is_as_good_as_none_or_brought_into_range(store: Store, asked: str) -> None:
    store.append("lesson-attention", [Draft(VIEW + "attention_cell", 800, encode_view("attention_cell", looked()))])
    app = page()
    app.query_params["cell"] = asked
    app.run()
    assert not app.exception
    assert not app.error
    assert any("The model's own weight" in caption.value.replace("\\", "") for caption in app.caption)


def test_without_a_cell_nothing_is_asked_of_the_worker(store: Store) -> None:
    app = page().run()
    assert not app.exception
    assert not app.toggle(key="attention:cell-open").value
    assert store.waiting_looks() == []
