"""The Jacobian dial: the spectrum of one step and of many on the complex plane, theory beside what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from explainer.charts.amount import short
from explainer.charts.dial import dial_panel, turn
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.rates import AXIS
from explainer.charts.spectrum import plane_layout, spectrum
from explainer.charts.theme import FAMILY_COLOURS, RECURRENCE, Ink, ink, layout, upright
from explainer.families import FAMILIES
from explainer.lenses.jacobian.notes import FLAT
from explainer.theory.followed import moments
from explainer.theory.jacobian import NON_NORMAL, spectral_radius

LENS = "jacobian"

Runs = Sequence[Mapping[str, Any]]


def plane_panel(runs: Runs, theme: str, *, span: int = 5, height: int = 350) -> Panel:
    """Eigenvalues and singular values of a step, or of a product of steps; run and choice are selections."""
    source: dict[str, Any] = {"run": "network", "lens": LENS, "index": ("of",)}
    return Panel(
        id="plane",
        title="Eigenvalues of ∂sₜ/∂sₜ₋₁, and singular values",
        figure={
            "data": [*spectrum(theme, FAMILY_COLOURS[runs[0]["model"]])],
            "layout": plane_layout(theme),
        },
        slots=(
            Slot("data.1.x", name="real", **source),
            Slot("data.1.y", name="imaginary", **source),
            Slot("data.1.customdata", name="length", **source),
            Slot("data.1.marker.color", "labels", run="network", lens=LENS, name="colour", index=(0,)),
            Slot("data.2.x", name="singular", **source),
            Slot("data.2.y", name="axis", **source),
            Slot("layout.xaxis.range", "context", run="network", lens=LENS, name="plane"),
            Slot("layout.yaxis.range", "context", run="network", lens=LENS, name="plane"),
        ),
        readings=(Reading(LENS, "plane", run="network"),),
        reading_index=("of",),
        span=span,
        height=height,
    )


def decay_panel(runs: Runs, theme: str, *, span: int = 7, height: int = 350) -> Panel:
    """Theory, bound, the largest direction and the loss's own gradient against the steps back, on a log axis."""
    shade, colour = ink(theme), FAMILY_COLOURS[runs[0]["model"]]
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    hover = "<br>%{x} steps back: × %{y:.3e}<extra></extra>"
    lines = (
        ("bound", "the bound", {"color": shade.muted, "width": 1.6, "dash": "dot"}),
        ("rate", "ρᵏ", {"color": shade.text, "width": 1.8, "dash": "dash"}),
        ("largest", "the direction that keeps most", {"color": colour, "width": 1.4}),
        ("measured", "measured: the loss's gradient", {"color": colour, "width": 3}),
    )
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "name": name, "line": line, "hovertemplate": f"{name}{hover}"}
        for _, name, line in lines
    ]
    slots = [Slot(f"data.{at}.x", name="lags", **source) for at in range(len(lines))]
    slots += [Slot(f"data.{at}.y", name=name, **source) for at, (name, _, _) in enumerate(lines)]
    slots += [Slot(f"data.{at}.line.color", "labels", name="colour", index=(0,), **source) for at in (2, 3)]
    slots += [
        Slot("data.0.name", "labels", name="theory_names", index=(1,), **source),
        Slot("data.1.name", "labels", name="theory_names", index=(0,), **source),
        Slot("data.4.x", name="flat_at", **source),
        Slot("data.4.y", name="flat_height", **source),
        Slot("data.5.x", name="fails_at", **source),
        Slot("data.5.y", name="fails_height", **source),
        Slot("layout.yaxis.range", "context", name="decay", **source),
    ]
    return Panel(
        id="decay",
        title="What k steps leave of a gradient: theory and the network itself",
        figure={
            "data": [*data, *_where_theory_fails(shade)],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "steps back from the loss, k"}, "rangemode": "tozero"},
                yaxis={
                    "title": {"text": "factor since the loss"},
                    "type": "log",
                    "exponentformat": "power",
                    "nticks": 9,
                },
                yaxis2=AXIS,
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "decay", run="network"),),
        span=span,
        height=height,
    )


