"""The gradient microscope: every cell of its matrix against loops, finite differences and closed forms; its page."""

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

from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of, reading_at
from explainer.charts.subject import subject
from explainer.config import MODELS, RunConfig
from explainer.families import FAMILIES
from explainer.lenses import LENSES
from explainer.lenses.microscope import look as microscope
from explainer.lenses.microscope import notes as words
from explainer.lenses.microscope import panels as figures
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.models import Recurrent, SequenceModel, build, observe
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.followed import evenly, mean_by_lag
from tests.families import ATTENDING

PROJECT = Path(__file__).resolve().parents[1]
T, N, D, H = 11, 7, 10, 5


def setting(model: str, task: str = "repeat", **more: Any) -> tuple[SequenceModel, Batch, Task]:
    """A model, a batch and its task in float64."""
    size = {"width": D, "heads": H} if model in ATTENDING else {"width": N}
    config = RunConfig(**{"model": model, "task": task, "length": T, "symbols": 5, "batch": 3, **size, **more})
    made = make_task(config)
    batch = made.batch(2)
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    return build(config, made.inputs, made.outputs).double(), batch, made


def looked(model: SequenceModel, batch: Batch, task: Task) -> MicroscopeRecord:
    record = LENSES["microscope"].look(model, batch, task)
    assert isinstance(record, MicroscopeRecord)
    return record


# -- the matrix -------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_the_matrix_is_that_of_a_backward_pass_for_each_loss(name: str, layers: int) -> None:
    model, batch, task = setting(name, layers=layers)
    record = looked(model, batch, task)
    kinds = microscope.points(task.config)
    with observe(model) as seen:
        losses = task.loss_per_position(model(batch.x[:1]), Batch(batch.x[:1], batch.y[:1], batch.mask[:1]))[0]
    for kind, points in kinds.items():
        expected = np.zeros((layers, T, T))
        for layer, point in enumerate(points):
            steps = seen[point]
            for t in range(T):
                if isinstance(steps, Tensor):
                    gradient = torch.autograd.grad(losses[t], steps, retain_graph=True)[0][0]
                else:
                    found = torch.autograd.grad(losses[t], steps, retain_graph=True, allow_unused=True)
                    gradient = torch.stack([torch.zeros(N) if each is None else each[0] for each in found])
                expected[layer, t] = gradient.norm(dim=-1).numpy()
        if kind.startswith("gates."):
            gate = record.gate_names.index(kind.removeprefix("gates."))
            for lag in range(T):
                mean = np.mean([expected[:, t, t - lag] for t in range(lag, T)], axis=0)
                np.testing.assert_allclose(record.gates[gate, :, lag], mean, rtol=1e-9)
        else:
            way = record.ways.index({"hidden": "h", "cell": "c"}.get(kind, kind))
            np.testing.assert_allclose(record.norms[way], expected, rtol=1e-9, atol=1e-300)
    assert record.tokens == tuple(task.axis(batch))
    assert record.counted.all()


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_cells_agree_with_finite_differences_of_the_fused_module(name: str) -> None:
    model, batch, task = setting(name, task="adding")
    assert isinstance(model, Recurrent)
    record, step = looked(model, batch, task), 1e-6
    x, y = batch.x[:1], batch.y[:1]
    for k, t in ((0, T - 1), (3, 8), (6, 6)):
        with torch.no_grad():
            _, state = model.rnn(x[:, : k + 1])
            held = state if isinstance(state, tuple) else (state,)
            for place, way in enumerate(("h", "c")[: len(held)]):
                slopes = []
                for unit in range(N):
                    losses = []
                    for shift in (step, -step):
                        parts = [part.clone() for part in held]
                        parts[place][0, 0, unit] += shift
                        if way == "c":  # h_k follows c_k: h = o tanh(c)
                            opened = held[0] / torch.tanh(held[1])
                            parts[0] = opened * torch.tanh(parts[1])
                        top = parts[0][-1]
                        if t > k:
                            start = (parts[0], parts[1]) if len(parts) > 1 else parts[0]
                            top = model.rnn(x[:, k + 1 : t + 1], start)[0][:, -1]
                        losses.append(float((model.readout(top) - y[:, t]).square().sum()))
                    slopes.append((losses[0] - losses[1]) / (2 * step))
                assert record.norms[record.ways.index(way), 0, t, k] == pytest.approx(np.linalg.norm(slopes), rel=1e-5)


