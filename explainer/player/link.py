"""Addresses on a page without the player: *Copy link*, which its bar has else, and how figures are zoomed."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from explainer.player.assets import joined

HERE = Path(__file__).parent


@cache
def _component() -> Any:
    return st.components.v2.component(
        "unrolled_link",
        html='<div class="unrolled-player"><span class="bar only">'
        '<button type="button" class="link" aria-live="polite" title="Copy the address of what this page shows">Copy link</button>'
        "<output></output></span></div>\n",
        css=(HERE / "player.css").read_text(),
        js=joined("copy.js"),
        isolate_styles=False,
    )


def copy_link(key: str) -> None:
    """A button that puts the page's address on the clipboard: the one that somebody else can open."""
    _component()(key=f"{key}-copy-link")


def zooms_of(text: str) -> dict[str, dict[str, list[float]]]:
    """How an address zooms figures, by figure and axis, as `zoomsOf` in address.js reads it; what is no such text is left out."""
    zooms: dict[str, dict[str, list[float]]] = {}
    for part in text[:2000].split("*"):
        figure, *rest = part.split("_")
        for axis, *ends in zip(rest[::3], rest[1::3], rest[2::3], strict=False):
            try:
                low, high = map(float, ends)
            except ValueError:
                continue
            if (
                re.fullmatch(r"[xy]\d{0,2}", axis, re.ASCII)
                and math.isfinite(low)
                and math.isfinite(high)
                and low != high
            ):
                zooms.setdefault(figure, {})[f"{axis[0]}axis{axis[1:]}"] = [low, high]
    return zooms
