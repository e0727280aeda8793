"""What figures and readings need to know of a run, without its tape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from explainer.config import RunConfig
from explainer.figures.theme import FAMILY_NAMES
from explainer.surgery import Surgery


def subject(config: RunConfig, meta: Mapping[str, Any]) -> dict[str, Any]:
    """A run as its figures see it.

    Returns:
        `model`, `label`, `task`, `length` (T as the model sees it), `layers`, `heads`, `has_tokens`,
        `metric`, `baseline`, `baseline_name`, and `loss_baseline`: the loss (not the metric) of the best guess without
        a memory, None where the task has no such number; `surgery`, a text: what is done to it in every forward pass.
    """
    name = FAMILY_NAMES[config.model]
    if config.model == "transformer":
        name = f"{name}, {config.layers} {'block' if config.layers == 1 else 'blocks'}"
    loss_baseline, loss_baseline_name = None, ""
    if config.task in ("copy", "adding", "flipflop", "text") and meta.get("baseline") is not None:
        loss_baseline, loss_baseline_name = float(meta["baseline"]), str(meta.get("baseline_name", "baseline"))
    elif config.task == "repeat":
        loss_baseline, loss_baseline_name = math.log(config.symbols), "chance, ln V"
    return {
        **meta,
        "model": config.model,
        "label": name,
        "task": config.task,
        "length": config.total_length,
        "layers": config.layers,
        "heads": config.heads,
        "width": config.width,
        "bits": config.bits,
        "steps": config.steps,
        "surgery": config.surgery,
        "has_tokens": config.has_tokens,
        "loss_baseline": loss_baseline,
        "loss_baseline_name": loss_baseline_name,
    }


def surgery_of(run: Mapping[str, Any]) -> Surgery:
    """What is done to a run's network in every forward pass."""
    return Surgery.from_text(str(run.get("surgery", "")))


def recurrence_of(run: Mapping[str, Any]) -> str:
    """The matrix that carries a recurrent network's top layer from step to step: W_hh, of an operated one a part of it."""
    held = surgery_of(run).held(int(run.get("layers", 1)) - 1).units
    return "W_hh among the units that are not held" if held else "W_hh"
