"""What each layer knows: the logit lens against the model itself, rollout against a loop, sentences, figures, page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor
from torch.nn.functional import cross_entropy, layer_norm

from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of, reading_at
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.layers import notes as figures_notes
from explainer.lenses.layers import panels as figures
from explainer.lenses.layers.record import LayersRecord
from explainer.models import build, observe
from explainer.models.transformer import Transformer
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.rollout import rollout
from tests.wild import shaken

PROJECT = Path(__file__).resolve().parents[1]
T, L, H, K, V = 11, 2, 3, 10, 13


def setting(**more: Any) -> tuple[Transformer, Batch, Task]:
    given = {"task": "repeat", "length": T, "symbols": V, "layers": L, "heads": H, "width": H * K, "batch": 2}
    task = make_task(RunConfig(model="transformer", **{**given, **more}))
    model = build(task.config, task.inputs, task.outputs)
    assert isinstance(model, Transformer)
    shaken(model)
    return model, task.batch(3), task


def looked(model: Transformer, batch: Batch, task: Task) -> LayersRecord:
    record = LENSES["layers"].look(model, batch, task)
    assert isinstance(record, LayersRecord)
    return record


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_last_row_is_what_the_model_says(norm: str, tied: bool) -> None:
    model, batch, task = setting(norm=norm, tied=tied)
    record = looked(model, batch, task)
    with torch.no_grad():
        logits = model(batch.x)[0]
    np.testing.assert_allclose(record.losses[-1], cross_entropy(logits, batch.y[0], reduction="none"), rtol=1e-4)
    np.testing.assert_allclose(record.certainty[-1], logits.softmax(-1).max(-1).values, rtol=1e-4)
    assert record.guesses[-T:] == tuple(task.vocabulary[token] for token in logits.argmax(-1).tolist())


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_earlier_rows_are_the_streams_through_the_final_norm_and_the_readout(norm: str) -> None:
    model, batch, task = setting(norm=norm)
    record = looked(model, batch, task)
    weights = dict(model.named_parameters())
    with torch.no_grad(), observe(model, "block.0.residual_in", "block.1.residual_in") as seen:
        model(batch.x)
        for row in range(L):
            stream = seen[f"block.{row}.residual_in"]
            assert isinstance(stream, Tensor)
            stream = stream[0]
            if norm == "pre":
                stream = layer_norm(stream, (H * K,), weights["final_norm.weight"])
            logits = stream @ weights["readout.weight"].T
            expected = cross_entropy(logits, batch.y[0], reduction="none")
            np.testing.assert_allclose(record.losses[row], expected, rtol=1e-4, atol=1e-5)


def test_a_model_of_numbers_says_numbers_in_their_units() -> None:
    model, batch, task = setting(task="adding")
    record = looked(model, batch, task)
    with torch.no_grad():
        output = model(batch.x)[0, :, 0]
    np.testing.assert_allclose(record.losses[-1], (output - batch.y[0, :, 0]).square(), rtol=1e-3, atol=1e-6)
    assert record.guesses[-1] == f"{float(task.in_units(output[-1:])[0]):.3g}"
    assert record.certainty.size == 0


def test_rollout_is_a_product_of_matrices_taken_one_path_at_a_time() -> None:
    rng = np.random.default_rng(3)
    weights = np.tril(rng.random((3, 2, 5, 5)))
    weights /= weights.sum(-1, keepdims=True)
    found = rollout(weights)
    mixed = [
        [[0.5 * (weights[layer, :, t, s].sum() / 2 + (t == s)) for s in range(5)] for t in range(5)]
        for layer in range(3)
    ]
    for t in range(5):
        for s in range(5):
            paths = sum(mixed[2][t][a] * mixed[1][a][b] * mixed[0][b][s] for a in range(5) for b in range(5))
            assert found[t, s] == pytest.approx(paths)
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(rollout(np.eye(4)[None, None]), np.eye(4))


def test_the_rollout_of_a_record_is_of_the_model_s_own_attention() -> None:
    model, batch, task = setting()
    record = looked(model, batch, task)
    with torch.no_grad(), observe(model, "block.0.weights", "block.1.weights") as seen:
        model(batch.x)
    first, second = (seen[f"block.{layer}.weights"] for layer in range(L))
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    eye = torch.eye(T)
    expected = (second[0].mean(0) + eye) / 2 @ ((first[0].mean(0) + eye) / 2)
    np.testing.assert_allclose(record.rollout, expected, atol=1e-6)
    np.testing.assert_allclose(record.last, second[0].mean(0), atol=1e-6)


# -- sentences and figures --------------------------------------------------------------------

RUN = subject(RunConfig(task="repeat", model="transformer", layers=L, heads=H, width=H * K), {})


def made(losses: Any, table: Any = None, counted: Any = None) -> LayersRecord:
    losses = np.asarray(losses, dtype=float)
    steps = losses.shape[1]
    table = np.eye(steps) if table is None else np.asarray(table, dtype=float)
    return LayersRecord(
        losses=losses,
        certainty=np.full(losses.shape, 0.25),
        guesses=tuple("<x>" for _ in range(losses.size)),
        counted=np.ones(steps, bool) if counted is None else np.asarray(counted),
        targets=tuple("abcdefg"[:steps]),
        tokens=tuple("tuvwxyz"[:steps]),
        rollout=table,
        last=table,
    )


@pytest.mark.parametrize(
    ("losses", "counted", "sentence"),
    [
        ([[3, 3], [2, 3], [1, 1]], None, "mean loss 3.00, 2.50, 1.00 after the embedding, layer 1, layer 2; layer 2 lowers it most, by 1.50."),
        ([[3, 9], [2, 9], [1.8, 9]], [True, False], "mean loss 3.00, 2.00, 1.80 after the embedding, layer 1, layer 2; layer 1 lowers it most, by 1.00."),
        ([[1, 1], [1, 1], [2, 2]], None, "mean loss 1.00, 1.00, 2.00 after the embedding, layer 1, layer 2; no layer lowers it."),
        ([[1, 1], [1, np.nan], [2, 2]], None, "not all losses are finite numbers."),
        ([[1, 1], [1, 1], [2, 2]], [False, False], "no position of this input counts in the loss."),
    ],
)  # fmt: skip
def test_the_reading_of_the_lens_by_value(losses: Any, counted: Any, sentence: str) -> None:
    said = figures_notes.notes(made(losses, counted=counted), Moment(RUN, 7)).readings["lens"]
    assert str(said).startswith(f"{RUN['label']}, step 7: {sentence}")
    copied = {**RUN, "task": "copy"}  # where what is right is not what comes next
    assert (
        figures_notes.notes(made(losses, counted=counted), Moment(copied, 7)).readings["lens"]
        == f"{RUN['label']}, step 7: {sentence}"
    )


def filled(batch: Batch, model: Transformer, task: Task) -> tuple[LayersRecord, dict[str, Any], str]:
    """The record, the logit lens's figure and its sentence."""
    record, run = looked(model, batch, task), subject(task.config, {})
    arrays, text = to_arrays(record)
    notes = figures_notes.notes(record, Moment(run, 4))
    frame = Frame(4, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
    reel = Reel({"layers": [frame]}, contexts={"layers": figures_notes.context([record])})
    return record, fill(figures.lens_panel(run, "light"), [reel], 4), str(notes.readings["lens"])


def test_the_last_column_of_the_tape_s_sequence_is_held_against_what_is_written_above_it() -> None:
    model, batch, task = setting()
    _, figure, said = filled(batch, model, task)
    right = [task.vocabulary[token] for token in batch.y[0].tolist()]
    assert figure["data"][L + 2]["text"] == right
    assert figure["data"][L + 2]["y"] == [figures_notes.RIGHT] * T
    with torch.no_grad():
        last = model(batch.x)[0, -1]
    z = np.asarray(figure["data"][0]["z"], float)
    assert z[-1, -1] == pytest.approx(float(cross_entropy(last, batch.y[0, -1])), rel=1e-4)
    assert said.endswith(f" The last column is held against {right[-1]}, the symbol that follows those shown.")


def test_where_nobody_knows_what_comes_next_no_tile_is_coloured_and_it_is_said() -> None:
    model, _, task = setting()
    asked = task.read("A B C A B C A")
    _, figure, said = filled(asked, model, task)
    z = np.array([[np.nan if value is None else value for value in row] for row in figure["data"][0]["z"]], float)
    assert np.isnan(z[:, -1]).all()
    assert np.isfinite(z[:, :-1]).all()
    assert figure["data"][L + 2]["text"] == [*"BCABCA", "?"]
    assert said.endswith(" The last column has no colour: nobody knows which symbol comes next.")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([[1, 0], [0.25, 0.75]], "a position has 0.75 of itself on average; the largest share of an earlier token is 0.25, that of s = 0 (t) in t = 1 (u)."),
        (np.eye(2), "every position has only itself."),
        (np.full((2, 2), np.nan), "not all numbers are finite."),
        ([[1]], "a single token can only come from itself."),
    ],
)  # fmt: skip
def test_the_reading_of_a_map_by_value(table: Any, sentence: str) -> None:
    record = made(np.ones((L + 1, len(table))), table)
    assert sentence in str(figures_notes.notes(record, Moment(RUN, 7)).readings["rollout"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_show_the_record_and_plotly_takes_them(theme: str) -> None:
    model, batch, task = setting()
    record, run = looked(model, batch, task), subject(task.config, {})
    arrays, text = to_arrays(record)
    notes = figures_notes.notes(record, Moment(run, 4))
    frame = Frame(4, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
    reel = Reel({"layers": [frame]}, contexts={"layers": figures_notes.context([record])})
    shown = {panel.id: fill(panel, [reel], 4) for panel in figures.panels(run, theme)}
    for panel in figures.panels(run, theme):
        go.Figure(shown[panel.id])
        assert reading_at(panel, [reel], 4)
        go.Figure(fill(panel, [Reel({"layers": []})], 0))
    np.testing.assert_allclose(shown["logit-lens"]["data"][0]["z"], record.losses)
    assert shown["logit-lens"]["data"][0]["zmax"] == pytest.approx(record.losses.max())
    assert shown["logit-lens"]["data"][L + 1]["text"] == list(record.guesses[-T:])
    assert shown["logit-lens"]["layout"]["xaxis"]["range"] == [-0.5, T - 0.5]  # the cells, and no more
    np.testing.assert_allclose(shown["rollout"]["data"][0]["z"], record.rollout)


def test_user_text_stays_text_in_the_figures() -> None:
    notes = figures_notes.notes(made(np.ones((L + 1, 2))), Moment(RUN, 0))
    reel = Reel({"layers": [Frame(0, {**notes.arrays}, notes.labels)]})
    assert fill(figures.lens_panel(RUN, "light"), [reel], 0)["data"][1]["text"] == ["&lt;x&gt;"] * 2


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def store(lessons: Store) -> Store:
    return lessons


def test_the_page_opens_and_trains(store: Store) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "layers.py"), default_timeout=60)
    app.session_state["owner"] = "me"
    app.query_params["seed"] = "977"
    app.run()
    assert not app.exception
    app.button(key="layers-train").click().run()
    assert not app.exception
    assert [run.lenses for run in store.runs("queued")] == [("layers",)]
