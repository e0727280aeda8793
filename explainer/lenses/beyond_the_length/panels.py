"""Reading beyond the length of training: loss against length and position, attention and kernel against distance.

Each encoding has a colour, a marker and a dash of its own. Several seeds of one encoding are drawn thin
behind their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainer.charts.curves import loss_panel as training_panel
from explainer.charts.panel import Panel, Reading, Slot, numbers_for_json
from explainer.charts.theme import ATTENTION, ENCODING_LOOKS, ink, plain, stroke, upright, words_at
from explainer.charts.traces import Run, Seen, drawn, scatter
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.notes import (
    Trained,
    attention_reading,
    by_kind,
    count_of_seeds,
    course_of,
    course_reading,
    kernel_reading,
    length_reading,
    mean,
    reads_on,
)
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord

LENS = "beyond_the_length"
YAXIS = "nats per character"


def page_panels(runs: Sequence[Trained], theme: str) -> list[Panel]:
    """The four charts of a sweep, in reading order."""
    return [panel(runs, theme) for panel in (length_panel, course_panel, attention_panel, kernel_panel)]


def length_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Loss of the last quarter against the window's length, every seed thin, their mean bold with its error."""
    data: list[dict[str, Any]] = []
    notes: list[str] = []
    lengths: list[int] = next((run.record.lengths.tolist() for run in runs if run.record), [])
    for kind, records in by_kind(runs).items():
        name = ENCODING_NAMES[kind]
        seeds = sorted(run.seed for run in runs if run.kind == kind and run.record)
        for seed, record in zip(seeds, records, strict=True) if len(records) > 1 else ():
            said = f"{name}, seed {seed}<br>{_HOVER}"
            data.append(_line(kind, record.lengths, record.loss, said, width=1) | {"opacity": 0.5})
        said = f"{name}, mean of {count_of_seeds(len(records))}<br>{_HOVER}<br>%{{customdata}}"
        bold = _line(kind, records[0].lengths, mean(records, "loss"), said, width=2.6, size=9)
        data.append(bold | {"showlegend": True, "customdata": _errors(records)})
        notes += [f"{name}: {why}" for why in dict.fromkeys(why for why in records[0].why if why)]
    xaxis = {
        "title": "characters in the window (trained at the first)",
        "type": "log",
        "tickvals": lengths,
        "ticktext": [_times(length, lengths[0]) for length in lengths],
        "minor": {"showgrid": False},
    }
    annotations = [
        words_at(plain(note), 0.01, 0.98 - 0.07 * row, ink(theme).muted, xanchor="left", yanchor="top")
        for row, note in enumerate(notes)
    ]
    return Panel(
        id="beyond-length",
        title="Loss of the last quarter, against the length of the window",
        figure=drawn(theme, data, xaxis=xaxis, yaxis=YAXIS, annotations=annotations, showlegend=True),
        reading=length_reading(runs),
        height=360,
    )


def course_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Loss against the position in the longest window that each encoding reads; upright, where training ended."""
    trained = next((run.record.trained for run in runs if run.record), None)
    data = [
        _line(kind, *course_of(records), f"{ENCODING_NAMES[kind]}<br>about position %{{x:.0f}}: %{{y:.3f}} nats")
        for kind, records in by_kind(runs).items()
    ]
    return Panel(
        id="beyond-course",
        title="Loss along the longest window (dotted: the length of training)",
        figure=drawn(
            theme,
            data,
            xaxis={"title": "position in the window", "rangemode": "tozero"},
            yaxis=YAXIS,
            shapes=[upright(trained, **stroke(ink(theme).muted, 1.5, "dot"))] if trained else [],
        ),
        reading=course_reading(runs),
        height=360,
    )


def attention_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Mean attention weight against distance, at T (dotted) and in the longest window (solid)."""
    data = []
    for kind, records in by_kind(runs).items():
        away, hover = records[0].distances[1:], f"{ENCODING_NAMES[kind]}, {{}}<br>%{{x}} back: weight %{{y:.3e}}"
        weights = mean(records, "attention")[:, 1:]
        at_T, longest = np.where(weights > 0, weights, np.nan)
        data.append(_line(kind, away, at_T, hover.replace("{}", "at T"), width=1.6, dash="dot"))
        if reads_on(records[0]):
            said = hover.replace("{}", "in the longest window")
            data.append(_line(kind, away, longest, said, dash="solid", size=6))
    return Panel(
        id="beyond-attention",
        title="Attention against distance (dotted: at T, solid: in the longest window)",
        figure=_by_distance(theme, data, "mean weight", log=True),
        reading=attention_reading(runs),
        height=320,
    )


