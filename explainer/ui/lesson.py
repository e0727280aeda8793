"""The lesson frame: question, paragraph, controls and transport, and what an address means.

An address holds the fields that differ from the page's own configuration, `run` (the tapes
shown), and `step` and selections, which the player writes by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from explainer.config import KNOBS, MODELS, OTHER, RunConfig
from explainer.player.mount import Track
from explainer.runs.store import Run
from explainer.ui.backend import client, owner, runs_of
from explainer.ui.comparing import compare_control
from explainer.ui.controls import chosen, control, control_width, fill_controls, more_controls, state_key
from explainer.ui.networks import choose_networks, networks, networks_from_address
from explainer.ui.own_data import Given, adopt, own_data, refusal
from explainer.ui.places import ENTERED
from explainer.ui.run_table import data_name, title
from explainer.ui.sharing import forget_key, says_whose, share_control, shared_with_me
from explainer.ui.words import literal

LIVE = ("queued", "running", "paused")

_QUOTED = re.compile(r"After “(.+)” comes “")  # of a task's example

EXAMPLES = {
    "copy": "A C B D A A B C D B",
    "adding": "0.3 0.5* 0.1 0.8*",
    "repeat": "A D B C A D B C A D",
    "flipflop": "+1+2-3 · · -1 · · +3 · · -2",
    "text": "The value of x",
    "forecast": "12 30 65 110 95 60 31 14",
}
"""Of each task, an input as a viewer may type it."""


def example_input(config: RunConfig, meta: Mapping[str, Any] | None = None) -> str:
    """An input that a viewer may type into this run, of the symbols, bits or letters that it has; many symbols are numbers.

    Args:
        meta: of the run, if there is one.
    """
    if config.task == "text" and config.data and (quoted := _QUOTED.match(str((meta or {}).get("example", "")))):
        line = max(re.split(f"[⏎{OTHER}]", quoted[1]), key=len)
        return line[: min(14, config.length)].strip()
    if config.task in ("copy", "repeat"):
        numbers = [(ord(letter) - ord("A")) % config.symbols for letter in EXAMPLES[config.task].split()]
        return " ".join(str(number) if config.symbols > 26 else chr(ord("A") + number) for number in numbers)
    if config.task == "flipflop" and config.bits < 3:
        return "+1 · · -1 · · +1"
    return EXAMPLES[config.task]


@dataclass(frozen=True)
class Lesson:
    """One page's identity.

    Attributes:
        key: prefix of its state.
        base: its configuration when nothing is asked for.
        shipped: the recorded runs that it opens with.
        lenses: whose views it shows, the first one setting the pace.
        row: fields in the control row.
        choices: the choices of a field that fit this page; a field with one choice has no control.
        networks: what one press of Train starts at once, on the same batches; () for the one of
            the control `model`. Their choices are those of `model`.
    """

    key: str
    base: RunConfig
    shipped: tuple[str, ...]
    lenses: tuple[str, ...]
    row: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]
    networks: tuple[str, ...] = ()


def open_lesson(lesson: Lesson, question: str, paragraph: str) -> None:
    """Title, paragraph, and the state that the address asks for: on the first visit, or by a link to another run."""
    st.title(question, anchor=False)
    st.markdown(paragraph)
    state = st.session_state
    linked = state.pop(ENTERED, False) and "run" in st.query_params
    fresh = linked or f"{lesson.key}:opened" not in state
    if fresh:
        state[f"{lesson.key}:opened"] = True
        _read_address(lesson)
        adopt(lesson.key, state[f"{lesson.key}:config"])
    fill_controls(lesson.key, state[f"{lesson.key}:config"], force=fresh)
    trouble = st.session_state.pop(f"{lesson.key}:trouble", "")
    if trouble:
        st.warning(literal(trouble), icon=":material/warning:")


def _read_address(lesson: Lesson) -> None:
    asked = [run for run in st.query_params.get("run", "").split(",") if run][:6]
    here = runs_of(asked)
    found = [run for run in here if run.config.model in lesson.choices.get("model", MODELS)]
    state = st.session_state
    state[f"{lesson.key}:runs"] = [run.id for run in found]
    config = found[0].config if found else lesson.base
    try:
        config = RunConfig.from_query({name: st.query_params[name] for name in st.query_params}, config)
        if lesson.networks:
            named = st.query_params.get("networks", st.query_params.get("model", ""))
            named = named or ",".join(run.config.model for run in found) or ",".join(lesson.networks)
            networks_from_address(lesson.key, named, lesson.choices["model"])
    except ValueError as error:
        state[f"{lesson.key}:trouble"] = f"The address asks for what can't be: {error}"
    state[f"{lesson.key}:config"] = config
    if len(found) < len(here):
        state[f"{lesson.key}:trouble"] = (
            "This page can't look into every network of the address; "
            f"it shows those of the families {', '.join(lesson.choices['model'])}."
        )
    if len(here) < len(asked):
        state[f"{lesson.key}:runs"] = []
        state[f"{lesson.key}:trouble"] = (
            "The run in this address is not recorded here (any more), or it is on data of somebody's own. Its settings are "
            "below as far as the address has them: press Train to make it again."
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
        models, unchosen = _networks(lesson)
        for name in lesson.row:
            with st.container(width=control_width(name)):
                control(key, name, choices=lesson.choices.get(name))
        fixed = [name for name, choices in lesson.choices.items() if len(choices) == 1]
        more_controls(key, {}, (*lesson.row, *fixed), models)
        given = own_data(key)
        if len(shown) == 1:
            compare_control(key, shown[0], lesson.choices.get("model", MODELS))
        try:
            config = chosen(key, lesson.base)
            trouble = unchosen or refusal(config, given)
            asked = [replace(each, model=model) for each in configure(config) for model in models or (each.model,)]
        except ValueError as error:
            trouble = str(error)
        label = "Train again" if any(run.status == "stopped" for run in shown) else "Train"
        if st.button(label, type="primary", icon=":material/play_arrow:", disabled=bool(trouble), key=f"{key}-train"):
            trouble = _train(lesson, asked, given)
            shown = _shown(lesson)
            mine = [run for run in shown if run.status in LIVE and run.owner == owner()]
        steering(key, mine)
        share_control(key, shown)
    says_whose(shown)
    if trouble and not (given is not None and not given.body and shared_with_me(shown)):
        st.error(literal(trouble), icon=":material/error:")
    elif given is not None and given.signs:
        st.caption(literal(given.signs))
    if config is not None:
        _follow_learning_rate(lesson, config, mine)
        _write_address(lesson, config)
    state[f"{key}:config"] = config or state[f"{key}:config"]
    return shown


def _shown(lesson: Lesson) -> list[Run]:
    return runs_of(st.session_state[f"{lesson.key}:runs"]) or runs_of(lesson.shipped)


def _networks(lesson: Lesson) -> tuple[tuple[str, ...], str]:
    """The networks that a press of Train starts, on a page with several, and why they can't be."""
    if not lesson.networks:
        return (), ""
    try:
        models = choose_networks(lesson.key, lesson.choices["model"], lesson.networks)
    except ValueError as error:
        return (), str(error)
    st.session_state[state_key(lesson.key, "model")] = models[0]
    return models, ""


