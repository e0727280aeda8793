"""Every lens on runs trained with a surgery: it answers, and for the operated network, which is written out by hand here.

The oracles read nothing but the weights' arrays. A surgery is given to them as plain facts (which units are held at
which value, which gates, which heads are off, which permutation the positions got) and not as its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of, reading_at
from explainer.charts.subject import subject
from explainer.config import MODELS, RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES
from explainer.lenses.attention_cell.panels import cell_of, check, lines
from explainer.lenses.race import read_at_once
from explainer.models import SequenceModel, build
from explainer.models.transformer import Transformer
from explainer.records import to_arrays
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from tests.families import ATTENDING, RECURRENT

T, B, N, D, H = 11, 3, 7, 20, 5
GATES = {"lstm": ("input", "forget", "candidate", "output"), "gru": ("reset", "update", "candidate")}
TASKS = {"pattern": "text", "fixed_points": "repeat"}  # others: adding


@dataclass(frozen=True)
class Facts:
    """What is done to a network: units (layer, unit) and gates (layer, name) with their values, heads off, the seed."""

    units: Mapping[tuple[int, int], float] = field(default_factory=dict)
    gates: Mapping[tuple[int, str], float] = field(default_factory=dict)
    heads: tuple[tuple[int, int], ...] = ()
    shuffle: int | None = None


def recurrent_surgeries(model: str, layers: int) -> dict[str, Facts]:
    """Every kind, in the top layer (and, of several layers, below it)."""
    top, several = layers - 1, {"": Facts()}
    for layer in sorted({0, top}):
        of = f"layer {layer + 1}"
        several[f"{of} unit 2 = 0"] = Facts({(layer, 2): 0.0})
        several[f"{of} unit 5 = 0.5"] = Facts({(layer, 5): 0.5})
        for name in GATES.get(model, ()):
            if name != "candidate":
                for value in (0.0, 0.5, 1.0) if layer == top else (0.5,):
                    several[f"{of} gate {name} = {value:g}"] = Facts(gates={(layer, name): value})
    several["layer 1 unit 0 = 0; layer 1 unit 1 = 0.5; layer 1 unit 1 = -0.25"] = Facts({(0, 0): 0.0, (0, 1): -0.25})
    several["; ".join(f"layer {layers} unit {unit} = 0" for unit in range(N))] = Facts(
        {(top, unit): 0.0 for unit in range(N)}
    )
    if model in GATES:
        gates = [name for name in GATES[model] if name != "candidate"]
        text = "; ".join(f"layer {layers} gate {name} = 0.5" for name in gates)
        several[f"{text}; layer {layers} unit 3 = 0.5"] = Facts({(top, 3): 0.5}, {(top, name): 0.5 for name in gates})
    return several


def transformer_surgeries(layers: int) -> dict[str, Facts]:
    every = tuple((layers - 1, head) for head in range(H))
    return {
        "": Facts(),
        "layer 1 head 3 off": Facts(heads=((0, 2),)),
        f"layer {layers} head 1 off; layer {layers} head 5 off": Facts(heads=((layers - 1, 0), (layers - 1, 4))),
        "; ".join(f"layer {layers} head {head + 1} off" for head in range(H)): Facts(heads=every),
        "positions shuffled seed 3": Facts(shuffle=3),
        "positions shuffled seed 1; layer 1 head 2 off": Facts(heads=((0, 1),), shuffle=1),
    }


def configuration(model: str, surgery: str = "", **more: Any) -> RunConfig:
    size: dict[str, Any] = {"width": D, "heads": H, "layers": 2} if model in ATTENDING else {"width": N}
    spread = {"init": "gaussian", "radius": 1.1} if model in RECURRENT else {}
    fields = {"model": model, "task": "adding", "length": T, "symbols": 5, "batch": B, "surgery": surgery}
    return RunConfig(**{**fields, **size, **spread, **more})


def setting(config: RunConfig) -> tuple[SequenceModel, Batch, Task]:
    """A model in float64 whose weights are large enough to matter, a batch, and the task."""
    task = make_task(config)
    model = build(config, task.inputs, task.outputs).double()
    if config.model in ATTENDING:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "norm" not in name:
                    weight.mul_(9)
    batch = task.batch(2)
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    return model, batch, task


# -- the operated recurrent network by hand ---------------------------------------------------


class ByHand:
    """The operated recurrent network as a loop over numbers, from its arrays alone."""

    def __init__(self, model: SequenceModel, config: RunConfig, facts: Facts) -> None:
        self.weights = {name: value.detach() for name, value in model.state_dict().items()}
        self.kind, self.layers, self.facts = config.model, config.layers, facts

    def gate(self, layer: int, name: str, value: Tensor) -> Tensor:
        held = self.facts.gates.get((layer, name))
        return value if held is None else value * 0 + held

    def step(self, layer: int, x: Tensor, state: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """The state after one step, and the gates in it."""
        W, U, b, bh = (
            self.weights[f"rnn.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = state[0]
        read, kept = x @ W.T + b, h @ U.T + bh
        part = [slice(n * N, (n + 1) * N) for n in range(4)]
        gates: dict[str, Tensor] = {}
        after: tuple[Tensor, ...] = ()
        if self.kind in ("rnn", "rnn_relu"):
            h = torch.tanh(read + kept) if self.kind == "rnn" else (read + kept).clamp(min=0)
        elif self.kind == "lstm":
            a = read + kept
            for at, name in enumerate(GATES["lstm"]):
                value = torch.tanh(a[..., part[at]]) if name == "candidate" else 1 / (1 + torch.exp(-a[..., part[at]]))
                gates[name] = self.gate(layer, name, value)
            c = gates["forget"] * state[1] + gates["input"] * gates["candidate"]
            h, after = gates["output"] * torch.tanh(c), (c,)
        else:
            for at, name in enumerate(("reset", "update")):
                value = 1 / (1 + torch.exp(-(read + kept)[..., part[at]]))
                gates[name] = self.gate(layer, name, value)
            gates["candidate"] = torch.tanh(read[..., part[2]] + gates["reset"] * kept[..., part[2]])
            h = (1 - gates["update"]) * gates["candidate"] + gates["update"] * h
        columns = []
        for unit in range(N):
            held = self.facts.units.get((layer, unit))
            columns.append(h[..., unit] if held is None else h[..., unit] * 0 + held)
        return (torch.stack(columns, dim=-1), *after), gates

    def zero(self, like: Tensor) -> tuple[Tensor, ...]:
        return (torch.zeros(*like.shape[:-1], N, dtype=torch.float64),) * (2 if self.kind == "lstm" else 1)

    def read_out(self, h: Tensor) -> Tensor:
        return h @ self.weights["readout.weight"].T + self.weights["readout.bias"]

    def run(self, x: Tensor) -> tuple[list[list[tuple[Tensor, ...]]], list[list[dict[str, Tensor]]]]:
        """States and gates by layer and time; each h is a leaf's value of its own, so that it has a gradient."""
        inputs, states, gates = list(x.unbind(1)), [], []
        for layer in range(self.layers):
            state = self.zero(x[:, 0])
            states.append([])
            gates.append([])
            for x_t in inputs:
                state, opened = self.step(layer, x_t, state)
                states[-1].append(state)
                gates[-1].append(opened)
            inputs = [state[0] for state in states[-1]]
        return states, gates

    def map(self, layer: int, x: Tensor) -> Callable[[np.ndarray], np.ndarray]:
        """F: one step of a layer on the input x, from state to state, as numbers."""

        def F(s: np.ndarray) -> np.ndarray:
            parts = torch.from_numpy(s)[None].chunk(2 if self.kind == "lstm" else 1, dim=-1)
            return torch.cat(self.step(layer, x[None], tuple(parts))[0], dim=-1)[0].numpy()

        return F


