"""Marks of a learning rate that was set by hand: an upright line over a chart of steps, with the rate beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explainer.charts.panel import Slot, rate_points
from explainer.charts.theme import ink, stroke
from explainer.charts.traces import Run, scatter

AXIS = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
"""`layout.yaxis2` of a chart with marks: from its foot to its top, whatever its own axis shows."""
PLACES = {"x": "x", "y": "y", "text": "text", "hovertext": "hover", "textposition": "side"}
"""Of a mark's trace, and what of `rate_points` stands there."""


def rates_words(rates: Sequence[tuple[int, float]]) -> str:
    """ "learning rate 0.01 after step 120 and 0.003 after step 300"; "" where none was set."""
    said = [f"{lr:g} after step {step}" for step, lr in rates]
    return f"learning rate {' and '.join(said)}" if said else ""


def rate_marks(theme: str, run: int | str = 0) -> dict[str, Any]:
    """The marks of run number `run` on a page, or of the run that a selection has.

    The figure's layout needs `yaxis2=AXIS`.
    """
    return _trace(theme) | {place: Slot("", "rates", run=run, name=name) for place, name in PLACES.items()}


def fixed_rate_marks(run: Run, last: float, theme: str) -> list[dict[str, Any]]:
    """The marks of a run whose curve ends at step `last`, for a chart that does not move; none where there are none."""
    rates = [(step, f"{lr:g}") for step, lr in run.get("rates", ())]
    return [_trace(theme) | {place: rate_points(rates, last, name) for place, name in PLACES.items()}] if rates else []


def _trace(theme: str) -> dict[str, Any]:
    shade = ink(theme)
    return scatter(
        "lines+text",
        name="learning rate set",
        yaxis="y2",
        showlegend=False,
        line=stroke(shade.muted, 1.2, "dash"),
        textfont={"size": 11, "color": shade.text},
        hover="%{hovertext}",
    )
