"""Fixed points: what kind each is, the arrays of the figures, and the sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from explainer.charts.amount import half_life, paced, short, short_steps
from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.theory import stability
from explainer.theory.pca import frame_of
from explainer.theory.ties import first_smallest
from explainer.words import listed

LENS = "fixed_points"
COMPONENTS = 3
MOST_CHOICES = 96
SPECTRUM = (1.2, 4.0)  # reach of the complex plane at least and at most


class Kind(NamedTuple):
    """A kind of point: its key in the notes' arrays, and its name in a legend."""

    key: str
    name: str


NAMES = ("stable", "neutral", "1 way out", "2 ways out", "3 or more", "slow")
KINDS = tuple(Kind(key, name) for key, name in zip(stability.KINDS, NAMES, strict=True))
STABLE, NEUTRAL = 0, 1  # places in `KINDS`


def kinds(record: FixedPointsRecord) -> NDArray[np.int64]:
    """Of each kept point its place in `KINDS`."""
    return stability.kinds(record.fixed, record.unstable, record.neutral)


def choices(run: Mapping[str, Any]) -> int:
    """How many points a viewer can choose by number: where so many memories must be kept, these and the places between them."""
    memories = run.get("memories")
    return min(MOST_CHOICES, memories.places) if memories else 12


def notes(record: FixedPointsRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one search for fixed points."""
    kind, (P, M) = kinds(record), record.points.shape
    arrays: dict[str, NDArray[Any]] = {
        "counts": record.counts,
        "times": np.arange(len(record.tokens), dtype=np.int32),
        "all": _one_at_least(record.points)[:, None],
    }
    real, imaginary = np.moveaxis(_one_at_least(record.eigenvalues), -1, 0)
    arrays |= {"real": real, "imaginary": imaginary, "length": np.hypot(real, imaginary)}
    labels: dict[str, Sequence[str]] = {}
    for at, each in enumerate(KINDS):
        chosen = np.flatnonzero(kind == at)
        arrays[each.key] = record.points[chosen].reshape(-1, M)
        arrays[f"{each.key} numbers"] = chosen.astype(np.int32)
        labels[f"{each.key} words"] = [_words(record, int(number)) for number in chosen]
    numbers = range(max(P, choices(moment.meta)))
    return Notes(
        readings={
            "front": summary(record),
            "side": path_reading(record),
            "point": {str(number): point_reading(record, number) for number in numbers},
            "births": births_reading(record, moment),
            "loss": loss_reading(moment),
        },
        arrays=arrays,
        labels=labels,
    )


def context(
    records: Sequence[FixedPointsRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The axes of the maps, one set for the whole tape, so that points move and axes don't.

    Args:
        records: of the tape so far.
        previous: the basis of the tape when it was shorter; signs follow it.

    Returns:
        mean (M,), basis (3, M), range (3, 2) of each component, spectrum (2,) of both axes of the complex plane.
    """
    samples = np.concatenate([part for record in records for part in (record.states, record.points)])
    lengths = [np.hypot(*np.moveaxis(record.eigenvalues, -1, 0)).max(initial=0.0) for record in records]
    far = float(np.clip(1.08 * np.max(lengths, initial=0.0), *SPECTRUM))
    named = {**frame_of(samples, previous, COMPONENTS, margin=0.12), "spectrum": np.array([-far, far])}
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def summary(record: FixedPointsRecord) -> str:
    """One to three sentences: how many points of each kind were found, and the slowest direction of the stable ones."""
    if not record.found:
        return "No fixed point was found, and no slow one: without input the state keeps moving, or it is not finite."
    stable, neutral, *saddles, slow = record.counts.tolist()
    parts = [_count(stable, "stable point")]
    if neutral:
        parts.append(_count(neutral, "neutral point"))
    if sum(saddles):
        split = [_ways(number, count) for number, count in enumerate(saddles, start=1) if count]
        parts.append(f"{_count(sum(saddles), 'unstable point')} ({', '.join(split)})")
    if slow:
        parts.append(_count(slow, "slow point"))
    sentences = [listed(parts)]
    lengths = np.hypot(*np.moveaxis(record.eigenvalues, -1, 0))[kinds(record) == STABLE]
    if stable:
        pace = _pace(float(lengths.max()))
        sentences.append(f"The slowest direction of the stable {'one' if stable == 1 else 'ones'} {pace}")
    if neutral:
        which = "the neutral one" if neutral == 1 else "a neutral one"
        sentences.append(f"Along some direction {which} neither comes back nor leaves: the state stays where it is put")
    if record.found > len(record.points):
        sentences.append(f"The maps show {len(record.points)} of these {record.found}")
    said = f"{'. '.join(sentences)}."
    return said[0].upper() + said[1:]


def path_reading(record: FixedPointsRecord) -> str:
    """One sentence: the point that the path comes to rest near, and how far away."""
    end = record.states[-1].astype(np.float64)
    if not np.isfinite(end).all():
        return "The sequence ends in a state that is not finite."
    if not len(record.points):
        return "The sequence ends near no point, for none was found."
    distances = np.linalg.norm(record.points - end, axis=1)
    nearest = first_smallest(distances)
    few = f", the nearest of the {len(record.points)} shown" if record.found > len(record.points) else ""
    return (
        f"The sequence ends {short(float(distances[nearest]))} away from point {nearest}, {_kind(record, nearest)}, "
        f"where the output is {record.says[nearest]}{few}."
    )


def point_reading(record: FixedPointsRecord, number: int) -> str:
    """One sentence on a point: its kind, the output there, its eigenvalue farthest from 0 and how still it is."""
    P = len(record.points)
    if P == 0:
        return "There is no point to take apart."
    sentence = "" if number < P else f"There are only {P}; this is the last. "
    number = min(number, P - 1)
    longest = float(np.hypot(*record.eigenvalues[number, 0]))
    count = int(record.unstable[number])
    sentence += f"Point {number}: {_kind(record, number)}; the output there is {record.says[number]}. "
    if count:
        sentence += f"Its fastest way out grows by × {_factor(longest)} per step"
    else:
        sentence += f"Its slowest direction {_pace(longest)}"
    speed = math.sqrt(2 * float(record.q[number]))
    return sentence + ("." if record.fixed[number] else f"; the state there still moves by {short(speed)} per step.")


def births_reading(record: FixedPointsRecord, moment: Moment) -> str:
    """One sentence: how many of the points that were found are stable, beside the memories that the task needs."""
    found = f"{_count(record.found, 'point')} that {'was' if record.found == 1 else 'were'} found"
    stable = (
        f"{_count(int(record.counts[STABLE]), 'stable point')} of {found}" if record.found else "no point was found"
    )
    sentence = f"Step {moment.step}: {stable}"
    if record.found and record.counts[NEUTRAL]:
        sentence += f", {record.counts[NEUTRAL]} neutral"
    memories = moment.meta.get("memories")
    return f"{sentence}; {memories.needed}." if memories else f"{sentence}."


def _one_at_least(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows, or one of NaN, which draws nothing, where there is none to choose."""
    return rows if len(rows) else np.full((1, *rows.shape[1:]), np.nan, np.float32)


def _kind(record: FixedPointsRecord, number: int) -> str:
    count, M = int(record.unstable[number]), record.points.shape[1]
    if not record.fixed[number]:
        return "a slow point"
    if count == 0:
        along = int(record.neutral[number])
        return f"neutral in {_count(along, 'direction')} of {M}" if along else "stable"
    if count == M:
        return "unstable in every direction"
    return f"a saddle with {_count(count, 'unstable direction')}"


def _words(record: FixedPointsRecord, number: int) -> str:
    longest = float(np.hypot(*record.eigenvalues[number, 0]))
    return f"point {number}: {_kind(record, number)}; output {record.says[number]}; largest |λ| {longest:.3f}"


def _pace(length: float) -> str:
    """What an eigenvalue of this length, at most 1, does to a distance."""
    if not math.isfinite(length):
        return "is not known: an eigenvalue is not a finite number"
    if length >= 1 - stability.MARGIN:
        return "does not shrink, to four digits"
    if length <= 0:
        return "is gone after one step"
    return f"shrinks by × {paced(length)} per step (half in {short_steps(half_life(length))})"


def _factor(length: float) -> str:
    """In three digits, or in as many as tell it from 1."""
    return f"{length:.4f}" if abs(length - 1) < 0.005 else short(length)


def _ways(number: int, count: int) -> str:
    names = {1: "one way out", 2: "two", 3: "three or more"}
    return f"{count} with {names[number]}"


def _count(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
