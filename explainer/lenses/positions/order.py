"""What every encoding of order is shown by: a map over positions, curves, and the score against the offset.

A scan moves through the positions p; each figure marks where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from explainer.charts.panel import Panel
from explainer.charts.theme import DIVERGING, SEQUENTIAL, ink, shades, stroke
from explainer.charts.traces import coloured, drawn, heatmap, moment, own, scatter
from explainer.theory.encodings import offset_range

PLACES = 171
"""Most positions of a picture. At T = 512 it has every third, still two in each turn of the fastest wave."""

WAVES = 4  # pairs that are drawn one by one
HAND = {"size": [0, 9], "opacity": 1}


def places(T: int) -> Int[np.ndarray, " places"]:
    """The positions that a picture of T shows: all, or every second or third."""
    return np.arange(0, T, -(-T // PLACES))


def spread(first: int, last: int) -> list[int]:
    """At most `WAVES` different whole numbers from `first` to `last`, evenly spaced."""
    return sorted({round(each) for each in np.linspace(first, last, WAVES)})


def here(theme: str) -> dict[str, Any]:
    """An upright line at the position of the scan: the first shape of a figure."""
    return moment(theme, color=ink(theme).text, width=1.5, dash="dot")


def hand(name: str, *index: int, **more: Any) -> dict[str, Any]:
    """A hand of a clock at the scan's place, from a panel's `hands`[place, *index, x | y, centre | tip]."""
    x, y = (own("hands", "place", *index, axis) for axis in (0, 1))
    return scatter("lines+markers", name=name, x=x, y=y, **{"marker": HAND, **more})


def circle(radius: float, theme: str) -> dict[str, Any]:
    """A circle around the origin, thin."""
    ends = {"x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
    return {"type": "circle", **ends, "line": stroke(ink(theme).line, 1)}


def map_panel(
    id: str,
    title: str,
    table: Float[np.ndarray, "places rows"],
    at: Int[np.ndarray, " places"],
    theme: str,
    *,
    limits: tuple[float, float],
    names: tuple[str, str, str],
    reading: str,
    square: bool = False,
) -> Panel:
    """A table over positions as a map, with a line at the scan's place.

    Args:
        limits: ends of the colours, which are diverging if zero is in the middle.
        names: of the axis of positions, of the rows, and of the colour.
        square: the rows are positions as well, and run downwards (a table of scores).
    """
    across, down, value = names
    heat = heatmap(
        x=at.tolist(),
        z=own("table"),
        **coloured(value, *limits, DIVERGING if limits[0] == -limits[1] else SEQUENTIAL),
        **({"y": at.tolist()} if square else {}),
        hover=f"{across} = %{{x}}, {down} %{{y}}<br>{value} = %{{z:.4f}}",
    )
    yaxis = {"title": down} | ({"autorange": "reversed"} if square else {})
    return Panel(
        id=id,
        title=title,
        figure=drawn(theme, [heat], xaxis=across, yaxis=yaxis, shapes=[here(theme)]),
        arrays={"table": np.ascontiguousarray(table.T)},
        reading=reading,
        span=3 if square else 5,
        height=270,
    )


def offset_panel(
    id: str,
    title: str,
    scores: Float[np.ndarray, "T T"],
    theme: str,
    *,
    name: str,
    reading: str,
    count: int | None = None,
) -> Panel:
    """Scores against the offset m - n: those with position n = p, and the range over all positions.

    Where a score depends on the offset only, the curve slides along and the range is a line.

    Args:
        scores: [m, n].
        name: of a score.
        count: how many of `places` the scan has; default, all.
    """
    at = places(len(scores))
    dark, colour, _ = shades(theme, 3)
    at_p = scatter(
        x0=own("start", "place"),
        y=own("columns", "place"),
        dx=int(at[1] - at[0]) if len(at) > 1 else 1,
        line=stroke(colour, 4),
        opacity=0.75,
        name="with position p",
        hover=f"offset %{{x}}<br>{name} = %{{y:.4f}}",
    )
    return Panel(
        id=id,
        title=title,
        figure=drawn(theme, [*_band(scores, dark), at_p], xaxis="offset m − n", yaxis=name, showlegend=True),
        arrays={"start": -at[:count], "columns": np.ascontiguousarray(scores[np.ix_(at, at[:count])].T)},
        reading=reading,
        span=4,
        height=270,
    )


def _band(scores: Float[np.ndarray, "T T"], colour: str) -> list[dict[str, Any]]:
    """The range of the scores at each offset, as two lines with a filling between them."""
    low, _, high = offset_range(scores)
    offsets = list(range(1 - len(scores), len(scores)))
    edge = scatter(x=offsets, line=stroke(colour, 1.2))
    hover = "offset %{{x}}: {} %{{y:.4f}}<extra></extra>"
    named = {"fill": "tonexty", "name": "least to most, over all positions"}
    return [
        {**edge, "y": np.round(low, 5).tolist(), "showlegend": False, "hovertemplate": hover.format("least")},
        {**edge, "y": np.round(high, 5).tolist(), **named, "hovertemplate": hover.format("most")},
    ]


def curves_panel(
    id: str,
    title: str,
    curves: Float[np.ndarray, "curves T"],
    looks: Sequence[tuple[str, str, str]],
    theme: str,
    *,
    at: Int[np.ndarray, " places"],
    reading: str,
    up: str = "value",
    span: int = 5,
) -> Panel:
    """Curves over the positions, with a point on each at the scan's place.

    Args:
        looks: of each curve its name, colour and dash; only solid ones are in the legend.
        at: the places of the scan.
        up: name of the axis.
    """
    data = [
        scatter(
            x=list(range(len(curve))),
            y=np.round(curve, 5).tolist(),
            name=name,
            line=stroke(colour, 2 if dash == "solid" else 1.4, dash),
            showlegend=dash == "solid",
            hover=f"{name}<br>%{{x}}: %{{y:.4f}}",
        )
        for curve, (name, colour, dash) in zip(curves, looks, strict=True)
    ]
    marker = {"color": [colour for _, colour, _ in looks], "size": 9}
    places = {"x": own("across", "place"), "y": own("up", "place")}
    data.append(scatter("markers", **places, marker=marker, showlegend=False, hover="%{x}: %{y:.4f}"))
    return Panel(
        id=id,
        title=title,
        figure=drawn(theme, data, xaxis="position p", yaxis=up, shapes=[here(theme)], showlegend=True),
        arrays={"across": np.repeat(at[:, None], len(looks), axis=1), "up": np.ascontiguousarray(curves[:, at].T)},
        reading=reading,
        span=span,
        height=270,
    )


def waves_reading(T: int, shown: list[int], lengths: Float[np.ndarray, " D"]) -> str:
    """One sentence on how often the shown pairs turn within the sequence."""
    turns = [f"pair {pair}: {(T - 1) / lengths[2 * pair]:.3g}" for pair in shown]
    return f"Turns from the first position to the last: {', '.join(turns)}."


def spoken(value: float) -> str:
    """A wavelength or an error for people: "6.28", "54,410", "4.7e8", "2e-13"."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 100:
        return f"{value:.3g}"
    if 100 <= size < 1e6:
        return f"{value:,.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"
