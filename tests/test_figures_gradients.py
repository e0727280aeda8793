"""The page on gradients: its figures filled from real tapes, its sentences, the dial, the choice of networks."""

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

from explainer.charts import subject as figures_subject
from explainer.charts.curves import loss_panel
from explainer.charts.dial import KINDS, RANGE, dial_panel, turn
from explainer.charts.panel import Moment, Panel, Reel, fill, reading_at
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES
from explainer.config import MODELS, RunConfig
from explainer.lenses import LENSES
from explainer.lenses.gradients import notes as gradient_notes
from explainer.lenses.gradients import panels as figures
from explainer.lenses.gradients.record import GradientsRecord
from explainer.player.annotate import Annotator
from explainer.runs.store import Draft, Store
from explainer.runs.tape import encode_metrics, encode_view
from explainer.training import Trainer

PROJECT = Path(__file__).resolve().parents[1]
T, N, STEPS = 11, 7, 3
CONFIG = RunConfig(task="adding", length=T, width=N, batch=5, steps=STEPS, clip=0.5)


def recorded(store: Store, config: RunConfig) -> list[GradientsRecord]:
    """Train a run on the spot and put its tape into the store, under its model's name; returns its records."""
    name = config.model
    trainer = Trainer(config, device="cpu")
    batch = trainer.task.batch(0, split="validation")
    store.create(name, config, owner="me", lenses=("gradients",), meta={"baseline": 1 / 6, "baseline_name": "always 1"})
    store.set_status(name, "running")
    records = [LENSES["gradients"].look(trainer.model, batch, trainer.task)]
    store.append(name, [Draft("view:gradients", 0, encode_view("gradients", records[0]))], 0)
    for _ in range(config.steps):
        step = trainer.advance()
        records.append(LENSES["gradients"].look(trainer.model, batch, trainer.task))
        row = (step.number, step.loss, step.lr, step.grad_norm, step.clipped)
        drafts = [
            Draft("metrics", step.number, encode_metrics([row])),
            Draft("view:gradients", step.number, encode_view("gradients", records[-1])),
        ]
        store.append(name, drafts, step.number)
    store.set_status(name, "done")
    return records


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[dict[str, Any]], list[Reel], list[Any]]]:
    """Of every model: the run as figures see it, its reel as the app makes it, and its records."""
    store = Store(tmp_path_factory.mktemp("gradients"))
    records = [recorded(store, CONFIG.but(model=model, heads=7)) for model in MODELS]
    runs = [store.run(model) for model in MODELS]
    annotator = Annotator(store)
    reels = [annotator.reel(run, ("gradients",)) for run in runs if run is not None]
    subjects = figures_subject.subjects([(run.id, run.config, run.meta) for run in runs if run is not None])
    yield subjects, reels, records
    store.close()


def traces(panel: Panel, reels: list[Reel], step: int, **selection: int) -> dict[str, dict[str, Any]]:
    """The filled traces that have a name, by name; the whole figure is one that plotly takes."""
    figure = fill(panel, reels, step, selection)
    go.Figure(figure)
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


def record(**changes: Any) -> GradientsRecord:
    norms = 0.5 ** np.arange(4, -1, -1.0)
    fields: dict[str, Any] = {
        "norms": norms,
        "theory": np.zeros(0),
        "radius": math.nan,
        "last": 4,
        "factor": 0.5,
        "parameters": ("rnn.weight_hh_l0", "readout.bias"),
        "parameter_norms": np.array([3.0, 4.0]),
        "total": 5.0,
        "clip": 1.0,
        "clipped": 1.0,
        "loss": 0.25,
    }
    return GradientsRecord(**fields | changes)


