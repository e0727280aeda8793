"""The page on attention: its figures filled from real tapes, its sentences on known heads, the control, the lesson."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from explainer.charts import head_curves as heads
from explainer.charts import head_roles
from explainer.charts.panel import Frame, Moment, Panel, Reel, fill, mosaic, mosaic_cell, reading_at
from explainer.charts.subject import subject
from explainer.charts.theme import FAMILY_COLOURS
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.attention import notes as figures_notes
from explainer.lenses.attention import notes as head_notes
from explainer.lenses.attention import panels as figures
from explainer.lenses.attention import panels as heads_panels
from explainer.lenses.attention.record import AttentionRecord
from explainer.lessons import LESSONS
from explainer.player.annotate import Annotator
from explainer.runs.store import Draft, Store
from explainer.runs.tape import VIEW, decode_view, encode_metrics, encode_view
from explainer.runs.tape_file import SHIPPED, load_tape
from explainer.theory.head_roles import ROLES
from explainer.training import Trainer

PROJECT = Path(__file__).resolve().parents[1]
L, H, T, B, STEPS = 2, 3, 11, 7, 5
CONFIG = RunConfig(
    task="repeat",
    length=T,
    symbols=29,
    model="transformer",
    layers=L,
    heads=H,
    width=39,
    mlp=False,
    batch=B,
    steps=STEPS,
    lr=0.05,
)
CONTROL = CONFIG.but(layers=1)
METRIC = "accuracy within the repetition"


def recorded(store: Store, name: str, config: RunConfig) -> list[AttentionRecord]:
    """Train a run on the spot and put its tape into the store; returns its records."""
    trainer = Trainer(config, device="cpu")
    batch = trainer.task.batch(0, split="validation")
    meta = {"metric": trainer.task.metric, "baseline": trainer.task.baseline, "baseline_name": "chance"}
    store.create(name, config, owner="me", lenses=("attention",), meta=meta)
    store.set_status(name, "running")
    records, step = [], None
    for number in range(STEPS + 1):
        records.append(LENSES["attention"].look(trainer.model, batch, trainer.task))
        drafts = [Draft("view:attention", number, encode_view("attention", records[-1]))]
        if step is not None:
            row = (step.number, step.loss, step.lr, step.grad_norm, step.clipped)
            measured = [(METRIC, number, number / 10), ("validation loss", number, 3.0 - number / 10)]
            measured.append((f"training {METRIC}", number, number / 50))
            drafts.append(Draft("metrics", number, encode_metrics([row], measured)))
        store.append(name, drafts, number)
        if number < STEPS:
            step = trainer.advance()
    store.set_status(name, "done")
    return records


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[dict[str, Any]], list[Reel], list[Any]]]:
    """A run and its control: as figures see them, their reels as the app makes them, their records."""
    store = Store(tmp_path_factory.mktemp("attention"))
    records = [recorded(store, name, config) for name, config in (("run", CONFIG), ("control", CONTROL))]
    runs = [run for run in map(store.run, ("run", "control")) if run is not None]
    annotator = Annotator(store)
    yield (
        [subject(run.config, run.meta) for run in runs],
        [annotator.reel(run, ("attention",)) for run in runs],
        records,
    )
    store.close()


def known(layer: str, *more: str, T: int = T, period: int = 5) -> AttentionRecord:
    """One head a layer that does one thing: "previous", "induction", "same", "even", "self"."""
    t = np.arange(T)
    maps, scores = [], {"previous": [], "induction": [], "same": []}
    for kind in (layer, *more):
        back = {"previous": 1, "induction": period - 1, "same": period, "self": 0}.get(kind)
        weights = np.tril(np.ones((T, T))) if back is None else np.zeros((T, T))
        if back is not None:
            weights[t, np.maximum(t - back, 0)] = 1
        maps.append(weights / weights.sum(axis=1, keepdims=True))
        for name, distance in (("previous", 1), ("induction", period - 1), ("same", period)):
            scores[name].append(maps[-1].diagonal(-distance).mean() if distance < T else math.nan)
    entropy = [-np.sum(each * np.log(np.where(each > 0, each, 1))) / T for each in maps]
    return AttentionRecord(
        weights=np.array(maps, np.float32)[:, None],
        tokens=tuple(str(at % period) for at in t),
        previous_token=np.array(scores["previous"])[:, None],
        prefix_matching=np.array(scores["induction"])[:, None],
        duplicate_token=np.array(scores["same"])[:, None],
        chance=np.full((3, len(maps), 1), 0.125),
        entropy=np.array(entropy)[:, None],
    )


def moment_of(record: AttentionRecord, **more: Any) -> Moment:
    layers, count, length, _ = record.weights.shape
    config = CONFIG.but(layers=layers, heads=count, width=count * 2, length=max(8, length))
    return Moment({**subject(config, {}), **more}, 3, {})


def trace_at(panel: Panel, reels: list[Reel], step: int, **selection: int) -> list[dict[str, Any]]:
    """The filled traces; the whole figure is one that plotly takes."""
    figure = fill(panel, reels, step, selection)
    go.Figure(figure)
    return list(figure["data"])


# -- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_one_that_plotly_takes_at_every_moment_and_selection(tapes: Any, theme: str) -> None:
    runs, reels, _ = tapes
    for panel in figures.page_panels(runs, theme):
        for step in range(STEPS + 1):
            for layer, head in [(0, 0), (L - 1, H - 1)]:
                chosen = {"layer": layer, "head": head}
                go.Figure(fill(panel, reels, step, chosen))
                assert reading_at(panel, reels, step, chosen)
        go.Figure(fill(panel, [Reel({"attention": []}) for _ in runs], 0))
    for run, reel in zip(runs, reels, strict=True):
        for panel in figures.panels(run, theme):
            go.Figure(fill(panel, [reel], STEPS))


def test_the_large_map_is_the_chosen_heads_and_hovers_with_both_tokens(tapes: Any) -> None:
    _, reels, records = tapes
    panel = figures.map_panel("light")
    for step, layer, head in [(0, 0, 0), (4, 1, 2), (5, 0, 1)]:
        record = records[0][step]
        (heat,) = trace_at(panel, reels, step, layer=layer, head=head)
        # The tape has 256 levels of the largest weight, which the first query makes 1.
        np.testing.assert_allclose(heat["z"], record.weights[layer, head], atol=1 / 510 + 1e-6)
        t, s = 7, 4
        assert heat["text"][t][s] == f"7 ({record.tokens[7]})"
        assert heat["customdata"][t][s] == f"4 ({record.tokens[4]})"
    axes = fill(panel, reels, 0)["layout"]
    assert axes["yaxis"]["autorange"] == "reversed"
    assert axes["xaxis"]["ticktext"] == axes["yaxis"]["ticktext"] == list(records[0][0].tokens)
    assert "query" in axes["yaxis"]["title"]["text"]
    assert "key" in axes["xaxis"]["title"]["text"]


def test_the_small_maps_lie_where_the_axes_the_outline_and_a_click_say(tapes: Any) -> None:
    runs, reels, records = tapes
    panel = figures.mosaic_panel(runs[0], "light")
    gap = panel.click["gap"]
    for layer in range(L):
        for head in range(H):
            figure = fill(panel, reels, STEPS, {"layer": layer, "head": head})
            table, outline = np.array(figure["data"][0]["z"]), figure["layout"]["shapes"][0]
            rows = slice(round(outline["y0"] + 0.5), round(outline["y1"] + 0.5))
            columns = slice(round(outline["x0"] + 0.5), round(outline["x1"] + 0.5))
            np.testing.assert_allclose(table[rows, columns], records[0][STEPS].weights[layer, head], atol=1 / 500)
            # What deeds.js makes of a click: whole maps and gaps before the cell.
            assert {index // (T + gap) for index in range(rows.start, rows.stop)} == {layer}
            assert {index // (T + gap) for index in range(columns.start, columns.stop)} == {head}
            middle = figure["layout"]["xaxis"]["tickvals"][head], figure["layout"]["yaxis"]["tickvals"][layer]
            assert middle == ((outline["x0"] + outline["x1"]) / 2, (outline["y0"] + outline["y1"]) / 2)
    low, high = figure["layout"]["yaxis"]["range"]
    assert high < -0.5 < len(table) - 0.5 <= low, "the first layer is on top"
    assert figure["layout"]["yaxis"]["ticktext"] == ["layer 1", "layer 2"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["head 1", "head 2", "head 3"]


def test_a_head_with_a_role_has_it_written_above_its_map() -> None:
    record = known("previous", "induction", "even")
    moment = moment_of(record)
    panel = figures.mosaic_panel(moment.meta, "light")
    words = fill(panel, [reel_of(record, moment)], 3)["layout"]["annotations"]
    assert [each["text"] for each in words] == ["previous 1.00", "induction 1.00", ""]


def reel_of(record: AttentionRecord, moment: Moment) -> Reel:
    made = figures_notes.notes(record, moment)
    arrays = {"weights": record.weights, "previous_token": record.previous_token, **made.arrays}
    return Reel({"attention": [Frame(moment.step, arrays, made.labels, made.readings)]})


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 4), st.integers(1, 13))
def test_a_coarse_mosaic_keeps_the_largest_weight_of_each_cell(
    layers: int, count: int, length: int, gap: int, most: int
) -> None:
    maps = np.random.default_rng(length).random((layers, count, length, length), dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("explainer.charts.panel.MOSAIC_CELLS", most)
        cell, table = mosaic_cell(*maps.shape), mosaic(maps, gap)
    side = -(-length // cell)
    assert max(layers, count) * length <= most * cell
    assert table.shape == (layers * (side + gap) - gap, count * (side + gap) - gap)
    for at in np.ndindex(layers, count, side, side):
        layer, head, t, s = at
        part = maps[layer, head, t * cell : (t + 1) * cell, s * cell : (s + 1) * cell]
        assert table[layer * (side + gap) + t, head * (side + gap) + s] == part.max()
    assert np.isnan(table).sum() == table.size - layers * count * side * side


def test_the_curves_are_the_scores_of_every_head_and_of_the_controls_strongest(tapes: Any) -> None:
    runs, reels, records = tapes
    for score in head_notes.SCORES:
        panel = heads_panels.score_panel(runs, "light", score)
        lines = trace_at(panel, reels, 2, layer=1, head=2)
        of_run = np.array([getattr(record, score) for record in records[0]])
        of_control = np.array([getattr(record, score) for record in records[1]])
        assert len(lines) == L * H + 3
        row = ROLES.index(score)
        np.testing.assert_allclose(lines[-3]["y"], [record.chance[row, 1, 2] for record in records[0]], rtol=1e-5)
        assert lines[-3]["line"]["dash"] == "dash"
        for number in range(L * H):
            np.testing.assert_allclose(lines[number]["y"], of_run[:, number // H, number % H], rtol=1e-5)
            assert lines[number]["x"] == list(range(STEPS + 1))
        np.testing.assert_allclose(lines[-2]["y"], of_run[:, 1, 2], rtol=1e-5)
        assert lines[-2]["line"]["color"] == FAMILY_COLOURS["transformer"]
        np.testing.assert_allclose(lines[-1]["y"], of_control.max(axis=(1, 2)), rtol=1e-5)
        assert fill(panel, reels, 2)["layout"]["shapes"][0]["x0"] == 2


def test_with_many_heads_a_line_is_the_strongest_of_its_layer(tapes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, reels, records = tapes
    monkeypatch.setattr("explainer.charts.head_curves.MOST_LINES", L * H - 1)
    lines = trace_at(heads_panels.score_panel(runs, "light", "previous_token"), reels, 0)
    expected = np.array([record.previous_token.max(axis=1) for record in records[0]])
    assert len(lines) == L + 3
    for layer in range(L):
        np.testing.assert_allclose(lines[layer]["y"], expected[:, layer], rtol=1e-5)


def test_accuracy_and_loss_are_those_on_the_tape(tapes: Any) -> None:
    runs, reels, _ = tapes
    panel = heads_panels.metric_panel(runs, "light")
    assert panel is not None
    *lines, training, marks = trace_at(panel, reels, 3)
    assert (marks["yaxis"], marks["x"]) == ("y2", [])  # nobody set a learning rate
    assert training["y"] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert len(lines) == 2
    for line in lines:
        np.testing.assert_allclose(line["y"], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6)
        assert line["x"] == [1, 2, 3, 4, 5]
    assert reading_at(panel, reels, 3).startswith(
        "Transformer, 2 blocks: accuracy within the repetition 0.3 at step 3 (guessing any symbol"
    )
    assert "Transformer, 1 block: accuracy" in reading_at(panel, reels, 3)
    losses = trace_at(heads.loss_panel(runs, "light", "attention"), reels, 3)
    np.testing.assert_allclose(losses[1]["y"], [2.9, 2.8, 2.7, 2.6, 2.5], rtol=1e-6)
    np.testing.assert_allclose(losses[2]["y"], reels[0].metrics["loss"])
    assert reading_at(heads.loss_panel(runs, "light", "attention"), reels, 0).startswith(
        "Transformer, 2 blocks: no step taken yet."
    )


def test_the_panels_of_a_page_do_not_change_when_a_waiting_run_begins() -> None:
    waiting, training = subject(CONFIG, {}), subject(CONFIG, {"metric": METRIC, "baseline": 1 / 29})
    named = [[panel.id for panel in figures.page_panels([run], "light")] for run in (waiting, training)]
    assert named[0] == named[1]


@pytest.mark.parametrize("task", ["copy", "adding", "text", "forecast"])
def test_every_task_has_its_figures_and_sentences(task: str) -> None:
    config = CONFIG.but(task=task, mlp=True)
    trainer = Trainer(config, device="cpu")
    record = LENSES["attention"].look(trainer.model, trainer.task.batch(0, split="validation"), trainer.task)
    run = subject(config, {"baseline": trainer.task.baseline, "baseline_name": "none"})
    moment = Moment(run, 0)
    reel = reel_of(record, moment)
    for panel in figures.panels(run, "light"):
        go.Figure(fill(panel, [reel], 0, {"layer": 1, "head": 2}))
        said = reading_at(panel, [reel], 0, {"layer": 1, "head": 2})
        assert said
        assert "nan" not in said
    if task in ("adding", "forecast"):
        assert (
            figures_notes.notes(record, moment).readings["prefix_matching"]
            == "2 layers: none, for nothing comes twice here."
        )


def test_a_users_text_is_never_markup() -> None:
    record = known("even", T=5)
    record = AttentionRecord(**{**vars(record), "tokens": ("<b>", "&", "a", "<", ">")})
    moment = moment_of(record)
    figure = fill(figures.map_panel("light"), [reel_of(record, moment)], 3)
    assert figure["layout"]["xaxis"]["ticktext"] == ["&lt;b&gt;", "&amp;", "a", "&lt;", "&gt;"]
    assert figure["data"][0]["text"][0][0] == "0 (&lt;b&gt;)"


# -- sentences --------------------------------------------------------------------------------


def test_a_previous_token_head_is_said_to_be_one() -> None:
    said = head_notes.map_reading(known("previous"), 0, 0)
    # Each query looks one back, the first at itself.
    assert said == (
        "Layer 1, head 1, a previous-token head (1.00, by chance 0.12): its largest weight, 1.00, goes from t = 1 (1) to s = 0 (0); "
        "the first query, which has no choice, aside. On average it looks 0.9 back; entropy 0.00 nats "
        "(evenly spread: 1.59)."
    )


def test_an_induction_head_is_said_to_be_one() -> None:
    said = head_notes.map_reading(known("even", "induction"), 1, 0)
    assert said.startswith("Layer 2, head 1, an induction head (1.00, by chance 0.12): its largest weight, 1.00,")


def test_a_high_score_that_chance_explains_is_no_role() -> None:
    record = known("even", "induction")
    for chance, named in ((0.49, True), (0.51, False)):
        record.chance[0] = chance
        assert ("1 induction head" in head_notes.heads_reading(record)) == named
        assert (head_notes.role_of(record, 1, 0) is not None) == named
    assert head_notes.map_reading(record, 1, 0).startswith(
        "Layer 2, head 1, no role (induction score 1.00, but 0.51 by chance): its largest weight"
    )
    alone = known("induction")
    alone.chance[0] = 0.75
    assert head_notes.heads_reading(alone).startswith(
        "The only head has no role (induction score 1.00, but 0.75 by chance)"
    )


def test_an_even_head_has_no_role_and_the_entropy_of_evenness() -> None:
    record = known("even", T=13)
    mean = sum(math.log(t + 1) for t in range(13)) / 13
    distance = sum(sum(t - s for s in range(t + 1)) / (t + 1) for t in range(13)) / 13
    assert head_roles.uniform_entropy(13) == pytest.approx(mean)
    assert head_notes.mean_distance(record.weights[0, 0]) == pytest.approx(distance)
    said = head_notes.map_reading(record, 0, 0)
    assert said.startswith("Layer 1, head 1: its largest weight, 0.50, goes from t = 1")
    assert f"looks {distance:.1f} back; entropy {mean:.2f} nats (evenly spread: {mean:.2f})" in said


def test_mean_distance_does_not_mind_that_the_tape_rounds() -> None:
    weights = known("even", T=17).weights[0, 0]
    rounded = np.rint(weights * 255).astype(np.float32) / 255
    assert head_notes.mean_distance(rounded) == pytest.approx(head_notes.mean_distance(weights), rel=0.01)


def test_all_heads_are_counted_by_their_role() -> None:
    said = head_notes.heads_reading(known("previous", "induction", "induction", "even", "same"))
    assert said == (
        "Of 5 heads: 1 previous-token head, 2 induction heads and 1 same-token head (a score of 0.5 or more, at least twice that of chance). "
        f"Sharpest: layer 1, head 1 (entropy 0.00 nats); most spread out: layer 4, head 1 "
        f"({head_roles.uniform_entropy(T):.2f})."
    )
    assert head_notes.heads_reading(known("even", "even")).startswith("Of 2 heads: none has a role")
    assert (
        head_notes.heads_reading(known("induction"))
        == "The only head is an induction head (1.00, by chance 0.12); its entropy is 0.00 nats."
    )


def test_the_strongest_head_is_named_with_its_score() -> None:
    record = known("even", "previous", "induction")
    said = head_notes.readings_of(record, moment_of(record))
    assert said["previous_token"] == "3 layers: strongest is layer 2, head 1 (1.00, by chance 0.12)."
    assert said["prefix_matching"] == "3 layers: strongest is layer 3, head 1 (1.00, by chance 0.12)."
    alone = known("previous")
    assert (
        head_notes.readings_of(alone, moment_of(alone))["previous_token"]
        == "One layer: its only head has 1.00, by chance 0.12."
    )


def test_one_token_only_looks_at_itself() -> None:
    record = known("self", T=1)
    record = AttentionRecord(**{**vars(record), "previous_token": np.full((1, 1), math.nan)})
    said = figures_notes.notes(record, moment_of(record)).readings
    assert said["heads"] == "A single token can only look at itself."
    assert said["map"] == {"0,0": "Layer 1, head 1: a single token can only look at itself."}
    assert said["previous_token"] == "One layer: none, for no token has one before it."


@pytest.mark.filterwarnings("error")
def test_weights_that_are_not_numbers_are_said_to_be_none() -> None:
    bad = np.full((2, 1, 5, 5), math.nan, np.float32)
    scores = np.full((2, 1), math.nan)
    record = AttentionRecord(bad, tuple("abcde"), scores, scores, scores, np.stack([scores] * 3), scores)
    moment = moment_of(record)
    said = figures_notes.notes(record, moment).readings
    assert "not finite" in said["heads"]
    assert "not finite" in said["map"]["1,0"]
    assert said["prefix_matching"] == "2 layers: none, for not all weights are finite."
    for panel in figures.panels(moment.meta, "light"):
        go.Figure(fill(panel, [reel_of(record, moment)], 3))


# -- the page and its lesson ------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "attention.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    return app


def test_train_asks_for_the_run_and_its_control_on_the_same_batches(store: Store) -> None:
    app = opened(layers="3", length="24")
    app.button(key="attention-train").click().run()
    assert not app.exception
    made = [store.run(run) for run in app.query_params["run"].split(",")]
    configs = [run.config for run in made if run is not None]
    assert [config.layers for config in configs] == [3, 1]
    assert configs[1] == configs[0].but(layers=1)
    assert configs[0] == LESSONS["lesson-attention"].config.but(layers=3, length=24)


def test_a_run_of_one_layer_is_its_own_control(store: Store) -> None:
    app = opened(layers="1")
    app.button(key="attention-train").click().run()
    assert [run.config.layers for run in store.runs()] == [1]


def test_a_model_without_blocks_is_refused_with_the_way_out(store: Store) -> None:
    app = opened(layers="0")
    assert "Choose 1 to 6" in app.error[0].value
    assert app.button(key="attention-train").disabled


def test_the_lesson_shows_induction_and_a_control_without_it(store: Store) -> None:
    """What the page says of its recorded run; on the CPU these numbers are the same everywhere but for rounding."""
    pair = LESSONS["lesson-attention"], LESSONS["lesson-attention-one-layer"]
    assert pair[1].config == pair[0].config.but(layers=1)
    last = []
    for name in ("lesson-attention", "lesson-attention-one-layer"):
        load_tape(store, SHIPPED / f"{name}.tape")
        chunks = sorted(store.chunks(name, kinds=(VIEW + "attention",)), key=lambda chunk: chunk.step)
        run = store.run(name)
        assert run is not None
        assert run.config == LESSONS[name].config
        last.append(decode_view("attention", chunks[-1].body))
    two, one = last
    assert two.previous_token[0].max() > 0.9
    assert two.previous_token[1].max() < 0.1
    assert two.prefix_matching.max() > 0.7
    assert np.unravel_index(two.prefix_matching.argmax(), two.prefix_matching.shape) == (1, 2), "the page opens with it"
    assert one.prefix_matching.max() < 0.15
    app = opened()
    assert not app.info


def test_the_lessons_tapes_are_small() -> None:
    assert sum((SHIPPED / f"lesson-attention{part}.tape").stat().st_size for part in ("", "-one-layer")) < 2_500_000
