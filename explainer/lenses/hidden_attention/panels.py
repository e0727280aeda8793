"""Hidden attention: the maps of all layers, the chosen one large, and how far back the units look."""

from __future__ import annotations

from explainer.charts import maps
from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel
from explainer.charts.theme import DIVERGING, FAMILY_COLOURS, stroke
from explainer.charts.traces import Run, Runs, Seen, drawn, scatter
from explainer.families import FAMILIES
from explainer.lenses.hidden_attention import shown

LENS = "hidden_attention"
SEEN = Seen(LENS)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        reach_panel(runs[0], theme),
        loss_panel(runs, theme, LENS, span=6),
    ]


def selections(run: Run) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the map that is shown large; the first is the mean."""
    return {"layer": ("Layer", run["layers"]), "head": ("Map", shown(run["sites"]))}


def mosaic_panel(run: Run, theme: str) -> Panel:
    """The maps of every layer."""
    names = ["mean", *(f"no. {at}" for at in range(1, shown(run["sites"])))]
    colours = {"colorscale": DIVERGING, "zmin": -1, "zmax": 1}
    title = "What each unit takes from which step: the mean of all, and those that say most"
    return maps.mosaic_panel(run, theme, SEEN, title, names, unit="of the largest", of="map", colours=colours)


def map_panel(theme: str) -> Panel:
    """The chosen map."""
    title, future = "The chosen map: how much of what was read at s is in what is said at t", "nothing of the future"
    return maps.map_panel(theme, SEEN, title, unit="of the largest", ends=(-1, 1), scale=DIVERGING, future=future)


def reach_panel(run: Run, theme: str) -> Panel:
    """How far back each unit looks on average, the units of a layer in the order of that."""
    units = list(range(1, run["sites"] + 1))
    colour = FAMILY_COLOURS[run["model"]]
    data = [
        scatter(
            x=units,
            y=SEEN("sorted", layer),
            name=f"layer {layer + 1}",
            line=stroke(colour, 2.4, ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")[layer]),
            hover=f"layer {layer + 1}: %{{y:.2f}} steps",
        )
        for layer in range(run["layers"])
    ]
    figure = drawn(
        theme,
        data,
        xaxis={"title": "units, from the nearest to the farthest"},
        yaxis={"title": "steps back", "rangemode": "tozero"},
        showlegend=run["layers"] > 1,
    )
    return SEEN.panel(
        "reach",
        f"How far back each unit of the {FAMILIES[run['model']].title} looks on average",
        figure,
        span=6,
        height=230,
    )
