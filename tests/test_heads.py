"""The biography of heads: every score against loops and a model with zeroed weights; its sentences, figures, page."""

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
from torch import Tensor

from explainer.charts.head_roles import uniform_entropy
from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of, reading_at
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES
from explainer.lenses.heads import look as heads_look
from explainer.lenses.heads import notes as words
from explainer.lenses.heads import panels as figures
from explainer.lenses.heads.record import SCORES, HeadsRecord
from explainer.models import build, observe
from explainer.models.transformer import Transformer
from explainer.player.annotate import Annotator
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.runs.tape_file import SHIPPED, load_tape
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from tests.wild import shaken

PROJECT = Path(__file__).resolve().parents[1]
B, T, L, H, K, V = 7, 11, 2, 3, 5, 13


def setting(**more: Any) -> tuple[Transformer, Batch, Task]:
    """A model that is not at its start, a batch and its task, in float64."""
    given = {"task": "repeat", "length": T, "symbols": V, "batch": B, "layers": L, "heads": H, "width": H * 2 * K}
    config = RunConfig(model="transformer", **{**given, **more})
    task = make_task(config)
    batch = task.batch(3)
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    model = build(config, task.inputs, task.outputs).double()
    assert isinstance(model, Transformer)
    shaken(model)
    return model, batch, task


def looked(model: Transformer, batch: Batch, task: Task) -> dict[str, np.ndarray]:
    record = LENSES["heads"].look(model, batch, task)
    assert isinstance(record, HeadsRecord)
    return dict(zip(SCORES, record.scores, strict=True))


