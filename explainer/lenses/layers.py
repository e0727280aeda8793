"""The logit lens: what the model would say if it stopped after each layer; and attention rollout.

nostalgebraist 2020 (interpreting GPT: the logit lens). Every residual stream is read by the model's own final norm and
readout. A post-norm model has no final norm: each block ends in one, and the embedding is read as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.hidden import where_known
from explainer.lenses.lens import Lens, evaluating, first_rows
from explainer.models import SequenceModel, observe
from explainer.models.transformer import Transformer
from explainer.records import LayersRecord
from explainer.tasks import Batch, Task
from explainer.theory.rollout import heads_mean, rollout


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> LayersRecord:
    """Of the batch's first sequence, after the embedding and after each layer."""
    assert isinstance(model, Transformer), type(model)
    L, batch = task.config.layers, first_rows(batch, 1)
    streams = ["block.0.residual_in", *(f"block.{layer}.residual_out" for layer in range(L))]
    maps = [f"block.{layer}.weights" for layer in range(L)]
    with evaluating(model), observe(model, *streams, *maps) as seen:
        model(batch.x)
        values = {name: value for name, value in seen.items() if isinstance(value, Tensor)}
        outputs = [model.read_out(values[name]) for name in streams]
    losses = torch.stack([task.loss_per_position(output, batch)[0] for output in outputs])
    if task.has_tokens:
        sure, top = torch.stack([output[0].float().softmax(-1) for output in outputs]).max(-1)
        guesses = [task.vocabulary[token] for token in top.flatten().tolist()]
        certainty = sure.cpu().numpy()
    else:
        numbers = task.in_units(torch.stack([output[0, :, 0] for output in outputs]))
        guesses = [f"{value:.3g}" for value in numbers.flatten().tolist()]
        certainty = np.zeros((0, 0), np.float32)
    silent = [model.surgery.silent(layer) for layer in range(L)]
    weights = np.stack([values[name][0].float().cpu().numpy() for name in maps])
    return LayersRecord(
        losses=where_known(losses.float(), batch.known_of(0)),
        certainty=certainty,
        guesses=tuple(guesses),
        counted=batch.mask[0].cpu().numpy(),
        targets=tuple(task.target_axis(batch)),
        tokens=tuple(task.axis(batch)),
        rollout=rollout(weights, silent).astype(np.float32),
        last=heads_mean(weights[-1], silent[-1]),
    )


def suits(config: RunConfig) -> bool:
    """A Transformer with layers."""
    return config.model == "transformer" and config.layers > 0


LENS = Lens("layers", look, suits)
