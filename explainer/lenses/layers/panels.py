"""What each layer knows: the loss and the likeliest token after each layer, and rollout beside raw attention."""

from __future__ import annotations

from explainer.charts.panel import Panel
from explainer.charts.traces import Run, Seen, coloured, drawn, heatmap, scatter
from explainer.lenses.layers.notes import RIGHT, layer_names
from explainer.tasks import TASKS

LENS = "layers"
SEEN = Seen(LENS)
WORDS_FIT = 64  # positions in which words fit side by side


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run."""
    return [
        lens_panel(run, theme),
        map_panel("rollout", "Rollout: how much of token s is in position t", theme),
        map_panel("last", "Raw: attention of the last layer, mean of its heads", theme),
    ]


def lens_panel(run: Run, theme: str) -> Panel:
    """The loss of what the residual stream says, layer by layer, with the likeliest token written in, below the right one.

    Where nobody knows what is right there is no colour.
    """
    rows = layer_names(run)
    unit = "nats" if run["says_tokens"] else "squared error"
    mode = "text" if run["length"] <= WORDS_FIT else "markers"
    task = TASKS[run["task"]]
    what = f"its likeliest {task.stream_answer or task.answer}" if run["says_tokens"] else "its answer"
    heat = heatmap(
        y=rows,
        z=SEEN("losses"),
        **coloured(f"loss ({unit})", 0, SEEN.context("most")),
        reversescale=True,
        hover="%{y}, t = %{x}: loss %{z:.4f}",
        ygap=2,
    )
    words = [
        scatter(
            mode,
            x=SEEN("places"),
            y=SEEN.labels(f"row_{row}"),
            text=SEEN.labels(f"guesses_{row}"),
            customdata=SEEN.labels(f"said_{row}"),
            marker={"opacity": 0},
            textfont={"size": 11, **({"color": SEEN.labels(f"inks_{row}")} if name != RIGHT else {})},
            hover=f"{name}, %{{customdata}}",
        )
        for row, name in enumerate((*rows, RIGHT))
    ]
    ticks = {**SEEN.ticks(), "range": SEEN("edges")}
    figure = drawn(
        theme,
        [heat, *words],
        xaxis={**ticks, "title": "position t, and its token", "showgrid": False},
        yaxis={"type": "category", "showgrid": False, "range": [-0.5, len(rows) + 0.5]},
        margin={"l": 92, "r": 14, "t": 6, "b": 44},
    )
    return SEEN.panel(
        "logit-lens",
        f"If the model stopped here: {what}, and the loss",
        figure,
        "lens",
        span=12,
        height=70 + 44 * (len(rows) + 1),
    )


def map_panel(name: str, title: str, theme: str) -> Panel:
    """[t, s] of the rollout or of the last layer's attention."""
    heat = heatmap(
        z=SEEN(name),
        text=SEEN("cells", kind="across", transpose=True),
        customdata=SEEN("cells", kind="across"),
        **coloured("share", 0, 1),
        hover="query t = %{text}<br>key s = %{customdata}<br>%{z:.4f}",
    )
    xaxis = {**SEEN.ticks(), "showgrid": False, "title": "input token s"}
    yaxis = {**xaxis, "title": "position t", "autorange": "reversed"}
    figure = drawn(theme, [heat], xaxis=xaxis, yaxis=yaxis)
    return SEEN.panel(name, title, figure, height=340)
