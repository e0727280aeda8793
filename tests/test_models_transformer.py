"""The Transformer: explicit against fused attention, causality, positions, initial weights, observing and editing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from explainer.config import KNOBS, RunConfig
from explainer.families.attending import POSITIONS
from explainer.models import build, observe
from explainer.models.positions import alibi_bias, alibi_slopes, frequencies, rotary_angles, rotate, sinusoidal
from explainer.models.transformer import Transformer

B, T, V, F, H, K, L = 3, 11, 13, 5, 7, 2, 2
D = H * K
NORMS = KNOBS["norm"].metadata["choices"]


def make(task: str = "text", **fields: Any) -> Transformer:
    shape = {"model": "transformer", "task": task, "width": D, "heads": H, "layers": L, "length": T}
    config = RunConfig(**{**shape, **fields})
    inputs, outputs = (V, V) if config.has_tokens else (F, 1)
    made = build(config, inputs, outputs)
    assert isinstance(made, Transformer)
    return made.double()


def draw(task: str = "text", length: int = T) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    if task == "text":
        return torch.randint(V, (B, length), generator=generator)
    return torch.randn(B, length, F, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("task", ["text", "adding"])
@pytest.mark.parametrize("mlp", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_observed_model_equals_the_fused_one_in_values_and_gradients(
    positions: str, norm: str, mlp: bool, task: str
) -> None:
    model, x = make(task, positions=positions, norm=norm, mlp=mlp), draw(task)
    direction = torch.linspace(-1, 1, B * T).view(B, T, 1)
    fused = model(x)
    fused_gradients = torch.autograd.grad((fused * direction).sum(), list(model.parameters()))
    with observe(model):
        ours = model(x)
    our_gradients = torch.autograd.grad((ours * direction).sum(), list(model.parameters()))
    assert fused.shape == (B, T, V if task == "text" else 1)
    torch.testing.assert_close(ours, fused, rtol=1e-11, atol=1e-12)
    for ours_i, fused_i in zip(our_gradients, fused_gradients, strict=True):
        torch.testing.assert_close(ours_i, fused_i, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("positions", POSITIONS)
def test_heads_equal_scaled_dot_product_attention(positions: str) -> None:
    model = make(positions=positions)
    with observe(model) as seen:
        model(draw())
    for block in range(L):
        q, k, v = (seen[f"block.{block}.{name}"] for name in ("query", "key", "value"))
        mask = torch.ones(T, T).tril().log().double()
        if positions == "alibi":
            mask = mask + torch.tensor(
                [[[-m * abs(i - j) for j in range(T)] for i in range(T)] for m in alibi_slopes(H)]
            )
        expected = scaled_dot_product_attention(q, k, v, attn_mask=mask.expand(B, H, T, T))
        torch.testing.assert_close(seen[f"block.{block}.heads"], expected, rtol=1e-11, atol=1e-13)


def test_weights_are_distributions_over_the_past_and_the_softmax_of_the_scores() -> None:
    model = make(positions="alibi")
    with observe(model, "block.1.scores", "block.1.weights") as seen:
        model(draw())
    scores, weights = seen["block.1.scores"], seen["block.1.weights"]
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))
    assert (weights.triu(1) == 0).all()
    for t in range(T):
        torch.testing.assert_close(weights[:, :, t, : t + 1], scores[:, :, t, : t + 1].softmax(-1))


@pytest.mark.parametrize("mlp", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_every_point_is_seen_with_its_shape(norm: str, mlp: bool) -> None:
    model = make(norm=norm, mlp=mlp)
    with observe(model) as seen:
        model(draw())
    size = {"B": B, "T": T, "V": V, "D": D, "H": H, "K": K}
    assert set(seen) == set(model.points())
    for point, dimensions in model.points().items():
        assert seen[point].shape == tuple(size[d] for d in dimensions.split()), point
    assert ("block.0.mlp" in seen) == mlp


def test_prenorm_residual_stream_is_the_sum_of_its_branches() -> None:
    model = make()
    with observe(model) as seen:
        model(draw())
    total = seen["embedding"]
    for block in range(L):
        torch.testing.assert_close(seen[f"block.{block}.residual_in"], total)
        total = total + seen[f"block.{block}.attention"] + seen[f"block.{block}.mlp"]
    torch.testing.assert_close(seen[f"block.{L - 1}.residual_out"], total)


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("positions", POSITIONS)
def test_no_position_sees_what_comes_later(positions: str, observed: bool) -> None:
    model, x, t = make(positions=positions), draw(), 5
    changed = x.clone()
    changed[:, t] = (changed[:, t] + 1) % V

    def run(tokens: Tensor) -> Tensor:
        if not observed:
            return model(tokens)
        with observe(model, "output"):
            return model(tokens)

    before, after = run(x), run(changed)
    torch.testing.assert_close(after[:, :t], before[:, :t], rtol=0, atol=1e-15)
    assert ((after - before)[:, t:].abs().amax(-1) > 1e-9).all()


def test_nanogpt_cpu_recipe_has_its_804096_parameters() -> None:
    config = RunConfig(task="text", model="transformer", layers=4, width=128, heads=4, length=64, tied=True)
    model = build(config, 65, 65)
    assert sum(parameter.numel() for parameter in model.parameters()) == 804_096


def test_first_weights_are_those_of_gpt2() -> None:
    config = RunConfig(task="text", model="transformer", layers=6, width=64, heads=4, length=67)
    model = build(config, 71, 71)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            assert (parameter == 1).all(), name
        else:
            expected = 0.02 / math.sqrt(12) if name.endswith("project.weight") else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.1), name


@pytest.mark.parametrize("positions", POSITIONS)
def test_first_loss_is_that_of_a_guess(positions: str) -> None:
    model, x = make(positions=positions), draw()
    loss = cross_entropy(model(x)[:, :-1].flatten(0, 1), x[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(V), rel=0.05)


def test_tied_readout_is_the_embedding_and_is_saved_once() -> None:
    model, untied = make(tied=True), make()
    assert len(untied.state_dict()) == len(model.state_dict()) + 1
    model.final_norm = torch.nn.Identity()
    with observe(model, "block.1.residual_out", "output") as seen:
        model(draw())
    torch.testing.assert_close(seen["output"], seen["block.1.residual_out"] @ model.embedding.weight.T)


def test_without_blocks_it_is_a_bigram_model_whatever_the_unused_fields_say() -> None:
    model, x = make(layers=0, positions="none"), draw()
    torch.testing.assert_close(model(x), model.readout(model.embedding(x)))
    other = make(layers=0, positions="none", norm="post", mlp=False, heads=3)
    assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("positions", POSITIONS)
def test_unused_heads_need_not_fit_when_there_are_no_blocks(positions: str) -> None:
    assert make(layers=0, width=2, heads=5, positions=positions)(draw()).shape == (B, T, V)


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("positions", POSITIONS)
def test_everything_is_computed_on_the_device_of_the_weights(positions: str, observed: bool) -> None:
    model, x = make(positions=positions).to("meta"), draw().to("meta")  # mixing it with the CPU raises
    if observed:
        with observe(model):
            assert model(x).device.type == "meta"
    else:
        assert model(x).device.type == "meta"


@pytest.mark.parametrize("positions", POSITIONS)
def test_only_learned_positions_end(positions: str) -> None:
    model, longer = make(positions=positions), draw(length=2 * T)
    if positions == "learned":
        with pytest.raises(ValueError, match=rf"sequence of {2 * T} is longer than the {T} positions"):
            model(longer)
    else:
        torch.testing.assert_close(model(longer)[:, :T], model(longer[:, :T]), rtol=1e-11, atol=1e-13)


def test_without_positions_the_order_of_the_past_does_not_matter() -> None:
    model, x = make(positions="none", layers=1), draw()
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    torch.testing.assert_close(model(shuffled)[:, -1], model(x)[:, -1])


@pytest.mark.parametrize("positions", [kind for kind in POSITIONS if kind != "none"])
def test_with_positions_the_order_of_the_past_matters(positions: str) -> None:
    model, x = make(positions=positions, layers=1), draw()
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    assert (model(shuffled)[:, -1] - model(x)[:, -1]).abs().max() > 1e-9


def test_sinusoidal_table_follows_the_formula() -> None:
    table = sinusoidal(T, 6, base=100.0)
    for t in range(T):
        for i in range(3):
            angle = t / 100 ** (2 * i / 6)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    w = 2 * math.pi / frequencies(512)
    assert w[0].item() == pytest.approx(2 * math.pi)
    assert w[-1].item() == pytest.approx(2 * math.pi * 10_000 ** (510 / 512), rel=1e-4)  # not base squared


def test_rotary_keeps_norms_and_its_products_depend_on_the_distance_only() -> None:
    generator = torch.Generator().manual_seed(7)
    q, k = torch.randn(2, 1, 8, dtype=torch.float64, generator=generator)
    angles = rotary_angles(T, 8, like=q)
    turned_q, turned_k = rotate(q.expand(T, 8), angles), rotate(k.expand(T, 8), angles)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(T))
    products = turned_q @ turned_k.T
    for offset in range(-T + 1, T):
        diagonal = products.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-13)
    assert products[0].std() > 0.1
    pair = torch.complex(q[..., 0::2], q[..., 1::2]) * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(torch.view_as_real(pair).flatten(-2), turned_q)


def test_alibi_slopes_for_powers_of_two_and_between() -> None:
    assert alibi_slopes(8) == [2.0**-h for h in range(1, 9)]
    assert alibi_slopes(1) == [2.0**-8]
    assert alibi_slopes(6) == pytest.approx([2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3])
    assert all(len(alibi_slopes(heads)) == heads == len(set(alibi_slopes(heads))) for heads in range(1, 17))
    bias = alibi_bias(2, T)
    assert bias.shape == (2, T, T)
    assert bias[0, 7, 3].item() == -4 * alibi_slopes(2)[0]
    assert (bias.diagonal(dim1=1, dim2=2) == 0).all()


def test_zeroing_a_head_removes_its_part_and_ends_with_the_block() -> None:
    model, x = make(layers=1, mlp=False), draw()
    before = model(x)

    def without_head_2(heads: Tensor) -> Tensor:
        return heads * (torch.arange(H) != 2).view(H, 1, 1)

    with observe(model, "block.0.heads", "block.0.attention") as seen:
        model(x)
    with observe(model, "block.0.attention", edit={"block.0.heads": without_head_2}) as edited:
        after = model(x)
    part = seen["block.0.heads"][:, 2] @ model.blocks[0].attention.project.weight[:, 2 * K : 3 * K].T
    torch.testing.assert_close(seen["block.0.attention"] - edited["block.0.attention"], part)
    assert not torch.allclose(after, before)
    assert torch.equal(model(x), before)


def test_uniform_attention_averages_the_values() -> None:
    model = make()
    uniform = torch.ones(T, T, dtype=torch.float64).tril()
    uniform = (uniform / uniform.sum(-1, keepdim=True)).expand(B, H, T, T)
    with observe(model, "block.0.value", "block.0.heads", edit={"block.0.weights": lambda w: uniform}) as seen:
        model(draw())
    mean = seen["block.0.value"].cumsum(2) / torch.arange(1, T + 1).view(T, 1)
    torch.testing.assert_close(seen["block.0.heads"], mean)


def test_gradient_with_respect_to_a_point_agrees_with_finite_differences() -> None:
    model, x, size = make(), draw(), 1e-5
    with observe(model, "block.0.residual_in") as seen:
        loss = model(x)[:, -1].square().sum()
    (gradient,) = torch.autograd.grad(loss, [seen["block.0.residual_in"]])

    def moved(by: float) -> Tensor:
        push = torch.zeros(B, T, D, dtype=torch.float64)
        push[1, 4, 3] = by
        with torch.no_grad(), observe(model, edit={"block.0.residual_in": lambda r: r + push}):
            return model(x)[:, -1].square().sum()

    assert gradient[1, 4, 3].item() == pytest.approx((moved(size) - moved(-size)).item() / (2 * size), rel=1e-4)


@pytest.mark.parametrize("positions", ["learned", "alibi"])
def test_dropout_acts_while_training_only(positions: str) -> None:
    model, x = make(dropout=0.5, positions=positions), draw()
    assert not torch.equal(model(x), model(x))
    model.eval()
    with observe(model):
        ours = model(x)
    torch.testing.assert_close(ours, model(x), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("positions", POSITIONS)
def test_same_configuration_same_weights_whatever_was_drawn_before(positions: str) -> None:
    first = make(positions=positions)
    torch.rand(17)
    state = torch.random.get_rng_state()
    second, other = make(positions=positions), make(positions=positions, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.embedding.weight, other.embedding.weight)
    assert set(first.state_dict()) == {name for name, _ in first.named_parameters()}
