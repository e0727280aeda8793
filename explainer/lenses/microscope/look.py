"""The gradient microscope: how much of every loss L_t reaches every earlier moment k, and along which way.

Sequences of a batch do not touch each other. So one sequence is copied once for each loss, copy t is
asked for L_t alone, and one backward pass through the unrolled cells brings ||dL_t/ds_k|| for all t
and k at once: the same numbers as a backward pass for each loss, without the T passes.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.look import as_float32, check_counts, evaluating, first_rows
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.models import Recurrent, SequenceModel, observe
from explainer.tasks.base import Batch, Task
from explainer.theory.followed import evenly, mean_by_lag
from explainer.theory.sizes import flops_per_step

MOST_LOSSES = 128
FEWEST_LOSSES = 8
FLOPS = 2e10  # of one look: about a second on one core
NUMBERS = 2**24  # that the copies of one pass may hold: 64 MB
WAYS = {"hidden": "h", "cell": "c"}


def look(model: SequenceModel, batch: Batch, task: Task) -> MicroscopeRecord:
    """The matrix of the batch's first sequence, with weights and `.grad` untouched.

    Raises:
        ValueError: no position of the sequence counts in the loss (a text of one character).
    """
    config = task.config
    batch = first_rows(batch, 1)
    check_counts(batch)
    T = int(batch.known_of(0).nonzero().max()) + 1  # where nobody knows what follows there is no loss to follow
    at = evenly(T, losses_followed(task, T))
    copies = max(1, NUMBERS // _numbers(config, T))
    with evaluating(model), torch.enable_grad():
        parts = [_norms(model, batch, task, at, at[first : first + copies]) for first in range(0, len(at), copies)]
    norms = {name: as_float32(np.concatenate([part[name] for part in parts], axis=1)) for name in parts[0]}
    counted = batch.mask[0].cpu().numpy()[at]
    gates = {name: mean_by_lag(norms.pop(name), counted) for name in list(norms) if name.startswith("gates.")}
    tokens = task.axis(batch)
    return MicroscopeRecord(
        norms=np.stack(list(norms.values())),
        ways=tuple(WAYS.get(name, name) for name in norms),
        gates=np.stack(list(gates.values())) if gates else np.zeros((0, *next(iter(norms.values())).shape[:2])),
        gate_names=tuple(name.removeprefix("gates.") for name in gates),
        at=at.astype(np.int32),
        counted=counted,
        tokens=tuple(tokens[place] for place in at),
    )


def points(config: RunConfig) -> dict[str, list[str]]:
    """The observation points whose gradients are followed, one for each layer, by what they are.

    Of a Transformer it is the residual stream that enters each block.
    """
    network, roles = config.network, config.network.roles
    if roles.entered:
        return {"x": list(roles.entered)}
    carried = {"cell": [path for path, _ in roles.carried]} if roles.carried else {}
    gates = {gate.point: [f"layer.{layer}.{gate.point}" for layer in range(config.layers)] for gate in network.gates}
    return {"hidden": list(roles.states), **carried, **gates}


def losses_followed(task: Task, T: int) -> int:
    """Of how many losses of a sequence of T steps the gradients are followed: what a second allows."""
    config = task.config
    whole = flops_per_step(config, task.inputs, task.outputs) / config.batch
    backward = whole * (T / config.total_length) * 2 / 3  # the third for the weights' gradients is not needed
    return int(min(MOST_LOSSES, max(FEWEST_LOSSES, FLOPS // backward)))


def along_cell(
    direct: Float[Tensor, "P N"], forget: Float[Tensor, "T N"], losses: Int[np.ndarray, " P"]
) -> Float[Tensor, "P T N"]:
    """What reaches c_k of dL_t/dc_t by way of the cell state alone: dL_t/dc_t * f_t * f_(t-1) * ... * f_(k+1).

    Args:
        direct: dL_t/dc_t for each loss.
        forget: the forget gate at each step.
        losses: the step t of each loss; nothing (zero) lies after it.
    """
    T = len(forget)
    own = torch.as_tensor(losses, device=direct.device)[:, None]
    carried, current = [], torch.zeros_like(direct)
    for k in reversed(range(T)):
        if k + 1 < T:
            current = current * forget[k + 1]
        current = torch.where(own == k, direct, torch.where(own > k, current, 0.0))
        carried.append(current)
    return torch.stack(carried[::-1], dim=1)


def _norms(
    model: SequenceModel, batch: Batch, task: Task, at: Int[np.ndarray, " P"], losses: Int[np.ndarray, " some"]
) -> dict[str, Float[np.ndarray, "L some P"]]:
    """||dL_t/ds_k|| for these losses and all places k, by way, in one pass over as many copies."""
    T, followed = int(losses[-1]) + 1, points(task.config)
    several = batch.until(T).each(lambda values: values.expand(len(losses), *values.shape[1:]).contiguous())
    with observe(model, *(name for layers in followed.values() for name in layers)) as seen:
        output = model(several)
    value = task.loss_per_position(output, several)[np.arange(len(losses)), losses].sum()
    before = at[at < T]
    norms: dict[str, list[Tensor]] = {}
    states = [(kind, layer, seen[name]) for kind, layers in followed.items() for layer, name in enumerate(layers)]
    flat = [step for _, _, steps in states for step in (steps if isinstance(steps, list) else [steps])]
    found = iter(torch.autograd.grad(value, flat, materialize_grads=True))
    for kind, layer, steps in states:
        gradient = torch.stack([next(found) for _ in steps], dim=1) if isinstance(steps, list) else next(found)
        norms.setdefault(kind, []).append(_lengths(gradient, before))
        if kind == "cell":
            assert isinstance(model, Recurrent), type(model)
            forget = torch.stack([step[0] for step in seen[task.config.network.roles.carried[layer][1]]]).detach()
            direct = gradient[np.arange(len(losses)), losses]
            carried = along_cell(direct, forget, losses)
            norms.setdefault("c along c", []).append(_lengths(carried, before))
            norms.setdefault("c by way of h", []).append(_lengths(gradient - carried, before))
    future = np.zeros((len(losses), len(at) - len(before)))
    return {
        name: np.stack([np.concatenate([each.cpu().numpy(), future], axis=1) for each in layers])
        for name, layers in norms.items()
    }


def _lengths(gradient: Float[Tensor, "some T N"], places: Int[np.ndarray, " P"]) -> Float[Tensor, "some P"]:
    return gradient[:, torch.as_tensor(places, device=gradient.device)].double().norm(dim=-1)


def _numbers(config: RunConfig, T: int) -> int:
    """About how many numbers one copy holds for its backward pass."""
    network = config.network
    if not network.roles.attention:
        return T * max(1, network.layers) * ((14 if network.roles.steps else 20) * network.width + network.mixed)
    return T * network.layers * (4 * network.sites * T + 20 * network.width)
