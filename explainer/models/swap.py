"""Two inputs, one memory: a model that goes on with what it would remember after having read something else."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explainer.models.observe import SequenceModel, observe
from explainer.models.recurrent import Recurrent
from explainer.tasks.base import Input

Steps = Int[Tensor, "B T"] | Float[Tensor, "B T F"]


def swapped(model: SequenceModel, x: Steps, donor: Steps, step: int) -> Float[Tensor, "B T V"]:
    """The outputs on `x` when at time `step` all that is remembered is what was after reading `donor` so far.

    A recurrent network remembers the state (h, of an LSTM also c) of every layer. A Transformer remembers
    keys and values of all positions up to `step`. Outputs before `step` are those of `x`, the one at
    `step` is the donor's.

    Raises:
        ValueError: one of the two ends before `step`.
    """
    for name, sequence in (("input", x), ("second input", donor)):
        if sequence.shape[1] <= step:
            raise ValueError(
                f"The {name} has {sequence.shape[1]} steps, so there is no t = {step}. Swap at "
                f"{sequence.shape[1] - 1} or earlier, or give a longer one."
            )
    donor = donor[:, : step + 1].expand(len(x), *donor[:, : step + 1].shape[1:])
    before, rest = explicit(model, x)[:, :step], x[:, step + 1 :]
    if not isinstance(model, Recurrent):
        # A position's keys and values follow from the tokens up to it alone.
        return torch.cat([before, explicit(model, torch.cat([donor, rest], dim=1))[:, step:]], dim=1)
    layers, kinds = range(model.rnn.num_layers), model.cell.parts
    with observe(model, *(f"layer.{layer}.{kind}" for layer in layers for kind in kinds)) as seen:
        now = model(donor)[:, step:]
    state = tuple(torch.stack([seen[f"layer.{layer}.{kind}"][step] for layer in layers]) for kind in kinds)
    if rest.shape[1] == 0:
        return torch.cat([before, now], dim=1)
    with observe(model, "output"):
        return torch.cat([before, now, model(rest, state)], dim=1)


def explicit(model: SequenceModel, read: Input | Tensor) -> Float[Tensor, "B T V"]:
    """The model's output, computed step by step as under surgery: with nothing operated it is the same to the bit."""
    with observe(model, "output"):
        return model(read)
