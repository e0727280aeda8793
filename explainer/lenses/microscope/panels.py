"""The gradient microscope: the matrix of every loss and every moment, its means by lag, and both ways of an LSTM.

Zero and what is not finite have no logarithm. They have colours of their own, and on line charts
marks along the bottom and the top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.theme import FAMILY_COLOURS, SEQUENTIAL, UNSEEN, colour_bar, ink, layout, marked, plain, upright
from explainer.families import FAMILIES
from explainer.lenses.microscope.notes import WORDS

LENS = "microscope"
ZERO_COLOUR, NOT_FINITE_COLOUR = "#8793A1", "#E8308C"
DASHES = ("solid", "dash", "dot", "dashdot")
CHOSEN = ("way", "layer")

Runs = Sequence[Mapping[str, Any]]


def matrix_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 350) -> Panel:
    """log10 ||dL_t/ds_k||, losses t downwards and moments k to the right; run, way and layer are selections."""
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    shade = ink(theme)
    data = [
        {
            "type": "heatmap",
            "colorscale": SEQUENTIAL,
            "colorbar": colour_bar("log₁₀ of the norm"),
            "hovertemplate": "loss at t = %{y}, moment k = %{x} (it reads %{text})"
            "<br>‖∂L<sub>t</sub>/∂s<sub>k</sub>‖ = %{customdata:.3e}<extra></extra>",
        },
        _marks(),
        {
            "type": "scatter",
            "mode": "markers",
            "name": "a loss that counts",
            "marker": {"symbol": "triangle-left", "size": 9, "color": shade.text},
            "hovertemplate": "the loss at t = %{y} counts in training<extra></extra>",
            "showlegend": False,
        },
        *_mark_legend(),
    ]
    slots = [
        Slot("data.0.z", name="norms", index=CHOSEN, log=True, **source),
        Slot("data.0.customdata", name="norms", index=CHOSEN, **source),
        Slot("data.0.text", "across", name="tokens", **source),
        Slot("data.0.zmin", "context", name="span", index=("way", 0), **source),
        Slot("data.0.zmax", "context", name="span", index=("way", 1), **source),
        Slot("data.1.z", name="marks", index=CHOSEN, **source),
        Slot("data.2.x", name="counted_x", **source),
        Slot("data.2.y", name="counted_y", **source),
    ]
    slots += [Slot(f"data.{trace}.{axis}", name="at", **source) for trace in (0, 1) for axis in "xy"]
    return Panel(
        id="matrix",
        title="Every loss and every moment: ‖∂Lₜ/∂sₖ‖",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "moment k"}, "showgrid": False},
                yaxis={"title": {"text": "loss at t"}, "autorange": "reversed", "showgrid": False},
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "matrix", run="network"),),
        reading_index=CHOSEN,
        span=span,
        height=height,
    )


def by_lag_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 350) -> Panel:
    """The mean over the losses that count of ||dL_t/ds_(t-lag)|| against the lag, a line for each run."""
    data: list[dict[str, Any]] = []
    slots: list[Slot] = []
    for number, run in enumerate(runs):
        source: dict[str, Any] = {"run": number, "lens": LENS}
        colour, label = FAMILY_COLOURS[run["model"]], plain(run["label"])
        at = len(data)
        slots += [
            Slot(f"data.{at}.y", "context", name="lag_ends", index=("way",), **source),
            Slot(f"data.{at + 1}.x", name="lags", **source),
            Slot(f"data.{at + 1}.y", name="by_lag_curve", index=CHOSEN, **source),
            Slot(f"data.{at + 2}.x", name="lags", **source),
            Slot(f"data.{at + 2}.y", name="by_lag_heights", index=CHOSEN, **source),
        ]
        data += [
            _span(),
            {
                "type": "scatter",
                **(marked(run["model"]) if len(runs) > 1 else {"mode": "lines"}),
                "name": label,
                "line": {"color": colour, "width": 2.6},
                "hovertemplate": f"{label}<br>lag %{{x}}: %{{y:.3e}}<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "markers",
                "yaxis": "y2",
                "showlegend": False,
                "marker": {"color": colour, "symbol": "x-thin-open", "size": 7},
                "hovertemplate": f"{label}<br>lag %{{x}}: no logarithm (bottom: exactly 0; top: not finite)"
                "<extra></extra>",
            },
        ]
    return Panel(
        id="by-lag",
        title="How it falls with the distance between loss and moment",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "lag t − k"}, "rangemode": "tozero"},
                yaxis=_log_axis("mean of ‖∂Lₜ/∂sₖ‖ over t"),
                yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, "by_lag", run=number) for number in range(len(runs))),
        reading_index=CHOSEN,
        span=span,
        height=height,
    )


def history_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 270) -> Panel:
    """The means by lag (rows) at every step of the tape (columns); the line is how far a hundredth arrives."""
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    shade = ink(theme)
    return Panel(
        id="history",
        title="The same over training: step × lag",
        figure={
            "data": [
                {
                    "type": "heatmap",
                    "colorscale": SEQUENTIAL,
                    "colorbar": colour_bar("log₁₀ of the mean"),
                    "hovertemplate": "step %{x}, lag %{y}: %{customdata:.3e}<extra></extra>",
                },
                _marks(),
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": "a hundredth is left",
                    "line": {"color": "#FFFFFF", "width": 2.4},
                    "hovertemplate": "step %{x}: a hundredth arrives up to lag %{y:.0f}<extra></extra>",
                },
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "showgrid": False},
                yaxis={"title": {"text": "lag t − k"}, "showgrid": False},
                shapes=[upright(color=shade.text, width=1, dash="dot")],
                showlegend=False,
            ),
        },
        slots=(
            *(Slot(f"data.{trace}.x", "history", name="step", **source) for trace in (0, 1, 2)),
            *(Slot(f"data.{trace}.y", "context", name="lags", **source) for trace in (0, 1)),
            Slot("data.0.z", "history", name="by_lag", index=CHOSEN, transpose=True, log=True, **source),
            Slot("data.0.customdata", "history", name="by_lag", index=CHOSEN, transpose=True, **source),
            Slot("data.0.zmin", "context", name="lag_span", index=("way", 0), **source),
            Slot("data.0.zmax", "context", name="lag_span", index=("way", 1), **source),
            Slot("data.1.z", "history", name="by_lag_marks", index=CHOSEN, transpose=True, **source),
            Slot("data.2.y", "history", name="reach", index=CHOSEN, **source),
            *at_moment(),
        ),
        readings=(Reading(LENS, "history", run="network"),),
        reading_index=CHOSEN,
        span=span,
        height=height,
    )


def ways_panel(runs: Runs, theme: str, *, span: int = 3, height: int = 270) -> Panel | None:
    """An LSTM's gradient of c by lag, and its two parts: along c alone, and by way of h; None without an LSTM."""
    number = next((at for at, run in enumerate(runs) if len(FAMILIES[run["model"]].ways) > 1), None)
    if number is None:
        return None
    family = FAMILIES[runs[number]["model"]]
    colour, shade = family.colour, ink(theme)
    lines = (
        ("c", {"color": shade.text, "width": 1.6}),
        ("c along c", {"color": colour, "width": 2.8}),
        ("c by way of h", {"color": colour, "width": 1.8, "dash": "dot"}),
    )
    data: list[dict[str, Any]] = [_span()]
    slots = [Slot("data.0.y", "context", run=number, lens=LENS, name="lag_ends", index=(family.ways.index("c"),))]
    for trace, (way, line) in enumerate(lines, start=1):
        name = {"c": "both"}.get(way, way.removeprefix("c "))
        slots += [
            Slot(f"data.{trace}.x", run=number, lens=LENS, name="lags"),
            Slot(
                f"data.{trace}.y", run=number, lens=LENS, name="by_lag_curve", index=(family.ways.index(way), "layer")
            ),
        ]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "line": line,
                "hovertemplate": f"{WORDS[way]}<br>lag %{{x}}: %{{y:.3e}}<extra></extra>",
            }
        )
    return Panel(
        id="ways",
        title=f"{family.title}: along c, or by way of h",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "lag t − k"}, "rangemode": "tozero"},
                yaxis=_log_axis("mean of ‖∂Lₜ/∂cₖ‖"),
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "ways", run=number),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def gates_panel(runs: Runs, theme: str, *, span: int = 4, height: int = 270) -> Panel | None:
    """The gradient of each gate by lag; the run is a selection. None if no run has gates."""
    if not any(FAMILIES[run["model"]].gates for run in runs):
        return None
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    data: list[dict[str, Any]] = [_span()]
    slots = [Slot("data.0.y", "context", name="gate_ends", **source)]
    for gate, dash in enumerate(DASHES):
        at = len(data)
        slots += [
            Slot(f"data.{at}.x", name="lags", **source),
            Slot(f"data.{at}.y", name="gate_curves", index=(gate, "layer"), **source),
            Slot(f"data.{at}.name", "labels", name="gate_words", index=(gate,), **source),
            Slot(f"data.{at}.line.color", "labels", name="gate_colours", index=(gate,), **source),
        ]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "line": {"width": 2, "dash": dash},
                "hovertemplate": "%{fullData.name}<br>lag %{x}: %{y:.3e}<extra></extra>",
            }
        )
    return Panel(
        id="gates-by-lag",
        title="What reaches each gate",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "lag t − k"}, "rangemode": "tozero"},
                yaxis=_log_axis("mean of ‖∂Lₜ/∂gateₖ‖"),
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "gates", run="network"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """All figures of these runs, in reading order; those of gates only where there are any."""
    gates = [panel for panel in (ways_panel(runs, theme), gates_panel(runs, theme)) if panel]
    wide = history_panel(runs, theme, span=12 - sum(panel.span for panel in gates))
    return [matrix_panel(runs, theme), by_lag_panel(runs, theme), wide, *gates]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
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


