"""Sizes computed without torch against the modules that torch builds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.flop_counter import FlopCounterMode

from explainer.config import KNOBS, RunConfig
from explainer.families.attending import POSITIONS
from explainer.models import build, observe
from explainer.theory.sizes import Architecture, activation_bytes, flops_per_step, parameter_count
from tests.families import RECURRENT

B, T, V, F = 3, 11, 13, 2

RECURRENT_CONFIGS = [
    {"model": model, "layers": layers, "width": 17, "task": task, "dropout": dropout}
    for model in RECURRENT
    for layers in (1, 2, 3)
    for task in ("text", "adding")
    for dropout in (0.0, 0.1)
]
TRANSFORMER_CONFIGS = [
    {"model": "transformer", "width": 28, "heads": 7, "positions": positions, "norm": norm, **rest}
    for positions in POSITIONS
    for norm in KNOBS["norm"].metadata["choices"]
    for rest in (
        {"layers": 2, "task": "text", "tied": True},
        {"layers": 3, "task": "text", "mlp": False, "dropout": 0.1},
        {"layers": 1, "task": "adding", "dropout": 0.1},
        {"layers": 0, "task": "text"},
        {"layers": 0, "task": "adding"},
    )
]
CONFIGS = RECURRENT_CONFIGS + TRANSFORMER_CONFIGS


def prepare(fields: dict[str, Any]) -> tuple[RunConfig, int, int, torch.Tensor]:
    config = RunConfig(**fields, batch=B, length=T)
    if config.has_tokens:
        return config, V, V, torch.randint(V, (B, T))
    return config, F, 1, torch.randn(B, T, F)


@pytest.mark.parametrize("fields", CONFIGS, ids=str)
def test_parameters_are_counted_exactly(fields: dict[str, Any]) -> None:
    config, inputs, outputs, _ = prepare(fields)
    model = build(config, inputs, outputs)
    assert parameter_count(config, inputs, outputs) == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("fields", CONFIGS, ids=str)
def test_matrix_products_are_counted_exactly(fields: dict[str, Any]) -> None:
    config, inputs, outputs, x = prepare(fields)
    model = build(config, inputs, outputs)
    with torch.no_grad(), observe(model, "output"), FlopCounterMode(display=False) as counter:
        model(x)
    assert flops_per_step(config, inputs, outputs) == 3 * counter.get_total_flops()


@pytest.mark.parametrize("fields", CONFIGS, ids=str)
def test_memory_is_estimated_from_above_and_not_wildly(fields: dict[str, Any]) -> None:
    config, inputs, outputs, x = prepare(fields)
    model = build(config, inputs, outputs)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(saved: torch.Tensor) -> torch.Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that its address is not used again
        return saved

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        output = model(x)
        if config.has_tokens:
            cross_entropy(output.flatten(0, 1), x.flatten())
        else:
            mse_loss(output, torch.zeros_like(output))
    measured = sum(storage.nbytes() for storage in kept.values())
    assert measured <= activation_bytes(config, inputs, outputs) <= 5 * measured


def test_a_configuration_is_an_architecture() -> None:
    assert isinstance(RunConfig(), Architecture)


def test_nanogpt_cpu_recipe_has_its_804096_parameters() -> None:
    config = RunConfig(task="text", model="transformer", layers=4, width=128, heads=4, length=64, tied=True)
    assert parameter_count(config, 65, 65) == 804_096
