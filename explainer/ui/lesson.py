"""The lesson frame: question, paragraph, controls and transport, and what an address means.

An address holds the fields that differ from the page's own configuration, `run` (the tapes
shown), and `step` and selections, which the player writes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explainer import player
from explainer.charts.panel import Panel
from explainer.config import KNOBS, RunConfig
from explainer.lessons import LESSONS
from explainer.player import Shown, Track
from explainer.player.access import owner
from explainer.player.backend import client, runs_of, why_not
from explainer.player.link import put_into_address
from explainer.player.mount import Selections
from explainer.runs.kinds import examples_of
from explainer.runs.store import ACTIVE, Run
from explainer.ui.comparing import compare_control
from explainer.ui.controls import chosen, control, control_width, fill_controls, matters, more_controls, state_key
from explainer.ui.networks import choose_networks, networks, networks_from_address, set_networks
from explainer.ui.notices import toasted
from explainer.ui.own_data import Given, adopt, own_data, refusal
from explainer.ui.places import ENTERED, place_at
from explainer.ui.recordings import recorded_runs
from explainer.ui.run_table import data_name, network, title
from explainer.ui.sharing import forget_key, says_whose, share_control, shared_with_me
from explainer.ui.shown import disagreement, in_words, say_otherwise
from explainer.ui.tickets import ticket_used
from explainer.words import OF_DATA, literal, marked


def example_inputs(run: Run) -> tuple[str, ...]:
    """Inputs that a viewer may type into this run: of the kind that it was trained on."""
    return examples_of(client().store, run)


@dataclass(frozen=True)
class Lesson:
    """One page's identity.

    Attributes:
        key: prefix of its state, and its address.
        shipped: the recorded runs that it opens with.
        row: fields in the control row.
    """

    key: str
    shipped: tuple[str, ...]
    row: tuple[str, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """What one press of Train starts at once, on the same batches: the families of its recorded runs where they are
        several; () for the one of the control `model`."""
        found = tuple(dict.fromkeys(LESSONS[name].config.model for name in self.shipped))
        return found if len(found) > 1 else ()

    @property
    def base(self) -> RunConfig:
        """Its configuration when nothing is asked for."""
        return LESSONS[self.shipped[0]].config

    def lens_of(self, config: RunConfig) -> str:
        """Whose views of this run it shows."""
        return place_at(self.key).lens_of(config)

    @property
    def models(self) -> tuple[str, ...]:
        """The families that it can show; where there is one, there is no control."""
        return place_at(self.key).models

    def configs(self, runs: Sequence[Run]) -> list[RunConfig]:
        """Of the runs shown; where there are none, of those that a press of Train starts as the page opens."""
        models = self.networks or (self.base.model,)
        return [run.config for run in runs] or [self.base.but(model=model) for model in models]


def open_lesson(lesson: Lesson, paragraph: str) -> None:
    """The page's question, a paragraph, and the state that the address asks for: on the first visit, or by a link to another run."""
    open_page(lesson.key, paragraph, "run", lambda: _read_address(lesson))


def open_page(key: str, paragraph: str, what: str, read_address: Callable[[], None]) -> None:
    """The same of any page; `what` it shows is in the address under this name."""
    st.title(place_at(key).question, anchor=False)
    st.markdown(paragraph)
    state = st.session_state
    linked = state.pop(ENTERED, False) and what in st.query_params
    fresh = linked or f"{key}:opened" not in state
    if fresh:
        state[f"{key}:opened"] = True
        state[f"{key}:start"] = ticket_used(state.get("place", ""))
        read_address()
    fill_controls(key, state[f"{key}:config"], force=fresh)
    if trouble := state.pop(f"{key}:trouble", ""):
        st.warning(literal(trouble), icon=":material/warning:")


