"""A text of the viewer's own under every encoding of a sweep: the loss along it, and character by character.

The record is that of the lens `beyond_the_length`, whose `course` then has a loss for each character that is foretold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Panel, numbers_for_json
from explainer.charts.theme import ink, plain, stroke, upright
from explainer.charts.traces import coloured, drawn, heatmap
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.notes import Trained, by_kind, mean
from explainer.lenses.beyond_the_length.panels import course_panel
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.theory.characters import visible
from explainer.theory.ties import first_largest

FEW = 64  # characters that have a label each


def panels(runs: Sequence[Trained], text: str, theme: str) -> list[Panel]:
    """Both charts.

    Args:
        runs: what each network saw of the text, `Trained.record`.
        text: what was read, as typed.
    """
    title = "Loss along your own text (dotted: the length of training)"
    along = replace(course_panel(runs, theme), id="own-course", title=title, reading=course_reading(runs))
    return [along, characters_panel(runs, text, theme)]


def characters_panel(runs: Sequence[Trained], text: str, theme: str) -> Panel:
    """-ln p of each character, a row for each encoding (the mean over its seeds), a column for each character."""
    text = text.replace("\r\n", "\n")
    table = courses(runs)
    count = table.shape[1]
    said = [plain(visible(character)) for character in text[1 : count + 1]]
    trained = next((run.record.trained for run in runs if run.record), 0)
    labels = {"tickmode": "array", "tickvals": list(range(count)), "ticktext": said} if count <= FEW else {}
    finite = table[np.isfinite(table)]
    heat = heatmap(
        z=numbers_for_json(table),
        x=list(range(count)),
        y=[ENCODING_NAMES[kind] for kind in by_kind(runs)],
        **coloured("nats", 0, float(finite.max(initial=1e-6)) if finite.size else 1.0),
        text=[said] * len(table),
        hover="%{y}: foretells “%{text}”<br>after %{x} and one more: %{z:.3f} nats",
    )
    end = upright(trained - 0.5, **stroke(ink(theme).text, 1.5, "dot"))
    return Panel(
        id="own-characters",
        title="How surprising each of its characters is",
        figure=drawn(
            theme,
            [heat],
            xaxis={"title": "position in the text", "showgrid": False, **labels},
            yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
            shapes=[end] if count > trained > 0 else [],
            margin={"l": 78, "r": 14, "t": 10, "b": 44},
        ),
        reading=characters_reading(runs, text),
        height=360,
    )


def courses(runs: Sequence[Trained]) -> Float[np.ndarray, "kinds P"]:
    """The loss of each character under each encoding, a mean over the seeds; NaN where it does not read so far."""
    rows = [mean(records, "course") for records in by_kind(runs).values()]
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for row, course in zip(table, rows, strict=True):
        row[: len(course)] = course
    return table


def halves(record: BeyondTheLengthRecord) -> tuple[float, float]:
    """Mean loss of the characters foretold from within the first T, and from beyond; NaN where there are none."""
    within = record.places < record.trained
    return _mean(record.course[within]), _mean(record.course[~within])


def course_reading(runs: Sequence[Trained]) -> str:
    """One sentence: of each encoding, best first, the mean loss in the first T characters and beyond."""
    found = by_kind(runs)
    if not found:
        return "No network has read it."
    said: list[tuple[list[float], str]] = []
    for kind, records in found.items():
        within, beyond = (float(np.mean(each)) for each in zip(*map(halves, records), strict=True))
        rank = [loss if math.isfinite(loss) else math.inf for loss in (beyond, within)]
        said.append((rank, f"{ENCODING_NAMES[kind]} {_both(records[0], within, beyond)}"))
    known = [record for records in found.values() for record in records]
    count, trained = max(len(record.course) for record in known), known[0].trained
    sentences = "; ".join(sentence for _, sentence in sorted(said, key=lambda pair: pair[0]))
    if count <= trained:
        return f"Nats per character (the text ends within T = {trained}, so there is no beyond): {sentences}."
    return f"Nats per character in the first T = {trained}, and beyond: {sentences}."


def _both(record: BeyondTheLengthRecord, within: float, beyond: float) -> str:
    if not math.isfinite(within):
        return "not a finite number"
    if record.kind == "learned" and len(record.course) == record.trained:
        return f"{within:.2f}, and it has no rows beyond"
    if len(record.course) <= record.trained:
        return f"{within:.2f}"
    return f"{within:.2f} and {f'{beyond:.2f}' if math.isfinite(beyond) else 'not a finite number'}"


def characters_reading(runs: Sequence[Trained], text: str) -> str:
    """One sentence: the hardest and the easiest character, in the mean of the encodings that read so far."""
    table = courses(runs)
    known = np.isfinite(table)
    if not known.any():
        return "No character has a finite loss."
    read = known.any(axis=0)
    sums = np.where(known, table, 0).sum(axis=0)
    loss = np.where(read, sums / np.maximum(1, known.sum(axis=0)), np.nan)
    places = np.flatnonzero(read)
    high, low = (int(places[first_largest(sign * loss[places])]) for sign in (1, -1))
    if high == low:
        return f"{_character(text, high)}: {loss[high]:.2f} nats, in the mean of all that read it."
    return (
        f"In the mean of all that read so far: hardest is {_character(text, high)} with {loss[high]:.2f} nats, "
        f"easiest {_character(text, low)} with {loss[low]:.2f}."
    )


def _character(text: str, at: int) -> str:
    before = "".join(map(visible, text[max(0, at - 9) : at + 1]))
    return f"“{visible(text[at + 1])}” after “{before}” (position {at})"


def _mean(values: Float[np.ndarray, " P"]) -> float:
    return float(values.mean()) if len(values) else math.nan