def _marks() -> dict[str, Any]:
    """A heatmap over another one that colours what has no logarithm, and nothing else."""
    unseen = "rgba(0,0,0,0)"
    return {
        "type": "heatmap",
        "zmin": 0,
        "zmax": 2,
        "showscale": False,
        "hoverinfo": "skip",
        "colorscale": [
            [0, unseen],
            [0.25, unseen],
            [0.25, ZERO_COLOUR],
            [0.75, ZERO_COLOUR],
            [0.75, NOT_FINITE_COLOUR],
            [1, NOT_FINITE_COLOUR],
        ],
    }


def _span() -> dict[str, Any]:
    """A line that nobody sees: it spans the values of the whole tape, so that the axis holds still."""
    return {
        "type": "scatter",
        "x": [0, 0],
        "mode": "lines",
        "line": UNSEEN,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _mark_legend() -> list[dict[str, Any]]:
    """Two entries of a legend, and nothing in the chart."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [None],
            "y": [None],
            "name": name,
            "hoverinfo": "skip",
            "marker": {"symbol": "square", "size": 11, "color": colour},
        }
        for name, colour in (("exactly 0", ZERO_COLOUR), ("not a finite number", NOT_FINITE_COLOUR))
    ]


def _log_axis(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "type": "log", "exponentformat": "power", "nticks": 8}
