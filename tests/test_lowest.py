"""The lowest validation loss: when it has risen, what is said of it, where it is drawn, and that its weights are kept."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explainer.charts.compare import compare_panel
from explainer.charts.compare import loss_reading as compared
from explainer.charts.curves import WINDOW, loss_panel, loss_reading, training_trend, validation_trend
from explainer.charts.panel import Moment, Reel, fill
from explainer.charts.references import LINE, NAME, reference_lines, references_of, stack, standing
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.data import default_text
from explainer.headless.train import summary
from explainer.lenses import LENSES
from explainer.runs import recorder, validating
from explainer.runs.active import ActiveRun, record
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.runs.tape import decode, decode_view, join_metrics
from explainer.runs.validating import batches_for
from explainer.runs.views import Pace, view_batch
from explainer.theory.lowest import MEAN_ERROR, RISE_ERROR, VALIDATION, lowest, standard_error
from explainer.training import Trainer

TEXT = default_text()[5000:6100]
CONFIG = RunConfig(task="text", model="gru", width=29, length=11, batch=31, lr=0.02, steps=307)
GRU = RunConfig(task="adding", model="gru", width=7)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def moment(step: int, steps: list[int], values: list[float], errors: list[float], **meta: Any) -> Moment:
    series = {VALIDATION: values, RISE_ERROR: errors}
    metrics: dict[str, Any] = {name: np.array(column, np.float32) for name, column in series.items()}
    metrics |= {f"{name}:step": np.array(steps) for name in series}
    return Moment({"model": "gru", **meta}, step, metrics)


# -- numbers ----------------------------------------------------------------------------------------


def test_the_standard_error_is_the_samples_deviation_over_the_root_of_their_number() -> None:
    values = [0.5, 1.25, 3.0, 0.75, 2.0]
    assert standard_error(np.array(values)) == pytest.approx(statistics.stdev(values) / math.sqrt(5))
    assert math.isnan(standard_error(np.array(values[:3])))
    assert math.isnan(standard_error(np.array([*values, math.inf])))


def test_a_rise_is_beyond_three_errors_at_the_last_three_measurements() -> None:
    steps, errors = np.array([0, 5, 11, 17, 23, 29]), np.full(6, 0.1)
    found = lowest(steps, np.array([4, 2, 2.5, 2.5, 2.5, 2.75]), errors)
    assert found is not None
    assert (found.step, found.value, found.risen) == (5, 2.0, True)
    assert (found.rise, found.error) == (0.75, 0.1)
    for values, why in (
        ([4, 2, 2.5, 2.5, 2.25, 2.75], "one of the three is within the error"),
        ([4, 3, 3, 2, 2.5, 2.75], "two measurements are not enough"),
        ([4, 3, 2.5, 2.25, 2.125, 2.0], "the last is the lowest"),
        ([4, 2, 2.5, 2.5, 2.5, math.nan], "the last is no number"),
    ):
        other = lowest(steps, np.array(values), errors)
        assert other is not None
        assert not other.risen, why
    unknown = lowest(steps, np.array([4, 2, 3, 3, 3, 3.0]), np.full(6, np.nan))
    assert unknown is not None
    assert not unknown.risen
    assert lowest(steps, np.full(6, np.nan), errors) is None


def test_a_level_loss_is_hardly_ever_called_risen() -> None:
    """40 measurements of the same model but for noise that is new each time, on 64 sequences: chance rises are rare."""
    draws, random = 400, np.random.default_rng(3)
    called = 0
    for _ in range(draws):
        losses = random.normal(2.0, 0.4, (1, 64)) + random.normal(0, 0.1, (40, 64))
        means, errors, best = losses.mean(1), [math.nan], losses[0]
        for row in losses[1:]:
            errors.append(float(np.std(row - best, ddof=1) / 8))
            best = row if row.mean() < best.mean() else best
        found = lowest(np.arange(40), means, np.array(errors))
        called += found is not None and found.risen
    assert called / draws < 0.03


# -- the recorder -----------------------------------------------------------------------------------


def test_what_is_measured_has_the_errors_of_its_sequences(store: Store) -> None:
    """Against a slow loop: every kept moment's weights in a model of their own, sequence by sequence."""
    client = Client(store)
    run = client.submit(CONFIG.but(steps=41), "me", (), TEXT)
    list(record(store, run, Pace(validation_share=1e9)))
    rows = join_metrics(chunk.body for chunk in store.chunks(run, kinds=("metrics",)))
    steps = rows[f"metric:{VALIDATION}:step"].tolist()
    found = store.run(run)
    assert found is not None
    trainer = Trainer(found.config, TEXT)
    assert batches_for(trainer.task) == 2, "62 sequences of the 31 in a batch"
    best: tuple[float, list[float]] | None = None
    for step in store.steps(run, "weights"):
        chunk = store.chunk_at(run, "weights", step)
        assert chunk is not None
        trainer.load_weights(decode(chunk.body)[0])
        losses = []
        for number in range(2):
            batch = trainer.task.batch(number, split="validation")
            losses += trainer.task.loss_per_position(trainer.model(batch.x), batch).mean(1).tolist()
        at = steps.index(step)
        assert rows[f"metric:{VALIDATION}:value"][at] == pytest.approx(statistics.fmean(losses), rel=1e-5)
        error = statistics.stdev(losses) / math.sqrt(62)
        assert rows[f"metric:{MEAN_ERROR}:value"][at] == pytest.approx(error, rel=1e-4)
        rise = rows[f"metric:{RISE_ERROR}:value"][at]
        if best is None:
            assert math.isnan(rise)
        elif set(steps[:at]) <= set(store.steps(run, "weights")):
            expected = statistics.stdev(now - then for now, then in zip(losses, best[1], strict=True)) / math.sqrt(62)
            assert rise == pytest.approx(expected, rel=1e-3)
        if best is None or statistics.fmean(losses) < best[0]:
            best = (statistics.fmean(losses), losses)


