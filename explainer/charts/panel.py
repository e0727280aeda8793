"""A panel: one figure, the slots in it that a moment of training fills, and its reading.

A figure is defined once, here in Python. What moves is only arrays: a `Slot` names a place in
plotly's JSON (`data.0.z`) and where its value comes from; it may stand at that place. The player fills
slots in the browser, `fill` does the same in Python for the fallback page and for exported files.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from explainer.charts.references import stack
from explainer.charts.theme import plain

_ASKS = re.compile(r"<br>click [^<]*")
MOSAIC_CELLS = 1000  # of all maps side by side, at most: there are not many more pixels


Kind = Literal[
    "frame",
    "labels",
    "across",
    "history",
    "asked",
    "series",
    "rates",
    "lowest",
    "context",
    "project",
    "mosaic",
    "own",
    "step",
]


@dataclass(frozen=True)
class Slot:
    """A place in a figure, which is known (`to`) where the slot stands in it, and where its value comes from.

    Kinds, each for the run number `run` (or the run that a selection of that name has):
        frame: array `name` of the lens's record at the moment, under the leading `index`.
        labels: the texts `name` of that record; with an `index`, one of them.
        across: all of these texts in every row of a square table (`transpose`: in every column), for hovering.
        history: that array over all frames of the tape (`name="step"`: their steps), a row each.
        asked: the same over what the lens saw on the viewer's own input so far; nothing where none is asked.
        series: the metric `name` over all training steps.
        rates: where the learning rate was set by hand, as points of one trace: `name` is one of x, y, text, hover, side.
        lowest: where the metric `name` was lowest until the moment, its value or ("name:step") its step: one or none.
        context: an array computed over the whole tape (ranges, a basis); a range with `covers` is widened to that
            array of every answer on the own input.
        project: states (.., T, N) on axis `column` of the tape's fixed basis.
        mosaic: (L, H, T, T) as one table with `gap` empty cells between the maps; large maps are made
            coarser (`mosaic_cell`).
        own: array `name` of the panel itself; the index "place" is where a scan stands.
        step: the moment itself; in a scan, the place.
    """

    to: str
    kind: Kind = "frame"
    run: int | str = 0
    lens: str = ""
    name: str = ""
    index: tuple[int | str, ...] = ()  # a number, or the name of a selection such as "head"
    column: int = 0
    gap: int = 0
    transpose: bool = False
    log: bool = False  # frame and history: log10 of the values, a gap where there is none
    covers: str = ""


@dataclass(frozen=True)
class Reading:
    """Which sentence belongs under the panel: `name` among the notes of the lens's record, else of its history."""

    lens: str
    name: str
    run: int | str = 0


@dataclass(frozen=True)
class Panel:
    """One figure of a page, in plotly's JSON, with everything that the player needs to move it.

    Slots that stand in `figure` move to `slots`.
    """

    id: str
    title: str
    figure: dict[str, Any]  # {"data": [...], "layout": {...}}
    slots: tuple[Slot, ...] = ()
    readings: tuple[Reading, ...] = ()
    reading: str = ""  # the sentence when it does not depend on a tape
    reading_index: tuple[str, ...] = ()  # selections that the reading depends on
    source: str = ""  # where its numbers come from when it has no tape, see `charts.source`
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # for slots of kind `own`
    span: int = 6  # of twelve columns
    rows: int = 1  # rows of panels that it is as tall as
    height: int = 300  # pixels
    click: dict[str, Any] = field(default_factory=dict)
    hint: str = ""  # behind the title where the figure can be clicked

    def __post_init__(self) -> None:
        found: list[Slot] = []
        object.__setattr__(self, "figure", _without_slots(self.figure, "", found))
        object.__setattr__(self, "slots", (*self.slots, *found))

    def to_player(self) -> dict[str, Any]:
        """The panel as the component's data."""
        return {
            "id": self.id,
            "name": self.title,
            "title": f"{self.title}: {self.hint}" if self.hint else self.title,
            **self.figure,
            "slots": [asdict(slot) for slot in self.slots],
            "readings": [asdict(reading) for reading in self.readings],
            "reading": self.reading,
            "reading_index": list(self.reading_index),
            "source": self.source,
            "arrays": {name: packed(array) for name, array in self.arrays.items()},
            "span": self.span,
            "rows": self.rows,
            "height": self.height,
            "click": self.click or None,
        }


