"""Attention: the maps of all heads at once, the chosen one large, and what each head is like, in words.

The curves of the heads over training are in `heads`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.figures.heads import LENS, arrays_of, loss_panel, metric_panel, readings_of, score_panel
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot, mosaic_cell
from explainer.figures.theme import FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout
from explainer.records import AttentionRecord

STRONG = 0.5
"""A head has a role if its score is at least this: half of its attention, in the mean."""
ROLES = {
    "previous_token": ("previous", "previous-token head"),
    "prefix_matching": ("induction", "induction head"),
    "duplicate_token": ("same token", "same-token head"),
}
"""A score -> what a head with a high one is called above its small map, and in a sentence."""
LABELLED_HEADS = 6  # so many maps side by side are wide enough for words
TICKS = 32  # tokens on an axis, at most
LONGEST_TICK = 5  # characters of one; a longer token is only in the hover label


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Sequence[Mapping[str, Any]], theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    metric = metric_panel(runs, theme)
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        score_panel(runs, theme, "previous_token"),
        score_panel(runs, theme, "prefix_matching"),
        *([metric] if metric else []),
        loss_panel(runs, theme, span=6 if metric else 12),
    ]


def selections(run: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the head that is shown large."""
    return {"layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def mosaic_panel(run: Mapping[str, Any], theme: str, *, span: int = 6) -> Panel:
    """The weights of every head, a row of maps for each layer; a click chooses the one shown large."""
    L, H = run["layers"], run["heads"]
    gap = _gap(run)
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "weight %{z:.4f}<br>click to see this head large<extra></extra>",
    }
    slots = [
        Slot("data.0.z", "mosaic", lens=LENS, name="weights", gap=gap),
        Slot("layout.xaxis.tickvals", lens=LENS, name="columns", index=(1,)),
        Slot("layout.yaxis.tickvals", lens=LENS, name="rows", index=(1,)),
        Slot("layout.yaxis.range", lens=LENS, name="row_range"),
        Slot("layout.shapes.0.x0", lens=LENS, name="columns", index=(0, "head")),
        Slot("layout.shapes.0.x1", lens=LENS, name="columns", index=(2, "head")),
        Slot("layout.shapes.0.y0", lens=LENS, name="rows", index=(0, "layer")),
        Slot("layout.shapes.0.y1", lens=LENS, name="rows", index=(2, "layer")),
    ]
    words: list[dict[str, Any]] = []
    for number in range(L * H if H <= LABELLED_HEADS else 0):
        layer, head = divmod(number, H)
        slots += [
            Slot(f"layout.annotations.{number}.text", "labels", lens=LENS, name="roles", index=(number,)),
            Slot(f"layout.annotations.{number}.x", lens=LENS, name="columns", index=(1, head)),
            Slot(f"layout.annotations.{number}.y", lens=LENS, name="rows", index=(0, layer)),
        ]
        words.append({"text": "", "showarrow": False, "yanchor": "bottom", "borderpad": 0, "font": {"size": 11}})
    names = [f"head {head + 1}" if H <= LABELLED_HEADS else str(head + 1) for head in range(H)]
    plain_axis = {"showgrid": False, "showline": False, "tickmode": "array", "ticks": ""}
    return Panel(
        id="heads",
        title="Every head: click one to see it large",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**plain_axis, "ticktext": names} | ({} if H <= LABELLED_HEADS else {"title": {"text": "head"}}),
                yaxis={**plain_axis, "ticktext": [f"layer {layer + 1}" for layer in range(L)], "tickangle": -90},
                margin={"l": 30, "r": 6, "t": 4, "b": 24 if H <= LABELLED_HEADS else 40},
                shapes=[{"type": "rect", "line": {"color": FAMILY_COLOURS[run["model"]], "width": 3}}],
                annotations=words,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "heads"),),
        span=span,
        height=min(420, max(180, 40 + 90 * L)),
        click={"run": 0, "lens": LENS, "name": "weights", "gap": gap},
    )


def map_panel(theme: str, *, span: int = 6, height: int = 470) -> Panel:
    """[t, s] of the chosen head: how much the query at t takes from the key at s."""
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("weight"),
        "hovertemplate": "query t = %{text}<br>key s = %{customdata}<br>weight %{z:.4f}<extra></extra>",
    }
    future = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 0.78, "showarrow": False}
    ticks = {"showgrid": False, "tickmode": "array", "tickfont": {"size": 10, "color": ink(theme).muted}}
    return Panel(
        id="map",
        title="The chosen head: which token looks at which",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**ticks, "title": {"text": "key: position s, and its token"}},
                yaxis={**ticks, "title": {"text": "query: position t, and its token"}, "autorange": "reversed"},
                annotations=[{**future, "text": "the future is masked", "font": {"color": "#B9AFC9", "size": 12}}],
            ),
        },
        slots=(
            Slot("data.0.z", lens=LENS, name="weights", index=("layer", "head")),
            Slot("data.0.text", "across", lens=LENS, name="cells", transpose=True),
            Slot("data.0.customdata", "across", lens=LENS, name="cells"),
            *(
                slot
                for axis in ("xaxis", "yaxis")
                for slot in (
                    Slot(f"layout.{axis}.tickvals", lens=LENS, name="tick_places"),
                    Slot(f"layout.{axis}.ticktext", "labels", lens=LENS, name="tick_labels"),
                )
            ),
        ),
        readings=(Reading(LENS, "map"),),
        reading_index=("layer", "head"),
        span=span,
        rows=2,
        height=height,
    )


