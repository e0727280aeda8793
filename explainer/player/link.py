"""The address of a page: what stands in it; and where the player can't, *Copy link* and how figures are zoomed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import streamlit as st

from explainer.player.component import component


@cache
def _component() -> Any:
    said = "Copy the address of what this page shows"
    button = f'<button type="button" class="link" aria-live="polite" title="{said}">Copy link</button>'
    html = f'<div class="unrolled-player"><span class="bar only">{button}<output></output></span></div>\n'
    return component("unrolled_link", html, "copy.js")


def put_into_address(wanted: Mapping[str, str], names: AbstractSet[str]) -> None:
    """Of these names those that are wanted, and no others."""
    # Each by its own name: the address has others too, and a widget's bound one may not be set from here.
    present = st.query_params.to_dict()
    for name in names & present.keys() - wanted.keys():
        del st.query_params[name]
    if any(present.get(name) != text for name, text in wanted.items()):
        st.query_params.update(wanted)


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
            if re.fullmatch(r"[xy]\d{0,2}", axis, re.ASCII) and all(map(math.isfinite, (low, high))) and low != high:
                zooms.setdefault(figure, {})[f"{axis[0]}axis{axis[1:]}"] = [low, high]
    return zooms
