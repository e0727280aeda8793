"""The Jacobian dial: matrices, spectra and products against torch and closed forms; its figures, sentences and page."""

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
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.jacobian import look as lens
from explainer.lenses.jacobian import notes as words
from explainer.lenses.jacobian import panels as figures
from explainer.lenses.jacobian.record import JacobianRecord
from explainer.models import Recurrent, SequenceModel, build, observe
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.followed import horizon, moments
from tests.families import PARTS, RECURRENT

PROJECT = Path(__file__).resolve().parents[1]
T, N = 11, 7


def setting(model: str, task: str = "repeat", **more: Any) -> tuple[Recurrent, Batch, Task]:
    """A model, a batch and its task in float64."""
    fields = {"model": model, "task": task, "length": T, "symbols": 5, "batch": 3, "width": N}
    config = RunConfig(**{**fields, **more})
    made = make_task(config)
    batch = made.batch(2)
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    network = build(config, made.inputs, made.outputs).double()
    assert isinstance(network, Recurrent)
    return network, batch, made


def looked(model: SequenceModel, batch: Batch, task: Task) -> JacobianRecord:
    record = LENSES["jacobian"].look(model, batch, task)
    assert isinstance(record, JacobianRecord)
    return record


def oracle(model: Recurrent, batch: Batch, t: int) -> np.ndarray:
    """ds_t/ds_(t-1) of the top layer by torch's own Jacobian of the fused module."""
    layers, width = model.rnn.num_layers, model.rnn.hidden_size
    x = torch.nn.functional.one_hot(batch.x[:1], model.eye.shape[0]).double() if model.has_tokens else batch.x[:1]
    states = 2 if isinstance(model.rnn, torch.nn.LSTM) else 1
    zero = torch.zeros(layers, 1, width, dtype=torch.float64)
    held = (zero,) * states
    if t > 0:
        with torch.no_grad():
            _, found = model.rnn(x[:, :t])
        held = found if isinstance(found, tuple) else (found,)

    def step(flat: Tensor) -> Tensor:
        top = flat.reshape(states, 1, width)
        parts = tuple(torch.cat([part[:-1], new[None]]) for part, new in zip(held, top, strict=True))
        _, after = model.rnn(x[:, t : t + 1], parts if states > 1 else parts[0])
        return torch.cat([part[-1, 0] for part in (after if isinstance(after, tuple) else (after,))])

    at = torch.cat([part[-1, 0] for part in held]).detach()
    return torch.autograd.functional.jacobian(step, at).detach().numpy()


def closest(found: np.ndarray, expected: np.ndarray) -> float:
    """How far the one set of complex numbers is from the other."""
    distances = np.abs(found[:, None] - expected[None])
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))


# -- spectra and products ---------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", RECURRENT)
def test_spectra_are_those_of_torch_s_own_jacobian(name: str, layers: int) -> None:
    model, batch, task = setting(name, layers=layers)
    record = looked(model, batch, task)
    J = {t: oracle(model, batch, t) for t in range(T)}
    for choice, (t, span) in enumerate(zip(record.steps.tolist(), record.spans.tolist(), strict=True)):
        product = np.linalg.multi_dot([J[t - k] for k in range(span)]) if span > 1 else J[t]
        values, singular = np.linalg.eigvals(product), np.linalg.svd(product, compute_uv=False)
        known = singular > 1e-6 * singular[0]
        np.testing.assert_allclose(record.singular[choice][known] ** span, singular[known], rtol=1e-5)
        found = record.eigenvalues[choice, :, 0] + 1j * record.eigenvalues[choice, :, 1]
        found = found[np.isfinite(found)]
        hidden = [0.0] * (len(values) - len(found))  # rounding makes no number of these, and they are tiny
        found_values = np.concatenate([np.abs(found) ** span * np.exp(1j * np.angle(found)), hidden])
        assert closest(found_values, values) < 1e-6 * singular[0]
        assert (np.diff(np.abs(found)) < 1e-9).all(), "longest first"
    assert record.eigenvalues.shape[1] == PARTS[name] * N


