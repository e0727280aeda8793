"""What a page shows, in words, and where that is not what its controls ask for.

What a press of Train would start is compared with the runs shown, field by field, as far as a run depends on it. Not
compared is what no control has (`OF_A_BRANCH`), and a learning rate that a shown run had for a part of its training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer.charts.rates import rates_words
from explainer.config import KNOBS, RunConfig
from explainer.runs.store import ACTIVE, Run
from explainer.ui.controls import OF_A_BRANCH, knob_of
from explainer.ui.run_table import branch, data_name, network, task, told
from explainer.words import listed, literal, plural

NETWORK = ("model", "layers", "width")
"""Fields that `network` says."""
MOST_NAMED = 3  # settings in a sentence, beside the network


def in_words(runs: Sequence[Run]) -> str:
    """ "Recorded: GRU, 32 units · Adding problem, length T 30"; "Shown: …" while one of them trains, which the bar says."""
    state = "Shown" if any(run.status in ACTIVE for run in runs) else "Recorded"
    each = [", ".join(filter(None, (network(run.config), branch(run.config), rates_words(run.rates)))) for run in runs]
    configs = [run.config for run in runs]
    networks = _networks(configs) if each == [network(config) for config in configs] else "; ".join(each)
    tasks = dict.fromkeys(f"{task(run.config, data_name(run))}, {setting('length', run.config)}" for run in runs)
    return f"{state}: {networks} · {'; '.join(tasks)}"


def _unmet(
    asked: Sequence[RunConfig], runs: Sequence[Run], rates: Sequence[float]
) -> tuple[list[RunConfig], list[Run]]:
    """What is asked for and not shown, and what is shown and not asked for."""
    missing, left = [], list(runs)
    for config in asked:
        found = next((run for run in left if not _differing(config, run, rates)), None)
        if found is None:
            missing.append(config)
        else:
            left.remove(found)
    return missing, left


def disagreement(asked: Sequence[RunConfig], runs: Sequence[Run], rates: Sequence[float] = (), way: str = "") -> str:
    """ "Shown: recorded GRU, 32 units. You ask for LSTM, 64 units: press Train."; "" where they agree.

    Args:
        asked: what a press of Train would start; () where the controls ask for what can't be.
        runs: those shown.
        rates: learning rates that were set by hand and may not be on a tape yet.
        way: how to get what is asked for, such as "press Train".
    """
    if not asked:
        return f"Shown: {_shown_as(runs)}{_networks([run.config for run in runs])}. The controls ask for what can't be trained."
    missing, left = _unmet(asked, runs, rates)
    if not missing and not left:
        return ""
    theirs = [run.config for run in runs]
    # Spoken of are the fields of a missing run and the shown one that is most like it, in the order of the controls.
    differing = min((_differing((missing or asked)[0], run, rates) for run in left or runs), key=len)
    names = [name for name in KNOBS if name in differing]
    networks = set(NETWORK) & set(names) or len(asked) != len(runs)
    ours = ", ".join(filter(None, (_networks(asked) if networks else "", _settings(asked[0], theirs[0], names))))
    shown = ", ".join((_networks(theirs), *filter(None, [_settings(theirs[0], asked[0], names)])))
    return f"Shown: {_shown_as(runs)}{shown}. You ask for {ours}{f': {way}' if way else ''}."


def _differing(config: RunConfig, run: Run, rates: Sequence[float]) -> set[str]:
    """The fields in which a configuration and a run differ, as far as both depend on them or their network does."""
    ours, theirs = config.relevant(), run.config.relevant()
    names = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)} - OF_A_BRANCH
    return names - {"lr"} if config.lr in (*rates, *(lr for _, lr in run.rates)) else names


def _shown_as(runs: Sequence[Run]) -> str:
    return "" if any(run.status in ACTIVE for run in runs) else "recorded "


def _networks(configs: Sequence[RunConfig]) -> str:
    """The networks of some runs, those of a kind once: "RNN (tanh) and LSTM, each 32 units"."""
    names = list(dict.fromkeys(network(config) for config in configs))
    families, sizes = zip(*(name.split(", ", 1) for name in names), strict=True)
    if len(names) == 1 or len(set(sizes)) > 1:
        return "; ".join(names)
    return f"{listed(families)}, each {sizes[0]}"


def _settings(config: RunConfig, other: RunConfig, names: Sequence[str]) -> str:
    """Those of the fields that both depend on, with this one's values; what follows from another network is left out."""
    both = config.relevant().keys() & other.relevant().keys()
    named = [name for name in names if name in both and name not in NETWORK]
    said = [setting(name, config) for name in named[:MOST_NAMED]]
    more = len(named) - MOST_NAMED
    return ", ".join([*said, *([f"{more} more {plural(more, 'setting')}"] if more > 0 else [])])


def setting(name: str, config: RunConfig) -> str:
    """A field with its value, within a sentence: "learning rate 0.003", "MLP in each block off", "your own data"."""
    value = config[name]
    if name == "data":
        return "data of one's own" if value else "the default data"
    if name == "task":
        return f"task {told(name, value)}"
    label = knob_of(name, config.task).metadata["label"]
    small = label[:1].lower() + label[1:] if label[1:2].islower() else label
    return f"{small} {told(name, value)}"


def say_otherwise(key: str, said: str, set_controls: Callable[..., None], args: tuple[Any, ...]) -> DeltaGenerator:
    """A row that says what is shown and what is asked for instead, with the way back; more ways may be put into it.

    Args:
        key: the page's.
        set_controls: sets the controls to what is shown, called with `args`.
    """
    row = st.container(horizontal=True, vertical_alignment="center", key=f"{key}-otherwise")
    row.markdown(f":material/visibility: {literal(said)}")
    row.button(
        "Set the controls to what is shown",
        icon=":material/undo:",
        key=f"{key}-as-shown",
        on_click=set_controls,
        args=args,
    )
    return row
