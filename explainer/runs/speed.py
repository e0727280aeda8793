"""How fast this host trains, in times the processor on which costs were measured (`theory.costs`)."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from explainer.config import MODELS, RunConfig
from explainer.theory.costs import update_seconds
from explainer.training import Trainer

REPEATS, LEAST, MOST = 8, 1 / 16, 8.0
SIZES = ((32, 64), (8, 256))  # T, width: what starting kernels takes, and what computing does
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def host_speed(device: torch.device | None = None) -> float:
    """Expected over taken processor time of small networks' updates, in the mean of logarithms, times the share of a core that it may use.

    1 on a GPU, whose costs are rough.
    """
    if device is not None and device.type == "cuda":
        return 1.0
    ratios = [_ratio(RunConfig(model=model, length=T, width=width, batch=32)) for model in MODELS for T, width in SIZES]
    return max(LEAST, min(MOST, statistics.geometric_mean(ratios) * granted()))


def granted(quota: Path = QUOTA) -> float:
    """The share of one core that the process may use at most, by its control group (Linux, version 2); 1 where nothing says less."""
    try:
        most, period = quota.read_text().split()
        return min(1.0, float(most) / float(period))
    except (OSError, ValueError):  # no such file, or "max", no bound
        return 1.0


def _ratio(config: RunConfig) -> float:
    trainer = Trainer(config)
    taken = []
    for _ in range(1 + REPEATS):
        start = time.process_time()
        trainer.advance()
        taken.append(time.process_time() - start)
    return update_seconds(config, trainer.task.inputs, trainer.task.outputs) / statistics.median(taken[1:])
