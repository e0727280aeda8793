"""The numbers of charts as CSV files on a page without the player, whose figures have menus for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import streamlit as st

from explainer.charts.panel import Panel, Reel, mosaic_cell, reel_at
from explainer.player.assets import joined

HERE = Path(__file__).parent


@cache
def _component() -> Any:
    return st.components.v2.component(
        "unrolled_numbers",
        html='<div class="unrolled-player"><span class="bar only"></span></div>\n',
        css=(HERE / "player.css").read_text(),
        js=joined("numbers.js"),
        isolate_styles=False,
    )


def numbers_row(
    panels: Sequence[Panel], reels: Sequence[Reel], step: int, selection: Mapping[str, int], key: str, moves: bool
) -> None:
    """A button for each chart; its numbers are read from the chart itself, in the browser.

    Args:
        key: of the charts, without `-chart-` and the panel's id.
        moves: there is more than one moment, so a file's name has its step.
    """
    figures = [
        {
            "chart": f"{key}-chart-{panel.id}",
            "title": panel.title,
            "name": f"{panel.id}-{step}" if moves else panel.id,
            "mosaics": {
                slot.to.split(".")[1]: _mosaic(
                    reel_at(reels, slot.run, selection), slot.lens, slot.name, slot.gap, step
                )
                for slot in panel.slots
                if slot.kind == "mosaic"
            },
            "across": [{"to": slot.to, "transpose": slot.transpose} for slot in panel.slots if slot.kind == "across"],
        }
        for panel in panels
    ]
    _component()(key=f"{key}-numbers", data=orjson.dumps(figures))


def _mosaic(reel: Reel, lens: str, name: str, gap: int, step: int) -> dict[str, int] | None:
    """Where each map of a mosaic stands, as `numbersOf` in csv.js wants it; None before there is one."""
    frame = reel.at(lens, step)
    if frame is None:
        return None
    shape = frame.arrays[name].shape
    cell = mosaic_cell(*shape)
    tall, wide = (-(-size // cell) + gap for size in shape[2:])
    return {"tall": tall, "wide": wide, "cell": cell, "gap": gap}