# -- scores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["repeat", "adding"])
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_knocking_a_head_out_is_a_model_whose_projection_has_zeros_for_it(positions: str, norm: str, task: str) -> None:
    size = 2 * H * K
    model, batch, made = setting(positions=positions, norm=norm, task=task, width=size)
    found = looked(model, batch, made)["knocked_out"]
    with torch.no_grad():
        whole = float(made.loss(model(batch.x), batch))
    for layer in range(L):
        for head in range(H):
            weight = model.blocks[layer].attention.project.weight  # type: ignore[union-attr]
            kept = weight.detach().clone()
            with torch.no_grad():
                weight[:, head * size // H : (head + 1) * size // H] = 0
                without = float(made.loss(model(batch.x), batch))
                weight.copy_(kept)
            assert found[layer, head] == pytest.approx(without - whole, rel=1e-5, abs=1e-7)
            assert without != whole


def test_scores_are_those_of_loops_over_the_weights() -> None:
    model, batch, task = setting()
    found = looked(model, batch, task)
    points = [f"block.{layer}.weights" for layer in range(L)]
    with torch.no_grad(), observe(model, *points) as seen:
        model(batch.x)
    assert batch.period is not None
    periods = batch.period.tolist()
    for layer, point in enumerate(points):
        weights = seen[point]
        assert isinstance(weights, Tensor)
        for head in range(H):
            A = weights[:, head].numpy()
            prefix = [A[b, t, t - P + 1] for b, P in enumerate(periods) for t in range(P, T)]
            same = [A[b, t, t - P] for b, P in enumerate(periods) for t in range(P, T)]
            previous = [A[b, t, t - 1] for b in range(B) for t in range(1, T)]
            entropy = [-sum(w * math.log(w) for w in A[b, t] if w > 0) for b in range(B) for t in range(T)]
            back = [sum(A[b, t, s] * (t - s) for s in range(t + 1)) for b in range(B) for t in range(T)]
            apart = [
                sum(abs(A[b, t, s] - sum(A[c, t, s] for c in range(B)) / B) for s in range(T)) / 2
                for b in range(B)
                for t in range(T)
            ]
            for name, values in (
                ("prefix_matching", prefix),
                ("previous_token", previous),
                ("duplicate_token", same),
                ("entropy", entropy),
                ("distance", back),
            ):
                assert found[name][layer, head] == pytest.approx(np.mean(values), rel=1e-5), name
            assert found["positional"][layer, head] == pytest.approx(1 - np.mean(apart), rel=1e-5)


def test_hand_made_patterns_have_the_scores_that_they_are_made_for() -> None:
    previous, itself, even = torch.zeros(T, T), torch.eye(T), torch.ones(T, T).tril()
    previous[range(1, T), range(T - 1)] = 1
    previous[0, 0] = 1
    even /= even.sum(-1, keepdim=True)
    scattered = torch.zeros(B, T, T)  # each sequence looks elsewhere
    for b in range(B):
        for t in range(T):
            scattered[b, t, b % (t + 1)] = 1
    weights = torch.stack([previous.expand(B, T, T), itself.expand(B, T, T), even.expand(B, T, T), scattered], dim=1)
    positional, distance = heads_look.positional(weights).tolist(), heads_look.distance(weights).tolist()
    assert positional[:3] == pytest.approx([1, 1, 1])
    # At t >= B - 1 all B sequences look at different keys: 1/B of each row is the mean's.
    rows = [max(np.bincount([b % (t + 1) for b in range(B)])) for t in range(T)]
    assert rows[-1] == 1
    assert 1 / B < positional[3] < 0.5
    assert distance == pytest.approx(
        [(T - 1) / T, 0, (T - 1) / 4, np.mean([t - b % (t + 1) for t in range(T) for b in range(B)])]
    )
    assert math.isnan(float(heads_look.positional(weights[:1])[0])), "one sequence has nothing to be compared with"


def test_the_scores_are_those_of_the_attention_lens() -> None:
    model, batch, task = setting(task="text", length=T, symbols=V)
    found, record = looked(model, batch, task), LENSES["attention"].look(model, batch, task)
    for name in ("prefix_matching", "previous_token", "duplicate_token", "entropy"):
        np.testing.assert_allclose(found[name], getattr(record, name), rtol=1e-5)
    np.testing.assert_allclose(LENSES["heads"].look(model, batch, task).chance, record.chance, rtol=1e-5)


def test_the_error_of_a_knock_out_is_that_of_a_loop_over_the_sequences() -> None:
    model, batch, task = setting()
    record = LENSES["heads"].look(model, batch, task)
    assert record.sequences == B
    for layer in range(L):
        for head in range(H):
            edited = build(task.config, task.inputs, task.outputs).double()
            edited.load_state_dict(model.state_dict())
            assert isinstance(edited, Transformer)
            each = []
            with torch.no_grad():
                edited.blocks[layer].attention.project.weight[:, head * 2 * K : (head + 1) * 2 * K] = 0
                for b in range(B):
                    one = Batch(batch.x[b : b + 1], batch.y[b : b + 1], batch.mask[b : b + 1])
                    each.append(float(task.loss(edited(one.x), one) - task.loss(model(one.x), one)))
            assert words.of(record, "knocked_out")[layer, head] == pytest.approx(np.mean(each), rel=1e-4)
            assert record.errors[layer, head] == pytest.approx(np.std(each, ddof=1) / math.sqrt(B), rel=1e-4)


def test_a_large_model_is_looked_at_on_fewer_sequences() -> None:
    _, batch, task = setting()
    assert heads_look.rows(task, batch) == B
    wide = make_task(RunConfig(task="repeat", model="transformer", length=256, width=256, layers=6, heads=8, batch=32))
    few = heads_look.rows(wide, wide.batch(0))
    assert 1 <= few < 4


def test_looking_leaves_the_model_as_it_was() -> None:
    model, batch, task = setting(dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    state = torch.get_rng_state()
    first, second = looked(model, batch, task), looked(model, batch, task)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for name in SCORES:
        np.testing.assert_array_equal(first[name], second[name])


def test_it_suits_every_transformer_with_heads() -> None:
    suits = LENSES["heads"].suits
    assert suits(RunConfig(model="transformer", layers=1))
    assert not suits(RunConfig(model="transformer", layers=0))
    assert not suits(RunConfig(model="gru"))


def test_one_typed_sequence_has_a_biography_too() -> None:
    model, _, task = setting()
    read = task.read("D B E D")
    record = LENSES["heads"].look(model, read, task)
    assert record.length == 4
    found = dict(zip(SCORES, record.scores, strict=True))
    assert np.isnan(found["positional"]).all()
    assert np.isfinite(found["previous_token"]).all()


# -- sentences --------------------------------------------------------------------------------

RUN = {
    "label": "Transformer, 2 blocks",
    "model": "transformer",
    "has_tokens": True,
    "says_tokens": True,
    "layers": L,
    "heads": H,
}


def made(
    loss: float = 2.0, length: int = T, heads: tuple[int, int] = (L, H), error: Any = None, **scores: Any
) -> HeadsRecord:
    """A record with the given scores, and 0.25 for all others; 0.05 of a role's are chance."""
    table = np.full((len(SCORES), *heads), 0.25)
    for name, values in scores.items():
        table[SCORES.index(name)] = values
    errors = np.full(heads, 0.1) if error is None else np.broadcast_to(error, heads)
    return HeadsRecord(table, np.full((3, *heads), 0.05), errors, loss, B, length)


def drawn(rng: np.random.Generator, layers: int, heads: int) -> HeadsRecord:
    scores, chance, errors = (rng.random((*first, layers, heads)) for first in ((len(SCORES),), (3,), ()))
    return HeadsRecord(scores, chance, errors, 1.0, B, T)


def said(record: HeadsRecord, name: str, choice: str = "") -> str:
    reading = words.notes(record, Moment(RUN, 40)).readings[name]
    return reading if isinstance(reading, str) else reading[choice]


@pytest.mark.parametrize(
    ("score", "values", "sentence"),
    [
        ("prefix_matching", [[0.1, 0.2, 0.3], [0.4, 0.87, 0.6]], "highest induction score 0.87, by chance 0.05 (layer 2, head 2), lowest 0.10 (layer 1, head 1)."),
        ("previous_token", 0.0, "the previous-token score of every head is 0.00, by chance 0.05."),
        ("previous_token", np.nan, "no previous-token score, for no token has one before it."),
        ("duplicate_token", np.nan, "no same-token score, for nothing comes twice here."),
        ("positional", np.nan, "no position-only score, for one sequence has no other to be compared with."),
        ("entropy", [[-0.0, 1, 2], [2, 1, np.nan]], "highest entropy 2.00 nats (layer 1, head 3), lowest 0.00 (layer 1, head 1); 1 not a finite number."),
        ("distance", [[0, 1, 2], [3, 4, 5.25]], "highest mean distance 5.2 tokens (layer 2, head 3), lowest 0.0 (layer 1, head 1)."),
        ("knocked_out", [[0.5, 0, 0], [0, -0.031, 0]], "highest Δloss without the head +0.5 (layer 1, head 1), lowest -0.031 (layer 2, head 2)."),
        ("knocked_out", 0.0, "the Δloss without the head of every head is 0."),
        ("knocked_out", np.nan, "no Δloss without the head, for the loss is not a finite number."),
    ],
)  # fmt: skip
def test_the_reading_of_a_score_by_value(score: str, values: Any, sentence: str) -> None:
    found = said(made(**{score: values}), "score", str(SCORES.index(score)))
    assert found == f"Transformer, 2 blocks, step 40: {sentence}"


def test_the_reading_of_a_single_head() -> None:
    one = made(heads=(1, 1), entropy=1.234)
    assert said(one, "score", str(SCORES.index("entropy"))).endswith("the only head's entropy is 1.23 nats.")
    assert said(one, "knocked_out") == (
        "Step 40, loss 2: without the only head it is 0.25 ± 0.10 higher (7 sequences, ± one standard error)."
    )


@pytest.mark.parametrize(
    ("loss", "error", "values", "sentence"),
    [
        (2.0, 0.01, [[0.5, 0, 0], [0, -0.031, 0]], "Step 40, loss 2: it is 0.500 ± 0.010 higher without layer 1, head 1, and 0.031 ± 0.010 lower without layer 2, head 2 (7 sequences, ± one standard error)."),
        (2.0, 0.02, [[0.5, 0, 0], [0, -0.031, 0]], "Step 40, loss 2: it is 0.500 ± 0.020 higher without layer 1, head 1, and changed by no more than its error (-0.031 ± 0.020) without layer 2, head 2 (7 sequences, ± one standard error)."),
        (2.0, 0.01, [[0.5, 0.1, 0.1], [0.00001, 0.1, 0.1]], "Step 40, loss 2: it is 0.500 ± 0.010 higher without layer 1, head 1, and the same without layer 2, head 1 (7 sequences, ± one standard error)."),
        (3.4567, 0.1, 0.0, "Step 40, loss 3.46: no head matters alone (each changes it by less than 0.0001)."),
        (2.0, 0.1, [[1, 2, np.inf], [3, 1, 1]], "Step 40, loss 2: it is 3.00 ± 0.10 higher without layer 2, head 1, and 1.00 ± 0.10 higher without layer 1, head 1 (7 sequences, ± one standard error); 1 not a finite number."),
        (2.0, 0.1, np.inf, "Step 40, loss 2: no loss without a head is a finite number."),
        (np.nan, 0.1, np.nan, "Step 40, loss nan: the loss is not a finite number."),
    ],
)  # fmt: skip
def test_the_reading_of_a_knock_out_by_value(loss: float, error: float, values: Any, sentence: str) -> None:
    assert said(made(loss, error=error, knocked_out=values), "knocked_out") == sentence


def test_the_life_of_a_head_in_words() -> None:
    record = made(prefix_matching=0.6, previous_token=0.7, entropy=1.0, distance=3.0, knocked_out=1.5)
    assert said(record, "life", "1,2") == (
        "Layer 2, head 3: a previous-token head (0.70, by chance 0.05); entropy 1.00 nats (evenly spread: 1.59); "
        "it looks 3.0 tokens back; without it the loss is 1.50 ± 0.10 higher."
    )
    assert math.lgamma(T + 1) / T == pytest.approx(1.59, abs=0.005)
    assert "no role (all scores under 0.5)" in said(made(), "life", "0,0")
    assert "an induction head (0.60, by chance 0.05)" in said(made(prefix_matching=0.6), "life", "0,0")
    near = made(prefix_matching=0.6)
    near.chance[0] = 0.31
    assert "no role (induction score 0.60, but 0.31 by chance)" in said(near, "life", "0,0")
    near.chance[0] = 0.29
    assert "an induction head (0.60, by chance 0.29)" in said(near, "life", "0,0")
    assert said(made(entropy=np.nan), "life", "0,1") == "Layer 1, head 2: its attention is not all finite numbers."
    assert said(made(length=1), "life", "0,0") == "Layer 1, head 1: a single token can only look at itself."
    assert "the loss without it is not a finite number" in said(made(knocked_out=np.inf), "life", "0,0")


STEPS = [0, 1, 2, 3, 5, 8, 12, 18, 25, 35, 48, 60, 75, 90, 105, 120, 140, 165, 195, 230, 270, 320, 380, 450]


def lived(**curves: Any) -> tuple[list[HeadsRecord], Any]:
    """Records over `STEPS`; a curve is a score's function of the step for layer 2, head 3."""
    records = []
    for step in STEPS:
        scores = {name: np.full((L, H), 0.05) for name in curves}
        for name, curve in curves.items():
            scores[name][1, 2] = curve(step)
        records.append(made(loss=3.0 - 2.0 * sudden(step), **scores))
    return records, words.history(records, STEPS, RUN)


def sudden(step: int) -> float:
    return 1 / (1 + (100 / step) ** 5) if step else 0.0


def test_the_history_names_the_phase_change_and_shades_it() -> None:
    _, found = lived(prefix_matching=lambda step: 0.05 + 0.8 * sudden(step))
    first, _, last, _ = found.arrays["band"][0]
    assert 60 < first < 95
    assert 105 < last < 165
    middle = (first * last) ** 0.5
    assert middle == pytest.approx(100, rel=0.04)
    sentence = found.readings["change"]["0"]
    assert sentence.startswith(
        f"Transformer, 2 blocks: phase change between steps {first:.0f} and {last:.0f}, where layer 2, head 3 goes from 0."
    )
    assert sentence.endswith(" 1 of 6 heads has one.")
    assert np.isnan(found.arrays["band"][1]).all()
    assert found.readings["change"]["1"] == (
        "Transformer, 2 blocks: no phase change of the previous-token score in 24 recorded moments: no head moves."
    )
    assert "phase change of the loss between steps" in found.readings["loss_change"]
    assert "falls from 2." in found.readings["loss_change"]


def test_gradual_learning_is_not_called_a_phase_change() -> None:
    _, found = lived(previous_token=lambda step: 1 - math.exp(-step / 80))
    assert np.isnan(found.arrays["band"]).all()
    assert found.readings["change"]["1"] == (
        "Transformer, 2 blocks: no phase change of the previous-token score in 24 recorded moments: "
        "the largest move is layer 2, head 3's, from 0.00 at step 0 to 1.00 at step 450."
    )


def test_one_moment_and_values_that_are_not_numbers_have_a_history_too() -> None:
    one = words.history([made(np.nan, **dict.fromkeys(SCORES, np.nan))], [0], RUN)
    assert one.readings["change"]["4"] == "Transformer, 2 blocks: no phase change of the entropy in 1 recorded moment."
    assert one.readings["loss_change"] == "Transformer, 2 blocks: no phase change of the loss in 1 recorded moment."
    assert np.isfinite(one.arrays["ends"]).all()
    assert (one.arrays["ends"][:, 1] > one.arrays["ends"][:, 0]).all()


def test_axes_hold_every_value_of_the_tape() -> None:
    records, found = lived(knocked_out=lambda step: -0.4 + step / 100, entropy=lambda step: step / 200)
    for at, name in enumerate(SCORES):
        values = np.stack([words.of(record, name) for record in records])
        low, high = found.arrays["ends"][at]
        assert low <= values.min()
        assert high >= values.max()
        assert low <= 0


# -- figures and the page ---------------------------------------------------------------------


def reel(records: list[HeadsRecord], steps: list[int], run: dict[str, Any]) -> Reel:
    frames = []
    for record, step in zip(records, steps, strict=True):
        arrays, text = to_arrays(record)
        notes = words.notes(record, Moment(run, step))
        frames.append(Frame(step, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings))
    history = words.history(records, steps, run)
    return Reel({"heads": frames}, contexts={"heads": history.arrays}, words={"heads": history.readings})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("heads", [(1, 1), (L, H), (5, 7)])
def test_every_panel_is_one_that_plotly_takes_at_every_choice(heads: tuple[int, int], theme: str) -> None:
    layers, count = heads
    config = RunConfig(task="repeat", model="transformer", layers=layers, heads=count, width=2 * count * K)
    run = subject(config, {})
    rng = np.random.default_rng(3)
    records = [drawn(rng, *heads) for _ in range(5)]
    tape = reel(records, [0, 1, 2, 5, 9], run)
    for panel in figures.page_panels([run, run], theme):
        for choice in ({"score": 0}, {"score": 6, "layer": layers - 1, "head": count - 1}):
            go.Figure(fill(panel, [tape, tape], 5, choice))
            assert reading_at(panel, [tape, tape], 5, choice)
        go.Figure(fill(panel, [Reel({"heads": []})] * 2, 0))


def test_the_figures_show_the_chosen_score_of_the_records() -> None:
    rng = np.random.default_rng(3)
    records = [drawn(rng, L, H) for _ in range(4)]
    steps = [0, 1, 3, 8]
    run = subject(RunConfig(task="repeat", model="transformer", layers=L, heads=H, width=H * 2 * K), {})
    tape, choice = reel(records, steps, run), {"score": 5, "layer": 1, "head": 2}
    panels = {panel.id: panel for panel in figures.panels(run, "light")}
    table = fill(panels["table"], [tape], 3, choice)
    z = np.array(table["data"][0]["z"])
    assert z.shape == (L * H, len(steps))
    assert z[5, 3] == pytest.approx(records[3].scores[5, 1, 2])
    assert table["data"][0]["y"][5] == "L2 H3"
    assert table["layout"]["shapes"][1]["y0"] == 4.5
    lines = fill(panels["score"], [tape], 3, choice)
    assert lines["data"][1 + 4]["y"] == pytest.approx([record.scores[5, 1, 1] for record in records])
    assert lines["data"][2 + L * H]["y"] == pytest.approx([record.scores[5, 1, 2] for record in records])
    assert lines["layout"]["yaxis"]["title"]["text"] == "mean distance (tokens)"
    bars = fill(panels["knock-out"], [tape], 3, choice)
    np.testing.assert_allclose(bars["data"][0]["y"], records[2].scores[6].ravel(), rtol=1e-6)
    np.testing.assert_allclose(bars["data"][0]["error_y"]["array"], 2 * records[2].errors.ravel(), rtol=1e-6)
    first = fill(panels["score"], [tape, tape], 3, {**choice, "score": 1})["data"][1 + L * H]
    assert first["line"]["dash"] == "dash"
    assert first["y"] == pytest.approx([record.chance[1, 1, 2] for record in records])
    assert np.isnan(lines["data"][1 + L * H]["y"]).all(), "a distance has no chance level"
    life = fill(panels["life"], [tape], 3, choice)
    assert life["data"][4]["y"][2] == pytest.approx(records[2].scores[4, 1, 2] / uniform_entropy(T))


def test_the_shipped_tapes_tell_when_the_induction_head_forms_and_the_control_has_none(store: Store) -> None:
    annotator = Annotator(store)
    bands = {}
    for name in ("lesson-attention", "lesson-attention-one-layer"):
        load_tape(store, SHIPPED / f"{name}.tape")
        run = store.run(name)
        assert run is not None
        context = annotator.context(run, "heads")[1]
        bands[name] = context["band"][0]
        sentence = annotator.words(run, "heads")["change"]
        assert not isinstance(sentence, str)
        assert sentence["0"].startswith(f"Transformer, {run.config.layers} block")
    first, _, last, _ = bands["lesson-attention"]
    assert 150 < first < last < 330
    assert np.isnan(bands["lesson-attention-one-layer"]).all()


def test_the_page_opens_and_trains_the_model_and_its_control(store: Store) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "heads.py"), default_timeout=60)
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    app.button(key="heads-train").click().run()
    assert not app.exception
    assert sorted(run.config.layers for run in store.runs()) == [1, 2]
    assert all(run.lenses == ("heads",) for run in store.runs())


