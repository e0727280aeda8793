"""What a linear recurrence's maps are like, in words."""

from __future__ import annotations

import numpy as np

from explainer.charts.curves import loss_reading
from explainer.charts.maps import TICKS, fitting_labels, gap_of, mosaic_places, place_of
from explainer.charts.panel import Moment, Notes
from explainer.charts.ticks import tick_places
from explainer.lenses.hidden_attention.record import HiddenAttentionRecord
from explainer.theory.ties import first_largest, first_smallest


def notes(record: HiddenAttentionRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look."""
    L, K, P, _ = record.weights.shape
    places = tick_places(P, TICKS)
    return Notes(
        readings={
            "heads": maps_reading(record),
            "map": {f"{layer},{at}": map_reading(record, layer, at) for layer, at in np.ndindex(L, K)},
            "reach": reach_reading(record),
            "loss": loss_reading(moment, moment.meta["label"]),
        },
        arrays={
            "tick_places": places,
            **mosaic_places(record.weights.shape, gap_of(L, K, moment.meta["length"])),
            "sorted": np.sort(record.reach, axis=1).astype(np.float32),
        },
        labels={
            "tick_labels": fitting_labels(record.tokens, (places * record.cell).tolist()),
            "cells": [place_of(record, at) for at in range(P)],
            "roles": [name_of(record, layer, at) for layer, at in np.ndindex(L, K)],
        },
    )


def name_of(record: HiddenAttentionRecord, layer: int, at: int) -> str:
    """Of a map: "mean of 64", or "unit 17"."""
    channel = int(record.channels[layer, at])
    return f"mean of {record.reach.shape[1]}" if channel < 0 else f"unit {channel}"


def maps_reading(record: HiddenAttentionRecord) -> str:
    """Two sentences on all maps."""
    if not np.isfinite(record.weights).all():
        return "Some numbers of these maps are not finite."
    if len(record.tokens) == 1:
        return "A single step can only be read at once."
    reach, C = record.reach, record.reach.shape[1]
    if not np.isfinite(reach).any():
        return "No unit says anything of what it read."
    near, far = (
        np.unravel_index(at, reach.shape)
        for at in (
            first_smallest(np.where(np.isfinite(reach), reach, np.nanmax(reach)), scale=1.0),
            first_largest(np.where(np.isfinite(reach), reach, np.nanmin(reach))),
        )
    )
    below = float(np.nanmean(record.negative))
    return (
        f"{'One layer' if len(reach) == 1 else f'{len(reach)} layers'} of {C} units. Nearest on average: {_unit(record, near)}, {reach[near]:.1f} "
        f"steps back; farthest: {_unit(record, far)}, {reach[far]:.1f}. {below:.0%} of all weight is negative, which no softmax can give."
    )


def map_reading(record: HiddenAttentionRecord, layer: int, at: int) -> str:
    """One sentence on one map: its largest entry, and for a unit how far it looks and how much is negative."""
    name, weights = f"Layer {layer + 1}, {name_of(record, layer, at)}", record.weights[layer, at]
    if not np.isfinite(weights).all():
        return f"{name}: some numbers are not finite."
    if not weights.any():
        return f"{name}: it says nothing of what it read."
    t, s = (int(each) for each in np.unravel_index(first_largest(np.abs(weights)), weights.shape))
    value = float(weights[t, s] * record.largest[layer, at])
    channel = int(record.channels[layer, at])
    said = f"{name}: its largest number, {value:.3g}, goes from t = {place_of(record, t)} to s = {place_of(record, s)}."
    if channel < 0:
        return f"{said} The sign is left out of this mean."
    return f"{said} On average it looks {record.reach[layer, channel]:.1f} back; {record.negative[layer, channel]:.0%} of its weight is negative."


def reach_reading(record: HiddenAttentionRecord) -> str:
    """One sentence: the median reach of each layer."""
    if not np.isfinite(record.reach).any(axis=1).all():
        return "The units of a layer say nothing of what they read."
    medians = [f"{np.nanmedian(each):.1f}" for each in record.reach]
    if len(medians) == 1:
        return f"Half of the units look at most {medians[0]} steps back on average."
    said = ", ".join(f"{value} in layer {layer + 1}" for layer, value in enumerate(medians))
    return f"Half of the units look on average at most so many steps back: {said}."


def _unit(record: HiddenAttentionRecord, at: tuple[np.intp, ...]) -> str:
    layer, channel = (int(each) for each in at)
    return f"unit {channel}" + (f" of layer {layer + 1}" if len(record.reach) > 1 else "")
