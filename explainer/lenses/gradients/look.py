"""Gradients: how much of a late loss reaches each earlier time step, and each parameter.

The unrolled cells make every h_t a tensor of its own, so that autograd returns the total
derivative dL/dh_t, through everything that comes after t. Pascanu, Mikolov, Bengio 2013,
section 2; the closed forms beside it are in `theory.jacobian`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float

from explainer.config import RunConfig
from explainer.lenses.gradients.record import GradientsRecord
from explainer.lenses.look import evaluating, gradient_point, last_counted, state_gradients
from explainer.models import Recurrent, SequenceModel, observe
from explainer.tasks.base import Batch, Task
from explainer.theory.jacobian import factor_per_step, spectral_radius


def look(model: SequenceModel, batch: Batch, task: Task) -> GradientsRecord:
    """The gradients on the first sequences of the batch, with weights and `.grad` untouched.

    Raises:
        ValueError: no position of the batch counts in the loss (a text of one character).
    """
    config = task.config
    batch, last, counted = last_counted(batch, config)
    point = gradient_point(config)
    parameters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}

    with evaluating(model), torch.enable_grad():
        with observe(model, point) as seen:
            output = model(batch)
        mean_loss = task.loss(output, batch)
        # A sum, not a mean: sequences do not touch each other, so row b gets its own dL*_b/dh_t.
        last_loss = task.loss_per_position(output, batch)[counted, last].sum()
        steps = state_gradients(last_loss, seen[point])[counted]
        gradients = torch.autograd.grad(mean_loss, list(parameters.values()), allow_unused=True)

    norms = steps.double().norm(dim=-1).mean(0).cpu().numpy()
    parameter_norms = np.array([0.0 if grad is None else float(grad.double().norm()) for grad in gradients])
    total = float(np.sqrt((parameter_norms**2).sum()))
    radius = _radius(model, config)
    return GradientsRecord(
        norms=norms,
        theory=np.zeros(0) if math.isnan(radius) else linear_rate(norms, radius, last),
        radius=radius,
        last=last,
        factor=factor_per_step(norms[: last + 1]),
        parameters=tuple(parameters),
        parameter_norms=parameter_norms,
        total=total,
        clip=config.clip,
        clipped=min(total, config.clip) if config.clip and math.isfinite(total) else total,
        loss=float(mean_loss.detach()),
    )


def linear_rate(norms: Float[np.ndarray, " T"], radius: float, last: int) -> Float[np.ndarray, " T"]:
    """norms[last] rho^(last-t) for t <= last, NaN after: what a linear network's rate predicts."""
    back = last - np.arange(len(norms), dtype=np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.where(back >= 0, norms[last] * radius ** np.maximum(back, 0), np.nan)


def _radius(model: SequenceModel, config: RunConfig) -> float:
    """Spectral radius of the top layer's W_hh among the units that no surgery holds.

    NaN for gated cells, whose gradient also takes other ways than through W_hh, and for the Transformer.
    """
    if not config.network.plain:
        return math.nan
    assert isinstance(model, Recurrent), type(model)
    return spectral_radius(model.operated_cell(config.layers - 1).recurrence.cpu().numpy())