def test_a_model_without_blocks_is_refused_with_the_way_out(store: Store) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "heads.py"), default_timeout=60)
    app.query_params["layers"] = "0"
    app.run()
    assert not app.exception
    assert any("Choose 1 to 6" in error.value.replace("\\", "") for error in app.error)


# -- the viewer's own sequence ----------------------------------------------------------------


def own(text: str) -> tuple[HeadsRecord, list[np.ndarray]]:
    """What the lens sees on a typed sequence, and the weights of each layer."""
    model, _, task = setting()
    batch = task.read(text)
    points = [f"block.{layer}.weights" for layer in range(L)]
    with torch.no_grad(), observe(model, *points) as seen:
        model(batch.x)
    record = LENSES["heads"].look(model, batch, task)
    assert isinstance(record, HeadsRecord)
    return record, [seen[point][0].numpy() for point in points]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("A B C D", {}),
        ("A B", {}),
        ("A A", {1: [0]}),
        ("C C C C C", {1: [0], 2: [1], 3: [2], 4: [3]}),  # its period is 1
        ("A B C A B", {3: [0], 4: [1]}),
        ("A B A C A", {2: [0], 4: [0, 2]}),  # it has no period: every earlier one counts
    ],
)
def test_a_typed_sequence_has_the_scores_of_loops_over_its_own_tokens(text: str, earlier: dict[int, list[int]]) -> None:
    record, layers = own(text)
    length = len(text.split())
    assert record.length == length
    for layer, A in enumerate(layers):
        for head in range(H):
            said = dict(zip(SCORES, record.scores[:, layer, head], strict=True))
            after = [sum(A[head, t, s + 1] for s in places) for t, places in earlier.items()]
            same = [sum(A[head, t, s] for s in places) for t, places in earlier.items()]
            expected = (np.mean(after), np.mean(same)) if earlier else (math.nan, math.nan)
            found = (said["prefix_matching"], said["duplicate_token"])
            assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)
            before = [A[head, t, t - 1] for t in range(1, length)]
            assert said["previous_token"] == pytest.approx(np.mean(before), rel=1e-5)
            assert math.isnan(said["positional"])
            assert math.isfinite(said["knocked_out"])


