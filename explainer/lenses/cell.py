"""Queries, keys and values of every head on one sequence: what any cell of its attention maps is made of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.lens import Lens, evaluating, first_rows
from explainer.models import SequenceModel, observe
from explainer.models.operate import order
from explainer.models.positions import alibi_slopes
from explainer.records import CellRecord
from explainer.tasks import Batch, Task

PARTS = ("query", "key", "value", "weights")


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> CellRecord:
    """Those of the batch's first sequence, queries and keys turned where positions are rotary."""
    config = task.config
    batch = first_rows(batch, 1)
    points = [f"block.{layer}.{part}" for part in PARTS for layer in range(config.layers)]
    with evaluating(model), observe(model, *points) as seen:
        model(batch.x)
    first = {name: value[0].float().cpu().numpy() for name, value in seen.items() if isinstance(value, Tensor)}
    stacked = {part: np.stack([first[f"block.{layer}.{part}"] for layer in range(config.layers)]) for part in PARTS}
    slopes = alibi_slopes(config.heads) if config.positions == "alibi" else [0.0] * config.heads
    T = batch.x.shape[1]
    places, heads = order(model.surgery, T), range(config.heads)
    return CellRecord(
        **stacked,
        slopes=np.array(slopes),
        places=np.arange(T) if places is None else places.numpy(),
        silent=np.array([[head in model.surgery.silent(layer) for head in heads] for layer in range(config.layers)]),
        positions=config.positions,
        tokens=tuple(task.axis(batch)),
    )


def suits(config: RunConfig) -> bool:
    """A Transformer with heads."""
    return config.model == "transformer" and config.layers > 0


LENS = Lens("cell", look, suits)
