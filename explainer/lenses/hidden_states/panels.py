"""Hidden states: units against time, the state's path in two principal components, output beside target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.own_series import filled_trace
from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import DIVERGING, FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout
from explainer.families import FAMILIES
from explainer.tasks import TASKS

TOP = 99  # as an index: the last layer, however many there are


def states_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 330) -> Panel:
    """h_t of every unit (rows) at every time step (columns); the layer is a selection."""
    bounded = FAMILIES[run["model"]].bounded
    heat: dict[str, Any] = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmid": 0,
        "colorbar": colour_bar("h"),
        "hovertemplate": "unit %{y}, t = %{x}<br>h = %{z:.4f}<extra></extra>",
    }
    if bounded:
        heat |= {"zmin": -1, "zmax": 1}
    return Panel(
        id="states",
        title="Hidden state h, unit by unit, as the sequence is read",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t, and what is read there"}, "tickmode": "array", "tickangle": 0},
                yaxis={"title": {"text": "hidden unit"}, "autorange": True},
            ),
        },
        slots=(
            Slot("data.0.z", lens="hidden_states", name="states", index=("layer",), transpose=True),
            Slot("layout.xaxis.tickvals", lens="hidden_states", name="tick_places"),
            Slot("layout.xaxis.ticktext", "labels", lens="hidden_states", name="tick_labels"),
        ),
        readings=(Reading("hidden_states", "states"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def path_panel(run: Mapping[str, Any], theme: str, *, span: int = 4, height: int = 330) -> Panel:
    """The top layer's state in the first two principal components of the whole tape."""
    colour = FAMILY_COLOURS[run["model"]]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.5},
        "marker": {"size": 7, "colorscale": SEQUENTIAL, "colorbar": colour_bar("t"), "cmin": 0}
        | {"line": {"width": 0.5, "color": ink(theme).muted}},  # the ends of the scale are near to a background
        "hovertemplate": "t = %{marker.color}<br>(%{x:.3f}, %{y:.3f})<extra></extra>",
    }
    return Panel(
        id="path",
        title="Its path through state space",
        figure={
            "data": [trace],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "principal component 1"}, "showgrid": True},
                yaxis={"title": {"text": "principal component 2"}, "showgrid": True},
            ),
        },
        slots=(
            Slot("data.0.x", "project", lens="hidden_states", name="states", index=(TOP,), column=0),
            Slot("data.0.y", "project", lens="hidden_states", name="states", index=(TOP,), column=1),
            Slot("data.0.marker.color", lens="hidden_states", name="times"),
            Slot("layout.xaxis.range", "context", lens="hidden_states", name="range", index=(0,)),
            Slot("layout.yaxis.range", "context", lens="hidden_states", name="range", index=(1,)),
        ),
        readings=(Reading("hidden_states", "path"),),
        span=span,
        height=height,
    )


def output_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 260) -> Panel:
    """What the network says beside what it should say: numbers, or the probability of the right token."""
    data, arrays = (_right_tokens if run["says_tokens"] else _beside_target)(run, theme)
    under = "target_labels" if run["says_tokens"] else "tick_labels"
    slots = [
        *(
            Slot(place, "labels" if name == "guesses" else "frame", lens="hidden_states", name=name)
            for place, name in arrays
        ),
        Slot("layout.xaxis.tickvals", lens="hidden_states", name="tick_places"),
        Slot("layout.xaxis.ticktext", "labels", lens="hidden_states", name=under),
    ]
    task = TASKS[run["task"]]
    if run["says_tokens"]:
        yaxis: dict[str, Any] = {"title": {"text": f"p(right {task.answer})"}, "range": [0, 1]}
        title = f"Probability given to the right {task.answer}"
        xtitle = (
            f"time step t, and the {'token that should come next' if task.answer == 'next token' else 'right answer'}"
        )
    else:
        if run.get("filled"):
            trace, more = filled_trace("hidden_states", len(data))
            data, slots = [*data, trace], [*slots, *more]
        yaxis = {"title": {"text": run.get("unit") or "value"}}
        title = "Output beside target" + (f" ({task.first_of})" if task.first_of else "")
        xtitle = "time step t, and what is read there"
    return Panel(
        id="output",
        title=title,
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": xtitle}, "tickmode": "array", "tickangle": 0},
                yaxis=yaxis,
                showlegend=not run["says_tokens"],
            ),
        },
        slots=tuple(slots),
        readings=(Reading("hidden_states", "output"),),
        span=span,
        height=height,
    )


def _right_tokens(run: Mapping[str, Any], theme: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """A bar for each token, and the arrays that fill it, by place."""
    bars = {
        "type": "bar",
        "marker": {"color": FAMILY_COLOURS[run["model"]]},
        "hovertemplate": "t = %{x}<br>guess: %{text}<br>p(right token) = %{y:.3f}<extra></extra>",
        "textposition": "none",
    }
    return [bars], [("data.0.y", "right"), ("data.0.text", "guesses")]


def _beside_target(run: Mapping[str, Any], theme: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The target's line and the output's, and the arrays that fill them, by place."""
    lines = {
        "target": {"color": ink(theme).muted, "width": 1.5, "dash": "dot"},
        "output": {"color": FAMILY_COLOURS[run["model"]], "width": 2.2},
    }
    data = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "line": line, "marker": {"size": 5}}
        | {"hovertemplate": f"t = %{{x}}<br>{name} %{{y:.4f}}<extra></extra>"}
        for name, line in lines.items()
    ]
    return data, [(f"data.{at}.y", name) for at, name in enumerate(lines)]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [
        states_panel(run, theme),
        path_panel(run, theme),
        output_panel(run, theme),
        loss_panel([run], theme, "hidden_states"),
    ]