def _read_address(lesson: Lesson) -> None:
    asked = [run for run in st.query_params.get("run", "").split(",") if run][:6]
    here = runs_of(asked)
    found = [run for run in here if run.config.model in lesson.models]
    state = st.session_state
    state[f"{lesson.key}:runs"] = [run.id for run in found]
    config = found[0].config if found else lesson.base
    try:
        config = RunConfig.from_query(st.query_params.to_dict(), config)
        if lesson.networks:
            named = st.query_params.get("networks", st.query_params.get("model", ""))
            named = named or ",".join(run.config.model for run in found) or ",".join(lesson.networks)
            networks_from_address(lesson.key, named, lesson.models)
    except ValueError as error:
        state[f"{lesson.key}:trouble"] = f"The address asks for what can't be: {error}"
    state[f"{lesson.key}:config"] = config
    if len(found) < len(here):
        state[f"{lesson.key}:trouble"] = (
            "This page can't look into every network of the address; "
            f"it shows those of the families {', '.join(lesson.models)}."
        )
    if len(here) < len(asked):
        state[f"{lesson.key}:runs"] = []
        state[f"{lesson.key}:trouble"] = why_not(asked) or (
            "The run in this address is not recorded here (any more), or it is on data of somebody's own. Its settings are "
            "below as far as the address has them: press Train to make it again."
        )
    adopt(lesson.key, config)


def transport(
    lesson: Lesson,
    configure: Callable[[RunConfig], Sequence[RunConfig]] = lambda config: [config],
    obstacle: Callable[[RunConfig], str] = lambda config: "",
) -> list[Run]:
    """The row of controls with Train, Pause, One step and Stop; returns the runs to show, or says that there are none.

    Args:
        lesson: the page.
        configure: the runs that one press of Train asks for, from the controls' configuration with each of the networks.
        obstacle: why the page can't look into such a run, with the way out; "" where it can.
    """
    key, state = lesson.key, st.session_state
    shown = _shown(lesson)
    mine = steered(shown)
    config: RunConfig | None = None
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-controls"):
        models, unchosen = _networks(lesson)
        _controls(lesson, models)
        given = own_data(key)
        asked: list[RunConfig] = []
        try:
            config = chosen(key, lesson.base)
            trouble = unchosen or refusal(config, given, (lesson.lens_of(config),))
            asked = [each for model in models or (config.model,) for each in configure(config.but(model=model))]
        except ValueError as error:
            trouble = str(error)
        if why := next((said for each in asked if (said := obstacle(each))), ""):
            trouble, asked = why, []
        if asked and not unchosen and not mine and _asks_otherwise(lesson, asked, shown):
            shown = _play_recorded(lesson, asked) or shown
        compare_control(key, shown, lesson.models)
        label = "Train again" if any(run.status == "stopped" and not run.altered for run in shown) else "Train"
        starts = state.pop(f"{key}:start", False) and not trouble and _asks_otherwise(lesson, asked, shown)
        pressed = st.button(
            label, type="primary", icon=":material/play_arrow:", disabled=bool(trouble), key=f"{key}-train"
        )
        if pressed or starts:
            trouble = _train(lesson, asked, given)
            shown = _shown(lesson)
            mine = steered(shown)
        steering(key, mine)
        share_control(key, shown)
    says_whose(shown)
    if trouble and not (given is not None and not given.body and shared_with_me(shown)):
        st.error(literal(trouble), icon=":material/error:")
    elif given is not None and given.signs:
        st.caption(marked(literal(given.signs), OF_DATA))
    if config is not None:
        _follow_learning_rate(lesson, config, mine)
        _write_address(lesson, config)
    _say_what_is_shown(lesson, [] if unchosen else asked, shown, "" if trouble else "press Train")
    state[f"{key}:config"] = config or state[f"{key}:config"]
    fitting = [run for run in shown if not obstacle(run.config)]
    if not fitting:
        st.info(obstacle(shown[0].config) if shown else "Nothing is recorded yet. Press Train.")
    return fitting


