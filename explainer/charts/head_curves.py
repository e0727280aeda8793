"""What curves of attention heads share: several runs against the training step, the loss, the moment, the colours.

The first run is drawn head by head; of each further one, such as a control with one layer, only its
strongest head: what it can't do, none of its heads can.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from explainer.charts.curves import VALIDATION, lowest_marker
from explainer.charts.panel import Panel
from explainer.charts.rates import AXIS, rate_marks
from explainer.charts.references import in_unit, reference_lines, shared_references
from explainer.charts.theme import FAMILY_COLOURS, ink, plain, shades, stroke, words_at
from explainer.charts.traces import Run, Runs, Seen, moment, over_training, scatter, series
from explainer.tasks import TASKS

MOST_LINES = 32  # with more heads than this, a line is the strongest head of its layer
CHOSEN = ("layer", "head")
Line = tuple[int, str, tuple[int | str, ...], str, dict[str, Any]]


def loss_panel(runs: Runs, theme: str, lens: str, span: int = 6) -> Panel:
    """Validation loss of every run with the lowest of the first, and the training loss of the first, against the step."""
    data = metric_curves(runs, theme, VALIDATION, ("step", "loss"))
    unit = "loss (nats)" if runs[0]["says_tokens"] else "loss (squared error)"
    yaxis = {"title": unit, "type": "linear" if runs[0]["says_tokens"] else "log", "exponentformat": "power"}
    logarithmic, said = yaxis["type"] == "log", in_unit(runs[0])
    lines, notes = reference_lines(shared_references(runs), theme, logarithmic=logarithmic, said=said)
    data += [rate_marks(theme), lowest_marker(runs, theme, 0)]
    figure, title = over_steps(theme, data, yaxis, lines, notes), "Loss: validation bold, training thin"
    return Seen(lens).panel("loss", title, figure, runs=runs, span=span, height=230, click={"seek": True})


def metric_curves(runs: Runs, theme: str, name: str, training: tuple[str, str]) -> list[dict[str, Any]]:
    """A metric's line for each run, the first in its family's colour, the others dotted; last, the first's `training`.

    Args:
        name: a series of the validation.
        training: the series of steps and of values on training batches.
    """
    colour, label = FAMILY_COLOURS[runs[0]["model"]], plain(runs[0]["label"])
    return [
        *(
            scatter(
                name=plain(run["label"]),
                x=series(f"{name}:step", number),
                y=series(name, number),
                line=dotted(theme) if number else stroke(colour, 2.6),
                hover=f"{plain(run['label'])}<br>step %{{x}}: %{{y:.4g}}",
            )
            for number, run in enumerate(runs)
        ),
        scatter(
            name="training",
            x=series(training[0]),
            y=series(training[1]),
            line=stroke(colour, 1),
            opacity=0.5,
            hover=f"{label}, training<br>step %{{x}}: %{{y:.4g}}",
        ),
    ]


def head_lines(runs: Runs, theme: str, highest: str) -> Iterator[Line]:
    """The lines of a score against the step: the run's number, what of it, under which index, its name, and its looks.

    Of the first run every `head`, or of many heads the highest in each `layer`; of its chosen head the score by
    `chance` and its own; of each further run the `best`.

    Args:
        highest: what the highest is called, behind its layer or run.
    """
    L, H = runs[0]["layers"], runs[0]["heads"]
    for layer, colour in enumerate(shades(theme, L)):
        name, thin = f"layer {layer + 1}", stroke(colour, 1.3)
        if L * H > MOST_LINES:
            yield 0, "layer", (layer,), f"{name}, {highest}", thin
        else:
            yield from ((0, "head", (layer, head), f"{name}, head {head + 1}", thin) for head in range(H))
    colour = FAMILY_COLOURS[runs[0]["model"]]
    yield 0, "chance", CHOSEN, "the chosen head, by chance", stroke(colour, 1.5, "dash")
    yield 0, "head", CHOSEN, "the chosen head", stroke(colour, 3)
    for number, run in enumerate(runs[1:], start=1):
        yield number, "best", (), plain(f"{run['label']}: {highest}"), dotted(theme)


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
    text = "&nbsp;&nbsp;".join(f'<span style="color:{colour}">{word}</span>' for colour, word in words)
    return words_at(text, 0, 1, "", xanchor="left", font={"size": 11})


def dotted(theme: str) -> dict[str, Any]:
    return stroke(ink(theme).text, 2, "dot")


def small_legend() -> dict[str, Any]:
    return {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}, "itemwidth": 30}


def over_steps(
    theme: str,
    data: list[dict[str, Any]],
    yaxis: dict[str, Any],
    lines: list[dict[str, Any]],
    notes: list[dict[str, Any]],
) -> dict[str, Any]:
    """A figure of curves with a small legend, and lines across it with their names."""
    shapes, legend = [moment(theme), *lines], {"showlegend": True, "legend": small_legend()}
    return over_training(theme, data, yaxis=yaxis, yaxis2=AXIS, shapes=shapes, annotations=notes, **legend)


def metric_of(run: Run) -> str:
    """The series of `metric_panel`, what says more about a task than its loss does; "" for numbers, of which the loss says it all.

    From the task alone: a run that waits has measured nothing yet.
    """
    return TASKS[run["task"]].accuracy if run["says_tokens"] else ""
