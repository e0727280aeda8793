"""The lens `largest`: the only file of it with torch."""

from __future__ import annotations

import torch

from explainer.lenses.look import evaluating, first_rows
from explainer.models import SequenceModel, observe
from explainer.tasks.base import Batch, Task
from tests.toys.largest.record import LargestRecord


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> LargestRecord:
    """max over t of |h_t|, whatever the family: it asks for the point that has the role of the top state."""
    point = model.roles.states[-1]
    with evaluating(model), observe(model, point) as seen:
        model(first_rows(batch, 1))
    states = seen[point]
    steps = torch.stack(states, dim=1) if isinstance(states, list) else states
    return LargestRecord(steps[0].abs().amax(0).float().cpu().numpy())
