"""The gradient microscope: the matrix of every loss and every moment, its means by lag, and both ways of an LSTM.

Zero and what is not finite have no logarithm. They have colours of their own, and on line charts
marks along the bottom and the top.
"""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Slot
from explainer.charts.rates import AXIS
from explainer.charts.theme import FAMILY_COLOURS, UNSEEN, ink, marked, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, coloured, drawn, heatmap, moment, scatter
from explainer.families import FAMILIES
from explainer.lenses.microscope.notes import WORDS

LENS = "microscope"
ZERO_COLOUR, NOT_FINITE_COLOUR = "#8793A1", "#E8308C"
DASHES = ("solid", "dash", "dot", "dashdot")
CHOSEN = ("way", "layer")


def matrix_panel(runs: Runs, theme: str) -> Panel:
    """log10 ||dL_t/ds_k||, losses t downwards and moments k to the right; run, way and layer are selections."""
    seen = Seen(LENS, "network")
    places = {"x": seen("at"), "y": seen("at")}
    data = [
        heatmap(
            **places,
            z=seen("norms", *CHOSEN, log=True),
            customdata=seen("norms", *CHOSEN),
            text=seen("tokens", kind="across"),
            **coloured("log₁₀ of the norm", *seen.ends("span", "way")),
            hover="loss at t = %{y}, moment k = %{x} (it reads %{text})"
            "<br>‖∂L<sub>t</sub>/∂s<sub>k</sub>‖ = %{customdata:.3e}",
        ),
        _marks(**places, z=seen("marks", *CHOSEN)),
        scatter(
            "markers",
            name="a loss that counts",
            x=seen("counted_x"),
            y=seen("counted_y"),
            marker={"symbol": "triangle-left", "size": 9, "color": ink(theme).text},
            hover="the loss at t = %{y} counts in training",
            showlegend=False,
        ),
        *_mark_legend(),
    ]
    yaxis = {"title": "loss at t", "autorange": "reversed", "showgrid": False}
    figure = drawn(theme, data, xaxis={"title": "moment k", "showgrid": False}, yaxis=yaxis, showlegend=True)
    title = "Every loss and every moment: ‖∂Lₜ/∂sₖ‖"
    return seen.panel("matrix", title, figure, reading_index=CHOSEN, height=350)


def by_lag_panel(runs: Runs, theme: str) -> Panel:
    """The mean over the losses that count of ||dL_t/ds_(t-lag)|| against the lag, a line for each run."""
    data: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        colour, label, seen = FAMILY_COLOURS[run["model"]], plain(run["label"]), Seen(LENS, number)
        data += [
            _span(seen.context("lag_ends", "way")),
            scatter(
                **(marked(run["model"]) if len(runs) > 1 else {"mode": "lines"}),
                name=label,
                x=seen("lags"),
                y=seen("by_lag_curve", *CHOSEN),
                line=stroke(colour, 2.6),
                hover=f"{label}<br>lag %{{x}}: %{{y:.3e}}",
            ),
            scatter(
                "markers",
                x=seen("lags"),
                y=seen("by_lag_heights", *CHOSEN),
                yaxis="y2",
                showlegend=False,
                marker={"color": colour, "symbol": "x-thin-open", "size": 7},
                hover=f"{label}<br>lag %{{x}}: no logarithm (bottom: exactly 0; top: not finite)",
            ),
        ]
    figure = _over_lags(theme, data, "‖∂Lₜ/∂sₖ‖ over t", yaxis2=AXIS)
    title = "How it falls with the distance between loss and moment"
    return Seen(LENS).panel("by-lag", title, figure, "by_lag", runs, reading_index=CHOSEN, height=350)


def history_panel(runs: Runs, theme: str, *, span: int = 6) -> Panel:
    """The means by lag (rows) at every step of the tape (columns); the line is how far a hundredth arrives."""
    seen = Seen(LENS, "network")
    places = {"x": seen.history("step"), "y": seen.context("lags")}
    data = [
        heatmap(
            **places,
            z=seen.history("by_lag", *CHOSEN, transpose=True, log=True),
            customdata=seen.history("by_lag", *CHOSEN, transpose=True),
            **coloured("log₁₀ of the mean", *seen.ends("lag_span", "way")),
            hover="step %{x}, lag %{y}: %{customdata:.3e}",
        ),
        _marks(**places, z=seen.history("by_lag_marks", *CHOSEN, transpose=True)),
        scatter(
            name="a hundredth is left",
            x=seen.history("step"),
            y=seen.history("reach", *CHOSEN),
            line=stroke("#FFFFFF", 2.4),
            hover="step %{x}: a hundredth arrives up to lag %{y:.0f}",
        ),
    ]
    xaxis, yaxis = ({"title": title, "showgrid": False} for title in ("training step", "lag t − k"))
    shapes = [moment(theme, color=ink(theme).text, dash="dot")]
    figure = drawn(theme, data, xaxis=xaxis, yaxis=yaxis, shapes=shapes, showlegend=False)
    title = "The same over training: step × lag"
    return seen.panel("history", title, figure, reading_index=CHOSEN, span=span, height=270)