def _where_theory_fails(shade: Ink) -> list[dict[str, Any]]:
    """Crosses at saturated steps, and an upright line where theory is off tenfold."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "over half saturated",
            "yaxis": "y2",
            "marker": {"symbol": "x", "size": 7, "color": shade.text},
            "hovertemplate": "%{x} steps back: more than half of the activations are saturated<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "theory off tenfold from here",
            "yaxis": "y2",
            "line": {"color": shade.text, "width": 1.2, "dash": "dot"},
            "hoverinfo": "skip",
        },
    ]


def saturation_panel(runs: Runs, theme: str, *, span: int = 7, height: int = 240) -> Panel:
    """The share of saturated activations and the mean slope at every time step."""
    shade, colour = ink(theme), FAMILY_COLOURS[runs[0]["model"]]
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    return Panel(
        id="saturation",
        title="Saturation: where a linear theory can't hold",
        figure={
            "data": [
                {
                    "type": "bar",
                    "name": "share with a slope under a tenth",
                    "marker": {"color": colour},
                    "hovertemplate": "t = %{x}: %{y:.1%} saturated<extra></extra>",
                },
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": "mean slope",
                    "line": {"color": shade.text, "width": 2},
                    "hovertemplate": "t = %{x}: mean slope %{y:.3f} of the largest<extra></extra>",
                },
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t"}},
                yaxis={"title": {"text": "share"}, "range": [0, 1.02]},
                shapes=[
                    {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": FLAT, "y1": FLAT}
                    | {"line": {"color": shade.muted, "width": 1, "dash": "dot"}}
                ],
                showlegend=True,
            ),
        },
        slots=(
            Slot("data.0.x", name="times", **source),
            Slot("data.0.y", name="saturated", **source),
            Slot("data.0.marker.color", "labels", name="colour", index=(0,), **source),
            Slot("data.1.x", name="times", **source),
            Slot("data.1.y", name="slope", **source),
        ),
        readings=(Reading(LENS, "saturation", run="network"),),
        span=span,
        height=height,
    )


def history_panel(runs: Runs, theme: str, *, span: int = 5, height: int = 240) -> Panel:
    """Theory's factor per step, the measured one, and the bound's, against training."""
    shade, colour = ink(theme), FAMILY_COLOURS[runs[0]["model"]]
    source: dict[str, Any] = {"run": "network", "lens": LENS}
    lines = (
        ("bound_step", "bound", {"color": shade.muted, "width": 1.4, "dash": "dot"}),
        ("radius", "theory, ρ", {"color": shade.text, "width": 1.8, "dash": "dash"}),
        ("per_step", "measured", {"color": colour, "width": 2.6}),
    )
    slots = [Slot(f"data.{at}.x", "history", name="step", **source) for at in range(len(lines))]
    slots += [Slot(f"data.{at}.y", "history", name=name, **source) for at, (name, _, _) in enumerate(lines)]
    slots += [
        Slot("data.2.line.color", "labels", name="colour", index=(0,), **source),
        *at_moment(),
    ]
    return Panel(
        id="factors",
        title="Factor per step back, as training goes on",
        figure={
            "data": [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "line": line,
                    "hovertemplate": f"{name}<br>step %{{x}}: × %{{y:.3f}} per step back<extra></extra>",
                }
                for _, name, line in lines
            ],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "factor per step back"}},
                shapes=[upright(color=shade.muted, width=1)],
                showlegend=True,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "history", run="network"),),
        span=span,
        height=height,
    )


def preset_panels(theme: str) -> list[Panel]:
    """[[.9, 10], [0, .9]]: both eigenvalues lie in the circle, and yet its powers first grow to 38.7."""
    singular = np.linalg.svd(NON_NORMAL, compute_uv=False)
    radius = spectral_radius(NON_NORMAL)
    data = spectrum(theme, RECURRENCE)
    data[1] |= {"x": [radius, radius], "y": [0, 0], "customdata": [radius, radius]}
    data[2] |= {"x": singular.tolist(), "y": [0, 0]}
    far = 1.08 * float(singular[0])
    shape = plane_layout(theme)
    shape["xaxis"]["range"] = shape["yaxis"]["range"] = [-far, far]
    plane = Panel(
        id="preset-plane",
        title="W = [[0.9, 10], [0, 0.9]] on the complex plane",
        figure={"data": data, "layout": shape},
        reading=(
            f"Both eigenvalues are {radius:.2f}, inside the circle; the largest singular value is "
            f"{short(float(singular[0]))}, far outside: one direction can grow that much in a step."
        ),
        span=5,
        height=330,
    )
    return [plane, dial_panel(turn("non-normal", radius), theme, span=7)]


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """All figures of these runs, in reading order."""
    return [
        plane_panel(runs, theme),
        decay_panel(runs, theme),
        history_panel(runs, theme),
        saturation_panel(runs, theme),
    ]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of one run."""
    return page_panels([run], theme)


def selections(runs: Runs) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures: the network, and a step or a product of steps."""
    run = runs[0]
    singles, spans = moments(int(run["length"]) - 1, FAMILIES[run["model"]](width=int(run["width"])).state_size)
    names = [f"the step to t = {t}" for t in singles] + [f"the last {span} steps" for span in spans]
    return {
        "network": ("Network", tuple(f"network: {run['label']}" for run in runs)),
        "of": ("Spectrum of", tuple(f"spectrum: {name}" for name in names)),
    }
