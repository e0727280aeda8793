"""Eigenvalues and singular values beside the unit circle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from explainer.charts.theme import ink, stroke
from explainer.charts.traces import drawn, scatter

CIRCLE = np.linspace(0, 2 * math.pi, 121)


def spectrum(theme: str, colour: str) -> list[dict[str, Any]]:
    """The unit circle, and traces for eigenvalues and singular values."""
    shade = ink(theme)
    return [
        scatter(
            x=np.cos(CIRCLE).round(4).tolist(),
            y=np.sin(CIRCLE).round(4).tolist(),
            line=stroke(shade.muted, 1.4),
            hoverinfo="skip",
            showlegend=False,
        ),
        scatter(
            "markers",
            name="eigenvalues",
            marker={"color": colour, "size": 7, "opacity": 0.8},
            hover="λ = %{x:.4f} + %{y:.4f} i<br>|λ| = %{customdata:.4f}",
        ),
        scatter(
            "markers",
            name="singular values",
            marker={"color": shade.text, "symbol": "line-ns-open", "size": 13, "line": {"width": 1.6}},
            hover="σ = %{x:.4f}",
        ),
    ]


def on_plane(theme: str, data: list[dict[str, Any]], reach: Any) -> dict[str, Any]:
    """A figure of the circle and the eigenvalues, with singular values or without, as far as `reach` on both axes."""
    several = len(data) > 2
    title = "real part (singular values on this axis)" if several else "real part"
    xaxis = {"title": title, "zeroline": True, "range": reach}
    yaxis = {"title": "imaginary part", "scaleanchor": "x", "zeroline": True, "range": reach}
    return drawn(theme, data, xaxis=xaxis, yaxis=yaxis, showlegend=several)
