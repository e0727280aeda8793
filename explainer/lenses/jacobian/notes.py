"""The Jacobian dial's derived arrays and sentences: where theory is off, and whether saturation is why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.amount import base_of, percent, ratio, short
from explainer.charts.panel import Moment, Notes
from explainer.charts.subject import recurrence_of
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES
from explainer.lenses.jacobian.record import JacobianRecord
from explainer.theory.stability import MARGIN
from explainer.theory.ties import first_largest
from explainer.words import counted

OFF = 10.0  # the factor by which theory may miss before it counts as failing
FLAT = 0.5  # share of saturated activations from which a step is marked
MANY = 0.25  # mean share from which saturation is named as the reason
MARK_HEIGHT = 0.03
MOST_CHOICES = 13  # single steps and spans that a viewer can choose
REACH = (1.2, 4.0)  # of the complex plane at least and at most
DECADES = 30


def notes(record: JacobianRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the Jacobians."""
    model = str(moment.meta["model"])
    name, K = FAMILY_NAMES[model], len(record.rate) - 1
    back = record.last - np.arange(K)  # the step whose Jacobian is the newest factor at lag 1 ... K
    flat = np.flatnonzero(record.saturated[back] > FLAT) + 1
    failing = fails_from(record)
    plain = record.theory == "W_hh"
    real, imaginary = np.moveaxis(record.eigenvalues.astype(np.float64), -1, 0)
    with np.errstate(over="ignore"):  # longer than float32 holds: infinite
        length = np.hypot(real, imaginary).astype(np.float32)
    return Notes(
        readings={
            "plane": {str(at): plane_reading(record, min(at, len(record.steps) - 1)) for at in range(MOST_CHOICES)},
            "decay": decay_reading(record, name, recurrence_of(moment.meta)),
            "saturation": saturation_reading(record, name),
            "history": history_reading(record, moment, name),
        },
        arrays={
            "real": real.astype(np.float32),
            "imaginary": imaginary.astype(np.float32),
            "length": length,
            "axis": np.zeros_like(record.singular, dtype=np.float32),
            "lags": np.arange(K + 1, dtype=np.int32),
            "flat_at": flat.astype(np.int32),
            "flat_height": np.full(len(flat), MARK_HEIGHT, dtype=np.float32),
            "fails_at": np.full(2 if failing else 0, failing or 0, dtype=np.float32),
            "fails_height": np.array([0, 1] if failing else [], dtype=np.float32),
            "times": np.arange(len(record.tokens), dtype=np.int32),
            "per_step": np.array(_root(record.measured)),
            "bound_step": np.array(_root(record.bound)),
        },
        labels={
            "theory_names": ["ρᵏ of W_hh", "σᵏ of W_hh, the bound"] if plain else ["ρᵏ at rest", "∏σ(Jₜ), the bound"],
            "colour": [FAMILY_COLOURS[model]],
        },
    )


def context(records: Sequence[JacobianRecord], previous: NDArray[np.float32] | None = None) -> dict[str, NDArray[Any]]:
    """Ranges over the whole tape.

    Returns:
        plane (2,): of both axes of the complex plane; decay (2,): of the decay's log axis, as exponents of 10.
    """
    sizes = [np.abs(record.singular).ravel() for record in records]
    sizes += [np.hypot(*np.moveaxis(record.eigenvalues.astype(np.float64), -1, 0)).ravel() for record in records]
    known = np.concatenate([each[np.isfinite(each)] for each in sizes])
    far = float(np.clip(1.08 * known.max(initial=0.0), *REACH))
    curves = np.concatenate([each for record in records for each in (record.rate, record.largest, record.measured)])
    usable = np.log10(curves[np.isfinite(curves) & (curves > 0)])
    high = float(usable.max(initial=0.0)) + 1
    low = max(float(usable.min(initial=0.0)) - 0.5, high - DECADES)
    return {"plane": np.array([-far, far]), "decay": np.array([low, high])}


def fails_from(record: JacobianRecord) -> int:
    """The first lag at which ρᵏ misses what is measured tenfold or more, either way; 0 if there is none."""
    with np.errstate(all="ignore"):
        off = np.abs(np.log10(record.measured) - np.log10(record.rate)) >= math.log10(OFF)
    off |= (record.measured == 0) & (record.rate > 0)
    return int(off.argmax())


def _root(curve: NDArray[np.float64]) -> float:
    """The factor per step that leads to the curve's last value; NaN where that is not finite."""
    steps = len(curve) - 1
    return float(curve[-1] ** (1 / steps)) if steps and math.isfinite(curve[-1]) else math.nan


# -- readings ---------------------------------------------------------------------------------


