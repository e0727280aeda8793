"""What a head is like: its role, how far and how evenly it looks, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.curves import loss_reading
from explainer.charts.head_curves import metric_of
from explainer.charts.head_roles import (
    CALLED,
    PLAIN,
    RULE,
    STRONG,
    Score,
    described,
    no_role,
    role_among,
    said,
    uniform_entropy,
)
from explainer.charts.panel import Moment, Notes, mosaic_cell
from explainer.charts.ticks import tick_places
from explainer.lenses.attention.record import AttentionRecord
from explainer.theory.head_roles import ROLES as ORDER
from explainer.theory.ties import first_largest, first_smallest
from explainer.words import listed

SCORES = {name: PLAIN[name] for name in ("previous_token", "prefix_matching")}
TICKS = 32  # tokens on an axis, at most
LONGEST_TICK = 5  # characters of one; a longer token is only in the hover label


def role_of(record: AttentionRecord, layer: int, head: int) -> tuple[str, Score] | None:
    """The role of a head."""
    return role_among(scores_of(record, layer, head))


def scores_of(record: AttentionRecord, layer: int, head: int) -> dict[str, Score]:
    """A head's scores with their chance levels, by name."""
    return {
        name: (float(getattr(record, name)[layer, head]), float(record.chance[at, layer, head]))
        for at, name in enumerate(ORDER)
    }


def strongest(scores: Float[np.ndarray, "L H"]) -> tuple[int, int, float] | None:
    """Layer, head and value of the highest score; None where no score is a number."""
    finite = np.isfinite(scores)
    if not finite.any():
        return None
    layer, head = divmod(first_largest(np.where(finite, scores, scores[finite].min() - 1)), scores.shape[1])
    return layer, head, float(scores[layer, head])


def mean_distance(weights: Float[np.ndarray, "T T"]) -> float:
    """Mean over the queries of sum_s w(t, s) (t - s), in positions; rows are made to sum to 1 again."""
    T = len(weights)
    back = np.subtract.outer(np.arange(T), np.arange(T))
    sums = np.maximum(weights.sum(axis=1, dtype=np.float64), 1e-9)
    return float(np.mean((weights * back).sum(axis=1) / sums))


def arrays_of(record: AttentionRecord) -> dict[str, NDArray[np.float32]]:
    """The strongest head's scores, of the model (no dimension) and of each layer (L,)."""
    return {
        f"{what}_{score}": np.fmax.reduce(getattr(record, score), axis=axis).astype(np.float32)
        for score in SCORES
        for what, axis in (("best", None), ("layer", 1))
    }


def place_of(record: AttentionRecord, at: int) -> str:
    """What a row or column of the maps stands for: "3 (the)", or where several positions share one "6–8 (a … c)"."""
    first, last = at * record.cell, min((at + 1) * record.cell, len(record.tokens)) - 1
    if first == last:
        return f"{first} ({record.tokens[first]})"
    return f"{first}–{last} ({record.tokens[first]} … {record.tokens[last]})"


def pooled_reading(record: AttentionRecord) -> str:
    """What a cell of the maps is, where it is not one query's weight on one key; begins with a blank."""
    if record.cell == 1:
        return ""
    return (
        f" Each cell stands for {record.cell} × {record.cell} positions: what {record.cell} queries, in the mean, give to "
        f"{record.cell} keys together. A click writes one of them out as it is."
    )


def heads_reading(record: AttentionRecord) -> str:
    """One or two sentences on all heads: how many have a role, and how far they spread."""
    L, H, _, _ = record.weights.shape
    if not np.isfinite(record.weights).all():
        return "Some weights are not finite numbers."
    if len(record.tokens) == 1:
        return "A single token can only look at itself."
    roles = [role_of(record, layer, head) for layer, head in np.ndindex(L, H)]
    counts = [(sum(role is not None and role[0] == name for role in roles), CALLED[name][1]) for name in CALLED]
    named = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count]
    if L * H == 1:
        known = f"is {described(roles[0])}" if roles[0] else f"has {no_role(scores_of(record, 0, 0))}"
        return f"The only head {known}; its entropy is {_nats(record, 0, 0):.2f} nats."
    sentence = listed(named) or "none has a role"
    return f"Of {L * H} heads: {sentence} ({RULE}). {_spread(record)}{pooled_reading(record)}"


def _spread(record: AttentionRecord) -> str:
    H = record.entropy.shape[1]
    sharp, wide = (divmod(at, H) for at in (first_smallest(record.entropy, scale=1.0), first_largest(record.entropy)))
    low, high = _nats(record, *sharp), _nats(record, *wide)
    if math.isclose(low, high, abs_tol=0.005):
        return f"All are equally sharp (entropy {low:.2f} nats)."
    return (
        f"Sharpest: layer {sharp[0] + 1}, head {sharp[1] + 1} (entropy {low:.2f} nats); "
        f"most spread out: layer {wide[0] + 1}, head {wide[1] + 1} ({high:.2f})."
    )


