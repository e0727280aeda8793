"""Reading beyond the length of training: what the charts of a sweep and of one run stand on, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.families.attending import ENCODING_NAMES
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.words import plural

FLAT = 0.1  # nats by which the loss at 8T may differ from that at T and still count as flat
BREAKS = 0.7  # nats from which it is broken


@dataclass(frozen=True)
class Trained:
    """One run of the page: what it saw after its last update, None before that."""

    kind: str
    seed: int
    record: BeyondTheLengthRecord | None


def by_kind(runs: Sequence[Trained]) -> dict[str, list[BeyondTheLengthRecord]]:
    """The records of each encoding that has any, by seed; encodings in the order in which they come."""
    known = sorted((run for run in runs if run.record), key=lambda run: run.seed)
    kinds = dict.fromkeys(run.kind for run in runs)
    found = {kind: [run.record for run in known if run.kind == kind and run.record] for kind in kinds}
    return {kind: records for kind, records in found.items() if records}


def mean(records: Sequence[BeyondTheLengthRecord], name: str) -> NDArray[Any]:
    """Mean of an array over the seeds; of standard errors too, which more seeds on the same text make no smaller."""
    return np.asarray(np.mean([getattr(record, name) for record in records], axis=0))


def course_of(records: Sequence[BeyondTheLengthRecord]) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Mean loss along the longest window over the seeds, each point of at least T/4 positions."""
    course, places = mean(records, "course"), records[0].places
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
    one = [Trained(record.kind, 0, record)]
    read = {"length": length_reading, "course": course_reading, "attention": attention_reading}
    readings = own_readings(record) if moment.asked else {name: reading(one) for name, reading in read.items()}
    return Notes(readings={**readings, "loss": loss_reading(moment)})


# -- readings ---------------------------------------------------------------------------------


def length_reading(runs: Sequence[Trained]) -> str:
    """A sentence for each encoding, best first: the loss at T and at the longest window, and how many seeds say the same."""
    said = [_from_to(ENCODING_NAMES[kind], records) for kind, records in by_kind(runs).items()]
    if not said:
        return "No run has ended yet."
    listed = "; ".join(sentence for _, sentence in sorted(said, key=lambda pair: pair[0]))
    error = "; ± a standard error over stretches of the text" if "±" in listed else ""
    return f"{listed} (nats per character{error})."


def _from_to(name: str, records: Sequence[BeyondTheLengthRecord]) -> tuple[float, str]:
    loss, error = mean(records, "loss"), mean(records, "error")
    record, known = records[0], np.flatnonzero(np.isfinite(loss))
    if not len(known) or known[0] != 0:
        return math.inf, f"{name}: not a finite number at T = {record.trained}"
    end = int(known[-1])
    if end == 0:
        why = next((why for why in record.why if why), "the loss beyond is not a finite number")
        return math.inf, f"{name} {loss[0]:.2f} at T = {record.trained}, {why}"
    rise, give = float(loss[end] - loss[0]), math.hypot(error[0], error[end])
    within = f" ± {give:.2f}" if math.isfinite(give) else ", from too little text for a standard error"
    found = [verdict(each) for each in records]
    most = max(dict.fromkeys(found), key=found.count)
    agree = f", {most}" if len(records) == 1 else f", {most} in {found.count(most)} of {count_of_seeds(len(records))}"
    ends = f"{loss[0]:.2f} at {record.lengths[0]} and {loss[end]:.2f} at {record.lengths[end]}"
    return rise, f"{name} {ends} ({rise:+.2f}{within}{agree})"


def course_reading(runs: Sequence[Trained]) -> str:
    """One sentence: of each encoding, by how much the loss after position T exceeds the one in the half before it."""
    return _each(runs, _step_at_end, "Mean loss after position T against the second half of the first T: ")


def _step_at_end(records: Sequence[BeyondTheLengthRecord]) -> str:
    trained, places, course = records[0].trained, records[0].places, mean(records, "course")
    before, after = (places >= trained / 2) & (places < trained), places >= trained
    if not before.any() or not np.isfinite(course).all():
        return "no number"
    if not after.any():
        return "no such position"
    return f"{course[after].mean() - course[before].mean():+.2f}"


def own_readings(record: BeyondTheLengthRecord) -> dict[str, str]:
    """The sentences where the record is of a text of the viewer's own."""
    T, count = record.trained, len(record.course)
    found = list(zip(record.lengths.tolist(), record.loss, record.why, strict=True))
    known = ", ".join(f"{_finite(loss)} in its first {length}" for length, loss, why in found if not why)
    missing = (
        f" None at {length} or more: {'it ' if why.startswith('has') else ''}{why}." for length, _, why in found if why
    )
    said = f"{known} (nats per character)" if known else "no window of T fits"
    within, beyond = record.course[:T], record.course[T:]
    foretold = f"{count} {plural(count, 'character')} foretold"
    read = f"Your own text, {foretold}: {_finite(within.mean())} nats per character"
    if len(beyond):
        course = f"{read} in the first T = {T}, {_finite(beyond.mean())} beyond."
    elif record.kind == "learned" and count == T:
        course = f"{read}; learned positions have no rows beyond T = {T}, so no more is read."
    else:
        course = f"{read}; it ends within T = {T}, so there is no beyond."
    near, far = record.looked
    looked = f"{near:.1f} at T and {far:.1f} in all of it" if len(beyond) else f"{far:.1f}"
    attention = f"Tokens back, on average, in your own text: {looked}." if math.isfinite(far) else "No attention."
    length = f"Last quarter of your own text: {said}.{next(missing, '')}"
    return {"length": length, "course": course, "attention": attention}


def _finite(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "not a finite number"


def attention_reading(runs: Sequence[Trained]) -> str:
    """One sentence: how far back the heads of each encoding look on average, at T and in the longest window."""
    return _each(runs, _how_far, "Tokens back, on average, at T and in the longest window: ")


def _how_far(records: Sequence[BeyondTheLengthRecord]) -> str:
    near, far = mean(records, "looked")
    if not (math.isfinite(near) and math.isfinite(far)):
        return "no attention"
    return f"{near:.1f} and {far:.1f}" if reads_on(records[0]) else f"{near:.1f}, and there is no longer window"


def kernel_reading(runs: Sequence[Trained]) -> str:
    """One sentence: what is left of each kernel at distance T/2 and at the farthest."""
    return _each(runs, _left, "The kernel at distance T/2, and at the farthest: ")


def _left(records: Sequence[BeyondTheLengthRecord]) -> str:
    values, distances = mean(records, "kernel"), records[0].distances
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return "nothing"
    half = known[np.abs(distances[known] - records[0].trained / 2).argmin()]
    return f"{values[half]:.2f} and {values[known[-1]]:.2f}"


def _each(runs: Sequence[Trained], say: Callable[[Sequence[BeyondTheLengthRecord]], str], begin: str) -> str:
    found = [f"{ENCODING_NAMES[kind]} {say(records)}" for kind, records in by_kind(runs).items()]
    return f"{begin}{'; '.join(found)}." if found else "No run has ended yet."


def count_of_seeds(count: int) -> str:
    """One seed, or how many."""
    return "one seed" if count == 1 else f"{count} seeds"
