"""The Jacobian dial: the spectrum of one step and of many on the complex plane, theory beside what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from explainer.charts.amount import short
from explainer.charts.dial import dial_panel, turn
from explainer.charts.panel import Panel, Slot
from explainer.charts.rates import AXIS
from explainer.charts.spectrum import on_plane, spectrum
from explainer.charts.theme import FAMILY_COLOURS, RECURRENCE, Ink, ink, level, stroke
from explainer.charts.traces import Run, Runs, Seen, bar, drawn, over_training, scatter
from explainer.families import FAMILIES
from explainer.lenses.jacobian.notes import FLAT
from explainer.theory.followed import moments
from explainer.theory.jacobian import NON_NORMAL, spectral_radius

SEEN = Seen("jacobian", "network")


def plane_panel(runs: Runs, theme: str) -> Panel:
    """Eigenvalues and singular values of a step, or of a product of steps; run and choice are selections."""
    circle, eigen, singular = spectrum(theme, FAMILY_COLOURS[runs[0]["model"]])
    eigen |= {"x": SEEN("real", "of"), "y": SEEN("imaginary", "of"), "customdata": SEEN("length", "of")}
    singular |= {"x": SEEN("singular", "of"), "y": SEEN("axis", "of")}
    figure = on_plane(theme, [circle, eigen, singular], SEEN.context("plane"))
    slots, title = (_colour("data.1.marker"),), "Eigenvalues of ∂sₜ/∂sₜ₋₁, and singular values"
    return SEEN.panel("plane", title, figure, slots=slots, reading_index=("of",), span=5, height=350)


def decay_panel(runs: Runs, theme: str) -> Panel:
    """Theory, bound, the largest direction and the loss's own gradient against the steps back, on a log axis."""
    shade, colour = ink(theme), FAMILY_COLOURS[runs[0]["model"]]
    lines = (
        ("bound", "the bound", stroke(shade.muted, 1.6, "dot")),
        ("rate", "ρᵏ", stroke(shade.text, 1.8, "dash")),
        ("largest", "the direction that keeps most", stroke(colour, 1.4)),
        ("measured", "measured: the loss's gradient", stroke(colour, 3)),
    )
    data = [
        scatter(name=name, x=SEEN("lags"), y=SEEN(what), line=line, hover=f"{name}<br>%{{x}} steps back: × %{{y:.3e}}")
        for what, name, line in lines
    ]
    figure = drawn(
        theme,
        [*data, *_where_theory_fails(shade)],
        xaxis={"title": "steps back from the loss, k", "rangemode": "tozero"},
        yaxis={"title": "factor since the loss", "type": "log", "exponentformat": "power", "nticks": 9}
        | {"range": SEEN.context("decay")},
        yaxis2=AXIS,
        showlegend=True,
    )
    names = (Slot(f"data.{at}.name", "labels", "network", SEEN.lens, "theory_names", (1 - at,)) for at in (0, 1))
    slots = (_colour("data.2.line"), _colour("data.3.line"), *names)
    title = "What k steps leave of a gradient: theory and the network itself"
    return SEEN.panel("decay", title, figure, slots=slots, span=7, height=350)


def _where_theory_fails(shade: Ink) -> list[dict[str, Any]]:
    """Crosses at saturated steps, and an upright line where theory is off tenfold."""
    return [
        scatter(
            "markers",
            name="over half saturated",
            x=SEEN("flat_at"),
            y=SEEN("flat_height"),
            yaxis="y2",
            marker={"symbol": "x", "size": 7, "color": shade.text},
            hover="%{x} steps back: more than half of the activations are saturated",
        ),
        scatter(
            name="theory off tenfold from here",
            x=SEEN("fails_at"),
            y=SEEN("fails_height"),
            yaxis="y2",
            line=stroke(shade.text, 1.2, "dot"),
            hoverinfo="skip",
        ),
    ]


def saturation_panel(runs: Runs, theme: str) -> Panel:
    """The share of saturated activations and the mean slope at every time step."""
    shade = ink(theme)
    data = [
        bar(
            name="share with a slope under a tenth",
            x=SEEN("times"),
            y=SEEN("saturated"),
            marker={"color": FAMILY_COLOURS[runs[0]["model"]]},
            hover="t = %{x}: %{y:.1%} saturated",
        ),
        scatter(
            name="mean slope",
            x=SEEN("times"),
            y=SEEN("slope"),
            line=stroke(shade.text, 2),
            hover="t = %{x}: mean slope %{y:.3f} of the largest",
        ),
    ]
    axes = {"xaxis": "time step t", "yaxis": {"title": "share", "range": [0, 1.02]}}
    figure = drawn(theme, data, **axes, shapes=[level(FLAT, **stroke(shade.muted, 1, "dot"))], showlegend=True)
    title = "Saturation: where a linear theory can't hold"
    return SEEN.panel("saturation", title, figure, slots=(_colour("data.0.marker"),), span=7, height=240)


def history_panel(runs: Runs, theme: str) -> Panel:
    """Theory's factor per step, the measured one, and the bound's, against training."""
    shade = ink(theme)
    lines = (
        ("bound_step", "bound", stroke(shade.muted, 1.4, "dot")),
        ("radius", "theory, ρ", stroke(shade.text, 1.8, "dash")),
        ("per_step", "measured", stroke(FAMILY_COLOURS[runs[0]["model"]], 2.6)),
    )
    steps, said = SEEN.history("step"), "{}<br>step %{{x}}: × %{{y:.3f}} per step back"
    data = [
        scatter(name=name, x=steps, y=SEEN.history(what), line=line, hover=said.format(name))
        for what, name, line in lines
    ]
    figure = over_training(theme, data, yaxis="factor per step back", showlegend=True)
    slots, title = (_colour("data.2.line"),), "Factor per step back, as training goes on"
    return SEEN.panel("factors", title, figure, "history", slots=slots, span=5, height=240)


def preset_panels(theme: str) -> list[Panel]:
    """[[.9, 10], [0, .9]]: both eigenvalues lie in the circle, and yet its powers first grow to 38.7."""
    singular = np.linalg.svd(NON_NORMAL, compute_uv=False)
    radius = spectral_radius(NON_NORMAL)
    data = spectrum(theme, RECURRENCE)
    data[1] |= {"x": [radius, radius], "y": [0, 0], "customdata": [radius, radius]}
    data[2] |= {"x": singular.tolist(), "y": [0, 0]}
    far = 1.08 * float(singular[0])
    plane = Panel(
        id="preset-plane",
        title="W = [[0.9, 10], [0, 0.9]] on the complex plane",
        figure=on_plane(theme, data, [-far, far]),
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
    return [make(runs, theme) for make in (plane_panel, decay_panel, history_panel, saturation_panel)]


def panels(run: Run, theme: str) -> list[Panel]:
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


def _colour(place: str) -> Slot:
    """The chosen network's, in the place of the first one's."""
    return Slot(f"{place}.color", "labels", "network", SEEN.lens, "colour", (0,))
