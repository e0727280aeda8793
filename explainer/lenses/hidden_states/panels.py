"""Hidden states: units against time, the state's path in two principal components, output beside target."""

from __future__ import annotations

from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.own_series import filled_trace
from explainer.charts.panel import Panel
from explainer.charts.theme import DIVERGING, FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, stroke
from explainer.charts.traces import Run, Seen, bar, coloured, drawn, heatmap, scatter
from explainer.families import FAMILIES
from explainer.tasks import TASKS

LENS = "hidden_states"
SEEN = Seen(LENS)
TOP = 99  # as an index: the last layer, however many there are


def states_panel(run: Run, theme: str) -> Panel:
    """h_t of every unit (rows) at every time step (columns); the layer is a selection."""
    heat = heatmap(
        z=SEEN("states", "layer", transpose=True),
        **coloured("h", scale=DIVERGING),
        zmid=0,
        hover="unit %{y}, t = %{x}<br>h = %{z:.4f}",
        **({"zmin": -1, "zmax": 1} if FAMILIES[run["model"]].bounded else {}),
    )
    xaxis = {**SEEN.ticks(), "title": "time step t, and what is read there", "tickangle": 0}
    figure = drawn(theme, [heat], xaxis=xaxis, yaxis={"title": "hidden unit", "autorange": True})
    title = "Hidden state h, unit by unit, as the sequence is read"
    return SEEN.panel("states", title, figure, reading_index=("layer",), span=8, height=330)


def path_panel(run: Run, theme: str) -> Panel:
    """The top layer's state in the first two principal components of the whole tape."""
    marker = {"size": 7, "color": SEEN("times"), "colorscale": SEQUENTIAL, "colorbar": colour_bar("t"), "cmin": 0}
    path = scatter(
        "lines+markers",
        **SEEN.projected("states", TOP),
        line=stroke(FAMILY_COLOURS[run["model"]], 1.5),
        # The ends of the scale are near to a background.
        marker=marker | {"line": {"width": 0.5, "color": ink(theme).muted}},
        hover="t = %{marker.color}<br>(%{x:.3f}, %{y:.3f})",
    )
    xaxis, yaxis = (
        {"title": f"principal component {at + 1}", "showgrid": True, "range": SEEN.context("range", at)}
        for at in (0, 1)
    )
    figure = drawn(theme, [path], xaxis=xaxis, yaxis=yaxis)
    return SEEN.panel("path", "Its path through state space", figure, span=4, height=330)


def output_panel(run: Run, theme: str) -> Panel:
    """What the network says beside what it should say: numbers, or the probability of the right token."""
    task, tokens = TASKS[run["task"]], run["says_tokens"]
    if tokens:
        hover = "t = %{x}<br>guess: %{text}<br>p(right token) = %{y:.3f}"
        marker = {"color": FAMILY_COLOURS[run["model"]]}
        guesses = {"text": SEEN.labels("guesses"), "textposition": "none"}
        data = [bar(y=SEEN("right"), marker=marker, hover=hover, **guesses)]
        yaxis: dict[str, Any] = {"title": f"p(right {task.answer})", "range": [0, 1]}
        title = f"Probability given to the right {task.answer}"
        under = "token that should come next" if task.answer == "next token" else "right answer"
    else:
        data = [*_beside_target(run, theme), *([filled_trace(LENS)] if run.get("filled") else [])]
        yaxis = {"title": run.get("unit") or "value"}
        title = "Output beside target" + (f" ({task.first_of})" if task.first_of else "")
    xtitle = f"time step t, and {f'the {under}' if tokens else 'what is read there'}"
    xaxis = {**SEEN.ticks("target_labels" if tokens else "tick_labels"), "title": xtitle, "tickangle": 0}
    figure = drawn(theme, data, xaxis=xaxis, yaxis=yaxis, showlegend=not tokens)
    return SEEN.panel("output", title, figure, span=8, height=260)


def _beside_target(run: Run, theme: str) -> list[dict[str, Any]]:
    """The target's line and the output's."""
    lines = {"target": stroke(ink(theme).muted, 1.5, "dot"), "output": stroke(FAMILY_COLOURS[run["model"]], 2.2)}
    said, dots = "t = %{{x}}<br>{} %{{y:.4f}}", {"size": 5}
    return [
        scatter("lines+markers", name=name, y=SEEN(name), line=line, marker=dots, hover=said.format(name))
        for name, line in lines.items()
    ]


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [states_panel(run, theme), path_panel(run, theme), output_panel(run, theme), loss_panel([run], theme, LENS)]