def _controls(lesson: Lesson, models: Sequence[str]) -> None:
    """Those of the row, and behind More all others."""
    relevant = matters(lesson.key, models)
    for name in lesson.row:
        if name not in relevant and name != "model":
            continue  # such as positions of a network that is told none
        with st.container(width=control_width(name)):
            control(lesson.key, name, choices=lesson.models if name == "model" else None)
    fixed = {"model"} if models or len(lesson.models) == 1 else set()
    more_controls(lesson.key, relevant - fixed - {*lesson.row})


def _shown(lesson: Lesson) -> list[Run]:
    return runs_of(st.session_state[f"{lesson.key}:runs"]) or runs_of(lesson.shipped)


def _asks_otherwise(lesson: Lesson, asked: Sequence[RunConfig], shown: Sequence[Run]) -> bool:
    return bool(disagreement(asked, shown, _rates(lesson, shown))) if shown else True


def _play_recorded(lesson: Lesson, asked: Sequence[RunConfig]) -> list[Run]:
    """Show recordings of just what the controls ask for, if there are any, and return them."""
    found = recorded_runs(asked, lesson.shipped)
    if found:
        _show_runs(lesson, [run.id for run in found])
    return found


def _show_runs(lesson: Lesson, ids: Sequence[str]) -> None:
    """Make these the page's runs, from where they begin."""
    opening = set(ids) == set(lesson.shipped)
    st.session_state[f"{lesson.key}:runs"] = [] if opening else list(ids)
    st.query_params.pop("step", None)


def _say_what_is_shown(lesson: Lesson, asked: Sequence[RunConfig], shown: Sequence[Run], way: str) -> None:
    """Where the controls ask for something else than the page shows: one sentence, and the ways to what is asked or shown."""
    said = disagreement(asked, shown, _rates(lesson, shown), way) if shown else ""
    st.session_state[f"{lesson.key}:stale"] = bool(said)
    if not said:
        return
    with say_otherwise(lesson.key, said, _set_controls, (lesson, shown)):
        trains = any(run.status in ACTIVE for run in shown)  # else it is shown already
        if trains and (recorded := recorded_runs(asked, lesson.shipped)):
            st.button(
                "Show the recording of what you ask for",
                icon=":material/play_circle:",
                key=f"{lesson.key}-recorded",
                on_click=_show_runs,
                args=(lesson, [run.id for run in recorded]),
            )


def _set_controls(lesson: Lesson, shown: Sequence[Run]) -> None:
    """The controls as the runs shown have it; the learning rate of one that trains is the one that it has now."""
    run, key = shown[0], lesson.key
    fill_controls(key, run.config, force=True)
    if run.rates and run.status in ACTIVE:
        st.session_state[state_key(key, "lr")] = run.rates[-1][1]
    adopt(key, run.config)
    if lesson.networks:
        set_networks(key, [run.config.model for run in shown])


def _networks(lesson: Lesson) -> tuple[tuple[str, ...], str]:
    """The networks that a press of Train starts, on a page with several, and why they can't be."""
    if not lesson.networks:
        return (), ""
    try:
        models = choose_networks(lesson.key, lesson.models, lesson.networks)
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
                lenses, data = (lesson.lens_of(each),), own.body or None
                ids.append(client().submit(each, owner(), lenses, data=data, name=own.name, how=own.how))
    except ValueError as error:
        return str(error)
    state[f"{lesson.key}:runs"] = ids
    state[f"{lesson.key}:lr"] = (ids, configs[0].lr)
    forget_key()
    st.query_params.pop("step", None)
    return ""


def steered(runs: Sequence[Run]) -> list[Run]:
    """Those of the runs that this browser started and that still train."""
    return [run for run in runs if run.status in ACTIVE and run.owner == owner()]


def steering(key: str, mine: Sequence[Run]) -> None:
    """Pause or go on, one step, stop: for the runs that are `steered`."""
    if not mine:
        return
    hold = ("Pause", "pause", client().pause)
    if all(run.status == "paused" for run in mine):
        hold = ("Go on", "resume", client().resume)
    once = ("One step", "skip_next", client().step_once)
    helps = {"once": "One update of the weights, then pause"}
    buttons = {"pause": hold, "once": once, "stop": ("Stop", "stop", client().stop)}
    with st.container(horizontal=True, width="content", gap="small"):
        for name, (label, icon, action) in buttons.items():
            if st.button(label, icon=f":material/{icon}:", key=f"{key}-{name}", help=helps.get(name)):
                for run in mine:
                    with toasted(network(run.config)):
                        action(run.id, owner())


