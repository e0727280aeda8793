"""What a surgery did, in sentences: the loss and the output operated beside untouched, and who is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.figures.curves import loss_reading
from explainer.figures.hidden import tick_labels, tick_places
from explainer.figures.panel import Moment, Notes
from explainer.records import SurgeryRecord
from explainer.surgery import Head, Surgery, Unit

NEEDED = 0.1
"""A unit or head is needed if the loss rises by more than this share of it without it."""

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
            "effect": effect_reading(record, layers),
            "worth": worth_reading(record, sites, layers),
            "losses": losses_reading(record),
            "loss": loss_reading(moment),
            "needed": needed_reading(record, sites, moment.step),
        },
        arrays={
            "times": np.arange(T, dtype=np.int32),
            "tick_places": places,
            "counted": counted.astype(np.int32),
            "counted_heights": np.zeros(len(counted), dtype=np.float32),
            "sites": np.arange(len(sites), dtype=np.int32),
            "site_places": ticks,
            "held_effects": np.where(held, record.effects, np.nan).astype(np.float32),
        },
        labels={
            "tick_labels": tick_labels(record.tokens, places),
            "site_ticks": [_tick(sites[place], layers) for place in ticks],
            "site_names": [site.name(layers) for site in sites],
            "site_surgeries": [str(site) for site in sites],
        },
    )


def context(
    records: Sequence[SurgeryRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Ranges over the whole tape, so that what moves is the network.

    Returns:
        ends (2,): the smallest and largest change of the loss, 0 among them; span (2,): -m and m, m
            being the largest of their sizes.
    """
    effects = np.concatenate([record.effects for record in records])
    finite = effects[np.isfinite(effects)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    most = max(-low, high) or 1.0
    return {
        "ends": np.array([low, high], dtype=np.float32),
        "span": np.array([-most, most], dtype=np.float32),
    }


def sites_of(record: SurgeryRecord, model: str) -> list[Unit | Head]:
    """What was switched off in turn."""
    kind = Head if model == "transformer" else Unit
    return [kind(int(layer), int(place)) for layer, place in zip(record.layers, record.places, strict=True)]


def effect_reading(record: SurgeryRecord, layers: int) -> str:
    """One sentence: how the loss changes, and where the output moves most."""
    over = "this sequence" if record.sequences == 1 else f"mean of {record.sequences} sequences"
    begin = Surgery.from_text(record.surgery).phrase(layers)
    return f"{begin}, {change(record.loss, record.operated_loss)} ({over}); {_moved(record)}."


def change(before: float, after: float) -> str:
    """ "the loss rises from 0.012 to 0.17, 14 times"."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return f"the loss goes from {_short(before)} to {_short(after)}"
    if before == after:
        return f"the loss stays at {_short(before)}"
    verb = "rises" if after > before else "falls"
    ends = f"the loss {verb} from {_short(before)} to {_short(after)}"
    if before <= 0:
        return ends
    ratio = after / before
    if ratio >= 2:
        times = "more than a million" if ratio >= 1e6 else f"{float(f'{ratio:.3g}'):,.10g}"
        return f"{ends}, {times} times"
    return f"{ends}, by {100 * abs(ratio - 1):.3g}%"


def _moved(record: SurgeryRecord) -> str:
    moved = record.moved
    if not np.isfinite(moved).all():
        return f"the output is not a finite number at {int((~np.isfinite(moved)).sum())} of {len(moved)} tokens"
    if not moved.any():
        return "the output does not move at any token"
    most = int(moved.argmax())
    if record.guesses:
        return f"the output moves most at t = {most}, where {100 * moved[most]:.3g}% of the probability goes elsewhere"
    return f"the output moves most at t = {most}, by {_short(moved[most])}"


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
        return f"Without its only {kind} the loss changes by {effects[0]:+.3g}."
    most, least = int(effects.argmax()), int(effects.argmin())
    return (
        f"Switched off one at a time, {sites[most].name(layers)} is missed most (loss {effects[most]:+.3g}) "
        f"and {sites[least].name(layers)} least ({effects[least]:+.3g})."
    )


def needed_reading(record: SurgeryRecord, sites: Sites, step: int) -> str:
    """One sentence: how many units or heads are needed at this step."""
    kind = "head" if sites and isinstance(sites[0], Head) else "unit"
    if not (np.isfinite(record.effects).all() and math.isfinite(record.loss)):
        return f"Step {step}: not every loss is a finite number."
    count = int((record.effects > NEEDED * record.loss).sum())
    return (
        f"Step {step}: the loss is {_short(record.loss)}, and rises by more than a tenth without "
        f"{count} of {len(sites)} {kind}{'' if len(sites) == 1 else 's'}, each switched off alone."
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
    up, down = int(difference.argmax()), int(difference.argmin())

    def told(place: int) -> str:
        return f"at t = {counted[place]}, from {_short(before[place])} to {_short(after[place])}"

    if len(counted) == 1:
        return f"One token counts, t = {counted[0]}: its loss goes from {_short(before[0])} to {_short(after[0])}."
    parts = [f"rises most {told(up)}"] if difference[up] > 0 else []
    parts += [f"falls most {told(down)}"] if difference[down] < 0 else []
    return f"Token by token, the loss {' and '.join(parts)}."


def _tick(site: Unit | Head, layers: int) -> str:
    place = site.head + 1 if isinstance(site, Head) else site.unit
    return str(place) if layers == 1 else f"{site.layer + 1}·{place}"


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not a finite number"