def test_an_overfitting_run_keeps_the_weights_and_the_view_of_its_best_moment(store: Store) -> None:
    client = Client(store)
    run = client.submit(CONFIG, "me", ("hidden_states",), TEXT)
    config = client.found(run).config
    size = sum(array.nbytes for array in Trainer(config, TEXT).weights().values())
    list(record(store, run, Pace(weight_bytes=9 * size)))  # kept moments are far apart
    found = store.run(run)
    assert found is not None
    low = found.meta["lowest"]
    assert low["risen"]
    assert 0 < low["step"] < 200
    assert low["rise"] > 0.1
    assert len(store.steps(run, "weights")) <= 9
    assert low["step"] in store.steps(run, "weights")
    chunk, view = store.chunk_at(run, "weights", low["step"]), store.chunk_at(run, "view:hidden_states", low["step"])
    assert chunk is not None
    assert view is not None
    best = Trainer(config, TEXT)
    while best.step < low["step"]:
        best.advance()
    for name, array in best.weights().items():
        np.testing.assert_array_equal(decode(chunk.body)[0][name], array)
    seen = LENSES["hidden_states"].look(best.model, view_batch(best), best.task)
    np.testing.assert_array_equal(decode_view("hidden_states", view.body).states, np.float32(seen.states))
    # Looking back has not changed how the run went on.
    while best.step < CONFIG.steps:
        best.advance()
    last = store.chunk_at(run, "weights", CONFIG.steps)
    assert last is not None
    for name, array in best.weights().items():
        np.testing.assert_array_equal(decode(last.body)[0][name], array)
    assert json.loads(json.dumps(summary(found, Path("/"))))["lowest"]["step"] == low["step"]