def ways_panel(runs: Runs, theme: str) -> Panel | None:
    """An LSTM's gradient of c by lag, and its two parts: along c alone, and by way of h; None without an LSTM."""
    number = next((at for at, run in enumerate(runs) if len(FAMILIES[run["model"]].ways) > 1), None)
    if number is None:
        return None
    family, seen = FAMILIES[runs[number]["model"]], Seen(LENS, number)
    lines = (
        ("c", "both", stroke(ink(theme).text, 1.6)),
        ("c along c", "along c", stroke(family.colour, 2.8)),
        ("c by way of h", "by way of h", stroke(family.colour, 1.8, "dot")),
    )
    data = [
        _span(seen.context("lag_ends", family.ways.index("c"))),
        *(
            scatter(
                name=name,
                x=seen("lags"),
                y=seen("by_lag_curve", family.ways.index(way), "layer"),
                line=line,
                hover=f"{WORDS[way]}<br>lag %{{x}}: %{{y:.3e}}",
            )
            for way, name, line in lines
        ),
    ]
    title = f"{family.title}: along c, or by way of h"
    return seen.panel("ways", title, _over_lags(theme, data, "‖∂Lₜ/∂cₖ‖"), reading_index=("layer",), span=3, height=270)


def gates_panel(runs: Runs, theme: str) -> Panel | None:
    """The gradient of each gate by lag; the run is a selection. None if no run has gates."""
    if not any(FAMILIES[run["model"]].gates for run in runs):
        return None
    seen = Seen(LENS, "network")
    data = [
        _span(seen.context("gate_ends")),
        *(
            scatter(
                name=seen.labels("gate_words", gate),
                x=seen("lags"),
                y=seen("gate_curves", gate, "layer"),
                line=stroke(seen.labels("gate_colours", gate), 2, dash),
                hover="%{fullData.name}<br>lag %{x}: %{y:.3e}",
            )
            for gate, dash in enumerate(DASHES)
        ),
    ]
    title, figure = "What reaches each gate", _over_lags(theme, data, "‖∂Lₜ/∂gateₖ‖")
    return seen.panel("gates-by-lag", title, figure, "gates", reading_index=("layer",), span=4, height=270)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """All figures of these runs, in reading order; those of gates only where there are any."""
    gates = [panel for panel in (ways_panel(runs, theme), gates_panel(runs, theme)) if panel]
    wide = history_panel(runs, theme, span=12 - sum(panel.span for panel in gates))
    return [matrix_panel(runs, theme), by_lag_panel(runs, theme), wide, *gates]


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run."""
    return page_panels([run], theme)


def selections(runs: Runs) -> dict[str, tuple[str, int | tuple[str, ...]]]:
    """What a viewer chooses within these figures; without an LSTM there is one way."""
    families = [FAMILIES[run["model"]] for run in runs]
    state = "x" if all(family.state == "x" for family in families) else "h"
    ways = next((family.ways for family in families if len(family.ways) > 1), (state,))
    return {
        "network": ("Network", tuple(f"matrix: {run['label']}" for run in runs)),
        "way": ("Way", tuple(f"gradient of {WORDS[way]}" for way in ways)),
        "layer": ("Layer", max((max(1, int(run["layers"])) for run in runs), default=1)),
    }


def _marks(**slots: Any) -> dict[str, Any]:
    """A heatmap over another one that colours what has no logarithm, and nothing else."""
    ends = (0, 0.25, 0.25, 0.75, 0.75, 1)
    colours = ("rgba(0,0,0,0)", ZERO_COLOUR, NOT_FINITE_COLOUR)
    scale = [[end, colours[number // 2]] for number, end in enumerate(ends)]
    return heatmap(**slots, zmin=0, zmax=2, showscale=False, hoverinfo="skip", colorscale=scale)


def _span(ends: Slot) -> dict[str, Any]:
    """A line that nobody sees: it spans the values of the whole tape, so that the axis holds still."""
    return scatter(x=[0, 0], y=ends, line=UNSEEN, hoverinfo="skip", showlegend=False)


def _mark_legend() -> list[dict[str, Any]]:
    """Two entries of a legend, and nothing in the chart."""
    square = {"symbol": "square", "size": 11}
    return [
        scatter("markers", x=[None], y=[None], name=name, hoverinfo="skip", marker={**square, "color": colour})
        for name, colour in (("exactly 0", ZERO_COLOUR), ("not a finite number", NOT_FINITE_COLOUR))
    ]


def _over_lags(theme: str, data: list[dict[str, Any]], mean_of: str, **more: Any) -> dict[str, Any]:
    return drawn(
        theme,
        data,
        xaxis={"title": "lag t − k", "rangemode": "tozero"},
        yaxis={"title": f"mean of {mean_of}", "type": "log", "exponentformat": "power", "nticks": 8},
        showlegend=True,
        **more,
    )
