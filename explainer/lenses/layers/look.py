"""The logit lens: what the model would say if it stopped after each layer; and attention rollout.

nostalgebraist 2020 (interpreting GPT: the logit lens). Every residual stream is read by the model's own final norm and
readout. A post-norm model has no final norm: each block ends in one, and the embedding is read as it is.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float

from explainer.config import RunConfig
from explainer.lenses.layers.record import LayersRecord
from explainer.lenses.look import evaluating, first_rows, where_known
from explainer.lenses.maps import attention_maps, tensor
from explainer.models import Residual, SequenceModel, observe
from explainer.tasks.base import Batch, Task
from explainer.theory.looks import maps_fit
from explainer.theory.rollout import heads_mean, passed_on, rollout


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> LayersRecord:
    """Of the batch's first sequence, after the embedding and after each layer."""
    assert isinstance(model, Residual), type(model)
    streams, batch = model.roles.residual, first_rows(batch, 1)
    with evaluating(model), observe(model, *streams) as seen:
        model(batch)
        outputs = [model.read_out(tensor(seen[name])) for name in streams]
    losses = torch.stack([task.loss_per_position(output, batch)[0] for output in outputs])
    if task.says_tokens:
        sure, top = torch.stack([output[0].float().softmax(-1) for output in outputs]).max(-1)
        guesses = [task.answers[token] for token in top.flatten().tolist()]
        certainty = sure.cpu().numpy()
    else:
        numbers = task.in_units(torch.stack([output[0, :, 0] for output in outputs]))
        guesses = [f"{value:.3g}" for value in numbers.flatten().tolist()]
        certainty = np.zeros((0, 0), np.float32)
    through, last = attention_flow(model, batch, task.config)
    return LayersRecord(
        losses=where_known(losses.float(), batch.known_of(0)),
        certainty=certainty,
        guesses=tuple(guesses),
        counted=batch.mask[0].cpu().numpy(),
        targets=tuple(task.target_axis(batch)),
        tokens=tuple(task.axis(batch)),
        rollout=through.astype(np.float32),
        last=last,
    )


def attention_flow(
    model: Residual, batch: Batch, config: RunConfig
) -> tuple[Float[np.ndarray, "T T"], Float[np.ndarray, "T T"]]:
    """Rollout on the batch's only sequence, and the last layer's attention, the mean of its heads that are on."""
    silent = [model.surgery.silent(layer) for layer in range(config.layers)]
    maps = attention_maps(model, batch, config)
    T = batch.x.shape[1]
    if maps_fit(config, T):
        weights = np.stack([each.weights[0].cpu().numpy() for each in maps])
        return rollout(weights, silent), heads_mean(weights[-1], silent[-1])
    through, total = np.eye(T), np.zeros((T, T))
    for layer, some in groupby(maps, key=lambda each: each.layer):
        total = np.zeros((T, T))
        for _, first, found in some:
            on = [head for head in range(found.shape[1]) if first + head not in silent[layer]]
            total += found[0, on].sum(0).cpu().numpy()
        total /= max(1, config.network.sites - len(silent[layer]))
        through = passed_on(through, total)
    return through, total.astype(np.float32)
