"""Rotary positions: pairs of a query and a key that turn, and scores that depend on the offset only."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from explainer.charts.panel import Panel
from explainer.charts.theme import ink, shades, stroke, words_at
from explainer.charts.traces import drawn, own, scatter
from explainer.lenses.positions.order import (
    curves_panel,
    map_panel,
    offset_panel,
    places,
    spoken,
    spread,
    waves_reading,
)
from explainer.theory.encodings import rotary_scores, rotate, wavelengths
from explainer.theory.ties import first_largest

Vector = Float[np.ndarray, " K"]
SEED = 0  # of the random query and key
ARC = 16  # points of an arc
GAP = 0.02  # between dials, of the width of all


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
    shown = spread(*pairs)
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
            reading=table_reading(T, len(q), base),
        ),
        map_panel(
            "rotary-scores",
            "Scores ⟨R_m q, R_n k⟩ as cosines",
            S[np.ix_(at, at)].T,
            at,
            theme,
            limits=(float(S.min()), float(S.max())),
            names=("position n of the key", "position m of the query", "cosine"),
            rows=at,
            reading=scores_reading(S),
            span=3,
        ),
        curves_panel(
            "rotary-waves",
            "First number of the same pairs of R_p k",
            turned.T[[2 * pair for pair in shown]],
            [f"pair {pair}" for pair in shown],
            theme,
            at=keys,
            reading=waves_reading(T, shown, wavelengths(len(q), base)),
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
        for radius in sorted(set(radii)):
            circle = {"type": "circle", "x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
            line = stroke(ink(theme).line, 1)
            shapes.append({**circle, "xref": f"x{which}", "yref": f"y{which}", "line": line})
        data += [trace | {"xaxis": f"x{which}", "yaxis": f"y{which}"} for trace in _hands(number, pair, colour)]
        turn = f"pair {pair}<br>turn: {spoken(wavelengths(K, base)[2 * pair])}"
        large = {"size": 12, "color": ink(theme).muted}
        notes.append(words_at(turn, left + wide / 2, 0, ink(theme).muted, yanchor="top", font=large))
    return Panel(
        id="rotary-dials",
        title=f"Pairs of a key at position p and of a query {offset} {_positions(offset)} later",
        figure=drawn(
            theme,
            data,
            **axes,
            shapes=shapes,
            annotations=notes,
            showlegend=True,
            margin={"l": 8, "r": 8, "t": 10, "b": 40},
        ),
        arrays={"hands": hands, "arcs": arcs},
        reading=dials_reading(offset, shown, base, K),
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
        scatter(
            "lines+markers",
            name=hand,
            x=own("hands", "place", number, end, 0),
            y=own("hands", "place", number, end, 1),
            line=stroke(colour, 3, dash),
            marker={"size": [0, 9], "opacity": 1, "symbol": symbol},
            showlegend=number == 0,
            hover=f"{hand}, pair {pair}<br>(%{{x:.4f}}, %{{y:.4f}})",
        )
        for end, (hand, dash, symbol) in enumerate(hands)
    ]


def _turned(
    keys: Int[np.ndarray, " places"], base: float, offset: int, q: Vector, k: Vector, shown: list[int]
) -> tuple[Float[np.ndarray, "places pairs 2 2 2"], Float[np.ndarray, "places pairs 2 points"]]:
    """Hands [place, pair, query | key, x | y, centre | tip], and the sectors between them [place, pair, x | y, point]."""
    turned_q = rotate(np.ones((len(keys), 1)) * q, keys + offset, base)
    turned_k = rotate(np.ones((len(keys), 1)) * k, keys, base)
    hands = np.zeros((len(keys), len(shown), 2, 2, 2))
    arcs = np.zeros((len(keys), len(shown), 2, ARC + 2))
    for number, pair in enumerate(shown):
        both = slice(2 * pair, 2 * pair + 2)
        hands[:, number, 0, :, 1], hands[:, number, 1, :, 1] = turned_q[:, both], turned_k[:, both]
        shorter = min(float(np.hypot(*q[both])), float(np.hypot(*k[both])))
        arcs[:, number] = _sectors(turned_q[:, both], turned_k[:, both], 0.45 * shorter)
    return hands, arcs


def _sectors(
    query: Float[np.ndarray, "places 2"], key: Float[np.ndarray, "places 2"], radius: float
) -> Float[np.ndarray, "places 2 points"]:
    """At each place the sector from the key to the query, the shorter way round, from the centre and back to it."""
    begin = np.arctan2(key[:, 1], key[:, 0])
    ahead = np.arctan2(query[:, 1], query[:, 0]) - begin
    between = np.arctan2(np.sin(ahead), np.cos(ahead))
    angles = begin[:, None] + between[:, None] * np.linspace(0, 1, ARC)
    rim = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.pad(rim, ((0, 0), (0, 0), (1, 1)))


def dials_reading(offset: int, shown: list[int], base: float, K: int) -> str:
    """One sentence on how far the offset turns each shown pair."""
    turns = [offset / wavelengths(K, base)[2 * pair] for pair in shown]
    parts = [f"pair {pair} by {turn:.3g} turns" for pair, turn in zip(shown, turns, strict=True)]
    return (
        f"{offset} {_positions(offset)} turn {', '.join(parts)}: both hands go round, and what is between them stays."
    )


def offset_reading(S: Float[np.ndarray, "T T"], offset: int) -> str:
    """One sentence on the score at the chosen offset and how far it varies over the positions."""
    same = S.diagonal(-offset)
    difference = float(same.max() - same.min())
    return (
        f"At offset {offset} the cosine is {same[0]:.3f} at all {len(same)} places "
        f"(largest difference {spoken(difference)}{', rounding' if difference else ''})."
    )


def table_reading(T: int, K: int, base: float) -> str:
    """One sentence on fast and slow pairs."""
    lengths = wavelengths(K, base)[0::2]
    whole = int((lengths <= T).sum())
    return (
        f"{K // 2} pairs; {whole} of them complete a turn within T = {T}, "
        f"the slowest takes {spoken(lengths.max())} positions."
    )


def scores_reading(S: Float[np.ndarray, "T T"]) -> str:
    """One sentence on where the score is largest."""
    T = len(S)
    by_offset = [float(S[0, -offset] if offset < 0 else S[offset, 0]) for offset in range(1 - T, T)]
    best = first_largest(np.array(by_offset)) + 1 - T
    return f"One value along each diagonal; the largest, {max(by_offset):.3f}, is at offset m − n = {best}."


def _positions(count: int) -> str:
    return "position" if count == 1 else "positions"
