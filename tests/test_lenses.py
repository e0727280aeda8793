"""Lenses: every one leaves the model alone, and every number it gives agrees with an independent computation."""

from __future__ import annotations

import copy
import math
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from explainer.config import MODELS, RunConfig
from explainer.families.attending import POSITIONS
from explainer.lenses import LENSES
from explainer.lenses.gradients.look import linear_rate
from explainer.lenses.head_scores import earlier_occurrence, mean_weight
from explainer.lenses.look import DIFFERENTIATED, affordable_rows
from explainer.lenses.positions.look import weight_by_distance
from explainer.models import Recurrent, SequenceModel, build, observe
from explainer.models.transformer import Transformer
from explainer.records import from_arrays, to_arrays
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.looks import MAPS
from tests.families import ATTENDING

T, B, D, H = 11, 5, 20, 5  # heads of size 4: rotary positions turn pairs
TASKS = ("adding", "repeat")


def configuration(model: str, task: str = "adding", **more: object) -> RunConfig:
    size: dict[str, object] = {"width": D, "heads": H, "layers": 3} if model in ATTENDING else {"width": 13}
    return RunConfig(**{"model": model, "task": task, "length": T, "symbols": 7, "batch": B, **size, **more})  # type: ignore[arg-type]


def setting(config: RunConfig) -> tuple[SequenceModel, Batch, Task]:
    task = make_task(config)
    return build(config, task.inputs, task.outputs), task.batch(3), task


def in_double(model: SequenceModel, batch: Batch) -> tuple[SequenceModel, Batch]:
    """The same in float64, in which finite differences are sharp."""
    if batch.x.is_floating_point():
        batch = replace(batch, x=batch.x.double(), y=batch.y.double())
    return model.double(), batch


CASES = (
    [
        (name, configuration(model, task, layers=layers, dropout=0.3))
        for name, model, task, layers in product(LENSES, MODELS, TASKS, (1, 2))
    ]
    + [
        (name, configuration("transformer", "repeat", layers=layers, positions=positions))
        for name, positions, layers in product(LENSES, POSITIONS, (0, 2))
    ]
    + [("pattern", configuration(model, "text", layers=2)) for model in MODELS]
)
CASES += [
    ("beyond_the_length", configuration("transformer", "text", layers=layers, positions=positions, dropout=0.3))
    for positions, layers in product(POSITIONS, (0, 2))
]
CASES = [(name, config) for name, config in CASES if LENSES[name].suits(config)]


# -- the contract of every entry ------------------------------------------------------------------


def test_every_lens_has_its_record() -> None:
    assert len({lens.record for lens in LENSES.values()}) == len(LENSES)
    assert all(lens.name == name for name, lens in LENSES.items())


@pytest.mark.parametrize("name", LENSES)
def test_every_lens_suits_something(name: str) -> None:
    assert any(case == name for case, _ in CASES)


def _label(value: object) -> str:
    if isinstance(value, RunConfig):
        return f"{value.model}-{value.task}-{value.layers}-{value['positions']}"
    return str(value)


@pytest.mark.parametrize(("name", "config"), CASES, ids=_label)
def test_a_look_gives_its_record_and_changes_nothing(name: str, config: RunConfig) -> None:
    model, batch, task = setting(config)
    model.train()
    next(model.children()).eval()  # a mixture of modes must come back as it was
    for number, weight in enumerate(model.parameters()):
        weight.grad = torch.full_like(weight, float(number)) if number % 2 else None
    gradients = [None if weight.grad is None else weight.grad.clone() for weight in model.parameters()]
    before, before_batch = copy.deepcopy(model), copy.deepcopy(batch)
    modes = [module.training for module in model.modules()]
    random, numpy_random = torch.get_rng_state(), repr(np.random.get_state())

    first = LENSES[name].look(model, batch, task)
    second = LENSES[name].look(model, batch, task)

    assert torch.equal(torch.get_rng_state(), random)
    assert repr(np.random.get_state()) == numpy_random
    assert [module.training for module in model.modules()] == modes
    for now, then, gradient in zip(model.parameters(), before.parameters(), gradients, strict=True):
        assert torch.equal(now, then)
        assert now.requires_grad
        assert (now.grad is None) == (gradient is None)
        if now.grad is not None and gradient is not None:
            assert torch.equal(now.grad, gradient)
    assert model.state_dict().keys() == before.state_dict().keys()
    assert torch.equal(batch.x, before_batch.x)
    assert torch.equal(batch.y, before_batch.y)
    assert torch.is_grad_enabled()

    assert type(first) is LENSES[name].record
    again: object = from_arrays(LENSES[name].record, *to_arrays(first))
    for item in fields(LENSES[name].record):
        value = getattr(first, item.name)
        np.testing.assert_array_equal(value, getattr(second, item.name), err_msg="the same look, other bits")
        np.testing.assert_array_equal(value, getattr(again, item.name))


