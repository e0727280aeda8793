"""A Transformer's position vectors while it learns: the table, how alike its rows are, how far the heads look.

What stands in them and below them is computed in `positions_notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.theme import ATTENTION, DIVERGING, SEQUENTIAL, colour_bar, ink, layout, shades, upright

LENS = "positions"


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    last = [distance_panel(run, theme)] if run["layers"] else []
    return [
        table_panel(theme),
        likeness_panel(theme),
        path_panel(theme),
        profile_panel(theme),
        order_panel(theme),
        *last,
        loss_panel([run], theme, LENS, span=3, height=250),
    ]


def table_panel(theme: str, *, span: int = 5, height: int = 290) -> Panel:
    """The vector added at each position, one column each; colours are the same over the whole tape."""
    heat = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmid": 0,
        "colorbar": colour_bar("value"),
        "hovertemplate": "position %{x}, dimension %{y}<br>%{z:.4f}<extra></extra>",
    }
    return Panel(
        id="positions-table",
        title="What is added to the embedding at each position",
        figure={
            "data": [heat],
            "layout": layout(theme, xaxis={"title": {"text": "position"}}, yaxis={"title": {"text": "dimension"}}),
        },
        slots=(
            Slot("data.0.z", lens=LENS, name="table", transpose=True),
            Slot("data.0.zmin", "context", lens=LENS, name="limits", index=(0,)),
            Slot("data.0.zmax", "context", lens=LENS, name="limits", index=(1,)),
        ),
        readings=(Reading(LENS, "table"),),
        span=span,
        height=height,
    )


def likeness_panel(theme: str, *, span: int = 3, height: int = 290) -> Panel:
    """Cosine of the angle between the vectors of every two positions."""
    heat = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmin": -1,
        "zmax": 1,
        "colorbar": colour_bar("cosine"),
        "hovertemplate": "positions %{y} and %{x}<br>cosine %{z:.4f}<extra></extra>",
    }
    return Panel(
        id="positions-likeness",
        title="How alike any two positions are",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "position n"}},
                yaxis={"title": {"text": "position m"}, "autorange": "reversed"},
            ),
        },
        slots=(Slot("data.0.z", lens=LENS, name="kernel"),),
        readings=(Reading(LENS, "likeness"),),
        span=span,
        height=height,
    )


def path_panel(theme: str, *, span: int = 4, height: int = 290) -> Panel:
    """The position vectors as points of a plane, joined in their order; the plane is one for the whole tape."""
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"color": ink(theme).line, "width": 1},
        "marker": {
            "size": 8,
            "colorscale": SEQUENTIAL,
            "colorbar": colour_bar("position"),
            "cmin": 0,
            "line": {"color": ink(theme).line, "width": 1},
        },
        "hovertemplate": "position %{marker.color}<br>(%{x:.4f}, %{y:.4f})<extra></extra>",
    }
    return Panel(
        id="positions-path",
        title="The vectors as points, joined in order",
        figure={
            "data": [trace],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "principal component 1"}},
                yaxis={"title": {"text": "principal component 2"}},
            ),
        },
        slots=(
            Slot("data.0.x", "project", lens=LENS, name="table", column=0),
            Slot("data.0.y", "project", lens=LENS, name="table", column=1),
            Slot("data.0.marker.color", lens=LENS, name="distances"),
            Slot("layout.xaxis.range", "context", lens=LENS, name="range", index=(0,)),
            Slot("layout.yaxis.range", "context", lens=LENS, name="range", index=(1,)),
        ),
        readings=(Reading(LENS, "path"),),
        span=span,
        height=height,
    )


def profile_panel(theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Cosine against distance: mean and range over all pairs of positions that far apart."""
    colour = ATTENTION
    edge = {"type": "scatter", "mode": "lines", "line": {"color": colour, "width": 0.8}, "opacity": 0.7}
    hover = "%{x} apart<br>{} %{y:.4f}<extra></extra>"
    data = [
        {**edge, "hovertemplate": hover.replace("{}", "least")},
        {**edge, "fill": "tonexty", "hovertemplate": hover.replace("{}", "most")},
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"color": colour, "width": 2.8},
            "hovertemplate": hover.replace("{}", "mean"),
        },
    ]
    return Panel(
        id="positions-profile",
        title="Cosine against distance",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "distance |m − n|"}},
                yaxis={"title": {"text": "cosine"}, "range": [-1.05, 1.05]},
            ),
        },
        slots=tuple(
            slot
            for number, name in enumerate(("least", "most", "mean"))
            for slot in (
                Slot(f"data.{number}.x", lens=LENS, name="distances"),
                Slot(f"data.{number}.y", lens=LENS, name=f"profile_{name}"),
            )
        ),
        readings=(Reading(LENS, "profile"),),
        span=span,
        height=height,
    )


def order_panel(theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Over training: mean cosine of neighbours and of positions half a sequence apart, and `distance_share`."""
    shade = ink(theme)
    line = {"type": "scatter", "mode": "lines"}
    data = [
        {
            **line,
            "name": "neighbours",
            "line": {"color": ATTENTION, "width": 2.6},
            "hovertemplate": "step %{x}<br>neighbours %{y:.4f}<extra></extra>",
        },
        {
            **line,
            "name": "far",
            "line": {"color": ATTENTION, "width": 1.8, "dash": "dot"},
            "hovertemplate": "step %{x}<br>half a sequence apart %{y:.4f}<extra></extra>",
        },
        {
            **line,
            "name": "by distance",
            "line": {"color": shade.muted, "width": 1.8},
            "hovertemplate": "step %{x}<br>explained by distance %{y:.4f}<extra></extra>",
        },
    ]
    return Panel(
        id="positions-order",
        title="Order over training",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "mean cosine; share"}, "range": [-1.05, 1.05]},
                shapes=[upright(color=shade.muted, width=1)],
                showlegend=True,
            ),
        },
        slots=(
            *at_moment(),
            *(
                slot
                for number, name in enumerate(("neighbours", "half", "by_distance"))
                for slot in (
                    Slot(f"data.{number}.x", "history", lens=LENS, name="step"),
                    Slot(f"data.{number}.y", "history", lens=LENS, name=name),
                )
            ),
        ),
        readings=(Reading(LENS, "order"),),
        span=span,
        height=height,
    )


def distance_panel(run: Mapping[str, Any], theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Mean attention against the distance to the key, a line for each head of the chosen layer."""
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"head {head + 1}",
            "line": {"color": colour, "width": 2},
            "hovertemplate": f"head {head + 1}, %{{x}} back<br>weight %{{y:.4f}}<extra></extra>",
        }
        for head, colour in enumerate(shades(theme, run["heads"]))
    ]
    return Panel(
        id="positions-distance",
        title="Attention against distance, by head",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "distance to the key"}},
                yaxis={"title": {"text": "mean weight"}, "range": [0, 1.02]},
            ),
        },
        slots=tuple(
            Slot(f"data.{head}.y", lens=LENS, name="distance", index=("layer", head)) for head in range(run["heads"])
        ),
        readings=(Reading(LENS, "distance"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )
