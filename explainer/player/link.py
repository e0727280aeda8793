"""*Copy link* on a page without the player, whose bar has it else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


def script(*names: str) -> str:
    """A component's script of one or more files, with what it knows of addresses in front."""
    return "".join((HERE / name).read_text() for name in ("link.js", *names))


@cache
def _component() -> Any:
    return st.components.v2.component(
        "unrolled_link",
        html='<div class="unrolled-player"><span class="bar only">'
        '<button type="button" class="link" aria-live="polite" title="Copy the address of what this page shows">Copy link</button>'
        "<output></output></span></div>\n",
        css=(HERE / "player.css").read_text(),
        js=script("copy.js"),
        isolate_styles=False,
    )


def copy_link(key: str) -> None:
    """A button that puts the page's address on the clipboard: the one that somebody else can open."""
    _component()(key=f"{key}-copy-link")
