"""The frame of a page about a sweep: its controls, one progress bar, and what an address means.

An address holds the fields that differ from the page's own sweep, the values of each axis that do
("lengths=10,20,40"), and `sweep`, the one that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from explainer.config import KNOBS, RunConfig
from explainer.lessons import SWEEPS
from explainer.limits import refuse_sweep_if_too_big, spoken
from explainer.player import Shown
from explainer.player.access import owner, viewer
from explainer.player.backend import client, store, sweep_of
from explainer.player.link import put_into_address
from explainer.runs.client import training_inputs
from explainer.runs.outcomes import Outcome, Outcomes, Progress, progress
from explainer.runs.rows import StoredSweep, Unreadable
from explainer.runs.sweep_file import load_outcomes, shipped
from explainer.sweep import Sweep, values_from_text
from explainer.ui.controls import (
    LABELS,
    called,
    chosen,
    control,
    control_width,
    fill_controls,
    knob_of,
    matters,
    more_controls,
    state_key,
)
from explainer.ui.lesson import open_page
from explainer.ui.notices import in_sentences, toasted
from explainer.ui.shown import say_otherwise, setting
from explainer.words import ESTIMATE, literal, marked

BOARD_SECONDS = 1.0


@dataclass(frozen=True)
class Listed:
    """An axis as its control and its part of the address: pills where the field has choices, else a list in text.

    Attributes:
        field: of `RunConfig`.
        name: in the address.
        label: of the control.
        choices: those that fit the page; () for a field of numbers.
    """

    field: str
    name: str
    label: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepPage:
    """One page's identity.

    Attributes:
        key: prefix of its state, and its address.
        lesson: the recorded sweep that it opens with; its base is that of the controls.
        listed: the axes, the last one turning fastest.
        row: fields in the control row.
        fixed: fields that have no control.
        choices: the choices of a field that fit this page.
    """

    key: str
    lesson: str
    listed: tuple[Listed, ...]
    row: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    choices: dict[str, tuple[str, ...]] | None = None

    @property
    def sweep(self) -> Sweep:
        return SWEEPS[self.lesson].sweep

    @property
    def lenses(self) -> tuple[str, ...]:
        return SWEEPS[self.lesson].lenses


@cache
def outcomes_of() -> Outcomes:
    """The outcomes of this process's store, read once for all viewers."""
    return Outcomes(store())


@cache
def recorded(lesson: str) -> list[Outcome]:
    """The outcomes that ship with the project; none where the file is missing or damaged."""
    try:
        return load_outcomes(shipped(lesson))[1]
    except ValueError:
        return []


def open_sweep(page: SweepPage, paragraph: str) -> None:
    """The page's question, a paragraph, and the state that the address asks for: on the first visit, or by a link to another sweep."""
    open_page(page.key, paragraph, "sweep", lambda: _read_address(page))


def _read_address(page: SweepPage) -> None:
    state, query = st.session_state, st.query_params
    asked, stored = query.get("sweep", "")[:80], None
    try:
        stored = sweep_of(asked) if asked else None
        if asked and stored is None:
            state[f"{page.key}:trouble"] = (
                "The sweep in this address is not here (any more). Its settings are below as far as the address has "
                "them: press Train to make it again; runs that are still recorded are not trained twice."
            )
    except Unreadable as error:
        state[f"{page.key}:trouble"] = f"The sweep in this address can't be read: {error}"
    sweep = _sweep_of(page, stored)
    state[f"{page.key}:sweep"] = stored.id if stored else ""
    config = sweep.base
    _set_axes(page, sweep)
    try:
        config = RunConfig.from_query(query.to_dict(), config)
        for each in page.listed:
            if each.name in query:
                state[_place(page, each)] = _known(each, values_from_text(each.field, query[each.name]))
    except ValueError as error:
        state[f"{page.key}:trouble"] = f"The address asks for what can't be: {error}"
    state[f"{page.key}:config"] = config


def _known(each: Listed, values: tuple[Any, ...]) -> tuple[Any, ...]:
    unknown = [value for value in values if each.choices and value not in each.choices]
    if unknown:
        raise ValueError(f"{each.name} = {unknown[0]} does not fit this page. Choose from: {', '.join(each.choices)}.")
    return values


