"""Hidden states: what the network carries from each time step to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.lenses.look import evaluating, filled_of, first_rows, stacked, where_known
from explainer.models import SequenceModel, observe
from explainer.tasks.base import Batch, Task


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> HiddenStatesRecord:
    """The states and predictions of the batch's first sequence."""
    batch = first_rows(batch, 1)
    points = task.config.network.roles.states
    with evaluating(model), observe(model, *points) as seen:
        output = model(batch)[0].float()
    states = torch.stack([stacked(seen[point])[0] for point in points])
    empty = np.zeros(0, dtype=np.float32)
    found: dict[str, Any] = {"guesses": (), **dict.fromkeys(("certainty", "right", "output", "target"), empty)}
    if task.says_tokens:
        probabilities = output.softmax(-1)
        found |= {
            "right": where_known(probabilities.gather(-1, batch.y[0, :, None])[:, 0], batch.known_of(0)),
            "certainty": probabilities.amax(-1).cpu().numpy(),
            "guesses": tuple(task.answers[index] for index in output.argmax(-1).tolist()),
        }
    else:
        counts, target = batch.mask[0], batch.y[0].float()
        off = task.in_units(output[counts]) - task.in_units(target[counts])
        found |= {
            "output": task.in_units(output[:, 0]).cpu().numpy(),
            "target": where_known(task.in_units(target[:, 0]), batch.known_of(0)),
            "errors": off.square().mean(0).sqrt().cpu().numpy(),
            "signs": (output[counts].sign() == target[counts].sign()).float().mean(0).cpu().numpy(),
        }
    return HiddenStatesRecord(
        states=states.float().cpu().numpy(),
        tokens=tuple(task.axis(batch)),
        mask=batch.mask[0].cpu().numpy(),
        targets=tuple(task.target_axis(batch)),
        filled=filled_of(batch),
        **found,
    )
