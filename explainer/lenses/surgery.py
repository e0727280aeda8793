"""Surgery: the same weights untouched and operated, side by side; and what every unit or head is worth.

Sequences of a batch do not touch each other. So all knock-outs run in one forward pass: the batch is
repeated once for each unit (or head), and copy k is without unit k.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.hidden import where_known
from explainer.lenses.lens import Lens, evaluating, first_rows
from explainer.models import SequenceModel, observe, operated
from explainer.models.operate import Edit
from explainer.models.swap import explicit, swapped
from explainer.records import SurgeryRecord
from explainer.surgery import Head, Surgery, Unit, knock_outs
from explainer.tasks import Batch, Task
from explainer.tasks.base import masked_mean
from explainer.theory.followed import evenly
from explainer.theory.sizes import flops_per_step

MOST_SITES = 192
MOST_ROWS = 32
FLOPS = 1.5e9  # of all knock-outs together: a fraction of a second on one core
NUMBERS = 2**23  # that one pass may hold: 32 MB


def look(model: SequenceModel, batch: Batch, task: Task, surgery: Surgery | None = None) -> SurgeryRecord:
    """The batch's first sequence untouched and operated, and losses over its first rows.

    Args:
        surgery: None for the knock-out that costs most.

    Raises:
        ValueError: the model has nothing to operate on, no position counts in the loss, or the second
            input of a swap can't be read.
    """
    config = task.config
    if not batch.mask.any():
        raise ValueError("This input leaves nothing to predict, so there is no loss. Give at least two steps.")
    every = knock_outs(config)
    sites = [every[site] for site in evenly(len(every), MOST_SITES)] if every else []
    batch = first_rows(batch, rows_looked_at(task, batch, len(sites)))
    with torch.no_grad(), evaluating(model):
        output = explicit(model, batch.x)
        loss = float(task.loss(output, batch))
        effects = knock_out_losses(model, batch, task, sites) - loss
        if not surgery:
            surgery = Surgery((sites[_largest(effects)],)) if sites else Surgery()
        changed, donor = _operated(model, batch, task, surgery)
    return SurgeryRecord(
        surgery=str(surgery),
        loss=loss,
        operated_loss=float(task.loss(changed, batch)),
        sequences=len(batch.x),
        effects=effects.astype(np.float32),
        layers=np.array([site.layer for site in sites], dtype=np.int32),
        places=np.array([site.head if isinstance(site, Head) else site.unit for site in sites], dtype=np.int32),
        donor=donor,
        tokens=tuple(task.axis(batch)),
        targets=tuple(task.target_axis(batch)),
        mask=batch.mask[0].cpu().numpy(),
        **_said(task, batch, output[:1], changed[:1]),
    )


def rows_looked_at(task: Task, batch: Batch, sites: int) -> int:
    """Over how many sequences losses are means: as many as all knock-outs can take in a fraction of a second."""
    config, T = task.config, batch.x.shape[1]
    forward = flops_per_step(config, task.inputs, task.outputs) / 3 / config.batch * T / config.total_length
    return int(max(1, min(MOST_ROWS, len(batch.x), FLOPS // (forward * (sites + 1)))))


def knock_out_losses(
    model: SequenceModel, batch: Batch, task: Task, sites: Sequence[Unit | Head]
) -> Float[np.ndarray, " K"]:
    """The loss without each unit or head, all the others being there."""
    if not sites:
        return np.zeros(0)
    together = max(1, NUMBERS // (len(batch.x) * _numbers(task.config, batch.x.shape[1])))
    parts = [sites[first : first + together] for first in range(0, len(sites), together)]
    return np.concatenate([_losses_without(model, batch, task, part) for part in parts])


def _losses_without(
    model: SequenceModel, batch: Batch, task: Task, sites: Sequence[Unit | Head]
) -> Float[np.ndarray, " some"]:
    rows, copies = len(batch.x), len(sites)
    edits: dict[str, Edit] = {}
    for layer in sorted({site.layer for site in sites}):
        gone = torch.zeros(copies, _size(task.config), dtype=torch.bool, device=batch.x.device)
        for copy, site in enumerate(sites):
            if site.layer == layer:
                gone[copy, site.head if isinstance(site, Head) else site.unit] = True
        kind = "block.{}.heads" if task.config.model == "transformer" else "layer.{}.hidden"
        edits[kind.format(layer)] = partial(_without, gone.repeat_interleave(rows, dim=0))
    several = Batch(*(_repeated(values, copies) for values in (batch.x, batch.y, batch.mask)))
    with observe(model, "output", edit=edits):
        losses = task.loss_per_position(model(several.x), several)
    each = zip(losses.split(rows), several.mask.split(rows), strict=True)
    return torch.stack([masked_mean(loss, mask) for loss, mask in each]).double().cpu().numpy()


def _without(gone: Bool[Tensor, "B N"], values: Tensor) -> Tensor:
    """Zeros where a unit (B, N), or all that a head (B, H, T, K) reads, is gone."""
    return values.masked_fill(gone.reshape(*gone.shape, *[1] * (values.ndim - 2)), 0.0)


def _repeated(values: Tensor, copies: int) -> Tensor:
    return values.repeat(copies, *[1] * (values.ndim - 1))


def _operated(
    model: SequenceModel, batch: Batch, task: Task, surgery: Surgery
) -> tuple[Float[Tensor, "B T V"], tuple[str, ...]]:
    """The output under surgery, and what the donor of a swapped memory had read by then."""
    swap = surgery.swap
    if swap is None:
        with operated(model, surgery):
            return explicit(model, batch.x), ()
    donor = task.read(swap.donor) if swap.donor else task.batch(1, split="validation", size=len(batch.x))
    changed = swapped(model, batch.x, donor.to(batch.x.device).x.type_as(batch.x), swap.step)
    return changed, tuple(task.axis(donor)[: swap.step + 1])


def _said(task: Task, batch: Batch, output: Float[Tensor, "1 T V"], changed: Float[Tensor, "1 T V"]) -> dict[str, Any]:
    """What both say of the first sequence, and how far they are apart."""
    first = first_rows(batch, 1)
    both = torch.cat([output, changed]).float()
    known = first.known_of(0)
    losses = [where_known(task.loss_per_position(each, first)[0].float(), known) for each in (output, changed)]
    empty = np.zeros(0, dtype=np.float32)
    if task.has_tokens:
        p = both.softmax(-1)
        right = p.gather(-1, first.y.expand(2, -1)[..., None])[..., 0]
        moved = (p[0] - p[1]).abs().sum(-1) / 2
        guesses = [tuple(task.vocabulary[index] for index in each.argmax(-1).tolist()) for each in both]
        outputs, target = torch.where(known, right, torch.nan), empty
    else:
        outputs = task.in_units(both[..., 0])
        moved = (outputs[0] - outputs[1]).abs()
        target = where_known(task.in_units(first.y[0, :, 0].float()), known)
        guesses = [(), ()]
    return {
        "outputs": outputs.cpu().numpy(),
        "losses": np.stack(losses),
        "moved": moved.cpu().numpy(),
        "target": target,
        "guesses": guesses[0],
        "operated_guesses": guesses[1],
    }


def _largest(effects: Float[np.ndarray, " K"]) -> int:
    """The place of the largest finite number; 0 if there is none."""
    return int(np.where(np.isfinite(effects), effects, -np.inf).argmax())


def _size(config: RunConfig) -> int:
    """Units of a layer, or heads of a block."""
    return config.heads if config.model == "transformer" else config.width


def _numbers(config: RunConfig, T: int) -> int:
    """About how many numbers one sequence holds at once in a forward pass that keeps nothing for a backward one."""
    if config.model != "transformer":
        return T * config.width * 3
    return T * (3 * config.heads * T + 12 * config.width)


LENS = Lens("surgery", look, suits=lambda config: config.layers > 0, operate=look)
