"""What ran here: open, compare, download and delete runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict

import streamlit as st

from explainer.figures.compare import compare_panel, labels, metric_panel
from explainer.figures.subject import subject
from explainer.player import play
from explainer.runs.store import ACTIVE, Run
from explainer.ui.backend import annotator, client, owner
from explainer.ui.lesson import theme
from explainer.ui.places import LESSON_PLACES, places_for
from explainer.ui.run_table import COLUMNS, network, row, settings, title
from explainer.ui.words import literal

MOST_COMPARED = 4
SCOPES = {"all": "All", "yours": "Yours", "lessons": "Recorded lessons"}
state = st.session_state

st.title("What ran here?", anchor=False)
st.markdown(
    "Every run keeps its tape: each step's numbers, its weights, and what the pages saw. Choose one to open it, "
    "or up to four to put them on one chart and see what they were told differently."
)


def board() -> None:
    """The table, and what can be done with the chosen runs; again every two seconds while something trains."""
    if live and not client().store.runs(*sorted(ACTIVE)):
        st.rerun()
    scope = st.segmented_control(
        "Show", SCOPES, format_func=SCOPES.__getitem__, default="all", key="runs-scope", label_visibility="collapsed"
    )
    runs = [run for run in client().runs() if _in_scope(run, scope or "all")]
    if not runs:
        st.info("Nothing has run here yet. Open a lesson and press Train." if scope == "all" else "None of these yet.")
        for place in LESSON_PLACES:
            st.page_link(place.page())
        return
    chosen = _table(runs)
    _write_address(chosen)
    if not chosen:
        st.caption("Tick the box at the left of a run.")
        return
    _actions(chosen)
    _comparison(chosen[:MOST_COMPARED])
    if len(chosen) > MOST_COMPARED:
        st.caption(f"The chart shows the first {MOST_COMPARED} of the {len(chosen)} chosen runs.")


def _in_scope(run: Run, scope: str) -> bool:
    return scope == "all" or (run.pinned if scope == "lessons" else run.owner == owner() and not run.pinned)


def _table(runs: list[Run]) -> list[Run]:
    """The runs as rows; returns the chosen ones."""
    ids = [run.id for run in runs]
    # The grid remembers rows by number: when rows come or go it is made anew, the same runs chosen.
    key = f"runs-table-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}"
    if "runs:chosen" not in state:
        state["runs:chosen"] = [run for run in st.query_params.get("run", "").split(",") if run]
    rows = [ids.index(run) for run in state["runs:chosen"] if run in ids]
    event = st.dataframe(
        [row(run) for run in runs],
        column_config=COLUMNS,
        hide_index=True,
        height=min(420, 37 + 35 * len(runs)),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        placeholder="–",
        alt=f"{len(runs)} runs with their network, task, status, result, baseline and size",
    )
    chosen = [runs[number] for number in event["selection"]["rows"] if number < len(runs)]
    state["runs:chosen"] = [run.id for run in chosen]
    return chosen


def _write_address(chosen: list[Run]) -> None:
    wanted = ",".join(run.id for run in chosen)
    if wanted != st.query_params.get("run", ""):
        if wanted:
            st.query_params["run"] = wanted
        else:
            del st.query_params["run"]


def _actions(chosen: list[Run]) -> None:
    """Open and download for one run, stop and delete for the chosen ones."""
    run = chosen[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1:
            st.markdown("Open in")
            for place in places_for(run.config, run.lenses):
                st.page_link(place.page(), query_params={"run": run.id})
            content = json.dumps(asdict(run.config), indent=2)
            st.download_button(
                "Configuration",
                content,
                f"{run.id}.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
                help="RunConfig.from_json reads it",
            )
        if any(each.status in ACTIVE and each.owner == owner() for each in chosen):
            st.button("Stop", icon=":material/stop:", on_click=_stop, args=(chosen,))
        with st.popover("Delete", icon=":material/delete:", key="runs-delete"):
            st.markdown(literal("Delete " + "; ".join(title(each.config) for each in chosen) + "?"))
            st.caption("The tape is gone for good. The same configuration can be trained again.")
            st.button("Delete for good", type="primary", on_click=_delete, args=(chosen,), key="runs-delete-now")
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
    play([first, second] if second else [first], key="runs")
    for run in runs:
        if run.message:
            st.caption(literal(f"{network(run.config)}: {run.message}"))
    only = len(runs) > 1 and st.toggle("Only the settings that differ", value=True, key="runs-different")
    rows = settings(runs, names, only)
    if rows:
        width = 200 + 280 * len(runs)
        st.dataframe(rows, hide_index=True, width=width, height="content", alt="The settings of the chosen runs")
    else:
        st.caption("Their settings are the same.")


live = bool(client().store.runs(*sorted(ACTIVE)))
st.fragment(board, run_every=2.0 if live else None)()
