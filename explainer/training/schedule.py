"""The learning rate as a pure function of the step, so that it needs no state to resume."""

from __future__ import annotations

from explainer.config import RunConfig


def lr_at(step: int, config: RunConfig, lr: float | None = None) -> float:
    """The learning rate η of the update that follows `step` updates: lr times its course's share (`recipes`).

    nanoGPT's `get_lr` is the cosine; its `warmup_iters`, `lr_decay_iters` and `learning_rate` are W, S and lr.

    Args:
        step: s, updates done so far, from 0.
        config: the run; its recipe counts.
        lr: a peak that replaces `config.lr`. The whole curve is scaled with it, `min_lr` too.

    Raises:
        ValueError: `step` is negative.
    """
    if step < 0:
        raise ValueError(f"step = {step} is negative. Count steps from 0.")
    return (config.lr if lr is None else lr) * config.course.share(step, config)
