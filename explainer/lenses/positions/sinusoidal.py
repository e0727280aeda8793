"""The sinusoidal table: as a map, as waves, as hands of clocks; its dot products; and what the usual bugs break."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Panel
from explainer.charts.theme import ink, shades, stroke
from explainer.charts.traces import drawn, scatter
from explainer.lenses.positions.order import (
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
from explainer.theory.encodings import dot_kernel, offset_error, sinusoidal, sinusoidal_bug, still_share, wavelengths
from explainer.words import counted

CODES: Mapping[str, str] = {
    "correct": "correct",
    "double_step": "doubled exponent",
    "other_exponent": "doubled, cosine differs",
}
"""The ways to compute the table, and what they are called."""

EXACT = 1e-9  # differences of products below it are rounding


def table_of(T: int, D: int, base: float, code: str) -> Float[np.ndarray, "T D"]:
    """The table as one of `CODES` computes it.

    Raises:
        ValueError: D is odd, base is not above 1, or an unknown code.
    """
    return sinusoidal(T, D, base) if code == "correct" else sinusoidal_bug(T, D, base, code)


def panels(T: int, D: int, base: float, code: str, pairs: tuple[int, int], theme: str) -> list[Panel]:
    """All figures of one table.

    Args:
        T: positions.
        D: width.
        base: of the frequencies.
        code: one of `CODES`.
        pairs: first and last of the few that are drawn one by one.
    """
    table = table_of(T, D, base, code)
    G, at, shown = dot_kernel(table), places(T), spread(*pairs)
    lengths = _wavelengths(D, base, code)
    return [
        map_panel(
            "sinusoidal-table",
            "The table PE: one column for each position",
            table[at],
            at,
            theme,
            limits=(-1.0, 1.0),
            names=("position p", "dimension", "PE"),
            reading=table_reading(T, lengths, still_share(table)),
        ),
        map_panel(
            "sinusoidal-kernel",
            "Dot products ⟨PE(m), PE(n)⟩",
            G[np.ix_(at, at)],
            at,
            theme,
            limits=(float(G.min()), float(G.max())),
            names=("position n", "position m", "dot product"),
            reading=kernel_reading(G),
            square=True,
        ),
        offset_panel(
            "sinusoidal-offset",
            "The same against the offset",
            G,
            theme,
            name="dot product",
            reading=offset_reading(offset_error(table)),
        ),
        curves_panel(
            "sinusoidal-waves",
            "Some of its pairs as curves: sine solid, cosine dotted",
            np.concatenate([table.T[[2 * pair, 2 * pair + 1]] for pair in shown]),
            [
                (f"pair {pair}{cosine}", colour, dash)
                for pair, colour in zip(shown, shades(theme, len(shown)), strict=True)
                for cosine, dash in (("", "solid"), (", cosine", "dot"))
            ],
            theme,
            at=at,
            up="PE",
            reading=waves_reading(T, shown, lengths),
        ),
        hands_panel(table, shown, theme),
        wavelength_panel(T, D, base, code, theme),
    ]


def hands_panel(table: Float[np.ndarray, "T D"], shown: list[int], theme: str) -> Panel:
    """The same pairs as hands of clocks at position p: across the cosine, up the sine."""
    turned = table.reshape(len(table), -1, 2)[:, shown, ::-1][places(len(table))]
    hands = np.pad(turned[..., None], [*[(0, 0)] * 3, (1, 0)])  # [place, pair, cos | sin, centre | tip]
    data = [
        hand(f"pair {pair}", number, line=stroke(colour, 3), hover=f"pair {pair}<br>cos %{{x:.4f}}, sin %{{y:.4f}}")
        for number, (pair, colour) in enumerate(zip(shown, shades(theme, len(shown)), strict=True))
    ]
    across = {"title": "cosine", "range": [-1.15, 1.15], "constrain": "domain"}
    up = {**across, "title": "sine", "scaleanchor": "x"}
    return Panel(
        id="sinusoidal-hands",
        title="The same pairs as hands, at position p",
        figure=drawn(theme, data, xaxis=across, yaxis=up, shapes=[circle(1, theme)]),
        arrays={"hands": hands},
        reading=hands_reading(table),
        span=3,
        height=270,
    )


def wavelength_panel(T: int, D: int, base: float, code: str, theme: str) -> Panel:
    """How many positions each dimension takes for one turn, beside the right table's, and T."""
    dark, _, colour = shades(theme, 3)
    lengths = _wavelengths(D, base, code)
    lines = {"correct": (dark, "solid"), **({code: (colour, "dot")} if code != "correct" else {})}
    data = [
        scatter(
            x=list(range(D)),
            y=_wavelengths(D, base, kind).tolist(),
            name=CODES[kind],
            line=stroke(tone, 2.5, dash),
            hover=f"{CODES[kind]}<br>dimension %{{x}}: %{{y:.5g}} positions",
        )
        for kind, (tone, dash) in lines.items()
    ]
    length = stroke(ink(theme).muted, 1.2, "dash")
    data.append(scatter(x=[0, D - 1], y=[T, T], name=f"T = {T}", line=length, hover="T = %{y} positions"))
    yaxis = {"title": "positions", "type": "log", "exponentformat": "power"}
    return Panel(
        id="sinusoidal-wavelengths",
        title="Wavelength of each dimension",
        figure=drawn(theme, data, xaxis="dimension", yaxis=yaxis, showlegend=True),
        reading=(
            f"{(lengths <= T).sum()} of {D} dimensions complete a turn within T = {T}; "
            f"the slowest takes {spoken(lengths.max())}."
        ),
        span=4,
        height=270,
    )


