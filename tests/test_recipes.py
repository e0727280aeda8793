"""Every optimiser and every schedule against torch's own, value by value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from explainer.config import RunConfig
from explainer.recipes import OPTIMIZERS, SCHEDULES
from explainer.training import lr_at
from explainer.training.optimizer import make_optimizer

LR, DECAY, STEPS = 0.02, 0.3, 7
RULES: dict[str, Callable[[list[Tensor], list[Tensor]], list[torch.optim.Optimizer]]] = {
    "adamw": lambda w, b: [torch.optim.AdamW(_apart(w, b), lr=LR, betas=(0.9, 0.97))],
    "adam": lambda w, b: [torch.optim.Adam(_apart(w, b), lr=LR, betas=(0.9, 0.97))],
    "rmsprop": lambda w, b: [torch.optim.RMSprop(_apart(w, b), lr=LR, alpha=0.9)],
    "muon": lambda w, b: [
        torch.optim.Muon(w, lr=LR, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(b, lr=LR, betas=(0.9, 0.97), weight_decay=0.0),
    ],
}


def _apart(matrices: list[Tensor], others: list[Tensor]) -> list[dict[str, Any]]:
    return [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return nn.Sequential(nn.Linear(7, 11), nn.Tanh(), nn.Linear(11, 3))


def trained(model: nn.Module, rules: list[Any]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(11)
    for _ in range(STEPS):
        for rule in rules:
            rule.zero_grad()
        model(torch.randn(13, 7, generator=draw)).square().mean().backward()
        for rule in rules:
            rule.step()
    return list(model.parameters())


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_torchs_own_with_the_decay_of_matrices_alone(name: str) -> None:
    config = RunConfig(optimizer=name, lr=LR, weight_decay=DECAY, beta2=0.97, smoothing=0.9)
    ours, theirs = network(), network()
    matrices = [each for each in theirs.parameters() if each.ndim == 2]
    others = [each for each in theirs.parameters() if each.ndim == 1]
    found = trained(ours, [make_optimizer(config, ours.parameters())])
    for one, other in zip(found, trained(theirs, RULES[name](matrices, others)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_every_rule_has_its_oracle() -> None:
    assert set(OPTIMIZERS) == {*RULES, "sgd"}, "SGD's is in test_training"


def test_muon_makes_a_matrix_nearly_orthogonal() -> None:
    """Its step from the first gradient, divided by its scale, has singular values near 1, and the gradient's directions (Jordan 2024)."""
    weight = nn.Parameter(torch.zeros(17, 23))
    gradient = torch.randn(17, 23, generator=torch.Generator().manual_seed(3)) * torch.logspace(0, -2, 17)[:, None]
    rule = make_optimizer(RunConfig(optimizer="muon", lr=1.0), [weight])
    weight.grad = gradient.clone()
    rule.step()
    step = -weight.detach() / (0.2 * math.sqrt(23))
    values = torch.linalg.svdvals(step)
    assert 0.5 < values.min() < values.max() < 1.35
    assert torch.linalg.svdvals(gradient).max() / torch.linalg.svdvals(gradient).min() > 30
    U, _, V = torch.linalg.svd(gradient, full_matrices=False)
    turned = U.T @ step @ V.T
    assert turned.diagonal().min() > 0.5
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 0.1


def course(name: str, **more: Any) -> list[float]:
    config = RunConfig(schedule=name, lr=LR, steps=97, **more)
    return [lr_at(step, config) for step in range(97)]


def theirs(scheduler: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], lr: float = LR) -> list[float]:
    rule = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    made, rates = scheduler(rule), []
    for _ in range(97):
        rates.append(rule.param_groups[0]["lr"])
        rule.step()
        made.step()
    return rates


def test_a_straight_line_is_torchs_own() -> None:
    expected = theirs(lambda rule: lr_scheduler.LinearLR(rule, 1.0, 0.1, total_iters=97))
    assert course("linear", min_lr=0.1 * LR) == pytest.approx(expected, rel=1e-9)


def test_the_cosine_is_torchs_own() -> None:
    expected = theirs(lambda rule: lr_scheduler.CosineAnnealingLR(rule, 97, eta_min=0.1 * LR))
    assert course("cosine", min_lr=0.1 * LR) == pytest.approx(expected, rel=1e-9)


def test_one_cycle_is_torchs_own() -> None:
    expected = theirs(lambda rule: lr_scheduler.OneCycleLR(rule, LR, total_steps=98, pct_start=0.3))
    found = [lr_at(step, RunConfig(schedule="onecycle", lr=LR, steps=98)) for step in range(97)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_triangles_are_torchs_own() -> None:
    expected = theirs(lambda rule: lr_scheduler.CyclicLR(rule, 0.1 * LR, LR, step_size_up=11, cycle_momentum=False))
    assert course("cyclic", min_lr=0.1 * LR, cycle=22) == pytest.approx(expected, rel=1e-9)


def test_warm_up_stable_decay_is_three_lines() -> None:
    rates = np.array(course("wsd", warmup=7, decay=0.5, min_lr=0.1 * LR))
    np.testing.assert_allclose(rates[:7], LR * np.arange(1, 8) / 8)
    np.testing.assert_allclose(rates[7:53], LR)
    expected = LR * (0.1 + 0.9 * (97 - np.arange(52, 97)) / 45)
    np.testing.assert_allclose(rates[52:], expected)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_rate_is_above_the_peak_or_below_nothing(name: str) -> None:
    for steps in (1, 2, 3, 10, 97):
        config = RunConfig(schedule=name, lr=LR, steps=steps)
        rates = [lr_at(step, config) for step in range(2 * steps)]
        assert all(0 <= rate <= LR * (1 + 1e-12) for rate in rates), (name, steps, rates)