@pytest.mark.parametrize("name", RECURRENT)
def test_the_decay_is_that_of_explicit_products_and_of_autograd(name: str) -> None:
    model, batch, task = setting(name, task="adding")
    record = looked(model, batch, task)
    last = T - 1
    assert record.last == last
    assert len(record.measured) == T
    point = "layer.0.hidden"
    with observe(model) as seen:
        loss = task.loss_per_position(model(batch.x), batch)[0, last]
    hidden = [each[0] for each in torch.autograd.grad(loss, seen[point], retain_graph=True)]
    product, size = np.eye(PARTS[name] * N), None
    g = np.zeros(PARTS[name] * N)
    g[:N] = hidden[last].numpy()
    for k in range(T):
        assert record.largest[k] == pytest.approx(np.linalg.norm(product, 2), rel=1e-9)
        size = np.linalg.norm(g @ product)
        assert record.measured[k] == pytest.approx(size / np.linalg.norm(g), rel=1e-9)
        np.testing.assert_allclose((g @ product)[:N], hidden[last - k].numpy(), rtol=1e-8, atol=1e-14)
        assert record.largest[k] <= record.bound[k] * (1 + 1e-9)
        assert record.measured[k] <= record.largest[k] * (1 + 1e-9)
        if k < last:
            product = product @ oracle(model, batch, last - k)


@pytest.mark.parametrize("name", ["rnn", "rnn_relu"])
def test_theory_of_a_plain_network_is_w_hh(name: str) -> None:
    model, batch, task = setting(name, init="gaussian", radius=1.3)
    record = looked(model, batch, task)
    W = model.weights(0).w_hidden.detach().numpy()
    assert record.theory == "W_hh"
    assert record.radius == pytest.approx(1.3)
    assert record.sigma == pytest.approx(np.linalg.svd(W, compute_uv=False)[0])
    np.testing.assert_allclose(record.rate, record.radius ** np.arange(T))
    np.testing.assert_allclose(record.bound, record.sigma ** np.arange(T))


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_theory_of_a_gated_network_is_its_jacobian_at_rest(name: str) -> None:
    model, batch, task = setting(name, task="adding")
    record = looked(model, batch, task)
    J = oracle(model, replace(batch, x=torch.zeros_like(batch.x)), 0)
    assert record.theory == "rest"
    assert record.radius == pytest.approx(np.abs(np.linalg.eigvals(J)).max(), rel=1e-9)
    sigmas = [np.linalg.svd(oracle(model, batch, t), compute_uv=False)[0] for t in range(T - 1, 0, -1)]
    np.testing.assert_allclose(record.bound, np.cumprod([1, *sigmas]), rtol=1e-9)


def test_in_a_linear_network_theory_holds_and_nothing_is_saturated() -> None:
    model, batch, task = setting("rnn_relu", task="adding")
    with torch.no_grad():
        for weight in model.rnn.parameters():
            weight.abs_()  # with inputs >= 0 every unit is active: J_t = W_hh at every step
    record = looked(model, batch, task)
    W = model.weights(0).w_hidden.detach().numpy()
    np.testing.assert_allclose(record.largest, [np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in range(T)])
    assert not record.saturated.any()
    assert (record.slope == 1).all()
    assert words.fails_from(record) == 0
    assert "They agree within tenfold all the way." in words.decay_reading(record, "RNN")


def test_tiny_states_make_a_tanh_network_linear() -> None:
    model, batch, task = setting("rnn", task="adding")
    with torch.no_grad():
        for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
            model.rnn.get_parameter(name).mul_(1e-9)
    record = looked(model, batch, task)
    W = model.weights(0).w_hidden.detach().numpy()
    found = record.eigenvalues[0, :, 0] + 1j * record.eigenvalues[0, :, 1]
    assert closest(found, np.linalg.eigvals(W)) < 1e-9
    np.testing.assert_allclose(record.slope, 1)


