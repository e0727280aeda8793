"""What every look does, and what it promises.

A lens is a pure function of a model, a batch and a task. It leaves the model as it found it:
weights, `.grad`, train or eval mode, and the state of torch's random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from explainer.config import RunConfig
from explainer.tasks.base import Batch, Task
from explainer.theory.looks import NUMBERS, backward_numbers, rows_held

DIFFERENTIATED = 8
"""Sequences of the batch that are differentiated: the mean over them is steady, and a look stays quick."""


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
    return rows_held(config, T, most) if config.network.roles.attention else most


def differentiable_rows(config: RunConfig, T: int, most: int) -> int:
    """How many of at most `most` sequences of length T a backward pass through an observed model may take (at least one)."""
    most = affordable_rows(config, T, most)
    return max(1, min(most, NUMBERS // backward_numbers(config, T)))


def first_rows(batch: Batch, rows: int) -> Batch:
    """The first `rows` sequences of a batch (all, if it has fewer), without steps that are padding in all of them."""
    return batch.rows(slice(rows))


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


def filled_of(batch: Batch) -> Bool[np.ndarray, " positions"]:
    """Where the right answer of a batch's first sequence was filled in; empty where none was."""
    filled = None if batch.filled is None else batch.filled[0].cpu().numpy()
    return filled if filled is not None and filled.any() else np.zeros(0, bool)


def where_known(values: Float[Tensor, "*shape T"], known: Bool[Tensor, " T"]) -> Float[np.ndarray, "*shape T"]:
    """What was found by the right answer, NaN where nobody knows that."""
    found: Float[np.ndarray, "*shape T"] = torch.where(known, values, torch.nan).cpu().numpy()
    return found


def gradient_point(config: RunConfig) -> str:
    """The observation point whose gradient is followed through time: the top layer's state, or what enters the first block."""
    roles = config.network.roles
    return roles.entered[0] if roles.entered else roles.states[-1]


def last_counted(batch: Batch, config: RunConfig) -> tuple[Batch, int, Bool[Tensor, " B"]]:
    """The first sequences of a batch that a backward pass may take, the last step at which one of them counts, and which do there.

    Raises:
        ValueError: no position of the batch counts in the loss (a text of one character).
    """
    batch = first_rows(batch, differentiable_rows(config, T=batch.x.shape[1], most=DIFFERENTIATED))
    check_counts(batch)
    last = int(batch.mask.any(0).nonzero().max())
    return batch, last, batch.mask[:, last]


def stacked(value: Tensor | list[Tensor]) -> Float[Tensor, "B T N"]:
    """A point that has one (B, N) for each time step, as one tensor; one that is a single tensor as it is."""
    return torch.stack(value, dim=1) if isinstance(value, list) else value


def state_gradients(value: Tensor, states: Tensor | list[Tensor]) -> Float[Tensor, "B T N"]:
    """d value / d state of every time step; zero where the value does not depend on it."""
    found = torch.autograd.grad(value, states, retain_graph=True, materialize_grads=True)
    return stacked(list(found) if isinstance(states, list) else found[0])


def summed_losses(task: Task, output: Float[Tensor, "B T V"], batch: Batch) -> Float[np.ndarray, " B"]:
    """Of each sequence, the sum of the loss over the positions that count."""
    return torch.where(batch.mask, task.loss_per_position(output, batch), 0.0).sum(-1).double().cpu().numpy()


def counted(batch: Batch) -> Float[np.ndarray, " B"]:
    """Of each sequence, how many positions count."""
    return batch.mask.sum(-1).double().cpu().numpy()
