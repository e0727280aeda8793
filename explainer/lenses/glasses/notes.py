"""What a network can't tell apart, in words."""

from __future__ import annotations

import math

import numpy as np

from explainer.charts.panel import Moment, Notes
from explainer.lenses.glasses import FORMATS
from explainer.lenses.glasses.record import GlassesRecord
from explainer.words import listed

PLACES = {"none": "no", "alibi": "ALiBi"}
"""Encodings that are not called by their word."""
FITTED = 64
"""The least n of a slope: below it the weights of n ones are not all of the row."""
ROUNDING = 1e-13
"""A distance up to which two states in 64 bits are apart by rounding alone: some hundred times 2^-53."""
FLOOR = 1e-17
"""Where the chart of formats marks what is the same: below all that can be apart."""


def slope(record: GlassesRecord) -> tuple[float, float]:
    """d ln(distance) / d ln(n) in 64 bits, by least squares over n >= 64, and its standard error; NaN where the distance is 0 or not finite."""
    some = record.lengths >= FITTED
    n, apart = record.lengths[some].astype(np.float64), record.apart[0, some].astype(np.float64)
    if not (np.isfinite(apart) & (apart > 0)).all() or some.sum() < 3:
        return math.nan, math.nan
    x = np.log(n) - np.log(n).mean()
    found = float(x @ np.log(apart) / (x @ x))
    rest = np.log(apart) - np.log(apart).mean() - found * x
    return found, float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))


def apart_reading(record: GlassesRecord, label: str) -> str:
    """One sentence: how far apart at the longest, and how that falls with n."""
    if not np.isfinite(record.apart[0]).all():
        return f"{label}: some states are not finite numbers."
    lost = record.apart[0] <= ROUNDING
    if lost[-1]:
        first = (
            int(record.lengths[len(lost) - int(np.argmin(lost[::-1]))]) if not lost.all() else int(record.lengths[0])
        )
        return f"{label}: from n = {first:,} on the two last states differ by no more than the rounding of 64 bits."
    found, error = slope(record)
    said = f"{label}: at n = {record.lengths[-1]:,} the two last states are {record.apart[0, -1]:.1e} of their length apart"
    return f"{said}; from n = {FITTED} on that goes as n to the power of {found:.2f} (± {error:.2g}).".replace("-", "−")


def formats_reading(record: GlassesRecord, label: str) -> str:
    """One sentence: where the two are the same number for number, in each format."""
    if not np.isfinite(record.apart).all():
        return f"{label}: some states are not finite numbers."
    parts = []
    for name, same in zip(FORMATS[1:], record.same[1:], strict=True):
        where = [f"{n:,}" for n in record.lengths[same].tolist()]
        parts.append(f"in {name} at n = {listed(where)}" if where else f"in {name} at none of these lengths")
    return f"{label}: the two last states are the same, number for number, {'; '.join(parts)}."


def notes(record: GlassesRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look; a distance of 0, which has no place on a logarithmic axis, is a gap."""
    encoding = moment.meta.get("encoding", "")
    label = str(moment.meta["label"]) + (f", {PLACES.get(encoding, encoding)} positions" if encoding else "")
    shown = np.where(record.apart > 0, record.apart, np.nan).astype(np.float32)
    return Notes(
        readings={"apart": apart_reading(record, label), "formats": formats_reading(record, label)},
        arrays={"shown": shown, "alike": np.where(record.same, FLOOR, np.nan).astype(np.float32)},
    )