def test_a_saturated_network_is_far_below_its_theory_and_says_why() -> None:
    model, batch, task = setting("rnn", task="adding", init="orthogonal")
    with torch.no_grad():
        model.rnn.get_parameter("bias_ih_l0").fill_(6.0)
    record = looked(model, batch, task)
    assert record.radius == pytest.approx(1)
    assert (record.saturated == 1).all()
    assert words.fails_from(record) == 1
    said = words.decay_reading(record, "RNN (tanh)")
    assert "Theory is off tenfold from 1 step back: 100% of the activations there are saturated" in said
    arrays = words.notes(record, Moment({"model": "rnn"}, 0)).arrays
    assert arrays["flat_at"].tolist() == list(range(1, T))


@pytest.mark.parametrize("name", RECURRENT)
def test_saturation_is_counted_by_slopes_by_hand(name: str) -> None:
    model, batch, task = setting(name, init="gaussian", radius=3.0)
    record = looked(model, batch, task)
    points = {
        "rnn": {"hidden": ("preactivation", lambda a: 1 - np.tanh(a) ** 2)},
        "rnn_relu": {"hidden": ("preactivation", lambda a: (a > 0) * 1.0)},
        "lstm": {gate: (f"gates.{gate}", lambda s: 4 * s * (1 - s)) for gate in ("input", "forget", "output")}
        | {"candidate": ("gates.candidate", lambda g: 1 - g**2)},
        "gru": {gate: (f"gates.{gate}", lambda s: 4 * s * (1 - s)) for gate in ("reset", "update")}
        | {"candidate": ("gates.candidate", lambda g: 1 - g**2)},
    }[name]
    assert record.part_names == tuple(points)
    with torch.no_grad(), observe(model) as seen:
        model(batch.x)
    slopes = np.array(
        [[slope(step[0].numpy()) for step in seen[f"layer.0.{point}"]] for point, slope in points.values()]
    )
    np.testing.assert_allclose(record.parts, (slopes < 0.1).mean(axis=-1))
    np.testing.assert_allclose(record.saturated, (slopes < 0.1).mean(axis=(0, 2)))
    np.testing.assert_allclose(record.slope, slopes.mean(axis=(0, 2)))


def test_a_product_of_many_steps_neither_vanishes_nor_overflows() -> None:
    K = 400
    for factor in (1e-5, 1e5):
        J = torch.eye(3, dtype=torch.float64)[None].expand(K, 3, 3) * factor
        eigenvalues, singular = lens.per_step(lens.products_back(J)[K], K)
        np.testing.assert_allclose(singular, factor, rtol=1e-9)
        np.testing.assert_allclose(np.hypot(*eigenvalues.T), factor, rtol=1e-9)


def test_what_rounding_hides_in_a_product_is_no_number() -> None:
    J = torch.diag(torch.tensor([1.0, 0.9, 1e-6], dtype=torch.float64)).expand(5, 3, 3)
    eigenvalues, singular = lens.per_step(lens.products_back(J)[5], 5)
    np.testing.assert_allclose(singular, [1, 0.9, math.nan])
    np.testing.assert_allclose(eigenvalues[:, 0], [1, 0.9, math.nan])


def test_a_network_that_passes_nothing_on() -> None:
    model, batch, task = setting("rnn_relu", task="adding")
    with torch.no_grad():
        model.rnn.get_parameter("bias_ih_l0").fill_(-99)
    record = looked(model, batch, task)
    assert not record.eigenvalues[0].any()
    assert record.measured[0] == 1
    assert not record.measured[1:].any()
    notes = words.notes(record, Moment({"model": "rnn_relu"}, 0))
    assert "from 1 step back: 100% of the activations there are saturated" in notes.readings["decay"]
    assert "measured × 0, and" in notes.readings["history"]
    assert "exactly 0 or not finite" in notes.readings["plane"][str(len(record.steps) - 1)]


