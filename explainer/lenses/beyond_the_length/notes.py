"""Reading beyond the length of training: what the charts of a sweep and of one run stand on, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord

FLAT = 0.1  # nats by which the loss at 8T may differ from that at T and still count as flat
BREAKS = 0.7  # nats from which it is broken


@dataclass(frozen=True)
class Trained:
    """One run of the page: what it saw after its last update, None before that."""

    kind: str
    seed: int
    record: BeyondTheLengthRecord | None


def kinds(runs: Sequence[Trained]) -> list[str]:
    """The encodings, in the order in which they come."""
    return list(dict.fromkeys(run.kind for run in runs))


def of_kind(runs: Sequence[Trained], kind: str) -> list[BeyondTheLengthRecord]:
    """The records of one encoding that are there, by seed."""
    found = [run for run in runs if run.kind == kind and run.record is not None]
    return [run.record for run in sorted(found, key=lambda run: run.seed) if run.record is not None]


def seeds(runs: Sequence[Trained], kind: str) -> list[int]:
    """The seeds of the records of one encoding."""
    return sorted(run.seed for run in runs if run.kind == kind and run.record is not None)


def mean_loss(records: Sequence[BeyondTheLengthRecord]) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Mean over the seeds, and of their standard errors: all read the same text, so more seeds make it no smaller."""
    return np.mean([record.loss for record in records], axis=0), np.mean([record.error for record in records], axis=0)


def course_of(records: Sequence[BeyondTheLengthRecord]) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean loss along the longest window over the seeds, each point of at least T/4 positions."""
    course, places = np.mean([record.course for record in records], axis=0), records[0].places
    longest = records[0].distances[-1] + 1
    group = max(1, round(records[0].trained / 4 * len(places) / longest))
    starts = np.arange(0, len(places), group)
    counts = np.diff(np.append(starts, len(places)))
    return np.add.reduceat(places, starts) / counts, np.add.reduceat(course, starts) / counts


def reads_on(record: BeyondTheLengthRecord) -> bool:
    """Whether it reads any window longer than those of training."""
    return bool(record.distances[-1] >= record.trained)


def verdict(record: BeyondTheLengthRecord) -> str:
    """In a word what becomes of the loss from T to the longest window that is read."""
    known = record.loss[np.isfinite(record.loss)]
    if len(known) < 2 or not math.isfinite(record.loss[0]):
        return "nothing to compare"
    rise = float(known[-1] - known[0])
    if rise < FLAT:
        return "flat"
    return "breaks" if rise >= BREAKS else "degrades"


def notes(record: BeyondTheLengthRecord, moment: Moment) -> Notes:
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
    listed = "; ".join(sentence for _, sentence in sorted(said, key=lambda pair: pair[0]))
    unit = (
        "nats per character; ± a standard error over stretches of the text" if "±" in listed else "nats per character"
    )
    return f"{listed} ({unit})."


def _from_to(name: str, records: Sequence[BeyondTheLengthRecord]) -> tuple[float, str]:
    mean, error = mean_loss(records)
    record, known = records[0], np.flatnonzero(np.isfinite(mean))
    if not len(known) or known[0] != 0:
        return math.inf, f"{name}: not a finite number at T = {record.trained}"
    end = int(known[-1])
    if end == 0:
        why = next((why for why in record.why if why), "the loss beyond is not a finite number")
        return math.inf, f"{name} {mean[0]:.2f} at T = {record.trained}, {why}"
    rise, give = float(mean[end] - mean[0]), math.hypot(error[0], error[end])
    within = f" ± {give:.2f}" if math.isfinite(give) else ", from too little text for a standard error"
    found = [verdict(each) for each in records]
    most = max(dict.fromkeys(found), key=found.count)
    agree = f", {most}" if len(records) == 1 else f", {most} in {found.count(most)} of {count_of_seeds(len(records))}"
    return (
        rise,
        f"{name} {mean[0]:.2f} at {record.lengths[0]} and {mean[end]:.2f} at {record.lengths[end]} ({rise:+.2f}{within}{agree})",
    )


def course_reading(runs: Sequence[Trained]) -> str:
    """One sentence: of each encoding, by how much the loss after position T exceeds the one in the half before it."""
    return _each(runs, _step_at_end, "Mean loss after position T against the second half of the first T: ")


def _step_at_end(records: Sequence[BeyondTheLengthRecord]) -> str:
    trained, places = records[0].trained, records[0].places
    course = np.mean([record.course for record in records], axis=0)
    before, after = (places >= trained / 2) & (places < trained), places >= trained
    if not before.any() or not np.isfinite(course).all():
        return "no number"
    if not after.any():
        return "no such position"
    return f"{course[after].mean() - course[before].mean():+.2f}"


def own_readings(record: BeyondTheLengthRecord) -> dict[str, str]:
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


def _how_far(records: Sequence[BeyondTheLengthRecord]) -> str:
    near, far = np.mean([record.looked for record in records], axis=0)
    if not (math.isfinite(near) and math.isfinite(far)):
        return "no attention"
    if not reads_on(records[0]):
        return f"{near:.1f}, and there is no longer window"
    return f"{near:.1f} and {far:.1f}"


def kernel_reading(runs: Sequence[Trained]) -> str:
    """One sentence: what is left of each kernel at distance T/2 and at the farthest."""
    return _each(runs, _left, "The kernel at distance T/2, and at the farthest: ")


def _left(records: Sequence[BeyondTheLengthRecord]) -> str:
    values = np.mean([record.kernel for record in records], axis=0)
    distances = records[0].distances
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return "nothing"
    half = known[np.abs(distances[known] - records[0].trained / 2).argmin()]
    return f"{values[half]:.2f} and {values[known[-1]]:.2f}"


def _each(runs: Sequence[Trained], say: Callable[[Sequence[BeyondTheLengthRecord]], str], begin: str) -> str:
    found = [f"{ENCODING_NAMES[kind]} {say(of_kind(runs, kind))}" for kind in kinds(runs) if of_kind(runs, kind)]
    return f"{begin}{'; '.join(found)}." if found else "No run has ended yet."


def count_of_seeds(count: int) -> str:
    """One seed, or how many."""
    return "one seed" if count == 1 else f"{count} seeds"
