"""Fixed points in the state's own plane, by stability, with a sequence's path; their spectrum, and when they are born."""

from __future__ import annotations

from collections.abc import Mapping

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel
from explainer.charts.spectrum import on_plane, spectrum
from explainer.charts.theme import FAMILY_COLOURS, ink, stroke
from explainer.charts.traces import Run, Seen, drawn, over_training, scatter
from explainer.lenses.fixed_points.notes import KINDS, LENS, choices

SEEN = Seen(LENS)

MARKS: Mapping[str, tuple[str, str]] = {
    "stable": ("circle", "#2B83C6"),
    "neutral": ("hexagon", "#009E73"),
    "saddle 1": ("diamond", "#E69F00"),
    "saddle 2": ("square", "#C0699B"),
    "saddle 3+": ("triangle-up", "#B5522A"),
    "slow": ("x-thin-open", ""),  # in the colour of text
}
"""Shape and colour of each kind of point."""
PLANES = {"front": (0, 1), "side": (2, 1)}
"""Principal components to the right and upwards: the first two, and from the side, upwards as before."""
TITLES = {"front": "Where the state stays, and one sequence's path", "side": "The same from the side"}


def spectrum_panel(run: Run, theme: str) -> Panel:
    """The eigenvalues of the chosen point's Jacobian on the complex plane."""
    circle, eigen, _ = spectrum(theme, FAMILY_COLOURS[run["model"]])
    eigen |= {"x": SEEN("real", "point"), "y": SEEN("imaginary", "point"), "customdata": SEEN("length", "point")}
    figure = on_plane(theme, [circle, eigen], SEEN.context("spectrum"))
    title = "Around the chosen point: eigenvalues of ∂F/∂s"
    return SEEN.panel("spectrum", title, figure, "point", reading_index=("point",), span=5)


def births_panel(run: Run, theme: str) -> Panel:
    """How many points of each kind there are, against training."""
    data = [
        scatter(
            "lines+markers",
            name=kind.name,
            x=SEEN.history("step"),
            y=SEEN.history("counts", at),
            line={"color": MARKS[kind.key][1] or ink(theme).muted, "width": 2, "shape": "hv"},
            marker={"symbol": MARKS[kind.key][0], "size": 6, "line": {"width": 1.5}},
            hover=f"step %{{x}}: %{{y}} × {kind.name}",
        )
        for at, kind in enumerate(KINDS)
    ]
    figure = over_training(theme, data, yaxis={"title": "points", "rangemode": "tozero"}, showlegend=True)
    return SEEN.panel("births", "When they are born", figure, span=7)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [
        *(map_panel(run, theme, plane) for plane in PLANES),
        births_panel(run, theme),
        spectrum_panel(run, theme),
        loss_panel([run], theme, LENS, span=12, height=230),
    ]


def selections(run: Run) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures: a point, also by a click on it."""
    return {"point": ("Point", tuple(f"point {number}" for number in range(choices(run))))}


def map_panel(run: Run, theme: str, plane: str) -> Panel:
    """The path, the points of each kind, and a ring around the chosen one, on two axes of the tape's basis."""
    shade = ink(theme)
    path = scatter(
        "lines+markers",
        **SEEN.projected("states", columns=PLANES[plane]),
        name="path",
        customdata=SEEN("times"),
        text=SEEN.labels("tokens"),
        line=stroke(shade.muted, 1),
        marker={"size": 4, "color": shade.muted},
        opacity=0.7,
        hover="t = %{customdata}, after reading %{text}",
    )
    points = [
        scatter(
            "markers",
            **SEEN.projected(kind.key, columns=PLANES[plane]),
            name=kind.name,
            customdata=SEEN(f"{kind.key} numbers"),
            text=SEEN.labels(f"{kind.key} words"),
            marker={"symbol": MARKS[kind.key][0], "color": MARKS[kind.key][1] or shade.text, "size": 10}
            | {"line": stroke(shade.text, 1)},
            hover="%{text}",
        )
        for kind in KINDS
    ]
    ring = {"symbol": "circle-open", "size": 19, "color": shade.text, "line": {"width": 1.6}}
    place = SEEN.projected("all", "point", columns=PLANES[plane])
    chosen = scatter("markers", **place, marker=ring, hoverinfo="skip", showlegend=False)
    xaxis, yaxis = (
        {"title": f"principal component {at + 1}", "range": SEEN.context("range", at)} for at in PLANES[plane]
    )
    figure = drawn(theme, [path, *points, chosen], xaxis=xaxis, yaxis=yaxis, showlegend=True)
    return SEEN.panel(plane, TITLES[plane], figure, height=370, click={"select": "point"})
