"""Gradients: what arrives of a late loss at each earlier step, the factor per step, clipping, parameters.

Several runs on the same batches share a chart, one colour each. A logarithmic axis has no place
for 0, so steps where the gradient is exactly 0 are marked along its bottom edge, and those where
it is not a finite number along its top.
"""

from __future__ import annotations

from typing import Any

from explainer.charts.panel import Panel, Slot
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.theme import FAMILY_COLOURS, LOSS_AXIS, UNSEEN, ink, level_name, marked, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, coloured, drawn, heatmap, moment, over_training, scatter, series
from explainer.families import FAMILIES
from explainer.lenses.gradients.notes import SCALE_TITLES, STAGES
from explainer.theory.jacobian import TENFOLD, healthy

LENS = "gradients"
SCALES = ("scale: absolute", "scale: relative")
DASHES = ("solid", "dot", "dashdot", "longdashdot")  # of several runs of one family


def through_time_panel(runs: Runs, theme: str) -> Panel:
    """||dL_T/dh_t|| of every run against t on a log axis, with theory's line for plain RNNs."""
    figure = drawn(
        theme,
        [trace for number in range(len(runs)) for trace in _through_time(runs, number)],
        xaxis="time step t (the loss is taken at the right end)",
        yaxis={"title": SCALE_TITLES[0], "type": "log", "exponentformat": "power", "nticks": 9},
        yaxis2=AXIS,
        showlegend=True,
    )
    named = (Slot("layout.yaxis.title.text", "labels", lens=LENS, name="axes", index=("scale",)),)
    title = "How much of the last loss reaches each earlier step"
    return Seen(LENS).panel("through-time", title, figure, "share", runs, slots=named, span=8, height=330)


def _through_time(runs: Runs, number: int) -> list[dict[str, Any]]:
    """Of one run what holds the axis still, the curve, theory, the marks, all on the scale that is chosen."""
    run, seen = runs[number], Seen(LENS, number)
    colour, label, family = FAMILY_COLOURS[run["model"]], plain(run["label"]), FAMILIES[run["model"]]
    hold = scatter(x=[0, 0], y=seen.context("span", "scale"), line=UNSEEN, hoverinfo="skip", showlegend=False)
    curve = scatter(
        **(marked(run["model"]) if len(runs) > 1 else {"mode": "lines"}),
        name=label,
        y=seen("curve", "scale"),
        customdata=seen("hover"),
        showlegend=True,
        line=stroke(colour, 2.6, _dash(run)),
        hover=f"{label}<br>‖∂L<sub>T</sub>/∂{family.state}<sub>t</sub>‖ at t = %{{x}}: %{{customdata[0]:.3e}}"
        "<br>%{customdata[1]:.3e} of the last one",
    )
    theory = scatter(
        name="theory: ρᵏ",
        y=seen("rate", "scale"),
        showlegend=True,
        line=stroke(colour, 1.6, "dash"),
        hover=f"{label}, what ρᵏ predicts<br>t = %{{x}}: %{{y:.3e}}",
    )
    marks = scatter(
        "markers",
        x=seen("mark_at"),
        y=seen("mark_height"),
        text=seen.labels("mark_words"),
        yaxis="y2",
        showlegend=False,
        marker={"color": colour, "symbol": "x-thin-open", "size": 7},
        hover=f"{label}<br>t = %{{x}}: %{{text}}",
    )
    return [hold, curve, *([theory] if family.plain else []), marks]


