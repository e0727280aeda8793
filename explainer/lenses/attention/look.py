"""Attention: which tokens look at which, and what kind of head each one is.

The scores are those of Olsson et al. 2022 (In-context learning and induction heads): a
previous-token head below and a prefix-matching head above make an induction circuit. What they are by
chance is in `lenses.head_scores`.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.head_scores import even_entropy, scored_maps
from explainer.lenses.look import affordable_rows, first_rows
from explainer.lenses.maps import by_head, pooled
from explainer.models import SequenceModel
from explainer.tasks.base import Batch, Task
from explainer.theory.looks import pooling


def look(model: SequenceModel, batch: Batch, task: Task) -> AttentionRecord:
    """The maps of the batch's first sequence, and the scores of the heads over the batch."""
    config, T = task.config, batch.x.shape[1]
    looked_at = first_rows(batch, affordable_rows(config, T, most=len(batch.x)))
    first = batch.length_of(0)
    cell = pooling(config.layers, config.network.sites, first)
    found: dict[str, dict[int, list[Tensor]]] = {}
    for (layer, _, weights), scores, chance in scored_maps(model, looked_at, config):
        own = weights[0, :, :first, :first]
        scores |= {"weights": own if cell == 1 else pooled(own, cell), "chance": chance.T}
        for name, values in scores.items():
            found.setdefault(name, {}).setdefault(layer, []).append(values)
    arrays = {name: by_head(parts).float().cpu().numpy() for name, parts in found.items()}
    arrays["chance"] = np.moveaxis(arrays["chance"], 2, 0)
    return AttentionRecord(tokens=tuple(task.axis(batch)), even=even_entropy(looked_at), **arrays)
