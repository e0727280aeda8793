"""The biography of every head: what it looks at, how far, how evenly, and what the loss would be without it.

Knocking out a head (zero ablation) is Michel et al. 2019 (Are sixteen heads really better than one?), section 3.
Blocks before it are not run again.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.lenses.head_scores import even_entropy, over_queries, scored_maps
from explainer.lenses.heads.record import SCORES, HeadsRecord
from explainer.lenses.look import affordable_rows, counted, evaluating, first_rows, summed_losses
from explainer.lenses.maps import by_head, tensor
from explainer.models import Residual, SequenceModel, observe
from explainer.models.observe import Watch
from explainer.models.operate import edits
from explainer.tasks.base import Batch, Task
from explainer.theory.paired import quotient
from explainer.theory.sizes import flops_per_step

FLOPS = 2e10  # of one look: about a second on one core


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> HeadsRecord:
    """All scores of all heads over as many sequences of the batch as a look may take."""
    assert isinstance(model, Residual), type(model)
    batch = first_rows(batch, rows(task, batch))
    loss, without = losses_without(model, batch, task)
    differences, errors = quotient(without - loss, counted(batch), task.independent("validation"))
    scores: dict[int, list[Tensor]] = {}
    levels: dict[int, list[Tensor]] = {}
    for (layer, first, weights), found, chance in scored_maps(model, batch, task.config):
        heads = slice(first, first + weights.shape[1])
        found |= {
            "positional": positional(weights, batch.real),
            "distance": distance(weights, batch.real),
            "knocked_out": torch.as_tensor(differences[layer, heads], dtype=weights.dtype, device=weights.device),
        }
        scores.setdefault(layer, []).append(torch.stack([found[name] for name in SCORES]))
        levels.setdefault(layer, []).append(chance)
    return HeadsRecord(
        scores=by_head(scores, dim=1).transpose(0, 1).float().cpu().numpy(),
        chance=by_head(levels, dim=1).transpose(0, 1).float().cpu().numpy(),
        errors=errors.astype(np.float32),
        loss=float(quotient(loss, counted(batch))[0]),
        sequences=len(batch.x),
        length=batch.x.shape[1],
        even=even_entropy(batch),
    )


def losses_without(
    model: Residual, batch: Batch, task: Task
) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, "L H B"]]:
    """The summed losses of each sequence with all heads, and without each of them."""
    layers = range(task.config.layers)
    points = model.roles.entered
    with evaluating(model):
        with observe(model, *points, "output") as seen:
            model(batch)
        entering, output = [tensor(seen[point]) for point in points], tensor(seen["output"])
        without = [
            [
                summed_losses(task, knocked_out(model, entering[layer], layer, head), batch)
                for head in range(task.config.network.sites)
            ]
            for layer in layers
        ]
    return summed_losses(task, output, batch), np.array(without)


def rows(task: Task, batch: Batch) -> int:
    """How many sequences of a batch a look takes: what memory holds and about a second can work through."""
    config, (B, T) = task.config, batch.x.shape[:2]
    forward = flops_per_step(config, task.inputs, task.outputs) / 3 / config.batch * (T / config.total_length)
    passes = 2 + config.layers * config.network.sites
    return max(1, min(affordable_rows(config, T, most=B), int(FLOPS // (forward * passes))))


def knocked_out(model: Residual, entering: Float[Tensor, "B T D"], layer: int, head: int) -> Float[Tensor, "B T V"]:
    """The model's output when one head says nothing: its columns of the block's output projection meet zeros.

    Args:
        entering: the residual stream that enters block `layer`.
    """

    name = model.roles.sites[layer]
    gone = torch.arange(model.heads, device=entering.device) == head
    watch = Watch(
        (), *edits(model.surgery, model.roles), {name: lambda heads: heads.masked_fill(gone[:, None, None], 0.0)}
    )
    return model.read_out(model.from_block(layer, entering, watch.whole))


def positional(weights: Float[Tensor, "B H T T"], real: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, " H"]:
    """1 - sum_bts |A - mean_b A| / (2 B T): 1 if every sequence is attended to alike; NaN for one sequence.

    As each row sums to 1, half the sum is the total variation distance of a row from the mean row.

    Args:
        real: the queries that are no padding, over which all sums go then; None for all.
    """
    B, _, T, _ = weights.shape
    if B == 1:
        return weights.new_full(weights.shape[1:2], torch.nan)
    if real is not None:
        here = real[:, None, :, None]
        mean = (weights * here).sum(0) / here.sum(0).clamp(min=1)
        return 1 - ((weights - mean).abs() * here).sum((0, 2, 3)) / (2 * real.sum())
    return 1 - (weights - weights.mean(0)).abs().sum((0, 2, 3)) / (2 * B * T)


def distance(weights: Float[Tensor, "B H T T"], real: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, " H"]:
    """Mean over queries of sum_s A_ts (t - s), in tokens."""
    position = torch.arange(weights.shape[-1], device=weights.device, dtype=weights.dtype)
    return over_queries((weights * (position[:, None] - position)).sum(-1), real)
