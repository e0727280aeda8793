"""Fixed points: Jacobians and points against torch's own cells, closed forms and bisection; figures, sentences, page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
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
from explainer.lenses.fixed_points import look as lens
from explainer.lenses.fixed_points import notes as words
from explainer.lenses.fixed_points import panels as figures
from explainer.lenses.fixed_points.cell_jacobians import advance, linearise
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.models import Recurrent, build
from explainer.records import to_arrays
from explainer.runs.store import Store
from explainer.runs.tape import decode_view
from explainer.runs.tape_file import load_shipped
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory import stability
from tests.families import RECURRENT

PROJECT = Path(__file__).resolve().parents[1]
T, N, S = 11, 7, 5
RUN = {"model": "gru", "task": "flipflop", "memories": RunConfig(task="flipflop", bits=2).problem.memories}


def setting(model: str, **more: Any) -> tuple[Recurrent, Batch, Task]:
    fields = {"model": model, "task": "flipflop", "bits": 2, "length": T, "batch": 3, "width": N}
    config = RunConfig(**{**fields, **more})
    task = make_task(config)
    network = build(config, task.inputs, task.outputs)
    assert isinstance(network, Recurrent)
    return network, task.batch(2), task


def looked(model: Recurrent, batch: Batch, task: Task) -> FixedPointsRecord:
    record = LENSES["fixed_points"].look(model, batch, task)
    assert isinstance(record, FixedPointsRecord)
    return record


def torch_step(model: Recurrent, x: Tensor) -> Callable[[Tensor], Tensor]:
    """One step of torch's fused module, as a function of the whole state of one layer."""
    lstm = isinstance(model.rnn, torch.nn.LSTM)

    def step(state: Tensor) -> Tensor:
        parts = [part[None] for part in state.chunk(2 if lstm else 1, dim=-1)]
        _, after = model.rnn(x.expand(len(state), 1, -1), tuple(parts) if lstm else parts[0])
        return torch.cat(list(after) if lstm else [after], dim=-1)[0]

    return step


def tanh_units(weights: list[float], bias: float = 0.0) -> tuple[Recurrent, Batch, Task]:
    """Units that feed back to themselves alone, h_n' = tanh(w_n h_n + bias) without input, each set by its own bit."""
    model, batch, task = setting("rnn", width=len(weights), bits=len(weights), batch=19)
    with torch.no_grad():
        for parameter in model.rnn.parameters():
            parameter.zero_()
        model.rnn.weight_ih_l0.copy_(3 * torch.eye(len(weights)))
        model.rnn.weight_hh_l0.copy_(torch.diag(torch.tensor(weights)))
        model.rnn.bias_ih_l0.fill_(bias)
    return model, batch, task