def sweep_transport(page: SweepPage) -> StoredSweep | None:
    """The row of controls with Train and Stop; returns the sweep to show, None for the recorded one."""
    key, state = page.key, st.session_state
    shown = _shown(page)
    sweep: Sweep | None = None
    trouble, expected = "", 0.0
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-controls"):
        axes: tuple[tuple[str, tuple[Any, ...]], ...] = ()
        try:
            axes = tuple((each.field, _values(page, each)) for each in page.listed)
        except ValueError as error:
            trouble = str(error)
        for name in page.row:
            with st.container(width=control_width(name)):
                control(key, name, choices=(page.choices or {}).get(name))
        more_controls(key, matters(key) - {*page.row, *page.fixed, *(each.field for each in page.listed)})
        try:
            if not trouble:
                sweep = Sweep(base=chosen(key, page.sweep.base), axes=axes)
                runs = [(each, *training_inputs(each)) for each in sweep.configs]
                expected = refuse_sweep_if_too_big(runs, lenses=page.lenses)
        except ValueError as error:
            trouble = str(error)
        otherwise = sweep is not None and not _alike(sweep, _sweep_of(page, shown))
        if sweep is not None and otherwise and not (shown is not None and _live(page, shown)):
            otherwise = not _play_recorded(page, sweep)
            shown = _shown(page)
        bar = progress(outcomes_shown(page, shown))
        starts = state.pop(f"{key}:start", False) and otherwise and not trouble
        partly = shown is not None and sweep is not None and shown.sweep.configs == sweep.configs and not bar.live
        label = "Go on" if partly and bar.finished < bar.runs else "Train"
        pressed = st.button(
            label, type="primary", icon=":material/play_arrow:", disabled=bool(trouble), key=f"{key}-train"
        )
        if pressed or starts:
            assert sweep is not None
            try:
                state[f"{key}:sweep"] = client().submit_sweep(sweep, owner(), page.lenses)
                shown = _shown(page)
                bar = progress(outcomes_shown(page, shown))
                otherwise = False
            except ValueError as error:
                trouble = str(error)
        if shown is not None and bar.live and shown.owner == owner():
            st.button("Stop", icon=":material/stop:", key=f"{key}-stop", on_click=_stop, args=(shown.id,))
        if sweep is not None:
            with st.container(width="content"):
                st.caption(marked(f"{len(sweep.configs)} runs, about {spoken(expected)}", ESTIMATE))
    if trouble:
        st.error(literal(trouble), icon=":material/error:")
    if sweep is not None:
        state[f"{key}:config"] = sweep.base
        _write_address(page, sweep)
    _say_what_is_shown(page, shown, sweep, otherwise or sweep is None, "" if trouble else ": press Train")
    return shown


def _play_recorded(page: SweepPage, sweep: Sweep) -> bool:
    """Make a recording of just this sweep the one that is shown, if there is one."""
    if _alike(sweep, page.sweep):
        st.session_state[f"{page.key}:sweep"] = ""
        return True
    found = client().recorded_sweep(sweep, owner(), viewer())
    if found is not None:
        st.session_state[f"{page.key}:sweep"] = found.id
    return found is not None


def _say_what_is_shown(
    page: SweepPage, shown: StoredSweep | None, asked: Sweep | None, otherwise: bool, way: str
) -> None:
    """What the charts are of, for the bar below them; where the controls ask for something else, a sentence and the way back."""
    there = _sweep_of(page, shown)
    state = "Shown" if shown is not None and _live(page, shown) else "Recorded"
    st.session_state[f"{page.key}:shown"] = Shown(f"{state}: {_in_words(page, there)}", otherwise)
    if not otherwise:
        return
    asks = "The controls ask for what can't be trained."
    if asked:
        asks = f"You ask for {_in_words(page, asked, there)}{way}."
    say_otherwise(page.key, f"Shown: {_in_words(page, there, asked)}. {asks}", _set_controls, (page, there))


def shown_of(page: SweepPage) -> Shown | None:
    """What the page's charts are of, and whether its controls ask for something else."""
    found: Shown | None = st.session_state.get(f"{page.key}:shown")
    return found


def _set_controls(page: SweepPage, sweep: Sweep) -> None:
    fill_controls(page.key, sweep.base, force=True)
    _set_axes(page, sweep)


def _set_axes(page: SweepPage, sweep: Sweep) -> None:
    for each in page.listed:
        st.session_state[_place(page, each)] = sweep.values(each.field)
        st.session_state.pop(_widget(page, each), None)


def _in_words(page: SweepPage, sweep: Sweep, other: Sweep | None = None) -> str:
    """ "RNN (tanh), LSTM; lengths T 10, 20; task Adding problem; steps 800": the axes, then what stands in the row.

    Args:
        other: where it is given, only what is not the same in that one.
    """
    axes = sorted(page.listed, key=lambda each: not each.choices)
    fields = [name for name in KNOBS if name in page.row or sweep.base[name] != page.sweep.base[name]]
    said = {each.field: _axis_in_words(each, sweep) for each in axes}
    said |= {name: setting(name, sweep.base) for name in fields if name not in (*said, *page.fixed)}
    theirs = _in_words(page, other).split("; ") if other is not None else []
    return "; ".join([part for part in said.values() if part not in theirs] or said.values())


def _axis_in_words(each: Listed, sweep: Sweep) -> str:
    values = ", ".join(called(each.field, value) for value in sweep.values(each.field))
    return values if each.choices else f"{each.label[:1].lower()}{each.label[1:]} {values}"


def _sweep_of(page: SweepPage, shown: StoredSweep | None) -> Sweep:
    return page.sweep if shown is None else shown.sweep


def _alike(one: Sweep, other: Sweep) -> bool:
    """Whether two sweeps are of the same runs, in whatever order."""
    return {config.run_id() for config in one.configs} == {config.run_id() for config in other.configs}