def test_a_linear_network_s_matrix_is_made_of_powers_of_w() -> None:
    model, batch, task = setting("rnn_relu", task="adding")
    assert isinstance(model, Recurrent)
    with torch.no_grad():
        for weight in model.rnn.parameters():
            weight.abs_()  # with inputs >= 0 every unit is active, so the network is linear
    record = looked(model, batch, task)
    W, v = model.weights(0).w_hidden.detach().numpy(), model.readout.weight.detach().numpy()[0]
    error = (model(batch.x) - batch.y)[0, :, 0].detach().numpy()
    for t in range(T):
        for k in range(t + 1):
            expected = 2 * abs(error[t]) * np.linalg.norm(np.linalg.matrix_power(W.T, t - k) @ v)
            assert record.norms[0, 0, t, k] == pytest.approx(expected, rel=1e-10)
    assert not np.triu(record.norms[0, 0], 1).any(), "no loss reaches a later moment"
    np.testing.assert_array_equal(record.counted, [False] * (T - 1) + [True])


def test_along_c_is_the_gradient_of_a_network_whose_gates_are_held() -> None:
    model, batch, task = setting("lstm")
    assert isinstance(model, Recurrent)
    record = looked(model, batch, task)
    with torch.no_grad(), observe(model) as seen:
        model(batch.x[:1])
    gates = {
        name: [step[0] for step in seen[f"layer.0.gates.{name}"]] for name in ("input", "forget", "candidate", "output")
    }
    c, cells = torch.zeros(N, dtype=torch.float64), []
    for i, f, g in zip(gates["input"], gates["forget"], gates["candidate"], strict=True):
        c = (f * c + i * g).requires_grad_()  # the gates are constants, so c is the only way back
        cells.append(c)
    output = model.readout(torch.stack([o * torch.tanh(c) for o, c in zip(gates["output"], cells, strict=True)]))
    losses = task.loss_per_position(output[None], Batch(batch.x[:1], batch.y[:1], batch.mask[:1]))[0]
    along, around = (record.norms[record.ways.index(way), 0] for way in ("c along c", "c by way of h"))
    for t in range(T):
        found = torch.autograd.grad(losses[t], cells, retain_graph=True, allow_unused=True)
        expected = [0.0 if each is None else float(each.norm()) for each in found]
        np.testing.assert_allclose(along[t], expected, rtol=1e-9)
        assert around[t, t] == 0, "at its own moment there is no detour yet"
    total = record.norms[record.ways.index("c"), 0]
    assert (np.abs(along - around) <= total + 1e-12).all(), "both parts together are the whole"
    assert (total <= along + around + 1e-12).all()


