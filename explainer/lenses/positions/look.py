"""Positions: the table that a Transformer adds to its embeddings, and how far its heads look."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.families import Attending
from explainer.lenses.look import affordable_rows, first_rows
from explainer.lenses.maps import attention_maps, by_head
from explainer.lenses.positions.record import PositionsRecord
from explainer.models import Residual, SequenceModel
from explainer.tasks.base import Batch, Task
from explainer.theory.encodings import dot_kernel


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> PositionsRecord:
    """The table over all positions of training, and the attention by distance on the batch."""
    assert isinstance(model, Residual), type(model)
    config, T = task.config, batch.x.shape[1]
    added = model.placed(config.total_length).table(config.total_length)
    table = np.zeros((0, 0), dtype=np.float32) if added is None else added.float().cpu().numpy().copy()
    found: dict[int, list[Tensor]] = {}
    if config.layers:
        looked_at = first_rows(batch, affordable_rows(config, T, most=len(batch.x)))
        for layer, _, weights in attention_maps(model, looked_at, config):
            found.setdefault(layer, []).append(weight_by_distance(weights, looked_at.real))
    return PositionsRecord(
        kind=config.part(Attending).positions,
        table=table,
        kernel=dot_kernel(table, normalised=True).astype(np.float32),
        distance=by_head(found).cpu().numpy() if found else np.zeros((0, config.network.sites, T), np.float32),
    )


def weight_by_distance(
    weights: Float[Tensor, "B H T T"], real: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "H T"]:
    """[h, d]: mean weight of a query on the key d tokens before it, over the queries that have one.

    Args:
        real: the queries that are no padding; None for all.
    """
    T = weights.shape[-1]
    if real is not None:
        total, queries = (weights * real[:, None, :, None]).sum(0), real.sum(0).to(weights.dtype)
        sums = [total.diagonal(-d, -2, -1).sum(-1) / queries[d:].sum() for d in range(T)]
        return torch.stack(sums, dim=-1)
    mean = weights.mean(0)
    return torch.stack([mean.diagonal(-d, -2, -1).mean(-1) for d in range(T)], dim=-1)