def _rates(lesson: Lesson, shown: Sequence[Run]) -> tuple[float, ...]:
    """The learning rate that was last set from this page for the runs shown, if it was."""
    ids, lr = st.session_state.get(f"{lesson.key}:lr", ([], 0.0))
    return (lr,) if set(ids) & {run.id for run in shown if run.owner == owner()} else ()


def _follow_learning_rate(lesson: Lesson, config: RunConfig, mine: Sequence[Run]) -> None:
    """A learning rate changed in the row while own runs train takes effect in them; what it was when they were opened doesn't."""
    if not mine:
        return
    ids = [run.id for run in mine]
    known, lr = st.session_state.get(f"{lesson.key}:lr", ([], 0.0))
    if not set(ids) <= set(known):
        known, lr = ids, config.lr
    if config.lr != lr:
        _set_learning_rate(mine, config.lr)
    st.session_state[f"{lesson.key}:lr"] = (known, config.lr)


def _set_learning_rate(mine: Sequence[Run], lr: float) -> None:
    told = []
    for run in mine:
        with toasted(network(run.config)):
            client().set_lr(run.id, owner(), lr)
            told.append(f"{network(run.config)} (about step {run.step:,})")
    if told:
        said = f"Learning rate {lr:g} from here on: {'; '.join(told)}. The chart of the loss marks the step."
        st.toast(literal(said))


def _write_address(lesson: Lesson, config: RunConfig) -> None:
    """Put what this page shows into the address, and nothing that is as the page opens anyway."""
    wanted = {name: text for name, text in config.to_query().items() if config[name] != lesson.base[name]}
    # A field set back to RunConfig's default differs from the page's base, and needs to be said too.
    wanted |= {
        name: str(config[name]).lower() for name in KNOBS if config[name] != lesson.base[name] and name not in wanted
    }
    if lesson.networks:
        wanted.pop("model", None)
        if networks(lesson.key, lesson.networks) not in ((), lesson.networks):
            wanted["networks"] = ",".join(networks(lesson.key, lesson.networks))
    runs = st.session_state[f"{lesson.key}:runs"]
    if runs:
        wanted["run"] = ",".join(runs)
    put_into_address(wanted, {*KNOBS, "run", "networks"})


def no_layers(config: RunConfig) -> str:
    """Why a page about attention has nothing to look at."""
    return "" if config.layers else "layers = 0 leaves no attention to look at. Choose 1 to 6."


def with_control(config: RunConfig) -> list[RunConfig]:
    """The run, and beside it the same with one layer, which sees the same batches; of one that does not attend the run alone."""
    return [config] if config.layers == 1 or not config.network.roles.attention else [config, config.but(layers=1)]


def show(
    lesson: Lesson,
    runs: Sequence[Run],
    panels: Sequence[Panel],
    selections: Selections | None = None,
    start: Mapping[str, int] | None = None,
    asks: bool = True,
) -> dict[str, Any] | None:
    """Play the page's tapes (see `player.mount.play`), if it `asks` with a box for an own input."""
    examples = example_inputs(runs[0]) if asks else None
    shown = Shown(in_words(runs), bool(st.session_state.get(f"{lesson.key}:stale")))
    tracks = [
        Track(
            run.id,
            (lesson.lens_of(run.config),),
            run.status in ACTIVE,
            None if number else shown,
            title(run.config, data_name(run)),
        )
        for number, run in enumerate(runs)
    ]
    return player.play(panels, tracks, key=lesson.key, selections=selections, start=start, ask=examples)


def theme() -> str:
    """light or dark, as the viewer has it."""
    return "dark" if st.context.theme.type == "dark" else "light"
