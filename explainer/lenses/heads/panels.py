"""The biography of heads: any score of every head over training, one head's whole life, and what each is worth.

The lines and the table are of the tape's validation batch. What the viewer's own input gives at the kept moments
are dots beside the lines; the bars, which show one moment, are then its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from explainer.charts import head_curves as curves
from explainer.charts.head_curves import CHOSEN
from explainer.charts.panel import Panel, Reading, Slot
from explainer.charts.rates import AXIS
from explainer.charts.theme import FAMILY_COLOURS, ink, plain, shades, stroke
from explainer.charts.traces import (
    STEPS,
    Run,
    Runs,
    Seen,
    bar,
    coloured,
    drawn,
    heatmap,
    moment,
    over_training,
    own,
    scatter,
)
from explainer.lenses.heads.notes import LIFE, NAMES
from explainer.lenses.heads.record import SCORES

LENS = "heads"
CHOICES = tuple(NAMES[name] for name in SCORES)
LIFE_NAMES = ("induction", "previous token", "same token", "position only", "entropy / that of even attention")
DASHES = ("solid", "solid", "dot", "dash", "dashdot")
NAMED_ROWS = 16  # so many heads have a label each
SEEN = Seen(LENS)


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of one run."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """All figures of the first run, in reading order; of the others, such as a control, only their strongest head."""
    return [
        lines_panel(runs, theme),
        table_panel(runs, theme),
        life_panel(runs[0], theme),
        knock_out_panel(runs[0], theme),
        loss_panel(runs, theme),
    ]


def selections(run: Run) -> dict[str, tuple[str, int | tuple[str, ...]]]:
    """What a viewer chooses: the score of the two upper figures, and a head."""
    return {"score": ("Score", CHOICES), "layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def lines_panel(runs: Runs, theme: str) -> Panel:
    """The chosen score of every head against the step, its phase change shaded; other runs' highest is dotted.

    Dashed: what the chosen head's score would be by chance, where it is one of those that give a role. Dots: the same on the viewer's own input.
    """
    names = {"head": "scores", "layer": "by_layer", "best": "best", "chance": "by_chance"}
    lines, dots = [], []
    for run, what, index, label, look in curves.head_lines(runs, theme, "the highest of its heads"):
        seen, under = Seen(LENS, run), ("score", *index)
        hover = f"{label}<br>step %{{x}}: %{{y:.4g}}"
        lines.append(scatter(x=seen.history("step"), y=seen.history(names[what], *under), hover=hover, line=look))
        dots.append(_own_dots(label, look["color"], names[what], under, 9 if look["width"] > 2 else 5, run))
    yaxis = {"range": SEEN.context("ends", "score", covers="by_head"), "title": {"text": SEEN.labels("axes", "score")}}
    figure = over_training(
        theme,
        [_band("band", "score"), *lines, *dots],
        yaxis={"nticks": 6, **yaxis},
        yaxis2=AXIS,
        annotations=[curves.key(runs, theme)],
        margin={"l": 54, "r": 8, "t": 20, "b": 40},
    )
    return SEEN.panel(
        "score", "Every head over training: the chosen score", figure, runs=runs, reading_index=("score",), height=260
    )


def table_panel(runs: Runs, theme: str) -> Panel:
    """The first run's chosen score as heads x steps, and when it changes phase; a click chooses the head."""
    run = runs[0]
    heat = heatmap(
        x=SEEN.history("step"),
        y=head_names(run),
        z=SEEN.history("by_head", "score", transpose=True),
        **coloured("", *SEEN.ends("ends", "score")),
        hover="%{y}, step %{x}: %{z:.4g}<br>click to choose this head",
    )
    return Panel(
        id="table",
        title="The same as colours, head × step",
        hint="click a head",
        figure=drawn(
            theme,
            [heat],
            xaxis={**STEPS, "showgrid": False},
            yaxis=_heads_axis(run, "layer and head") | {"autorange": "reversed"},
            shapes=[moment(theme), _frame(run, "y", 3)],
            margin={"l": 62, "r": 14, "t": 20, "b": 40},
        ),
        slots=(Slot("data.0.colorbar.title.text", "labels", lens=LENS, name="axes", index=("score",)),),
        arrays=_ends(run),
        readings=(*(Reading(LENS, "change", run=number) for number in range(len(runs))), Reading(LENS, "table")),
        reading_index=("score",),
        height=260,
        click={"heads": run["heads"]},
    )


