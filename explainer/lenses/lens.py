"""What a lens is, and what every lens promises.

A lens is a pure function of a model, a batch and a task. It leaves the model as it found it:
weights, `.grad`, train or eval mode, and the state of torch's random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from explainer.config import RunConfig
from explainer.models import SequenceModel
from explainer.surgery import Surgery
from explainer.tasks.base import Batch, Task
from explainer.theory.look_sizes import NUMBERS, backward_numbers, rows_held


@dataclass(frozen=True)
class Lens:
    """An entry of the registry.

    Attributes:
        name: its key, and that of its record in `records.RECORDS`.
        look: (model, batch, task) -> record.
        suits: whether a run of this configuration has what the lens looks at.
        answer: (model, question, task) -> record, of a lens whose viewer asks something else than "what do you do
            with this input?"; raises ValueError for a question that can't be read.
        operate: (model, batch, task, surgery) -> record, for a lens that shows what a surgery does.
    """

    name: str
    look: Callable[[SequenceModel, Batch, Task], Any]
    suits: Callable[[RunConfig], bool]
    answer: Callable[[SequenceModel, str, Task], Any] | None = None
    operate: Callable[[SequenceModel, Batch, Task, Surgery], Any] | None = None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode (no dropout, so no random numbers); afterwards each module as it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def affordable_rows(config: RunConfig, T: int, most: int) -> int:
    """How many of at most `most` sequences of length T a look may take (at least one).

    An observed Transformer holds every attention weight, B L H T^2 numbers.
    """
    if not config.network.roles.attention:
        return most
    return rows_held(config, T, most)


def differentiable_rows(config: RunConfig, T: int, most: int) -> int:
    """How many of at most `most` sequences of length T a backward pass through an observed model may take (at least one)."""
    most = affordable_rows(config, T, most)
    return max(1, min(most, NUMBERS // backward_numbers(config, T)))


def first_rows(batch: Batch, rows: int) -> Batch:
    """The first `rows` sequences of a batch (all, if it has fewer)."""
    return batch.each(lambda tensor: tensor[:rows])


def check_counts(batch: Batch) -> None:
    """Refuse a batch without a loss.

    Raises:
        ValueError: no position of it counts (a text of one character).
    """
    if not batch.mask.any():
        raise ValueError("This input leaves nothing to predict, so there is no loss. Give at least two steps.")


def as_float32(values: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Infinite where float32, in which a model computes and a tape keeps values, has no number so large."""
    return np.where(values > np.finfo(np.float32).max, np.inf, values)


def model_device(model: nn.Module) -> torch.device:
    """Where a model's weights are."""
    return next(model.parameters()).device
