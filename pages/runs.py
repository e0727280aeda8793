"""What ran here: open, compare, download and delete runs."""

from __future__ import annotations

import json
from collections.abc import Callable

import streamlit as st

from explainer.charts.compare import compare_panel, labels, metric_panel
from explainer.charts.source import sourced
from explainer.charts.subject import network, subject
from explainer.player import play
from explainer.player.access import owner, query_of, viewer
from explainer.player.backend import annotator, client
from explainer.player.link import put_into_address
from explainer.runs.sharing import is_private
from explainer.runs.store import ACTIVE, Listing, Run
from explainer.ui.lesson import steered, theme
from explainer.ui.notices import in_sentences
from explainer.ui.places import LESSON_PLACES, places_for
from explainer.ui.run_table import computed, data_name, filled, label, rows, settings, table, title, vocabulary
from explainer.ui.sharing import says_whose, share_control
from explainer.words import literal, marked

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


def _training() -> int:
    """How many runs train or wait, of those that the viewer may see."""
    return client().store.count(Listing(statuses=tuple(sorted(ACTIVE)), viewer=viewer()))


def board() -> None:
    """The table, and what can be done with the chosen runs; again every two seconds while something trains."""
    if live and not _training():
        st.rerun()
    if not client().store.count(Listing(viewer=viewer())):
        st.info("Nothing has run here yet. Open a lesson and press Train.")
        for place in LESSON_PLACES:
            st.page_link(place.page())
        return
    shown = _page()
    chosen = _choose(shown)
    _write_address(chosen)
    if chosen:
        _actions(chosen)
        readable = [run for run in chosen if not run.unreadable]
        for run in chosen:
            if run.unreadable:
                st.warning(literal(f"{label(run)}: {run.message}"), icon=":material/warning:")
        if readable:
            _comparison(readable)
    _list(shown)


def _listing() -> Listing:
    """The runs of the scope that the viewer has chosen."""
    scope = state.get("runs-scope") or "all"
    if scope == "lessons":
        return Listing(pinned=True)
    return Listing(owner=owner(), pinned=False) if scope == "yours" else Listing(viewer=viewer())


def _page() -> list[Run]:
    """The runs of the list's page that is open; a page that is no more gives way to the last one."""
    store = client().store
    pages = max(1, -(-store.count(_listing()) // PAGE))
    if state.get("runs-page", 1) > pages:
        state["runs-page"] = pages
    return store.listed(_listing(), PAGE, PAGE * (state.get("runs-page", 1) - 1))


def _choose(shown: list[Run]) -> list[Run]:
    """The runs that the viewer chose, at first those of the address; the choices are those and the list's open page."""
    if CHOSEN not in state:
        state[CHOSEN] = st.query_params.get("run", "").split(",")[:MOST_COMPARED]
    seen = client().store.seen(state[CHOSEN], viewer())
    known = {run.id: run for run in filter(None, map(client().store.run, state[CHOSEN])) if run.id in seen}
    state[CHOSEN] = list(known)
    known |= {run.id: run for run in shown}
    chosen = st.multiselect(
        "Choose runs",
        list(known),
        format_func=lambda run: label(known[run]) if run in known else run,
        key=CHOSEN,
        max_selections=MOST_COMPARED,
        placeholder="One to look at, up to four to compare",
        help="Those chosen, and those of the page of the list below: turn its pages for others",
    )
    return [known[run] for run in chosen]


def _list(shown: list[Run]) -> None:
    st.header("All of them", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Show",
            SCOPES,
            format_func=SCOPES.__getitem__,
            default="all",
            key="runs-scope",
            bind="query-params",
            label_visibility="collapsed",
        )
        pages = -(-client().store.count(_listing()) // PAGE)
        if pages > 1:
            st.pagination(pages, key="runs-page")
    if shown:
        with st.container(key="runs-list"):
            st.markdown(table(rows(shown)))
    else:
        st.caption("None of these yet.")


def _scrolled(markdown: str, name: str) -> None:
    """A table that is wider than a phone moves sideways by itself, not the page with it."""
    with st.container(horizontal=True, wrap=False, key=f"runs-wide-{name}"):
        st.markdown(markdown)


def _write_address(chosen: list[Run]) -> None:
    put_into_address({"run": ",".join(run.id for run in chosen)} if chosen else {}, {"run"})


def _actions(chosen: list[Run]) -> None:
    """Open and download for one run, stop and delete for all the chosen ones."""
    run = chosen[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1 and not run.unreadable:
            st.markdown("Open in", width="content")
            for place in places_for(run.config, run.lenses):
                st.page_link(place.page(), query_params=query_of(client(), run))
            st.download_button(
                "Configuration",
                json.dumps(json.loads(run.config.to_json()), indent=2),
                f"{run.id}.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
                help="RunConfig.from_json reads it",
            )
        share_control("runs", chosen)
        if steered(chosen):
            st.button("Stop", icon=":material/stop:", on_click=_stop, args=(chosen,))
        if deleted := [each for each in chosen if client().deletes(each, owner())]:
            _offer_to_delete(deleted, len(chosen) - len(deleted))
    says_whose(chosen)
    for sentence in state.pop("runs:trouble", []):
        st.error(literal(sentence), icon=":material/error:")


def _offer_to_delete(runs: list[Run], others: int) -> None:
    """A popover for those of the chosen runs that are the viewer's to delete.

    Args:
        others: how many of the chosen ones are not.
    """
    with st.popover("Delete", icon=":material/delete:", key="runs-delete"):
        names = [label(each) if each.unreadable else title(each.config, data_name(each)) for each in runs]
        st.markdown(literal(f"Delete {'; '.join(names)}?"))
        st.caption("The tape is gone for good. The same configuration can be trained again.")
        if others:
            st.caption(
                "Of those chosen, only your own that do not train: recordings that ship and runs of others stay."
            )
        if any(map(is_private, runs)):
            st.caption("Data of yours goes with the last of your runs on it.")
        st.button("Delete for good", type="primary", on_click=_delete, args=(runs,), key="runs-delete-now")


def _stop(chosen: list[Run]) -> None:
    for run in steered(chosen):
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
    log_steps = st.toggle("Steps on a log axis", key="runs-log", bind="query-params")
    second = metric_panel(subjects, curves, theme(), log_steps=log_steps)
    first = compare_panel(subjects, curves, theme(), log_steps=log_steps, span=7 if second else 12)
    training = any(run.status == "running" for run in runs)
    who = network(runs[0].config) if len(runs) == 1 else f"{len(runs)} runs"
    source = f"{'training now' if training else 'recorded'} · all steps · {who}"
    play(sourced([first, second] if second else [first], source), key="runs", link=True)
    for run in runs:
        if told := " ".join(filter(None, (run.message, annotator().left_out(run)))):
            st.caption(marked(literal(f"{network(run.config)}: {told}"), f"recorded · {network(run.config)}"))
    for run, name in zip(runs, names, strict=True):
        if said := " ".join(filter(None, (vocabulary(run), filled(run), computed(run)))):
            sentence = f"{name}: {said}" if len(runs) > 1 else said
            st.caption(marked(literal(sentence), f"recorded · {network(run.config)}"))
    different = settings(runs, names, only_different=True)
    if len(runs) > 1:
        _scrolled(table(different) if different else "Their settings are the same.", "different")
    with st.expander("All settings" if len(runs) > 1 else "Settings", icon=":material/tune:"):
        _scrolled(table(settings(runs, names, only_different=False)), "all")


live = bool(_training())
st.fragment(in_sentences(board), run_every=2.0 if live else None)()
