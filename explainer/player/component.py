"""The player's components: what Streamlit needs to put one into a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from explainer.player.assets import joined


def component(name: str, html: str, script: str) -> Any:
    """What mounts a component of ours with the player's styles.

    Args:
        script: the module that it begins with.
    """
    css = (Path(__file__).parent / "player.css").read_text()
    # Styles that are not isolated: plotly puts its own into the document.
    return st.components.v2.component(name, html=html, css=css, js=joined(script), isolate_styles=False)
