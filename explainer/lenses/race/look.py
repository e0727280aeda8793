"""Race: new sequences of validation at the length of training, at half of it and at lengths that it never showed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.lenses.look import evaluating
from explainer.lenses.race import FACTORS, read_at_once
from explainer.lenses.race.record import RaceRecord
from explainer.models import SequenceModel
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> RaceRecord:
    """Shares of right answers; of the batch only its kind of numbers counts, for the sequences are always the same."""
    config = task.config
    lengths = sorted({max(1, int(factor * config.length)) for factor in FACTORS})
    found = [_at(model, config, length, batch) for length in lengths]
    own = found[lengths.index(config.length)]
    assert own is not None, config
    right, judged = own
    with np.errstate(invalid="ignore"):
        by_place = np.where(judged, right, 0.0).sum(0) / judged.sum(0)
    shares = [_share(each) for each in found]
    return RaceRecord(
        trained=config.length,
        lengths=np.array(lengths, np.int32),
        right=np.array([share for share, _ in shares], np.float32),
        error=np.array([error for _, error in shares], np.float32),
        by_place=by_place.astype(np.float32),
    )


Answers = tuple[Float[np.ndarray, "B T"], np.ndarray]
"""How much of each answer is right, and where one is judged."""


def _at(model: SequenceModel, config: RunConfig, length: int, like: Batch) -> Answers | None:
    """The answers at one length; None where the task has no such sequences, or the network can't read them."""
    try:
        task = make_task(config.but(length=length, surgery="", parent=""))
    except ValueError:
        return None
    T = task.total_length
    if T > config.total_length and (not config.network.reads_on or T > config.longest_input):
        return None
    batch = task.batch(0, "validation", size=read_at_once(T, config.width)).to(like.x.device)
    batch = replace(batch, x=batch.x.to(like.x.dtype), y=batch.y.to(like.y.dtype))
    with evaluating(model):
        output: Tensor = model(batch)
    give_way()
    return task.right(output, batch).double().cpu().numpy(), task.judged(batch).cpu().numpy()


def _share(answers: Answers | None) -> tuple[float, float]:
    """Mean over all judged answers, and its standard error, whole sequences counting as one (a ratio of two sums)."""
    if answers is None:
        return np.nan, np.nan
    right, judged = answers
    sums, counts = np.where(judged, right, 0.0).sum(1), judged.sum(1)
    share = sums.sum() / counts.sum()
    off, B = sums - share * counts, len(sums)
    error = np.sqrt((off**2).sum() * B / max(1, B - 1)) / counts.sum() if B > 1 else np.nan
    return float(share), float(error)
