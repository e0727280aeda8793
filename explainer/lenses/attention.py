"""Attention: which tokens look at which, and what kind of head each one is.

The scores are those of Olsson et al. 2022 (In-context learning and induction heads): a
previous-token head below and a prefix-matching head above make an induction circuit. What they are by
chance is in `lenses.chance`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.chance import SHUFFLED, chance, just_before, mean_weight
from explainer.lenses.lens import Lens, affordable_rows, evaluating, first_rows
from explainer.models import SequenceModel, observe
from explainer.records import AttentionRecord
from explainer.tasks import Batch, Task


@torch.no_grad()
def attention_weights(model: SequenceModel, batch: Batch, config: RunConfig) -> list[Float[Tensor, "B H T T"]]:
    """The weights of each block, on as many sequences of the batch as memory allows (at least one)."""
    B, T = batch.x.shape[:2]
    rows = affordable_rows(config, T, most=B)
    points = [f"block.{layer}.weights" for layer in range(config.layers)]
    with evaluating(model), observe(model, *points) as seen:
        model(first_rows(batch, rows).x)
    return [_tensor(seen[point]).float() for point in points]


def look(model: SequenceModel, batch: Batch, task: Task) -> AttentionRecord:
    """The maps of the batch's first sequence, and the scores of the heads over the batch."""
    layers = attention_weights(model, batch, task.config)
    looked_at = first_rows(batch, len(layers[0]))
    keys = marked(looked_at)
    with torch.no_grad(), evaluating(model):
        levels = chance(model, looked_at, layers, keys, affordable_rows(task.config, batch.x.shape[1], most=SHUFFLED))
    return AttentionRecord(
        weights=np.stack([weights[0].cpu().numpy() for weights in layers]),
        tokens=tuple(task.axis(batch)),
        previous_token=_each(layers, lambda weights: mean_weight(weights, keys["previous_token"])),
        prefix_matching=_each(layers, lambda weights: mean_weight(weights, keys["prefix_matching"])),
        duplicate_token=_each(layers, lambda weights: mean_weight(weights, keys["duplicate_token"])),
        chance=levels.float().cpu().numpy(),
        entropy=_each(layers, lambda weights: torch.special.entr(weights).sum(-1).mean((0, 2))),
    )


def earlier_occurrence(batch: Batch) -> Bool[Tensor, "B T T"]:
    """[b, t, s]: position s is where the token of position t stood before.

    One period back where the sequences repeat with a known period, else every s < t with an
    equal token. Real numbers do not repeat.
    """
    T = batch.x.shape[1]
    position = torch.arange(T, device=batch.x.device)
    back = position[:, None] - position
    if batch.period is not None:
        return back == batch.period[:, None, None]
    if batch.x.is_floating_point():
        return torch.zeros(len(batch.x), T, T, dtype=torch.bool, device=batch.x.device)
    return (batch.x[:, :, None] == batch.x[:, None, :]) & (back > 0)


def after_earlier(earlier: Bool[Tensor, "B T T"]) -> Bool[Tensor, "B T T"]:
    """[b, t, s]: position s is the one after an earlier occurrence of the token of position t."""
    after = torch.zeros_like(earlier)
    after[:, :, 1:] = earlier[:, :, :-1]
    return after


def marked(batch: Batch) -> dict[str, Bool[Tensor, "B T T"]]:
    """Of each role the keys that its score adds up."""
    earlier = earlier_occurrence(batch)
    return {
        "prefix_matching": after_earlier(earlier),
        "previous_token": just_before(len(batch.x), batch.x.shape[1], batch.x.device),
        "duplicate_token": earlier,
    }


def _each(layers: list[Tensor], score: Callable[[Tensor], Tensor]) -> Float[np.ndarray, "L H"]:
    return np.stack([score(weights).cpu().numpy() for weights in layers])


def _tensor(value: Tensor | list[Tensor]) -> Tensor:
    assert isinstance(value, Tensor)
    return value


LENS = Lens("attention", look, suits=lambda config: config.model == "transformer" and config.layers > 0)
