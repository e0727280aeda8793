"""Reading beyond the length of training: loss against length and position, attention and kernel against distance.

Each encoding has a colour, a marker and a dash of its own. Several seeds of one encoding are drawn thin
behind their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.figures.curves import loss_panel as training_panel
from explainer.figures.curves import loss_reading
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot
from explainer.figures.theme import ENCODING_LOOKS, ENCODING_NAMES, FAMILY_COLOURS, ink, layout, plain
from explainer.records import BeyondRecord

LENS = "beyond"
FLAT = 0.1  # nats by which the loss at 8T may differ from that at T and still count as flat
BREAKS = 0.7  # nats from which it is broken


@dataclass(frozen=True)
class Trained:
    """One run of the page: what it saw after its last update, None before that."""

    kind: str
    seed: int
    record: BeyondRecord | None


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
            | {"mode": "lines+markers", "showlegend": True, "customdata": _listed(error)}
            | {"marker": {"symbol": look.symbol, "size": 9, "color": look.colour}}
            | {"hovertemplate": f"{name}, mean of {_seeds(len(records))}<br>{_HOVER}<br>standard error over the windows "
               "%{customdata:.3f}<extra></extra>"}
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
    colour = FAMILY_COLOURS["transformer"]

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


def notes(record: BeyondRecord, moment: Moment) -> Notes:
    """The sentences of one look beyond the length of training."""
    if moment.asked:
        return Notes(readings={**own_readings(record), "loss": loss_reading(moment)})
    one = [Trained(record.kind, 0, record)]
    return Notes(
        readings={
            "length": length_reading(one),
            "course": course_reading(one),
            "attention": attention_reading(one),
            "loss": loss_reading(moment),
        }
    )


# -- what the charts stand on -----------------------------------------------------------------


def kinds(runs: Sequence[Trained]) -> list[str]:
    """The encodings, in the order in which they come."""
    return list(dict.fromkeys(run.kind for run in runs))


def of_kind(runs: Sequence[Trained], kind: str) -> list[BeyondRecord]:
    """The records of one encoding that are there, by seed."""
    found = [run for run in runs if run.kind == kind and run.record is not None]
    return [run.record for run in sorted(found, key=lambda run: run.seed) if run.record is not None]


def seeds(runs: Sequence[Trained], kind: str) -> list[int]:
    """The seeds of the records of one encoding."""
    return sorted(run.seed for run in runs if run.kind == kind and run.record is not None)


def mean_loss(records: Sequence[BeyondRecord]) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Mean over the seeds, and of the standard errors over the windows, which all seeds share."""
    return np.mean([record.loss for record in records], axis=0), np.mean([record.error for record in records], axis=0)


