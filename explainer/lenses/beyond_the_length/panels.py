"""Reading beyond the length of training: loss against length and position, attention and kernel against distance.

Each encoding has a colour, a marker and a dash of its own. Several seeds of one encoding are drawn thin
behind their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.curves import loss_panel as training_panel
from explainer.charts.panel import Panel, Reading, Slot, numbers_for_json
from explainer.charts.theme import ATTENTION, ENCODING_LOOKS, ink, layout, plain, stroke, upright, words_at
from explainer.charts.traces import Run, Seen, drawn, scatter
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.notes import (
    Trained,
    attention_reading,
    count_of_seeds,
    course_of,
    course_reading,
    kernel_reading,
    kinds,
    length_reading,
    mean_loss,
    of_kind,
    reads_on,
    seeds,
)
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord

LENS = "beyond_the_length"


def page_panels(runs: Sequence[Trained], theme: str) -> list[Panel]:
    """The four charts of a sweep, in reading order."""
    return [
        length_panel(runs, theme),
        course_panel(runs, theme),
        attention_panel(runs, theme),
        kernel_panel(runs, theme),
    ]


def length_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Loss of the last quarter against the window's length, every seed thin, their mean bold with its error."""
    data: list[dict[str, Any]] = []
    notes: list[str] = []
    for kind, records in _read(runs):
        lengths, name = records[0].lengths.tolist(), ENCODING_NAMES[kind]
        mean, error = mean_loss(records)
        for seed, record in zip(seeds(runs, kind), records, strict=True) if len(records) > 1 else ():
            said = f"{name}, seed {seed}<br>{_HOVER}"
            data.append(_line(kind, lengths, record.loss, said, width=1) | {"opacity": 0.5})
        said = f"{name}, mean of {count_of_seeds(len(records))}<br>{_HOVER}<br>%{{customdata}}"
        bold = _line(kind, lengths, mean, said, width=2.6, size=9)
        data.append(bold | {"showlegend": True, "customdata": _errors(records[0], error)})
        notes += [f"{name}: {why}" for why in dict.fromkeys(why for why in records[0].why if why)]
    first = next((run.record for run in runs if run.record is not None), None)
    lengths = [] if first is None else first.lengths.tolist()
    return Panel(
        id="beyond-length",
        title="Loss of the last quarter, against the length of the window",
        figure=drawn(
            theme,
            data,
            xaxis={
                "title": "characters in the window (trained at the first)",
                "type": "log",
                "tickvals": lengths,
                "ticktext": [_times(length, lengths[0]) for length in lengths],
                "minor": {"showgrid": False},
            },
            yaxis="nats per character",
            annotations=[
                words_at(plain(note), 0.01, 0.98 - 0.07 * row, ink(theme).muted, xanchor="left", yanchor="top")
                for row, note in enumerate(notes)
            ],
            showlegend=True,
        ),
        reading=length_reading(runs),
        height=360,
    )