def test_the_sentences_of_an_own_sequence_say_so_and_what_it_cannot_tell() -> None:
    record, _ = own("A B C D")
    run = {"label": "Transformer, 2 blocks", "has_tokens": True, "says_tokens": True}
    notes = words.notes(record, Moment(run, 37, asked=True))
    score, life = notes.readings["score"], notes.readings["life"]
    assert not isinstance(score, str)
    assert not isinstance(life, str)
    start = "Transformer, 2 blocks, step 37, on your own sequence of 4 (the dots): "
    assert score["0"] == f"{start}no induction score, for nothing comes twice here."
    assert score["3"] == f"{start}no position-only score, for one sequence has no other to be compared with."
    entropy = words.of(record, "entropy")
    assert f"{start}highest entropy {entropy.max():.2f} nats" in score["4"]
    record.scores[SCORES.index("previous_token")] = 0.3
    said = words.life_reading(record, 1, 2, asked=True)
    assert said.startswith(
        "Layer 2, head 3, on your own sequence of 4 (the dots): no role that can be told here, for nothing comes twice here; "
    )
    assert str(notes.readings["knocked_out"]).startswith(
        f"Step 37, on your own sequence of 4, loss {record.loss:.3g}: it is "
    )
    assert str(notes.readings["loss"]).endswith(f"on your own sequence (the dots) {record.loss:.3g}.")
    assert notes.readings["table"] == words.TABLE
    of_the_tape = words.notes(record, Moment(run, 37))
    assert "own" not in str(of_the_tape.readings)
    unfinished = words.notes(replace(record, loss=math.nan), Moment(run, 37, asked=True)).readings["loss"]
    assert str(unfinished).endswith("on your own sequence (the dots) not a finite number.")


