"""Fixed points in the state's own plane, by stability, with a sequence's path; their spectrum, and when they are born."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.spectrum import plane_layout, spectrum
from explainer.charts.theme import FAMILY_COLOURS, ink, layout, upright
from explainer.lenses.fixed_points.notes import KINDS, LENS, choices

MARKS: Mapping[str, tuple[str, str]] = {
    "stable": ("circle", "#2B83C6"),
    "neutral": ("hexagon", "#009E73"),
    "saddle 1": ("diamond", "#E69F00"),
    "saddle 2": ("square", "#C0699B"),
    "saddle 3+": ("triangle-up", "#B5522A"),
    "slow": ("x-thin-open", ""),  # in the colour of text
}
"""Shape and colour of each kind of point."""
PLANES = {"front": (0, 1), "side": (2, 1)}  # principal components to the right and upwards

Run = Mapping[str, Any]


def front_panel(run: Run, theme: str, *, span: int = 6, height: int = 370) -> Panel:
    """Points and path in the first two principal components of the whole tape."""
    return _map_panel(run, theme, "front", "Where the state stays, and one sequence's path", span, height)


def side_panel(run: Run, theme: str, *, span: int = 6, height: int = 370) -> Panel:
    """The same from the side: the third component to the right, the second upwards as before."""
    return _map_panel(run, theme, "side", "The same from the side", span, height)


def spectrum_panel(run: Run, theme: str, *, span: int = 5, height: int = 300) -> Panel:
    """The eigenvalues of the chosen point's Jacobian on the complex plane."""
    shape = plane_layout(theme)
    shape["xaxis"]["title"]["text"] = "real part"
    source: dict[str, Any] = {"lens": LENS, "index": ("point",)}
    return Panel(
        id="spectrum",
        title="Around the chosen point: eigenvalues of ∂F/∂s",
        figure={"data": spectrum(theme, FAMILY_COLOURS[run["model"]])[:2], "layout": shape | {"showlegend": False}},
        slots=(
            Slot("data.1.x", name="real", **source),
            Slot("data.1.y", name="imaginary", **source),
            Slot("data.1.customdata", name="length", **source),
            Slot("layout.xaxis.range", "context", lens=LENS, name="spectrum"),
            Slot("layout.yaxis.range", "context", lens=LENS, name="spectrum"),
        ),
        readings=(Reading(LENS, "point"),),
        reading_index=("point",),
        span=span,
        height=height,
    )


def births_panel(run: Run, theme: str, *, span: int = 7, height: int = 300) -> Panel:
    """How many points of each kind there are, against training."""
    shade = ink(theme)
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": kind.name,
            "line": {"color": MARKS[kind.key][1] or shade.muted, "width": 2, "shape": "hv"},
            "marker": {"symbol": MARKS[kind.key][0], "size": 6, "line": {"width": 1.5}},
            "hovertemplate": f"step %{{x}}: %{{y}} × {kind.name}<extra></extra>",
        }
        for kind in KINDS
    ]
    slots = [Slot(f"data.{at}.x", "history", lens=LENS, name="step") for at in range(len(KINDS))]
    slots += [Slot(f"data.{at}.y", "history", lens=LENS, name="counts", index=(at,)) for at in range(len(KINDS))]
    slots += at_moment()
    return Panel(
        id="births",
        title="When they are born",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "points"}, "rangemode": "tozero"},
                shapes=[upright(color=shade.muted, width=1)],
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "births"),),
        span=span,
        height=height,
    )


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [
        front_panel(run, theme),
        side_panel(run, theme),
        births_panel(run, theme),
        spectrum_panel(run, theme),
        loss_panel([run], theme, LENS, span=12, height=230),
    ]


def selections(run: Run) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures: a point, also by a click on it."""
    return {"point": ("Point", tuple(f"point {number}" for number in range(choices(run))))}


def _map_panel(run: Run, theme: str, plane: str, title: str, span: int, height: int) -> Panel:
    """The path, the points of each kind, and a ring around the chosen one, on two axes of the tape's basis."""
    shade = ink(theme)
    across, up = PLANES[plane]
    path: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "path",
        "line": {"color": shade.muted, "width": 1},
        "marker": {"size": 4, "color": shade.muted},
        "opacity": 0.7,
        "hovertemplate": "t = %{customdata}, after reading %{text}<extra></extra>",
    }
    ring = {"symbol": "circle-open", "size": 19, "color": shade.text, "line": {"width": 1.6}}
    data = [path, *(_points(kind.key, kind.name, shade.text) for kind in KINDS)]
    data.append({"type": "scatter", "mode": "markers", "marker": ring, "hoverinfo": "skip", "showlegend": False})
    slots = [
        Slot("data.0.customdata", lens=LENS, name="times"),
        Slot("data.0.text", "labels", lens=LENS, name="tokens"),
        Slot("layout.xaxis.range", "context", lens=LENS, name="range", index=(across,)),
        Slot("layout.yaxis.range", "context", lens=LENS, name="range", index=(up,)),
    ]
    shown: list[tuple[str, tuple[str, ...]]] = [("states", ()), *((kind.key, ()) for kind in KINDS)]
    shown.append(("all", ("point",)))
    for at, (name, index) in enumerate(shown):
        for axis, column in (("x", across), ("y", up)):
            slots.append(Slot(f"data.{at}.{axis}", "project", lens=LENS, name=name, index=index, column=column))
    for at, kind in enumerate(KINDS, start=1):
        slots.append(Slot(f"data.{at}.customdata", lens=LENS, name=f"{kind.key} numbers"))
        slots.append(Slot(f"data.{at}.text", "labels", lens=LENS, name=f"{kind.key} words"))
    return Panel(
        id=plane,
        title=title,
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": f"principal component {across + 1}"}},
                yaxis={"title": {"text": f"principal component {up + 1}"}},
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, plane),),
        span=span,
        height=height,
        click={"select": "point"},
    )


def _points(key: str, name: str, text: str) -> dict[str, Any]:
    symbol, colour = MARKS[key]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": {"symbol": symbol, "color": colour or text, "size": 10, "line": {"color": text, "width": 1}},
        "hovertemplate": "%{text}<extra></extra>",
    }
