"""The shell: navigation, and the page that was asked for."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.runs.store import StoreError
from explainer.ui.notices import show_notices
from explainer.ui.places import PLACES, enter, grouped
from explainer.ui.words import literal

st.set_page_config(page_title="Unrolled", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")

st.html(Path(__file__).with_name("narrow.css"))
groups = {group: [place.page() for place in places] for group, places in grouped(PLACES).items()}
page = st.navigation(groups, position="top")
enter(page.url_path)
show_notices()
try:
    page.run()
except StoreError as error:
    st.error(literal(str(error)), icon=":material/error:")