# -- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_one_that_plotly_takes_at_every_moment_and_selection(tapes: Any, theme: str) -> None:
    runs, reels, _ = tapes
    made = [
        figures.through_time_panel(runs, theme),
        figures.factor_panel(runs, theme),
        figures.clipping_panel(runs, theme),
        figures.parameters_panel(runs, theme),
        loss_panel(runs, theme, "gradients"),
    ]
    for panel in made:
        for step in range(STEPS + 1):
            for scale, network, clipped in [(0, 0, 0), (1, 4, 1), (1, 99, 0)]:
                chosen = {"scale": scale, "network": network, "clipped": clipped}
                go.Figure(fill(panel, reels, step, chosen))
                if network < 99:
                    assert reading_at(panel, reels, step, chosen)
        go.Figure(fill(panel, [Reel({"gradients": []}) for _ in runs], 0))


def test_the_curve_is_the_measured_norm_or_its_share_of_the_last_one(tapes: Any) -> None:
    runs, reels, records = tapes
    panel = figures.through_time_panel(runs, "light")
    for number, model in enumerate(MODELS):
        norms = records[number][2].norms
        for scale, expected in ((0, norms), (1, norms / norms[-1])):
            drawn = traces(panel, reels, 2, scale=scale)[runs[number]["label"]]
            np.testing.assert_allclose(drawn["y"], expected, rtol=1e-6)
            np.testing.assert_allclose([row[0] for row in drawn["customdata"]], norms, rtol=1e-6)
            assert drawn["line"]["color"] == FAMILY_COLOURS[model]


def test_theory_stands_beside_plain_networks_only_and_is_the_power_of_the_spectral_radius(tapes: Any) -> None:
    runs, reels, records = tapes
    panel = figures.through_time_panel(runs, "light")
    figure = fill(panel, reels, STEPS, {"scale": 1})
    drawn = [trace for trace in figure["data"] if trace.get("name") == "theory: ρᵏ"]
    assert [trace["line"]["color"] for trace in drawn] == [FAMILY_COLOURS["rnn"], FAMILY_COLOURS["rnn_relu"]]
    for number, trace in enumerate(drawn):
        trainer = Trainer(CONFIG.but(model=MODELS[number], heads=7), device="cpu")
        for _ in range(STEPS):
            trainer.advance()
        rho = np.abs(np.linalg.eigvals(trainer.weights()["rnn.weight_hh_l0"].astype(np.float64))).max()
        np.testing.assert_allclose(trace["y"], rho ** np.arange(T - 1, -1, -1.0), rtol=1e-5)
        assert records[number][STEPS].radius == pytest.approx(rho, rel=1e-5)


def test_the_axis_holds_still_because_an_unseen_line_spans_the_whole_tape(tapes: Any) -> None:
    runs, reels, records = tapes
    first = fill(figures.through_time_panel(runs, "light"), reels, 1)["data"][0]
    norms = np.concatenate([each.norms for each in records[0]])
    np.testing.assert_allclose(first["y"], [norms.min(), norms.max()], rtol=1e-6)
    assert first["line"]["color"] == "rgba(0,0,0,0)"
    assert first["hoverinfo"] == "skip"


def test_the_factor_s_history_has_as_its_power_what_arrives_at_the_first_step(tapes: Any) -> None:
    runs, reels, records = tapes
    drawn = traces(figures.factor_panel(runs, "light"), reels, STEPS)
    for number in range(len(MODELS)):
        trace = drawn[runs[number]["label"]]
        shares = [each.norms[0] / each.norms[-1] for each in records[number]]
        assert trace["x"] == list(range(STEPS + 1))
        np.testing.assert_allclose(np.array(trace["y"]) ** (T - 1), shares, rtol=1e-4)


def test_the_band_is_where_a_tenth_to_ten_times_arrives_in_this_sequence(tapes: Any) -> None:
    runs, reels, _ = tapes
    figure = fill(figures.factor_panel(runs, "light"), reels, STEPS)
    band, words = figure["layout"]["shapes"][0], figure["layout"]["annotations"]
    assert [band["y0"] ** (T - 1), band["y1"] ** (T - 1)] == pytest.approx([0.1, 10], rel=1e-5)
    assert [each["y"] for each in words] == [band["y1"], band["y1"], band["y0"]]
    early = gradient_notes.notes(record(norms=np.array([0.25, 0.5, 1.0, 0, 0]), last=2), Moment({"model": "gru"}, 0))
    assert early.arrays["band"] ** 2 == pytest.approx([0.1, 10])


