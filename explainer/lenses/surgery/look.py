"""Surgery: the same weights untouched and operated, side by side; and what every unit or head is worth.

Sequences of a batch do not touch each other. So all knock-outs run in one forward pass: the batch is
repeated once for each unit (or head), and copy k is without unit k.

It goes in two stages. All knock-outs are measured on some sequences; the largest and the smallest of them, and the surgery that
is asked for, again on others that did not choose them, and on more: the largest of many measured numbers is too large in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.look import check_counts, counted, evaluating, filled_of, first_rows, summed_losses, where_known
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.models import SequenceModel, observe, operated
from explainer.models.operate import Edit
from explainer.models.swap import explicit, swapped
from explainer.surgery import Head, Surgery, Unit, knock_outs
from explainer.tasks.base import Batch, Task
from explainer.theory.followed import evenly
from explainer.theory.paired import quotient
from explainer.theory.sizes import flops_per_step
from explainer.theory.ties import first_largest

MOST_SITES, FEWEST_SITES = 192, 12
MOST_FLOPS = 2e11  # of the first stage, where so many sites can't do with fewer sequences: ten seconds on one core
SCREENED = 128  # sequences of all knock-outs, at most
CHECKED = 512  # sequences of the surgery and of what came out largest and smallest, at most
FRESH = 2  # the validation batch that they are; 0 is what the page shows, 1 what a swapped memory is taken from
FEWEST = 8  # that a standard error should rest on
FLOPS = 1.5e9  # of each stage: a fraction of a second on one core
NUMBERS = 2**23  # that one pass may hold: 32 MB


def look(model: SequenceModel, batch: Batch, task: Task, surgery: Surgery | None = None) -> SurgeryRecord:
    """The batch's first sequence untouched and operated, and losses with their errors.

    Args:
        batch: what is shown; of more than one sequence the others stand for their like, and losses are means over fresh ones.
            A single one is the viewer's own: its losses are its own, and have no error.
        surgery: None for the knock-out that costs most.

    Raises:
        ValueError: the model has nothing to operate on, no position counts in the loss, or the second
            input of a swap can't be read.
    """
    config = task.config
    check_counts(batch)
    every = knock_outs(config)
    sites = [every[site] for site in evenly(len(every), sites_followed(task, batch))] if every else []
    with torch.no_grad(), evaluating(model):
        effects, errors, screened = screen(model, batch, task, sites)
        extremes = [_largest(effects), _largest(-effects)] if sites else []
        if not surgery:
            surgery = Surgery((sites[extremes[0]],)) if sites else Surgery()
        measured = check(model, batch, task, surgery, [sites[site] for site in extremes])
        first = first_rows(batch, 1)
        output = explicit(model, first)
        changed, donor = _operated(model, first, task, surgery)
    return SurgeryRecord(
        surgery=str(surgery),
        effects=effects.astype(np.float32),
        errors=errors.astype(np.float32),
        screened=screened,
        layers=np.array([site.layer for site in sites], dtype=np.int32),
        places=np.array([site.head if isinstance(site, Head) else site.unit for site in sites], dtype=np.int32),
        extremes=np.array(extremes, dtype=np.int32),
        donor=donor,
        tokens=tuple(task.axis(first)),
        targets=tuple(task.target_axis(first)),
        mask=first.mask[0].cpu().numpy(),
        filled=filled_of(first),
        **measured,
        **_answers(task, first, output, changed),
    )


def sites_followed(task: Task, batch: Batch) -> int:
    """How many units or heads are switched off in turn: as many as two sequences each have time for."""
    return int(min(MOST_SITES, max(FEWEST_SITES, MOST_FLOPS // (2 * _forward(task, batch)))))


def screen(
    model: SequenceModel, batch: Batch, task: Task, sites: Sequence[Unit | Head]
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"], int]:
    """What each knock-out adds to the mean loss, its standard error (paired, see `theory.paired`), and over how many sequences."""
    batch = sequences(task, batch, 0, min(SCREENED, affordable(task, batch, len(sites) + 1)))
    whole = summed_losses(task, explicit(model, batch), batch)
    without = knock_out_losses(model, batch, task, sites)
    effects, errors = quotient(without - whole, counted(batch), task.independent("validation"))
    return effects, errors, len(batch.x)


def check(
    model: SequenceModel, batch: Batch, task: Task, surgery: Surgery, sites: Sequence[Unit | Head]
) -> dict[str, Any]:
    """The fields of a record that rest on fresh sequences: the losses, and the effects of these sites."""
    batch = sequences(task, batch, FRESH, min(CHECKED, affordable(task, batch, len(sites) + 2)))
    count, independent = counted(batch), task.independent("validation")
    before = summed_losses(task, explicit(model, batch), batch)
    after = summed_losses(task, _operated(model, batch, task, surgery)[0], batch)
    loss, loss_error = quotient(before, count, independent)
    checked, checked_errors = quotient(knock_out_losses(model, batch, task, sites) - before, count, independent)
    return {
        "loss": float(loss),
        "loss_error": float(loss_error),
        "operated_loss": float(quotient(after, count)[0]),
        "operated_error": float(quotient(after - before, count, independent)[1]),
        "ratio_error": float(quotient(after, before, independent)[1]),
        "sequences": len(batch.x),
        "checked": checked.astype(np.float32),
        "checked_errors": checked_errors.astype(np.float32),
    }


def sequences(task: Task, batch: Batch, number: int, rows: int) -> Batch:
    """So many sequences like those of the batch, from the validation batch of this number; or the viewer's only one."""
    if len(batch.x) == 1:
        return batch
    if number == 0 and rows <= len(batch.x):
        return first_rows(batch, rows)
    drawn = task.batch(number, split="validation", size=max(2, rows)).to(batch.x.device)
    return replace(drawn, x=drawn.x.type_as(batch.x), y=drawn.y.type_as(batch.y))


