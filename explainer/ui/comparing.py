"""Choosing a second run to compare with: it goes into the address as `against`, where the player reads it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.runs.store import Run
from explainer.ui.backend import runs_of, runs_to_see
from explainer.ui.run_table import label, settings, table
from explainer.ui.words import literal

MOST = 40  # runs to choose from, the newest first


def compare_control(key: str, shown: Run, models: Sequence[str]) -> None:
    """A popover with the runs that this page can lay against the one shown, and the settings in which they differ."""
    asked = st.query_params.get("against", "")
    others = {
        run.id: run
        for run in [*runs_to_see(), *runs_of([asked])]
        if run.id != shown.id and run.step > 0 and run.config.model in models and run.config.task == shown.config.task
    }
    with st.popover("Compare", icon=":material/compare_arrows:", help="Lay another run against this one"):
        state = f"{key}:against"
        st.session_state[state] = asked if asked in others else None
        st.selectbox(
            "Another run on the same task",
            [None, *list(others)[:MOST], *([asked] if asked in list(others)[MOST:] else [])],
            format_func=lambda run: "none" if run is None else label(others[run]),
            key=state,
            on_change=_compare,
            args=(state,),
        )
        if asked in others:
            rows = settings([shown, others[asked]], ["shown", "compared"], only_different=True)
            st.markdown(table(rows) if rows else "Their settings are the same.")
        st.caption(literal("Tables show the difference, curves both. Pin, below, compares two moments of one run."))


def _compare(state: str) -> None:
    run = st.session_state[state]
    if run:
        st.query_params["against"] = run
    elif "against" in st.query_params:
        del st.query_params["against"]
