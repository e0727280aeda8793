"""Attention in a window, and a short convolution before it: against loops, and against attention without them."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.maps import attention_maps
from explainer.models import build, observe
from explainer.models.transformer import Transformer
from explainer.tasks.base import Input
from explainer.theory import looks

V, T, D, H, B = 7, 13, 10, 5, 3
X = torch.arange(B * T).reshape(B, T) * 5 % V


def made(**changes: object) -> tuple[Transformer, RunConfig]:
    config = RunConfig(
        **{
            "task": "repeat",
            "model": "transformer",
            "length": T,
            "width": D,
            "heads": H,
            "symbols": V,
            "layers": 2,
            **changes,
        }
    )
    model = build(config, V, V)
    assert isinstance(model, Transformer)
    model = model.double().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name:
                weight.normal_(generator=torch.Generator().manual_seed(len(name)))
    return model, config


def by_hand(model: Transformer, config: RunConfig, layer: int, read: Tensor) -> tuple[Tensor, Tensor]:
    """Maps and output of one block's attention, position by position, from its weights alone; no positions."""
    weights = {name: value.double() for name, value in model.blocks[layer].attention.named_parameters()}
    mixed = read @ weights["query_key_value.weight"].T
    if config["conv"]:
        taps = weights["conv.weight"][:, 0]  # (3D, k), the present step last
        late = torch.zeros_like(mixed)
        for t in range(T):
            for back in range(min(t + 1, config["conv"])):
                late[:, t] += taps[:, -1 - back] * mixed[:, t - back]
        mixed = late
    q, k, v = mixed.chunk(3, dim=-1)
    K = D // H
    maps, said = torch.zeros(B, H, T, T, dtype=torch.float64), torch.zeros_like(read)
    for h in range(H):
        own = slice(h * K, (h + 1) * K)
        for t in range(T):
            window = config["window"] if config["attention"] == "window" else T
            seen = [s for s in range(t + 1) if s > t - window or s < config["global_tokens"]]
            scores = torch.stack([(q[:, t, own] * k[:, s, own]).sum(-1) / math.sqrt(K) for s in seen], dim=-1)
            shares = scores.exp() / scores.exp().sum(-1, keepdim=True)
            maps[:, h, t, seen] = shares
            said[:, t, own] = torch.stack([shares[:, at, None] * v[:, s, own] for at, s in enumerate(seen)]).sum(0)
    return maps, said @ weights["project.weight"].T


@pytest.mark.parametrize(
    "changes",
    [
        {"attention": "window", "window": 4},
        {"attention": "window", "window": 1},
        {"attention": "window", "window": 3, "global_tokens": 2},
        {"conv": 3},
        {"conv": 4, "attention": "window", "window": 5, "global_tokens": 1},
    ],
    ids=str,
)
def test_each_kind_is_what_a_loop_over_positions_makes(changes: dict[str, object]) -> None:
    model, config = made(positions="none", **changes)
    with observe(model) as seen:
        watched = model(X)
    torch.testing.assert_close(watched, model(X), msg="fused and explicit")
    for layer in range(2):
        stream = seen[f"block.{layer}.residual_in"]
        assert isinstance(stream, Tensor)
        maps, said = by_hand(model, config, layer, model.blocks[layer].attention_norm(stream))
        torch.testing.assert_close(seen[f"block.{layer}.weights"], maps)
        torch.testing.assert_close(seen[f"block.{layer}.attention"], said)


@pytest.mark.parametrize("positions", ["none", "learned", "rotary", "alibi", "sinusoidal"])
def test_a_window_as_long_as_the_sequence_is_full_attention(positions: str) -> None:
    full, _ = made(positions=positions, heads=1)
    window, _ = made(positions=positions, heads=1, attention="window", window=T)
    torch.testing.assert_close(window(X), full(X))
    narrow, _ = made(positions=positions, heads=1, attention="window", window=2)
    with observe(narrow):
        watched = narrow(X)
    torch.testing.assert_close(watched, narrow(X))
    assert not torch.allclose(narrow(X), full(X))


def test_maps_of_some_heads_at_a_time_have_the_window_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model, config = made(attention="window", window=3, positions="alibi", conv=2)
    whole = [each.weights for each in attention_maps(model, Input(X), config)]
    monkeypatch.setattr(looks, "MAPS", 10)
    monkeypatch.setattr("explainer.lenses.maps.CHUNK", 2 * B * T * T)
    parts = list(attention_maps(model, Input(X), config))
    assert len(parts) > len(whole)
    for layer in range(2):
        torch.testing.assert_close(
            torch.cat([each.weights for each in parts if each.layer == layer], dim=1), whole[layer]
        )


def test_nothing_reads_what_comes_later() -> None:
    model, _ = made(conv=4, attention="window", window=5, global_tokens=3)
    changed = X.clone()
    changed[:, 9] = (changed[:, 9] + 1) % V
    torch.testing.assert_close(model(changed)[:, :9], model(X)[:, :9])
    assert not torch.allclose(model(changed)[:, 9:], model(X)[:, 9:])


def test_at_first_a_convolution_hands_on_what_is_there() -> None:
    config = RunConfig(task="repeat", model="transformer", length=T, width=D, heads=H, symbols=V, conv=3)
    model = build(config, V, V)
    assert isinstance(model, Transformer)
    taps = model.blocks[0].attention.conv.weight  # type: ignore[union-attr]
    assert (taps[:, :, -1] == 1).all()
    assert taps[:, :, :-1].abs().max() < 0.1


def test_runs_that_are_older_than_a_knob_keep_their_ids_and_their_stored_form() -> None:
    usual = RunConfig(task="repeat", model="transformer")
    stored = json.loads(usual.to_json())
    for name in ("attention", "window", "global_tokens", "conv"):
        del stored[name]
        assert name not in usual.relevant()
    assert RunConfig.from_json(json.dumps(stored)) == usual
    assert RunConfig.from_json(json.dumps(stored)).run_id() == usual.run_id()
    assert usual.but(conv=3).relevant()["conv"] == 3


def test_the_network_of_the_recall_row_has_as_many_parameters_as_the_references_say() -> None:
    config = RunConfig(
        task="recall",
        model="transformer",
        length=64,
        pairs=8,
        layers=1,
        width=16,
        heads=1,
        mlp=False,
        positions="none",
        conv=3,
    )
    assert sum(each.numel() for each in build(config, 32, 32).parameters()) == 2224
