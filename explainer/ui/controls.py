"""Controls made from RunConfig's own fields: one row of the important ones, the rest behind "More"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import Field, fields
from itertools import cycle
from typing import Any

import streamlit as st

from explainer.config import GROUPS, KNOBS, RunConfig
from explainer.tasks import TASKS

LABELS: Mapping[str, str] = {name: knob.metadata["label"] for name, knob in KNOBS.items()}


WORDS = tuple(each.metadata["word"].name for each in fields(RunConfig) if "word" in each.metadata)
"""The knobs that say of which kind a part is."""


def called(name: str, value: object) -> str:
    """What the controls call a field's value."""
    return str(KNOBS[name].metadata["names"].get(value, value)) if name in KNOBS else str(value)


def state_key(page: str, name: str) -> str:
    """Where a page keeps a control's value."""
    return f"{page}.{name}"


def control_width(name: str) -> int:
    """Pixels of a field's widget: five of them and every button stand in one row of a page 1440 pixels wide."""
    if KNOBS[name].metadata["choices"]:
        return 150
    return 160 if KNOBS[name].metadata["stops"] else 122


OF_A_BRANCH = frozenset({"surgery", "parent"})
"""Fields that no page's controls carry over to the next run: a run is branched on the page of surgery alone."""


def knob_of(name: str, task: str) -> Field[Any]:
    """A knob as it is while `task` is chosen: the length of one task is its delay."""
    own = {each.name: each for each in fields(TASKS[task])} if task in TASKS else {}
    return own.get(name, KNOBS[name])


def fill_controls(page: str, config: RunConfig, force: bool = False) -> None:
    """Set the page's controls to a configuration; only where they have no value yet, unless forced."""
    for name in KNOBS.keys() - OF_A_BRANCH:
        if force or state_key(page, name) not in st.session_state:
            implied = name == "forget_start" and config["forget_bias"]  # also where no network shown has the two
            st.session_state[state_key(page, name)] = "constant" if implied else config[name]


def control(page: str, name: str, *, choices: Sequence[str] | None = None) -> Any:
    """The widget of one field, of a kind that fits it; its value is in the session under the page's key.

    It is given the value besides: a browser that first draws it in a later run, as what is behind *More*, has been told
    of the session's value in the first one only, and would take the least.
    """
    knob, key = knob_of(name, st.session_state.get(state_key(page, "task"), "")), state_key(page, name)
    rule = knob.metadata
    label, meaning = rule["label"], rule["meaning"]
    value = st.session_state[key]
    if rule["choices"]:
        options = list(choices or rule["choices"])
        if value not in options:
            st.session_state[key] = value = options[0]
        named = {"format_func": lambda each: called(name, each), "help": meaning}
        return st.selectbox(label, options, options.index(value), key=key, **named)
    if isinstance(knob.default, bool):
        return st.toggle(label, value, key=key, help=meaning)
    if rule["stops"]:
        stops = sorted({*rule["stops"], value})
        return st.select_slider(label, stops, value, key=key, format_func=lambda each: f"{each:g}", help=meaning)
    if isinstance(knob.default, int):
        low, high = int(rule["low"]), int(rule["high"])
        return st.number_input(label, low, high, value, key=key, step=1, help=meaning)
    low = rule["low"] if rule["low"] is not None else rule["above"]
    return st.number_input(label, float(low), float(rule["high"]), value, key=key, format="%g", step=0.1, help=meaning)


def choice_of(label: str, names: Mapping[str, str], first: str, key: str, **more: Any) -> str:
    """One of a few words by their names, which is in the address under its key."""
    asked: str = st.segmented_control(
        label,
        list(names),
        format_func=names.__getitem__,
        default=first,
        required=True,
        key=key,
        bind="query-params",
        **more,
    )
    return asked


def chosen(page: str, base: RunConfig) -> RunConfig:
    """The configuration that the page's controls stand for.

    Raises:
        ValueError: they contradict each other.
    """
    keys = {name: state_key(page, name) for name in KNOBS}
    values = {name: st.session_state[key] for name, key in keys.items() if key in st.session_state}
    if values.get("forget_start") == "drawn":
        values["forget_bias"] = 0.0  # its control is not there, and may have had another value
    return base.but(**values)


def more_controls(page: str, wanted: AbstractSet[str]) -> None:
    """These fields in a popover by group, but for own data, which has a control of its own."""
    relevant = [name for name in KNOBS if name in wanted and name != "data"]
    with st.popover("More", icon=":material/tune:", help="Every other setting of the run"):
        for group, title in (("task", "Task"), ("model", "Network"), ("recipe", "Recipe")):
            names = [name for name in relevant if GROUPS[name] == group]
            if names:
                st.markdown(f"**{title}**")
                for name, column in zip(names, cycle(st.columns(2)), strict=False):
                    with column:
                        control(page, name)


def matters(page: str, models: Sequence[str] = ()) -> set[str]:
    """The fields that a run of one of these networks depends on; default, of the page's control."""
    switches = {name: st.session_state[state_key(page, name)] for name in KNOBS if KNOBS[name].metadata["choices"]}
    kinds = [switches | {"model": model} for model in models or (switches["model"],)]
    return {name for kind in kinds for name in _relevant(kind)}


def _relevant(switches: Mapping[str, Any]) -> set[str]:
    """Fields that a run of this task, model and recipe depends on (see `RunConfig.relevant`)."""
    usual = {"heads": 1, "width": 8, "length": 32}
    try:
        found = set(RunConfig(**usual, **switches).relevant())
    except ValueError:  # two choices contradict each other, which the page says
        found = set(RunConfig(**usual, **{word: switches[word] for word in WORDS}).relevant())
    if "forget_bias" in found:  # how it starts is chosen first; where it is drawn, it has no number
        found |= {"forget_start"}
        found -= {"forget_bias"} if switches["forget_start"] == "drawn" else set()
    return found