@pytest.mark.parametrize(("name", "config"), [case for case in CASES if case[1].layers], ids=_label)
def test_a_diverged_model_is_shown_and_not_an_error(name: str, config: RunConfig) -> None:
    model, batch, task = setting(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(math.nan)
    record = LENSES[name].look(model, batch, task)
    arrays, _ = to_arrays(record)
    assert any(np.isnan(array).any() for array in arrays.values() if array.dtype.kind == "f")


@pytest.mark.parametrize(("name", "config"), CASES[::5], ids=_label)
def test_a_look_while_gradients_are_off_is_the_same(name: str, config: RunConfig) -> None:
    model, batch, task = setting(config)
    record = LENSES[name].look(model, batch, task)
    with torch.no_grad():
        same = LENSES[name].look(model, batch, task)
    for item in fields(record):
        np.testing.assert_array_equal(getattr(record, item.name), getattr(same, item.name))


# -- hidden ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_name", ["rnn", "rnn_relu", "lstm", "gru"])
def test_states_are_those_of_the_fused_module(model_name: str) -> None:
    config = configuration(model_name, layers=2)
    model, batch, task = setting(config)
    assert isinstance(model, Recurrent)
    record = LENSES["hidden_states"].look(model, batch, task)
    top, final = model.rnn(batch.x)
    final = final[0] if isinstance(final, tuple) else final
    np.testing.assert_allclose(record.states[1], top[0].detach(), atol=1e-6)
    np.testing.assert_allclose(record.states[:, -1], final[:, 0].detach(), atol=1e-6)
    np.testing.assert_allclose(record.output, model(batch.x)[0, :, 0].detach(), atol=1e-6)
    np.testing.assert_allclose(record.target, batch.y[0, :, 0])
    assert record.tokens == tuple(task.axis(batch))
    assert not record.has_tokens


@pytest.mark.parametrize("model_name", ["gru", "transformer"])
def test_right_is_the_probability_of_the_next_token(model_name: str) -> None:
    model, batch, task = setting(configuration(model_name, "repeat"))
    record = LENSES["hidden_states"].look(model, batch, task)
    logits = model(batch.x)[0].detach().double().numpy()
    for t in range(T):
        odds = np.exp(logits[t])
        assert record.right[t] == pytest.approx(odds[int(batch.y[0, t])] / odds.sum(), rel=1e-4)
        assert record.guesses[t] == task.vocabulary[int(odds.argmax())]
    assert record.targets == tuple(task.target_axis(batch))


def test_numbers_are_in_the_units_of_the_data() -> None:
    config = configuration("gru", "forecast")
    model, batch, task = setting(config)
    record = LENSES["hidden_states"].look(model, batch, task)
    assert [f"{value:.3g}" for value in record.target.tolist()] == task.target_axis(batch)
    assert record.target.max() > 10


def test_a_transformer_shows_its_residual_stream() -> None:
    model, batch, task = setting(configuration("transformer", "repeat", layers=2, norm="post"))
    states = LENSES["hidden_states"].look(model, batch, task).states
    assert isinstance(model, Transformer)
    assert states.shape == (2, T, D)
    read_out = torch.tensor(states[-1]) @ model.readout.weight.T  # type: ignore[union-attr]
    np.testing.assert_allclose(read_out.detach(), model(batch.x)[0].detach(), atol=1e-5)


# -- gradients ------------------------------------------------------------------------------------


def test_tanh_gradient_is_the_product_of_jacobians() -> None:
    model, batch, task = setting(configuration("rnn", init="gaussian", radius=1.2))
    assert isinstance(model, Recurrent)
    model, batch = in_double(model, batch)
    record = LENSES["gradients"].look(model, batch, task)
    assert isinstance(model, Recurrent)
    W, v = model.weights(0).w_hidden.detach().numpy(), model.readout.weight.detach().numpy()[0]
    states = model.rnn(batch.x)[0].detach().numpy()
    error = model(batch.x).detach().numpy()[:, -1, 0] - batch.y.numpy()[:, -1, 0]
    expected = np.zeros(T)
    for b in range(B):
        g = 2 * error[b] * v
        for t in reversed(range(T)):
            expected[t] += math.sqrt(g @ g) / B
            g = W.T @ np.diag(1 - states[b, t] ** 2) @ g
    np.testing.assert_allclose(record.norms, expected, rtol=1e-10)
    assert record.last == T - 1
    assert record.radius == pytest.approx(1.2, rel=1e-6)
    np.testing.assert_allclose(record.theory, expected[-1] * record.radius ** np.arange(T)[::-1], rtol=1e-10)


def test_where_all_units_are_active_the_gradient_is_a_power_of_the_matrix() -> None:
    model, batch, task = setting(configuration("rnn_relu", layers=1))
    model, batch = in_double(model, batch)
    assert isinstance(model, Recurrent)
    with torch.no_grad():
        for weight in model.rnn.parameters():
            weight.abs_()  # with inputs >= 0 every preactivation is positive: the network is linear
    record = LENSES["gradients"].look(model, batch, task)
    W = model.weights(0).w_hidden.detach().numpy()
    v = model.readout.weight.detach().numpy()[0]
    size = float((2 * (model(batch.x).detach() - batch.y)[:, -1, 0].abs()).mean())
    for t in range(T):
        power = np.linalg.matrix_power(W.T, T - 1 - t)
        assert record.norms[t] == pytest.approx(size * np.linalg.norm(power @ v), rel=1e-10)
    # A positive matrix has one leading direction, so the measured rate is soon the spectral radius.
    assert record.norms[0] / record.norms[1] == pytest.approx(record.radius, rel=1e-3)


@pytest.mark.parametrize("model_name", ["rnn", "rnn_relu", "lstm", "gru"])
def test_gradients_through_time_agree_with_finite_differences_of_the_fused_module(model_name: str) -> None:
    model, batch, task = setting(configuration(model_name))
    model, batch = in_double(model, batch)
    record = LENSES["gradients"].look(model, batch, task)
    assert isinstance(model, Recurrent)
    rnn, readout, width, step = model.rnn, model.readout, model.rnn.hidden_size, 1e-6
    for t in (0, 3, T - 2):
        _, state = rnn(batch.x[:, : t + 1])
        slopes = torch.zeros(B, width, dtype=torch.float64)
        for unit in range(width):

            def late_loss(shift: float, state: Tensor | tuple[Tensor, Tensor] = state, unit: int = unit) -> Tensor:
                h = (state[0] if isinstance(state, tuple) else state).clone()
                h[0, :, unit] += shift
                tail, _ = rnn(batch.x[:, t + 1 :], (h, state[1]) if isinstance(state, tuple) else h)  # noqa: B023
                return (readout(tail[:, -1]) - batch.y[:, -1])[:, 0] ** 2

            with torch.no_grad():
                slopes[:, unit] = (late_loss(step) - late_loss(-step)) / (2 * step)
        assert record.norms[t] == pytest.approx(float(slopes.norm(dim=1).mean()), rel=1e-5)


def test_transformer_gradients_agree_with_finite_differences() -> None:
    model, batch, task = setting(configuration("transformer", "repeat", layers=2))
    model, batch = in_double(model, batch)
    record = LENSES["gradients"].look(model, batch, task)
    step, t = 1e-5, 4
    slopes = torch.zeros(B, D, dtype=torch.float64)

    def late_loss(shift: float, unit: int) -> Tensor:
        def moved(x: Tensor) -> Tensor:
            x = x.clone()
            x[:, t, unit] += shift
            return x

        with torch.no_grad(), observe(model, "output", edit={"block.0.residual_in": moved}):
            return -model(batch.x)[:, -1].log_softmax(-1).gather(-1, batch.y[:, -1:])[:, 0]

    for unit in range(D):
        slopes[:, unit] = (late_loss(step, unit) - late_loss(-step, unit)) / (2 * step)
    assert record.norms[t] == pytest.approx(float(slopes.norm(dim=1).mean()), rel=1e-5)


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("clip", [0.0, 1e-3, 1e3])
def test_parameter_norms_are_those_of_a_training_step(model_name: str, clip: float) -> None:
    model, batch, task = setting(configuration(model_name, "repeat", layers=2, clip=clip))
    record = LENSES["gradients"].look(model, batch, task)
    loss = task.loss(model(batch.x), batch)
    loss.backward()
    assert record.loss == pytest.approx(float(loss.detach()), rel=1e-5)
    assert record.parameters == tuple(name for name, _ in model.named_parameters())
    expected = [float(weight.grad.norm()) for weight in model.parameters() if weight.grad is not None]
    np.testing.assert_allclose(record.parameter_norms, expected, rtol=1e-3, atol=1e-8)
    total = torch.nn.utils.clip_grad_norm_(model.parameters(), clip or math.inf)
    assert record.total == pytest.approx(float(total), rel=1e-4)
    clipped = math.sqrt(sum(float(weight.grad.norm()) ** 2 for weight in model.parameters() if weight.grad is not None))
    assert record.clipped == pytest.approx(clipped, rel=1e-3)


def test_at_most_eight_sequences_are_differentiated() -> None:
    model, batch, task = setting(configuration("gru", batch=DIFFERENTIATED + 3))
    first = Batch(batch.x[:DIFFERENTIATED], batch.y[:DIFFERENTIATED], batch.mask[:DIFFERENTIATED])
    np.testing.assert_array_equal(
        LENSES["gradients"].look(model, batch, task).norms, LENSES["gradients"].look(model, first, task).norms
    )


def test_nothing_after_the_last_counted_position_gets_a_gradient() -> None:
    model, batch, task = setting(configuration("rnn", "repeat"))
    mask = batch.mask.clone()
    mask[:, 7:] = False
    record = LENSES["gradients"].look(model, replace(batch, mask=mask), task)
    assert record.last == 6
    assert not record.norms[7:].any()
    assert (record.norms[:7] > 0).all()
    assert np.isnan(record.theory[7:]).all()


def test_an_input_without_anything_to_predict_is_refused() -> None:
    model, batch, task = setting(configuration("rnn", "repeat"))
    with pytest.raises(ValueError, match="at least two steps"):
        LENSES["gradients"].look(model, replace(batch, mask=torch.zeros_like(batch.mask)), task)


def test_theory_is_a_geometric_series_from_the_last_position() -> None:
    norms = np.array([9.0, 9, 9, 4, 0])
    np.testing.assert_allclose(linear_rate(norms, 0.5, last=3), [0.5, 1, 2, 4, np.nan])


@pytest.mark.parametrize("model_name", ["gru", "lstm", "transformer"])
def test_there_is_no_closed_form_for_gates_and_attention(model_name: str) -> None:
    record = LENSES["gradients"].look(*setting(configuration(model_name)))
    assert math.isnan(record.radius)
    assert record.theory.size == 0


# -- attention ------------------------------------------------------------------------------------


def test_maps_are_causal_attention_by_hand() -> None:
    model, batch, task = setting(configuration("transformer", "repeat", layers=1, norm="post"))
    record = LENSES["attention"].look(model, batch, task)
    assert isinstance(model, Transformer)
    state = {name: weight.double().numpy() for name, weight in model.state_dict().items()}
    x = state["embedding.weight"][batch.x[0].numpy()] + state["positions.weight"][:T]
    W, K = state["blocks.0.attention.query_key_value.weight"], D // H
    for h in range(H):
        query = x @ W[h * K : (h + 1) * K].T
        key = x @ W[D + h * K : D + (h + 1) * K].T
        for t in range(T):
            odds = np.exp([query[t] @ key[s] / math.sqrt(K) for s in range(t + 1)])
            np.testing.assert_allclose(record.weights[0, h, t, : t + 1], odds / odds.sum(), atol=1e-6)
            assert not record.weights[0, h, t, t + 1 :].any()
    assert record.tokens == tuple(task.axis(batch))


def test_scores_are_means_over_the_batch_by_hand() -> None:
    model, batch, task = setting(configuration("transformer", "repeat", layers=2))
    record = LENSES["attention"].look(model, batch, task)
    with torch.no_grad(), observe(model, "block.1.weights") as seen:
        model(batch.x)
    weights = seen["block.1.weights"]
    assert isinstance(weights, Tensor)
    assert batch.period is not None
    h = 3
    before, match, same, entropy = [], [], [], []
    for b, (row, period) in enumerate(zip(weights[:, h].tolist(), batch.period.tolist(), strict=True)):
        for t in range(T):
            entropy.append(-sum(w * math.log(w) for w in row[t][: t + 1]))
            if t >= 1:
                before.append(row[t][t - 1])
            if t >= period:
                assert batch.x[b, t] == batch.x[b, t - period]
                match.append(row[t][t - period + 1])
                same.append(row[t][t - period])
    assert record.previous_token[1, h] == pytest.approx(np.mean(before), rel=1e-5)
    assert record.prefix_matching[1, h] == pytest.approx(np.mean(match), rel=1e-5)
    assert record.duplicate_token[1, h] == pytest.approx(np.mean(same), rel=1e-5)
    assert record.entropy[1, h] == pytest.approx(np.mean(entropy), rel=1e-5)


def test_a_perfect_induction_head_scores_one() -> None:
    tokens = torch.tensor([[4, 2, 6, 0, 4, 2, 6], [1, 3, 1, 3, 1, 3, 1]])
    ones = torch.ones(2, 7, dtype=torch.bool)
    batch = Batch(tokens, tokens, ones, period=torch.tensor([4, 2]))
    induction = torch.zeros(2, 1, 7, 7)
    for b, period in ((0, 4), (1, 2)):
        for t in range(7):
            induction[b, 0, t, max(0, t - period + 1)] = 1
    earlier = earlier_occurrence(batch)
    assert float(mean_weight(induction, earlier.roll(1, -1))) == 1
    assert float(mean_weight(induction, earlier)) == 0


def test_without_a_period_every_earlier_equal_token_counts() -> None:
    tokens = torch.tensor([[5, 2, 5, 3, 5]])
    batch = Batch(tokens, tokens, torch.ones(1, 5, dtype=torch.bool))
    pairs = earlier_occurrence(batch).nonzero().tolist()
    assert pairs == [[0, 2, 0], [0, 4, 0], [0, 4, 2]]


def test_where_nothing_repeats_the_scores_are_not_a_number() -> None:
    record = LENSES["attention"].look(*setting(configuration("transformer", "adding")))
    assert np.isnan(record.prefix_matching).all()
    assert np.isnan(record.duplicate_token).all()
    assert np.isfinite(record.previous_token).all()


def test_long_sequences_are_looked_at_in_fewer_rows() -> None:
    config = configuration("transformer", "repeat", layers=2, length=1024)
    assert affordable_rows(config, 1024, most=32) == 1
    assert affordable_rows(config, 48, most=32) == 32
    rows = affordable_rows(config, 300, most=32)
    assert rows * 2 * H * 300**2 <= MAPS < (rows + 1) * 2 * H * 300**2
    assert affordable_rows(configuration("gru"), 1024, most=32) == 32


# -- positions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_table_is_what_the_model_adds(positions: str) -> None:
    config = configuration("transformer", "repeat", positions=positions)
    model, batch, task = setting(config)
    record = LENSES["positions"].look(model, batch, task)
    assert record.kind == positions
    assert record.distance.shape == (3, H, T)
    if positions in ("none", "rotary", "alibi"):
        assert record.table.shape == record.kernel.shape == (0, 0)
        return
    assert record.table.shape == (T, D)
    if positions == "learned":
        np.testing.assert_array_equal(record.table, model.state_dict()["positions.weight"])
    a, b = record.table[2], record.table[7]
    assert record.kernel[2, 7] == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)), abs=1e-5)


def test_weight_by_distance_of_known_heads() -> None:
    uniform = torch.tril(torch.ones(T, T)) / torch.arange(1.0, T + 1)[:, None]
    previous = torch.diag(torch.ones(T - 1), -1)
    distance = weight_by_distance(torch.stack([uniform, previous]).expand(B, 2, T, T))
    assert distance.shape == (2, T)
    for d in range(T):
        assert float(distance[0, d]) == pytest.approx(np.mean([1 / (t + 1) for t in range(d, T)]), rel=1e-5)
    np.testing.assert_allclose(distance[1], np.eye(T)[1], atol=1e-7)


def test_alibi_makes_near_tokens_heavier() -> None:
    model, batch, task = setting(configuration("transformer", "repeat", positions="alibi"))
    distance = LENSES["positions"].look(model, batch, task).distance
    assert (distance[:, 0, 0] > distance[:, 0, 5]).all()
