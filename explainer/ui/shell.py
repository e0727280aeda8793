"""The shell: navigation, and the page that was asked for."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).resolve().parents[2] / "pages"

st.set_page_config(page_title="Unrolled", page_icon=":material/timeline:", layout="wide")

page = st.navigation(
    [
        st.Page(PAGES / "hidden_states.py", title="Hidden states", icon=":material/memory:", url_path="hidden-states"),
    ],
    position="top",
)
page.run()