def test_the_share_along_c_is_a_product_of_forget_gates() -> None:
    forget = torch.rand(5, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    direct = torch.ones(2, N, dtype=torch.float64)
    carried = microscope.along_cell(direct, forget, np.array([2, 4]))
    assert carried.shape == (2, 5, N)
    np.testing.assert_allclose(carried[1, 1], forget[2] * forget[3] * forget[4])
    np.testing.assert_allclose(carried[0, 0], forget[1] * forget[2])
    assert not carried[0, 3:].any()


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_in_several_passes_the_numbers_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, task = setting(name)
    whole = looked(model, batch, task)
    monkeypatch.setattr(microscope, "NUMBERS", 3 * microscope._numbers(task.config, T))
    parts = looked(model, batch, task)
    np.testing.assert_allclose(parts.norms, whole.norms, rtol=1e-12)
    np.testing.assert_allclose(parts.gates, whole.gates, rtol=1e-12)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_where_not_every_loss_is_followed_the_cells_that_are_stay_exact(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch, task = setting(name)
    whole = looked(model, batch, task)
    monkeypatch.setattr(microscope, "losses_followed", lambda task, T: 4)
    few = looked(model, batch, task)
    np.testing.assert_array_equal(few.at, [1, 4, 7, 10])
    np.testing.assert_allclose(few.norms, whole.norms[:, :, few.at][..., few.at], rtol=1e-12)
    assert few.tokens == tuple(whole.tokens[k] for k in few.at)


def test_a_long_sequence_of_a_large_model_is_followed_at_fewer_places() -> None:
    small, large = (
        make_task(RunConfig(task="repeat", model="transformer", length=length, width=width, layers=layers))
        for length, width, layers in ((100, 64, 2), (512, 256, 6))
    )
    assert microscope.losses_followed(small, 100) >= 100
    assert microscope.losses_followed(large, 512) == microscope.FEWEST_LOSSES


def test_zero_and_not_finite_are_told_apart() -> None:
    model, batch, task = setting("rnn_relu", task="adding")
    assert isinstance(model, Recurrent)
    with torch.no_grad():
        model.rnn.get_parameter("bias_ih_l0").fill_(-99)  # every unit is off, so nothing passes from step to step
    dead = looked(model, batch, task)
    off = ~np.eye(T, dtype=bool)
    assert not dead.norms[0, 0][off].any()
    assert (np.diagonal(dead.norms[0, 0]) > 0).all()
    marks = words.notes(dead, Moment({"model": "rnn_relu"}, 0)).arrays["marks"][0, 0]
    assert (marks[np.tri(T, k=-1, dtype=bool)] == words.ZERO).all()
    assert not marks[np.triu_indices(T)].any(), "what comes after the loss is no finding"
    with torch.no_grad():
        model.readout.weight.fill_(math.nan)
    wild = words.notes(looked(model, batch, task), Moment({"model": "rnn_relu"}, 0)).arrays["marks"][0, 0]
    assert (wild[np.tri(T, dtype=bool)] == words.NOT_FINITE).all()


def test_what_float32_can_not_hold_is_infinite() -> None:
    model, batch, task = setting("rnn_relu", task="adding", length=97, init="gaussian", radius=3.0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.abs_()
    record = looked(model, batch, task)
    finite = record.norms[np.isfinite(record.norms)]
    assert np.isinf(record.norms[0, 0, -1, 0])
    assert finite.max() <= np.finfo(np.float32).max
    assert np.isinf(words.notes(record, Moment({"model": "rnn_relu"}, 0)).arrays["by_lag"][0, 0, -1])


def test_an_input_without_anything_to_predict_is_refused() -> None:
    model, batch, task = setting("gru")
    with pytest.raises(ValueError, match="at least two steps"):
        looked(model, replace(batch, mask=torch.zeros_like(batch.mask)), task)


# -- means by lag -----------------------------------------------------------------------------


def test_places_are_evenly_spaced_and_end_with_the_last_step() -> None:
    for steps in (1, 2, 7, 100, 129, 1024):
        at = evenly(steps, 128)
        assert len(at) <= 128
        assert at[-1] == steps - 1
        assert at[0] >= 0
        assert len(set(np.diff(at))) <= 1


def test_means_by_lag_are_over_the_losses_that_count() -> None:
    norms = np.arange(2 * 3 * 25, dtype=float).reshape(2, 3, 5, 5)
    counted = np.array([False, True, False, True, False])
    means = mean_by_lag(norms, counted)
    assert means.shape == (2, 3, 5)
    np.testing.assert_array_equal(means[..., 0], (norms[..., 1, 1] + norms[..., 3, 3]) / 2)
    np.testing.assert_array_equal(means[..., 1], (norms[..., 1, 0] + norms[..., 3, 2]) / 2)
    np.testing.assert_array_equal(means[..., 3], norms[..., 3, 0])
    assert np.isnan(means[..., 4]).all()


# -- figures and sentences --------------------------------------------------------------------


def made(norms: np.ndarray, **changes: Any) -> MicroscopeRecord:
    """A record of one way and one layer, unless `norms` has more dimensions."""
    norms = norms.reshape((1,) * (4 - norms.ndim) + norms.shape)
    P = norms.shape[-1]
    fields: dict[str, Any] = {
        "ways": FAMILIES["lstm"].ways[: len(norms)],
        "gates": np.zeros((0, norms.shape[1], P)),
        "gate_names": (),
        "at": np.arange(P, dtype=np.int32),
        "counted": np.ones(P, bool),
        "tokens": tuple("<abcdefghijk"[:P]),
    }
    return MicroscopeRecord(norms=norms, **fields | changes)


def reel(records: list[MicroscopeRecord], model: str) -> Reel:
    """The tape as a page has it, views at steps 0, 10, 20 ..."""
    frames = []
    for number, record in enumerate(records):
        arrays, text = to_arrays(record)
        notes = words.notes(record, Moment({"model": model}, 10 * number))
        frames.append(
            Frame(10 * number, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
        )
    return Reel({"microscope": frames}, contexts={"microscope": words.context(records)})


@pytest.fixture(scope="module")
def shown() -> tuple[list[dict[str, Any]], list[Reel], dict[str, list[MicroscopeRecord]]]:
    runs, reels, kept = [], [], {}
    for name in ("rnn", "lstm", "gru", "transformer"):
        model, batch, task = setting(name, layers=2)
        records = [looked(model, batch, task), looked(model, replace(batch, x=batch.x.flip(1)), task)]
        runs.append(subject(task.config, {}))
        reels.append(reel(records, name))
        kept[name] = records
    return runs, reels, kept


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_one_that_plotly_takes_at_every_choice(shown: Any, theme: str) -> None:
    runs, reels, _ = shown
    panels = figures.page_panels(runs, theme)
    assert [panel.id for panel in panels] == ["matrix", "by-lag", "history", "ways", "gates-by-lag"]
    for panel in panels:
        for step in (0, 7, 10):
            for network, way, layer in ((0, 0, 0), (1, 3, 1), (2, 3, 5), (3, 1, 1)):
                chosen = {"network": network, "way": way, "layer": layer}
                go.Figure(fill(panel, reels, step, chosen))
                assert reading_at(panel, reels, step, chosen)
        go.Figure(fill(panel, [Reel({"microscope": []}) for _ in runs], 0))


@pytest.mark.parametrize("name", MODELS)
def test_one_run_alone_has_the_figures_that_it_can_have(name: str) -> None:
    _, _, task = setting(name)
    run = subject(task.config, {})
    ids = [panel.id for panel in figures.panels(run, "light")]
    extra = {"lstm": ["ways", "gates-by-lag"], "gru": ["gates-by-lag"], "mingru": ["gates-by-lag"]}.get(name, [])
    assert ids == ["matrix", "by-lag", "history", *extra]
    assert len(figures.selections([run])["way"][1]) == (4 if name == "lstm" else 1)


def test_the_matrix_shows_logs_with_exact_values_on_hovering(shown: Any) -> None:
    runs, reels, records = shown
    figure = fill(figures.matrix_panel(runs, "light"), reels, 10, {"network": 1, "way": 2, "layer": 1})
    norms = records["lstm"][1].norms[2, 1]
    heat = figure["data"][0]
    np.testing.assert_array_equal(heat["customdata"], norms)
    inside = np.tri(T, dtype=bool)
    np.testing.assert_allclose(np.array(heat["z"])[inside], np.log10(norms[inside]))
    assert np.isnan(np.array(heat["z"])[~inside]).all()
    usable = np.log10([each.norms[2][each.norms[2] > 0] for each in records["lstm"]])
    assert heat["zmax"] == pytest.approx(usable.max(), abs=1e-5)
    assert heat["zmin"] == pytest.approx(max(usable.min(), usable.max() - words.DECADES), abs=1e-5)
    assert heat["text"][3] == list(records["lstm"][1].tokens)


def test_history_has_lags_as_rows_and_steps_as_columns(shown: Any) -> None:
    runs, reels, records = shown
    figure = fill(figures.history_panel(runs, "light"), reels, 0, {"network": 2, "layer": 1})
    heat, marks, line = figure["data"]
    expected = np.array([mean_by_lag(each.norms, each.counted)[0, 1] for each in records["gru"]]).T
    np.testing.assert_allclose(heat["customdata"], expected, rtol=1e-6)
    np.testing.assert_allclose(heat["z"], np.log10(expected), atol=1e-6)
    assert heat["x"] == marks["x"] == line["x"] == [0, 10]
    assert heat["y"] == list(range(T))
    for far, curve in zip(line["y"], expected.T, strict=True):
        below = np.flatnonzero(curve < 0.01 * curve[0])
        assert far == (below[0] - 1 if below.size else T - 1)


def test_a_line_has_a_gap_where_there_is_no_logarithm(shown: Any) -> None:
    runs, reels, records = shown
    panel = figures.ways_panel(runs, "light")
    assert panel is not None
    around = fill(panel, reels, 0, {"layer": 0})["data"][3]["y"]
    means = mean_by_lag(records["lstm"][0].norms, records["lstm"][0].counted)[3, 0]
    assert means[0] == 0
    assert np.isnan(around[0])
    np.testing.assert_allclose(around[1:], means[1:], rtol=1e-6)


def test_gates_have_their_names_and_what_a_cell_lacks_is_not_seen(shown: Any) -> None:
    runs, reels, records = shown
    panel = figures.gates_panel(runs, "light")
    assert panel is not None
    for network, name in enumerate(("rnn", "lstm", "gru")):
        _, *lines = fill(panel, reels, 0, {"network": network, "layer": 1})["data"]
        record = records[name][0]
        count = len(record.gate_names)
        for line, gate, curve in zip(lines, record.gate_names, record.gates[:, 1], strict=False):
            assert line["name"] == gate
            np.testing.assert_allclose(line["y"], np.where(curve > 0, curve, np.nan), rtol=1e-6)
        assert all(np.isnan(line["y"]).all() and line["line"]["color"].endswith(",0)") for line in lines[count:])


def test_only_some_losses_that_count_are_marked_beside_the_matrix() -> None:
    some = made(np.tril(np.ones((4, 4))), counted=np.array([False, True, False, True]))
    arrays = words.notes(some, Moment({"model": "rnn"}, 0)).arrays
    assert arrays["counted_y"].tolist() == [1, 3]
    assert (arrays["counted_x"] > 3).all()
    assert words.notes(made(np.ones((4, 4))), Moment({"model": "rnn"}, 0)).arrays["counted_y"].size == 0


def test_a_lag_that_no_loss_has_is_not_called_zero_or_infinite() -> None:
    early = made(np.tril(np.ones((4, 4))), counted=np.array([True, True, False, False]))
    arrays = words.notes(early, Moment({"model": "rnn"}, 0)).arrays
    assert np.isnan(arrays["by_lag"][0, 0, 2:]).all()
    assert not arrays["by_lag_marks"].any()
    assert np.isnan(arrays["by_lag_heights"]).all()


def test_readings_name_the_largest_the_smallest_and_what_is_left() -> None:
    decay = np.array([[0.5 ** (t - k) if k <= t else 0 for k in range(5)] for t in range(5)])
    decay[4, 4] = 3.0
    readings = words.notes(made(decay, at=np.arange(3, 28, 5, dtype=np.int32)), Moment({"model": "gru"}, 7)).readings
    assert readings["matrix"]["3,5"] == (
        "GRU, gradient of h, every way: largest 3 (loss at t = 23, moment k = 23), smallest 0.0625 (t = 23, k = 3)."
    )
    at_zero = (4 + 3) / 5
    assert readings["by_lag"]["0,0"] == (
        f"GRU: {0.25 / at_zero:.3g} at lag 10 and {0.0625 / at_zero:.3g} at lag 20 "
        "is left of the gradient at lag 0 (mean of 5 losses)."
    )
    assert readings["history"]["0,0"] == "GRU, step 7: at least a hundredth arrives at every lag, up to 20."
    assert "one way only" in readings["ways"]["0"]
    assert readings["gates"]["0"] == "GRU: no gates."


@pytest.mark.parametrize(
    ("norms", "matrix", "by_lag", "history"),
    [
        (np.zeros((3, 3)), "every way: exactly 0 in 6 of 6 cells.", "have no gradient", "is 0 at the loss"),
        (
            np.full((3, 3), np.nan),
            "not a finite number in 6 of 6",
            "not a number at 3 of 3 lags",
            "the gradient is not a number at 3 of 3 lags, so there is no reach",
        ),
        (np.ones((1, 1)), "largest 1 (loss at t = 0, moment k = 0).", "nothing to look back to", "every lag, up to 0"),
        (np.eye(3), "exactly 0 in 3 of 6", "0 at lag 1 and 0 at lag 2 is left", "up to lag 0, and less at lag 1"),
        (
            np.array([[1, 0], [np.inf, 1.0]]),
            "not a finite number in 1 of 3",
            "not a finite number at 1 of 2 lags",
            "the gradient is not a finite number at 1 of 2 lags, so there is no reach",
        ),
        (np.full((2, 2), 1e-300), "smallest 1·10⁻³⁰⁰", "1 at lag 1 is left", "every lag, up to 1"),
    ],
)
def test_readings_are_right_at_the_extremes(norms: np.ndarray, matrix: str, by_lag: str, history: str) -> None:
    odd = made(norms)
    notes = words.notes(odd, Moment({"model": "rnn"}, 3))
    assert matrix in notes.readings["matrix"]["0,0"]
    assert by_lag in notes.readings["by_lag"]["0,0"]
    assert history in notes.readings["history"]["0,0"]
    ranges = words.context([odd])
    assert (ranges["span"][:, 1] > ranges["span"][:, 0]).all()
    assert np.isfinite(ranges["lag_ends"]).all()


def test_the_ways_reading_compares_both_at_the_longest_lag() -> None:
    norms = np.tril(np.ones((4, 1, 3, 3)))
    for way, value in zip((1, 2, 3), (0.5, 0.4, 0.3), strict=True):
        norms[way, 0, 2, 0] = value
    said = words.notes(made(norms), Moment({"model": "lstm"}, 0)).readings["ways"]["0"]
    assert said == "LSTM: at lag 2, 0.4 arrives along c alone and 0.3 by way of h, together 0.5; most comes along c."
    norms[2:, 0, 2, 0] = 0.0
    norms[1, 0, 2, 0] = 0.0
    assert "nothing arrives at lag 2" in words.notes(made(norms), Moment({"model": "lstm"}, 0)).readings["ways"]["0"]


def test_the_gates_reading_names_most_and_least() -> None:
    gates = np.array([[[1, 1, 1.0]], [[0.5, 4, 1]], [[0.5, 0.5, 0.1]]])
    record = made(np.tril(np.ones((3, 3))), gates=gates, gate_names=("reset", "update", "candidate"))
    said = words.notes(record, Moment({"model": "gru"}, 0)).readings["gates"]["0"]
    assert said == "GRU: the update gate gets most (its peak is at lag 1), the candidate least, 0.2 of that."


# -- the page ---------------------------------------------------------------------------------


def test_the_page_opens_and_trains_every_chosen_network(store: Store) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "microscope.py"), default_timeout=60)
    app.query_params["networks"] = "rnn,transformer"
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    assert app.title[0].value == "Which loss reaches which moment?"
    app.button(key="microscope-train").click().run()
    assert not app.exception
    assert {run.config.model for run in store.runs()} == {"rnn", "transformer"}
    assert all(run.lenses == ("microscope",) for run in store.runs())