@pytest.mark.parametrize("checkpoint", [3, 60, 290])
def test_a_run_that_is_taken_up_again_compares_with_the_same_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: int
) -> None:
    """Killed at step 300, after a checkpoint before or after the best moment: the same numbers as without."""
    monkeypatch.setattr(recorder, "CHECKPOINT_SECONDS", math.inf)
    whole, halves = (Store(tmp_path / name) for name in ("whole", "halves"))
    pace = Pace(validation_share=1e9, bests=4)
    runs = []
    for each in (whole, halves):
        run = Client(each).submit(CONFIG, "me", (), TEXT)
        active = ActiveRun(each, Client(each).found(run), pace)
        active.begin()
        while not active.ended:
            active.advance()
            if each is halves and active.trainer.step == checkpoint:
                active.recorder.checkpoint()
            if each is halves and active.trainer.step == 300:
                active.recorder.flush()
                break
        if each is halves:
            active = ActiveRun(each, Client(each).found(run), pace)
            while not active.ended:
                active.advance()
        runs.append((each, run))
    first, second = (join_metrics(c.body for c in each.chunks(run, kinds=("metrics",))) for each, run in runs)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    meta = [each.run(run).meta["lowest"] for each, run in runs]  # type: ignore[union-attr]
    assert meta[0] == pytest.approx(meta[1], rel=1e-5)
    assert meta[0]["step"] in halves.steps(runs[1][1], "weights")
    whole.close()
    halves.close()


def test_all_of_a_short_series_is_read_once_and_not_four_times() -> None:
    for task, batch, steps, expected in (
        ("forecast", 7, 9000, 1),
        ("adding", 64, 9000, 1),
        ("adding", 32, 700, 2),
        ("adding", 32, 100, 1),
        ("adding", 12, 100, 3),
        ("adding", 5, 100, 4),
    ):
        config = RunConfig(task=task, batch=batch, steps=steps, length=11, width=7)
        assert batches_for(Trainer(config).task) == expected


# -- words ------------------------------------------------------------------------------------------


def test_a_validation_loss_is_told_with_its_step_and_the_lowest() -> None:
    steps, values, errors = [0, 25, 125, 250, 375, 600], [4.5, 3.0, 2.24, 2.5, 2.75, 2.875], [math.nan, *[0.0625] * 5]

    def said(step: int) -> str:
        return validation_trend(moment(step, steps, values, errors))

    assert said(0) == "validation loss 4.5 at step 0"
    assert said(69) == "validation loss 3 at step 25, the lowest so far"
    assert said(254) == "validation loss 2.5 at step 250 (lowest: 2.24 at step 125)"
    assert said(600) == "validation loss 2.88 at step 600, risen by 0.635 ± 0.062 since its lowest, 2.24 at step 125"


def test_a_training_loss_that_has_risen_again_does_not_say_that_it_came_down() -> None:
    random = np.random.default_rng(5)
    course = np.concatenate([np.linspace(4, 0.5, 100), np.full(50, 0.5), np.linspace(0.5, 2, 100)])
    losses = course + random.normal(0, 0.05, len(course))
    metrics = {"step": np.arange(1, len(losses) + 1), "loss": losses}

    def said(step: int) -> str:
        return training_trend(Moment({"model": "gru"}, step, metrics))

    assert said(150).endswith("down from 4.02 at step 1") or "down from" in said(150)
    now = losses[-WINDOW:].mean()
    means = [losses[start : start + WINDOW].mean() for start in range(len(losses) - WINDOW + 1)]
    low = int(np.argmin(means))
    assert said(250) == (
        f"training loss {losses[-1]:.3g}, its mean over 20 steps {now:.3g}, up from {means[low]:.3g} "
        f"at steps {low + 1} to {low + 20}"
    )
    level = {"step": np.arange(1, 301), "loss": 1 + random.normal(0, 0.2, 300)}
    assert "mean" not in training_trend(Moment({"model": "gru"}, 300, level))


def test_the_sentence_names_the_best_reference_beaten_and_the_next_that_is_not() -> None:
    known = [("even guess", 4.5), ("letters", 3.25), ("bigrams", 2.5), ("trigrams", 2.0)]
    assert standing(known, 2.75, 0.0625) == "below the 3.25 of letters, above the 2.5 of bigrams"
    assert (
        standing(known, 2.5625, 0.0625)
        == "below the 3.25 of letters, level with the 2.5 of bigrams, above the 2 of trigrams"
    )
    assert standing(known, 1.5, math.nan) == "below the 2 of trigrams"
    assert standing(known, 5.0, 0.0) == "above the 4.5 of even guess"
    assert standing(known, math.nan, 0.0) == standing([], 1.0, 0.0) == ""
    run = {"model": "gru", "references": [known[2], known[0], ("odd", math.nan), known[1], known[3]]}
    assert references_of(run) == known
    assert loss_reading(moment(9, [9], [2.75], [math.nan], references=known)) == (
        "GRU, step 9: validation loss 2.75 at step 9. That is below the 3.25 of letters, above the 2.5 of bigrams."
    )