def _without_slots(part: Any, path: str, found: list[Slot]) -> Any:
    """A part of a figure without the slots in it, which are `found` with their places."""
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return [_without_slots(each, f"{path}{number}.", found) for number, each in enumerate(part)]
    if not isinstance(part, dict):
        return part
    found += [replace(slot, to=f"{path}{name}") for name, slot in part.items() if isinstance(slot, Slot)]
    kept = {name: each for name, each in part.items() if not isinstance(each, Slot)}
    return {name: _without_slots(each, f"{path}{name}.", found) for name, each in kept.items()}


@dataclass(frozen=True)
class Notes:
    """What the interface adds to a record: sentences, and arrays and labels derived for the figures.

    A reading is one sentence, or one for each value of the panel's selections ("0,3": sentence).
    """

    readings: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """Where a record stands: its run's meta data, its step and the metrics until then.

    `asked`: the record is of the viewer's own input, not of the tape's batch.
    """

    meta: Mapping[str, Any]
    step: int
    metrics: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    asked: bool = False

    def metric(self, name: str) -> float:
        """The metric's last value at or before this step; NaN when there is none."""
        values = self.until_now(name)[1]
        return float(values[-1]) if len(values) else float("nan")

    def until_now(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Steps at or before this one at which the metric was measured, and its values there."""
        values = self.metrics.get(name)
        steps = self.metrics.get(f"{name}:step", self.metrics.get("step"))
        if values is None or steps is None:
            return np.empty(0), np.empty(0)
        count = int(np.searchsorted(steps, self.step, side="right"))
        return steps[:count], values[:count]


@dataclass(frozen=True)
class Frame:
    """One recorded view: what `fill` needs of it."""

    step: int
    arrays: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]
    readings: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reel:
    """One run's frames by lens, its metrics, and by lens the arrays and the sentences over the whole tape.

    `answers` are what lenses saw on the viewer's own input; each is shown in the place of the tape's frames. `rates` are
    the learning rates that were set by hand: after how many updates, and which, in words.
    """

    frames: Mapping[str, Sequence[Frame]]
    metrics: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    answers: Mapping[str, Frame] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str | Mapping[str, str]]] = field(default_factory=dict)
    rates: Sequence[tuple[int, str]] = ()
    name: str = ""  # of the network
    status: str = "done"  # of the run

    def at(self, lens: str, step: int) -> Frame | None:
        """The last frame at or before `step`; the first one when all are later."""
        if lens in self.answers:
            return self.answers[lens]
        frames = self.frames.get(lens, ())
        if not frames:
            return None
        return frames[max(0, bisect_right([frame.step for frame in frames], step) - 1)]

    def asked(self, lens: str) -> Sequence[Frame]:
        """What the lens saw on the viewer's own input."""
        return [self.answers[lens]] if lens in self.answers else []


def fill(panel: Panel, reels: Sequence[Reel], step: int, selection: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The panel's figure at a step, in plotly's JSON: what the player draws, computed in Python."""
    figure = copy.deepcopy(panel.figure)
    for slot in panel.slots:
        value = slot_value(slot, reels, step, selection or {}, panel.arrays)
        if value is not None:
            _put(figure, slot.to, value)
    stack(figure, panel.height)
    return figure


def unclickable(figure: dict[str, Any]) -> dict[str, Any]:
    """A filled figure without words that ask for a click, for where nothing answers one."""
    for trace in figure["data"]:
        if "hovertemplate" in trace:
            trace["hovertemplate"] = _ASKS.sub("", trace["hovertemplate"])
    return figure


def reading_at(panel: Panel, reels: Sequence[Reel], step: int, selection: Mapping[str, int] | None = None) -> str:
    """The panel's sentence at a step; of several runs, a line each."""
    sentences = []
    for reading in panel.readings:
        reel = reel_at(reels, reading.run, selection or {})
        frame = reel.at(reading.lens, step)
        over_all = reel.words.get(reading.lens, {}).get(reading.name, "")
        sentence = frame.readings.get(reading.name, over_all) if frame else ""
        if not isinstance(sentence, str):
            sentence = sentence.get(",".join(str((selection or {}).get(name, 0)) for name in panel.reading_index), "")
        sentences.append(sentence)
    return "\n".join(filter(None, sentences)) or panel.reading


def still(panel: Panel, reels: Sequence[Reel], step: int = 0) -> Panel:
    """The panel at one moment, for a page that shows no other: filled, without slots."""
    reading = reading_at(panel, reels, step)
    return replace(panel, figure=fill(panel, reels, step), slots=(), readings=(), reading=reading)


def slot_value(
    slot: Slot,
    reels: Sequence[Reel],
    step: int,
    selection: Mapping[str, int],
    own: Mapping[str, NDArray[Any]] | None = None,
) -> Any:
    """What a slot asks for at a step, or None when the tape has none of it yet."""
    index = tuple(selection.get(at, 0) if isinstance(at, str) else at for at in slot.index)
    if slot.kind == "step":
        return step
    if slot.kind == "own":
        return _nested(_under((own or {})[slot.name], index))
    reel = reel_at(reels, slot.run, selection)
    if slot.kind == "series":
        return _nested(reel.metrics.get(slot.name))
    if slot.kind == "lowest":
        return _lowest(reel.metrics, slot.name, step)
    if slot.kind == "rates":
        steps = reel.metrics.get("step", np.zeros(0))
        return rate_points(reel.rates, float(steps[-1]) if len(steps) else 0.0, slot.name)
    if slot.kind == "context":
        found = reel.contexts.get(slot.lens, {}).get(slot.name)
        if found is None:
            return None
        answers = reel.asked(slot.lens) if slot.covers else []
        return _nested(covering(_under(found, index), [_under(frame.arrays[slot.covers], index) for frame in answers]))
    if slot.kind in ("history", "asked"):
        frames = reel.frames.get(slot.lens, ()) if slot.kind == "history" else reel.asked(slot.lens)
        if slot.name == "step":
            return [frame.step for frame in frames]
        rows = [
            _nested(_scaled(_under(frame.arrays[slot.name], index), slot)) if slot.name in frame.arrays else math.nan
            for frame in frames
        ]
        return [list(column) for column in zip(*rows, strict=False)] if slot.transpose else rows
    frame = reel.at(slot.lens, step)
    if frame is None:
        return None
    if slot.kind == "across":
        across = [plain(label) for label in frame.labels.get(slot.name, ())]
        return [[label] * len(across) if slot.transpose else across for label in across]
    if slot.kind == "labels":
        labels = frame.labels.get(slot.name)
        if labels is None or not index:
            return None if labels is None else [plain(label) for label in labels]
        return plain(labels[min(index[0], len(labels) - 1)])
    array = frame.arrays.get(slot.name)
    if array is None:
        return None
    if slot.kind == "mosaic":
        return _nested(mosaic(array, slot.gap))
    if slot.kind == "project":
        context = reel.contexts.get(slot.lens)
        if context is None:
            return None
        return _nested(projected(_under(array, index), context["mean"], context["basis"][slot.column]))
    assert slot.kind == "frame", slot.kind
    value = _scaled(_under(array, index), slot)
    return _nested(value.T if slot.transpose else value)


def _lowest(metrics: Mapping[str, NDArray[Any]], name: str, step: int) -> list[float]:
    """The lowest finite value of a metric at or before a step, or its step: the first of several, or none."""
    metric = name.removesuffix(":step")
    steps, values = metrics.get(f"{metric}:step"), metrics.get(metric)
    if steps is None or values is None:
        return []
    known = np.flatnonzero((steps <= step) & np.isfinite(values))
    if not len(known):
        return []
    at = known[np.argmin(values[known])]
    return [float(metrics[name][at])]


def rate_points(rates: Sequence[tuple[int, str]], last: float, name: str) -> list[Any]:
    """An upright line for each learning rate, from 0 to 1, with a label that none of its neighbours covers; then a gap.

    Args:
        rates: after how many updates, and which, in words.
        last: the chart's last step, so that a label stands on the side with room for it.
        name: x, y, text, hover or side of the points.
    """
    points: list[Any] = []
    for number, (step, lr) in enumerate(rates):
        line: dict[str, list[Any]] = {
            "x": [step, step, step, None],
            "y": [0, 1 - 0.12 * (number % 4), 1, None],
            "text": ["", f"\u00a0lr {lr}\u00a0", "", ""],
            "hover": [f"learning rate {lr} after step {step}"] * 4,
            "side": [f"bottom {'left' if step > last / 2 else 'right'}"] * 4,
        }
        points += line[name]
    return points


def projected(states: NDArray[Any], mean: NDArray[Any], axis: NDArray[Any]) -> NDArray[np.float64]:
    """(state - mean) . axis of (.., T, N) states, added up in the order of the units as the player does it."""
    terms = (states.astype(np.float64) - mean) * axis.astype(np.float64)
    return sum(np.moveaxis(terms, -1, 0), start=np.zeros(terms.shape[:-1]))


def covering(ends: NDArray[Any], values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """A range, widened where finite values lie beyond it, with a twentieth of it to spare there."""
    ends = ends.astype(np.float64)
    known = np.concatenate([np.zeros(0), *(np.ravel(each) for each in values)])
    known = known[np.isfinite(known)]
    if not len(known):
        return ends
    low, high = min(ends[0], known.min()), max(ends[1], known.max())
    room = 0.05 * (high - low)
    return np.array([low - room if low < ends[0] else low, high + room if high > ends[1] else high])


def mosaic_cell(L: int, H: int, T: int, S: int) -> int:
    """How many positions, in both directions, share one cell of a mosaic."""
    return max(1, -(-max(L * T, H * S) // MOSAIC_CELLS))


def mosaic(maps: NDArray[Any], gap: int) -> NDArray[Any]:
    """All layers x heads of (L, H, T, S) as one table, `gap` NaN cells between the maps.

    Where positions share a cell it has the largest of their values.
    """
    cell = mosaic_cell(*maps.shape)
    for axis in (2, 3) if cell > 1 else ():
        maps = np.maximum.reduceat(maps, np.arange(0, maps.shape[axis], cell), axis=axis)
    L, H, T, S = maps.shape
    table = np.full((L, T + gap, H, S + gap), np.nan, np.float32)
    table[:, :T, :, :S] = maps.swapaxes(1, 2)
    rows, columns = L * (T + gap), H * (S + gap)
    return table.reshape(rows, columns)[: rows - gap, : columns - gap]


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """An array for the component's data: its shape, and float32 little-endian in base64."""
    body = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "body": base64.b64encode(body).decode()}


def reel_at(reels: Sequence[Reel], run: int | str, selection: Mapping[str, int]) -> Reel:
    """The reel of run number `run`, or of the run that the selection of that name has."""
    return reels[min(selection.get(run, 0) if isinstance(run, str) else run, len(reels) - 1)]


def _under(array: NDArray[Any], index: tuple[int, ...]) -> NDArray[Any]:
    for at in index:
        array = array[min(at, len(array) - 1)]
    return array


def _scaled(array: NDArray[Any], slot: Slot) -> NDArray[Any]:
    """The array, or log10 of it, to 32 bits: NaN, a gap, for what has none or is not finite."""
    if not slot.log:
        return array
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(array) & (array > 0), np.log10(array, dtype=np.float64), np.nan).astype(np.float32)


def numbers_for_json(values: Any) -> Any:
    """Numbers of any shape as JSON has them, which has neither NaN nor infinities: None for what is not finite."""
    array = np.asarray(values)
    return np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()


def _nested(array: NDArray[Any] | None) -> Any:
    return None if array is None else np.asarray(array).tolist()


def _put(figure: dict[str, Any], path: str, value: Any) -> None:
    """Set `data.0.z` or `layout.xaxis.ticktext` in plotly's JSON."""
    *names, last = path.split(".")
    place: Any = figure
    for name in names:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value


def labels_of(text: Mapping[str, str]) -> dict[str, list[str]]:
    """The lists of labels among a chunk's texts (each a JSON array)."""
    return {name: json.loads(value) for name, value in text.items() if value.startswith("[")}
