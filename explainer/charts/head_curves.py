"""What curves of attention heads share: several runs against the training step, the loss, the moment, the colours.

The first run is drawn head by head; of each further one, such as a control with one layer, only its
strongest head: what it can't do, none of its heads can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explainer.charts.curves import VALIDATION, lowest_marker
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.references import in_unit, reference_lines, shared_references
from explainer.charts.theme import FAMILY_COLOURS, ink, layout, plain, shades, upright
from explainer.tasks import TASKS

Runs = Sequence[Mapping[str, Any]]

MOST_LINES = 32  # with more heads than this, a line is the strongest head of its layer


def loss_panel(runs: Runs, theme: str, lens: str, *, span: int = 6, height: int = 230) -> Panel:
    """Validation loss of every run with the lowest of the first, and the training loss of the first, against the step."""
    data, slots = metric_curves(runs, theme, VALIDATION, ("step", "loss"))
    marks, set_at = rate_marks(theme, len(data))
    ring, places = lowest_marker(runs[0], theme, len(data) + 1, 0)
    unit = "loss (nats)" if runs[0]["says_tokens"] else "loss (squared error)"
    yaxis = {"title": {"text": unit}, "type": "linear" if runs[0]["says_tokens"] else "log", "exponentformat": "power"}
    logarithmic, said = yaxis["type"] == "log", in_unit(runs[0])
    lines, notes = reference_lines(shared_references(runs), theme, logarithmic=logarithmic, said=said)
    return Panel(
        id="loss",
        title="Loss: validation bold, training thin",
        figure={"data": [*data, marks, ring], "layout": over_steps(theme, yaxis, [moment_line(theme), *lines], notes)},
        slots=(*at_moment(0), *slots, *places, *set_at),
        readings=tuple(Reading(lens, "loss", run=number) for number in range(len(runs))),
        span=span,
        height=height,
        click={"seek": True},
    )


def metric_curves(
    runs: Runs, theme: str, name: str, training: tuple[str, str]
) -> tuple[list[dict[str, Any]], list[Slot]]:
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
                "line": dotted(theme) if number else colour,
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


def dotted(theme: str) -> dict[str, Any]:
    return {"color": ink(theme).text, "width": 2, "dash": "dot"}


def moment_line(theme: str) -> dict[str, Any]:
    """An upright line at this moment."""
    return upright(color=ink(theme).muted, width=1)


def small_legend() -> dict[str, Any]:
    return {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}, "itemwidth": 30}


def over_steps(
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


def metric_of(run: Mapping[str, Any]) -> str:
    """The series of `metric_panel`, what says more about a task than its loss does; "" for numbers, of which the loss says it all.

    From the task alone: a run that waits has measured nothing yet.
    """
    return TASKS[run["task"]].accuracy if run["says_tokens"] else ""