def test_clipping_shows_the_chosen_network_in_its_colour(tapes: Any) -> None:
    runs, reels, _ = tapes
    for number, model in enumerate(MODELS):
        drawn = traces(figures.clipping_panel(runs, "light"), reels, 1, network=number)
        before, after = drawn["before clipping"], drawn["after clipping"]
        assert before["x"] == after["x"] == [1, 2, 3]
        np.testing.assert_allclose(after["y"], np.minimum(before["y"], CONFIG.clip), rtol=1e-5)
        np.testing.assert_array_equal(before["y"], reels[number].metrics["grad_norm"])
        assert after["line"]["color"] == FAMILY_COLOURS[model]


def test_parameters_are_rows_and_steps_columns_before_and_after_clipping(tapes: Any) -> None:
    runs, reels, records = tapes
    panel = figures.parameters_panel(runs, "light")
    for number in (1, 4):
        before = np.array([each.parameter_norms for each in records[number]]).T
        shrunk = np.array([min(1, CONFIG.clip / each.total) for each in records[number]])
        for stage, expected in ((0, before), (1, before * shrunk)):
            table = fill(panel, reels, 0, {"network": number, "clipped": stage})["data"][0]
            assert len(table["y"]) == len(set(table["y"])) == len(before)
            assert table["x"] == list(range(STEPS + 1))
            np.testing.assert_allclose(table["customdata"], expected, rtol=1e-5)
            positive = expected > 0
            np.testing.assert_allclose(np.array(table["z"])[positive], np.log10(expected[positive]), rtol=1e-4)
            assert table["zmin"] <= np.log10(expected[positive]).min() + 1e-5
            assert table["zmax"] >= np.log10(expected[positive]).max() - 1e-5


def test_what_a_log_axis_can_not_show_is_marked_at_its_edges() -> None:
    odd = record(norms=np.array([0.0, 0.0, math.inf, math.nan, 2.0]))
    arrays = gradient_notes.notes(odd, Moment({"model": "rnn"}, 7)).arrays
    assert arrays["mark_at"].tolist() == [0, 1, 2, 3]
    low, high = gradient_notes.AT_ZERO, gradient_notes.NOT_FINITE
    np.testing.assert_allclose(arrays["mark_height"], [low, low, high, high])
    np.testing.assert_array_equal(arrays["curve"][0], [math.nan] * 4 + [2])
    assert gradient_notes.notes(record(), Moment({"model": "rnn"}, 7)).arrays["mark_at"].size == 0


def test_nothing_is_drawn_or_marked_after_the_loss() -> None:
    early = record(norms=np.array([0.25, 0.5, 1.0, 0.0, 0.0]), last=2)
    arrays = gradient_notes.notes(early, Moment({"model": "gru"}, 0)).arrays
    np.testing.assert_array_equal(arrays["curve"][1], [0.25, 0.5, 1.0, math.nan, math.nan])
    assert arrays["mark_at"].size == 0


def test_a_context_of_dead_gradients_has_ranges_that_an_axis_can_take() -> None:
    dead = record(norms=np.zeros(5), parameter_norms=np.zeros(2), total=0.0, clipped=0.0, factor=math.nan)
    arrays = gradient_notes.context([dead, dead])
    assert arrays["span"].tolist() == [[1, 1], [1, 1]]
    assert arrays["parameter_range"].tolist() == [0, 1]


