"""What each network of a sweep answers to one sequence, before and after its training, beside what is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainer.charts.panel import Panel, numbers_for_json
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_SYMBOLS, ink, level, level_name, plain, stroke
from explainer.charts.traces import coloured, drawn, heatmap, scatter
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.theory.baselines import ADDING_TOLERANCE, RECALLED

ASIDE = 1.07  # by which networks of one length stand beside each other on the axis of lengths


@dataclass(frozen=True)
class Answer:
    """One network's: its name among the others, its family, T, and what it did before and after training.

    `before` is None where that moment is not kept.
    """

    name: str
    model: str
    length: int
    before: HiddenStatesRecord | None
    after: HiddenStatesRecord


def panels(answers: Sequence[Answer], theme: str) -> list[Panel]:
    """The chart that fits the task: numbers said, or symbols recalled."""
    return [(recall_panel if answers[0].after.has_tokens else numbers_panel)(answers, theme)]


def numbers_panel(answers: Sequence[Answer], theme: str) -> Panel:
    """Every network's answer against the length that it was trained at; hollow: before; the line: the right answer."""
    shade, right = ink(theme), target(answers[0].after)
    data: list[dict[str, Any]] = []
    models = list(dict.fromkeys(answer.model for answer in answers))
    for aside, model in enumerate(models):
        own = [answer for answer in answers if answer.model == model]
        name = own[0].name.split(",")[0]
        for when, suffix, size in (("before", "-open", 8), ("after", "", 11)):
            found = [(answer, getattr(answer, when)) for answer in own if getattr(answer, when) is not None]
            symbol = FAMILY_SYMBOLS[model] + suffix
            data.append(
                scatter(
                    "markers",
                    name=name,
                    showlegend=when == "after",
                    x=[answer.length * ASIDE ** (aside - (len(models) - 1) / 2) for answer, _ in found],
                    y=numbers_for_json([number(seen) for _, seen in found]),
                    text=[plain(answer.name) for answer, _ in found],
                    marker={"symbol": symbol, "size": size, "color": FAMILY_COLOURS[model]},
                    hover=f"%{{text}}<br>{when} training: %{{y:.3f}}",
                )
            )
    lengths = sorted({answer.length for answer in answers})
    xaxis = {
        "title": "T, the length that it was trained at",
        "type": "log",
        "tickvals": lengths,
        "ticktext": [str(length) for length in lengths],
        "minor": {"showgrid": False},
        "range": [math.log10(lengths[0] / 1.4), math.log10(lengths[-1] * 1.4)],
    }
    figure = drawn(
        theme,
        data,
        xaxis=xaxis,
        yaxis="answer after the last number",
        shapes=[level(right, **stroke(shade.text, 1.5, "dot"))],
        annotations=[level_name(f"right: {right:.3g}", right, shade.text)],
        showlegend=True,
    )
    title = "What each network answers to your sequence (hollow: before training, dotted: right)"
    return Panel("own-answers", title, figure, reading=numbers_reading(answers), span=12, height=340)


def recall_panel(answers: Sequence[Answer], theme: str) -> Panel:
    """The symbols that every network says after training, a row each, coloured by the probability of the right one."""
    rows = [answer.after.right[-RECALLED:].astype(float).tolist() for answer in answers]
    said = [[plain(guess) for guess in answer.after.guesses[-RECALLED:]] for answer in answers]
    before = [
        [plain(guess) for guess in answer.before.guesses[-RECALLED:]] if answer.before else ["?"] * RECALLED
        for answer in answers
    ]
    right = [plain(symbol) for symbol in answers[0].after.targets[-RECALLED:]]
    heat = heatmap(
        z=numbers_for_json(rows),
        x=list(range(RECALLED)),
        y=[plain(answer.name) for answer in answers],
        text=said,
        customdata=before,
        texttemplate="%{text}",
        **coloured("probability of the right one", 0, 1),
        hover="%{y}: says %{text}, before training %{customdata}<br>probability of the right one %{z:.3f}",
    )
    ticks = {"tickvals": list(range(RECALLED)), "ticktext": right}
    xaxis = {"title": "the right symbols, in their order", **ticks, "showgrid": False}
    yaxis = {"type": "category", "autorange": "reversed", "showgrid": False, "automargin": True}
    figure, height = drawn(theme, [heat], xaxis=xaxis, yaxis=yaxis), 90 + 26 * max(3, len(answers))
    title = "What each network recalls of your symbols, after training"
    return Panel("own-answers", title, figure, reading=recall_reading(answers), span=12, height=height)