def test_the_lens_suits_recurrent_networks_whose_state_is_not_too_large() -> None:
    suits = LENSES["jacobian"].suits
    assert suits(RunConfig(model="lstm", width=128))
    assert not suits(RunConfig(model="lstm", width=129))
    assert suits(RunConfig(model="gru", width=256))
    assert not suits(RunConfig(model="transformer", width=8))


def test_an_input_without_anything_to_predict_is_refused() -> None:
    model, batch, task = setting("gru")
    with pytest.raises(ValueError, match="at least two steps"):
        looked(model, replace(batch, mask=torch.zeros_like(batch.mask)), task)


@pytest.mark.parametrize("last", [0, 1, 2, 9, 49, 1023])
@pytest.mark.parametrize("size", [1, 64, 256])
def test_the_moments_that_are_taken_apart_lie_within_the_horizon(last: int, size: int) -> None:
    singles, spans = moments(last, size)
    K = horizon(last, size)
    assert singles[0] == last
    assert len(singles) + len(spans) <= words.MOST_CHOICES
    assert all(last - K < t <= last for t in singles) or last == 0
    assert all(2 <= span <= K for span in spans)
    assert not spans or spans[-1] == K


# -- figures and sentences --------------------------------------------------------------------


def made(**changes: Any) -> JacobianRecord:
    K = 4
    fields: dict[str, Any] = {
        "eigenvalues": np.array([[[0.6, 0.8], [0.6, -0.8]], [[1.5, 0], [math.nan, math.nan]]]),
        "singular": np.array([[2.0, 0.5], [1.6, math.nan]]),
        "steps": np.array([4, 4], np.int32),
        "spans": np.array([1, 4], np.int32),
        "rate": 0.5 ** np.arange(K + 1),
        "bound": 2.0 ** np.arange(K + 1),
        "largest": 0.6 ** np.arange(K + 1),
        "measured": 0.5 ** np.arange(K + 1),
        "radius": 0.5,
        "sigma": 2.0,
        "theory": "W_hh",
        "saturated": np.array([0, 0, 0.25, 0.75, 1.0]),
        "slope": np.full(5, 0.5),
        "parts": np.array([[0, 0, 0.25, 0.75, 1.0]]),
        "part_names": ("hidden",),
        "last": 4,
        "tokens": tuple("abcde"),
    }
    return JacobianRecord(**fields | changes)


@pytest.fixture(scope="module")
def shown() -> tuple[list[dict[str, Any]], list[Reel], dict[str, list[JacobianRecord]]]:
    runs, reels, kept = [], [], {}
    for name in RECURRENT:
        model, batch, task = setting(name)
        records = [looked(model, batch, task), looked(model, replace(batch, x=batch.x.flip(1)), task)]
        frames = []
        for number, record in enumerate(records):
            arrays, text = to_arrays(record)
            notes = words.notes(record, Moment({"model": name}, 10 * number))
            everything = {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}
            frames.append(Frame(10 * number, *everything, notes.readings))
        runs.append(subject(task.config, {}))
        reels.append(Reel({"jacobian": frames}, contexts={"jacobian": words.context(records)}))
        kept[name] = records
    return runs, reels, kept


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_one_that_plotly_takes_at_every_choice(shown: Any, theme: str) -> None:
    runs, reels, _ = shown
    for panel in figures.page_panels(runs, theme):
        for step in (0, 7, 10):
            for network, choice in ((0, 0), (1, 7), (2, 12), (3, 3)):
                chosen = {"network": network, "of": choice}
                go.Figure(fill(panel, reels, step, chosen))
                assert reading_at(panel, reels, step, chosen)
        go.Figure(fill(panel, [Reel({"jacobian": []}) for _ in runs], 0))
    for panel in figures.preset_panels(theme):
        go.Figure(panel.figure)
        assert panel.reading