def test_two_runs_of_one_family_are_told_apart() -> None:
    one, other = (CONFIG.but(model="rnn", seed=seed) for seed in (0, 13))
    found = figures_subject.subjects([("a", one, {}), ("b", CONFIG.but(model="lstm"), {}), ("c", other, {})])
    names = [run["label"] for run in found]
    assert names[1] == "LSTM"
    assert names[0].startswith("RNN (tanh)")
    assert names[0].endswith("seed 0")
    assert names[2].endswith("seed 13")
    drawn = figures.through_time_panel(found, "light").figure["data"]
    lines = [trace["line"]["dash"] for trace in drawn if trace.get("name") in (names[0], names[2])]
    assert len(lines) == len(set(lines)) == 2


def test_parameters_have_the_names_of_the_formulas() -> None:
    assert gradient_notes.parameter_words(["rnn.weight_ih_l0", "rnn.bias_hh_l0", "readout.bias"]) == [
        "W_ih",
        "b_hh",
        "readout b",
    ]
    assert gradient_notes.parameter_words(["rnn.weight_hh_l0", "rnn.weight_hh_l1"]) == ["W_hh 1", "W_hh 2"]
    assert gradient_notes.parameter_words(["blocks.2.mlp.expand.weight", "something.new"]) == [
        "3: MLP in",
        "something.new",
    ]


# -- readings ---------------------------------------------------------------------------------


def test_the_share_names_what_arrives_and_what_theory_says() -> None:
    plain = record(theory=np.ones(5), radius=0.75)
    assert gradient_notes.share_reading(plain, "rnn") == (
        "RNN (tanh): h at t = 0 gets 0.0625 of the gradient at t = 4; ρ = 0.750 predicts 0.316."
    )
    assert gradient_notes.share_reading(record(), "transformer").startswith("Transformer: x at t = 0 gets 0.0625")
    small = record(norms=np.array([1e-9, 1, 1, 1, 2.0]))
    assert "gets 5·10⁻¹⁰ of" in gradient_notes.share_reading(small, "gru")


@pytest.mark.parametrize(
    ("changes", "share", "verdict"),
    [
        (
            {"norms": np.array([0, 0, 0.1, 1, 2.0])},
            "at 2 steps it is exactly 0",
            "vanishing, nothing arrives at t = 0 (exactly 0 at 2 of 4 earlier steps).",
        ),
        ({"norms": np.array([0, 0, 0, 0, 2.0]), "factor": math.nan}, "at 4 steps it is exactly 0", "nothing at all"),
        ({"norms": np.zeros(5), "factor": math.nan}, "the loss at t = 4 has no gradient", "no verdict"),
        (
            {"norms": np.array([math.inf, 1, 1, 1, 1])},
            "not a finite number at 1 of 5",
            "exploding, beyond what a number can hold from 4 steps back",
        ),
        (
            {"norms": np.full(5, math.nan), "factor": math.nan},
            "not a number at 5 of 5",
            "no verdict, for the gradient is not a number at 5 of 5",
        ),
        ({"norms": np.ones(1), "last": 0, "factor": math.nan}, "with one time step", "no verdict"),
        (
            {"norms": np.ones(5), "factor": 1.0},
            "gets 1 of",
            "healthy, as much arrives over 4 steps, × 1.00 per step back.",
        ),
        (
            {"norms": 2.5 ** np.arange(5.0)[::-1], "factor": 2.5},
            "gets 39.1 of",
            "exploding, 39.1 times as much arrives over 4 steps, × 2.50 per step back (doubled in 0.76 steps).",
        ),
        (
            {"norms": 1.25 ** np.arange(5.0)[::-1], "factor": 1.25},
            "gets 2.44 of",
            "healthy, 2.44 times as much arrives over 4 steps",
        ),
        ({"norms": np.array([1, 8, 1, 9, 1.0]), "factor": 0.9}, "gets 1 of", "healthy, as much arrives over 4 steps"),
        (
            {"norms": np.array([3, 3, 3, 3, 3, 3, 3, 400.0]), "factor": 0.66, "last": 7},
            "gets 0.0075 of",
            "no steady trend, 0.0075 of it arrives over 7 steps; a straight line, × 0.66 per step back, explains only 33% of",
        ),
        ({"norms": np.array([math.nan, 4, 2.0]), "last": 2}, "not a number at 1 of 3", "not a number at 1 of 3 steps."),
        ({"norms": np.array([1, 2, math.inf]), "last": 2}, "not a finite", "no verdict, for the loss's own gradient"),
        ({"norms": np.array([math.nan]), "last": 0}, "not a number at 1 of 1 step.", "not a number at 1 of 1 step."),
        (
            {"norms": np.array([0.5, 1]), "last": 1},
            "at t = 0 gets 0.5 of",
            "healthy, 0.5 of it arrives over 1 step, × 0.500",
        ),
    ],
)
def test_readings_are_right_at_the_extremes(changes: dict[str, Any], share: str, verdict: str) -> None:
    each = record(**changes)
    assert share in gradient_notes.share_reading(each, "rnn_relu")
    assert verdict in gradient_notes.verdict_reading(each, "rnn_relu")
    notes = gradient_notes.notes(each, Moment({"model": "rnn_relu"}, 0))
    assert all(notes.readings.values())


