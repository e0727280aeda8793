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

DRAWN = 0.1
"""Of the longest bar: a shorter one is not counted, however sure it is."""

FEWEST = 8
"""Sequences that a standard error needs: that of fewer is itself too uncertain to count by."""

Sites = Sequence[Unit | Head]


def notes(record: SurgeryRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at an operated network."""
    T, layers = len(record.tokens), int(moment.meta["layers"])
    sites = sites_of(record, str(moment.meta["model"]))
    operations = Surgery.from_text(record.surgery).operations
    held = np.array([site in operations for site in sites], dtype=bool)
    places, ticks = tick_places(T), tick_places(len(sites))
    counted = np.flatnonzero(record.mask)
    return Notes(
        readings={
            "effect": effect_reading(record, layers) + filled_reading(record.filled, record.mask),
            "worth": worth_reading(record, sites, layers),
            "losses": losses_reading(record),
            "loss": loss_reading(moment),
            "needed": needed_reading(record, sites, moment.step),
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
            "site_names": [site.name(layers) for site in sites],
            "site_surgeries": [str(site) for site in sites],
        },
    )


def context(records: Sequence[SurgeryRecord], previous: Any = None) -> dict[str, NDArray[np.float32]]:
    """Ranges over the whole tape, so that what moves is the network.

    Returns:
        ends (2,): the smallest and largest change of the loss with their whiskers, 0 among them; span (2,): -m and m, m
            being the largest of their sizes.
    """
    effects = np.concatenate([record.effects for record in records])
    finite = effects[np.isfinite(effects)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    most = max(-low, high) or 1.0
    whiskers = np.nan_to_num(TOLD * np.concatenate([record.errors for record in records]), posinf=0.0)
    reached = np.concatenate([effects - whiskers, effects + whiskers])
    reached = reached[np.isfinite(reached)]
    return {
        "ends": np.array([reached.min(initial=0.0), reached.max(initial=0.0)], dtype=np.float32),
        "span": np.array([-most, most], dtype=np.float32),
    }


def sites_of(record: SurgeryRecord, model: str) -> list[Unit | Head]:
    """What was switched off in turn."""
    kind = Head if FAMILIES[model].site == "head" else Unit
    return [kind(int(layer), int(place)) for layer, place in zip(record.layers, record.places, strict=True)]


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


def worth_reading(record: SurgeryRecord, sites: Sites, layers: int) -> str:
    """One sentence: what the loss needs most and least."""
    effects = record.effects
    if not sites:
        return "There is nothing here to switch off."
    kind = "head" if isinstance(sites[0], Head) else "unit"
    if not np.isfinite(effects).all():
        lost = int((~np.isfinite(effects)).sum())
        return f"Without {lost} of {len(sites)} {kind}s, one at a time, the loss is not a finite number."
    if not effects.any():
        return f"No {kind} changes the loss when it is switched off."
    if len(sites) == 1:
        only = plus_minus(record.checked[0], record.checked_errors[0], sign=True)
        return f"Without its only {kind} the loss changes by {only} ({_over(record.sequences)})."
    (most, least), (high, low) = record.extremes, zip(record.checked, record.checked_errors, strict=True)
    others = "" if record.sequences == 1 else f"on {record.sequences} sequences that did not choose them, "
    return (
        f"Switched off one at a time, {sites[most].name(layers)} is missed most and {sites[least].name(layers)} least: "
        f"{others}the loss changes by {plus_minus(*high, sign=True)} and {plus_minus(*low, sign=True)}."
    )


def needed(record: SurgeryRecord) -> NDArray[np.bool_]:
    """Whose bars say that they are missed: two standard errors above zero, and above a tenth of the longest one."""
    whiskers = TOLD * record.errors.astype(np.float64)
    return (record.effects > 0) & (record.effects >= whiskers) & (record.effects >= least_drawn(record))


def least_drawn(record: SurgeryRecord) -> float:
    """The height of the dotted line: a tenth of the longest bar."""
    return DRAWN * float(np.abs(record.effects).max(initial=0.0))


def needed_reading(record: SurgeryRecord, sites: Sites, step: int) -> str:
    """One sentence: how many units or heads are needed at this step, by what the bars show."""
    kind = "head" if sites and isinstance(sites[0], Head) else "unit"
    if not (np.isfinite(record.effects).all() and math.isfinite(record.loss)):
        return f"Step {step}: not every loss is a finite number."
    if record.screened < FEWEST:
        few = "a single sequence gives" if record.screened == 1 else f"{record.screened} sequences give"
        return f"Step {step}: {few} no error to tell a bar from nothing by."
    count = int(needed(record).sum())
    return (
        f"Step {step}: {count} of {len(sites)} {kind}{'' if len(sites) == 1 else 's'} {'is' if count == 1 else 'are'} missed when "
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

    def told(place: int) -> str:
        return f"at t = {counted[place]}, from {spoken(before[place])} to {spoken(after[place])}"

    if len(counted) == 1:
        return f"One token counts, t = {counted[0]}: its loss goes from {spoken(before[0])} to {spoken(after[0])}."
    parts = [f"rises most {told(up)}"] if difference[up] > 0 else []
    parts += [f"falls most {told(down)}"] if difference[down] < 0 else []
    return f"Token by token, the loss {' and '.join(parts)}."


def _tick(site: Unit | Head, layers: int) -> str:
    place = site.head + 1 if isinstance(site, Head) else site.unit
    return str(place) if layers == 1 else f"{site.layer + 1}·{place}"
