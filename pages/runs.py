"""What ran here: open, compare, download and delete runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import streamlit as st

from explainer.figures.compare import compare_panel, labels, metric_panel
from explainer.figures.subject import subject
from explainer.player import play
from explainer.runs.sharing import is_private
from explainer.runs.store import ACTIVE, Run
from explainer.ui.access import query_of
from explainer.ui.backend import annotator, client, owner, runs_to_see
from explainer.ui.lesson import theme
from explainer.ui.places import LESSON_PLACES, places_for
from explainer.ui.run_table import computed, data_name, label, network, rows, settings, table, title, vocabulary
from explainer.ui.sharing import says_whose, share_control
from explainer.ui.words import literal

MOST_COMPARED = 4
PAGE = 20  # runs in the table at once
SCOPES = {"all": "All", "yours": "Yours", "lessons": "Recorded lessons"}
CHOSEN = "runs-chosen"
state = st.session_state

st.title("What ran here?", anchor=False)
st.markdown(
    "Every run keeps its tape: each step's numbers, its weights, and what the pages saw. Open one, or choose up to "
    "four to put them on one chart and see what they were told differently."
)


def board() -> None:
    """The table, and what can be done with the chosen runs; again every two seconds while something trains."""
    if live and not runs_to_see(*sorted(ACTIVE)):
        st.rerun()
    runs = {run.id: run for run in runs_to_see()}
    if not runs:
        st.info("Nothing has run here yet. Open a lesson and press Train.")
        for place in LESSON_PLACES:
            st.page_link(place.page())
        return
    chosen = [runs[run] for run in _choose(runs)]
    _write_address(chosen)
    if chosen:
        _actions(chosen)
        _comparison(chosen)
    _list(list(runs.values()))


def _choose(runs: dict[str, Run]) -> list[str]:
    """The ids of the runs that the viewer chose; at first those of the address."""
    if CHOSEN not in state:
        state[CHOSEN] = st.query_params.get("run", "").split(",")
    state[CHOSEN] = [run for run in state[CHOSEN] if run in runs][:MOST_COMPARED]
    return st.multiselect(
        "Choose runs",
        list(runs),
        format_func=lambda run: label(runs[run]) if run in runs else run,
        key=CHOSEN,
        max_selections=MOST_COMPARED,
        placeholder="One to look at, up to four to compare",
    )


def _list(runs: list[Run]) -> None:
    st.subheader("All of them", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        scope = st.segmented_control(
            "Show",
            SCOPES,
            format_func=SCOPES.__getitem__,
            default="all",
            key="runs-scope",
            label_visibility="collapsed",
        )
        shown = [run for run in runs if _in_scope(run, scope or "all")]
        pages = -(-len(shown) // PAGE)
        page = st.pagination(pages, key="runs-page") if pages > 1 else 1
    if shown:
        _scrolled(table(rows(shown[PAGE * (page - 1) : PAGE * page])))
    else:
        st.caption("None of these yet.")


def _scrolled(markdown: str) -> None:
    """A table that is wider than a phone moves sideways by itself, not the page with it."""
    with st.container(horizontal=True, wrap=False):
        st.markdown(markdown)


def _in_scope(run: Run, scope: str) -> bool:
    return scope == "all" or (run.pinned if scope == "lessons" else run.owner == owner() and not run.pinned)


def _write_address(chosen: list[Run]) -> None:
    wanted = ",".join(run.id for run in chosen)
    if wanted != st.query_params.get("run", ""):
        if wanted:
            st.query_params["run"] = wanted
        else:
            del st.query_params["run"]


def _actions(chosen: list[Run]) -> None:
    """Open and download for one run, stop and delete for all the chosen ones."""
    run = chosen[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1:
            st.markdown("Open in", width="content")
            for place in places_for(run.config, run.lenses):
                st.page_link(place.page(), query_params=query_of(client(), run))
            st.download_button(
                "Configuration",
                json.dumps(asdict(run.config), indent=2),
                f"{run.id}.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
                help="RunConfig.from_json reads it",
            )
        share_control("runs", chosen)
        if any(each.status in ACTIVE and each.owner == owner() for each in chosen):
            st.button("Stop", icon=":material/stop:", on_click=_stop, args=(chosen,))
        with st.popover("Delete", icon=":material/delete:", key="runs-delete"):
            st.markdown(literal("Delete " + "; ".join(title(each.config, data_name(each)) for each in chosen) + "?"))
            st.caption("The tape is gone for good. The same configuration can be trained again.")
            if any(is_private(each) and each.owner == owner() for each in chosen):
                st.caption("Data of yours goes with the last of your runs on it.")
            st.button("Delete for good", type="primary", on_click=_delete, args=(chosen,), key="runs-delete-now")
    says_whose(chosen)
    for sentence in state.pop("runs:trouble", []):
        st.error(literal(sentence), icon=":material/error:")


def _stop(chosen: list[Run]) -> None:
    for run in chosen:
        if run.status in ACTIVE and run.owner == owner():
            _try(client().stop, run)


def _delete(chosen: list[Run]) -> None:
    for run in chosen:
        _try(client().delete, run)


def _try(action: Callable[[str, str], None], run: Run) -> None:
    try:
        action(run.id, owner())
    except ValueError as error:
        state.setdefault("runs:trouble", []).append(f"{network(run.config)}: {error}")


def _comparison(runs: list[Run]) -> None:
    """One chart for the runs, and a table of their settings."""
    names = labels([run.config for run in runs], [run.id for run in runs])
    subjects = [{**subject(run.config, run.meta), "label": name} for run, name in zip(runs, names, strict=True)]
    curves = [annotator().metrics(run) for run in runs]
    log_steps = st.toggle("Steps on a log axis", key="runs-log")
    second = metric_panel(subjects, curves, theme(), log_steps=log_steps)
    first = compare_panel(subjects, curves, theme(), log_steps=log_steps, span=7 if second else 12)
    play([first, second] if second else [first], key="runs", link=True)
    for run in runs:
        if run.message:
            st.caption(literal(f"{network(run.config)}: {run.message}"))
    for run, name in zip(runs, names, strict=True):
        if said := " ".join(filter(None, (vocabulary(run), computed(run)))):
            st.caption(literal(f"{name}: {said}" if len(runs) > 1 else said))
    different = settings(runs, names, only_different=True)
    if len(runs) > 1:
        _scrolled(table(different) if different else "Their settings are the same.")
    with st.expander("All settings" if len(runs) > 1 else "Settings", icon=":material/tune:"):
        _scrolled(table(settings(runs, names, only_different=False)))


live = bool(runs_to_see(*sorted(ACTIVE)))
st.fragment(board, run_every=2.0 if live else None)()
