"""Queries, keys and values of every head on one sequence: what any cell of its attention maps is made of."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.families import Attending
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.lenses.look import evaluating, first_rows, model_device
from explainer.lenses.maps import attention_maps, by_head, tensor
from explainer.models import SequenceModel, observe
from explainer.models.operate import order
from explainer.models.positions import alibi_slopes
from explainer.tasks.base import Batch, Task
from explainer.theory.attention_cell import asked_head
from explainer.theory.looks import maps_fit

PARTS = ("query", "key", "value")


def look(model: SequenceModel, batch: Batch, task: Task) -> AttentionCellRecord:
    """Those of the batch's first sequence, queries and keys turned where positions are rotary.

    Where all maps would be too large it is the first head alone.
    """
    whole = maps_fit(task.config, batch.length_of(0))
    return _of(model, batch, task, None if whole else (0, 0))


def answer(model: SequenceModel, asked: str, task: Task) -> AttentionCellRecord:
    """The same of the user's own input; of one head, if the question is one of `theory.attention_cell.head_question`.

    Raises:
        ValueError: the input can't be read, or there is no such head.
    """
    found, config = asked_head(asked), task.config
    if found is None:
        return look(model, task.read(asked).to(model_device(model)), task)
    layer, head, text = found
    if not (layer < config.layers and head < config.network.sites):
        raise ValueError(
            f"There is no head {head + 1} in layer {layer + 1}. Choose one of {config.layers} layers and {config.network.sites} heads."
        )
    batch = task.read(text) if text else task.batch(0, split="validation", size=1)
    return _of(model, batch.to(model_device(model)), task, (layer, head))


@torch.no_grad()
def _of(model: SequenceModel, batch: Batch, task: Task, only: tuple[int, int] | None) -> AttentionCellRecord:
    """The record of all heads, or of one."""
    config = task.config
    batch = first_rows(batch, 1)
    first, heads = only or (0, 0), range(config.network.sites)
    some = tuple(slice(at, at + 1) for at in only) if only else (slice(None), slice(None))
    layers = [only[0]] if only else range(config.layers)
    points = {part: [f"block.{layer}.{part}" for layer in layers] for part in PARTS}
    with evaluating(model), observe(model, *(name for names in points.values() for name in names)) as seen:
        model(batch)
    stacked = {
        part: np.stack([tensor(seen[name])[0, some[1]].float().cpu().numpy() for name in names])
        for part, names in points.items()
    }
    positions, (window, global_tokens) = config.part(Attending).positions, config.part(Attending).span
    slopes = np.array(alibi_slopes(config.network.sites) if positions == "alibi" else [0.0] * config.network.sites)
    silent = np.array([[head in model.surgery.silent(layer) for head in heads] for layer in range(config.layers)])
    T = batch.x.shape[1]
    places = order(model.surgery, T)
    return AttentionCellRecord(
        **stacked,
        weights=_weights(model, batch, config, only),
        slopes=slopes[some[1]],
        places=np.arange(T) if places is None else places.numpy(),
        silent=silent[some],
        positions=positions,
        tokens=tuple(task.axis(batch)),
        layer=first[0],
        head=first[1],
        window=window,
        global_tokens=global_tokens,
        softmax=config.part(Attending).softmax,
    )


def _weights(
    model: SequenceModel, batch: Batch, config: RunConfig, only: tuple[int, int] | None
) -> Float[np.ndarray, "L H T T"]:
    """The maps of all heads, or of one."""
    found: dict[int, list[Tensor]] = {}
    for layer, first, weights in attention_maps(model, batch, config):
        some = weights[0]
        if only:
            at = only[1] - first
            if layer != only[0] or not 0 <= at < len(some):
                continue
            some = some[at : at + 1].clone()
        found.setdefault(layer, []).append(some)
    return by_head(found).float().cpu().numpy()
