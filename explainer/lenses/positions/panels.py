"""A Transformer's position vectors while it learns: the table, how alike its rows are, how far the heads look."""

from __future__ import annotations

from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel, Reading
from explainer.charts.theme import ATTENTION, DIVERGING, SEQUENTIAL, colour_bar, ink, shades, stroke
from explainer.charts.traces import Run, Seen, coloured, drawn, heatmap, over_training, scatter

LENS = "positions"
SEEN = Seen(LENS)
COSINES = [-1.05, 1.05]  # the range of an axis
Figure = dict[str, Any]


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    title, index = "Attention against distance, by head", ("layer",)
    distance = [_panel("distance", title, distance_figure(run, theme), index=index)] if run["layers"] else []
    return [
        _panel("table", "What is added to the embedding at each position", table_figure(theme), span=5, height=290),
        _panel("likeness", "How alike any two positions are", likeness_figure(theme), height=290),
        _panel("path", "The vectors as points, joined in order", path_figure(theme), span=4, height=290),
        _panel("profile", "Cosine against distance", profile_figure(theme)),
        _panel("order", "Order over training", order_figure(theme)),
        *distance,
        loss_panel([run], theme, LENS, span=3, height=250),
    ]


def _panel(
    name: str, title: str, figure: Figure, *, span: int = 3, height: int = 250, index: tuple[str, ...] = ()
) -> Panel:
    """A figure and the reading of its name, of those choices if it has several."""
    readings = (Reading(LENS, name),)
    return Panel(f"{LENS}-{name}", title, figure, readings=readings, reading_index=index, span=span, height=height)


def table_figure(theme: str) -> Figure:
    """The vector added at each position, one column each; colours are the same over the whole tape."""
    heat = heatmap(
        z=SEEN("table", transpose=True),
        **coloured("value", *SEEN.ends("limits"), DIVERGING),
        zmid=0,
        hover="position %{x}, dimension %{y}<br>%{z:.4f}",
    )
    return drawn(theme, [heat], xaxis="position", yaxis="dimension")


def likeness_figure(theme: str) -> Figure:
    """Cosine of the angle between the vectors of every two positions."""
    hover = "positions %{y} and %{x}<br>cosine %{z:.4f}"
    heat = heatmap(z=SEEN("kernel"), **coloured("cosine", -1, 1, DIVERGING), hover=hover)
    return drawn(theme, [heat], xaxis="position n", yaxis={"title": "position m", "autorange": "reversed"})


def path_figure(theme: str) -> Figure:
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
    x, y = ({"title": f"principal component {at + 1}", "range": SEEN.context("range", at)} for at in (0, 1))
    return drawn(theme, [path], xaxis=x, yaxis=y)


def profile_figure(theme: str) -> Figure:
    """Cosine against distance: mean and range over all pairs of positions that far apart."""
    edge: dict[str, Any] = {"line": stroke(ATTENTION, 0.8), "opacity": 0.7}
    looks = {"least": edge, "most": {**edge, "fill": "tonexty"}, "mean": {"line": stroke(ATTENTION, 2.8)}}
    data = [
        scatter(x=SEEN("distances"), y=SEEN(f"profile_{name}"), **look, hover=f"%{{x}} apart<br>{name} %{{y:.4f}}")
        for name, look in looks.items()
    ]
    return drawn(theme, data, xaxis="distance |m − n|", yaxis={"title": "cosine", "range": COSINES})


def order_figure(theme: str) -> Figure:
    """Over training: mean cosine of neighbours and of positions half a sequence apart, and `distance_share`."""
    lines = (
        ("neighbours", "neighbours", "neighbours", stroke(ATTENTION, 2.6)),
        ("half", "far", "half a sequence apart", stroke(ATTENTION, 1.8, "dot")),
        ("by_distance", "by distance", "explained by distance", stroke(ink(theme).muted, 1.8)),
    )
    step = SEEN.history("step")
    data = [
        scatter(name=name, x=step, y=SEEN.history(what), line=line, hover=f"step %{{x}}<br>{said} %{{y:.4f}}")
        for what, name, said, line in lines
    ]
    return over_training(theme, data, yaxis={"title": "mean cosine; share", "range": COSINES}, showlegend=True)


def distance_figure(run: Run, theme: str) -> Figure:
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
    return drawn(theme, data, xaxis="distance to the key", yaxis={"title": "mean weight", "range": [0, 1.02]})
