"""A pattern of units in words: the chosen stretch, and the places where the same units are on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explainer.charts.amount import amount
from explainer.charts.panel import Moment, Notes
from explainer.lenses.pattern.record import PatternRecord
from explainer.words import counted, listed

COLUMNS = 48  # characters of a row of the viewer's text
FEW = 1.0  # stretches by chance; of fewer no ratio is told
NAMED = 8  # units that are named one by one


def notes(record: PatternRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one search for a pattern."""
    T, C = len(record.tokens), record.shares.shape[1]
    at = np.arange(T)
    shown = np.flatnonzero(~np.isnan(record.shares.ravel()))
    inside = (at >= record.first) & (at <= record.last)
    length = record.last - record.first + 1
    return Notes(
        readings={"stretch": stretch_reading(record, int(moment.meta["width"])), "places": places_reading(record)},
        arrays={
            "text_x": (at % COLUMNS).astype(np.int32),
            "text_y": (-(at // COLUMNS)).astype(np.int32),
            "border": np.where(inside, 3.0, 0.5).astype(np.float32),
            "place_x": (shown % max(C, 1) - record.before).astype(np.int32),
            "place_y": (-(shown // max(C, 1))).astype(np.int32),
            "place_on": record.shares.ravel()[shown].astype(np.float32),
            "frame": np.array(length - 0.5, np.float32),
            "reach": np.array([-record.before - 1, max(C, 1) - record.before], np.float32),
        },
        labels={"place_text": [record.texts[place] for place in shown]},
    )


def stretch_reading(record: PatternRecord, width: int) -> str:
    """One sentence: which units are on all along the stretch."""
    if not np.isfinite(record.on).all():
        return "The states are not finite numbers, so no unit is on or off."
    where = f"above {record.threshold:g} all along “{_stretch(record)}”"
    if len(record.units):
        sentence = f"{_named(record.units.tolist())} of {width} {_are(len(record.units))} {where}"
        if record.above > len(record.units):
            return f"{sentence}, and {'was' if len(record.units) == 1 else 'were'} not one character before; {record.above} are in all."
        return f"{sentence}."
    if record.above:
        are = _are(record.above)
        return (
            f"None has just come on: the {counted(record.above, 'unit')} of {width} that {are} {where} {are} so one character before, "
            "too. Begin the stretch elsewhere, or ask for all of them."
        )
    none = "The one unit is not" if width == 1 else f"None of the {width} units is"
    return f"{none} {where}. Lower the threshold, or choose a shorter stretch."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def places_reading(record: PatternRecord) -> str:
    """Two sentences: how often the same units are on for as long, and how often chance would have it."""
    length = record.last - record.first + 1
    stretches = (
        f"{record.searched:,} {'stretch' if record.searched == 1 else 'stretches'} of {counted(length, 'character')}"
    )
    if not np.isfinite(record.on).all():
        return "The states are not finite numbers, so there is nothing to look for."
    if not len(record.units):
        return f"No unit, so nothing to look for in the {stretches}."
    if not record.searched:
        return "The stretch is longer than the windows of the validation text. Choose a shorter one."
    who = "It is" if len(record.units) == 1 else f"All {len(record.units)} are"
    if not record.found:
        sentence = f"{who} on over none of {stretches}"
    else:
        share = record.found / record.searched
        sentence = f"{who} on over {record.found:,} of {stretches} ({share:.2%}), at {counted(record.places, 'place')}"
    if record.places > len(record.lengths):
        sentence += f", the first {len(record.lengths)} shown"
    sentence += "."
    if len(record.units) == 1:
        return f"{sentence} One unit alone has nothing to coincide with."
    return f"{sentence} {_chance(record)}"


def _chance(record: PatternRecord) -> str:
    """What independent units would do, and how many times as many stretches were found, where that can be told."""
    independent = "If each were on as often and as long, but independently of the others, they would"
    if not record.expected:
        return f"{independent} never all be on."
    if record.expected < FEW:
        return (
            f"{independent} all be on over {amount(record.expected, 2)}: too few to say how many times as many this is."
        )
    sentence = f"{independent} all be on over {amount(record.expected)}"
    if not np.isfinite(record.times_error):
        return f"{sentence}: this is {amount(record.times)} times as many, from too few windows for an error."
    return f"{sentence}: this is {amount(record.times)} ± {amount(record.times_error, 2)} times as many."


def _stretch(record: PatternRecord) -> str:
    return "".join(record.tokens[record.first : record.last + 1])


def _named(units: Sequence[int]) -> str:
    if len(units) == 1:
        return f"Unit {units[0]}"
    if len(units) > NAMED:
        return f"Units {', '.join(map(str, units[:NAMED]))} and {len(units) - NAMED} more"
    return f"Units {listed(list(map(str, units)))}"
