"""Recurrent networks: our cells against torch's fused modules, weights at the start, observing and editing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.models import Recurrent, build, observe
from tests.families import RECURRENT

B, T, V, F, N = 3, 11, 13, 2, 7
GATES = {"rnn": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


def make(model: str, task: str = "text", **fields: Any) -> Recurrent:
    config = RunConfig(**{"model": model, "task": task, "width": N, "length": T, **fields})
    inputs, outputs = (V, V) if config.has_tokens else (F, 1)
    made = build(config, inputs, outputs)
    assert isinstance(made, Recurrent)
    return made.double()


def draw(task: str = "text") -> Tensor:
    generator = torch.Generator().manual_seed(5)
    if task == "text":
        return torch.randint(V, (B, T), generator=generator)
    return torch.randn(B, T, F, generator=generator, dtype=torch.float64)


def initial(model: Recurrent) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(6)
    shape = (model.rnn.num_layers, B, N)
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(model.cell.states)
    )


@pytest.mark.parametrize("task", ["text", "adding"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("with_state", [False, True])
def test_unrolled_cells_equal_the_fused_module_in_values_and_gradients(
    name: str, layers: int, task: str, with_state: bool
) -> None:
    model, x = make(name, task, layers=layers), draw(task)
    start = initial(model) if with_state else None
    leaves = [*model.parameters(), *(start or ())]
    direction = torch.linspace(-1, 1, B * T).view(B, T, 1)

    fused = model(x, start)
    fused_gradients = torch.autograd.grad((fused * direction).sum(), leaves)
    with observe(model):
        ours = model(x, start)
    our_gradients = torch.autograd.grad((ours * direction).sum(), leaves)

    assert fused.shape == (B, T, V if task == "text" else 1)
    torch.testing.assert_close(ours, fused, rtol=1e-11, atol=1e-12)
    for ours_i, fused_i in zip(our_gradients, fused_gradients, strict=True):
        torch.testing.assert_close(ours_i, fused_i, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", RECURRENT)
def test_every_point_is_seen_with_its_shape(name: str) -> None:
    model = make(name, layers=2)
    with observe(model) as seen:
        output = model(draw())
    assert list(seen) == list(model.points())
    for point, dimensions in model.points().items():
        if dimensions == "T B N":
            assert [value.shape for value in seen[point]] == [(B, N)] * T
        else:
            assert seen[point] is output


@pytest.mark.parametrize("name", RECURRENT)
def test_top_states_are_those_that_the_fused_module_returns(name: str) -> None:
    model, x = make(name, "adding", layers=2), draw("adding")
    top, _ = model.rnn(x)
    with observe(model, "layer.1.hidden") as seen:
        model(x)
    torch.testing.assert_close(torch.stack(list(seen["layer.1.hidden"]), dim=1), top, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gates_explain_the_hidden_state(name: str) -> None:
    model = make(name)
    with observe(model) as seen:
        model(draw())
    value = {point.removeprefix("layer.0."): torch.stack(list(steps)) for point, steps in seen.items()}
    h, before = value["hidden"][1:], value["hidden"][:-1]
    if name == "lstm":
        c = value["gates.forget"][1:] * value["cell"][:-1] + (value["gates.input"] * value["gates.candidate"])[1:]
        torch.testing.assert_close(c, value["cell"][1:])
        expected = value["gates.output"][1:] * c.tanh()
    else:
        z = value["gates.update"][1:]
        expected = (1 - z) * value["gates.candidate"][1:] + z * before
    torch.testing.assert_close(h, expected)


def test_gradient_at_a_step_is_the_product_of_jacobians_after_it() -> None:
    model, x = make("rnn", "adding"), draw("adding")
    with observe(model, "layer.0.hidden") as seen:
        loss = model(x)[:, -1].sum()
    states = list(seen["layer.0.hidden"])
    gradients = torch.autograd.grad(loss, states)
    W, expected = model.weights(0).w_hidden, model.readout.weight.expand(B, N)
    for t in reversed(range(T)):
        torch.testing.assert_close(gradients[t], expected, rtol=1e-10, atol=1e-14)
        expected = (expected * (1 - states[t] ** 2)) @ W


def test_gradient_at_a_step_agrees_with_finite_differences() -> None:
    model, x, step, size = make("gru", "adding"), draw("adding"), 4, 1e-6
    with observe(model, "layer.0.hidden") as seen:
        loss = model(x)[:, -1].sum()
    (gradient,) = torch.autograd.grad(loss, [seen["layer.0.hidden"][step]])

    def moved(by: float) -> Tensor:
        count = iter(range(T))
        push = torch.zeros(B, N, dtype=torch.float64)
        push[1, 2] = by
        with torch.no_grad(), observe(model, edit={"layer.0.hidden": lambda h: h + push if next(count) == step else h}):
            return model(x)[:, -1].sum()

    assert gradient[1, 2].item() == pytest.approx((moved(size) - moved(-size)).item() / (2 * size), rel=1e-6)


@pytest.mark.parametrize("name", RECURRENT)
def test_an_edit_reaches_everything_after_it_and_ends_with_the_block(name: str) -> None:
    model, x = make(name, layers=2), draw()
    before = model(x)
    with observe(model, "layer.0.hidden", "layer.1.hidden", edit={"layer.0.hidden": torch.zeros_like}) as seen:
        edited = model(x)
    assert all((h == 0).all() for h in seen["layer.0.hidden"])
    assert not torch.allclose(edited, before)
    assert torch.equal(model(x), before)


def test_gates_can_be_edited() -> None:
    model, x = make("lstm"), draw()
    closed = {"layer.0.gates.input": torch.zeros_like}
    with observe(model, "layer.0.cell", edit=closed) as seen:
        model(x)
    assert all((c == 0).all() for c in seen["layer.0.cell"])


def test_observing_keeps_only_the_latest_forward_pass() -> None:
    model = make("rnn")
    with observe(model, "layer.0.hidden") as seen:
        model(draw())
        model(draw())
    assert len(seen["layer.0.hidden"]) == T


def test_observe_refuses_what_cannot_be() -> None:
    model = make("rnn")
    with pytest.raises(ValueError, match=r"'layer.0.cell' is not a point"), observe(model, "layer.0.cell"):
        pass
    with observe(model), pytest.raises(ValueError, match="observed already"), observe(model):
        pass
    with observe(model, edit={"output": lambda y: y[0]}), pytest.raises(ValueError, match="same shape"):
        model(draw())
    assert model._watch is None


@pytest.mark.parametrize("init", ["default", "orthogonal", "identity", "gaussian", "xavier", "he"])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_weights_start_as_asked_in_every_gate_and_layer(name: str, init: str) -> None:
    model = make(name, layers=2, init=init, radius=0.83)
    for layer in range(2):
        weights = model.weights(layer)
        blocks = weights.w_hidden.detach().numpy().reshape(GATES[name], N, N)
        for block in blocks:
            if init == "orthogonal":
                np.testing.assert_allclose(block.T @ block, np.eye(N), atol=1e-6)
            elif init == "identity":
                assert (block == np.eye(N)).all()
                assert (weights.b_input == 0).all()
                assert (weights.b_hidden == 0).all()
            elif init == "gaussian":
                assert abs(np.linalg.eigvals(block)).max() == pytest.approx(0.83, rel=1e-6)
            elif init == "xavier":
                assert 0.5 * np.sqrt(3 / N) < abs(block).max() <= np.sqrt(3 / N)
            elif init == "he":
                assert block.std() == pytest.approx(np.sqrt(2 / N), rel=0.5)
            else:
                assert 0.5 / np.sqrt(N) < abs(block).max() <= 1 / np.sqrt(N)
        if GATES[name] > 1 and init != "identity":
            assert not np.allclose(blocks[0], blocks[1])


def test_a_wide_start_has_the_radius_of_its_variance() -> None:
    """The circular law: entries of variance s² give ρ near s √N."""
    for init, radius in (("default", 3**-0.5), ("xavier", 1.0), ("he", 2**0.5)):
        model = build(RunConfig(model="rnn", width=401, init=init), F, 1)
        block = model.weights(0).w_hidden.detach().numpy()  # type: ignore[operator]
        assert abs(np.linalg.eigvals(block)).max() == pytest.approx(radius, rel=0.07)


def test_forget_bias_is_the_sum_of_both_biases_and_touches_no_other_gate() -> None:
    plain, set_to_one = make("lstm", layers=2), make("lstm", layers=2, forget_bias=1.0)
    others = [i for i in range(4 * N) if not N <= i < 2 * N]
    for layer in range(2):
        before, after = plain.weights(layer), set_to_one.weights(layer)
        assert (after.b_input + after.b_hidden)[N : 2 * N].tolist() == [1.0] * N
        assert torch.equal(before.b_input[others], after.b_input[others])
        assert torch.equal(before.b_hidden[others], after.b_hidden[others])
    x = draw()
    with observe(set_to_one, "layer.0.gates.forget") as open_gate, observe(plain, "layer.0.gates.forget") as gate:
        set_to_one(x)
        plain(x)
    assert open_gate["layer.0.gates.forget"][0].mean() > gate["layer.0.gates.forget"][0].mean()


def test_a_bias_of_zero_is_zero_where_it_was_chosen_and_else_as_torch_draws_it() -> None:
    zero, drawn = make("lstm", forget_start="constant"), make("lstm")
    assert not (zero.weights(0).b_input + zero.weights(0).b_hidden)[N : 2 * N].any()
    sums = (drawn.weights(0).b_input + drawn.weights(0).b_hidden)[N : 2 * N]
    assert sums.abs().min() > 0
    assert sums.abs().max() <= 2 / math.sqrt(N)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", RECURRENT)
def test_dropout_acts_while_training_only(name: str, layers: int) -> None:
    model, x = make(name, layers=layers, dropout=0.5), draw()
    assert not torch.equal(model(x), model(x))
    model.eval()
    with observe(model):
        ours = model(x)
    torch.testing.assert_close(ours, model(x), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", RECURRENT)
def test_same_configuration_same_weights_whatever_was_drawn_before(name: str) -> None:
    first = make(name, init="gaussian")
    torch.rand(17)
    state = torch.random.get_rng_state()
    second, other = make(name, init="gaussian"), make(name, init="gaussian", seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.readout.weight, other.readout.weight)


@pytest.mark.parametrize("name", RECURRENT)
def test_only_weights_are_saved(name: str) -> None:
    model = make(name)
    assert set(model.state_dict()) == {parameter for parameter, _ in model.named_parameters()}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("task", ["text", "adding"])
@pytest.mark.parametrize("name", RECURRENT)
def test_everything_is_computed_on_the_device_of_the_weights(name: str, task: str, observed: bool) -> None:
    model, x = make(name, task, layers=2).to("meta"), draw(task).to("meta")  # mixing it with the CPU raises
    if observed:
        with observe(model):
            assert model(x).device.type == "meta"
    else:
        assert model(x).device.type == "meta"