def differentiated(F: Callable[[np.ndarray], np.ndarray], s: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """dF_i/ds_j by central differences."""
    nudges = np.eye(len(s)) * step
    return np.stack([(F(s + nudge) - F(s - nudge)) / (2 * step) for nudge in nudges], axis=1)


def lengths(values: np.ndarray) -> np.ndarray:
    return np.sort(np.abs(values))[::-1]


def losses_of(task: Task, output: Tensor, batch: Batch) -> Tensor:
    """(B, T) by their definitions: squared error, or -ln p."""
    if not task.has_tokens:
        return (output - batch.y)[..., 0] ** 2
    odds = torch.exp(output - output.max(dim=-1, keepdim=True).values)
    p = odds / odds.sum(dim=-1, keepdim=True)
    return -torch.log(p.gather(-1, batch.y[..., None])[..., 0])


def features(task: Task, batch: Batch) -> Tensor:
    return torch.eye(task.inputs, dtype=torch.float64)[batch.x] if task.has_tokens else batch.x


# -- what each lens must have seen of it ------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """One operated recurrent network on one batch: everything an oracle needs."""

    config: RunConfig
    facts: Facts
    model: SequenceModel
    batch: Batch
    task: Task
    hand: ByHand

    @property
    def top(self) -> int:
        return self.config.layers - 1

    @property
    def free(self) -> list[int]:
        return [unit for unit in range(N) if (self.top, unit) not in self.facts.units]

    def unrolled(self) -> tuple[list[list[tuple[Tensor, ...]]], list[list[dict[str, Tensor]]], Tensor]:
        """States, gates and losses, with a graph."""
        start = features(self.task, self.batch).clone().requires_grad_()
        states, gates = self.hand.run(start)
        output = torch.stack([self.hand.read_out(state[0]) for state in states[-1]], dim=1)
        return states, gates, losses_of(self.task, output, self.batch)

    def tail(self, t: int, states: Any) -> tuple[tuple[Tensor, ...], Callable[[int], Tensor]]:
        """The top layer's state at t as numbers of its own, and the loss that follows from it at a later step."""
        own = tuple(part.detach().clone().requires_grad_() for part in states[-1][t])
        x = features(self.task, self.batch)
        inputs = [x[:, at] if self.top == 0 else states[-2][at][0].detach() for at in range(x.shape[1])]

        def loss_at(last: int) -> Tensor:
            state = own
            for at in range(t + 1, last + 1):
                state, _ = self.hand.step(self.top, inputs[at], state)
            output = self.hand.read_out(state[0])[:, None]
            later = replace(self.batch, y=self.batch.y[:, last : last + 1])
            return losses_of(self.task, output, later)[:, 0]

        return own, loss_at


def gradient(value: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(value, list(parts), retain_graph=True, materialize_grads=True))


def check_hidden(record: Any, seen: Seen) -> None:
    states, _, _ = seen.unrolled()
    expected = np.array([[state[0][0].detach().numpy() for state in layer] for layer in states])
    np.testing.assert_allclose(record.states, expected, atol=1e-6)
    output = seen.hand.read_out(states[-1][-1][0]).detach()
    if not seen.task.has_tokens:
        assert record.output[-1] == pytest.approx(float(output[0, 0]), abs=1e-5)


def check_gates(record: Any, seen: Seen) -> None:
    states, gates, _ = seen.unrolled()
    for layer in range(seen.config.layers):
        for at, name in enumerate(record.gate_names):
            expected = np.array([step[name][0].detach().numpy() for step in gates[layer]])
            np.testing.assert_allclose(record.gates[layer, at], expected, atol=1e-6)
    np.testing.assert_allclose(record.states, [state[0][0].detach().numpy() for state in states[-1]], atol=1e-6)


def check_gradients(record: Any, seen: Seen) -> None:
    states, _, _ = seen.unrolled()
    for t in (0, T // 2, T - 1):
        own, loss_at = seen.tail(t, states)
        arrived = gradient(loss_at(T - 1).sum(), own[:1])[0].norm(dim=1).mean()
        assert record.norms[t] == pytest.approx(float(arrived), rel=1e-9, abs=1e-300)
    if seen.config.model in ("rnn", "rnn_relu"):
        W = seen.hand.weights[f"rnn.weight_hh_l{seen.top}"].numpy()[np.ix_(seen.free, seen.free)]
        rho = float(np.abs(np.linalg.eigvals(W)).max()) if len(W) else 0.0
        assert record.radius == pytest.approx(rho, rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(record.theory, record.norms[-1] * rho ** np.arange(T)[::-1], rtol=1e-9, atol=1e-300)


def check_reach(record: Any, seen: Seen) -> None:
    states, _, _ = seen.unrolled()
    for t in (0, T // 2, T - 1):
        own, loss_at = seen.tail(t, states)
        parts = gradient(loss_at(T - 1).sum(), own)
        arrived = torch.cat(parts, dim=-1).norm(dim=1).mean()
        assert record.norms[t] == pytest.approx(float(arrived), rel=1e-9, abs=1e-300)


def check_microscope(record: Any, seen: Seen) -> None:
    one = replace(seen.batch, x=seen.batch.x[:1], y=seen.batch.y[:1], mask=seen.batch.mask[:1])
    _, gates, losses = replace(seen, batch=one).unrolled()
    held = {(layer, name) for layer, name in seen.facts.gates}
    for layer in range(seen.config.layers):
        for t, k in ((T - 1, 0), (T - 1, T - 1), (6, 4)):
            # From the state as it is, held or not: the loss of a network whose h_k is moved by a little.
            way = record.norms[0, layer, t, k]
            assert way == pytest.approx(nudged(replace(seen, batch=one), layer, k, t), rel=2e-5, abs=1e-9)
        for at, name in enumerate(record.gate_names):
            if (layer, name) in held:
                continue
            found = [gradient(losses[0, t], [step[name] for step in gates[layer]]) for t in range(T)]
            norms = [[float(each[0].norm()) for each in row] for row in found]
            for lag in (0, 3):
                counted = [t for t in range(lag, T) if bool(one.mask[0, t])]
                mean = np.mean([norms[t][t - lag] for t in counted])
                assert record.gates[at, layer, lag] == pytest.approx(mean, rel=1e-8, abs=1e-300)


def nudged(seen: Seen, layer: int, k: int, t: int, step: float = 1e-6) -> float:
    """||dL_t/dh_k|| of a layer by central differences."""

    def loss(unit: int, by: float) -> float:
        inputs = list(features(seen.task, seen.batch).unbind(1))
        for number in range(seen.config.layers):
            state, outputs = seen.hand.zero(inputs[0]), []
            for at, x_t in enumerate(inputs):
                state, _ = seen.hand.step(number, x_t, state)
                if (number, at) == (layer, k):
                    h = state[0].clone()
                    h[:, unit] += by
                    state = (h, *state[1:])
                outputs.append(state[0])
            inputs = outputs
        output = torch.stack([seen.hand.read_out(h) for h in inputs], dim=1)
        return float(losses_of(seen.task, output, seen.batch)[0, t])

    return float(np.linalg.norm([(loss(unit, step) - loss(unit, -step)) / (2 * step) for unit in range(N)]))


def check_jacobian(record: Any, seen: Seen) -> None:
    states, gates, _ = seen.unrolled()
    x = features(seen.task, seen.batch)
    for choice, (t, span) in enumerate(zip(record.steps, record.spans, strict=True)):
        if span != 1 or t == 0:
            continue
        inputs = x[0, t] if seen.top == 0 else states[-2][t][0][0].detach()
        before = torch.cat([part[0] for part in states[-1][t - 1]]).detach().numpy()
        J = differentiated(seen.hand.map(seen.top, inputs), before)
        np.testing.assert_allclose(
            lengths(np.hypot(*record.eigenvalues[choice].T)), lengths(np.linalg.eigvals(J)), atol=2e-5
        )
        np.testing.assert_allclose(record.singular[choice], np.linalg.svd(J, compute_uv=False), atol=1e-8)
    for k in (1, T - 1):
        own, loss_at = seen.tail(T - 1 - k, states)
        end, at_end = seen.tail(T - 1, states)
        arrived = torch.cat(gradient(loss_at(T - 1)[0], own), dim=-1)[0].norm()
        sent = torch.cat(gradient(at_end(T - 1)[0], end), dim=-1)[0].norm()
        assert record.measured[k] == pytest.approx(float(arrived / sent), rel=1e-8, abs=1e-300)
    if seen.config.model in ("rnn", "rnn_relu"):
        W = seen.hand.weights[f"rnn.weight_hh_l{seen.top}"].numpy()[np.ix_(seen.free, seen.free)]
        rho = float(np.abs(np.linalg.eigvals(W)).max()) if len(W) else 0.0
    else:
        rest = np.zeros(N * (2 if seen.config.model == "lstm" else 1))
        for (layer, unit), value in seen.facts.units.items():
            if layer == seen.top:
                rest[unit] = value
        width = x.shape[-1] if seen.top == 0 else N
        still = differentiated(seen.hand.map(seen.top, torch.zeros(width, dtype=torch.float64)), rest)
        rho = float(np.abs(np.linalg.eigvals(still)).max())
    assert record.radius == pytest.approx(rho, rel=1e-6, abs=2e-5)
    assert (record.largest <= record.bound * (1 + 1e-9)).all(), "the bound holds for the operated network"
    moving = [name for name in GATES.get(seen.config.model, ()) if (seen.top, name) not in seen.facts.gates]
    assert sorted(record.part_names) == (sorted(moving) if moving else ["hidden"])
    flat = []
    for name in moving:
        values = np.array([step[name][0].detach().numpy() for step in gates[-1]])
        flat.append(((1 - values**2 if name == "candidate" else 4 * values * (1 - values)) < 0.1).mean(axis=1))
    if not moving:
        values = np.array([state[0][0].detach().numpy()[seen.free] for state in states[-1]])
        slopes = 1 - values**2 if seen.config.model == "rnn" else (values > 0) * 1.0
        flat.append((slopes < 0.1).mean(axis=1) if seen.free else np.zeros(T))
    np.testing.assert_allclose(record.saturated, np.mean(flat, axis=0))


def check_fixed_points(record: Any, seen: Seen) -> None:
    states, _, _ = seen.unrolled()
    path = np.array([torch.cat([part[0] for part in state]).detach().numpy() for state in states[0]])
    np.testing.assert_allclose(record.states, path, atol=1e-6)
    F = seen.hand.map(0, torch.zeros(seen.task.inputs, dtype=torch.float64))
    assert record.found == record.counts.sum() >= len(record.points)
    for point, fixed, q, values, unstable, neutral in zip(
        record.points, record.fixed, record.q, record.eigenvalues, record.unstable, record.neutral, strict=True
    ):
        s = point.astype(np.float64)
        moved = F(s) - s
        if fixed:
            np.testing.assert_allclose(moved, 0, atol=3e-6)
            for (_, unit), value in seen.facts.units.items():
                assert s[unit] == pytest.approx(value, abs=1e-7)
        else:
            assert float(moved @ moved) / 2 == pytest.approx(float(q), rel=0.05, abs=1e-9)
        if seen.config.model == "rnn_relu" and (np.abs(s[seen.free]) < 1e-6).any():
            continue  # a kink has no derivative
        J = lengths(np.linalg.eigvals(differentiated(F, s)))
        np.testing.assert_allclose(lengths(np.hypot(*values.T)), J[: len(values)], atol=5e-4)
        assert (unstable, neutral) == ((J > 1 + 1e-4).sum(), (np.abs(J - 1) <= 1e-4).sum())


def check_pattern(record: Any, seen: Seen) -> None:
    states, _, _ = seen.unrolled()
    top = np.array([state[0][0].detach().numpy() for state in states[-1]])
    units = np.flatnonzero((top[-2:] > 0.3).all(axis=0))
    np.testing.assert_array_equal(record.units, units)
    if len(units):
        np.testing.assert_allclose(record.on, (top > 0.3)[:, units].mean(axis=1))


def check_surgery(record: Any, seen: Seen) -> None:
    def loss(facts: Facts, number: int, rows: int) -> float:
        drawn = seen.task.batch(number, split="validation", size=rows)
        kind = seen.batch.x.dtype, seen.batch.y.dtype
        batch = replace(drawn, x=drawn.x.to(kind[0]), y=drawn.y.to(kind[1]))
        hand = ByHand(seen.model, seen.config, facts)
        _, _, losses = replace(seen, batch=batch, hand=hand).unrolled()
        return float(losses[batch.mask].mean().detach())

    def without(at: int) -> Facts:
        gone = {**seen.facts.units, (int(record.layers[at]), int(record.places[at])): 0.0}
        return replace(seen.facts, units=gone)

    fresh, screened = (2, record.sequences), (0, record.screened)
    assert record.loss == pytest.approx(loss(seen.facts, *fresh), rel=1e-5)
    for at in (0, 3, len(record.effects) - 1):
        expected = loss(without(at), *screened) - loss(seen.facts, *screened)
        assert record.effects[at] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for at, effect in zip(record.extremes.tolist(), record.checked, strict=True):
        expected = loss(without(at), *fresh) - loss(seen.facts, *fresh)
        assert effect == pytest.approx(expected, rel=1e-4, abs=1e-6)


def check_race(record: Any, seen: Seen) -> None:
    drawn = seen.task.batch(0, split="validation", size=read_at_once(seen.task.total_length, N))
    kind = seen.batch.x.dtype, seen.batch.y.dtype
    batch = replace(drawn, x=drawn.x.to(kind[0]), y=drawn.y.to(kind[1]))
    states, _ = seen.hand.run(features(seen.task, batch))
    output = torch.stack([seen.hand.read_out(state[0]) for state in states[-1]], dim=1)
    check_right(record, seen.task, output, batch)


def check_right(record: Any, task: Task, output: Tensor, batch: Batch) -> None:
    own = record.lengths.tolist().index(record.trained)
    if task.says_tokens:
        right = [bool(output[b, t].argmax() == batch.y[b, t]) for b, t in task.judged(batch).nonzero().tolist()]
    else:
        right = [bool((output[b, t] - batch.y[b, t]).abs() < 0.04) for b, t in task.judged(batch).nonzero().tolist()]
    assert record.right[own] == pytest.approx(np.mean(right), abs=1e-6)


ORACLES: Mapping[str, Callable[[Any, Seen], None]] = {
    "hidden_states": check_hidden,
    "gates": check_gates,
    "gradients": check_gradients,
    "reach": check_reach,
    "microscope": check_microscope,
    "jacobian": check_jacobian,
    "fixed_points": check_fixed_points,
    "pattern": check_pattern,
    "surgery": check_surgery,
    "race": check_race,
}


def shown(name: str, record: Any, config: RunConfig, edges: bool = False) -> list[str]:
    """All sentences of a record, after making its notes and filling every panel; `edges`: plotly reads them, too."""
    assert type(record) is LENSES[name].record
    arrays, text = to_arrays(record)
    if LENSES[name].notes is None:
        return []
    run = subject(config, {})
    notes = LENSES[name].notes(record, Moment(run, 7))
    frame = Frame(7, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
    contexts = {name: LENSES[name].context([record])} if LENSES[name].context else {}
    words: dict[str, Any] = {}
    if LENSES[name].history:
        history = LENSES[name].history([record], [7], run)
        contexts[name] = {**contexts.get(name, {}), **history.arrays}
        words[name] = history.readings
    reel = Reel({name: [frame]}, contexts=contexts, words=words)
    panels = LENSES[name].panels(run, "dark")
    for panel in panels:
        figure = fill(panel, [reel], 7)
        if edges:
            go.Figure(figure)
    return [reading_at(panel, [reel], 7) for panel in panels]


CASES = [
    (name, model, layers, text, facts)
    for model in RECURRENT
    for layers in (1, 2)
    for text, facts in recurrent_surgeries(model, layers).items()
    for name in ORACLES
    if LENSES[name].suits(configuration(model, layers=layers, task=TASKS.get(name, "adding")))
]


def label(value: object) -> str:
    return str(value)[:60] if isinstance(value, (str, int)) else ""


@pytest.mark.parametrize(("name", "model", "layers", "text", "facts"), CASES, ids=label)
def test_a_record_is_of_the_operated_network(name: str, model: str, layers: int, text: str, facts: Facts) -> None:
    config = configuration(model, text, layers=layers, task=TASKS.get(name, "adding"))
    network, batch, task = setting(config)
    record = LENSES[name].look(network, batch, task)
    ORACLES[name](record, Seen(config, facts, network, batch, task, ByHand(network, config, facts)))
    for sentence in shown(name, record, config):
        assert "nan" not in sentence.split(), sentence


def test_every_lens_has_an_oracle() -> None:
    assert {name for name, lens in LENSES.items() if any(lens.suits(configuration(m)) for m in RECURRENT)} | {
        "pattern"
    } == set(ORACLES)
    elsewhere = {"hidden_attention", "glasses"}  # in tests/test_linear_recurrences.py and tests/test_glasses.py
    assert set(LENSES) == set(ORACLES) | set(TRANSFORMER_ORACLES) | elsewhere


# -- the operated Transformer by hand ---------------------------------------------------------


class TransformerByHand:
    """The operated Transformer in plain loops over blocks and heads, from its arrays alone."""

    def __init__(self, model: SequenceModel, config: RunConfig, facts: Facts) -> None:
        self.weights = {name: value.detach() for name, value in model.state_dict().items()}
        self.config, self.facts = config, facts

    def places(self, length: int) -> np.ndarray:
        """The position that each token is given."""
        if self.facts.shuffle is None:
            return np.arange(length)
        return torch.randperm(length, generator=torch.Generator().manual_seed(self.facts.shuffle)).numpy()

    def table(self, length: int) -> Tensor | None:
        """What is added to each token."""
        if self.config["positions"] == "learned":
            return self.weights["positions.weight"][self.places(length)]
        if self.config["positions"] == "sinusoidal":
            return torch.from_numpy(
                np.array([[self.wave(p, d) for d in range(D)] for p in self.places(length)]).astype(np.float64)
            )
        return None

    @staticmethod
    def wave(p: int, d: int) -> float:
        angle = p / 10_000 ** (d // 2 * 2 / D)
        return math.cos(angle) if d % 2 else math.sin(angle)

    def penalty(self, head: int) -> float:
        """ALiBi's slope of this head, for H = 5: 4 powers of 1/4, then the first of 1/2."""
        return [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1][head]

    def turned(self, x: Tensor, places: np.ndarray) -> Tensor:
        """Pairs of numbers as complex ones, turned by their position."""
        if self.config["positions"] != "rotary":
            return x
        K = x.shape[-1]
        angles = torch.from_numpy(np.array([[p * 10_000 ** (-2 * i / K) for i in range(K // 2)] for p in places]))
        pairs = torch.complex(x[..., 0::2], x[..., 1::2]) * torch.exp(1j * angles)
        return torch.stack([pairs.real, pairs.imag], dim=-1).flatten(-2)

    def bias(self, head: int, length: int) -> np.ndarray:
        places = self.places(length)
        slope = self.penalty(head) if self.config["positions"] == "alibi" else 0.0
        return np.array([[-slope * abs(int(a) - int(b)) for b in places] for a in places])

    def norm(self, name: str, x: Tensor) -> Tensor:
        return layer_norm(x, (D,), self.weights[f"{name}.weight"])

    def embedded(self, batch: Batch) -> Tensor:
        if batch.x.is_floating_point():
            h = batch.x @ self.weights["embedding.weight"].T + self.weights["embedding.bias"]
        else:
            h = self.weights["embedding.weight"][batch.x]
        table = self.table(batch.x.shape[1])
        if table is None:
            return h
        return h * (math.sqrt(D) if self.config["positions"] == "sinusoidal" else 1.0) + table

    def blocks(self, h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The residual stream before, between and after the blocks; the weights of each block's heads."""
        T = h.shape[1]
        places, streams, maps = self.places(T), [h], []
        for block in range(self.config.layers):
            name, heads, weights = f"blocks.{block}", [], []
            x = self.norm(f"{name}.attention_norm", h)
            q, k, v = (x @ w.T for w in self.weights[f"{name}.attention.query_key_value.weight"].split(D))
            K = D // H
            for head in range(H):
                own = slice(head * K, (head + 1) * K)
                query, key = self.turned(q[..., own], places), self.turned(k[..., own], places)
                scores = query @ key.transpose(1, 2) / math.sqrt(K) + torch.from_numpy(self.bias(head, T))
                odds = torch.exp(scores - scores.detach().amax()) * torch.ones(T, T).tril()
                A = odds / odds.sum(dim=-1, keepdim=True)
                weights.append(A)
                heads.append(A @ v[..., own] * (0.0 if (block, head) in self.facts.heads else 1.0))
            h = h + torch.cat(heads, dim=-1) @ self.weights[f"{name}.attention.project.weight"].T
            x = self.norm(f"{name}.mlp_norm", h) @ self.weights[f"{name}.mlp.expand.weight"].T
            h = h + gelu(x) @ self.weights[f"{name}.mlp.project.weight"].T
            streams.append(h)
            maps.append(torch.stack(weights, dim=1))
        return streams, maps

    def read_out(self, h: Tensor) -> Tensor:
        output = self.norm("final_norm", h) @ self.weights["readout.weight"].T
        return output + self.weights["readout.bias"] if "readout.bias" in self.weights else output


@dataclass(frozen=True)
class Read:
    """One operated Transformer on one batch."""

    config: RunConfig
    facts: Facts
    model: SequenceModel
    batch: Batch
    task: Task

    @property
    def hand(self) -> TransformerByHand:
        return TransformerByHand(self.model, self.config, self.facts)

    def run(self, batch: Batch | None = None) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Residual streams, maps and losses."""
        batch = batch or self.batch
        streams, maps = self.hand.blocks(self.hand.embedded(batch))
        return streams, maps, losses_of(self.task, self.hand.read_out(streams[-1]), batch)

    def loss(self, rows: int) -> float:
        few = replace(self.batch, x=self.batch.x[:rows], y=self.batch.y[:rows], mask=self.batch.mask[:rows])
        return float(self.run(few)[2][few.mask].mean())


def sees_hidden(record: Any, read: Read) -> None:
    streams, _, _ = read.run()
    np.testing.assert_allclose(record.states, [stream[0].numpy() for stream in streams[1:]], atol=1e-5)


def sees_attention(record: Any, read: Read) -> None:
    _, maps, _ = read.run()
    np.testing.assert_allclose(record.weights, [each[0].numpy() for each in maps], atol=1e-6)
    before = [
        [np.mean([float(A[b, h, t, t - 1]) for b in range(B) for t in range(1, T)]) for h in range(H)] for A in maps
    ]
    np.testing.assert_allclose(record.previous_token, before, atol=1e-6)


def sees_positions(record: Any, read: Read) -> None:
    table, (_, maps, _) = read.hand.table(T), read.run()
    assert record.table.shape == ((T, D) if table is not None else (0, 0))
    if table is not None:
        np.testing.assert_allclose(record.table, table.numpy(), atol=1e-5)
        a, b = record.table[2].astype(float), record.table[7].astype(float)
        assert record.kernel[2, 7] == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)), abs=1e-5)
    back = [np.mean([float(maps[1][b, 3, t, t - 4]) for b in range(B)]) for t in range(4, T)]
    assert record.distance[1, 3, 4] == pytest.approx(np.mean(back), rel=1e-5)


def sees_cell(record: Any, read: Read) -> None:
    _, maps, _ = read.run()
    for layer in range(read.config.layers):
        for head in range(H):
            assert record.silent[layer, head] == ((layer, head) in read.facts.heads)
            for t, s in ((9, 2), (10, 10), (7, 0), (3, 8)):
                cell = cell_of(record, layer, head, t, s)
                assert cell.weight == pytest.approx(float(maps[layer][0, head, t, s]), abs=1e-6)
                assert cell.bias == pytest.approx(read.hand.bias(head, T)[t, s], abs=1e-12)
                said = lines(record, layer, head, t, s)
                assert ("zeros are read" in said[-1][0]) == (bool(record.silent[layer, head]) and s <= t)
                if read.config["positions"] == "alibi" and read.facts.shuffle is not None:
                    a, b = read.hand.places(T)[[t, s]]
                    assert f"{a} - {b}" in said[2][1]
                if s <= t:
                    apart = float(check(record, layer, head, t, s).split("difference ")[1].rstrip(")."))
                    assert apart < 1e-6


def sees_layers(record: Any, read: Read) -> None:
    streams, maps, losses = read.run()
    np.testing.assert_allclose(record.losses[-1], losses[0].numpy(), atol=1e-4, rtol=1e-5)
    first = losses_of(read.task, read.hand.read_out(streams[0]), read.batch)[0]
    np.testing.assert_allclose(record.losses[0], first.numpy(), atol=1e-4, rtol=1e-5)
    through, means = np.eye(T), []
    for layer, A in enumerate(maps):
        on = [A[0, head].numpy() for head in range(H) if (layer, head) not in read.facts.heads]
        means.append(sum(on) / len(on) if on else np.zeros((T, T)))
        mixed = means[-1] + np.eye(T)
        through = mixed / mixed.sum(axis=1, keepdims=True) @ through
    np.testing.assert_allclose(record.rollout, through, atol=1e-6)
    np.testing.assert_allclose(record.last, means[-1], atol=1e-6)


def sees_biography(record: Any, read: Read) -> None:
    assert record.loss == pytest.approx(read.loss(B), rel=1e-5)
    for layer, head in ((0, 0), (0, 2), (1, 4)):
        without = replace(read, facts=replace(read.facts, heads=(*read.facts.heads, (layer, head))))
        assert record.scores[-1, layer, head] == pytest.approx(without.loss(B) - read.loss(B), abs=2e-6, rel=1e-4)


def sees_surgery(record: Any, read: Read) -> None:
    def loss(read: Read, number: int, rows: int) -> float:
        batch = read.task.batch(number, split="validation", size=rows)
        return float(read.run(batch)[2][batch.mask].mean())

    fresh, screened = (2, record.sequences), (0, record.screened)
    assert record.loss == pytest.approx(loss(read, *fresh), rel=1e-5)
    for at in (0, 2, len(record.effects) - 1):
        place = (int(record.layers[at]), int(record.places[at]))
        without = replace(read, facts=replace(read.facts, heads=(*read.facts.heads, place)))
        expected = loss(without, *screened) - loss(read, *screened)
        assert record.effects[at] == pytest.approx(expected, abs=2e-6, rel=1e-4)


def entering(read: Read, batch: Batch) -> tuple[Tensor, Tensor]:
    """The residual stream that enters the first block, with a graph from it to the losses."""
    h = read.hand.embedded(batch).detach().requires_grad_()
    streams, _ = read.hand.blocks(h)
    return h, losses_of(read.task, read.hand.read_out(streams[-1]), batch)


def sees_gradients(record: Any, read: Read) -> None:
    h, losses = entering(read, read.batch)
    (found,) = torch.autograd.grad(losses[:, -1].sum(), h)
    np.testing.assert_allclose(record.norms, found.norm(dim=-1).mean(dim=0).numpy(), rtol=1e-8, atol=1e-300)
    assert math.isnan(getattr(record, "radius", math.nan))


def sees_microscope(record: Any, read: Read) -> None:
    one = replace(read.batch, x=read.batch.x[:1], y=read.batch.y[:1], mask=read.batch.mask[:1])
    h, losses = entering(read, one)
    for t in (0, 6, T - 1):
        (found,) = torch.autograd.grad(losses[0, t], h, retain_graph=True)
        np.testing.assert_allclose(record.norms[0, 0, t], found[0].norm(dim=-1).numpy(), rtol=1e-8, atol=1e-12)


def sees_beyond(record: Any, read: Read) -> None:
    for at, length in enumerate(record.lengths):
        if record.why[at]:
            continue
        windows = read.task.validation_windows(int(length), int(record.windows[at]))  # type: ignore[attr-defined]
        losses = read.run(windows)[2].numpy()
        assert record.loss[at] == pytest.approx(losses[:, -(length // 4) :].mean(), rel=1e-5)
    longest = int(record.distances[-1]) + 1
    places = read.hand.places(read.config.length if read.config["positions"] == "learned" else longest)
    for at, d in enumerate(record.distances.tolist()):
        pairs = [(int(places[t]), int(places[t - d])) for t in range(d, len(places))]
        if not pairs:
            assert math.isnan(record.kernel[at])
            continue
        assert record.kernel[at] == pytest.approx(np.mean([alike(read, a, b) for a, b in pairs]), abs=1e-9)


def alike(read: Read, a: int, b: int) -> float:
    """What the encoding alone makes of two places."""
    match read.config["positions"]:
        case "learned":
            P = read.model.state_dict()["positions.weight"].numpy()
            return float(P[a] @ P[b] / np.linalg.norm(P[a]) / np.linalg.norm(P[b]))
        case "sinusoidal":
            return sum(math.cos((a - b) * 10_000 ** (-2 * i / D)) for i in range(D // 2)) * 2 / D
        case "rotary":
            K = D // H
            return sum(math.cos((a - b) * 10_000 ** (-2 * i / K)) for i in range(K // 2)) * 2 / K
        case "alibi":
            return float(np.mean([math.exp(-read.hand.penalty(head) * abs(a - b)) for head in range(H)]))
        case _:
            return 1.0


def sees_race(record: Any, read: Read) -> None:
    batch = read.task.batch(0, split="validation", size=read_at_once(read.task.total_length, D))
    streams, _ = read.hand.blocks(read.hand.embedded(batch))
    check_right(record, read.task, read.hand.read_out(streams[-1]), batch)


TRANSFORMER_ORACLES: Mapping[str, Callable[[Any, Read], None]] = {
    "hidden_states": sees_hidden,
    "attention": sees_attention,
    "positions": sees_positions,
    "attention_cell": sees_cell,
    "layers": sees_layers,
    "heads": sees_biography,
    "surgery": sees_surgery,
    "gradients": sees_gradients,
    "reach": sees_gradients,
    "microscope": sees_microscope,
    "beyond_the_length": sees_beyond,
    "race": sees_race,
}


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize(("text", "facts"), transformer_surgeries(2).items(), ids=label)
@pytest.mark.parametrize("name", TRANSFORMER_ORACLES)
def test_a_record_is_of_the_operated_transformer(name: str, text: str, facts: Facts, positions: str) -> None:
    config = configuration(
        "transformer", text, positions=positions, task="text" if name == "beyond_the_length" else "repeat"
    )
    network, batch, task = setting(config)
    assert isinstance(network, Transformer)
    record = LENSES[name].look(network, batch, task)
    TRANSFORMER_ORACLES[name](record, Read(config, facts, network, batch, task))
    for sentence in shown(name, record, config):
        assert "nan" not in sentence.split(), sentence


# -- the edges --------------------------------------------------------------------------------


def edge_cases() -> list[tuple[str, RunConfig]]:
    """Every lens with runs of one layer and of three, operated in the top one, long enough and of two steps."""
    found = []
    for model in MODELS:
        for layers in (1, 3):
            gate = {"lstm": "forget", "gru": "update"}.get(model)
            text = f"layer {layers} gate {gate} = 0.5" if gate else f"layer {layers} unit 1 = 0.5"
            if model in ATTENDING:
                text = f"positions shuffled seed 1; layer {layers} head 1 off"
            for task in ("repeat", "text", "flipflop"):
                for length in (2, T):
                    for name, lens in LENSES.items():
                        try:
                            config = configuration(model, text, layers=layers, task=task, length=length)
                            make_task(config)
                        except ValueError:  # a task that is longer than that
                            continue
                        if lens.suits(config):
                            found.append((name, config))
    return found


def edge_label(value: object) -> str:
    if isinstance(value, RunConfig):
        return f"{value.model}-{value.layers}-{value.task}-{value.length}"
    return str(value)


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "diverged"])
@pytest.mark.parametrize(("name", "config"), edge_cases(), ids=edge_label)
def test_every_lens_answers_for_every_operated_run_or_says_why_not(name: str, config: RunConfig, broken: bool) -> None:
    task = make_task(config)
    model, batch = build(config, task.inputs, task.outputs), task.batch(2)
    if broken:
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(math.nan)
    record, refused = answered(name, model, batch, task)
    assert record is not None or refused.endswith("."), "a sentence with the way out"
    for sentence in shown(name, record, config, edges=True) if record is not None else ():
        assert "nan" not in sentence.split(), sentence


def answered(name: str, model: SequenceModel, batch: Batch, task: Task) -> tuple[Any, str]:
    """The record, or the sentence in its place."""
    try:
        return LENSES[name].look(model, batch, task), ""
    except ValueError as error:
        return None, str(error)