def test_runs_side_by_side_say_which_of_them_have_risen() -> None:
    steps = np.array([0, 10, 20, 30, 40])
    curves = [
        {"step": np.arange(1, 41), "loss": np.ones(40), VALIDATION: np.array(values), f"{VALIDATION}:step": steps}
        | {RISE_ERROR: np.full(5, 0.0625), f"{RISE_ERROR}:step": steps}
        for values in ([3, 1.0, 1.5, 2, 2.5], [3, 2.5, 2, 1.5, 1.25])
    ]
    runs = [{**subject(GRU, {}), "label": name} for name in ("a", "b")]
    said = "At step 40, the last that both reached, validation loss is lowest for b (1.25); a (2.5)."
    assert compared(runs, curves) == f"{said} Risen since its lowest: a (1 at step 10)."
    rings = [trace for trace in compare_panel(runs, curves, "light").figure["data"] if trace["mode"] == "markers"]
    assert [(ring["x"], ring["y"]) for ring in rings] == [([10], [1.0]), ([40], [1.25])]


# -- figures ----------------------------------------------------------------------------------------


def test_the_ring_is_where_the_loss_was_lowest_until_the_moment() -> None:
    steps, values = np.array([0, 3, 7, 11]), np.array([np.nan, 2.0, 1.0, 3.0])
    reel = Reel({}, {VALIDATION: values, f"{VALIDATION}:step": steps})
    panel = loss_panel([subject(GRU, {})], "light", "hidden_states")
    for step, place in (
        (0, ([], [])),
        (2, ([], [])),
        (3, ([3], [2])),
        (6, ([3], [2])),
        (7, ([7], [1])),
        (99, ([7], [1])),
    ):
        ring = fill(panel, [reel], step)["data"][-1]
        assert (ring["x"], ring["y"]) == place
    assert fill(panel, [Reel({})], 5)["data"][-1]["x"] == []


@pytest.mark.parametrize("low", [1.9, 0.4, 1e-3, 0.0, math.nan])
@pytest.mark.parametrize("height", [230, 300])
def test_labels_of_close_lines_do_not_stand_on_each_other(low: float, height: int) -> None:
    known = [("even guess, ln V", 4.48), ("letters", 3.25), ("bigrams", 2.45), ("same", 2.449), ("trigrams", 2.05)]
    shapes, notes = reference_lines(known, "dark", logarithmic=True)
    assert [shape["y0"] for shape in shapes] == [value for _, value in known]
    assert [note["text"] for note in notes] == [
        "even guess, ln V: 4.48",
        "letters: 3.25",
        "bigrams, same: 2.45",
        "trigrams: 2.05",
    ]
    figure = {"data": [{"y": [4.5, low]}], "layout": {"yaxis": {"type": "log"}, "annotations": notes}}
    stack(figure, height)
    assert all(note["name"] == NAME for note in notes)
    bottom = low if low > 0 else 2.05  # a log axis has no zero
    pixels = (height - 54) / (1.1 * math.log10(4.5 / min(bottom, 2.05)))
    places = [note["y"] * pixels + note["yshift"] for note in notes]
    gaps = -np.diff(places)
    assert (gaps >= LINE - 0.2).all()
    free = -np.diff([note["y"] * pixels for note in notes])
    if (free > LINE).all():
        assert not any(note["yshift"] for note in notes), "nothing moves that need not"


def test_only_references_that_all_runs_share_are_drawn() -> None:
    text = {"loss_references": {"letters": 3.25, "ln V": 4.5}}
    one = subject(RunConfig(task="text"), text)
    other = subject(RunConfig(task="text"), {"loss_references": {"letters": 3.0}})
    assert len(loss_panel([one, one], "light", "gates").figure["layout"]["annotations"]) == 2
    assert loss_panel([one, other], "light", "gates").figure["layout"]["annotations"] == []
    assert validating.GAPS >= 20
