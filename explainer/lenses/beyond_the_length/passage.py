"""A text of the viewer's own under every encoding of a sweep: the loss along it, and character by character.

The record is that of the lens `beyond_the_length`, whose `course` then has a loss for each character that is foretold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from explainer.charts.panel import Panel, numbers_for_json
from explainer.charts.theme import ink, plain, stroke, upright
from explainer.charts.traces import coloured, drawn, heatmap
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.notes import Trained, kinds, of_kind
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
    along = course_panel(runs, theme)
    along = replace(
        along,
        id="own-course",
        title="Loss along your own text (dotted: the length of training)",
        reading=course_reading(runs),
    )
    return [along, characters_panel(runs, text, theme)]


def characters_panel(runs: Sequence[Trained], text: str, theme: str) -> Panel:
    """-ln p of each character, a row for each encoding (the mean over its seeds), a column for each character."""
    text = text.replace("\r\n", "\n")
    names = [kind for kind in kinds(runs) if of_kind(runs, kind)]
    rows = [mean_course(of_kind(runs, kind)) for kind in names]
    count = max(map(len, rows), default=0)
    table = [[*numbers_for_json(row), *[None] * (count - len(row))] for row in rows]
    said = [plain(visible(character)) for character in text[1 : count + 1]]
    trained = next((run.record.trained for run in runs if run.record is not None), 0)
    labels = {"tickmode": "array", "tickvals": list(range(count)), "ticktext": said} if count <= FEW else {}
    most = max((value for row in table for value in row if value is not None), default=1.0)
    heat = heatmap(
        z=table,
        x=list(range(count)),
        y=[ENCODING_NAMES[kind] for kind in names],
        **coloured("nats", 0, max(most, 1e-6)),
        text=[said] * len(names),
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


def mean_course(records: Sequence[BeyondTheLengthRecord]) -> Float[np.ndarray, " P"]:
    """The loss of each character, a mean over the seeds."""
    return np.mean([record.course for record in records], axis=0)


def halves(record: BeyondTheLengthRecord) -> tuple[float, float]:
    """Mean loss of the characters foretold from within the first T, and from beyond; NaN where there are none."""
    within = record.places < record.trained
    return _mean(record.course[within]), _mean(record.course[~within])


def course_reading(runs: Sequence[Trained]) -> str:
    """One sentence: of each encoding, best first, the mean loss in the first T characters and beyond."""
    said: list[tuple[tuple[float, float], str]] = []
    known = [run.record for run in runs if run.record is not None]
    if not known:
        return "No network has read it."
    for kind in kinds(runs):
        records = of_kind(runs, kind)
        if records:
            within, beyond = (float(np.mean(each)) for each in zip(*map(halves, records), strict=True))
            rank = (_or_last(beyond), _or_last(within))
            said.append((rank, f"{ENCODING_NAMES[kind]} {_both(records[0], within, beyond)}"))
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
    rows = [mean_course(of_kind(runs, kind)) for kind in kinds(runs) if of_kind(runs, kind)]
    count = max(map(len, rows), default=0)
    table = np.full((len(rows), count), np.nan)
    for row, course in enumerate(rows):
        table[row, : len(course)] = course
    known = np.isfinite(table)
    if not known.any():
        return "No character has a finite loss."
    sums = np.where(known, table, 0).sum(axis=0)
    mean = np.where(known.any(axis=0), sums / np.maximum(1, known.sum(axis=0)), np.nan)
    high, low = _place(mean, known), _place(-mean, known)
    if high == low:
        return f"{_character(text, high)}: {mean[high]:.2f} nats, in the mean of all that read it."
    return (
        f"In the mean of all that read so far: hardest is {_character(text, high)} with {mean[high]:.2f} nats, "
        f"easiest {_character(text, low)} with {mean[low]:.2f}."
    )


def _place(values: Float[np.ndarray, " P"], known: Bool[np.ndarray, "runs P"]) -> int:
    """The first place of the largest value among those that are known."""
    somewhere = np.flatnonzero(known.any(axis=0))
    return int(somewhere[first_largest(values[somewhere])])


def _character(text: str, at: int) -> str:
    before = "".join(map(visible, text[max(0, at - 9) : at + 1]))
    return f"“{visible(text[at + 1])}” after “{before}” (position {at})"


def _or_last(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _mean(values: Float[np.ndarray, " P"]) -> float:
    return float(values.mean()) if len(values) else math.nan
