"""Hidden attention: the weights by which a linear recurrence makes each output of what it has read.

Ali et al. 2025, "The hidden attention of Mamba models", section 3: unrolled, h_t = a_t h_{t-1} + b_t u_t and y_t = c_t . h_t say
y_t = sum_s c_t . (a_t ... a_{s+1} b_s) u_s, in each channel a lower triangular map of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.lenses.hidden_attention.record import SHOWN, HiddenAttentionRecord
from explainer.lenses.look import evaluating, first_rows
from explainer.lenses.maps import pooled
from explainer.models import SequenceModel
from explainer.models.pieces import give_way
from explainer.models.scan import Recurrence
from explainer.tasks.base import Batch, Task
from explainer.theory.looks import pooling


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> HiddenAttentionRecord:
    """Of the batch's first sequence: sums over all channels, and the maps of those that say most."""
    batch, T = first_rows(batch, 1), batch.length_of(0)
    with evaluating(model):
        found = model.recurrences(batch)
    layers = [_of_layer(each, T, model.surgery.held(layer).units) for layer, each in enumerate(found)]
    maps, channels, reach, negative = (torch.stack(parts) for parts in zip(*layers, strict=True))
    cell = pooling(len(found), maps.shape[1], T)
    if cell > 1:
        maps = torch.stack([pooled(each, cell) for each in maps])
    largest = maps.abs().amax(dim=(2, 3))
    return HiddenAttentionRecord(
        weights=(maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)[..., None, None]).cpu().numpy(),
        largest=largest.cpu().numpy(),
        channels=channels.int().cpu().numpy(),
        reach=reach.cpu().numpy(),
        negative=negative.cpu().numpy(),
        tokens=tuple(task.axis(batch)),
    )


def _of_layer(found: Recurrence, T: int, silent: Iterable[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maps, the channels that they are of, and reach and negative share of all channels; what surgery holds says nothing of what it read."""
    C = found.kept.shape[-2]
    gone = torch.zeros(C, 1, dtype=torch.bool, device=found.kept.device)
    gone[list(silent)] = True
    mean: list[Tensor] = []
    sums, far, below = found.kept.abs().new_zeros(3, C)
    for t, row in enumerate(_rows(found, T, gone)):
        size = row.abs()
        back = t - torch.arange(T, device=row.device)
        mean.append(size.mean(0))
        sums, far, below = sums + size.sum(1), far + (size * back).sum(1), below + (-row).clamp(min=0).sum(1)
    most = sums.nan_to_num(-1.0).argsort(descending=True, stable=True)[: min(SHOWN, C)]
    some = torch.stack(list(_rows(found.of(most), T, gone[most])), dim=1)
    return (
        torch.cat([torch.stack(mean)[None], some]),
        torch.cat([most.new_tensor([-1]), most]),
        far / sums,
        below / sums,
    )


def _rows(found: Recurrence, T: int, gone: Tensor) -> Iterable[Float[Tensor, "C T"]]:
    for row in found.rows(T):
        give_way()
        yield row.masked_fill(gone, 0.0)