def verdict(T: int, D: int, base: float, code: str) -> str:
    """What a way to compute the table breaks, in three numbers beside those of the right table."""
    names = "largest difference between products at one offset", "longest wavelength", "dimensions that hardly move"
    found, right = _measured(T, D, base, code), _measured(T, D, base, "correct")
    if code != "correct":
        found = [f"{value} (correct: {other})" for value, other in zip(found, right, strict=True)]
    return "; ".join(f"{name} {value}" for name, value in zip(names, found, strict=True)) + "."


def _measured(T: int, D: int, base: float, code: str) -> list[str]:
    table = table_of(T, D, base, code)
    longest = _wavelengths(D, base, code).max()
    return [_error(offset_error(table)), spoken(longest), f"{still_share(table):.0%}"]


def table_reading(T: int, lengths: Float[np.ndarray, " D"], still: float) -> str:
    """One sentence on wavelengths and on how much of the table moves at all."""
    return (
        f"{len(lengths)} dimensions with wavelengths from {spoken(lengths.min())} to {spoken(lengths.max())} positions; "
        f"{still:.0%} of them hardly move over {counted(T, 'position')} (standard deviation below 0.001)."
    )


def kernel_reading(G: Float[np.ndarray, "T T"]) -> str:
    """One sentence on a position's product with itself, its neighbour and the farthest one."""
    own = G.diagonal()
    low, high = own.min(), own.max()
    if high - low < EXACT:
        sentence = f"A position's product with itself is {low:.4g}, wherever it stands"
    else:
        sentence = f"A position's product with itself is anything from {low:.3g} to {high:.3g}"
    if len(G) == 1:
        return sentence + "."
    return f"{sentence}; position 0 has {G[0, 1]:.3g} with the next one and {G[0, -1]:.3g} with position {len(G) - 1}."


def offset_reading(error: float) -> str:
    """One sentence on whether the dot product is a function of the offset alone."""
    if error < EXACT:
        said = "The curve slides and keeps its shape: the product depends on the offset m − n only"
        return f"{said} (largest difference at one offset: {_error(error)})."
    said = f"At one and the same offset the product differs by up to {spoken(error)}"
    return f"{said}: it depends on where the pair stands."


def hands_reading(table: Float[np.ndarray, "T D"]) -> str:
    """One sentence on the length of the hands: one, where sine and cosine share a frequency."""
    length = np.hypot(table[:, 0::2], table[:, 1::2])
    if np.abs(length - 1).max() < EXACT:
        return "Every hand has length 1: k positions further is the same turn, wherever one starts."
    return (
        f"The hands are between {length.min():.2f} and {length.max():.2f} long: "
        "sine and cosine disagree, and no turn leads from one position to the next."
    )


def _wavelengths(D: int, base: float, code: str) -> Float[np.ndarray, " D"]:
    return wavelengths(D, base, None if code == "correct" else code)


def _error(error: float) -> str:
    return "0" if error == 0 else spoken(error) if error >= EXACT else f"0, but for rounding ({spoken(error)})"
