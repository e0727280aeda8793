"""What each layer knows: the loss and the likeliest token after each layer, and rollout beside raw attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.theme import SEQUENTIAL, colour_bar, layout
from explainer.lenses.layers.notes import RIGHT, layer_names
from explainer.tasks import TASKS

LENS = "layers"
WORDS_FIT = 64  # positions in which words fit side by side


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of one run."""
    return [
        lens_panel(run, theme),
        map_panel("rollout", "Rollout: how much of token s is in position t", theme),
        map_panel("last", "Raw: attention of the last layer, mean of its heads", theme),
    ]


def lens_panel(run: Mapping[str, Any], theme: str, *, span: int = 12, height: int = 70) -> Panel:
    """The loss of what the residual stream says, layer by layer, with the likeliest token written in, below the right one.

    Where nobody knows what is right there is no colour.
    """
    rows = layer_names(run)
    unit = "nats" if run["says_tokens"] else "squared error"
    mode = "text" if run["length"] <= WORDS_FIT else "markers"
    task = TASKS[run["task"]]
    what = f"its likeliest {task.stream_answer or task.answer}" if run["says_tokens"] else "its answer"
    heat = {
        "type": "heatmap",
        "y": rows,
        "colorscale": SEQUENTIAL,
        "reversescale": True,
        "zmin": 0,
        "colorbar": colour_bar(f"loss ({unit})"),
        "hovertemplate": "%{y}, t = %{x}: loss %{z:.4f}<extra></extra>",
        "ygap": 2,
    }
    slots = [
        Slot("data.0.z", lens=LENS, name="losses"),
        Slot("data.0.zmax", "context", lens=LENS, name="most"),
        Slot("layout.xaxis.tickvals", lens=LENS, name="tick_places"),
        Slot("layout.xaxis.ticktext", "labels", lens=LENS, name="tick_labels"),
        Slot("layout.xaxis.range", lens=LENS, name="edges"),
    ]
    data: list[dict[str, Any]] = [heat]
    for row, name in enumerate((*rows, RIGHT)):
        slots += [
            Slot(f"data.{row + 1}.x", lens=LENS, name="places"),
            Slot(f"data.{row + 1}.y", "labels", lens=LENS, name=f"row_{row}"),
            Slot(f"data.{row + 1}.text", "labels", lens=LENS, name=f"guesses_{row}"),
            Slot(f"data.{row + 1}.customdata", "labels", lens=LENS, name=f"said_{row}"),
        ]
        if name != RIGHT:
            slots.append(Slot(f"data.{row + 1}.textfont.color", "labels", lens=LENS, name=f"inks_{row}"))
        words = {"mode": mode, "marker": {"opacity": 0}, "textfont": {"size": 11}}
        data.append({"type": "scatter", **words, "hovertemplate": f"{name}, %{{customdata}}<extra></extra>"})
    return Panel(
        id="logit-lens",
        title=f"If the model stopped here: {what}, and the loss",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "position t, and its token"}, "showgrid": False, "tickmode": "array"},
                yaxis={"type": "category", "showgrid": False, "range": [-0.5, len(rows) + 0.5]},
                margin={"l": 92, "r": 14, "t": 6, "b": 44},
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "lens"),),
        span=span,
        height=height + 44 * (len(rows) + 1),
    )


def map_panel(name: str, title: str, theme: str, *, span: int = 6, height: int = 340) -> Panel:
    """[t, s] of the rollout or of the last layer's attention."""
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("share"),
        "hovertemplate": "query t = %{text}<br>key s = %{customdata}<br>%{z:.4f}<extra></extra>",
    }
    ticks = {"showgrid": False, "tickmode": "array"}
    slots = [
        Slot("data.0.z", lens=LENS, name=name),
        Slot("data.0.text", "across", lens=LENS, name="cells", transpose=True),
        Slot("data.0.customdata", "across", lens=LENS, name="cells"),
    ]
    for axis in ("xaxis", "yaxis"):
        slots += [
            Slot(f"layout.{axis}.tickvals", lens=LENS, name="tick_places"),
            Slot(f"layout.{axis}.ticktext", "labels", lens=LENS, name="tick_labels"),
        ]
    return Panel(
        id=name,
        title=title,
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**ticks, "title": {"text": "input token s"}},
                yaxis={**ticks, "title": {"text": "position t"}, "autorange": "reversed"},
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, name),),
        span=span,
        height=height,
    )
