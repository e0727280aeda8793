"""The shell: navigation, and the page that was asked for."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.runs.store import StoreError
from explainer.ui.lesson import theme
from explainer.ui.notices import show_notices
from explainer.ui.places import PLACES, enter, grouped, mark_address
from explainer.words import literal

HERE = Path(__file__).parent
st.set_page_config(page_title="Unrolled", page_icon=str(HERE / "icon.svg"), layout="wide")
groups = {group: [place.page() for place in places] for group, places in grouped(PLACES).items()}
page = st.navigation(groups, position="top")
st.set_page_config(
    page_title=f"{page.title} · Unrolled" if page.url_path else "Unrolled: watch networks learn, from the inside"
)
st.html(HERE / "narrow.css")
st.html(HERE / "dark.css")
if theme() == "dark":
    st.html(HERE / "dark_popovers.css")
trouble = enter(page.url_path)
show_notices()
if trouble:
    st.warning(literal(trouble), icon=":material/warning:")
try:
    page.run()
    mark_address()
except StoreError as error:
    st.error(literal(str(error)), icon=":material/error:")
