"""Reading beyond the length of training: loss against length and position, attention and kernel against distance.

Each encoding has a colour, a marker and a dash of its own. Several seeds of one encoding are drawn thin
behind their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.curves import loss_panel as training_panel
from explainer.charts.panel import Panel, Reading, Slot, numbers_for_json
from explainer.charts.theme import ATTENTION, ENCODING_LOOKS, ink, layout, plain
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


def length_panel(runs: Sequence[Trained], theme: str, *, span: int = 6) -> Panel:
    """Loss of the last quarter against the window's length, every seed thin, their mean bold with its error."""
    shade, data = ink(theme), []
    notes: list[str] = []
    for kind in kinds(runs):
        records, look, name = of_kind(runs, kind), ENCODING_LOOKS[kind], ENCODING_NAMES[kind]
        if not records:
            continue
        lengths = records[0].lengths.tolist()
        mean, error = mean_loss(records)
        if len(records) > 1:
            for seed, record in zip(seeds(runs, kind), records, strict=True):
                data.append(
                    _line(kind, lengths, record.loss, width=1, opacity=0.5)
                    | {"hovertemplate": f"{name}, seed {seed}<br>{_HOVER}<extra></extra>"}
                )
        data.append(
            _line(kind, lengths, mean, width=2.6)
            | {"mode": "lines+markers", "showlegend": True, "customdata": _errors(records[0], error)}
            | {"marker": {"symbol": look.symbol, "size": 9, "color": look.colour}}
            | {"hovertemplate": f"{name}, mean of {count_of_seeds(len(records))}<br>{_HOVER}<br>%{{customdata}}<extra></extra>"}
        )  # fmt: skip
        missing = dict.fromkeys(why for why in records[0].why if why)
        notes += [f"{name}: {why}" for why in missing]
    first = next((run.record for run in runs if run.record is not None), None)
    lengths = [] if first is None else first.lengths.tolist()
    return Panel(
        id="beyond-length",
        title="Loss of the last quarter, against the length of the window",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={
                    "title": {"text": "characters in the window (trained at the first)"},
                    "type": "log",
                    "tickvals": lengths,
                    "ticktext": [_times(length, lengths[0]) for length in lengths],
                    "minor": {"showgrid": False},
                },
                yaxis={"title": {"text": "nats per character"}},
                annotations=[
                    {"xref": "paper", "yref": "paper", "x": 0.01, "y": 0.98 - 0.07 * row, "xanchor": "left"}
                    | {"yanchor": "top", "showarrow": False, "text": plain(note)}
                    | {"font": {"size": 11, "color": shade.muted}}
                    for row, note in enumerate(notes)
                ],
                showlegend=True,
            ),
        },
        reading=length_reading(runs),
        span=span,
        height=360,
    )


def course_panel(runs: Sequence[Trained], theme: str, *, span: int = 6) -> Panel:
    """Loss against the position in the longest window that each encoding reads; upright, where training ended."""
    shade, data = ink(theme), []
    trained = next((run.record.trained for run in runs if run.record is not None), None)
    for kind in kinds(runs):
        records = of_kind(runs, kind)
        if records:
            places, course = course_of(records)
            data.append(
                _line(kind, places, course, width=2.4)
                | {
                    "hovertemplate": f"{ENCODING_NAMES[kind]}<br>about position %{{x:.0f}}: %{{y:.3f}} nats<extra></extra>"
                }
            )
    upright = {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": shade.muted, "width": 1.5, "dash": "dot"},
    }
    return Panel(
        id="beyond-course",
        title="Loss along the longest window (dotted: the length of training)",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "position in the window"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "nats per character"}},
                shapes=[upright | {"x0": trained, "x1": trained}] if trained else [],
            ),
        },
        reading=course_reading(runs),
        span=span,
        height=360,
    )


def attention_panel(runs: Sequence[Trained], theme: str, *, span: int = 6) -> Panel:
    """Mean attention weight against distance, at T (dotted) and in the longest window (solid)."""
    data = []
    for kind in kinds(runs):
        records, name = of_kind(runs, kind), ENCODING_NAMES[kind]
        if not records:
            continue
        weights = np.mean([record.attention for record in records], axis=0)
        for row, (where, dash, width) in enumerate((("at T", "dot", 1.6), ("in the longest window", "solid", 2.4))):
            if row and not reads_on(records[0]):
                continue
            line = _line(kind, records[0].distances[1:], _positive(weights[row, 1:]), width=width)
            line["line"] |= {"dash": dash}
            if row:
                look = ENCODING_LOOKS[kind]
                line |= {"mode": "lines+markers", "marker": {"symbol": look.symbol, "size": 6, "color": look.colour}}
            data.append(line | {"hovertemplate": f"{name}, {where}<br>%{{x}} back: weight %{{y:.3e}}<extra></extra>"})
    return Panel(
        id="beyond-attention",
        title="Attention against distance (dotted: at T, solid: in the longest window)",
        figure={"data": data, "layout": _by_distance(theme, "mean weight", log=True)},
        reading=attention_reading(runs),
        span=span,
        height=320,
    )


