"""Hidden states: what the network carries from each time step to the next."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.lenses.look import evaluating, filled_of, first_rows, where_known
from explainer.models import SequenceModel, observe
from explainer.tasks.base import Batch, Task


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> HiddenStatesRecord:
    """The states and predictions of the batch's first sequence."""
    batch = first_rows(batch, 1)
    points = task.config.network.roles.states
    with evaluating(model), observe(model, *points) as seen:
        output = model(batch)[0].float()
    states = torch.stack([_sequence(seen[point]) for point in points])
    empty = np.zeros(0, dtype=np.float32)
    guesses: tuple[str, ...] = ()
    right = certainty = said = target = errors = signs = empty
    known = batch.known_of(0)
    if task.says_tokens:
        probabilities = output.softmax(-1)
        right = where_known(probabilities.gather(-1, batch.y[0, :, None])[:, 0], known)
        certainty = probabilities.amax(-1).cpu().numpy()
        guesses = tuple(task.answers[index] for index in output.argmax(-1).tolist())
    else:
        said = task.in_units(output[:, 0]).cpu().numpy()
        target = where_known(task.in_units(batch.y[0, :, 0].float()), known)
        errors, signs = (each.cpu().numpy() for each in _by_output(output, batch, task))
    return HiddenStatesRecord(
        states=states.float().cpu().numpy(),
        tokens=tuple(task.axis(batch)),
        mask=batch.mask[0].cpu().numpy(),
        targets=tuple(task.target_axis(batch)),
        guesses=guesses,
        certainty=certainty,
        right=right,
        output=said,
        target=target,
        errors=errors,
        signs=signs,
        filled=filled_of(batch),
    )


def _by_output(
    output: Float[Tensor, "T outputs"], batch: Batch, task: Task
) -> tuple[Float[Tensor, " outputs"], Float[Tensor, " outputs"]]:
    """Of each number that is said: its root mean squared error, in units of the data, and how often its sign is right."""
    said, target = output[batch.mask[0]], batch.y[0, batch.mask[0]].float()
    errors = (task.in_units(said) - task.in_units(target)).square().mean(0).sqrt()
    return errors, (said.sign() == target.sign()).float().mean(0)


def _sequence(value: Tensor | list[Tensor]) -> Float[Tensor, "T N"]:
    """The first sequence of a point that is one tensor (B, T, N) or a list of T tensors (B, N)."""
    return torch.stack([step[0] for step in value]) if isinstance(value, list) else value[0]
