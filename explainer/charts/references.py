"""Losses that a network should be held against, as dotted lines with labels that do not stand on each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from explainer.charts.theme import ink, level, level_name, plain, stroke

NAME = "reference"  # of the annotations that `stack` moves
LINE = 14  # pixels from one label to the next
HALOES = {"light": "0 0 3px #FFFFFF, 0 0 3px #FFFFFF", "dark": "0 0 3px #11161D, 0 0 3px #11161D"}
"""Of the page's background, so that a label can be read where a curve goes through it."""
SAME = 0.005  # of its value: a line that close to another has one label with it
SURE = 2.0
"""Standard errors of the validation loss by which it has to be off a reference; else it is level with it."""


def references_of(run: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Names and losses, the highest first; of a run that knows none, its baseline, if that is a loss."""
    known = [(str(name), float(value)) for name, value in run.get("references") or ()]
    baseline = run.get("loss_baseline")
    if not known and baseline is not None:
        known = [(str(run.get("loss_baseline_name", "baseline")), float(baseline))]
    known = [(name, value) for name, value in known if math.isfinite(value) and value > 0]
    return sorted(known, key=lambda pair: -pair[1])


def shared_references(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Those that are the same for all the runs of a chart."""
    every = [references_of(run) for run in runs]
    return every[0] if every and all(each == every[0] for each in every) else []


def in_unit(run: Mapping[str, Any]) -> Callable[[float], str]:
    """How a loss of this run is said: three digits; of a series the error in its own unit, the root of a mean square."""
    scale, unit = run.get("loss_scale"), run.get("unit")
    if not scale:
        return three_digits
    return lambda loss: f"{scale * math.sqrt(loss):.3g} {unit or 'in units of the series'}"


def three_digits(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def reference_lines(
    references: Sequence[tuple[str, float]],
    theme: str,
    *,
    logarithmic: bool,
    said: Callable[[float], str] = three_digits,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Shapes and annotations of a figure: a dotted line across for each, its label at the right end.

    Args:
        references: names and losses, the highest first.
        logarithmic: whether the axis is, on which a label's place is the logarithm.
        said: how a loss stands in a label.
    """
    shade = ink(theme)
    shapes = [level(value, **stroke(shade.muted, 1.5, "dot")) | {"layer": "below"} for _, value in references]
    groups: list[list[tuple[str, float]]] = []
    for name, value in references:
        if groups and groups[-1][-1][1] - value <= SAME * value:
            groups[-1].append((name, value))
        else:
            groups.append([(name, value)])
    notes = []
    for group in groups:
        text, value = plain(f"{', '.join(name for name, _ in group)}: {said(group[0][1])}"), group[0][1]
        note = level_name(text, math.log10(value) if logarithmic else value, shade.muted) | {"name": NAME, "yshift": 0}
        notes.append(note | {"font": note["font"] | {"shadow": HALOES.get(theme, HALOES["light"])}})
    return shapes, notes


def stack(figure: dict[str, Any], height: float) -> None:
    """Move labels of lines that are close together down, the highest first, so that each has a line of text to itself.

    The player does the same (`stack` there). The axis is taken to go from the lowest to the highest of what is drawn,
    as plotly has it, give or take the margin.

    Args:
        figure: filled; its labels' `yshift` is set.
        height: of the figure, in pixels.
    """
    layout = figure["layout"]
    notes = [note for note in layout.get("annotations", ()) if note.get("name") == NAME]
    if not notes:
        return
    logarithmic = layout["yaxis"].get("type") == "log"
    drawn = [
        np.asarray(trace.get("y") or (), dtype=np.float64) for trace in figure["data"] if trace.get("yaxis") != "y2"
    ]
    values = np.concatenate([*drawn, np.zeros(0)])
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.log10(values) if logarithmic else values
    places = np.concatenate([places[np.isfinite(places)], [note["y"] for note in notes]])
    margin = {"t": 10, "b": 44} | layout.get("margin", {})
    pixels = (height - margin["t"] - margin["b"]) / (1.1 * float(np.ptp(places)) or 1.0)
    room = math.inf
    for note in notes:
        place = note["y"] * pixels
        note["yshift"] = round(min(0.0, room - place), 1)
        room = place + note["yshift"] - LINE


def standing(
    references: Sequence[tuple[str, float]], loss: float, error: float, spoken: Callable[[float], str] = three_digits
) -> str:
    """ "below the 3.24 of guessing by frequencies, above the 2.45 of bigrams"; "" where there is nothing to stand against.

    Args:
        references: names and losses, the highest first.
        loss: on validation data.
        error: its standard error on that data; NaN where it is not known, then any difference counts.
        spoken: how a loss is said.
    """
    if not references or not math.isfinite(loss):
        return ""
    margin = SURE * error if math.isfinite(error) else 0.0
    beaten = [pair for pair in references if loss < pair[1] - margin]
    missed = [pair for pair in references if loss > pair[1] + margin]
    equal = [pair for pair in references if pair not in beaten and pair not in missed]
    said = [("below", beaten[-1:]), ("level with", equal), ("above", missed[:1])]
    return ", ".join(
        f"{word} {' and '.join(f'the {spoken(value)} of {name}' for name, value in pairs)}"
        for word, pairs in said
        if pairs
    )