def kernel_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """What each encoding alone says of two tokens d apart."""
    hover = "<br>%{x} apart: %{y:.3f}"
    data = [
        _line(kind, records[0].distances[1:], mean(records, "kernel")[1:], ENCODING_NAMES[kind] + hover)
        for kind, records in by_kind(runs).items()
    ]
    return Panel(
        id="beyond-kernel",
        title="The encoding's own kernel: how alike two positions are",
        figure=_by_distance(theme, data, "kernel, 1 at distance 0", log=False),
        reading=kernel_reading(runs),
        height=320,
    )


# -- one run while it learns ------------------------------------------------------------------


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run."""
    seen, bold = Seen(LENS), stroke(ATTENTION, 2.4)

    def curve(x: str, y: Slot, hover: str, line: dict[str, Any] = bold, **more: Any) -> dict[str, Any]:
        return scatter(x=seen(x), y=y, hover=hover, line=line, showlegend=False) | more

    def panel(name: str, title: str, figure: dict[str, Any]) -> Panel:
        return Panel(f"{LENS}-{name}-now", title, figure, readings=(Reading(LENS, name),), span=4)

    loss = curve("lengths", seen("loss"), _HOVER, mode="lines+markers", marker={"size": 9})
    course = curve("places", seen("course"), "about position %{x:.0f}: %{y:.3f} nats")
    away = [
        curve("distances", seen("attention", 0), "at T, %{x} back: %{y:.3e}", stroke(ATTENTION, 1.6, "dot")),
        curve("distances", seen("attention", 1), "longest, %{x} back: %{y:.3e}"),
    ]
    xaxis = {"title": "characters in the window", "type": "log"}
    at, title = "position in the window", "Loss of the last quarter, against the length of the window"
    return [
        panel("length", title, drawn(theme, [loss], xaxis=xaxis, yaxis=YAXIS)),
        panel("course", "Loss along the longest window", drawn(theme, [course], xaxis=at, yaxis=YAXIS)),
        panel(
            "attention", "Attention against distance (dotted: at T)", _by_distance(theme, away, "mean weight", log=True)
        ),
        training_panel([run], theme, LENS, span=12, height=240),
    ]


# -- drawing ----------------------------------------------------------------------------------

_HOVER = "%{x} characters: %{y:.3f} nats"


def _errors(records: Sequence[BeyondTheLengthRecord]) -> list[str]:
    """Of each length, the mean standard error and what it rests on, in words."""
    return [
        f"standard error {error:.3f}, from {blocks} stretches of text"
        if np.isfinite(error)
        else "too little text for a standard error"
        for error, blocks in zip(mean(records, "error"), records[0].blocks.tolist(), strict=True)
    ]


def _line(
    kind: str, x: Any, y: Any, hover: str, *, width: float = 2.4, dash: str = "", size: int = 0
) -> dict[str, Any]:
    """One encoding's; with points of a `size`, if that is not 0."""
    look = ENCODING_LOOKS[kind]
    line = scatter(
        name=ENCODING_NAMES[kind],
        legendgroup=kind,
        showlegend=False,
        x=numbers_for_json(x),
        y=numbers_for_json(y),
        opacity=1.0,
        line=stroke(look.colour, width, dash or look.dash),
        hover=hover,
    )
    marker = {"symbol": look.symbol, "size": size, "color": look.colour}
    return line | {"mode": "lines+markers", "marker": marker} if size else line


def _by_distance(theme: str, data: list[dict[str, Any]], title: str, *, log: bool) -> dict[str, Any]:
    decades = {"type": "log", "dtick": 1, "minor": {"showgrid": False}}
    yaxis = {"title": title, **({**decades, "exponentformat": "power"} if log else {})}
    return drawn(theme, data, xaxis={"title": "distance in tokens", **decades}, yaxis=yaxis)


def _times(length: int, trained: int) -> str:
    factor = length // trained
    return f"{length} = T" if factor == 1 else f"{length} = {factor}T"
