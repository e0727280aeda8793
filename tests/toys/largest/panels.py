"""The figure of the lens `largest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import FAMILY_COLOURS, layout

LENS = "largest"


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """A bar for each unit."""
    bars = {"type": "bar", "marker": {"color": FAMILY_COLOURS[run["model"]]}}
    axes = layout(theme, xaxis={"title": {"text": "hidden unit"}}, yaxis={"title": {"text": "largest |h|"}})
    return [
        Panel(
            id="largest",
            title="How far each unit goes",
            figure={"data": [bars], "layout": axes},
            slots=(Slot("data.0.y", lens=LENS, name="largest"),),
            readings=(Reading(LENS, "largest"),),
        )
    ]