@settings(deadline=None)
@given(factor=st.floats(0.3, 2))
def test_the_verdict_s_half_life_halves(factor: float) -> None:
    norms = factor ** np.arange(4, -1, -1.0)
    said = gradient_notes.verdict_reading(record(norms=norms, factor=factor), "lstm")
    word = "vanishing" if factor**4 < 0.1 else "exploding" if factor**4 > 10 else "healthy"
    if min(abs(factor**4 - 0.1), abs(factor**4 - 10)) > 1e-3:
        assert word in said
    if abs(math.log(factor)) > 1e-2:
        time = float(said.rsplit(" in ", 1)[1].split()[0])
        assert ("half lost" in said) == (factor < 1)
        assert time == pytest.approx(math.log(2) / abs(math.log(factor)), abs=0.51 if time >= 10 else 0.051)


def test_the_verdict_s_chart_does_not_call_dead_gradients_growing() -> None:
    dead = record(norms=np.array([0, 0, 0, 8, 1.0]), factor=8.0)
    assert gradient_notes.per_step(dead) == 0
    assert gradient_notes.per_step(record()) == pytest.approx(0.5)
    assert math.isnan(gradient_notes.per_step(record(norms=np.array([math.nan, 1, 1, 1, 1]))))


@settings(deadline=None)
@given(logs=st.lists(st.floats(-60, 60), min_size=3, max_size=20))
def test_what_a_line_explains_is_one_less_the_share_of_its_residuals(logs: list[float]) -> None:
    found = gradient_notes.explained(np.exp(logs))
    if np.ptp(logs) < 1e-3:
        assert 0 <= found <= 1
    else:
        line = np.polynomial.Polynomial.fit(np.arange(len(logs)), logs, 1)(np.arange(len(logs)))
        rest = ((np.array(logs) - line) ** 2).sum() / ((np.array(logs) - np.mean(logs)) ** 2).sum()
        assert found == pytest.approx(1 - rest, abs=1e-6)