def plane_reading(record: JacobianRecord, choice: int) -> str:
    """One sentence: the eigenvalue farthest from 0, how many are outside the circle, the largest singular value."""
    t, span = int(record.steps[choice]), int(record.spans[choice])
    lengths, singular = np.hypot(*record.eigenvalues[choice].astype(np.float64).T), record.singular[choice]
    what = f"Step to t = {t}" if span == 1 else f"Product of the {span} steps to t = {t}, per step"
    if not np.isfinite(singular).any():
        return f"{what}: nothing to see, for it is exactly 0 or not finite."
    known = lengths[np.isfinite(lengths)]
    outside = int((known > 1 + MARGIN).sum())
    sentence = f"{what}: the largest singular value is {short(float(np.nanmax(singular)))}"
    if known.size:
        count = {0: "none", 1: "one"}.get(outside, str(outside))
        where = f"{count} of {len(lengths)} {'lies' if outside == 1 else 'lie'} outside the circle"
        sentence += f", the eigenvalue farthest from 0 has |λ| = {_length(float(known.max()))}; {where}"
    hidden = len(lengths) - known.size
    return f"{sentence} ({hidden} too near 0 to tell from rounding)." if hidden else f"{sentence}."


def decay_reading(record: JacobianRecord, name: str, recurrence: str = "W_hh") -> str:
    """Two sentences: what theory predicts and what is measured; from where it is off, and why."""
    K = len(record.rate) - 1
    if K == 0:
        return f"{name}: with one step there is nothing to multiply."
    if not np.isfinite(record.measured[0]):
        return f"{name}: the loss has no gradient that is a finite number above 0."
    bad = ~np.isfinite(record.measured)
    if bad.any():
        first = int(bad.argmax())
        what = "not a number" if np.isnan(record.measured[first]) else "beyond what a number can hold"
        return f"{name}: the measured gradient is {what} from {counted(first, 'step')} back."
    matrix = recurrence if record.theory == "W_hh" else "J at rest"
    measured = f"{name}: after {counted(K, 'step')} back {short(record.measured[K])} is measured"
    if not math.isfinite(record.radius):
        return f"{measured}; {matrix} is not all finite numbers, so there is no ρ."
    sentence = f"{measured}; ρ = {base_of(record.radius, K)} of {matrix} says {short(record.rate[K])}."
    failing = fails_from(record)
    if not failing:
        return f"{sentence} They agree within tenfold all the way."
    steps = record.last - np.arange(failing)
    share, slope = float(record.saturated[steps].mean()), record.slope[steps]
    sentence += f" Theory is off tenfold from {counted(failing, 'step')} back"
    if not (math.isfinite(share) and np.isfinite(slope).all()):
        return f"{sentence}, where some activations are not finite numbers."
    if share >= MANY:
        return f"{sentence}: {percent(share)} of the activations there are saturated, and it does not hold for those."
    if record.theory != "W_hh":
        return f"{sentence}, with {percent(share)} saturated: the gates stand elsewhere than at rest."
    expected = record.rate[failing] * slope.prod()
    if expected > 0 and 1 / OFF < ratio(record.measured[failing], expected) < OFF:
        return (
            f"{sentence}, with {percent(share)} saturated: slopes of {slope.mean():.2f} on average are enough for that."
        )
    why = f"neither saturation ({percent(share)}) nor the mean slope ({slope.mean():.2f})"
    return f"{sentence}; {why} is enough for that, so the steps must stretch in different directions."


def saturation_reading(record: JacobianRecord, name: str) -> str:
    """One sentence: how much is saturated, when most, and in which activation."""
    if not all(np.isfinite(each).all() for each in (record.saturated, record.slope, record.parts)):
        return f"{name}: some activations are not finite numbers."
    at = first_largest(record.saturated)
    if record.saturated[at] == 0:
        return f"{name}: no activation is saturated; the mean slope is {record.slope.mean():.2f} of the largest."
    sentence = f"{name}: {percent(record.saturated.mean())} of the activations are saturated"
    if len(record.tokens) > 1:
        sentence += f", most at t = {at} ({percent(record.saturated[at])})"
    if len(record.part_names) > 1:
        means = record.parts.mean(axis=1)
        big = first_largest(means)
        part = record.part_names[big]
        sentence += f", most of all the {part}{'' if part == 'candidate' else ' gate'} ({percent(means[big])})"
    return f"{sentence}; the mean slope is {record.slope.mean():.2f} of the largest."


def history_reading(record: JacobianRecord, moment: Moment, name: str) -> str:
    """One sentence: theory's factor per step at this step, the measured one and the bound."""
    at, K = f"{name}, step {moment.step}:", len(record.rate) - 1
    factor, bound = _root(record.measured), _root(record.bound)
    theory = f"theory × {base_of(record.radius, K)} per step back" if math.isfinite(record.radius) else "there is no ρ"
    if math.isnan(factor):
        return f"{at} {theory}; there is no measured factor."
    allowed = (
        "the bound is beyond what a number can hold" if math.isnan(bound) else f"the bound allows × {short(bound)}"
    )
    return f"{at} {theory}, measured × {base_of(factor, K)}, and {allowed}."


def _length(value: float) -> str:
    """An eigenvalue's absolute value; with four decimals where three digits would not tell on which side of 1 it is."""
    return f"{value:.4f}" if MARGIN < abs(value - 1) < 0.005 else short(value)