def course_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Loss against the position in the longest window that each encoding reads; upright, where training ended."""
    trained = next((run.record.trained for run in runs if run.record is not None), None)
    data = [
        _line(kind, *course_of(records), f"{ENCODING_NAMES[kind]}<br>about position %{{x:.0f}}: %{{y:.3f}} nats")
        for kind, records in _read(runs)
    ]
    return Panel(
        id="beyond-course",
        title="Loss along the longest window (dotted: the length of training)",
        figure=drawn(
            theme,
            data,
            xaxis={"title": "position in the window", "rangemode": "tozero"},
            yaxis="nats per character",
            shapes=[upright(trained, **stroke(ink(theme).muted, 1.5, "dot"))] if trained else [],
        ),
        reading=course_reading(runs),
        height=360,
    )


def attention_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """Mean attention weight against distance, at T (dotted) and in the longest window (solid)."""
    data = []
    for kind, records in _read(runs):
        away, hover = records[0].distances[1:], f"{ENCODING_NAMES[kind]}, {{}}<br>%{{x}} back: weight %{{y:.3e}}"
        weights = np.mean([record.attention for record in records], axis=0)[:, 1:]
        at_T, longest = np.where(weights > 0, weights, np.nan)
        data.append(_line(kind, away, at_T, hover.replace("{}", "at T"), width=1.6, dash="dot"))
        if reads_on(records[0]):
            said = hover.replace("{}", "in the longest window")
            data.append(_line(kind, away, longest, said, dash="solid", size=6))
    return Panel(
        id="beyond-attention",
        title="Attention against distance (dotted: at T, solid: in the longest window)",
        figure={"data": data, "layout": _by_distance(theme, "mean weight", log=True)},
        reading=attention_reading(runs),
        height=320,
    )


def kernel_panel(runs: Sequence[Trained], theme: str) -> Panel:
    """What each encoding alone says of two tokens d apart."""
    data = []
    for kind, records in _read(runs):
        values = np.mean([record.kernel for record in records], axis=0)[1:]
        data.append(
            _line(kind, records[0].distances[1:], values, f"{ENCODING_NAMES[kind]}<br>%{{x}} apart: %{{y:.3f}}")
        )
    return Panel(
        id="beyond-kernel",
        title="The encoding's own kernel: how alike two positions are",
        figure={"data": data, "layout": _by_distance(theme, "kernel, 1 at distance 0", log=False)},
        reading=kernel_reading(runs),
        height=320,
    )


# -- one run while it learns ------------------------------------------------------------------


def panels(run: Run, theme: str) -> list[Panel]:
    """All figures of this lens for one run."""
    seen, colour = Seen(LENS), ATTENTION

    def curve(x: str, y: Slot, said: str, mode: str = "lines", line: dict[str, Any] | None = None) -> dict[str, Any]:
        return scatter(mode, x=seen(x), y=y, hover=said, line=line or stroke(colour, 2.4), showlegend=False)

    def panel(name: str, title: str, *curves: dict[str, Any], shape: dict[str, Any]) -> Panel:
        figure, readings = {"data": list(curves), "layout": shape}, (Reading(LENS, name),)
        return Panel(f"{LENS}-{name}-now", title, figure, readings=readings, span=4)

    at_T, longest = seen("attention", 0), seen("attention", 1)
    return [
        panel(
            "length",
            "Loss of the last quarter, against the length of the window",
            curve("lengths", seen("loss"), _HOVER, "lines+markers") | {"marker": {"size": 9}},
            shape=layout(theme, xaxis={"title": "characters in the window", "type": "log"}, yaxis="nats per character"),
        ),
        panel(
            "course",
            "Loss along the longest window",
            curve("places", seen("course"), "about position %{x:.0f}: %{y:.3f} nats"),
            shape=layout(theme, xaxis="position in the window", yaxis="nats per character"),
        ),
        panel(
            "attention",
            "Attention against distance (dotted: at T)",
            curve("distances", at_T, "at T, %{x} back: %{y:.3e}", line=stroke(colour, 1.6, "dot")),
            curve("distances", longest, "longest, %{x} back: %{y:.3e}"),
            shape=_by_distance(theme, "mean weight", log=True),
        ),
        training_panel([run], theme, LENS, span=12, height=240),
    ]


# -- drawing ----------------------------------------------------------------------------------

_HOVER = "%{x} characters: %{y:.3f} nats"


def _errors(record: BeyondTheLengthRecord, errors: Float[np.ndarray, " F"]) -> list[str]:
    """Of each length, the standard error and what it rests on, in words."""
    return [
        f"standard error {error:.3f}, from {blocks} stretches of text"
        if np.isfinite(error)
        else "too little text for a standard error"
        for error, blocks in zip(errors, record.blocks.tolist(), strict=True)
    ]


def _read(runs: Sequence[Trained]) -> list[tuple[str, Sequence[BeyondTheLengthRecord]]]:
    """The encodings of which there are records, and these."""
    return [(kind, records) for kind in kinds(runs) if (records := of_kind(runs, kind))]


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


def _by_distance(theme: str, title: str, *, log: bool) -> dict[str, Any]:
    yaxis: dict[str, Any] = {"title": title}
    if log:
        yaxis |= {"type": "log", "exponentformat": "power", "dtick": 1, "minor": {"showgrid": False}}
    return layout(
        theme,
        xaxis={"title": "distance in tokens", "type": "log", "dtick": 1, "minor": {"showgrid": False}},
        yaxis=yaxis,
    )


def _times(length: int, trained: int) -> str:
    factor = length // trained
    return f"{length} = T" if factor == 1 else f"{length} = {factor}T"
