"""Inside the gates: gates over time, how long units remember, what they track and how well it can be read."""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Slot
from explainer.charts.theme import DIVERGING, FAMILY_COLOURS, ink
from explainer.charts.traces import Run, Seen, bar, coloured, drawn, heatmap, scatter

SEEN = Seen("gates")


def gates_panel(run: Run, theme: str) -> Panel:
    """One gate of one layer: units against time, 0 (closed) to 1 (open)."""
    heat = heatmap(
        z=SEEN("gates", "layer", "gate", transpose=True),
        **coloured("gate", 0, 1),
        hover="unit %{y}, t = %{x}<br>gate = %{z:.4f}",
    )
    xaxis = {**SEEN.ticks(), "title": "time step t, and what is read there", "tickangle": 0}
    title = "The gate, unit by unit, as the sequence is read: 0 closed, 1 open"
    figure = drawn(theme, [heat], xaxis=xaxis, yaxis="hidden unit")
    return SEEN.panel("gates", title, figure, reading_index=("layer", "gate"), span=8, height=320)


def memory_panel(run: Run, theme: str) -> Panel:
    """Time constants of the units, longest first, on a log axis."""
    bars = bar(
        y=SEEN("memory", "layer"),
        customdata=SEEN("memory_units", "layer"),
        marker={"color": FAMILY_COLOURS[run["model"]]},
        hover="unit %{customdata}<br>time constant %{y:.3g} steps",
    )
    yaxis = {"title": "time constant (steps)", "type": "log", "exponentformat": "power"}
    figure = drawn(theme, [bars], xaxis="unit, longest memory first", yaxis=yaxis, bargap=0.1)
    title = "How long each unit remembers"
    return SEEN.panel("memory", title, figure, reading_index=("layer",), span=4, height=320)


def tracking_panel(run: Run, theme: str) -> Panel:
    """The sequence itself in rows, each token on the value of the unit that follows the chosen variable best."""
    cells = heatmap(
        z=SEEN("followed_rows", "variable"), **coloured("h", -1, 1, DIVERGING), xgap=1, ygap=3, hover="h = %{z:.3f}"
    )
    tokens = [
        scatter(
            "text",
            x=SEEN("text_x"),
            y=SEEN(rows, "variable"),
            text=SEEN.labels("tokens"),
            customdata=SEEN("followed", "variable"),
            textfont={"size": 13, "color": colour},
            hover="%{text}<br>h = %{customdata:.3f}",
        )
        for rows, colour in (("rows_on_light", "#111111"), ("rows_on_dark", "#FFFFFF"))
    ]
    hidden = {"visible": False, "fixedrange": True}
    axes = {"xaxis": {**hidden, "range": SEEN("text_range")}, "yaxis": {**hidden, "autorange": "reversed"}}
    figure = drawn(theme, [cells, *tokens], **axes, margin={"l": 8, "r": 14, "t": 10, "b": 10})
    title = "What was read, coloured by the unit that follows the chosen variable best (top layer)"
    return SEEN.panel("tracking", title, figure, reading_index=("variable",), span=8, height=260)


def probe_panel(run: Run, theme: str) -> Panel:
    """How well a linear readout of the whole state tells each variable: now, before training, and its control."""
    shade, colour = ink(theme), FAMILY_COLOURS[run["model"]]
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("probes", "this network", {"color": colour}),
        ("untrained", "untrained", {"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.5}}),
        ("controls", "control: values of another sequence", {"color": shade.muted}),
    )
    hover = "%{y}<br>%{customdata:.3f}<extra>%{fullData.name}</extra>"
    lying: dict[str, Any] = {"orientation": "h", "y": SEEN.labels("called"), "hovertemplate": hover}
    data = [
        bar(name=called, x=SEEN(f"shown_{name}"), customdata=SEEN(name), marker=marker, **lying)
        for name, called, marker in kinds
    ]
    data[0]["error_x"] = {"type": "data", "array": [], "color": shade.text, "thickness": 1.2, "width": 3}
    errors = (Slot("data.0.error_x.array", lens=SEEN.lens, name="probe_errors"),)
    figure = drawn(
        theme,
        data,
        xaxis={"title": "R² on sequences that it was not fitted on", "range": [0, 1]},
        yaxis={"type": "category", "autorange": "reversed", "tickfont": {"size": 11, "color": shade.text}},
        margin={"l": 168, "r": 14, "t": 10, "b": 44},
        showlegend=True,
    )
    title = "How well a linear readout of the state tells each variable"
    return SEEN.panel("probes", title, figure, slots=errors, reading_index=("variable",), span=4, height=260)


def panels(run: Run, theme: str) -> list[Panel]:
    """All of the lens, in reading order."""
    return [gates_panel(run, theme), memory_panel(run, theme), tracking_panel(run, theme), probe_panel(run, theme)]
