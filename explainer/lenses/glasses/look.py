"""Glasses: whether a network can tell n ones and a two from n + 1 ones and a two, and in which number format.

Barbero et al. 2024, "Transformers need glasses!", section 4: without an encoding of places all ones are alike to attention, and the
last row of weights is a mean over n of them, so the two last states come together as n grows, until their numbers are the same.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from explainer.lenses.glasses import FORMATS, LENGTHS
from explainer.lenses.glasses.record import GlassesRecord
from explainer.lenses.look import evaluating, model_device
from explainer.models import Recurrent, Residual, SequenceModel, Watch
from explainer.models.observe import unwatched
from explainer.models.operate import edits
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, Task


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> GlassesRecord:
    """Of the first two tokens of the task; of the batch nothing counts."""
    device = model_device(model)
    apart = np.zeros((len(FORMATS), len(LENGTHS)), np.float64)
    same = np.zeros_like(apart, dtype=bool)
    for row, name in enumerate(FORMATS):
        converted = deepcopy(model).to(getattr(torch, name))
        with evaluating(converted):
            for column, n in enumerate(LENGTHS):
                one, other = (last_state(converted, ones_and_two(length, device)).double() for length in (n, n + 1))
                apart[row, column] = float((one - other).norm() / one.norm())
                same[row, column] = bool((one == other).all())
                give_way()
    return GlassesRecord(np.array(LENGTHS, np.int32), apart, same, task.vocabulary[:2])


def ones_and_two(n: int, device: torch.device) -> Tensor:
    """(1, n + 1): n times token 0, then token 1."""
    x = torch.zeros(1, n + 1, dtype=torch.long, device=device)
    x[:, -1] = 1
    return x


def last_state(model: SequenceModel, x: Tensor) -> Tensor:
    """(N,) what the readout reads at the last step, by the kernels that train: the top state, or the stream after the last block."""
    if isinstance(model, Recurrent):
        return model.top_states(x)[0, -1]
    assert isinstance(model, Residual), type(model)
    standing = edits(model.surgery, model.roles)
    return model.from_block(0, model.entering(x), Watch((), *standing).whole if standing else unwatched)[0, -1]
