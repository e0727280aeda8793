"""Glasses: the distance of the two last states against the length, of several networks, and of one in several number formats."""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Reading
from explainer.charts.theme import FAMILY_COLOURS, ink, marked, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, drawn, scatter
from explainer.lenses.glasses import FORMATS, LENGTHS

LENS = "glasses"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
AXIS = {"type": "log", "title": "n, how often the first token is repeated", "tickmode": "array", "tickvals": list(LENGTHS), "minor": {"showgrid": False}}  # fmt: skip
APART = {
    "type": "log",
    "title": "distance of the last states, over their length",
    "exponentformat": "power",
    "dtick": 2,
}


def panels(run: Run, theme: str) -> list[Panel]:
    """The figures for one run alone."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """Both charts."""
    return [apart_panel(runs, theme), formats_panel(runs, theme)]


def selections(runs: Runs) -> dict[str, tuple[str, list[str]]]:
    """What a viewer chooses: of which network the formats are shown."""
    return {"network": ("Network", [str(run["label"]) for run in runs])} if len(runs) > 1 else {}


def apart_panel(runs: Runs, theme: str) -> Panel:
    """The distance in 64 bits of every network, and a line that falls as 1/n²."""
    data: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        label = plain(run["label"])
        data.append(
            scatter(
                **marked(run["model"]),
                name=label,
                x=Seen(LENS, number)("lengths"),
                y=Seen(LENS, number)("shown", 0),
                line=stroke(FAMILY_COLOURS[run["model"]], 2.6, DASHES[run.get("twin", 0) % len(DASHES)]),
                hover=f"{label}<br>n = %{{x}}: %{{y:.2e}}",
            )
        )
    falls = [LENGTHS[0] ** 2 / n**2 * 1e-2 for n in LENGTHS]
    data.append(
        scatter(
            name="falls as 1/n²", x=list(LENGTHS), y=falls, line=stroke(ink(theme).muted, 1.5, "dot"), hoverinfo="skip"
        )
    )
    return Panel(
        id="apart",
        title="n times one token and then another, or n + 1 times: how far apart are the last states?",
        figure=drawn(theme, data, xaxis=AXIS, yaxis=APART, showlegend=True),
        readings=tuple(Reading(LENS, "apart", run=number) for number in range(len(runs))),
        span=7,
        height=430,
    )


def formats_panel(runs: Runs, theme: str) -> Panel:
    """The distance in each number format, of the chosen network; a cross below where nothing is left of it."""
    chosen: int | str = "network" if len(runs) > 1 else 0
    seen, shade = Seen(LENS, chosen), ink(theme)
    colours = (shade.text, FAMILY_COLOURS[runs[0]["model"]], "#D08A00")
    data: list[dict[str, Any]] = []
    for row, (name, colour) in enumerate(zip(FORMATS, colours, strict=True)):
        line = stroke(colour, 2.2, DASHES[row])
        data.append(
            scatter(
                "lines+markers",
                name=name,
                x=seen("lengths"),
                y=seen("shown", row),
                line=line,
                hover=f"{name}<br>n = %{{x}}: %{{y:.2e}}",
            )
        )
        data.append(
            scatter(
                "markers",
                x=seen("lengths"),
                y=seen("alike", row),
                showlegend=False,
                marker={"symbol": "x", "size": 12 - 3 * row, "color": colour},
                hover=f"{name}<br>n = %{{x}}: the same, number for number",
            )
        )
    return Panel(
        id="formats",
        title="And in which number format can it still be told? A cross: not at all",
        figure=drawn(theme, data, xaxis=AXIS, yaxis={**APART, "range": [-17.6, 0.6]}, showlegend=True),
        readings=(Reading(LENS, "formats", run=chosen),),
        span=5,
        height=430,
    )
