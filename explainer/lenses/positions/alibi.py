"""ALiBi: the bias of each head, its slope, and what is left of attention when every key scores the same."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Panel, numbers_for_json
from explainer.charts.theme import ink, level, shades, stroke, words_at
from explainer.charts.traces import STEP, coloured, drawn, heatmap, own, scatter
from explainer.lenses.positions.order import here, places
from explainer.theory.encodings import alibi_bias, alibi_slopes, alibi_weights
from explainer.theory.ties import first_largest, first_smallest
from explainer.words import counted

Slopes = Float[np.ndarray, " H"]
SMALL = 24  # positions of a small map, at most
ENDS = 30.0  # a bias below -30 is a factor below 1e-13: the colours end there


def panels(T: int, H: int, head: int, theme: str) -> list[Panel]:
    """All figures of H heads, `head` (from 0) the chosen one. The scan is the query's position.

    Raises:
        ValueError: H is below 1.
    """
    slopes = alibi_slopes(H)
    return [
        bias_panel(T, slopes, head, theme),
        weights_panel(T, slopes, head, theme),
        maps_panel(T, slopes, theme),
        lines_panel(T, slopes, head, theme),
        slopes_panel(slopes, head, theme),
    ]


def bias_panel(T: int, slopes: Slopes, head: int, theme: str) -> Panel:
    """The bias of the chosen head: query i downwards, key j across, nothing for the future."""
    at, slope = places(T), slopes[head]
    bias = alibi_bias(len(slopes), T)[head][np.ix_(at, at)]
    heat = heatmap(
        x=at.tolist(),
        y=at.tolist(),
        z=own("bias"),
        **coloured("bias", -min(ENDS, max(slope * (T - 1), 1e-9)), 0),
        hoverongaps=False,
        hover="query %{y}, key %{x}<br>bias = %{z:.4f}",
    )
    said = (
        f"Head {head + 1} takes {fraction(slope)} off a score for each position of distance: "
        f"{slope:.3g} for the neighbour, {slope * (T - 1):.3g} from end to end. Keys after the query are masked."
    )
    yaxis = {"title": "position i of the query", "autorange": "reversed"}
    place = level(STEP, **here(theme)["line"])
    return Panel(
        id="alibi-bias",
        title=f"Bias added to the scores of head {head + 1}",
        figure=drawn(theme, [heat], xaxis="position j of the key", yaxis=yaxis, shapes=[place]),
        arrays={"bias": np.where(np.isfinite(bias), bias, np.nan)},
        reading=said if T > 1 else f"Head {head + 1} has slope {fraction(slope)}; one position has no distance.",
        span=5,
        height=290,
    )


def weights_panel(T: int, slopes: Slopes, head: int, theme: str) -> Panel:
    """Attention of query i = p of the chosen head when all keys score the same."""
    at, weights = places(T), alibi_weights(slopes[head], T)
    line, hover = stroke(shades(theme, 3)[1], 2.5), "key %{x}<br>weight %{y:.4f}"
    filled = scatter(x=at.tolist(), y=own("weights", "place"), line=line, fill="tozeroy", hover=hover)
    half = int((np.cumsum(weights[-1, ::-1]) < 0.5).sum()) + 1
    return Panel(
        id="alibi-weights",
        title=f"Head {head + 1}: attention of the query at p, if every key scored the same",
        figure=drawn(theme, [filled], xaxis="position j of the key", yaxis="weight", shapes=[here(theme)]),
        arrays={"weights": weights[np.ix_(at, at)]},
        reading=(
            f"From the last position, half of the weight is on the nearest {half} of {counted(T, 'key')}, "
            f"{weights[-1, -1]:.0%} on the position itself."
        ),
        span=7,
        height=290,
    )


def maps_panel(T: int, slopes: Slopes, theme: str) -> Panel:
    """e^bias of every head as small maps: by how much a far key counts less."""
    H, stride = len(slopes), -(-T // SMALL)
    at = list(range(0, T, stride))
    factors = np.where(np.tri(len(at), dtype=bool), np.exp(alibi_bias(H, T)[:, ::stride, ::stride]), np.nan)
    across = min(H, 4 if H <= 8 else 6)
    down = -(-H // across)
    wide, tall = 1 / across, 1 / down
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    notes: list[dict[str, Any]] = []
    for head in range(H):
        name = "" if head == 0 else str(head + 1)
        left, top = (head % across) * wide, 1 - (head // across) * tall
        domain = [top - 0.96 * tall, top - 0.14 * tall]
        axes[f"xaxis{name}"] = {"visible": False, "domain": [left, left + 0.9 * wide], "anchor": f"y{name}"}
        axes[f"yaxis{name}"] = {"visible": False, "domain": domain, "anchor": f"x{name}", "autorange": "reversed"}
        data.append(
            heatmap(
                xaxis=f"x{name}",
                yaxis=f"y{name}",
                x=at,
                y=at,
                z=numbers_for_json(np.round(factors[head], 5)),
                **coloured("e^bias", 0, 1),
                showscale=head == 0,
                hoverongaps=False,
                hover=f"head {head + 1}, query %{{y}}, key %{{x}}<br>e^bias = %{{z:.4f}}",
            )
        )
        said = f"{head + 1}: {fraction(slopes[head])}"
        notes.append(words_at(said, left + 0.45 * wide, top - 0.14 * tall, ink(theme).muted))
    return Panel(
        id="alibi-maps",
        title="All heads and slopes: what the bias multiplies a weight by",
        figure=drawn(theme, data, **axes, annotations=notes, margin={"l": 8, "r": 8, "t": 4, "b": 4}),
        reading=maps_reading(T, slopes),
        span=5,
        height=270,
    )


def lines_panel(T: int, slopes: Slopes, head: int, theme: str) -> Panel:
    """Bias against distance, a line for each head, as far as it matters."""
    data = [
        scatter(
            x=[0, min(T - 1.0, ENDS / slope)],
            y=[0, -min(slope * (T - 1), ENDS)],
            name=f"head {number + 1}",
            line=stroke(colour, 4 if number == head else 1.5),
            hover=f"head {number + 1}, slope {fraction(slope)}<br>%{{x}} back: %{{y:.4f}}",
        )
        for number, (slope, colour) in enumerate(zip(slopes.tolist(), shades(theme, len(slopes)), strict=True))
    ]
    return Panel(
        id="alibi-lines",
        title="Bias against distance, head by head",
        figure=drawn(theme, data, xaxis="distance i − j", yaxis="bias"),
        reading=(
            f"In head {head + 1} a weight halves with every {math.log(2) / slopes[head]:.3g} positions of distance "
            "(ln 2 / slope)."
        ),
        span=4,
        height=270,
    )


def slopes_panel(slopes: Slopes, head: int, theme: str) -> Panel:
    """The slope of each head on a logarithmic axis."""
    H = len(slopes)
    ticks = sorted(slopes.tolist())[:: -(-H // 8)]
    chosen = [14 if number == head else 8 for number in range(H)]
    points = scatter(
        "markers",
        x=list(range(1, H + 1)),
        y=slopes.tolist(),
        text=[fraction(slope) for slope in slopes],
        marker={"color": shades(theme, H), "size": chosen},
        hover="head %{x}<br>slope %{text}",
    )
    named = {"tickmode": "array", "tickvals": ticks, "ticktext": list(map(fraction, ticks))}
    yaxis = {"title": "slope", "type": "log", **named}
    return Panel(
        id="alibi-slopes",
        title="Slopes",
        figure=drawn(theme, [points], xaxis={"title": "head", "dtick": 1 if H <= 8 else 2}, yaxis=yaxis),
        reading=slopes_reading(slopes),
        span=3,
        height=270,
    )


def fraction(slope: float) -> str:
    """A slope as it is known: "1/8" for a power of two, else three digits."""
    exact = Fraction(float(slope))
    return f"1/{exact.denominator}" if exact.numerator == 1 and exact.denominator <= 2**16 else f"{slope:.3g}"


def maps_reading(T: int, slopes: Slopes) -> str:
    """One sentence on the heads with the shortest and the longest sight."""
    steep, flat = first_largest(slopes), first_smallest(slopes)
    if len(slopes) == 1:
        return f"One head: at distance {T - 1} a weight is multiplied by {math.exp(-slopes[0] * (T - 1)):.2g}."
    return (
        f"At distance {T - 1} a weight is multiplied by {math.exp(-slopes[flat] * (T - 1)):.2g} in head {flat + 1}, "
        f"the flattest, and by {math.exp(-slopes[steep] * (T - 1)):.1g} in head {steep + 1}, the steepest."
    )


def slopes_reading(slopes: Slopes) -> str:
    """One sentence on the row of slopes."""
    if len(slopes) == 1:
        return f"One head, slope {fraction(slopes[0])}."
    rule = "a geometric row"
    if len(slopes).bit_count() > 1:
        rule = "the row for the next lower power of two, then every other one of the row above"
    return f"From {fraction(slopes.max())} to {fraction(slopes.min())}: {rule}. None of them is learnt."
