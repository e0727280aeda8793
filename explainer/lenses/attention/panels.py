"""Attention: the maps of all heads at once, the chosen one large, and what each head is like, in words.

What curves of heads share is in `charts.head_curves`, their numbers and sentences are in `notes`.
"""

from __future__ import annotations

import math
from typing import Any

from explainer.charts import maps
from explainer.charts.head_curves import head_lines, key, loss_panel, metric_curves, metric_of, over_steps
from explainer.charts.maps import LABELLED
from explainer.charts.panel import Panel
from explainer.charts.rates import rate_marks
from explainer.charts.theme import SEQUENTIAL, ink, level, level_name, plain, stroke
from explainer.charts.traces import Run, Runs, Seen, over_training, scatter
from explainer.lenses.attention.notes import SCORES
from explainer.theory.head_roles import ROLES

LENS = "attention"
SEEN = Seen(LENS)
WEIGHTS: dict[str, Any] = {"unit": "weight", "of": "head", "colours": {"colorscale": SEQUENTIAL, "zmin": 0, "zmax": 1}}
"""What the cells of small maps are, and how they are coloured."""


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Runs, theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    metric = metric_panel(runs, theme)
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        score_panel(runs, theme, "previous_token"),
        score_panel(runs, theme, "prefix_matching"),
        *([metric] if metric else []),
        loss_panel(runs, theme, LENS, span=6 if metric else 12),
    ]


def selections(run: Run) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the head that is shown large."""
    return {"layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def mosaic_panel(run: Run, theme: str, *, span: int = 6) -> Panel:
    """The weights of every head."""
    names = [f"head {head + 1}" if run["heads"] <= LABELLED else str(head + 1) for head in range(run["heads"])]
    return maps.mosaic_panel(run, theme, SEEN, "Every head", names, **WEIGHTS, span=span)


def beside_panel(run: Run, theme: str, number: int) -> Panel:
    """The weights of every head of a run that is not the page's first."""
    names = [str(head + 1) for head in range(run["heads"])]
    title = f"Beside it, on the same tokens: every head of the {run['label']}"
    return maps.mosaic_panel(run, theme, Seen(LENS, number), title, names, **WEIGHTS, chosen=False)


def map_panel(theme: str) -> Panel:
    """The chosen head."""
    return maps.map_panel(
        theme,
        SEEN,
        "The chosen head: which token looks at which",
        unit="weight",
        ends=(0, 1),
        scale=SEQUENTIAL,
        future="the future is masked",
        hover="<br>click to write it out",
        click={"cell": True},
    )


def score_panel(runs: Runs, theme: str, score: str) -> Panel:
    """One of `SCORES` of every head against the step; the chosen stands out, by chance dashed, other runs dotted."""
    names = {"head": score, "layer": f"layer_{score}", "best": f"best_{score}", "chance": "chance"}
    data = [
        scatter(
            x=Seen(LENS, run).history("step"),
            y=Seen(LENS, run).history(names[what], *([ROLES.index(score)] if what == "chance" else []), *index),
            hover=f"{label}<br>step %{{x}}: {SCORES[score]} %{{y:.3f}}",
            line=look,
        )
        for run, what, index, label, look in head_lines(runs, theme, "its strongest head")
    ]
    axis, margin = {"title": "score", "range": [0, 1.02], "nticks": 4}, {"l": 44, "r": 8, "t": 20, "b": 40}
    figure = over_training(theme, data, yaxis=axis, annotations=[key(runs, theme)], margin=margin)
    title = f"{SCORES[score].capitalize()} of each head"
    return SEEN.panel(score.replace("_", "-"), title, figure, score, runs, span=3, height=180)


def metric_panel(runs: Runs, theme: str) -> Panel | None:
    """What the runs are good for, against the step; None where the loss says it all.

    Validation is seldom while a run trains, so its line has the first run's training batches beside it.
    """
    name = metric_of(runs[0])
    if not name or any(metric_of(run) != name for run in runs):
        return None
    data = metric_curves(runs, theme, name, (f"training {name}:step", f"training {name}"))
    lines, notes, muted = [], [], ink(theme).muted
    baseline = runs[0].get("baseline") if name == runs[0].get("metric") else None
    if baseline is not None and math.isfinite(baseline):
        lines.append(level(baseline, **stroke(muted, 1.2, "dash")))
        notes.append(level_name(plain(str(runs[0].get("baseline_name", "baseline"))), baseline, muted))
    yaxis = {"title": "accuracy", "range": [0, 1.02]}
    figure = over_steps(theme, [*data, rate_marks(theme)], yaxis, lines, notes)
    title = f"{name[:1].upper()}{name[1:]}: validation bold, training thin"
    return SEEN.panel("metric", title, figure, runs=runs, height=230)