def course_of(records: Sequence[BeyondRecord]) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean loss along the longest window over the seeds, each point of at least T/4 positions."""
    course, places = np.mean([record.course for record in records], axis=0), records[0].places
    longest = records[0].distances[-1] + 1
    group = max(1, round(records[0].trained / 4 * len(places) / longest))
    starts = np.arange(0, len(places), group)
    counts = np.diff(np.append(starts, len(places)))
    return np.add.reduceat(places, starts) / counts, np.add.reduceat(course, starts) / counts


def reads_on(record: BeyondRecord) -> bool:
    """Whether it reads any window longer than those of training."""
    return bool(record.distances[-1] >= record.trained)


def verdict(record: BeyondRecord) -> str:
    """In a word what becomes of the loss from T to the longest window that is read."""
    known = record.loss[np.isfinite(record.loss)]
    if len(known) < 2 or not math.isfinite(record.loss[0]):
        return "nothing to compare"
    rise = float(known[-1] - known[0])
    if rise < FLAT:
        return "flat"
    return "breaks" if rise >= BREAKS else "degrades"


# -- readings ---------------------------------------------------------------------------------


def length_reading(runs: Sequence[Trained]) -> str:
    """A sentence for each encoding, best first: the loss at T and at the longest window, and how many seeds say the same."""
    said: list[tuple[float, str]] = []
    for kind in kinds(runs):
        records = of_kind(runs, kind)
        if records:
            rise, sentence = _from_to(ENCODING_NAMES[kind], records)
            said.append((rise, sentence))
    if not said:
        return "No run has ended yet."
    return f"{'; '.join(sentence for _, sentence in sorted(said, key=lambda pair: pair[0]))} (nats per character)."


def _from_to(name: str, records: Sequence[BeyondRecord]) -> tuple[float, str]:
    mean, _ = mean_loss(records)
    record, known = records[0], np.flatnonzero(np.isfinite(mean))
    if not len(known) or known[0] != 0:
        return math.inf, f"{name}: not a finite number at T = {record.trained}"
    end = int(known[-1])
    if end == 0:
        why = next((why for why in record.why if why), "the loss beyond is not a finite number")
        return math.inf, f"{name} {mean[0]:.2f} at T = {record.trained}, {why}"
    rise = float(mean[end] - mean[0])
    found = [verdict(each) for each in records]
    most = max(dict.fromkeys(found), key=found.count)
    agree = f", {most}" if len(records) == 1 else f", {most} in {found.count(most)} of {_seeds(len(records))}"
    return (
        rise,
        f"{name} {mean[0]:.2f} at {record.lengths[0]} and {mean[end]:.2f} at {record.lengths[end]} ({rise:+.2f}{agree})",
    )


def course_reading(runs: Sequence[Trained]) -> str:
    """One sentence: of each encoding, by how much the loss after position T exceeds the one in the half before it."""
    return _each(runs, _step_at_end, "Mean loss after position T against the second half of the first T: ")


def _step_at_end(records: Sequence[BeyondRecord]) -> str:
    trained, places = records[0].trained, records[0].places
    course = np.mean([record.course for record in records], axis=0)
    before, after = (places >= trained / 2) & (places < trained), places >= trained
    if not before.any() or not np.isfinite(course).all():
        return "no number"
    if not after.any():
        return "no such position"
    return f"{course[after].mean() - course[before].mean():+.2f}"


def own_readings(record: BeyondRecord) -> dict[str, str]:
    """The sentences where the record is of a text of the viewer's own."""
    T, count = record.trained, len(record.course)
    known = [
        f"{_finite(loss)} in its first {length}"
        for length, loss, why in zip(record.lengths.tolist(), record.loss, record.why, strict=True)
        if not why
    ]
    missing = next(
        (
            f"{each} or more: {'it ' if why.startswith('has') else ''}{why}"
            for each, why in zip(record.lengths, record.why, strict=True)
            if why
        ),
        "",
    )
    said = f"{', '.join(known)} (nats per character)" if known else "no window of T fits"
    end = f". None at {missing}." if missing else "."
    within, beyond = record.course[:T], record.course[T:]
    read = f"Your own text, {count} {'character' if count == 1 else 'characters'} foretold: {_finite(within.mean())} nats per character"
    if len(beyond):
        course = f"{read} in the first T = {T}, {_finite(beyond.mean())} beyond."
    elif record.kind == "learned" and count == T:
        course = f"{read}; learned positions have no rows beyond T = {T}, so no more is read."
    else:
        course = f"{read}; it ends within T = {T}, so there is no beyond."
    near, far = record.looked
    looked = f"{near:.1f} at T and {far:.1f} in all of it" if len(beyond) else f"{far:.1f}"
    attention = f"Tokens back, on average, in your own text: {looked}." if math.isfinite(far) else "No attention."
    return {"length": f"Last quarter of your own text: {said}{end}", "course": course, "attention": attention}


def _finite(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "not a finite number"


def attention_reading(runs: Sequence[Trained]) -> str:
    """One sentence: how far back the heads of each encoding look on average, at T and in the longest window."""
    return _each(runs, _how_far, "Tokens back, on average, at T and in the longest window: ")


def _how_far(records: Sequence[BeyondRecord]) -> str:
    near, far = np.mean([record.looked for record in records], axis=0)
    if not (math.isfinite(near) and math.isfinite(far)):
        return "no attention"
    if not reads_on(records[0]):
        return f"{near:.1f}, and there is no longer window"
    return f"{near:.1f} and {far:.1f}"


def kernel_reading(runs: Sequence[Trained]) -> str:
    """One sentence: what is left of each kernel at distance T/2 and at the farthest."""
    return _each(runs, _left, "Left of it at distance T/2, and at the farthest: ")


def _left(records: Sequence[BeyondRecord]) -> str:
    values = np.mean([record.kernel for record in records], axis=0)
    distances = records[0].distances
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return "nothing"
    half = known[np.abs(distances[known] - records[0].trained / 2).argmin()]
    return f"{values[half]:.2f} and {values[known[-1]]:.2f}"


def _each(runs: Sequence[Trained], say: Callable[[Sequence[BeyondRecord]], str], begin: str) -> str:
    found = [f"{ENCODING_NAMES[kind]} {say(of_kind(runs, kind))}" for kind in kinds(runs) if of_kind(runs, kind)]
    return f"{begin}{'; '.join(found)}." if found else "No run has ended yet."


# -- drawing ----------------------------------------------------------------------------------

_HOVER = "%{x} characters: %{y:.3f} nats"


def _line(kind: str, x: Any, y: Any, *, width: float, opacity: float = 1.0) -> dict[str, Any]:
    look = ENCODING_LOOKS[kind]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": ENCODING_NAMES[kind],
        "legendgroup": kind,
        "showlegend": False,
        "x": _listed(x),
        "y": _listed(y),
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


def _listed(values: Any) -> list[float | None]:
    """Numbers for a browser, whose JSON has no NaN."""
    return [float(value) if math.isfinite(value) else None for value in np.asarray(values, dtype=np.float64)]


def _times(length: int, trained: int) -> str:
    factor = length // trained
    return f"{length} = T" if factor == 1 else f"{length} = {factor}T"


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"