def test_clipping_counts_the_updates_that_were_clipped() -> None:
    metrics = {
        "step": np.array([1, 2, 3, 4]),
        "grad_norm": np.array([3.0, 0.5, 2.0, 0.25]),
        "clipped": np.array([1.0, 0.5, 1.0, 0.25]),
    }
    meta = {"model": "gru"}
    said = gradient_notes.clipping_reading
    assert said(record(), Moment(meta, 0, metrics)) == "GRU: no step taken yet."
    assert said(record(), Moment(meta, 3, metrics)) == (
        "GRU, step 3: gradient norm 2, clipped to 1; 67% of the updates were clipped."
    )
    assert "0.25, within the limit of 1; 50% of" in said(record(), Moment(meta, 4, metrics))
    assert "nothing is clipped" in said(record(clip=0.0), Moment(meta, 4, metrics))
    lost = {"step": np.array([1]), "grad_norm": np.array([math.nan]), "clipped": np.array([math.nan])}
    assert said(record(), Moment(meta, 1, lost)) == "GRU, step 1: the norm of the gradient is not a number."
    at = {"step": np.array([1]), "grad_norm": np.array([1.0]), "clipped": np.array([1.0])}
    assert "gradient norm 1, within the limit of 1; 0% of the updates" in said(record(), Moment(meta, 1, at))
    many = {"step": np.arange(400), "grad_norm": np.full(400, 2.0), "clipped": np.r_[np.ones(399), 2.0]}
    assert "within the limit of 1; over 99% of the updates" in said(record(), Moment(meta, 400, many))


def test_the_parameters_reading_names_the_extremes_before_and_after_clipping() -> None:
    said = gradient_notes.parameters_reading
    assert "readout b has the largest gradient, 4, W_hh the smallest, 3 (before" in said(record(), "rnn", 0)
    assert "readout b has the largest gradient, 0.8, W_hh the smallest, 0.6 (after" in said(record(), "rnn", 1)
    assert "no parameter" in said(record(parameter_norms=np.zeros(2), total=0.0, clipped=0.0), "rnn", 1)
    assert "not finite" in said(record(parameter_norms=np.array([math.nan, 1]), total=math.nan), "rnn", 0)
    one = record(parameters=("readout.bias",), parameter_norms=np.array([5.0]))
    assert "smallest" not in said(one, "rnn", 0)


# -- the dial ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", [0.1, 0.9, 1.0, 1.7])
def test_the_dial_s_curves_are_those_of_the_matrix_multiplied_out(kind: str, radius: float) -> None:
    rows = 13
    dial = turn(kind, radius, rows, K=17)
    if kind == "gaussian":
        W = np.random.default_rng(0).standard_normal((rows, rows))
        W *= radius / np.abs(np.linalg.eigvals(W)).max()
    elif kind == "orthogonal":
        W = radius * np.linalg.qr(np.random.default_rng(1).normal(size=(rows, rows)))[0]
    else:
        W = np.array([[radius, 10], [0, radius]])
    assert len(W) == dial.N
    product = np.eye(len(W))
    for k in range(18):
        singular = np.linalg.svd(product, compute_uv=False)
        assert dial.largest[k] == pytest.approx(singular[0], rel=1e-6)
        assert dial.average[k] == pytest.approx(math.sqrt((singular**2).mean()), rel=1e-6)
        assert dial.rate[k] == pytest.approx(np.abs(np.linalg.eigvals(W)).max() ** k, rel=1e-5)
        assert dial.bound[k] == pytest.approx(np.linalg.svd(W, compute_uv=False)[0] ** k, rel=1e-6)
        product = W.T @ product


def test_the_non_normal_example_grows_first() -> None:
    panel = dial_panel(turn("non-normal", 0.9), "light")
    assert "vanishing in the long run" in panel.reading
    assert "first grows × 38.7, at k = 9" in panel.reading


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), radius=st.floats(0.1, 2), N=st.sampled_from([2, 4, 8]))
def test_the_dial_draws_whatever_it_is_turned_to(kind: str, radius: float, N: int) -> None:
    panel = dial_panel(turn(kind, radius, N), "dark")
    go.Figure(panel.figure)
    assert panel.figure["layout"]["yaxis"]["range"] == list(RANGE)
    assert float(panel.reading.split()[2].rstrip(":")) == pytest.approx(radius, rel=0.005)
    assert panel.slots == ()


def test_values_beyond_float64_leave_a_gap() -> None:
    dial = turn("non-normal", 2.0, K=2000)
    drawn = dial_panel(dial, "light").figure["data"]
    assert dial.bound[-1] == math.inf
    assert drawn[0]["y"][-1] is None
    assert all(value is None or 0 < value < math.inf for trace in drawn for value in trace["y"])


