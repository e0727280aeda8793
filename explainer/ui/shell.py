"""The shell: navigation, and the page that was asked for."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer import upgrade
from explainer.runs.store import StoreError
from explainer.ui.lesson import theme
from explainer.ui.notices import show_notices
from explainer.ui.places import PAGES, PLACES, enter, grouped, mark_address, place_at
from explainer.words import literal

HERE = Path(__file__).parent
st.set_page_config(page_title="Unrolled", page_icon=str(HERE / "icon.svg"), layout="wide")
groups = {group: [place.page() for place in places] for group, places in grouped(PLACES).items()}
moved = {old: place_at(new) for old, new in upgrade.PAGES.items()}
groups[""] += [st.Page(PAGES / place.file, url_path=old, visibility="hidden") for old, place in moved.items()]
page = st.navigation(groups, position="top")
if page.url_path in moved:
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    st.switch_page(moved[page.url_path].page(), query_params=query)
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