def _live(page: SweepPage, shown: StoredSweep) -> bool:
    return progress(outcomes_shown(page, shown)).live


def _stop(sweep: str) -> None:
    with toasted():
        client().stop_sweep(sweep, owner())


def _shown(page: SweepPage) -> StoredSweep | None:
    number = st.session_state[f"{page.key}:sweep"]
    try:
        return sweep_of(number) if number else None
    except Unreadable:  # since a moment ago
        return None


def outcomes_shown(page: SweepPage, shown: StoredSweep | None) -> list[Outcome]:
    """What has come of the sweep that is shown, None for the recorded one."""
    if shown is None:
        return recorded(page.lesson)
    return outcomes_of().of(shown.sweep, shown.runs, page.lenses)


def board(page: SweepPage, shown: StoredSweep | None, draw: Callable[[Sequence[Outcome]], None]) -> None:
    """The progress bar and the page's pictures, drawn again each second while the sweep trains.

    Args:
        draw: the pictures of some outcomes.
    """
    live = progress(outcomes_shown(page, shown)).live

    def moment() -> None:
        outcomes = outcomes_shown(page, shown)
        bar = progress(outcomes)
        if shown is not None:
            st.progress(bar.done / max(1, bar.steps), literal(said(page, bar)))
            ended = [
                f"{name_of(page, each.config)}: {each.message if each.status == 'stopped' else each.status}"
                for each in outcomes
                if each.status in ("diverged", "failed") or "this host allows" in each.message
            ]
            if ended:
                st.caption(marked(literal("; ".join(ended)), f"recorded · {len(ended)} of {len(outcomes)} runs"))
        draw(outcomes)
        if live and not bar.live:
            st.rerun()

    st.fragment(in_sentences(moment), run_every=BOARD_SECONDS if live else None)()


def said(page: SweepPage, bar: Progress) -> str:
    """One sentence or two: what trains now, what is done, how long it will take."""
    if bar.current is not None:
        now = bar.current
        return (
            f"{name_of(page, now.config)}: step {now.step:,} of {now.config.steps:,}. "
            f"{bar.finished} of {bar.runs} runs done, about {spoken(bar.seconds)} left."
        )
    if bar.waiting:
        why = "" if client().store.worker_state().ready else ", for the process that trains is starting"
        return f"Waiting for a place to train{why}. {bar.finished} of {bar.runs} runs done."
    if bar.finished == bar.runs:
        return f"All {bar.runs} runs are done."
    return f"{bar.finished} of {bar.runs} runs are done; the others wait for Go on."


def name_of(page: SweepPage, config: RunConfig) -> str:
    """A run among the others of its sweep: "GRU, T = 40"."""
    short = {"length": "T", "seed": "seed"}
    parts = [
        called(each.field, config[each.field])
        if each.choices
        else f"{short.get(each.field, each.field)} = {config[each.field]}"
        for each in sorted(page.listed, key=lambda each: not each.choices)
    ]
    return ", ".join(parts)


# -- the axes' controls -------------------------------------------------------------------------


def _place(page: SweepPage, each: Listed) -> str:
    return f"{page.key}:{each.name}"


def _widget(page: SweepPage, each: Listed) -> str:
    return f"{page.key}.{each.name}"


def _values(page: SweepPage, each: Listed) -> tuple[Any, ...]:
    """The values that an axis' control stands for.

    Raises:
        ValueError: none, or one that can't be.
    """
    state, widget = st.session_state, _widget(page, each)
    kept = state[_place(page, each)]
    if each.choices:
        if widget not in state:
            state[widget] = [value for value in kept if value in each.choices]
        picked = st.pills(
            each.label,
            each.choices,
            selection_mode="multi",
            key=widget,
            format_func=lambda value: called(each.field, value),
            wrap=True,
        )
        values: tuple[Any, ...] = tuple(value for value in each.choices if value in picked)
        if not values:
            raise ValueError(f"No choice is left under {each.label}. Choose at least one.")
    else:
        if widget not in state:
            state[widget] = ", ".join(map(str, kept))
        with st.container(width=190):
            own = knob_of(each.field, str(state.get(state_key(page.key, "task"), ""))).metadata["label"]
            label = each.label if own == LABELS[each.field] else own
            text = st.text_input(label, key=widget, help="Between commas; one run for each")
        values = values_from_text(each.field, text)
    state[_place(page, each)] = values
    return values


def _write_address(page: SweepPage, sweep: Sweep) -> None:
    """Put what this page shows into the address, and nothing that is as the page opens anyway."""
    base, axes = page.sweep.base, {each.field: each.name for each in page.listed}
    changed = [name for name in KNOBS if name not in axes and sweep.base[name] != base[name]]
    wanted = {name: str(sweep.base[name]).lower() for name in changed}
    for field, name in axes.items():
        if sweep.values(field) != page.sweep.values(field):
            wanted[name] = ",".join(map(str, sweep.values(field)))
    if number := st.session_state[f"{page.key}:sweep"]:
        wanted["sweep"] = number
    put_into_address(wanted, {*KNOBS, "sweep", *axes.values()})