# -- numbers ----------------------------------------------------------------------------------


def number(record: HiddenStatesRecord) -> float:
    """What is said where it counts: at the last such position."""
    return float(record.output[np.flatnonzero(record.mask)[-1]])


def target(record: HiddenStatesRecord) -> float:
    """What should be said there."""
    return float(record.target[np.flatnonzero(record.mask)[-1]])


def recalled(record: HiddenStatesRecord) -> int:
    """How many of the symbols at the end are right."""
    pairs = zip(record.guesses[-RECALLED:], record.targets[-RECALLED:], strict=True)
    return sum(guess == right for guess, right in pairs)


# -- readings ---------------------------------------------------------------------------------


def numbers_reading(answers: Sequence[Answer]) -> str:
    """One or two sentences: the right answer, the nearest and the farthest, and how many are right."""
    right = target(answers[0].after)
    off = {answer.name: abs(number(answer.after) - right) for answer in answers}
    finite = [answer for answer in answers if math.isfinite(off[answer.name])]
    start = f"Right is {_short(right)}."
    if not finite:
        return f"{start} No answer is a finite number."
    near, far = (end(finite, key=lambda answer: off[answer.name]) for end in (min, max))
    odd = len(answers) - len(finite)
    more = f" {odd} not a finite number." if odd else ""
    if len(answers) == 1:
        return f"{start} {near.name} says {_short(number(near.after))}{_earlier(near, number)}."
    if off[near.name] == off[far.name]:
        return f"{start} All {len(finite)} answers are as far off, {_short(off[near.name])}.{more}"
    close = sum(distance < ADDING_TOLERANCE for distance in off.values())
    early = [answer.before for answer in answers if answer.before is not None]
    before = sum(abs(number(record) - right) < ADDING_TOLERANCE for record in early)
    was = f", before training {before} of {len(early)}" if early else ""
    return (
        f"{start} Nearest after training: {near.name} with {_short(number(near.after))}; farthest: {far.name} with "
        f"{_short(number(far.after))}. {close} of {len(answers)} are less than {ADDING_TOLERANCE} off{was}.{more}"
    )


def recall_reading(answers: Sequence[Answer]) -> str:
    """One or two sentences: who recalls most and who least of the symbols, and how it was before training."""
    best, worst = (end(answers, key=lambda answer: recalled(answer.after)) for end in (max, min))
    start = f"Right is {' '.join(best.after.targets[-RECALLED:])}."
    if len(answers) == 1:
        return f"{start} {best.name} has {recalled(best.after)} of {RECALLED} right{_earlier(best, recalled)}."
    early = [recalled(answer.before) for answer in answers if answer.before is not None]
    was = f" Before training at most {max(early)}." if early else ""
    if recalled(best.after) == recalled(worst.after):
        return f"{start} Every network has {recalled(best.after)} of {RECALLED} right.{was}"
    return (
        f"{start} Most right after training: {best.name}, {recalled(best.after)} of {RECALLED}; "
        f"fewest: {worst.name}, {recalled(worst.after)}.{was}"
    )


def _earlier(answer: Answer, say: Any) -> str:
    return f", before training {say(answer.before):.2g}" if answer.before is not None else ""


def _short(value: float) -> str:
    """Two digits behind the point, or three digits of a huge number."""
    return f"{value:.2f}" if abs(value) < 1e4 else f"{value:.3g}"
