"""The learning rate as a pure function of the step, so that it needs no state to resume."""

from __future__ import annotations

import math

from explainer.config import RunConfig
from explainer.recipes import Cosine


def lr_at(step: int, config: RunConfig, lr: float | None = None) -> float:
    """The learning rate η of the update that follows `step` updates.

    Constant: η(s) = lr. Cosine, with W = `warmup`, S = `steps` and as in nanoGPT's `get_lr`:

        η(s) = lr (s + 1) / (W + 1)                                             s < W
        η(s) = min_lr + (lr − min_lr) (1 + cos(π (s − W) / (S − W))) / 2    W ≤ s ≤ S
        η(s) = min_lr                                                           s > S

    nanoGPT's own `warmup_iters`, `lr_decay_iters` and `learning_rate` are W, S and lr.

    Args:
        step: s, updates done so far, from 0.
        config: the run; its recipe counts.
        lr: a peak that replaces `config.lr`. The whole curve is scaled with it, `min_lr` too.

    Raises:
        ValueError: `step` is negative.
    """
    if step < 0:
        raise ValueError(f"step = {step} is negative. Count steps from 0.")
    return (config.lr if lr is None else lr) * _share(step, config)


def _share(step: int, config: RunConfig) -> float:
    """η(s) as a share of its peak."""
    course = config.course
    if not isinstance(course, Cosine):
        return 1.0
    if step < course.warmup:
        return (step + 1) / (course.warmup + 1)
    floor = course.min_lr / config.lr
    progress = min(1.0, (step - course.warmup) / (config.steps - course.warmup))
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress))
