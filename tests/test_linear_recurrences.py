"""Linear attention, S4D and Mamba against loops over their formulas; and the maps that linear recurrences hide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from explainer.charts.panel import Moment
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.hidden_attention.notes import notes
from explainer.lenses.hidden_attention.record import SHOWN, HiddenAttentionRecord
from explainer.models import SequenceModel, build, observe, operated
from explainer.models.state_space import DiagonalSpace, SelectiveSpace
from explainer.surgery import Surgery
from explainer.tasks.make import make_task
from tests.wild import shaken

T, V, B, D = 71, 13, 3, 22  # more than two chunks of linear attention


def made(model: str, **more: Any) -> tuple[RunConfig, SequenceModel]:
    values = {"task": "repeat", "length": T, "symbols": V, "layers": 2, "width": D, "heads": 2, "positions": "none"}
    config = RunConfig(model=model, **(values | more))
    found = build(config, V, V).double()
    shaken(found)
    return config, found.eval()


def tokens() -> Tensor:
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(5))


def block_input(model: SequenceModel, x: Tensor) -> tuple[Float[np.ndarray, "B T D"], nn.Module, Tensor]:
    """What the mixer of the first block reads, the mixer, and what it adds to the stream."""
    block: Any = model.get_submodule("blocks.0")
    with observe(model, "block.0.residual_in", "block.0.attention") as seen:
        model(x)
    return (
        block.attention_norm(seen["block.0.residual_in"]).detach().numpy(),
        block.attention,
        seen["block.0.attention"],
    )


def weight(module: nn.Module, name: str) -> Float[np.ndarray, "*shape"]:
    return module.get_parameter(name).detach().numpy()


def silu(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return x / (1 + np.exp(-x))


def convolved(
    x: Float[np.ndarray, "B T C"], kernel: Float[np.ndarray, "C 1 k"], bias: Float[np.ndarray, " C"]
) -> Float[np.ndarray, "B T C"]:
    """Each channel with its own kernel, whose last number meets the present step."""
    k = kernel.shape[-1]
    found = np.zeros_like(x) + bias
    for t in range(x.shape[1]):
        for back in range(min(k, t + 1)):
            found[:, t] += kernel[:, 0, k - 1 - back] * x[:, t - back]
    return found


# -- linear attention -----------------------------------------------------------------------------


@pytest.mark.parametrize("conv", [0, 3])
def test_linear_attention_is_the_recurrence_of_its_two_sums(conv: int) -> None:
    config, model = made("linear", conv=conv, heads=2)
    x, K = tokens(), D // 2
    names = ("query", "key", "value", "heads")
    with observe(model, *(f"block.1.{name}" for name in names)) as seen:
        model(x)
    q, k, v, found = (seen[f"block.1.{name}"].detach().numpy() for name in names)

    def phi(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        return np.where(values > 0, values + 1, np.exp(np.minimum(values, 0)))

    for b, h in np.ndindex(B, config["heads"]):
        S, z = np.zeros((K, K)), np.zeros(K)
        for t in range(T):
            S += np.outer(phi(k[b, h, t]), v[b, h, t])
            z += phi(k[b, h, t])
            expected = phi(q[b, h, t]) @ S / (phi(q[b, h, t]) @ z)
            np.testing.assert_allclose(found[b, h, t], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, T])
def test_its_chunks_give_what_its_maps_give(length: int) -> None:
    _, model = made("linear")
    x = tokens()[:, :length]
    plain = model(x)
    with observe(model, "output", "block.0.weights") as seen:
        model(x)
    torch.testing.assert_close(plain, seen["output"], rtol=1e-10, atol=1e-12)
    weights = seen["block.0.weights"]
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, 2, length).double())
    assert not weights.triu(1).any()


@pytest.mark.parametrize("positions", ["rotary", "alibi"])
def test_what_acts_on_scores_before_a_softmax_is_refused(positions: str) -> None:
    with pytest.raises(ValueError, match="Choose none, learned or sinusoidal"):
        RunConfig(model="linear", positions=positions)


# -- state spaces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("conv", "expand"), [(4, 2), (0, 1), (3, 3)])
def test_mamba_is_the_loop_over_its_formulas(conv: int, expand: int) -> None:
    config, model = made("mamba", d_state=5, conv=conv, expand=expand)
    x, mixer, found = block_input(model, tokens())
    assert isinstance(mixer, SelectiveSpace)
    C, N, R = expand * D, 5, math.ceil(D / 16)
    both = x @ weight(mixer, "enter.weight").T
    u, gate = both[..., :C], both[..., C:]
    if conv:
        u = convolved(u, weight(mixer, "conv.weight"), weight(mixer, "conv.bias"))
    u = silu(u)
    chosen = u @ weight(mixer, "select.weight").T
    size = np.log1p(np.exp(chosen[..., :R] @ weight(mixer, "time.weight").T + weight(mixer, "time.bias")))
    write, read = chosen[..., R : R + N], chosen[..., R + N :]
    A = -np.exp(weight(mixer, "decay").reshape(C, N))
    h, y = np.zeros((B, C, N)), np.zeros((B, T, C))
    for t in range(T):
        step = size[:, t, :, None]
        h = np.exp(step * A) * h + step * write[:, t, None] * u[:, t, :, None]
        y[:, t] = (h * read[:, t, None]).sum(-1) + weight(mixer, "skip") * u[:, t]
    expected = (y * silu(gate)) @ weight(mixer, "project.weight").T
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert sum(parameter.numel() for parameter in mixer.parameters()) == config.network.mixing  # type: ignore[attr-defined]


def test_with_one_number_and_a_decay_of_one_mamba_keeps_what_a_gate_keeps() -> None:
    """Gu & Dao 2023, theorem 1: with N = 1 and A = -1 a step keeps 1 - σ(z), z being what the step size is the softplus of."""
    _, model = made("mamba", d_state=1)
    mixer: Any = model.get_submodule("blocks.0.attention")
    nn.init.zeros_(mixer.decay)
    u = torch.randn(B, 7, 2 * D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = mixer.time(mixer.select(u)[..., : mixer.time.in_features])
    torch.testing.assert_close(mixer.recurrence(u).kept[..., 0], 1 - torch.sigmoid(z))


@pytest.mark.parametrize("conv", [0, 3])
def test_s4d_is_the_loop_over_its_formulas(conv: int) -> None:
    config, model = made("s4d", d_state=6, conv=conv)
    x, mixer, found = block_input(model, tokens())
    assert isinstance(mixer, DiagonalSpace)
    u = convolved(x, weight(mixer, "conv.weight"), weight(mixer, "conv.bias")) if conv else x
    A = -np.exp(weight(mixer, "decay").reshape(D, 3)) + 1j * weight(mixer, "turn").reshape(D, 3)
    pairs = weight(mixer, "reading").reshape(D, 3, 2)
    c, step = pairs[..., 0] + 1j * pairs[..., 1], np.exp(weight(mixer, "size"))[:, None]
    kept = np.exp(step * A)
    h, y = np.zeros((B, D, 3), complex), np.zeros((B, T, D))
    for t in range(T):
        h = kept * h + (kept - 1) / A * u[:, t, :, None]
        y[:, t] = 2 * (c * h).sum(-1).real + weight(mixer, "skip") * u[:, t]
    erf = np.vectorize(math.erf)
    both = (y * (1 + erf(y / math.sqrt(2))) / 2) @ weight(mixer, "project.weight").T + weight(mixer, "project.bias")
    expected = both[..., :D] / (1 + np.exp(-both[..., D:]))
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-8, atol=1e-11)
    assert sum(parameter.numel() for parameter in mixer.parameters()) == config.network.mixing  # type: ignore[attr-defined]


def test_state_spaces_start_as_published() -> None:
    config = RunConfig(model="s4d", width=D, d_state=6)
    mixer: Any = build(config, 2, 1).get_submodule("blocks.0.attention")
    np.testing.assert_allclose(weight(mixer, "turn").reshape(D, 3), np.tile([0, np.pi, 2 * np.pi], (D, 1)), rtol=1e-6)
    np.testing.assert_allclose(np.exp(weight(mixer, "decay")), 0.5, rtol=1e-6)
    mixer = build(config.but(model="mamba"), 2, 1).get_submodule("blocks.0.attention")
    np.testing.assert_allclose(
        np.exp(weight(mixer, "decay")).reshape(-1, 6), np.tile(np.arange(1, 7), (2 * D, 1)), rtol=1e-5
    )
    sizes = np.log1p(np.exp(weight(mixer, "time.bias").astype(np.float64)))
    assert (sizes > 0.99e-3).all()
    assert (sizes < 0.101).all()


def test_a_complex_number_without_its_conjugate_is_refused() -> None:
    with pytest.raises(ValueError, match="d_state = 5 is odd"):
        RunConfig(model="s4d", d_state=5)


# -- the maps that they hide ----------------------------------------------------------------------

HIDDEN = {"mamba": {"d_state": 5}, "s4d": {"d_state": 6}, "mingru": {}}


def maps_of(model: SequenceModel, x: Tensor, layer: int = 0) -> Float[np.ndarray, "T C T"]:
    with torch.no_grad():
        return torch.stack(list(model.recurrences(x)[layer].rows(x.shape[1]))).numpy()


@pytest.mark.parametrize("keep", ["positive", "signed"])
def test_a_min_gru_s_states_are_its_maps_times_its_candidates(keep: str) -> None:
    _, model = made("mingru", keep=keep)
    x = tokens()
    with observe(model, "layer.1.gates.candidate", "layer.1.hidden") as seen:
        model(x)
    candidates, states = (
        np.stack([step[0].detach().numpy() for step in seen[f"layer.1.{name}"]])
        for name in ("gates.candidate", "hidden")
    )
    np.testing.assert_allclose(np.einsum("tcs,sc->tc", maps_of(model, x, 1), candidates), states, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", ["mamba", "s4d"])
def test_a_state_space_s_maps_are_what_its_channels_change_by(model: str) -> None:
    """∂y_t/∂u_s of a linear map is that map, by autograd through its own recurrence; the skip is left out."""
    _, found = made(model, **HIDDEN[model])
    x = tokens()[:1, :17]
    each = found.recurrences(x)[0]
    C = each.kept.shape[-2]
    u = torch.zeros(17, C, dtype=torch.float64, requires_grad=True)
    h, y = torch.zeros_like(each.kept[0] if each.kept.ndim == 3 else each.kept), []
    for t in range(17):
        kept, written, read = (part[t].detach() if part.ndim == 3 else part.detach() for part in each)
        h = kept * h + written * u[t, :, None]
        said = (read * h).sum(-1)
        y.append(2 * said.real if said.is_complex() else said)
    by_channel = torch.stack([torch.autograd.grad(step.sum(), u, retain_graph=True)[0] for step in y])
    np.testing.assert_allclose(maps_of(found, x), by_channel.transpose(1, 2).numpy(), rtol=1e-9, atol=1e-12)


def test_an_s4d_s_map_is_the_same_along_every_diagonal() -> None:
    _, model = made("s4d", d_state=6)
    maps = maps_of(model, tokens())
    for back in (0, 1, 5, 40):
        along = np.stack([maps[t, :, t - back] for t in range(back, T)])
        np.testing.assert_allclose(along, along[:1].repeat(len(along), 0), rtol=1e-9, atol=1e-12)


def looked(model: str, surgery: str = "", **more: Any) -> tuple[HiddenAttentionRecord, Float[np.ndarray, "T C T"]]:
    config, found = made(model, **(HIDDEN[model] | more))
    task = make_task(config)
    batch = task.batch(0, split="validation", size=2)
    with operated(found, Surgery.from_text(surgery)):
        record = LENSES["hidden_attention"].look(found, batch, task)
        return record, maps_of(found, batch.x[:1])


@pytest.mark.parametrize("model", HIDDEN)
def test_the_record_has_the_mean_and_those_that_say_most(model: str) -> None:
    record, maps = looked(model)
    sizes = np.abs(maps)
    np.testing.assert_allclose(record.weights[0, 0] * record.largest[0, 0], sizes.mean(1), rtol=1e-5, atol=1e-9)
    most = np.argsort(-sizes.sum((0, 2)))[:SHOWN]
    assert record.channels[0].tolist() == [-1, *most]
    for at, channel in enumerate(most, start=1):
        np.testing.assert_allclose(
            record.weights[0, at] * record.largest[0, at], maps[:, channel], rtol=1e-5, atol=1e-9
        )
    back = np.subtract.outer(np.arange(T), np.arange(T))
    np.testing.assert_allclose(record.reach[0], (sizes * back[:, None]).sum((0, 2)) / sizes.sum((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        record.negative[0], np.maximum(-maps, 0).sum((0, 2)) / sizes.sum((0, 2)), rtol=1e-5, atol=1e-9
    )


def test_gates_between_0_and_1_leave_no_negative_number_and_others_do() -> None:
    assert not looked("mingru")[0].negative.any()
    assert looked("mingru", keep="signed")[0].negative.any()


def test_what_a_held_unit_says_comes_from_nothing_that_was_read() -> None:
    whole, _ = looked("mamba")
    first = int(whole.channels[0, 1])
    record, _ = looked("mamba", f"layer 1 unit {first} = 0")
    assert first not in record.channels[0]
    assert np.isnan(record.reach[0, first])
    np.testing.assert_array_equal(record.reach[0, first + 1 :], whole.reach[0, first + 1 :])


def test_its_sentences_name_what_the_numbers_say() -> None:
    record, _ = looked("mamba")
    far = np.unravel_index(np.argmax(record.reach), record.reach.shape)
    said = notes(record, Moment({"length": T, "label": "Mamba"}, 0)).readings
    assert f"farthest: unit {far[1]} of layer {far[0] + 1}, {record.reach[far]:.1f}" in said["heads"]
    assert "The sign is left out" in said["map"]["0,0"]
    assert "On average it looks" in said["map"]["1,1"]
