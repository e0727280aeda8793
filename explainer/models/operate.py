"""Surgery on a model: edits at observation points, shuffled positions, and a swapped memory.

Weights are never touched and fused kernels never patched: an operated model takes the same explicit
forward pass as an observed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from explainer.families import Roles
from explainer.surgery import Gate, Head, Operation, Shuffle, Surgery, Swap, Unit

Edit = Callable[[Tensor], Tensor]


def edits(surgery: Surgery, roles: Roles) -> list[Mapping[str, Edit]]:
    """What happens at which observation point, one mapping for each operation that acts at one."""
    found = (_edit(operation, roles) for operation in surgery.operations)
    return [{point: edit} for point, edit in found if point]


def order(surgery: Surgery, T: int) -> Int[Tensor, " T"] | None:
    """The position that each of T tokens gets instead of its own; None where nothing is shuffled."""
    seeds = [operation.seed for operation in surgery.operations if isinstance(operation, Shuffle)]
    if not seeds:
        return None
    places = torch.arange(T)
    for seed in seeds:
        places = places[torch.randperm(T, generator=torch.Generator().manual_seed(seed))]
    return places


def _edit(operation: Operation, roles: Roles) -> tuple[str, Edit]:
    match operation:
        case Unit(layer, unit, held):
            return roles.sites[layer], lambda h: h.masked_fill(_only(unit, h.shape[-1], h), held)
        case Gate(layer, gate, held):
            # Not full_like: what is held stays a part of the graph, so that it has a derivative like any other value.
            return roles.gates[layer][gate], lambda gates: gates.masked_fill(gates.new_ones((), dtype=bool), held)
        case Head(layer, head):
            return (
                roles.sites[layer],
                lambda heads: heads.masked_fill(_only(head, heads.shape[1], heads)[:, None, None], 0.0),
            )
        case Shuffle() | Swap():
            return "", lambda values: values


def _only(index: int, size: int, like: Tensor) -> Tensor:
    """True at one index."""
    return torch.arange(size, device=like.device) == index
