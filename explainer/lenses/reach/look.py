"""Reach: how much of the last loss arrives at the whole state of each earlier step, cell state included.

Of an LSTM the gradient with respect to h alone says little: what it keeps travels along c. Here the state
is s = (h, c), the two as independent numbers, so that dL/ds_(t-1) = dL/ds_t ds_t/ds_(t-1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explainer.lenses.look import evaluating, gradient_point, last_counted, stacked, state_gradients
from explainer.lenses.reach.record import ReachRecord
from explainer.models import SequenceModel, observe
from explainer.tasks.base import Batch, Task


def look(model: SequenceModel, batch: Batch, task: Task) -> ReachRecord:
    """The norms on the first sequences of the batch, with weights and `.grad` untouched.

    Raises:
        ValueError: no position of the batch counts in the loss (a text of one character).
    """
    config = task.config
    batch, last, counted = last_counted(batch, config)
    cell = config.network.roles.carried[-1:]
    point = gradient_point(config)
    with evaluating(model), torch.enable_grad():
        with observe(model, point, *(name for pair in cell for name in pair)) as seen:
            output = model(batch)
        loss = task.loss_per_position(output, batch)[counted, last].sum()
        squares = state_gradients(loss, seen[point]).double().square().sum(-1)
        for path, gate in cell:
            along = carried(state_gradients(loss, seen[path]).double(), stacked(seen[gate]).detach().double())
            squares = squares + along.square().sum(-1)
    return ReachRecord(norms=squares[counted].sqrt().mean(0).cpu().numpy(), last=last)


def carried(total: Float[Tensor, "B T N"], forget: Float[Tensor, "B T N"]) -> Float[Tensor, "B T N"]:
    """What reaches c_t by way of c_(t+1), and not through h_t: f_(t+1) * dL/dc_(t+1); zero at the last step."""
    along = torch.zeros_like(total)
    along[:, :-1] = forget[:, 1:] * total[:, 1:]
    return along