@pytest.mark.parametrize(("kind", "radius"), [("cubic", 1.0), ("gaussian", 0.0), ("orthogonal", math.nan)])
def test_the_dial_refuses_what_can_not_be(kind: str, radius: float) -> None:
    with pytest.raises(ValueError, match=r"kind|radius"):
        turn(kind, radius)


# -- the page ---------------------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "gradients.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    return app


def pressed(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def test_train_starts_every_chosen_network_on_the_same_batches(store: Store) -> None:
    app = opened(networks="rnn,lstm,transformer", length="23")
    assert "Press Train" in app.info[0].value
    pressed(app, "gradients-train")
    runs = {run.config.model: run.config for run in store.runs()}
    assert set(runs) == {"rnn", "lstm", "transformer"}
    assert {(each.task, each.length, each.batch, each.seed) for each in runs.values()} == {("adding", 23, 64, 0)}
    assert app.query_params["networks"] == "rnn,lstm,transformer"
    again = opened(run=app.query_params["run"])
    assert again.session_state["gradients.networks"] == ["rnn", "lstm", "transformer"]


def test_all_networks_are_asked_for_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_QUEUED", "2")
    app = pressed(opened(), "gradients-train")
    assert "allows 2" in app.error[0].value
    assert store.runs() == []


@pytest.mark.parametrize("count", [0, 5])
def test_no_network_or_too_many_are_refused_with_the_way_out(store: Store, count: int) -> None:
    app = opened()
    app.session_state["gradients.networks"] = list(MODELS[:count])
    app.run()
    assert not app.exception
    assert f"{count} networks are chosen" in app.error[0].value
    assert app.button(key="gradients-train").disabled


def test_an_address_with_an_unknown_network_is_refused_in_the_page(store: Store) -> None:
    app = opened(networks="rnn,perceptron")
    assert "perceptron" in app.warning[0].value
    assert app.session_state["gradients.networks"] == ["rnn", "lstm", "gru"]


def test_a_layer_count_that_one_of_the_networks_can_not_have_is_refused(store: Store) -> None:
    app = opened(networks="rnn,transformer", layers="0")
    assert app.warning or app.error
    alone = opened(networks="transformer", model="transformer", layers="0")
    assert not alone.error


def test_recorded_runs_are_shown_with_their_names(store: Store) -> None:
    recorded(store, CONFIG.but(model="gru"))
    app = opened(run="gru")
    assert app.session_state["gradients.networks"] == ["gru"]
    assert not app.info
    assert app.title[0].value == "Why does an RNN forget?"


def test_the_dial_sets_how_the_next_run_starts(store: Store) -> None:
    app = opened()
    app.slider(key="dial-radius").set_value(1.3).run()
    next(button for button in app.button if button.label == "Start W_hh like this").click().run()
    assert not app.exception
    assert app.session_state["gradients.init"] == "gaussian"
    assert app.session_state["gradients.radius"] == 1.3
    pressed(app, "gradients-train")
    assert {(run.config["init"], run.config["radius"]) for run in store.runs()} == {("gaussian", 1.3)}


def test_what_is_chosen_for_one_of_several_networks_reaches_it(store: Store) -> None:
    app = opened(networks="rnn,lstm,transformer", forget_bias="2.0", heads="8", width="16", layers="1")
    assert app.query_params["forget_bias"] == "2.0"
    pressed(app, "gradients-train")
    found = {run.config.model: run.config.relevant() for run in store.runs()}
    assert found["lstm"]["forget_bias"] == 2.0
    assert found["transformer"]["heads"] == 8
    assert found["rnn"].keys() & {"forget_bias", "heads"} == set()


def test_every_family_has_a_name_for_its_pill() -> None:
    assert set(FAMILY_NAMES) == set(MODELS)