def test_the_plane_shows_the_chosen_spectrum(shown: Any) -> None:
    runs, reels, records = shown
    figure = fill(figures.plane_panel(runs, "light"), reels, 10, {"network": 2, "of": 3})
    record = records["lstm"][1]
    circle, values, singular = figure["data"]
    np.testing.assert_allclose(np.hypot(circle["x"], circle["y"]), 1, atol=1e-4)
    np.testing.assert_allclose(values["x"], record.eigenvalues[3, :, 0], atol=1e-6)
    np.testing.assert_allclose(values["y"], record.eigenvalues[3, :, 1], atol=1e-6)
    np.testing.assert_allclose(singular["x"], record.singular[3], rtol=1e-6)
    assert figure["layout"]["xaxis"]["range"] == figure["layout"]["yaxis"]["range"]
    assert figure["layout"]["xaxis"]["range"][1] >= min(4.0, np.nanmax(record.singular))


def test_the_decay_has_theory_bound_and_measured_line(shown: Any) -> None:
    runs, reels, records = shown
    for network, name in enumerate(RECURRENT):
        figure = fill(figures.decay_panel(runs, "light"), reels, 0, {"network": network})
        record = records[name][0]
        for trace, curve in zip(
            figure["data"], (record.bound, record.rate, record.largest, record.measured), strict=False
        ):
            np.testing.assert_allclose(trace["y"], curve)
            assert trace["x"] == list(range(T))
        assert figure["data"][1]["name"] == ("ρᵏ of W_hh" if name.startswith("rnn") else "ρᵏ at rest")


def test_the_choices_of_the_page_are_those_of_the_record(shown: Any) -> None:
    runs, _, records = shown
    names = figures.selections([runs[2]])["of"][1]
    record = records["lstm"][0]
    assert len(names) == len(record.steps)
    for name, t, span in zip(names, record.steps, record.spans, strict=True):
        assert name == (f"spectrum: the step to t = {t}" if span == 1 else f"spectrum: the last {span} steps")


def test_the_preset_grows_before_it_decays() -> None:
    plane, decay = figures.preset_panels("light")
    assert plane.figure["data"][1]["x"] == pytest.approx([0.9, 0.9])
    sigma = math.sqrt((100 + 1.62 + math.sqrt((100 + 1.62) ** 2 - 4 * 0.81**2)) / 2)  # of W W^T: trace and determinant
    assert plane.figure["data"][2]["x"] == pytest.approx([sigma, 0.81 / sigma])
    assert "largest singular value is 10.1, far outside" in plane.reading
    assert "first grows × 38.7, at k = 9" in decay.reading


