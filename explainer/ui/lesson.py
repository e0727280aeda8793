"""The lesson frame: question, paragraph, controls and transport, and what an address means.

An address holds the fields that differ from the page's own configuration, `run` (the tapes
shown), and `step` and selections, which the player writes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from explainer.config import KNOBS, RunConfig
from explainer.player.mount import Track
from explainer.runs.store import Run
from explainer.ui.backend import client, owner, runs_of
from explainer.ui.controls import chosen, control, fill_controls, more_controls, state_key
from explainer.ui.words import literal

LIVE = ("queued", "running", "paused")


@dataclass(frozen=True)
class Lesson:
    """One page's identity.

    Attributes:
        key: prefix of its state.
        base: its configuration when nothing is asked for.
        shipped: the recorded runs that it opens with.
        lenses: whose views it shows, the first one setting the pace.
        row: fields in the control row.
        choices: the choices of a field that fit this page.
    """

    key: str
    base: RunConfig
    shipped: tuple[str, ...]
    lenses: tuple[str, ...]
    row: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]


def open_lesson(lesson: Lesson, question: str, paragraph: str) -> None:
    """Title, paragraph, and on the first visit the state that the address asks for."""
    st.title(question, anchor=False)
    st.markdown(paragraph)
    if f"{lesson.key}:opened" not in st.session_state:
        st.session_state[f"{lesson.key}:opened"] = True
        _read_address(lesson)
    fill_controls(lesson.key, st.session_state[f"{lesson.key}:config"])
    trouble = st.session_state.pop(f"{lesson.key}:trouble", "")
    if trouble:
        st.warning(literal(trouble), icon=":material/warning:")


def _read_address(lesson: Lesson) -> None:
    asked = [run for run in st.query_params.get("run", "").split(",") if run][:6]
    found = runs_of(asked)
    state = st.session_state
    state[f"{lesson.key}:runs"] = [run.id for run in found]
    config = found[0].config if found else lesson.base
    try:
        config = RunConfig.from_query({name: st.query_params[name] for name in st.query_params}, config)
    except ValueError as error:
        state[f"{lesson.key}:trouble"] = f"The address asks for what can't be: {error}"
    state[f"{lesson.key}:config"] = config
    if len(found) < len(asked):
        state[f"{lesson.key}:runs"] = []
        state[f"{lesson.key}:trouble"] = (
            "The run in this address is not recorded here (any more). Its settings are below as far as the "
            "address has them: press Train to make it again."
        )


def transport(
    lesson: Lesson, configure: Callable[[RunConfig], Sequence[RunConfig]] = lambda config: [config]
) -> list[Run]:
    """The row of controls with Train, Pause, One step and Stop; returns the runs to show.

    Args:
        lesson: the page.
        configure: the runs that one press of Train asks for, from the controls' configuration.
    """
    key, state = lesson.key, st.session_state
    shown = _shown(lesson)
    mine = [run for run in shown if run.status in LIVE and run.owner == owner()]
    config: RunConfig | None = None
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-controls"):
        for name in lesson.row:
            with st.container(width=150 if name != "lr" else 190):
                control(key, name, choices=lesson.choices.get(name))
        more_controls(key, {}, lesson.row)
        try:
            config = chosen(key, lesson.base)
            trouble = ""
        except ValueError as error:
            trouble = str(error)
        label = "Train again" if any(run.status == "stopped" for run in shown) else "Train"
        if st.button(label, type="primary", icon=":material/play_arrow:", disabled=config is None, key=f"{key}-train"):
            assert config is not None
            trouble = _train(lesson, configure(config)) or trouble
            shown = _shown(lesson)
            mine = [run for run in shown if run.status in LIVE and run.owner == owner()]
        _steering(key, mine)
    if trouble:
        st.error(literal(trouble), icon=":material/error:")
    if config is not None:
        _follow_learning_rate(lesson, config, mine)
        _write_address(lesson, config)
    state[f"{key}:config"] = config or state[f"{key}:config"]
    return shown


def _shown(lesson: Lesson) -> list[Run]:
    return runs_of(st.session_state[f"{lesson.key}:runs"]) or runs_of(lesson.shipped)


def _train(lesson: Lesson, configs: Sequence[RunConfig]) -> str:
    """Ask for the runs; returns a sentence if they can't be."""
    state = st.session_state
    body = state.get(f"{lesson.key}.data")
    try:
        ids = [
            client().submit(config, owner(), lesson.lenses, data=body if config.data else None) for config in configs
        ]
    except ValueError as error:
        return str(error)
    state[f"{lesson.key}:runs"] = ids
    state[f"{lesson.key}:lr"] = configs[0].lr
    if "step" in st.query_params:
        del st.query_params["step"]
    return ""


def _steering(key: str, mine: Sequence[Run]) -> None:
    """Pause or go on, one step, stop: for the runs that this browser started and that still train."""
    if not mine:
        return
    paused = all(run.status == "paused" for run in mine)
    with st.container(horizontal=True, width="content", gap="small"):
        if st.button(
            "Go on" if paused else "Pause",
            icon=":material/resume:" if paused else ":material/pause:",
            key=f"{key}-pause",
        ):
            for run in mine:
                _ask(client().resume if paused else client().pause, run)
        if st.button(
            "One step", icon=":material/skip_next:", key=f"{key}-once", help="One update of the weights, then pause"
        ):
            for run in mine:
                _ask(client().step_once, run)
        if st.button("Stop", icon=":material/stop:", key=f"{key}-stop"):
            for run in mine:
                _ask(client().stop, run)


def _ask(action: Callable[[str, str], None], run: Run) -> None:
    try:
        action(run.id, owner())
    except ValueError as error:  # it ended in the meantime
        st.toast(literal(str(error)))


def _follow_learning_rate(lesson: Lesson, config: RunConfig, mine: Sequence[Run]) -> None:
    """A learning rate changed in the row while own runs train takes effect in them."""
    known = st.session_state.get(f"{lesson.key}:lr")
    if mine and known is not None and config.lr != known:
        for run in mine:
            try:
                client().set_lr(run.id, owner(), config.lr)
            except ValueError as error:
                st.toast(literal(str(error)))
        st.session_state[f"{lesson.key}:lr"] = config.lr
        st.toast(f"Training goes on at {config.lr:g}.")


def _write_address(lesson: Lesson, config: RunConfig) -> None:
    """Put what this page shows into the address, and nothing that is as the page opens anyway."""
    wanted = {
        name: text for name, text in config.to_query().items() if getattr(config, name) != getattr(lesson.base, name)
    }
    # A field set back to RunConfig's default differs from the page's base, and needs to be said too.
    wanted |= {
        name: str(getattr(config, name)).lower()
        for name in KNOBS
        if getattr(config, name) != getattr(lesson.base, name) and name not in wanted
    }
    runs = st.session_state[f"{lesson.key}:runs"]
    if runs:
        wanted["run"] = ",".join(runs)
    kept = {name: st.query_params[name] for name in st.query_params if name not in KNOBS and name != "run"}
    present = {name: st.query_params[name] for name in st.query_params}
    if present != {**kept, **wanted}:
        st.query_params.from_dict({**kept, **wanted})


def tracks(lesson: Lesson, runs: Sequence[Run]) -> list[Track]:
    """The tapes of the page, for the player."""
    return [Track(run.id, lesson.lenses) for run in runs]


def theme() -> str:
    """light or dark, as the viewer has it."""
    return "dark" if st.context.theme.type == "dark" else "light"


__all__ = ["Lesson", "open_lesson", "replace", "state_key", "theme", "tracks", "transport"]