def bisected(f: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(low) * f(middle) > 0 else (low, middle)
    return (low + high) / 2


# -- the Jacobians ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("width", [1, N])
def test_the_closed_forms_are_the_jacobians_of_torch_s_modules(name: str, width: int) -> None:
    model, _, _ = setting(name, width=width, init="gaussian", radius=1.5)
    model = model.double()
    x = torch.tensor([0.7, -1.0], dtype=torch.float64)
    states = torch.randn(S, width * (2 if name == "lstm" else 1), generator=torch.Generator().manual_seed(1)).double()
    step = torch_step(model, x)
    after, J = linearise(model.operated_cell(0), states, x)
    torch.testing.assert_close(after, step(states).detach())
    torch.testing.assert_close(advance(model.operated_cell(0), states, x), after)
    for at in range(S):
        oracle = torch.autograd.functional.jacobian(lambda state: step(state[None])[0], states[at])
        torch.testing.assert_close(J[at], oracle)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_jacobians_agree_with_finite_differences(name: str) -> None:
    model, _, _ = setting(name)
    cell, x, size = model.operated_cell(0), torch.zeros(2, dtype=torch.float64), N * (2 if name == "lstm" else 1)
    state = torch.linspace(-0.9, 0.8, size, dtype=torch.float64)[None]
    J = linearise(cell, state, x).J[0]
    for j in range(size):
        nudge = torch.zeros(size, dtype=torch.float64)
        nudge[j] = 1e-6
        slope = (advance(cell, state + nudge, x) - advance(cell, state - nudge, x))[0] / 2e-6
        torch.testing.assert_close(J[:, j], slope, atol=1e-8, rtol=1e-6)


# -- the points -------------------------------------------------------------------------------


def test_a_linear_system_has_the_one_point_that_algebra_gives_it() -> None:
    model, batch, task = setting("rnn_relu", init="gaussian", radius=0.5)
    with torch.no_grad():
        model.rnn.weight_hh_l0.abs_()
        model.rnn.bias_ih_l0.fill_(0.3)
        model.rnn.bias_hh_l0.zero_()
    W = model.rnn.weight_hh_l0.detach().double().numpy()
    rho = np.abs(np.linalg.eigvals(W)).max()
    with torch.no_grad():
        model.rnn.weight_hh_l0.mul_(0.8 / rho)  # every entry and the bias are positive: near the point no unit is off
    W = model.rnn.weight_hh_l0.detach().double().numpy()
    record = looked(model, batch, task)
    assert record.fixed.tolist() == [True]
    np.testing.assert_allclose(record.points[0], np.linalg.solve(np.eye(N) - W, np.full(N, 0.3)), rtol=1e-5)
    found = record.eigenvalues[0, :, 0] + 1j * record.eigenvalues[0, :, 1]
    np.testing.assert_allclose(np.sort(np.abs(found)), np.sort(np.abs(np.linalg.eigvals(W))), atol=1e-5)
    assert record.unstable.tolist() == [0]


@pytest.mark.parametrize(("w", "bias"), [(0.7, 0.0), (0.7, 0.4), (2.0, 0.0), (2.0, 0.2), (3.0, -0.5)])
def test_one_tanh_unit_has_the_points_that_bisection_finds(w: float, bias: float) -> None:
    def f(h: float) -> float:
        return math.tanh(w * h + bias) - h

    steps = np.linspace(-1, 1, 1010)  # an even number: none of them is a point itself
    expected = [bisected(f, low, high) for low, high in pairwise(steps) if f(low) * f(high) < 0]
    assert len(expected) == (3 if w > 1 else 1)
    record = looked(*tanh_units([w], bias))
    assert record.fixed.all()
    np.testing.assert_allclose(np.sort(record.points[:, 0]), expected, atol=1e-6)
    for h, unstable, (real, imaginary) in zip(
        record.points[:, 0], record.unstable, record.eigenvalues[:, 0], strict=True
    ):
        slope = w * (1 - float(h) ** 2)
        assert (real, imaginary) == (pytest.approx(slope, abs=1e-5), 0)
        assert unstable == (slope > 1)
    assert "nan" not in str(words.notes(record, Moment(RUN, 0)).readings)


def test_three_units_that_hold_a_bit_each_have_27_points() -> None:
    w = [1.7, 2.0, 2.3]
    record = looked(*tanh_units(w))
    assert Counter(record.unstable.tolist()) == {0: 8, 1: 12, 2: 6, 3: 1}
    assert record.fixed.all()
    held = [bisected(lambda h, each=each: math.tanh(each * h) - h, 0.1, 1.0) for each in w]  # type: ignore[misc]
    expected = [[a * held[0], b * held[1], c * held[2]] for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
    distances = np.linalg.norm(record.points[:, None] - np.array(expected)[None], axis=-1)
    assert distances.min(axis=1).max() < 1e-5
    assert len(set(distances.argmin(axis=1))) == 27
    assert words.summary(record) == (
        "8 stable points and 19 unstable points (12 with one way out, 6 with two, 1 with three or more). "
        f"The slowest direction of the stable ones shrinks by × {1.7 * (1 - held[0] ** 2):.3f} per step "
        f"(half in {math.log(0.5) / math.log(1.7 * (1 - held[0] ** 2)):.2g} steps)."
    )


def test_without_training_the_identity_with_relu_has_a_continuum_of_neutral_points_and_no_stable_one() -> None:
    model, batch, task = setting("rnn_relu", init="identity")
    record = looked(model, batch, task)
    assert record.found > len(record.points) == lens.MOST_POINTS
    assert record.counts.tolist() == [0, record.found, 0, 0, 0, 0], "of all that were found, not of those that are kept"
    np.testing.assert_allclose(np.hypot(*record.eigenvalues[:, 0].T), 1, atol=1e-9)
    assert "stable points of" in words.births_reading(record, Moment(RUN, 0))
    assert words.summary(record).startswith(f"No stable points and {record.found} neutral points. Along some direction")
    assert words.point_reading(record, 0).startswith("Point 0: neutral in ")
    assert "does not shrink" in words.point_reading(record, 0)


@pytest.mark.parametrize("rounding", [0.0, 1e-7, -1e-7])
def test_a_line_attractor_is_neutral_along_the_line_and_never_stable(rounding: float) -> None:
    model, batch, task = setting("rnn_relu", width=2)
    with torch.no_grad():
        for parameter in model.rnn.parameters():
            parameter.zero_()
        model.rnn.weight_ih_l0.copy_(torch.eye(2))
        model.rnn.weight_hh_l0.copy_(torch.tensor([[0.5, 0.5], [0.5, 0.5]]))  # eigenvalues 1, along (1, 1), and 0
        model.rnn.weight_hh_l0[0, 0] += rounding
    record = looked(model, batch, task)
    neutral, slow = record.counts[1], record.counts[-1]
    assert neutral + slow == record.found > 3, "off by the last bit the line drifts, and its points are slow ones"
    assert neutral == record.found if rounding == 0 else neutral == 1
    np.testing.assert_allclose(record.points[:, 0], record.points[:, 1], atol=1e-5)
    assert (record.neutral[record.points.min(axis=1) > 0.1] == 1).all()
    assert not record.unstable.any()


def test_lengths_within_the_margin_are_one_and_the_kinds_do_not_turn_on_the_last_bit() -> None:
    for noise in (0, 1e-15, -1e-15, 5e-5, -5e-5):
        eigenvalues = np.array([[0.9, 0.2], [1 + noise, 0.5], [1j * (1 + noise), -1.3], [1.2, 1.1]])
        unstable, neutral = stability.directions(eigenvalues)
        assert (unstable.tolist(), neutral.tolist()) == ([0, 0, 1, 2], [0, 1, 1, 0])
        assert stability.kinds(np.array([True] * 4), unstable, neutral).tolist() == [0, 1, 2, 3]
    assert stability.directions(np.array([[1 + 2e-4, 1 - 2e-4]]))[0].tolist() == [1]
    assert stability.counts(stability.kinds(np.array([False]), np.array([3]), np.array([0]))).tolist() == [0] * 5 + [1]


def test_a_unit_at_rest_on_the_kink_of_relu_counts_as_on() -> None:
    model, _, _ = setting("rnn_relu", init="identity", width=2)
    cell = model.operated_cell(0)
    for a in (0.0, 1e-12, -1e-12):
        state = torch.tensor([[a, 0.5]], dtype=torch.float64)
        J = linearise(cell, state, torch.zeros(2, dtype=torch.float64), lens.KINK).J[0]
        assert J.tolist() == [[1, 0], [0, 1]]


def test_a_memory_that_never_forgets_and_reads_nothing_is_neutral_in_every_cell() -> None:
    text = "layer 1 gate forget = 1; layer 1 gate input = 0"
    record = looked(*setting("lstm", surgery=text))  # c' = c
    assert record.counts[1] == record.found > 0
    assert (record.neutral == N).all()


def test_a_ghost_of_two_points_that_have_met_is_a_slow_point() -> None:
    w = 2.0
    edge = math.sqrt(1 - 1 / w)  # where tanh(w h + b) has slope 1: two points meet there, at the bias below
    meeting = math.atanh(edge) - w * edge
    record = looked(*tanh_units([w], meeting - 1e-4))
    assert record.fixed.tolist() == [True, False]
    assert record.points[1, 0] == pytest.approx(edge, abs=0.01)
    speed = math.tanh(w * edge + meeting - 1e-4) - edge
    assert record.q[1] == pytest.approx(speed**2 / 2, rel=0.05)
    assert "1 stable point and 1 slow point" in words.summary(record)
    assert "still moves by" in words.point_reading(record, 1)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_fused_module_stays_at_every_fixed_point(name: str) -> None:
    model, batch, task = setting(name, init="gaussian", radius=0.9 if name == "rnn_relu" else 1.9)
    record = looked(model, batch, task)
    assert record.fixed.any()
    model = model.double()
    points = torch.from_numpy(record.points[record.fixed]).double()
    assert points.shape[1] == N * (2 if name == "lstm" else 1)
    after = torch_step(model, torch.zeros(2, dtype=torch.float64))(points)
    torch.testing.assert_close(after.detach(), points, atol=1e-5, rtol=1e-5)


def test_eigenvalues_are_those_of_the_jacobian_and_the_longest_come_first() -> None:
    model, batch, task = setting("gru", init="gaussian", radius=3.0, width=23)
    record = looked(model, batch, task)
    E = record.eigenvalues.shape[1]
    assert E == lens.MOST_EIGENVALUES
    points = torch.from_numpy(record.points).double()
    step = torch_step(model.double(), torch.zeros(2, dtype=torch.float64))
    for point, values, unstable in zip(points, record.eigenvalues, record.unstable, strict=True):
        J = torch.autograd.functional.jacobian(lambda state: step(state[None])[0], point)
        lengths = np.sort(np.abs(np.linalg.eigvals(J.numpy())))[::-1]
        np.testing.assert_allclose(np.hypot(*values.T), lengths[:E], atol=1e-4)
        assert unstable == (lengths > 1.00001).sum()


def test_the_points_do_not_depend_on_the_input_and_the_path_does() -> None:
    model, batch, task = setting("gru")
    one, other = looked(model, batch, task), looked(model, task.read("+1 . -2"), task)
    np.testing.assert_array_equal(one.points, other.points)
    assert one.states.shape == (T, N)
    assert other.states.shape == (3, N)
    assert other.tokens == ("+1", "·", "-2")
    top, _ = model.rnn(task.read("+1 . -2").x)
    np.testing.assert_allclose(other.states, top[0].detach().numpy(), atol=1e-6)


def test_the_lstm_s_state_is_h_beside_c() -> None:
    model, batch, task = setting("lstm")
    record = looked(model, batch, task)
    top, (h, c) = model.rnn(batch.x[:1])
    np.testing.assert_allclose(record.states[:, :N], top[0].detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(record.states[-1], torch.cat([h, c], dim=-1)[0, 0].detach().numpy(), atol=1e-6)


def test_what_a_point_says_is_the_readout_of_it() -> None:
    model, batch, task = setting("gru")
    record = looked(model, batch, task)
    said = model.readout(torch.from_numpy(record.points[:1])).detach()[0].tolist()
    assert record.says[0] == f"{said[0]:.2f}, {said[1]:.2f}"
    model, batch, task = setting("gru", task="text")
    record = looked(model, batch, task)
    assert record.says[0] == task.vocabulary[int(model.readout(torch.from_numpy(record.points[0])).argmax())]


def test_weights_that_are_not_finite_have_no_points() -> None:
    model, batch, task = setting("gru")
    with torch.no_grad():
        model.rnn.weight_hh_l0[0, 0] = math.nan
    record = looked(model, batch, task)
    assert record.found == 0
    notes = words.notes(record, Moment(RUN, 3))
    assert notes.readings["front"].startswith("No fixed point was found")
    assert notes.readings["side"] == "The sequence ends in a state that is not finite."
    assert notes.readings["births"] == "Step 3: no point was found; 2 bits need 4 memories."
    assert np.isnan(notes.arrays["all"]).all()
    context = words.context([record])
    assert all(np.isfinite(array).all() for array in context.values())


def test_a_network_that_only_grows_has_no_points_far_away() -> None:
    model, batch, task = setting("rnn_relu")
    with torch.no_grad():
        model.rnn.weight_hh_l0.copy_(1.5 * torch.eye(N))
        model.rnn.bias_ih_l0.fill_(1.0)
        model.rnn.bias_hh_l0.zero_()
    assert looked(model, batch, task).found == 0  # h = 1.5 h + 1 would need h = -2


def test_points_closer_than_a_distance_are_one_and_the_stillest_stays() -> None:
    points = torch.tensor([[0.0], [0.3], [1.0], [1.05]], dtype=torch.float64)
    kept = lens.distinct(points, torch.tensor([3.0, 1.0, 4.0, 2.0]), apart=0.2)
    assert kept.tolist() == [1, 3, 0]
    assert len(lens.distinct(points[:0], torch.zeros(0), apart=0.2)) == 0


def test_the_lens_is_for_one_recurrent_layer_that_is_not_too_wide() -> None:
    suits = LENSES["fixed_points"].suits
    assert suits(RunConfig(model="gru", width=128))
    assert suits(RunConfig(model="lstm", width=64))
    assert not suits(RunConfig(model="lstm", width=65))
    assert not suits(RunConfig(model="gru", layers=2))
    assert not suits(RunConfig(model="transformer"))


# -- figures and sentences --------------------------------------------------------------------


def made(**changes: Any) -> FixedPointsRecord:
    fields: dict[str, Any] = {
        "points": np.array([[1, 1, 0], [-1, -1, 0], [0, 0, 0.5]], np.float32),
        "q": np.array([0, 0, 5e-7], np.float32),
        "fixed": np.array([True, True, False]),
        "unstable": np.array([0, 1, 0]),
        "neutral": np.array([0, 0, 0]),
        "eigenvalues": np.array([[[0.5, 0], [0, 0.25]], [[0, 1.5], [0.2, 0]], [[0.99, 0], [0.3, 0]]], np.float32),
        "says": ("1.00", "<b>", "0.00"),
        "counts": np.array([1, 0, 1, 0, 0, 1]),
        "states": np.array([[0, 0, 0], [1, 0.5, 0]], np.float32),
        "tokens": ("+1", "·"),
    }
    return FixedPointsRecord(**fields | changes)


def reel_of(*records: FixedPointsRecord) -> Reel:
    frames = []
    for number, record in enumerate(records):
        arrays, text = to_arrays(record)
        notes = words.notes(record, Moment(RUN, 10 * number))
        frames.append(
            Frame(10 * number, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
        )
    return Reel({"fixed_points": frames}, contexts={"fixed_points": words.context(records)})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_one_that_plotly_takes(theme: str) -> None:
    run = subject(RunConfig(task="flipflop", bits=2), {})
    none = {
        name: getattr(made(), name)[:0]
        for name in ("points", "q", "fixed", "unstable", "neutral", "eigenvalues", "says")
    }
    reel = reel_of(made(), made(**none, counts=np.zeros(6, int)), made(states=np.zeros((2, 3), np.float32)))
    for panel in figures.panels(run, theme):
        for step in (0, 10, 20):
            for point in (0, 2, 8):
                go.Figure(fill(panel, [reel], step, {"point": point}))
                said = reading_at(panel, [reel], step, {"point": point})
                assert said
                assert "nan" not in said
        go.Figure(fill(panel, [Reel({"fixed_points": []})], 0))


def test_the_map_shows_each_point_in_its_own_trace_and_the_ring_around_the_chosen_one() -> None:
    reel = reel_of(made())
    context = reel.contexts["fixed_points"]
    figure = fill(figures.map_panel(RUN, "light", "front"), [reel], 0, {"point": 1})
    path, stable, neutral, saddle, two, three, slow, ring = figure["data"]
    places = (made().points - context["mean"]) @ context["basis"].T
    assert (len(path["x"]), path["text"], path["customdata"]) == (2, ["+1", "·"], [0, 1])
    for trace, number in ((stable, 0), (saddle, 1), (slow, 2), (ring, 1)):
        np.testing.assert_allclose([*trace["x"], *trace["y"]], places[number, :2], atol=1e-6)
    assert [trace["customdata"] for trace in (stable, neutral, saddle, two, three, slow)] == [[0], [], [1], [], [], [2]]
    assert saddle["text"] == ["point 1: a saddle with 1 unstable direction; output &lt;b&gt;; largest |λ| 1.500"]
    side = fill(figures.map_panel(RUN, "light", "side"), [reel], 0, {"point": 1})["data"][7]
    np.testing.assert_allclose([*side["x"], *side["y"]], places[1, [2, 1]], atol=1e-6)
    low, high = context["range"].T
    assert ((places >= low) & (places <= high)).all()


def test_shapes_and_colours_both_tell_the_kinds_apart() -> None:
    assert set(figures.MARKS) == {kind.key for kind in words.KINDS}
    shapes, colours = zip(*figures.MARKS.values(), strict=True)
    assert len(set(shapes)) == len(set(colours)) == len(words.KINDS)


def test_the_spectrum_is_that_of_the_chosen_point() -> None:
    reel = reel_of(made())
    figure = fill(figures.spectrum_panel(RUN, "light"), [reel], 0, {"point": 1})
    assert figure["data"][1]["x"] == pytest.approx([0, 0.2])
    assert figure["data"][1]["y"] == pytest.approx([1.5, 0])
    assert figure["data"][1]["customdata"] == pytest.approx([1.5, 0.2])
    assert figure["layout"]["xaxis"]["range"] == pytest.approx([-1.62, 1.62])


def test_births_are_counted_at_every_step() -> None:
    reel = reel_of(
        *(made(counts=np.array(counts)) for counts in ([2, 0, 1, 0, 0, 0], [1, 0, 1, 0, 0, 1], [0, 9, 0, 1, 1, 1]))
    )
    figure = fill(figures.births_panel(RUN, "light"), [reel], 10)
    assert [trace["y"] for trace in figure["data"]] == [
        [2, 1, 0],
        [0, 0, 9],
        [1, 1, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 1, 1],
    ]
    assert figure["data"][0]["x"] == [0, 10, 20]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "1 stable point, 1 unstable point (1 with one way out) and 1 slow point. The slowest direction of the "
            "stable one shrinks by × 0.500 per step (half in 1 step).",
        ),
        (
            {"unstable": np.array([1, 2, 0]), "counts": np.array([0, 0, 1, 1, 0, 1])},
            "No stable points, 2 unstable points (1 with one way out, 1 with two) and 1 slow point.",
        ),
        (
            {"counts": np.array([100, 0, 99, 0, 0, 1])},
            "100 stable points, 99 unstable points (99 with one way out) and",
        ),
        ({"counts": np.array([100, 0, 99, 0, 0, 1])}, "The maps show 3 of these 200."),
        (
            {"neutral": np.array([2, 0, 0]), "counts": np.array([0, 1, 1, 0, 0, 1])},
            "No stable points, 1 neutral point, 1 unstable point (1 with one way out) and 1 slow point. Along some "
            "direction the neutral one neither comes back nor leaves: the state stays where it is put.",
        ),
        ({"eigenvalues": np.full((3, 2, 2), 0.999 * 2**-0.5, np.float32)}, "by × 0.999 per step (half in 693 steps)."),
        ({"eigenvalues": np.zeros((3, 2, 2), np.float32)}, "is gone after one step."),
    ],
)
def test_the_summary_counts_kinds_and_names_the_slowest_direction(changes: dict[str, Any], said: str) -> None:
    assert said in words.summary(made(**changes))


def test_the_sentences_on_a_point_and_on_the_path() -> None:
    assert words.point_reading(made(), 0) == (
        "Point 0: stable; the output there is 1.00. Its slowest direction shrinks by × 0.500 per step (half in 1 step)."
    )
    assert words.point_reading(made(), 1) == (
        "Point 1: a saddle with 1 unstable direction; the output there is <b>. Its fastest way out grows by × 1.5 per "
        "step."
    )
    assert words.point_reading(made(), 7).startswith("There are only 3; this is the last. Point 2: a slow point;")
    assert words.point_reading(made(), 2).endswith("; the state there still moves by 0.001 per step.")
    assert words.point_reading(made(unstable=np.array([3, 0, 0])), 0).startswith("Point 0: unstable in every direction")
    assert words.path_reading(made()) == ("The sequence ends 0.5 away from point 0, stable, where the output is 1.00.")
    assert words.births_reading(made(), Moment(RUN, 7)) == (
        "Step 7: 1 stable point of 3 points that were found; 2 bits need 4 memories."
    )
    assert words.births_reading(made(counts=np.array([1, 5, 1, 0, 0, 0])), Moment(RUN | {"memories": None}, 7)) == (
        "Step 7: 1 stable point of 7 points that were found, 5 neutral."
    )


def test_a_viewer_can_choose_every_point_that_a_flip_flop_should_have() -> None:
    assert len(figures.selections(subject(RunConfig(task="flipflop"), {}))["point"][1]) == 27
    assert len(figures.selections(subject(RunConfig(task="flipflop", bits=6), {}))["point"][1]) == lens.MOST_POINTS
    assert len(words.notes(made(), Moment(RUN, 0)).readings["point"]) == 9


def test_the_basis_keeps_its_signs_as_the_tape_grows() -> None:
    first = words.context([made()])
    flipped = words.context([made()], -first["basis"])
    np.testing.assert_allclose(flipped["basis"], -first["basis"])
    one_unit = words.context([made(points=made().points[:, :1], states=made().states[:, :1])])
    assert one_unit["basis"].shape == (3, 1)
    assert not one_unit["basis"][1:].any()


# -- the page ---------------------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "fixed_points.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    return app


def test_the_shipped_tape_shows_the_cube_being_born(store: Store) -> None:
    load_shipped(store)
    chunks = store.chunks("lesson-flipflop", kinds=("view:fixed_points",))
    first, *_, last = (decode_view("fixed_points", chunk.body) for chunk in chunks)
    assert first.unstable.tolist() == [0]
    assert Counter(last.unstable[last.fixed].tolist()) == {0: 8, 1: 12, 2: 6, 3: 1}
    corners = {tuple(np.sign([float(value) for value in says.split(",")])) for says in last.says[:8]}
    assert len(corners) == 8
    meta = store.run("lesson-flipflop").meta  # type: ignore[union-attr]
    assert meta["final"]["share of right signs"] == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"layers": "2"}, "layers = 2: fixed points are searched for in networks of one layer"),
        ({"model": "lstm", "width": "65"}, "Choose a width of at most 64"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_way_out(store: Store, query: dict[str, str], said: str) -> None:
    app = opened(**query)
    assert said in app.error[0].value.replace("\\", "")
    assert app.button(key="fixed-points-train").disabled


def test_a_recorded_run_of_two_layers_gets_a_sentence(store: Store) -> None:
    store.create("deep", RunConfig(task="flipflop", width=5).but(layers=2), owner="me")
    assert "networks of one layer" in opened(run="deep").info[0].value