def _train(lesson: Lesson, configs: Sequence[RunConfig], given: Given | None) -> str:
    """Ask for the runs, all of them or none; returns a sentence if one of them can't be."""
    state, ids = st.session_state, []
    try:
        with client().store.transaction():
            for each in configs:
                own = given if given is not None and each.data else Given("")
                ids.append(
                    client().submit(each, owner(), lesson.lenses, data=own.body or None, name=own.name, how=own.how)
                )
    except ValueError as error:
        return str(error)
    state[f"{lesson.key}:runs"] = ids
    state[f"{lesson.key}:lr"] = configs[0].lr
    forget_key()
    if "step" in st.query_params:
        del st.query_params["step"]
    return ""


def steering(key: str, mine: Sequence[Run]) -> None:
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
    if lesson.networks:
        wanted.pop("model", None)
        if networks(lesson.key, lesson.networks) not in ((), lesson.networks):
            wanted["networks"] = ",".join(networks(lesson.key, lesson.networks))
    runs = st.session_state[f"{lesson.key}:runs"]
    if runs:
        wanted["run"] = ",".join(runs)
    # Each by its own name: the address has others too, and a widget's bound one may not be set from here.
    present = {name: st.query_params[name] for name in st.query_params}
    for name in {*KNOBS, "run", "networks"} & present.keys() - wanted.keys():
        del st.query_params[name]
    if any(present.get(name) != text for name, text in wanted.items()):
        st.query_params.update(wanted)


def tracks(lesson: Lesson, runs: Sequence[Run]) -> list[Track]:
    """The tapes of the page, for the player."""
    return [Track(run.id, lesson.lenses, run.status in LIVE, title(run.config, data_name(run))) for run in runs]


def theme() -> str:
    """light or dark, as the viewer has it."""
    return "dark" if st.context.theme.type == "dark" else "light"


__all__ = ["Lesson", "example_input", "open_lesson", "replace", "state_key", "theme", "tracks", "transport"]
