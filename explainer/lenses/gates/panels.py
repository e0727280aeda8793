"""Inside the gates: gates over time, how long units remember, what they track and how well it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import DIVERGING, FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout


def gates_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 320) -> Panel:
    """One gate of one layer: units against time, 0 (closed) to 1 (open)."""
    heat: dict[str, Any] = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("gate"),
        "hovertemplate": "unit %{y}, t = %{x}<br>gate = %{z:.4f}<extra></extra>",
    }
    return Panel(
        id="gates",
        title="The gate, unit by unit, as the sequence is read: 0 closed, 1 open",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t, and what is read there"}, "tickmode": "array", "tickangle": 0},
                yaxis={"title": {"text": "hidden unit"}},
            ),
        },
        slots=(
            Slot("data.0.z", lens="gates", name="gates", index=("layer", "gate"), transpose=True),
            Slot("layout.xaxis.tickvals", lens="gates", name="tick_places"),
            Slot("layout.xaxis.ticktext", "labels", lens="gates", name="tick_labels"),
        ),
        readings=(Reading("gates", "gates"),),
        reading_index=("layer", "gate"),
        span=span,
        height=height,
    )


def memory_panel(run: Mapping[str, Any], theme: str, *, span: int = 4, height: int = 320) -> Panel:
    """Time constants of the units, longest first, on a log axis."""
    bars = {
        "type": "bar",
        "marker": {"color": FAMILY_COLOURS[run["model"]]},
        "hovertemplate": "unit %{customdata}<br>time constant %{y:.3g} steps<extra></extra>",
    }
    return Panel(
        id="memory",
        title="How long each unit remembers",
        figure={
            "data": [bars],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "unit, longest memory first"}},
                yaxis={"title": {"text": "time constant (steps)"}, "type": "log", "exponentformat": "power"},
                bargap=0.1,
            ),
        },
        slots=(
            Slot("data.0.y", lens="gates", name="memory", index=("layer",)),
            Slot("data.0.customdata", lens="gates", name="memory_units", index=("layer",)),
        ),
        readings=(Reading("gates", "memory"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def tracking_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 260) -> Panel:
    """The sequence itself in rows, each token on the value of the unit that follows the chosen variable best."""
    cells = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmin": -1,
        "zmax": 1,
        "colorbar": colour_bar("h"),
        "xgap": 1,
        "ygap": 3,
        "hovertemplate": "h = %{z:.3f}<extra></extra>",
    }
    tokens = [
        {
            "type": "scatter",
            "mode": "text",
            "textfont": {"size": 13, "color": colour},
            "hovertemplate": "%{text}<br>h = %{customdata:.3f}<extra></extra>",
        }
        for colour in ("#111111", "#FFFFFF")
    ]
    hidden = {"visible": False, "fixedrange": True}
    source: dict[str, Any] = {"lens": "gates", "index": ("variable",)}
    return Panel(
        id="tracking",
        title="What was read, coloured by the unit that follows the chosen variable best (top layer)",
        figure={
            "data": [cells, *tokens],
            "layout": layout(
                theme,
                xaxis=hidden,
                yaxis={**hidden, "autorange": "reversed"},
                margin={"l": 8, "r": 14, "t": 10, "b": 10},
            ),
        },
        slots=(
            Slot("data.0.z", name="followed_rows", **source),
            *(
                slot
                for trace, rows in ((1, "rows_on_light"), (2, "rows_on_dark"))
                for slot in (
                    Slot(f"data.{trace}.x", lens="gates", name="text_x"),
                    Slot(f"data.{trace}.y", name=rows, **source),
                    Slot(f"data.{trace}.text", "labels", lens="gates", name="tokens"),
                    Slot(f"data.{trace}.customdata", name="followed", **source),
                )
            ),
            Slot("layout.xaxis.range", lens="gates", name="text_range"),
        ),
        readings=(Reading("gates", "tracking"),),
        reading_index=("variable",),
        span=span,
        height=height,
    )


def probe_panel(run: Mapping[str, Any], theme: str, *, span: int = 4, height: int = 260) -> Panel:
    """How well a linear readout of the whole state tells each variable: now, before training, and its control."""
    shade, colour = ink(theme), FAMILY_COLOURS[run["model"]]
    bar: dict[str, Any] = {"type": "bar", "orientation": "h"}
    hover = "%{y}<br>%{customdata:.3f}<extra>%{fullData.name}</extra>"
    return Panel(
        id="probes",
        title="How well a linear readout of the state tells each variable",
        figure={
            "data": [
                {**bar, "name": "this network", "marker": {"color": colour}, "hovertemplate": hover}
                | {"error_x": {"type": "data", "array": [], "color": shade.text, "thickness": 1.2, "width": 3}},
                {**bar, "name": "untrained", "hovertemplate": hover}
                | {"marker": {"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.5}}},
                {**bar, "name": "control: values of another sequence", "hovertemplate": hover}
                | {"marker": {"color": shade.muted}},
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "R² on sequences that it was not fitted on"}, "range": [0, 1]},
                yaxis={"type": "category", "autorange": "reversed", "tickfont": {"size": 11, "color": shade.text}},
                margin={"l": 168, "r": 14, "t": 10, "b": 44},
                showlegend=True,
            ),
        },
        slots=(
            *(
                slot
                for number, name in enumerate(("probes", "untrained", "controls"))
                for slot in (
                    Slot(f"data.{number}.x", lens="gates", name=f"shown_{name}"),
                    Slot(f"data.{number}.customdata", lens="gates", name=name),
                    Slot(f"data.{number}.y", "labels", lens="gates", name="called"),
                )
            ),
            Slot("data.0.error_x.array", lens="gates", name="probe_errors"),
        ),
        readings=(Reading("gates", "probes"),),
        reading_index=("variable",),
        span=span,
        height=height,
    )


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All of the lens, in reading order."""
    return [gates_panel(run, theme), memory_panel(run, theme), tracking_panel(run, theme), probe_panel(run, theme)]
