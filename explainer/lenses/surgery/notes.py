"""What a surgery did, in sentences: the loss and the output operated beside untouched, and who is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.curves import loss_reading, spoken
from explainer.charts.errors import SURE, TOLD, plus_minus, told
from explainer.charts.own_series import filled_points, filled_reading
from explainer.charts.panel import Moment, Notes
from explainer.charts.ticks import tick_labels, tick_places
from explainer.families import FAMILIES
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.surgery import Head, Surgery, Unit
from explainer.theory.ties import first_largest
from explainer.words import plural

DRAWN = 0.1
"""Of the longest bar: a shorter one is not counted, however sure it is."""

FEWEST = 8
"""Sequences that a standard error needs: that of fewer is itself too uncertain to count by."""


def notes(record: SurgeryRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at an operated network."""
    T, layers = len(record.tokens), int(moment.meta["layers"])
    kind = FAMILIES[moment.meta["model"]].site
    numbers = zip(record.layers.tolist(), record.places.tolist(), strict=True)
    sites: list[Unit | Head] = [(Head if kind == "head" else Unit)(*at) for at in numbers]
    operations = Surgery.from_text(record.surgery).operations
    held = np.array([site in operations for site in sites], dtype=bool)
    places, ticks = tick_places(T), tick_places(len(sites))
    names, counted = [site.name(layers) for site in sites], np.flatnonzero(record.mask)
    return Notes(
        readings={
            "effect": effect_reading(record, layers) + filled_reading(record.filled, record.mask),
            "worth": worth_reading(record, kind, names),
            "losses": losses_reading(record),
            "loss": loss_reading(moment),
            "needed": needed_reading(record, kind, moment.step),
        },
        arrays={
            "times": np.arange(T, dtype=np.int32),
            "tick_places": places,
            **filled_points(record.filled, record.target),
            "counted": counted.astype(np.int32),
            "counted_heights": np.zeros(len(counted), dtype=np.float32),
            "sites": np.arange(len(sites), dtype=np.int32),
            "site_places": ticks,
            "held_effects": np.where(held, record.effects, np.nan).astype(np.float32),
            "whiskers": (TOLD * record.errors).astype(np.float32),
            "least_drawn": np.array(least_drawn(record), dtype=np.float32),
        },
        labels={
            "tick_labels": tick_labels(record.tokens, places),
            "site_ticks": [_tick(sites[place], layers) for place in ticks],
            "site_names": names,
            "site_surgeries": [str(site) for site in sites],
        },
    )


def context(records: Sequence[SurgeryRecord], previous: Any = None) -> dict[str, NDArray[np.float32]]:
    """Ranges over the whole tape, so that what moves is the network.

    Returns:
        ends (2,): the smallest and largest change of the loss with their whiskers, 0 among them; span (2,): -m and m, m
            being the largest of their sizes.
    """
    effects, errors = (np.concatenate([getattr(record, name) for record in records]) for name in ("effects", "errors"))
    whiskers = np.nan_to_num(TOLD * errors, posinf=0.0)
    most = max(-_ends(effects)[0], _ends(effects)[1]) or 1.0
    return {
        "ends": _ends(np.concatenate([effects - whiskers, effects + whiskers])),
        "span": np.array([-most, most], dtype=np.float32),
    }


def _ends(values: Float[np.ndarray, " K"]) -> NDArray[np.float32]:
    """The smallest and the largest finite one, or 0."""
    finite = values[np.isfinite(values)]
    return np.array([finite.min(initial=0.0), finite.max(initial=0.0)], dtype=np.float32)


def effect_reading(record: SurgeryRecord, layers: int) -> str:
    """One sentence: how the loss changes, and where the output moves most."""
    begin = Surgery.from_text(record.surgery).phrase(layers)
    return f"{begin}, {change(record)} ({_over(record.sequences)}); {_moved(record)}."


def change(record: SurgeryRecord) -> str:
    """ "the loss rises by 0.236 ± 0.012, from 0.0026 to 0.24, 92 ± 4 times as much".

    A difference within two standard errors has no direction. A ratio is given where it divides by something that is sure (see
    `charts.errors`), and never for a single sequence.
    """
    before, after, error = record.loss, record.operated_loss, record.operated_error
    ends = f"from {spoken(before)} to {spoken(after)}"
    if not (math.isfinite(before) and math.isfinite(after)):
        return f"the loss goes {ends}"
    if before == after:
        return f"the loss stays at {spoken(before)}"
    if math.isfinite(error) and not told(after - before, error):
        return f"the loss changes by {plus_minus(after - before, error, sign=True)}, within two standard errors of no change, {ends}"
    said = f"the loss {'rises' if after > before else 'falls'} by {plus_minus(abs(after - before), error)}, {ends}"
    if not (math.isfinite(record.loss_error) and 0 < SURE * record.loss_error <= before):
        return said
    ratio, wide = after / before, record.ratio_error
    if ratio >= 2:
        return f"{said}, {plus_minus(ratio, wide)} times as much"
    return f"{said}, that is by {plus_minus(100 * abs(ratio - 1), 100 * wide)}%"


