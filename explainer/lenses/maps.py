"""The attention maps of every head, a few at a time where all of them would be too large.

A map is what the model's own explicit pass makes of queries and keys, such as softmax(Q K' / sqrt(K) + bias) over the keys that are
not later. Nothing is done to maps after that, so they can be made again, a few heads at a time, from what a pass leaves at its points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.look import evaluating
from explainer.models import Residual, SequenceModel, observe
from explainer.models.pieces import give_way
from explainer.tasks.base import Input
from explainer.theory.looks import CHUNK, maps_fit


class Maps(NamedTuple):
    """The maps of some heads of one block; `first` is the number of the first of them."""

    layer: int
    first: int
    weights: Float[Tensor, "B h T T"]


@torch.no_grad()
def attention_maps(model: SequenceModel, read: Input, config: RunConfig) -> Iterator[Maps]:
    """The maps of every block and head in their order: those of a block together if all of them may be held, else some heads."""
    assert isinstance(model, Residual), type(model)
    if not maps_fit(config, read.x.shape[1]):
        yield from _by_heads(model, read, config)
        return
    points = model.roles.attention
    with evaluating(model), observe(model, *points) as seen:
        model(read)
    for layer, point in enumerate(points):
        yield Maps(layer, 0, tensor(seen[point]).float())


def _by_heads(model: Residual, read: Input, config: RunConfig) -> Iterator[Maps]:
    layers, T = range(config.layers), read.x.shape[1]
    names = [f"block.{layer}.{part}" for layer in layers for part in ("query", "key")]
    with evaluating(model), observe(model, "embedding", *names) as seen:
        model(read)
        bias = model.biased(tensor(seen["embedding"]))
    mixer = type(model).mixer
    together = max(1, CHUNK // (len(read.x) * T * T))
    unseen = model.unseen(T, read.x.device)
    for layer in layers:
        query, key = (tensor(seen[f"block.{layer}.{part}"]) for part in ("query", "key"))
        for first in range(0, config.network.sites, together):
            some = slice(first, first + together)
            added = bias[some] if isinstance(bias, Tensor) else bias and partial(_later, bias, first)
            scores = mixer.scores(query[:, some], key[:, some], added)
            yield Maps(layer, first, mixer.weights(scores, unseen).float())
            give_way()


def _later(bias: Callable[[int], Tensor], first: int, head: int) -> Tensor:
    return bias(first + head)


def tensor(value: Tensor | list[Tensor]) -> Tensor:
    """A point that is passed once."""
    assert isinstance(value, Tensor), type(value)
    return value


def pooled(weights: Float[Tensor, "h T T"], cell: int) -> Float[Tensor, "h P P"]:
    """What `cell` queries, in the mean, give to `cell` keys together; the last ones may be fewer. Rows go on to sum to 1."""
    h, T, _ = weights.shape
    P = -(-T // cell)
    group = torch.arange(T, device=weights.device) // cell
    keys = weights.new_zeros(h, T, P).index_add_(2, group, weights)
    sums = weights.new_zeros(h, P, P).index_add_(1, group, keys)
    return sums / group.bincount().to(weights.dtype)[:, None]


def by_head(parts: dict[int, list[Tensor]], dim: int = 0) -> Tensor:
    """(L, H, ...) from what was found of each block, some heads at a time."""
    return torch.stack([torch.cat(found, dim=dim) for found in parts.values()])