def notes(record: AttentionRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at attention."""
    L, H, T, _ = record.weights.shape
    places = np.arange(0, T, max(1, -(-T // TICKS)), dtype=np.int32)
    roles = [role_of(record, layer, head) for layer in range(L) for head in range(H)]
    return Notes(
        readings={
            "heads": heads_reading(record),
            "map": {f"{layer},{head}": map_reading(record, layer, head) for layer in range(L) for head in range(H)},
            **readings_of(record, moment),
        },
        arrays={"tick_places": places, **_mosaic_places(record.weights.shape, _gap(moment.meta)), **arrays_of(record)},
        labels={
            "tick_labels": _tick_labels(record.tokens, places.tolist()),
            "cells": [f"{at} ({token})" for at, token in enumerate(record.tokens)],
            "roles": [f"{ROLES[role[0]][0]} {role[1]:.2f}" if role else "" for role in roles],
        },
    )


def _tick_labels(tokens: Sequence[str], places: Sequence[int]) -> list[str]:
    """The tokens at some places, or, where one is too long for an axis, the places themselves."""
    short = all(len(token) <= LONGEST_TICK for token in tokens)
    return [tokens[at] if short else str(at) for at in places]


def role_of(record: AttentionRecord, layer: int, head: int) -> tuple[str, float] | None:
    """The highest of a head's scores, if it is at least `STRONG`."""
    scores = {name: float(getattr(record, name)[layer, head]) for name in ROLES}
    known = {name: score for name, score in scores.items() if score >= STRONG}
    return max(known.items(), key=lambda item: item[1]) if known else None


def heads_reading(record: AttentionRecord) -> str:
    """One or two sentences on all heads: how many have a role, and how far they spread."""
    L, H, T, _ = record.weights.shape
    if not np.isfinite(record.weights).all():
        return "Some weights are not finite numbers: the model has diverged."
    if T == 1:
        return "A single token can only look at itself."
    roles = [role_of(record, layer, head) for layer in range(L) for head in range(H)]
    counts = [(sum(role is not None and role[0] == name for role in roles), ROLES[name][1]) for name in ROLES]
    said = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count]
    if L * H == 1:
        known = f"{_article(ROLES[roles[0][0]][1])} ({roles[0][1]:.2f})" if roles[0] else "without a role"
        return f"The only head is {known}; its entropy is {_nats(record, 0, 0):.2f} nats."
    sentence = " and ".join(said) if said else "none has a role"
    return f"Of {L * H} heads: {sentence} (a score of {STRONG:g} or more). {_spread(record)}"


def _spread(record: AttentionRecord) -> str:
    H = record.entropy.shape[1]
    sharp, wide = (divmod(int(at), H) for at in (np.argmin(record.entropy), np.argmax(record.entropy)))
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
    t, s = (int(at) for at in np.unravel_index(np.argmax(_past(weights)), weights.shape))
    role = role_of(record, layer, head)
    said = f", {_article(ROLES[role[0]][1])} ({role[1]:.2f})" if role else ""
    if len(weights) == 1:
        return f"{name}: a single token can only look at itself."
    entropy, evenly = _nats(record, layer, head), uniform_entropy(len(weights))
    return (
        f"{name}{said}: its largest weight, {weights[t, s]:.2f}, goes from t = {t} ({record.tokens[t]}) to "
        f"s = {s} ({record.tokens[s]}); the first query, which has no choice, aside. On average it looks "
        f"{mean_distance(weights):.1f} back; entropy {entropy:.2f} nats (evenly spread: {evenly:.2f})."
    )


def _nats(record: AttentionRecord, layer: int, head: int) -> float:
    """A head's entropy, which torch makes -0 where all the weight is on one token."""
    return max(0.0, float(record.entropy[layer, head]))


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _past(weights: Float[np.ndarray, "T T"]) -> Float[np.ndarray, "T T"]:
    """The weights of all queries but the first, which has no choice: 1 on itself."""
    past = weights.copy()
    past[0] = -1 if len(weights) > 1 else past[0]
    return past


def mean_distance(weights: Float[np.ndarray, "T T"]) -> float:
    """Mean over the queries of sum_s w(t, s) (t - s), in positions; rows are made to sum to 1 again."""
    T = len(weights)
    back = np.subtract.outer(np.arange(T), np.arange(T))
    sums = np.maximum(weights.sum(axis=1, dtype=np.float64), 1e-9)
    return float(np.mean((weights * back).sum(axis=1) / sums))


def uniform_entropy(T: int) -> float:
    """Entropy of a head that looks evenly at all it may: the mean of ln(t + 1) over t = 0 … T-1, in nats."""
    return math.lgamma(T + 1) / T


def _gap(run: Mapping[str, Any]) -> int:
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