def map_reading(record: AttentionRecord, layer: int, head: int) -> str:
    """One or two sentences on one head: role, largest weight, mean distance, entropy."""
    name = f"Layer {layer + 1}, head {head + 1}"
    weights = record.weights[layer, head]
    if not np.isfinite(weights).all():
        return f"{name}: some weights are not finite numbers."
    if len(record.tokens) == 1:
        return f"{name}: a single token can only look at itself."
    t, s = (int(at) for at in np.unravel_index(first_largest(_past(weights)), weights.shape))
    scores = scores_of(record, layer, head)
    role, known = role_among(scores), ""
    if role or any(score >= STRONG for score, _ in scores.values()):
        known = f", {described(role) if role else no_role(scores)}"
    entropy, evenly = _nats(record, layer, head), record.even or uniform_entropy(len(record.tokens))
    first = "query" if record.cell == 1 else f"{record.cell} queries"
    aside = f"the first {first}, which {'has' if record.cell == 1 else 'have'} no choice, aside"
    return (
        f"{name}{known}: its largest weight, {weights[t, s]:.2f}, goes from t = {place_of(record, t)} to "
        f"s = {place_of(record, s)}; {aside}. On average it looks "
        f"{record.cell * mean_distance(weights):.1f} back; entropy {entropy:.2f} nats (evenly spread: {evenly:.2f})."
        f"{pooled_reading(record)}"
    )


def readings_of(record: AttentionRecord, moment: Moment) -> dict[str, str]:
    """A sentence for each panel of `heads`."""
    why = {"previous_token": "no token has one before it", "prefix_matching": "nothing comes twice here"}
    if not np.isfinite(record.weights).all():
        why = dict.fromkeys(SCORES, "not all weights are finite")
    return {
        **{score: _scored(getattr(record, score), record.chance[ORDER.index(score)], why[score]) for score in SCORES},
        "metric": _measured(moment),
        "loss": loss_reading(moment, moment.meta["label"]),
    }


def _scored(scores: Float[np.ndarray, "L H"], chance: Float[np.ndarray, "L H"], why: str) -> str:
    L, found = len(scores), strongest(scores)
    run = "One layer" if L == 1 else f"{L} layers"
    if found is None:
        return f"{run}: none, for {why}."
    layer, head, value = found
    known = said((value, float(chance[layer, head])))
    if scores.size == 1:
        return f"One layer: its only head has {known}."
    where = f"head {head + 1}" if L == 1 else f"layer {layer + 1}, head {head + 1}"
    return f"{run}: strongest is {where} ({known})."


def _measured(moment: Moment) -> str:
    name = metric_of(moment.meta)
    value = moment.metric(name) if name else math.nan
    label = moment.meta["label"]
    if math.isnan(value):
        return f"{label}: not measured yet."
    sentence = f"{label}: {name} {value:.3g} at step {int(moment.until_now(name)[0][-1])}"
    baseline = moment.meta.get("baseline")
    if baseline is not None and name == moment.meta.get("metric"):
        sentence += f" ({moment.meta.get('baseline_name', 'baseline')}: {baseline:.3g})"
    return f"{sentence}."


def _nats(record: AttentionRecord, layer: int, head: int) -> float:
    """A head's entropy, which torch makes -0 where all the weight is on one token."""
    return max(0.0, float(record.entropy[layer, head]))


def _past(weights: Float[np.ndarray, "T T"]) -> Float[np.ndarray, "T T"]:
    """The weights of all queries but the first, which has no choice: 1 on itself."""
    past = weights.copy()
    past[0] = -1 if len(weights) > 1 else past[0]
    return past


def notes(record: AttentionRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at attention."""
    L, H, P, _ = record.weights.shape
    places = tick_places(P, TICKS)
    short = all(len(token) <= LONGEST_TICK for token in record.tokens)
    roles = [role_of(record, layer, head) for layer, head in np.ndindex(L, H)]
    return Notes(
        readings={
            "heads": heads_reading(record),
            "map": {f"{layer},{head}": map_reading(record, layer, head) for layer, head in np.ndindex(L, H)},
            **readings_of(record, moment),
        },
        arrays={
            "tick_places": places,
            **_mosaic_places(record.weights.shape, gap_of(moment.meta)),
            **arrays_of(record),
        },
        labels={
            "tick_labels": [record.tokens[at] if short else str(at) for at in (places * record.cell).tolist()],
            "cells": [place_of(record, at) for at in range(P)],
            "roles": [f"{CALLED[role[0]][0]} {role[1][0]:.2f}" if role else "" for role in roles],
        },
    )


def gap_of(run: Mapping[str, Any]) -> int:
    """Empty cells between two small maps: a fifth of a map, so that words fit in."""
    L, H, T = run["layers"], run["heads"], run["length"]
    return max(1, round(-(-T // mosaic_cell(L, H, T, T)) / 5))


def _mosaic_places(shape: tuple[int, ...], gap: int) -> dict[str, NDArray[np.float32]]:
    """Where the small maps are: `columns` (3, H) and `rows` (3, L), first edge, middle and last edge; `row_range`."""
    L, H, T, S = shape
    cell = mosaic_cell(L, H, T, S)
    places = {}
    for name, count, size in (("columns", H, -(-S // cell)), ("rows", L, -(-T // cell))):
        first = np.arange(count) * (size + gap) - 0.5
        places[name] = np.stack([first, first + size / 2, first + size]).astype(np.float32)
    places["row_range"] = np.array([places["rows"][2, -1] + gap / 8, -0.5 - gap], np.float32)
    return places