def factor_panel(runs: Runs, theme: str) -> Panel:
    """What each step back multiplies by, on average, against training; the band in which a tenth to ten times arrives."""
    low, high = healthy(max(1, int(runs[0]["length"]) - 1))
    # Shapes do not stretch an axis: two points nobody sees keep the band in the picture, and words beside it.
    data: list[dict[str, Any]] = [scatter(x=[0, 0], y=[low**2, high**2], line=UNSEEN, hoverinfo="skip")]
    for number, run in enumerate(runs):
        colour, label, seen = FAMILY_COLOURS[run["model"]], plain(run["label"]), Seen(LENS, number)
        hover, line = f"{label}<br>step %{{x}}: × %{{y:.3f}} per step back", stroke(colour, 2, _dash(run))
        steps, now = seen.history("step"), {"color": colour, "size": 11}
        data += [
            scatter(**marked(run["model"]), x=steps, y=seen.history("per_step"), name=label, line=line, hover=hover),
            scatter("markers", x=seen("now_step"), y=seen("now_per_step"), marker=now, hover=hover),
        ]
    band, words = _band(low, high, theme)
    ends = {"shapes.0.y0": 0, "shapes.0.y1": 1, "annotations.0.y": 1, "annotations.1.y": 1, "annotations.2.y": 0}
    # An own input, or a loss before the last step, has another band.
    slots = tuple(Slot(f"layout.{to}", lens=LENS, name="band", index=(end,)) for to, end in ends.items())
    shapes = [band, moment(theme)]
    figure = over_training(theme, data, yaxis="factor per step back", shapes=shapes, annotations=words)
    title = "Verdict: by which factor the gradient changes per step back"
    return Seen(LENS).panel("factor", title, figure, "verdict", runs, slots=slots, span=4, height=330)


def _band(low: float, high: float, theme: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The band of healthy factors, and the words in it, above and below."""
    shade = ink(theme)
    words = (
        (f"exploding: over {TENFOLD:g} times arrives", high, "bottom"),
        ("healthy", high, "top"),
        (f"vanishing: under 1/{TENFOLD:g} arrives", low, "top"),
    )
    place = {"type": "rect", "layer": "below", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high}
    return place | {"line": {"width": 0}, "fillcolor": shade.grid, "opacity": 0.8}, [
        # Not at the end: at first curves rise through all of the height.
        level_name(word, y, shade.muted) | {"x": 0.99, "yanchor": anchor}
        for word, y, anchor in words
    ]


def clipping_panel(runs: Runs, theme: str) -> Panel:
    """The norm of the whole gradient at every update, before and after clipping; the run is a selection."""
    lines = (
        ("grad_norm", STAGES[0], stroke(ink(theme).muted, 1.2)),
        ("clipped", STAGES[1], stroke(FAMILY_COLOURS[runs[0]["model"]], 2.4)),
    )
    steps, said = series("step", "network"), "step %{{x}}: %{{y:.4g}} {}"
    data = [
        scatter(name=stage, x=steps, y=series(name, "network"), line=line, hover=said.format(stage))
        for name, stage, line in lines
    ]
    data.append(rate_marks(theme, "network"))
    figure = over_training(theme, data, yaxis={**LOSS_AXIS, "title": "‖∂L/∂θ‖"}, yaxis2=AXIS, showlegend=True)
    colour = (Slot("data.1.line.color", "labels", "network", LENS, "colour", (0,)),)
    title = "Gradient norm at each update, before and after clipping"
    return Seen(LENS, "network").panel("clipping", title, figure, slots=colour, span=4, height=250)


def parameters_panel(runs: Runs, theme: str) -> Panel:
    """The gradient's norm for each parameter (rows) against training; run, and before or after, are selections."""
    seen = Seen(LENS, "network")
    heat = heatmap(
        x=seen.history("step"),
        y=seen.labels("parameter_words"),
        z=seen.history("parameter_logs", "clipped", transpose=True),
        customdata=seen.history("parameter_sizes", "clipped", transpose=True),
        **coloured("log₁₀ of the norm", *seen.ends("parameter_range")),
        hover="%{y}<br>step %{x}: %{customdata:.3e}",
    )
    yaxis = {"autorange": "reversed", "title": ""}
    figure = drawn(theme, [heat], xaxis="training step", yaxis=yaxis, shapes=[moment(theme)])
    title = "Gradient norm of each parameter"
    return seen.panel("parameters", title, figure, reading_index=("clipped",), span=4, height=250)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run's gradients."""
    return [make([run], theme) for make in (through_time_panel, factor_panel, clipping_panel, parameters_panel)]


def selections(runs: Runs) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a viewer chooses within these figures."""
    return {
        "scale": ("Scale", SCALES),
        "network": ("Network", tuple(f"norms: {run['label']}" for run in runs)),
        "clipped": ("Parameters", STAGES),
    }


def _dash(run: Run) -> str:
    return DASHES[run.get("twin", 0) % len(DASHES)]