def life_panel(run: Run, theme: str) -> Panel:
    """All that lies between 0 and 1 of the chosen head, against the step; dots: on the viewer's own input."""
    shade, tones = ink(theme), shades(theme, 3)
    colours = (FAMILY_COLOURS[run["model"]], tones[0], tones[1], shade.muted, shade.text)
    looks = list(enumerate(zip(LIFE_NAMES, colours, DASHES, strict=True)))
    assert len(looks) == len(LIFE), LIFE
    data = [
        scatter(
            name=name,
            x=SEEN.history("step"),
            y=SEEN.history("life", at, *CHOSEN),
            line=stroke(colour, 2.6 if at < 2 else 1.6, dash),
            hover=f"{name}<br>step %{{x}}: %{{y:.3f}}",
        )
        for at, (name, colour, dash) in looks
    ]
    data += [_own_dots(name, colour, "life", (at, *CHOSEN), 8 if at < 2 else 6) for at, (name, colour, _) in looks]
    figure = over_training(
        theme,
        data,
        yaxis={"title": "score", "range": [0, 1.02], "nticks": 5},
        showlegend=True,
        legend=curves.small_legend(),
    )
    return SEEN.panel("life", "The life of the chosen head", figure, reading_index=CHOSEN, span=5, height=230)


def knock_out_panel(run: Run, theme: str) -> Panel:
    """By how much the loss is higher without each head, at this step, with two standard errors."""
    L, H = run["layers"], run["heads"]
    shade = ink(theme)
    unit = "nats" if run["says_tokens"] else "squared error"
    at = SCORES.index("knocked_out")
    bars = bar(
        x=head_names(run),
        y=SEEN("by_head", at),
        marker={"color": [colour for colour in shades(theme, L) for _ in range(H)]},
        error_y={"type": "data", "array": SEEN("whiskers"), "color": shade.muted, "thickness": 1.2, "width": 2},
        hover=f"without %{{x}}: %{{y:+.4g}} {unit}<br>whisker: two standard errors<br>click to choose this head",
    )
    figure = drawn(
        theme,
        [bars],
        xaxis=_heads_axis(run, "head that is switched off"),
        yaxis={
            "title": f"Δloss ({unit})",
            "nticks": 5,
            "zeroline": True,
            "zerolinecolor": shade.line,
            "range": SEEN.context("ends", at, covers="by_head"),
        },
        shapes=[_frame(run, "x", 2)],
    )
    return SEEN.panel(
        "knock-out",
        f"{NAMES['knocked_out']}, at this step",
        figure,
        "knocked_out",
        arrays=_ends(run),
        span=3,
        height=230,
        click={"heads": H},
    )


def loss_panel(runs: Runs, theme: str) -> Panel:
    """The loss of every run, and where the first one's changes phase; dots: on the viewer's own input."""
    panel = curves.loss_panel(runs, theme, LENS, span=4)
    data = [*panel.figure["data"], _band("loss_band")]
    for number, run in enumerate(runs):
        colour = ink(theme).text if number else FAMILY_COLOURS[run["model"]]
        data.append(_own_dots(plain(run["label"]), colour, "loss", (), 8, number))
    readings = tuple(Reading(LENS, name, run=number) for number in range(len(runs)) for name in ("loss", "loss_change"))
    return replace(panel, figure={**panel.figure, "data": data}, readings=readings)


def head_names(run: Run) -> list[str]:
    """L1 H1, L1 H2 and so on."""
    return [f"L{layer + 1} H{head + 1}" for layer in range(run["layers"]) for head in range(run["heads"])]


def _heads_axis(run: Run, title: str) -> dict[str, Any]:
    """The axis of all heads; of many, the first of each layer has a label."""
    names = head_names(run)
    ticks = {} if len(names) <= NAMED_ROWS else {"tickmode": "array", "tickvals": names[:: run["heads"]]}
    return {"type": "category", "showgrid": False, "title": title, **ticks}


def _frame(run: Run, along: str, width: float) -> dict[str, Any]:
    """Around the chosen head's row (`along` y) or bar (x)."""
    across = {"x": "y", "y": "x"}[along]
    ends = {f"{along}{end}": own(f"end{end}", *CHOSEN) for end in (0, 1)}
    paper = {f"{across}ref": "paper", f"{across}0": 0, f"{across}1": 1}
    return {"type": "rect", **paper, **ends, "line": stroke(FAMILY_COLOURS[run["model"]], width)}


def _own_dots(
    label: str, colour: str, array: str, under: tuple[int | str, ...], size: int, run: int = 0
) -> dict[str, Any]:
    """An array of every answer on the viewer's own input, as dots at their steps; further runs' are hollow."""
    seen = Seen(LENS, run)
    return scatter(
        "markers",
        x=seen("step", kind="asked"),
        y=seen(array, *under, kind="asked"),
        showlegend=False,
        marker={"symbol": "circle-open" if run else "circle", "size": size, "color": colour},
        hover=f"{label}, your own sequence<br>step %{{x}}: %{{y:.4g}}",
    )


def _band(name: str, *index: str) -> dict[str, Any]:
    """A shaded stretch of steps from top to bottom; nothing where its steps are NaN (a shape would need numbers)."""
    return scatter(
        x=SEEN.context(name, *index),
        y=[0, 1, 1, 0],
        yaxis="y2",
        fill="toself",
        fillcolor="rgba(230, 159, 0, 0.22)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _ends(run: Run) -> dict[str, Any]:
    """Where each head's row or bar begins and ends."""
    place = np.arange(run["layers"] * run["heads"], dtype=np.float32).reshape(run["layers"], run["heads"])
    return {"end0": place - 0.5, "end1": place + 0.5}
