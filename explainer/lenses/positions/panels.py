"""A Transformer's position vectors while it learns: the table, how alike its rows are, how far the heads look.

What stands in them and below them is computed in `positions_notes`.
"""

from __future__ import annotations

from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel, Reading
from explainer.charts.theme import ATTENTION, DIVERGING, SEQUENTIAL, colour_bar, ink, shades, stroke
from explainer.charts.traces import Run, Seen, coloured, drawn, heatmap, over_training, scatter

LENS = "positions"
SEEN = Seen(LENS)


def panels(run: Run, theme: str) -> list[Panel]:
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


def table_panel(theme: str) -> Panel:
    """The vector added at each position, one column each; colours are the same over the whole tape."""
    heat = heatmap(
        z=SEEN("table", transpose=True),
        **coloured("value", *SEEN.ends("limits"), DIVERGING),
        zmid=0,
        hover="position %{x}, dimension %{y}<br>%{z:.4f}",
    )
    return Panel(
        id="positions-table",
        title="What is added to the embedding at each position",
        figure=drawn(theme, [heat], xaxis="position", yaxis="dimension"),
        readings=(Reading(LENS, "table"),),
        span=5,
        height=290,
    )


def likeness_panel(theme: str) -> Panel:
    """Cosine of the angle between the vectors of every two positions."""
    heat = heatmap(
        z=SEEN("kernel"),
        **coloured("cosine", -1, 1, DIVERGING),
        hover="positions %{y} and %{x}<br>cosine %{z:.4f}",
    )
    yaxis = {"title": "position m", "autorange": "reversed"}
    return Panel(
        id="positions-likeness",
        title="How alike any two positions are",
        figure=drawn(theme, [heat], xaxis="position n", yaxis=yaxis),
        readings=(Reading(LENS, "likeness"),),
        span=3,
        height=290,
    )


def path_panel(theme: str) -> Panel:
    """The position vectors as points of a plane, joined in their order; the plane is one for the whole tape."""
    line = stroke(ink(theme).line, 1)
    colours = {"color": SEEN("distances"), "colorscale": SEQUENTIAL, "colorbar": colour_bar("position"), "cmin": 0}
    path = scatter(
        "lines+markers",
        **SEEN.projected("table"),
        line=line,
        marker={"size": 8, **colours, "line": line},
        hover="position %{marker.color}<br>(%{x:.4f}, %{y:.4f})",
    )
    return Panel(
        id="positions-path",
        title="The vectors as points, joined in order",
        figure=drawn(
            theme,
            [path],
            xaxis={"title": "principal component 1", "range": SEEN.context("range", 0)},
            yaxis={"title": "principal component 2", "range": SEEN.context("range", 1)},
        ),
        readings=(Reading(LENS, "path"),),
        span=4,
        height=290,
    )


def profile_panel(theme: str) -> Panel:
    """Cosine against distance: mean and range over all pairs of positions that far apart."""
    edge: dict[str, Any] = {"line": stroke(ATTENTION, 0.8), "opacity": 0.7}
    looks = {"least": edge, "most": {**edge, "fill": "tonexty"}, "mean": {"line": stroke(ATTENTION, 2.8)}}
    data = [
        scatter(x=SEEN("distances"), y=SEEN(f"profile_{name}"), **look, hover=f"%{{x}} apart<br>{name} %{{y:.4f}}")
        for name, look in looks.items()
    ]
    yaxis = {"title": "cosine", "range": [-1.05, 1.05]}
    return Panel(
        id="positions-profile",
        title="Cosine against distance",
        figure=drawn(theme, data, xaxis="distance |m − n|", yaxis=yaxis),
        readings=(Reading(LENS, "profile"),),
        span=3,
        height=250,
    )


def order_panel(theme: str) -> Panel:
    """Over training: mean cosine of neighbours and of positions half a sequence apart, and `distance_share`."""
    lines = (
        ("neighbours", "neighbours", "neighbours", stroke(ATTENTION, 2.6)),
        ("half", "far", "half a sequence apart", stroke(ATTENTION, 1.8, "dot")),
        ("by_distance", "by distance", "explained by distance", stroke(ink(theme).muted, 1.8)),
    )
    data = [
        scatter(
            name=name,
            x=SEEN.history("step"),
            y=SEEN.history(what),
            line=line,
            hover=f"step %{{x}}<br>{said} %{{y:.4f}}",
        )
        for what, name, said, line in lines
    ]
    return Panel(
        id="positions-order",
        title="Order over training",
        figure=over_training(
            theme, data, yaxis={"title": "mean cosine; share", "range": [-1.05, 1.05]}, showlegend=True
        ),
        readings=(Reading(LENS, "order"),),
        span=3,
        height=250,
    )


def distance_panel(run: Run, theme: str) -> Panel:
    """Mean attention against the distance to the key, a line for each head of the chosen layer."""
    data = [
        scatter(
            name=f"head {head + 1}",
            y=SEEN("distance", "layer", head),
            line=stroke(colour, 2),
            hover=f"head {head + 1}, %{{x}} back<br>weight %{{y:.4f}}",
        )
        for head, colour in enumerate(shades(theme, run["heads"]))
    ]
    yaxis = {"title": "mean weight", "range": [0, 1.02]}
    return Panel(
        id="positions-distance",
        title="Attention against distance, by head",
        figure=drawn(theme, data, xaxis="distance to the key", yaxis=yaxis),
        readings=(Reading(LENS, "distance"),),
        reading_index=("layer",),
        span=3,
        height=250,
    )