def affordable(task: Task, batch: Batch, passes: int) -> int:
    """How many sequences so many forward passes can take in a fraction of a second; up to `FEWEST` they may take four times as long."""
    rows = FLOPS // (_forward(task, batch) * passes)
    return int(max(2, rows, min(FEWEST, 4 * rows)))


def _forward(task: Task, batch: Batch) -> float:
    """Floating-point operations of a forward pass of one sequence."""
    config, T = task.config, batch.x.shape[1]
    return flops_per_step(config, task.inputs, task.outputs) / 3 / config.batch * T / config.total_length


def knock_out_losses(
    model: SequenceModel, batch: Batch, task: Task, sites: Sequence[Unit | Head]
) -> Float[np.ndarray, "K B"]:
    """`summed_losses` without each unit or head, all the others being there."""
    if not sites:
        return np.zeros((0, len(batch.x)))
    together = max(1, NUMBERS // (len(batch.x) * _numbers(task.config, batch.x.shape[1])))
    parts = [sites[first : first + together] for first in range(0, len(sites), together)]
    return np.concatenate([_losses_without(model, batch, task, part) for part in parts])


def _losses_without(
    model: SequenceModel, batch: Batch, task: Task, sites: Sequence[Unit | Head]
) -> Float[np.ndarray, "some B"]:
    rows, copies, network = len(batch.x), len(sites), task.config.network
    edits: dict[str, Edit] = {}
    for layer in sorted({site.layer for site in sites}):
        gone = torch.zeros(copies, network.sites, dtype=torch.bool, device=batch.x.device)
        for copy, site in enumerate(sites):
            if site.layer == layer:
                gone[copy, site.head if isinstance(site, Head) else site.unit] = True
        edits[network.roles.sites[layer]] = partial(_without, gone.repeat_interleave(rows, dim=0))
    several = batch.each(lambda values: values.repeat(copies, *[1] * (values.ndim - 1)))
    with observe(model, "output", edit=edits):
        return summed_losses(task, model(several), several).reshape(copies, rows)


def _without(gone: Bool[Tensor, "B N"], values: Tensor) -> Tensor:
    """Zeros where a unit (B, N), a channel (B, T, N), or all that a head (B, H, T, K) reads, is gone."""
    ones = [1] * (values.ndim - 2)
    return values.masked_fill(
        gone.reshape(len(gone), *(ones * (values.ndim == 3)), -1, *(ones * (values.ndim > 3))), 0.0
    )


def _operated(
    model: SequenceModel, batch: Batch, task: Task, surgery: Surgery
) -> tuple[Float[Tensor, "B T V"], tuple[str, ...]]:
    """The output under surgery, and what the donor of a swapped memory had read by then."""
    swap = surgery.swap
    if swap is None:
        with operated(model, surgery):
            return explicit(model, batch), ()
    donor = task.read(swap.donor) if swap.donor else _long_enough(task, len(batch.x), swap.step)
    changed = swapped(model, batch.x, donor.to(batch.x.device).x.type_as(batch.x), swap.step)
    return changed, tuple(task.axis(donor)[: swap.step + 1])


def _long_enough(task: Task, rows: int, step: int) -> Batch:
    """So many validation sequences that have a memory of this step.

    Raises:
        ValueError: of many, none is so long.
    """
    found = task.batch(1, split="validation", size=rows)
    if found.lengths is None:
        return found
    many = task.batch(1, split="validation", size=max(rows, SCREENED))
    assert many.lengths is not None
    fit = (many.lengths > step).nonzero()[:, 0]
    if not len(fit):
        raise ValueError(f"No sequence reaches t = {step}. Swap at {int(many.lengths.max()) - 1} or earlier.")
    return many.each(lambda tensor: tensor[fit[torch.arange(rows) % len(fit)]])


def _answers(
    task: Task, first: Batch, output: Float[Tensor, "1 T V"], changed: Float[Tensor, "1 T V"]
) -> dict[str, Any]:
    """What both say of the first sequence, and how far they are apart."""
    both = torch.cat([output, changed]).float()
    known = first.known_of(0)
    losses = [where_known(task.loss_per_position(each, first)[0].float(), known) for each in (output, changed)]
    target, guesses = np.zeros(0, dtype=np.float32), [(), ()]
    if task.says_tokens:
        p = both.softmax(-1)
        right = p.gather(-1, first.y.expand(2, -1)[..., None])[..., 0]
        moved = (p[0] - p[1]).abs().sum(-1) / 2
        guesses = [tuple(task.answers[index] for index in each.argmax(-1).tolist()) for each in both]
        outputs = torch.where(known, right, torch.nan)
    else:
        outputs = task.in_units(both[..., 0])
        moved = (outputs[0] - outputs[1]).abs()
        target = where_known(task.in_units(first.y[0, :, 0].float()), known)
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
    finite = np.isfinite(effects)
    return first_largest(np.where(finite, effects, effects[finite].min() - 1)) if finite.any() else 0


def _numbers(config: RunConfig, T: int) -> int:
    """About how many numbers one sequence holds at once in a forward pass that keeps nothing for a backward one."""
    network = config.network
    return T * (3 * network.sites * T + 12 * network.width if network.roles.attention else 3 * network.width)


operate = look
