"""The biography of attention heads: their scores against the training step, those of other runs beside.

The first run is drawn head by head; of each further one, such as a control with one layer, only its
strongest head: what it can't do, none of its heads can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from explainer.figures.curves import VALIDATION, lowest_marker
from explainer.figures.head_notes import SCORES, metric_of
from explainer.figures.order import shades
from explainer.figures.panel import Panel, Reading, Slot, at_moment
from explainer.figures.rates import AXIS, rate_marks
from explainer.figures.references import in_unit, reference_lines, shared_references
from explainer.figures.theme import FAMILY_COLOURS, ink, layout, level, level_name, plain, upright
from explainer.records import ROLES

LENS = "attention"
MOST_LINES = 32  # with more heads than this, a line is the strongest head of its layer

Runs = Sequence[Mapping[str, Any]]


def score_panel(runs: Runs, theme: str, score: str, *, span: int = 3, height: int = 180) -> Panel:
    """One score of every head against the step; the chosen head stands out, its chance level dashed, other runs dotted.

    Args:
        runs: of each, `subject()`.
        theme: light or dark.
        score: a key of `SCORES`.
        span: columns of twelve.
        height: in pixels.
    """
    L, H = runs[0]["layers"], runs[0]["heads"]
    data: list[dict[str, Any]] = []
    slots: list[Slot] = list(at_moment(0))

    def line(run: int, array: str, index: tuple[int | str, ...], label: str, **given: Any) -> None:
        for axis, source, at in (("x", "step", ()), ("y", array, index)):
            slots.append(Slot(f"data.{len(data)}.{axis}", "history", run=run, lens=LENS, name=source, index=at))
        hover = f"{label}<br>step %{{x}}: {SCORES[score]} %{{y:.3f}}<extra></extra>"
        data.append({"type": "scatter", "mode": "lines", "hovertemplate": hover, **given})

    for layer, colour in enumerate(shades(theme, L)):
        thin = {"color": colour, "width": 1.3}
        if L * H > MOST_LINES:
            line(0, f"layer_{score}", (layer,), f"layer {layer + 1}, its strongest head", line=thin)
            continue
        for head in range(H):
            line(0, score, (layer, head), f"layer {layer + 1}, head {head + 1}", line=thin)
    level = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 1.5, "dash": "dash"}
    line(0, "chance", (ROLES.index(score), "layer", "head"), "the chosen head, by chance", line=level)
    chosen = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 3}
    line(0, score, ("layer", "head"), "the chosen head", line=chosen)
    for number, run in enumerate(runs[1:], start=1):
        line(number, f"best_{score}", (), plain(f"{run['label']}: its strongest head"), line=_dotted(theme))
    return Panel(
        id=score.replace("_", "-"),
        title=SCORES[score].capitalize() + " of each head",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "score"}, "range": [0, 1.02], "nticks": 4},
                shapes=[moment_line(theme)],
                annotations=[key(runs, theme)],
                margin={"l": 44, "r": 8, "t": 20, "b": 40},
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, score, run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def metric_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 230) -> Panel | None:
    """What the runs are good for, against the step; None where the loss says it all.

    Validation is seldom while a run trains, so its line has the first run's training batches beside it.
    """
    name = metric_of(runs[0])
    if not name or any(metric_of(run) != name for run in runs):
        return None
    data, slots = _curves(runs, theme, name, (f"training {name}:step", f"training {name}"))
    marks, set_at = rate_marks(theme, len(data))
    shapes, notes = [moment_line(theme)], []
    baseline = runs[0].get("baseline") if name == runs[0].get("metric") else None
    if baseline is not None and math.isfinite(baseline):
        shade = ink(theme)
        shapes.append(level(baseline, color=shade.muted, width=1.2, dash="dash"))
        notes.append(level_name(plain(str(runs[0].get("baseline_name", "baseline"))), baseline, shade.muted))
    yaxis = {"title": {"text": "accuracy"}, "range": [0, 1.02]}
    return Panel(
        id="metric",
        title=f"{name[:1].upper()}{name[1:]}: validation bold, training thin",
        figure={"data": [*data, marks], "layout": _layout(theme, yaxis, shapes, notes)},
        slots=(*at_moment(0), *slots, *set_at),
        readings=tuple(Reading(LENS, "metric", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def loss_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 230) -> Panel:
    """Validation loss of every run with the lowest of the first, and the training loss of the first, against the step."""
    data, slots = _curves(runs, theme, VALIDATION, ("step", "loss"))
    marks, set_at = rate_marks(theme, len(data))
    ring, places = lowest_marker(runs[0], theme, len(data) + 1, 0)
    unit = "loss (nats)" if runs[0]["has_tokens"] else "loss (squared error)"
    yaxis = {"title": {"text": unit}, "type": "linear" if runs[0]["has_tokens"] else "log", "exponentformat": "power"}
    logarithmic, said = yaxis["type"] == "log", in_unit(runs[0])
    lines, notes = reference_lines(shared_references(runs), theme, logarithmic=logarithmic, said=said)
    return Panel(
        id="loss",
        title="Loss: validation bold, training thin",
        figure={"data": [*data, marks, ring], "layout": _layout(theme, yaxis, [moment_line(theme), *lines], notes)},
        slots=(*at_moment(0), *slots, *places, *set_at),
        readings=tuple(Reading(LENS, "loss", run=number) for number in range(len(runs))),
        span=span,
        height=height,
        click={"seek": True},
    )


def _curves(runs: Runs, theme: str, name: str, training: tuple[str, str]) -> tuple[list[dict[str, Any]], list[Slot]]:
    """A metric's line for each run, the first in its family's colour, the others dotted; last, the first's `training`.

    Args:
        name: a series of the validation.
        training: the series of steps and of values on training batches.
    """
    data: list[dict[str, Any]] = []
    slots: list[Slot] = []
    for number, run in enumerate(runs):
        slots += [
            Slot(f"data.{number}.x", "series", run=number, name=f"{name}:step"),
            Slot(f"data.{number}.y", "series", run=number, name=name),
        ]
        colour = {"color": FAMILY_COLOURS[run["model"]], "width": 2.6}
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": plain(run["label"]),
                "line": _dotted(theme) if number else colour,
                "hovertemplate": f"{plain(run['label'])}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
            }
        )
    slots += [Slot(f"data.{len(runs)}.{axis}", "series", name=each) for axis, each in zip("xy", training, strict=True)]
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "training",
            "line": {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 1},
            "opacity": 0.5,
            "hovertemplate": f"{plain(runs[0]['label'])}, training<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
        }
    )
    return data, slots


def key(runs: Runs, theme: str) -> dict[str, Any]:
    """What the colours mean, in one line: a legend of plotly's would take half of a small chart."""
    colours = shades(theme, runs[0]["layers"])
    words = [(colour, f"layer {number}") for number, colour in enumerate(colours, start=1)]
    if len(words) > 3:
        words = [words[0], (ink(theme).muted, "…"), words[-1]]
    words.append((FAMILY_COLOURS[runs[0]["model"]], "<b>chosen head</b>"))
    words.append((FAMILY_COLOURS[runs[0]["model"]], "╌ by chance"))
    others = dict.fromkeys("one layer" if run["layers"] == 1 else f"{run['layers']} layers" for run in runs[1:])
    words += [(ink(theme).text, f"<b>⋯</b> {name}") for name in others]
    return {
        "text": "&nbsp;&nbsp;".join(f'<span style="color:{colour}">{word}</span>' for colour, word in words),
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": 11},
    }


def _dotted(theme: str) -> dict[str, Any]:
    return {"color": ink(theme).text, "width": 2, "dash": "dot"}


def moment_line(theme: str) -> dict[str, Any]:
    """An upright line at this moment."""
    return upright(color=ink(theme).muted, width=1)


def small_legend() -> dict[str, Any]:
    return {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}, "itemwidth": 30}


def _layout(
    theme: str, yaxis: dict[str, Any], shapes: list[dict[str, Any]], notes: list[dict[str, Any]]
) -> dict[str, Any]:
    return layout(
        theme,
        xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
        yaxis=yaxis,
        yaxis2=AXIS,
        shapes=shapes,
        annotations=notes,
        showlegend=True,
        legend=small_legend(),
    )
