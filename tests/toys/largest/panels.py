"""The figure of the lens `largest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.panel import Panel, Reading
from explainer.charts.theme import FAMILY_COLOURS
from explainer.charts.traces import Seen, bar, drawn

LENS = "largest"
SEEN = Seen(LENS)


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """A bar for each unit."""
    bars = bar(y=SEEN("largest"), marker={"color": FAMILY_COLOURS[run["model"]]}, hover="unit %{x}: %{y:.4f}")
    axes = {"xaxis": {"title": {"text": "hidden unit"}}, "yaxis": {"title": {"text": "largest |h|"}}}
    return [
        Panel(
            id="largest",
            title="How far each unit goes",
            figure=drawn(theme, [bars], **axes),
            readings=(Reading(LENS, "largest"),),
        )
    ]
