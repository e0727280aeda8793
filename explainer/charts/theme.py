"""The look of every figure: one colour a model family, one sequential and one diverging scale.

The colours are Okabe and Ito's set (2008, "Color Universal Design"), shifted a little so that each
stands out on the light and on the dark background; the scales are perceptually uniform and
readable without telling red from green.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainer.families import FAMILIES, Attending, Recurrent

FAMILY_COLOURS: Mapping[str, str] = {name: family.colour for name, family in FAMILIES.items()}
FAMILY_NAMES: Mapping[str, str] = {name: family.title for name, family in FAMILIES.items()}
FAMILY_SYMBOLS: Mapping[str, str] = {name: family.symbol for name, family in FAMILIES.items()}


RECURRENCE, ATTENTION = (
    next(family.colour for family in FAMILIES.values() if issubclass(family, kind)) for kind in (Recurrent, Attending)
)
"""Of what is drawn of no run: of recurrence as such, and of attention."""

UNSEEN = {"color": "rgba(0,0,0,0)"}

_VIRIDIS = np.frombuffer(bytes.fromhex("440154 472c7a 3b518b 2c718e 21908d 27ad81 5cc863 aadc32 fde725"), np.uint8)
_VIRIDIS = _VIRIDIS.reshape(-1, 3)  # in steps of an eighth (matplotlib), in red, green and blue
_SHADES = {"light": (0.0, 0.72), "dark": (0.42, 1.0)}  # the part that stands out on the background


@dataclass(frozen=True)
class Look:
    """How a curve is told from the others, with and without colour."""

    colour: str
    symbol: str
    dash: str


#: Of the encodings of position, which all belong to one family.
ENCODING_LOOKS: Mapping[str, Look] = {
    "none": Look("#8A8F98", "x", "solid"),
    "learned": Look("#BF8300", "square", "solid"),
    "sinusoidal": Look("#D55E00", "triangle-up", "dash"),
    "rotary": Look("#2B83C6", "diamond", "dashdot"),
    "alibi": Look("#009E73", "circle", "solid"),
}
FONT = '"Source Sans", "Source Sans Pro", sans-serif'
LOSS_AXIS = {"title": "loss", "type": "log", "exponentformat": "power", "minor": {"showgrid": False}}
SEQUENTIAL = "Viridis"
WORD = 8  # letters that fit above a colour bar
DIVERGING = [[0.0, "#08519C"], [0.25, "#6BAED6"], [0.5, "#F2F2F0"], [0.75, "#F4A259"], [1.0, "#A63603"]]


@dataclass(frozen=True)
class Ink:
    """Colours of text and lines on one background."""

    text: str
    muted: str
    grid: str
    line: str


INKS: Mapping[str, Ink] = {
    "light": Ink(text="#1F2933", muted="#5F6B7A", grid="#E3E7EC", line="#9AA5B1"),
    "dark": Ink(text="#E6EAF0", muted="#A3AEBD", grid="#2B3440", line="#5B6776"),
}


def ink(theme: str) -> Ink:
    """The colours for `light` or `dark`; anything else reads as light."""
    return INKS.get(theme, INKS["light"])


def layout(theme: str, **more: Any) -> dict[str, Any]:
    """A plotly layout in the theme; `xaxis`, `yaxis` (or only their title) and the rest of `more` are merged into it."""
    shade = ink(theme)
    base: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": shade.text, "size": 12, "family": FONT},
        "margin": {"l": 58, "r": 14, "t": 10, "b": 44},
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        "showlegend": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": shade.line, "activecolor": shade.text},
    }
    for name, value in more.items():
        base[name] = _axis_with(theme, value) if name.startswith(("xaxis", "yaxis")) else value
    return base


def _axis_with(theme: str, more: Mapping[str, Any] | str) -> dict[str, Any]:
    given: Mapping[str, Any] = {"title": more} if isinstance(more, str) else more
    plain_axis, title = axis(theme), given.get("title", {})
    named = {"text": title} if isinstance(title, str) else title
    return {**plain_axis, **given, "title": {**plain_axis["title"], **named}}


def axis(theme: str) -> dict[str, Any]:
    """What every axis has: a faint grid, no heavy zero line, a title close by."""
    shade = ink(theme)
    return {
        "gridcolor": shade.grid,
        "linecolor": shade.line,
        "zeroline": False,
        "title": {"standoff": 4, "font": {"size": 12}},
        "tickfont": {"size": 11, "color": shade.muted},
        "ticklabeloverflow": "allow",  # plotly.js measures all labels for each of them, to hide those beyond the figure
    }


def stroke(colour: Any, width: float, dash: str = "") -> dict[str, Any]:
    """How a line is drawn: in a colour or where a slot has it, and in pixels."""
    return {"color": colour, "width": width, **({"dash": dash} if dash else {})}


def upright(place: Any, **line: Any) -> dict[str, Any]:
    """A line from the foot to the top of a figure, at a place or where a slot has it."""
    return {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def level(height: Any, **line: Any) -> dict[str, Any]:
    """A line across a figure, at a height or where a slot has it."""
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": height, "y1": height, "line": line}


def words_at(text: str, x: float, y: float, colour: str, **more: Any) -> dict[str, Any]:
    """Words in a figure, x and y as shares of it, above their place and around it if `more` does not say otherwise."""
    place = {"xref": "paper", "yref": "paper", "x": x, "xanchor": "center", "y": y, "yanchor": "bottom"}
    return {**place, "showarrow": False, "text": text, "font": {"size": 11, "color": colour}, **more}


def level_name(text: str, height: float, colour: str) -> dict[str, Any]:
    """Words above the right end of such a line; on a logarithmic axis the height is a logarithm."""
    place = {"xref": "paper", "x": 1, "xanchor": "right", "y": height, "yanchor": "bottom", "showarrow": False}
    return {**place, "text": text, "font": {"size": 11, "color": colour}}


def marked(model: str) -> dict[str, Any]:
    """A line of a family's, with its symbol in some places, so that it is told from others without its colour."""
    marker = {"symbol": FAMILY_SYMBOLS[model], "size": 8, "color": FAMILY_COLOURS[model], "maxdisplayed": 8}
    return {"mode": "lines+markers", "marker": marker}


def colour_bar(title: str) -> dict[str, Any]:
    """A slim bar beside a heatmap with what its colours mean: a word stands upright above it, more runs along it.

    So does a title that a slot will fill, which is empty here.
    """
    side = "top" if 0 < len(title) <= WORD else "right"
    return {
        "title": {"text": title, "side": side, "font": {"size": 11}},
        "thickness": 10,
        "outlinewidth": 0,
        "ticklabeloverflow": "allow",
    }


def plain(text: str) -> str:
    """`text` for plotly's labels, which read some HTML: a user's text must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shades(theme: str, count: int) -> list[str]:
    """Colours of an ordered few, from the sequential scale."""
    low, high = _SHADES.get(theme, _SHADES["light"])
    at = np.linspace(low, high, count) * (len(_VIRIDIS) - 1)
    channels = [np.interp(at, np.arange(len(_VIRIDIS)), channel).round().astype(int) for channel in _VIRIDIS.T]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in zip(*channels, strict=True)]