def test_the_plane_s_sentence_counts_what_is_outside() -> None:
    record = made()
    assert words.plane_reading(record, 0) == (
        "Step to t = 4: the largest singular value is 2, the eigenvalue farthest from 0 has |λ| = 1; none of 2 lie outside the circle."
    )
    assert words.plane_reading(record, 1) == (
        "Product of the 4 steps to t = 4, per step: the largest singular value is 1.6, the eigenvalue farthest from 0 has |λ| = 1.5; "
        "one of 2 lies outside the circle (1 too near 0 to tell from rounding)."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "after 4 steps back 0.0625 is measured; ρ = 0.500 of W_hh says 0.0625. They agree within tenfold all"),
        ({"measured": 0.2 ** np.arange(5.0)}, "off tenfold from 3 steps back: 67% of the activations there are sat"),
        (
            {"measured": 0.25 ** np.arange(5.0), "saturated": np.zeros(5), "rate": 0.5 ** np.arange(5.0)},
            "off tenfold from 4 steps back, with 0% saturated: slopes of 0.50 on average are enough",
        ),
        (
            {"measured": 0.05 ** np.arange(5.0), "saturated": np.zeros(5), "slope": np.ones(5)},
            "from 1 step back; neither saturation (0%) nor the mean slope (1.00) is enough for that, so the steps must stretch in different directions.",
        ),
        (
            {"measured": 0.1 ** np.arange(5.0), "saturated": np.zeros(5), "theory": "rest"},
            "with 0% saturated: the gates stand elsewhere than at rest.",
        ),
        ({"measured": np.array([1, 0, 0, 0, 0.0])}, "off tenfold from 1 step back: 100% of"),
        ({"measured": np.full(5, math.nan)}, "no gradient that is a finite number"),
        (
            {"measured": np.array([1, 1e30, math.inf, math.inf, math.inf])},
            "the measured gradient is beyond what a number can hold from 2 steps back.",
        ),
        (
            {"measured": np.array([1, math.nan, math.inf, math.inf, math.nan])},
            "the measured gradient is not a number from 1 step back.",
        ),
        ({"radius": math.nan, "rate": np.full(5, math.nan)}, "W_hh is not all finite numbers, so there is no ρ."),
        (
            {name: 0.5 ** np.arange(2) for name in ("rate", "bound", "largest", "measured")},
            "after 1 step back 0.5 is measured; ρ = 0.500 of W_hh says 0.5.",
        ),
        (
            {"rate": np.array([1, 1e30, math.inf, math.inf, math.inf])},
            "says more than 10³⁸. Theory is off tenfold from 1",
        ),
        (dict.fromkeys(("rate", "bound", "largest", "measured"), np.ones(1)), "nothing to multiply"),
    ],
)
def test_the_decay_s_sentence_says_where_theory_is_off_and_why(changes: dict[str, Any], said: str) -> None:
    record = made(**changes)
    notes = words.notes(record, Moment({"model": "rnn"}, 0))
    assert said in notes.readings["decay"]
    assert all(notes.readings["plane"].values())
    words.context([record])


def test_marks_are_where_more_than_half_is_saturated_counted_from_the_loss() -> None:
    arrays = words.notes(made(measured=0.2 ** np.arange(5.0)), Moment({"model": "rnn"}, 0)).arrays
    assert arrays["flat_at"].tolist() == [1, 2], "t = 4 and 3 are the newest factors at lags 1 and 2"
    assert arrays["fails_at"].tolist() == [3, 3]
    assert words.notes(made(), Moment({"model": "rnn"}, 0)).arrays["fails_at"].size == 0


def test_the_saturation_s_sentence() -> None:
    assert words.saturation_reading(made(), "RNN") == (
        "RNN: 40% of the activations are saturated, most at t = 4 (100%); the mean slope is 0.50 of the largest."
    )
    calm = made(saturated=np.zeros(5), parts=np.zeros((1, 5)))
    assert words.saturation_reading(calm, "RNN").startswith("RNN: no activation is saturated; the mean slope is 0.50")
    gates = made(parts=np.array([[0.1] * 5, [0.7] * 5]), part_names=("candidate", "forget"))
    assert "most of all the forget gate (70%)" in words.saturation_reading(gates, "LSTM")
    wild = made(saturated=np.full(5, math.nan))
    assert "not finite numbers" in words.saturation_reading(wild, "LSTM")


def test_the_history_s_sentence_has_three_factors() -> None:
    said = words.history_reading(made(), Moment({"model": "rnn"}, 7), "RNN")
    assert said == "RNN, step 7: theory × 0.500 per step back, measured × 0.500, and the bound allows × 2."


# -- the page ---------------------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "jacobian.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    return app


def test_the_page_opens_and_trains(store: Store) -> None:
    app = opened(networks="rnn,gru")
    assert app.title[0].value == "When does theory fail?"
    app.button(key="jacobian-train").click().run()
    assert not app.exception
    assert {run.config.model for run in store.runs()} == {"rnn", "gru"}
    assert all(run.lenses == ("jacobian",) for run in store.runs())


def test_a_state_that_is_too_large_is_refused_with_the_way_out(store: Store) -> None:
    app = opened(networks="lstm", width="200")
    assert "Choose a width of at most 128" in app.error[0].value
    assert app.button(key="jacobian-train").disabled
