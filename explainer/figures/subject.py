"""What figures and readings need to know of a run, without its tape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from explainer.config import RunConfig
from explainer.figures.theme import FAMILY_NAMES


def subject(config: RunConfig, meta: Mapping[str, Any]) -> dict[str, Any]:
    """A run as its figures see it.

    Returns:
        `model`, `label`, `task`, `length` (T as the model sees it), `layers`, `heads`, `has_tokens`,
        `metric`, `baseline`, `baseline_name`, and `loss_baseline`: the loss (not the metric) of the best guess without
        a memory, None where the task has no such number.
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
        "has_tokens": config.has_tokens,
        "loss_baseline": loss_baseline,
        "loss_baseline_name": loss_baseline_name,
        "references": _references(config, meta),
    }


def _references(config: RunConfig, meta: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Losses worth a line on a chart of the loss, by name; none where the task's metric is another number."""
    if config.task not in ("copy", "adding", "flipflop", "text"):
        return []
    return [(name, float(value)) for name, value in (meta.get("references") or {}).items()]