def _over(sequences: int) -> str:
    return "this sequence" if sequences == 1 else f"mean of {sequences} sequences, ± one standard error"


def _moved(record: SurgeryRecord) -> str:
    moved = record.moved
    if not np.isfinite(moved).all():
        return f"the output is not a finite number at {int((~np.isfinite(moved)).sum())} of {len(moved)} tokens"
    if not moved.any():
        return "the output does not move at any token"
    most = first_largest(moved)
    if record.guesses:
        return f"the output moves most at t = {most}, where {100 * moved[most]:.3g}% of the probability goes elsewhere"
    return f"the output moves most at t = {most}, by {spoken(moved[most])}"


def worth_reading(record: SurgeryRecord, kind: str, names: Sequence[str]) -> str:
    """One sentence: what the loss needs most and least."""
    effects = record.effects
    if not names:
        return "There is nothing here to switch off."
    if not np.isfinite(effects).all():
        lost = int((~np.isfinite(effects)).sum())
        return f"Without {lost} of {len(names)} {kind}s, one at a time, the loss is not a finite number."
    if not effects.any():
        return f"No {kind} changes the loss when it is switched off."
    if len(names) == 1:
        only = plus_minus(record.checked[0], record.checked_errors[0], sign=True)
        return f"Without its only {kind} the loss changes by {only} ({_over(record.sequences)})."
    (most, least), (high, low) = record.extremes, zip(record.checked, record.checked_errors, strict=True)
    others = "" if record.sequences == 1 else f"on {record.sequences} sequences that did not choose them, "
    return (
        f"Switched off one at a time, {names[most]} is missed most and {names[least]} least: "
        f"{others}the loss changes by {plus_minus(*high, sign=True)} and {plus_minus(*low, sign=True)}."
    )


def least_drawn(record: SurgeryRecord) -> float:
    """The height of the dotted line: a tenth of the longest bar."""
    return DRAWN * float(np.abs(record.effects).max(initial=0.0))


def needed_reading(record: SurgeryRecord, kind: str, step: int) -> str:
    """One sentence: how many are missed, their bars beyond two standard errors and above a tenth of the longest."""
    if not (np.isfinite(record.effects).all() and math.isfinite(record.loss)):
        return f"Step {step}: not every loss is a finite number."
    if record.screened < FEWEST:
        few = "a single sequence gives" if record.screened == 1 else f"{record.screened} sequences give"
        return f"Step {step}: {few} no error to tell a bar from nothing by."
    least = np.maximum(TOLD * record.errors.astype(np.float64), least_drawn(record))
    count, every = int(((record.effects > 0) & (record.effects >= least)).sum()), len(record.effects)
    return (
        f"Step {step}: {count} of {every} {plural(every, kind)} {'is' if count == 1 else 'are'} missed when "
        f"switched off alone: bars beyond the dotted line (a tenth of the longest) whose whisker (two standard errors, "
        f"{record.screened} sequences) ends above zero."
    )


def losses_reading(record: SurgeryRecord) -> str:
    """One sentence: of the positions that count, where the loss rises and falls most."""
    counted = np.flatnonzero(record.mask)
    before, after = record.losses[:, counted]
    difference: Float[np.ndarray, " counted"] = after - before
    if not np.isfinite(difference).all():
        return f"The loss is not a finite number at {int((~np.isfinite(difference)).sum())} of {len(counted)} tokens."
    if not difference.any():
        return "No token's loss changes."
    up, down = first_largest(difference), first_largest(-difference)

    ends = [f"from {spoken(low)} to {spoken(high)}" for low, high in zip(before, after, strict=True)]
    if len(counted) == 1:
        return f"One token counts, t = {counted[0]}: its loss goes {ends[0]}."
    parts = [f"rises most at t = {counted[up]}, {ends[up]}"] if difference[up] > 0 else []
    parts += [f"falls most at t = {counted[down]}, {ends[down]}"] if difference[down] < 0 else []
    return f"Token by token, the loss {' and '.join(parts)}."


def _tick(site: Unit | Head, layers: int) -> str:
    place = site.head + 1 if isinstance(site, Head) else site.unit
    return str(place) if layers == 1 else f"{site.layer + 1}·{place}"
