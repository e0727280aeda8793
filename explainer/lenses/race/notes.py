"""Who has learnt it, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from explainer.charts.panel import Moment, Notes
from explainer.charts.references import SURE
from explainer.lenses.race.record import RaceRecord

SOLVED = 0.99
"""Share of right answers on validation from which the task counts as solved."""


def notes(record: RaceRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look."""
    label, steps = str(moment.meta["label"]), np.arange(len(record.by_place), dtype=np.int32)
    return Notes(
        readings={
            "solved": f"{label}: {solved_words(moment)}.",
            "lengths": lengths_reading(record, label, moment.meta),
            "places": places_reading(record, label),
        },
        arrays={"places": steps, "low": record.right - record.error, "high": record.right + record.error},
    )


def solved_at(moment: Moment) -> int | None:
    """The first step from which on all measurements until this one found the task solved; None where the last one did not."""
    steps, values = moment.until_now(str(moment.meta.get("metric", "")))
    below = np.flatnonzero(~(values >= SOLVED))
    first = int(below[-1]) + 1 if len(below) else 0
    return int(steps[first]) if first < len(steps) else None


def solved_words(moment: Moment) -> str:
    """ "solved since step 150, in 1.2 s of training" or how far it is."""
    at, share = solved_at(moment), moment.metric(str(moment.meta.get("metric", "")))
    if at is not None:
        return f"solved since step {at:,} ({SOLVED:.0%} of the answers right or more)"
    return "nothing measured yet" if math.isnan(share) else f"{percent(share)} right, not solved in this run so far"


def lengths_reading(record: RaceRecord, label: str, run: Mapping[str, Any]) -> str:
    """One sentence: how often it is right at the length of training and at the longest that it can read."""
    right = dict(zip(record.lengths.tolist(), record.right.tolist(), strict=True))
    own = right[record.trained]
    readable = [length for length, share in right.items() if not math.isnan(share) and length > record.trained]
    if not readable:
        return f"{label}: {percent(own)} right at T = {record.trained}; it can't read longer sequences."
    longest = max(readable)
    said = f"{label}: {percent(own)} right at T = {record.trained}, {percent(right[longest])} at {longest:,}"
    baseline, error = run.get("baseline"), float(record.error[record.lengths.tolist().index(longest)])
    if baseline is None or math.isnan(right[longest]):
        return f"{said}."
    near = abs(right[longest] - float(baseline)) <= SURE * (error if math.isfinite(error) else 0.0)
    return f"{said}{', no more than by chance' if near else ''}."


def places_reading(record: RaceRecord, label: str) -> str:
    """One sentence: where in the sequence it is right least often."""
    known = np.flatnonzero(~np.isnan(record.by_place))
    if not len(known):
        return f"{label}: no step is asked for."
    values = record.by_place[known]
    if values.max() - values.min() < 0.01:
        return f"{label}: {percent(float(values.mean()))} right at every step."
    half = len(known) // 2
    first, last = float(values[: max(1, half)].mean()), float(values[half:].mean())
    return f"{label}: {percent(first)} right in the first half of the answers, {percent(last)} in the second."


def percent(share: float) -> str:
    """Whole percent, and never 100 % of what is less."""
    if math.isnan(share):
        return "nothing known"
    return f"{share:.0%}" if share == 1 or share < 0.995 else f"{math.floor(share * 1000) / 10:.1f}%"
