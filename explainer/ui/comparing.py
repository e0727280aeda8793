"""Choosing a second run to compare with: it goes into the address as `against`, where the player reads it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.player.backend import runs_of, runs_to_see
from explainer.player.link import put_into_address
from explainer.runs.store import Run
from explainer.ui.run_table import label, settings, table
from explainer.words import literal

MOST = 40  # runs to choose from, the newest first


def compare_control(key: str, runs: Sequence[Run], models: Sequence[str]) -> None:
    """A popover with the runs that this page can lay against the one shown, and the settings in which they differ.

    With several runs on the page, or where the player can't be used, there is none, and nothing is compared: an address
    that asks for it is put right, so that the pictures don't show what no control says.
    """
    asked = st.query_params.get("against", "")
    if len(runs) != 1 or st.session_state.get("routes_unreachable"):
        if asked and not asked.startswith("@"):
            del st.query_params["against"]
        return
    shown = runs[0]
    name = asked.partition("@")[0]
    others = {
        run.id: run
        for run in [*runs_to_see(), *runs_of([name])]
        if run.id != shown.id and run.step > 0 and run.config.model in models and run.config.task == shown.config.task
    }
    if name and name not in others:
        del st.query_params["against"]
        st.toast("The run to compare with is not here, or it learns another task. Nothing is compared.")
        name = ""
    with st.popover("Compare", icon=":material/compare_arrows:", help="Lay another run against this one"):
        state = f"{key}:against"
        st.session_state[state] = name or None
        st.selectbox(
            "Another run on the same task",
            [None, *list(others)[:MOST], *([name] if name in list(others)[MOST:] else [])],
            format_func=lambda run: "none" if run is None else label(others[run]),
            key=state,
            on_change=_compare,
            args=(state,),
        )
        if name:
            rows = settings([shown, others[name]], ["shown", "compared"], only_different=True)
            st.markdown(table(rows) if rows else "Their settings are the same.")
        st.caption(literal("Tables show the difference, curves both. Pin, below, compares two moments of one run."))


def _compare(state: str) -> None:
    run = st.session_state[state]
    put_into_address({"against": run} if run else {}, {"against"})
