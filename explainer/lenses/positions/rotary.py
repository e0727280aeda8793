"""Rotary positions: pairs of a query and a key that turn, and scores that depend on the offset only."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from explainer.charts.panel import Panel
from explainer.charts.theme import ink, shades, stroke, words_at
from explainer.charts.traces import drawn, own, scatter
from explainer.lenses.positions.order import (
    HAND,
    circle,
    curves_panel,
    hand,
    map_panel,
    offset_panel,
    places,
    spoken,
    spread,
    waves_reading,
)
from explainer.theory.encodings import rotary_scores, rotate, wavelengths
from explainer.theory.ties import first_largest
from explainer.words import counted

Vector = Float[np.ndarray, " K"]
SEED = 0  # of the random query and key
ARC = 16  # points of an arc
GAP = 0.02  # between dials, of the width of all
MARGIN = {"l": 8, "r": 8, "t": 10, "b": 40}


def vectors(K: int, random: bool) -> tuple[Vector, Vector]:
    """A query and a key: both (1, …, 1), or drawn from N(0, 1) with a fixed seed."""
    if not random:
        return np.ones(K), np.ones(K)
    q, k = np.random.default_rng(SEED).normal(size=(2, K))
    return q, k


def panels(T: int, base: float, offset: int, q: Vector, k: Vector, pairs: tuple[int, int], theme: str) -> list[Panel]:
    """All figures of a query that stands `offset` positions after its key, of head size K = len(q).

    The scan is the key's position p = 0 … T-1-offset.

    Raises:
        ValueError: K is odd, or base is not above 1.
    """
    S = rotary_scores(q, k, T, base) / (np.linalg.norm(q) * np.linalg.norm(k))
    at = places(T)
    keys = at[at + offset < T]
    turned = rotate(np.ones((T, 1)) * k, np.arange(T), base)
    shown, lengths = spread(*pairs), wavelengths(len(q), base)
    limit = float(np.abs(turned).max())
    return [
        dials_panel(T, base, offset, q, k, shown, theme),
        offset_panel(
            "rotary-offset",
            "Their score against the offset m − n",
            S,
            theme,
            name="cosine",
            reading=offset_reading(S, offset),
            count=len(keys),
        ),
        map_panel(
            "rotary-table",
            "The key R_p k at each position",
            turned[at],
            at,
            theme,
            limits=(-limit, limit),
            names=("position p", "dimension", "R_p k"),
            reading=(
                f"{len(lengths) // 2} pairs; {(lengths[::2] <= T).sum()} of them complete a turn within T = {T}, "
                f"the slowest takes {spoken(lengths.max())} positions."
            ),
        ),
        map_panel(
            "rotary-scores",
            "Scores ⟨R_m q, R_n k⟩ as cosines",
            S[np.ix_(at, at)].T,
            at,
            theme,
            limits=(float(S.min()), float(S.max())),
            names=("position n of the key", "position m of the query", "cosine"),
            reading=scores_reading(S),
            square=True,
        ),
        curves_panel(
            "rotary-waves",
            "First number of the same pairs of R_p k",
            turned.T[[2 * pair for pair in shown]],
            [(f"pair {pair}", colour, "solid") for pair, colour in zip(shown, shades(theme, len(shown)), strict=True)],
            theme,
            at=keys,
            reading=waves_reading(T, shown, lengths),
            span=4,
        ),
    ]


def dials_panel(T: int, base: float, offset: int, q: Vector, k: Vector, shown: list[int], theme: str) -> Panel:
    """For each shown pair the key at n = p and the query at m = p + offset; the angle between them stays."""
    at = places(T)
    hands, arcs = _turned(at[at + offset < T], base, offset, q, k, shown)
    K, wide = len(q), (1 - GAP * (len(shown) - 1)) / len(shown)
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for number, (pair, colour) in enumerate(zip(shown, shades(theme, len(shown)), strict=True)):
        which = "" if number == 0 else str(number + 1)
        left = number * (wide + GAP)
        radii = [float(np.hypot(*vector[2 * pair : 2 * pair + 2])) for vector in (q, k)]
        bare = {"range": [-1.12 * max(radii), 1.12 * max(radii)], "visible": False, "constrain": "domain"}
        axes[f"xaxis{which}"] = {**bare, "domain": [left, left + wide], "anchor": f"y{which}"}
        axes[f"yaxis{which}"] = {**bare, "domain": [0, 1], "anchor": f"x{which}", "scaleanchor": f"x{which}"}
        place = {"xref": f"x{which}", "yref": f"y{which}"}
        shapes += [circle(radius, theme) | place for radius in sorted(set(radii))]
        data += [trace | {"xaxis": f"x{which}", "yaxis": f"y{which}"} for trace in _hands(number, pair, colour)]
        turn = f"pair {pair}<br>turn: {spoken(wavelengths(K, base)[2 * pair])}"
        large = {"size": 12, "color": ink(theme).muted}
        notes.append(words_at(turn, left + wide / 2, 0, ink(theme).muted, yanchor="top", font=large))
    turns = (f"pair {pair} by {offset / wavelengths(K, base)[2 * pair]:.3g} turns" for pair in shown)
    behind = counted(offset, "position")
    return Panel(
        id="rotary-dials",
        title=f"Pairs of a key at position p and of a query {behind} later",
        figure=drawn(theme, data, **axes, shapes=shapes, annotations=notes, showlegend=True, margin=MARGIN),
        arrays={"hands": hands, "arcs": arcs},
        reading=f"{behind} turn {', '.join(turns)}: both hands go round, and what is between them stays.",
        span=8,
        height=270,
    )


def _hands(number: int, pair: int, colour: str) -> list[dict[str, Any]]:
    """Of one dial the sector between the hands, the query's hand and the key's; those of the first are in the legend."""
    sector = scatter(
        x=own("arcs", "place", number, 0),
        y=own("arcs", "place", number, 1),
        fill="toself",
        line=stroke(colour, 0),
        opacity=0.35,
        hoverinfo="skip",
        showlegend=False,
    )
    hands = (("query", "solid", "circle"), ("key", "dot", "circle-open"))
    return [sector] + [
        hand(
            name,
            number,
            end,
            line=stroke(colour, 3, dash),
            marker=HAND | {"symbol": symbol},
            showlegend=number == 0,
            hover=f"{name}, pair {pair}<br>(%{{x:.4f}}, %{{y:.4f}})",
        )
        for end, (name, dash, symbol) in enumerate(hands)
    ]


def _turned(
    keys: Int[np.ndarray, " places"], base: float, offset: int, q: Vector, k: Vector, shown: list[int]
) -> tuple[Float[np.ndarray, "places pairs 2 2 2"], Float[np.ndarray, "places pairs 2 points"]]:
    """Hands [place, pair, query | key, x | y, centre | tip], and the sectors between them [place, pair, x | y, point].

    A sector goes from the centre to the key, the shorter way round to the query, and back.
    """
    tips = [
        rotate(np.ones((len(keys), 1)) * vector, at, base).reshape(len(keys), -1, 2)[:, shown]
        for vector, at in ((q, keys + offset), (k, keys))
    ]
    hands = np.pad(np.stack(tips, axis=2)[..., None], [*[(0, 0)] * 4, (1, 0)])
    end, begin = (np.arctan2(tip[..., 1], tip[..., 0]) for tip in tips)
    between = np.arctan2(np.sin(end - begin), np.cos(end - begin))
    angles = begin[..., None] + between[..., None] * np.linspace(0, 1, ARC)
    radius = 0.45 * np.minimum(*(np.hypot(*vector.reshape(-1, 2)[shown].T) for vector in (q, k)))
    rim = radius[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=2)
    return hands, np.pad(rim, [*[(0, 0)] * 3, (1, 1)])


def offset_reading(S: Float[np.ndarray, "T T"], offset: int) -> str:
    """One sentence on the score at the chosen offset and how far it varies over the positions."""
    same = S.diagonal(-offset)
    difference = float(np.ptp(same))
    return (
        f"At offset {offset} the cosine is {same[0]:.3f} at all {len(same)} places "
        f"(largest difference {spoken(difference)}{', rounding' if difference else ''})."
    )


def scores_reading(S: Float[np.ndarray, "T T"]) -> str:
    """One sentence on where the score is largest."""
    T = len(S)
    by_offset = [float(S[0, -offset] if offset < 0 else S[offset, 0]) for offset in range(1 - T, T)]
    best = first_largest(np.array(by_offset)) + 1 - T
    return f"One value along each diagonal; the largest, {max(by_offset):.3f}, is at offset m − n = {best}."