def test_dots_are_of_the_own_sequence_and_lines_of_the_tape() -> None:
    rng = np.random.default_rng(3)
    records = [drawn(rng, L, H) for _ in range(4)]
    run = subject(RunConfig(task="repeat", model="transformer", layers=L, heads=H, width=H * 2 * K), {})
    tape, choice = reel(records, [0, 1, 3, 8], run), {"score": 6, "layer": 1, "head": 2}
    scores = rng.random((len(SCORES), L, H))
    scores[6, 1, 1], scores[0] = 9.0, np.nan
    answer = reel([HeadsRecord(scores, np.zeros((3, L, H)), np.full((L, H), np.nan), 2.5, 1, 5)], [3], run).frames[
        "heads"
    ][0]
    asked = replace(tape, answers={"heads": answer})
    for panel in figures.page_panels([run, run], "light"):
        before, after = (fill(panel, [each, each], 8, choice) for each in (tape, asked))
        dots = [at for at, slot in enumerate(panel.slots) if slot.kind == "asked" and slot.name != "step"]
        assert (len(dots) > 0) == (panel.id in ("score", "life", "loss")), panel.id
        assert all(not trace["x"] for trace in before["data"] if trace.get("mode") == "markers")
        if panel.id == "score":
            half = len(before["data"]) // 2 + 1  # the band is in front of the lines
            assert str(before["data"][:half]) == str(after["data"][:half]), "NaN is NaN here"
            assert [trace["x"] for trace in after["data"][half:]] == [[3]] * (L * H + 3)
            assert [trace["y"][0] for trace in after["data"][half:]] == pytest.approx(
                [*scores[6].ravel(), math.nan, scores[6, 1, 2], 9.0], nan_ok=True
            )
            low, high = after["layout"]["yaxis"]["range"]
            assert low == before["layout"]["yaxis"]["range"][0]
            assert high > 9 > before["layout"]["yaxis"]["range"][1]
            nothing = fill(panel, [asked, asked], 8, {**choice, "score": 0})
            unknown = [trace["y"][0] for trace in nothing["data"][half:]]
            assert unknown.pop(L * H) == 0, "its chance level"
            assert np.isnan(unknown).all()
            assert nothing["layout"]["yaxis"]["range"] == pytest.approx([0, 1.02])
        if panel.id == "loss":
            assert [trace["y"] for trace in after["data"][-2:]] == [[2.5], [2.5]]
        if panel.id == "knock-out":
            assert after["data"][0]["y"] == pytest.approx(scores[6].ravel())
            assert after["layout"]["yaxis"]["range"][1] > 9
        if panel.id == "table":
            assert before == after


def test_both_models_of_the_page_are_asked_where_routes_cannot_be_reached(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explainer.player import backend
    from explainer.runs.looking import Looker

    for name in ("lesson-attention", "lesson-attention-one-layer"):
        load_tape(store, SHIPPED / f"{name}.tape")
    looker = Looker(store, lambda run: None)

    def look(run: str, step: int, lens: str, text: str = "", *, surgery: Any = None, asker: str = "") -> Any:
        assert surgery is None
        found = store.run(run)
        assert found is not None
        return looker.record(found, step, lens, text)

    monkeypatch.setattr(backend.client(), "look", look)
    app = AppTest.from_file(str(PROJECT / "pages" / "heads.py"), default_timeout=60)
    app.session_state["routes_unreachable"] = True
    app.query_params["input"] = "4 2 4 2 4"
    app.run()
    assert not app.exception
    said = "\n".join(text.value for text in app.text)
    assert said.count("on your own sequence of 5 (the dots): highest induction") == 2
    assert words.TABLE in said
    app.get_by_key("heads-input").set_value("<b>1</b> 2").run()
    assert "is not a symbol. Use 0 to 31." in app.warning[0].value.replace("\\", "")
