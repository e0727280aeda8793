"""What one update leaves behind, and what it raises when there is no going on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class GradientDetail:
    """Gradient norms of one update, one for each of the P parameter tensors.

    Attributes:
        names: (P,) the parameters' names, in the order of the model.
        before: (P,) ‖∂L/∂θ_p‖₂ of the batch.
        after: (P,) the same after clipping, as the optimizer gets it.
    """

    names: tuple[str, ...]
    before: Float32[np.ndarray, " P"]
    after: Float32[np.ndarray, " P"]

    def __post_init__(self) -> None:
        assert self.before.shape == self.after.shape == (len(self.names),)


@dataclass(frozen=True)
class Step:
    """One update of the weights.

    Attributes:
        number: updates done, this one included: 1 is the first.
        loss: of the step's batch, before the update (nats, or squared error).
        lr: learning rate η of the update.
        grad_norm: ‖∂L/∂θ‖₂ over all parameters, before clipping.
        clipped: the same after clipping; equal to `grad_norm` where nothing was clipped.
        metrics: the task's metric and extras on the step's batch, before the update; only in detail.
        detail: gradient norms for each parameter; only in detail.
    """

    number: int
    loss: float
    lr: float
    grad_norm: float
    clipped: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    detail: GradientDetail | None = None


class Diverged(RuntimeError):
    """The loss or the gradient is no longer a finite number. The weights are those before the update.

    Attributes:
        step: number of the update that could not be done.
        loss: of its batch.
    """

    def __init__(self, step: int, loss: float, grad_norm: float) -> None:
        what = f"gradient norm is {grad_norm}" if math.isfinite(loss) else f"loss is {loss}"
        super().__init__(f"diverged at step {step}: {what}")
        self.step = step
        self.loss = loss