def kernel_panel(runs: Sequence[Trained], theme: str, *, span: int = 6) -> Panel:
    """What each encoding alone says of two tokens d apart."""
    data = []
    for kind in kinds(runs):
        records = of_kind(runs, kind)
        if records:
            values = np.mean([record.kernel for record in records], axis=0)
            data.append(
                _line(kind, records[0].distances[1:], values[1:], width=2.4)
                | {"hovertemplate": f"{ENCODING_NAMES[kind]}<br>%{{x}} apart: %{{y:.3f}}<extra></extra>"}
            )
    return Panel(
        id="beyond-kernel",
        title="The encoding's own kernel: how alike two positions are",
        figure={"data": data, "layout": _by_distance(theme, "kernel, 1 at distance 0", log=False)},
        reading=kernel_reading(runs),
        span=span,
        height=320,
    )


# -- one run while it learns ------------------------------------------------------------------


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run."""
    colour = ATTENTION

    def curve(
        x: str, y: str, index: tuple[int, ...] = (), **more: Any
    ) -> tuple[dict[str, Any], list[tuple[str, str, tuple[int, ...]]]]:
        trace = {"type": "scatter", "mode": "lines", "line": {"color": colour, "width": 2.4}, "showlegend": False}
        return trace | more, [("x", x, ()), ("y", y, index)]

    def panel(name: str, title: str, curves: Sequence[Any], shape: dict[str, Any], span: int) -> Panel:
        slots = tuple(
            Slot(f"data.{number}.{place}", lens=LENS, name=source, index=index)
            for number, (_, sources) in enumerate(curves)
            for place, source, index in sources
        )
        figure = {"data": [trace for trace, _ in curves], "layout": shape}
        readings = (Reading(LENS, name),)
        return Panel(
            id=f"{LENS}-{name}-now", title=title, figure=figure, slots=slots, readings=readings, span=span, height=300
        )

    nats = {"title": {"text": "nats per character"}}
    dotted = {"line": {"color": colour, "width": 1.6, "dash": "dot"}}
    return [
        panel(
            "length",
            "Loss of the last quarter, against the length of the window",
            [curve("lengths", "loss", mode="lines+markers", marker={"size": 9}, hovertemplate=f"{_HOVER}<extra></extra>")],
            layout(theme, xaxis={"title": {"text": "characters in the window"}, "type": "log"}, yaxis=nats),
            4,
        ),
        panel(
            "course",
            "Loss along the longest window",
            [curve("places", "course", hovertemplate="about position %{x:.0f}: %{y:.3f} nats<extra></extra>")],
            layout(theme, xaxis={"title": {"text": "position in the window"}}, yaxis=nats),
            4,
        ),
        panel(
            "attention",
            "Attention against distance (dotted: at T)",
            [
                curve("distances", "attention", (0,), **dotted, hovertemplate="at T, %{x} back: %{y:.3e}<extra></extra>"),
                curve("distances", "attention", (1,), hovertemplate="longest, %{x} back: %{y:.3e}<extra></extra>"),
            ],
            _by_distance(theme, "mean weight", log=True),
            4,
        ),
        training_panel([run], theme, LENS, span=12, height=240),
    ]  # fmt: skip


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


def _line(kind: str, x: Any, y: Any, *, width: float, opacity: float = 1.0) -> dict[str, Any]:
    look = ENCODING_LOOKS[kind]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": ENCODING_NAMES[kind],
        "legendgroup": kind,
        "showlegend": False,
        "x": numbers_for_json(x),
        "y": numbers_for_json(y),
        "opacity": opacity,
        "line": {"color": look.colour, "width": width, "dash": look.dash},
    }


def _by_distance(theme: str, title: str, *, log: bool) -> dict[str, Any]:
    yaxis: dict[str, Any] = {"title": {"text": title}}
    if log:
        yaxis |= {"type": "log", "exponentformat": "power", "dtick": 1, "minor": {"showgrid": False}}
    return layout(
        theme,
        xaxis={"title": {"text": "distance in tokens"}, "type": "log", "dtick": 1, "minor": {"showgrid": False}},
        yaxis=yaxis,
    )


def _positive(values: Float[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    return np.where(values > 0, values, np.nan)


def _times(length: int, trained: int) -> str:
    factor = length // trained
    return f"{length} = T" if factor == 1 else f"{length} = {factor}T"
