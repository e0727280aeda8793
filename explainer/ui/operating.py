"""The controls of the surgery page: which network, what is done to it, and their place in the address."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.config import RunConfig
from explainer.limits import estimate, limits, refuse_if_too_big, spoken
from explainer.player import Shown
from explainer.player.access import owner
from explainer.player.backend import client, runs_of, runs_to_see, why_not
from explainer.player.link import put_into_address
from explainer.runs.store import Run
from explainer.surgery import Gate, Head, Operation, Shuffle, Surgery, Swap, Unit
from explainer.ui.places import ENTERED, place_at
from explainer.ui.run_table import label
from explainer.ui.sharing import shared_with_me
from explainer.ui.shown import in_words
from explainer.words import ESTIMATE, literal, marked

KEY = "surgery"
RUN = f"{KEY}.run"
MOST_RUNS = 60
KINDS = {
    "most": "What is missed most",
    "unit": "A unit",
    "gate": "A gate",
    "head": "A head",
    "positions": "The positions",
    "swap": "Its memory",
    "written": "Several, in words",
}
HELP = (
    "A unit or a gate is set to one number at every step, a head is switched off, positions are shuffled; or the network goes on with "
    "what it would remember after another input."
)
state = st.session_state


def open_page(paragraph: str, shipped: Sequence[str]) -> Run | None:
    """Question and paragraph; the run that the address names, or the first of the shipped ones that is here."""
    st.title(place_at(KEY).question, anchor=False)
    st.markdown(paragraph)
    if state.pop(ENTERED, False) or f"{KEY}:opened" not in state:
        state[f"{KEY}:opened"] = True
        _read_address()
    if trouble := state.pop(f"{KEY}:trouble", ""):
        st.warning(literal(trouble), icon=":material/warning:")
    return next(iter([*runs_of([state.get(f"{KEY}:run", "")]), *runs_of(shipped)]), None)


def _read_address() -> None:
    asked = st.query_params.get("run", "").split(",")[0]
    state[f"{KEY}:run"] = asked
    found = runs_of([asked])
    if asked and not found:
        state[f"{KEY}:trouble"] = why_not([asked]) or (
            "The run in this address is not recorded here (any more), or it is on data of somebody's own. Another one is shown."
        )
    elif found and not found[0].config.layers:
        state[f"{KEY}:run"] = ""
        state[f"{KEY}:trouble"] = "The run in this address has no layer to operate on. Another one is shown."
    try:
        surgery = Surgery.from_text(st.query_params.get("surgery", ""))
        if found:
            surgery.check(found[0].config)
        set_surgery(surgery)
    except ValueError as error:
        set_surgery(Surgery())
        state[f"{KEY}:trouble"] = f"The address asks for what can't be: {error}"


def operable(run: Run) -> bool:
    """Whether a run has weights, or is about to, and a layer."""
    return run.config.layers > 0 and (run.step > 0 or not run.finished)


def choose_run(shown: Run, shipped: Sequence[str]) -> None:
    """The select box of all runs that can be operated on."""
    runs = {run.id: run for run in [*runs_of(shipped), shown, *filter(operable, runs_to_see()[:MOST_RUNS])]}
    state[RUN] = shown.id
    st.selectbox(
        "Network", list(runs), format_func=lambda run: label(runs[run]), key=RUN, on_change=lambda: show(state[RUN])
    )


def show(run: str) -> None:
    """Make this the page's run, untouched and compared with none."""
    state[f"{KEY}:run"] = st.query_params["run"] = run
    st.query_params.pop("against", None)
    state.pop(f"{KEY}.lr", None)
    set_surgery(Surgery())
    st.query_params.pop("step", None)


# -- what is done ---------------------------------------------------------------------------------


def set_surgery(surgery: Surgery) -> None:
    """Set the controls to a surgery, before they are drawn."""
    operations = surgery.operations
    state[f"{KEY}.kind"] = "most" if not operations else "written"
    state[f"{KEY}.text"] = str(surgery)
    if len(operations) != 1:
        return
    match operations[0]:
        case Unit(layer, unit, value):
            _set("unit", layer=layer + 1, unit=unit, held=value)
        case Gate(layer, gate, value):
            _set("gate", layer=layer + 1, gate=gate, opened=value)
        case Head(layer, head):
            _set("head", layer=layer + 1, head=head + 1)
        case Shuffle(seed):
            _set("positions", seed=seed)
        case Swap(step, donor):
            _set("swap", time=step, donor=donor)


def _set(kind: str, **values: object) -> None:
    for name, value in {"kind": kind, **values}.items():
        state[f"{KEY}.{name}"] = value


def surgery_from_text(text: str) -> None:
    """A choice that was made in a figure."""
    set_surgery(Surgery.from_text(text))


def surgery_controls(config: RunConfig) -> Surgery:
    """The select box of kinds with the controls of the one chosen.

    Raises:
        ValueError: what was written is no surgery, or not one for this network.
    """
    kinds = kinds_of(config)
    if state.get(f"{KEY}.kind") not in kinds:
        state[f"{KEY}.kind"] = "most"
    with st.container(width=190):
        kind = st.selectbox("Operate on", kinds, format_func=KINDS.__getitem__, key=f"{KEY}.kind", help=HELP)
    if kind == "most":
        return Surgery()
    if kind == "written":
        with st.container(width=360):
            text = st.text_input(
                "In words",
                key=f"{KEY}.text",
                placeholder="layer 1 unit 5 = 0; layer 1 unit 7 = 0",
                help="Layers and heads are counted from 1, units and time steps from 0.",
            )
        return Surgery.from_text(text).check(config)
    return Surgery((_operation(kind, config),)).check(config)


def kinds_of(config: RunConfig) -> list[str]:
    """What can be done to a network of this configuration."""
    network = config.network
    gate = ["gate"] if network.settable else []
    return ["most", network.site, *gate, *(["positions"] if network.roles.attention else []), "swap", "written"]


def _operation(kind: str, config: RunConfig) -> Operation:
    if kind == "positions":
        return Shuffle(_whole_input("Seed", "seed", 0, 9999))
    if kind == "swap":
        time = _whole_input("At time step t", "time", 0, config.total_length - 1, config.total_length // 2)
        with st.container(width=260):
            donor = st.text_input(
                "of another input",
                key=f"{KEY}.donor",
                placeholder="empty: another sequence of the task",
                max_chars=1000,
                help="What was read instead, up to t",
            )
        return Swap(time, donor.strip())
    layer = _whole_input("Layer", "layer", 1, config.layers, 1) - 1 if config.layers > 1 else 0
    if kind == "head":
        return Head(layer, _whole_input("Head", "head", 1, config.network.sites, 1) - 1)
    if kind == "unit":
        unit = _whole_input("Unit", "unit", 0, config.network.sites - 1)
        state.setdefault(f"{KEY}.held", 0.0)
        with st.container(width=130):
            return Unit(layer, unit, st.number_input("Set to", -1e6, 1e6, step=0.1, format="%g", key=f"{KEY}.held"))
    assert kind == "gate", kind
    gates = config.network.settable
    if state.get(f"{KEY}.gate") not in gates:
        state[f"{KEY}.gate"] = gates[min(1, len(gates) - 1)]
    with st.container(width=130):
        gate = st.selectbox("Gate", gates, key=f"{KEY}.gate")
    state.setdefault(f"{KEY}.opened", 1.0)
    with st.container(width=180):
        value = st.slider("Set to", 0.0, 1.0, step=0.05, key=f"{KEY}.opened", help="0: closed, 1: open")
    return Gate(layer, gate, value)


def _whole_input(title: str, name: str, low: int, high: int, start: int = 0) -> int:
    key = f"{KEY}.{name}"
    state[key] = max(low, min(int(state.get(key, start)), high))
    with st.container(width=130):
        return int(st.number_input(title, low, high, step=1, key=key))


# -- trained on like this --------------------------------------------------------------------------


def shown(run: Run, surgery: Surgery, trouble: bool) -> Shown:
    """What the figures show: the run and what is done to it; with `trouble` that is not what the controls ask for."""
    said = in_words([run])
    return Shown(f"{said} · operated: {surgery}" if surgery else said, trouble)


def branch_control(run: Run, surgery: Surgery) -> None:
    """A popover that starts a run from the weights of the moment shown, with the surgery kept up."""
    with st.popover("Train on like this", icon=":material/healing:", help="A run of its own from these weights"):
        if why := _never(run, surgery):
            st.markdown(why)
            return
        step = _moment(run)
        said = f"From step {step} of this run, with {surgery} in every forward pass. The optimiser starts afresh."
        st.markdown(literal(said))
        first, second = st.columns(2)
        # Set in every run: a closed popover's widgets are mounted later, and would begin at their lowest value.
        state[f"{KEY}.steps"] = min(state.get(f"{KEY}.steps", 300), int(limits().steps))
        state[f"{KEY}.lr"] = state.get(f"{KEY}.lr", run.config.lr)
        steps = first.number_input("Steps", 1, int(limits().steps), step=50, key=f"{KEY}.steps")
        lr = second.number_input("Learning rate", 1e-6, 10.0, step=1e-3, format="%g", key=f"{KEY}.lr")
        try:
            config = branched(run, step, surgery, int(steps), float(lr))
            inputs, outputs, speed = run.meta["inputs"], run.meta["outputs"], client().speed
            refuse_if_too_big(config, inputs, outputs, lenses=(KEY,), speed=speed)
            seconds = estimate(config, inputs, outputs, speed=speed).seconds  # until the last update
        except ValueError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return
        said = f"About {spoken(max(1, seconds))}: operated, it computes step by step, slower than fused kernels."
        st.caption(marked(said, ESTIMATE))
        st.button("Train on", type="primary", icon=":material/play_arrow:", on_click=_train_on, args=(config,))


def _never(run: Run, surgery: Surgery) -> str:
    """Why nothing can be trained on from here, in a sentence; "" where something can."""
    if not surgery:
        return "Choose first what to operate on."
    if surgery.swap:
        return "A swapped memory belongs to one pair of inputs: there is nothing to train."
    if shared_with_me([run]):
        return "This run is on data of its owner's, and only they can train on from it."
    return "" if client().snapshots(run.id) else "This run has no weights yet. Wait for its first step."


def branched(run: Run, step: int, surgery: Surgery, steps: int, lr: float) -> RunConfig:
    """The run that goes on from a kept moment of another one, which may be operated already.

    Raises:
        ValueError: a setting that can't be.
    """
    both = str(Surgery.from_text(run.config.surgery) + surgery)
    return run.config.but(parent=f"{run.id}@{step}", surgery=both, lr=lr, steps=steps, schedule="constant")


def _moment(run: Run) -> int:
    """The kept moment that is shown: that of the address, else the last."""
    kept = client().snapshots(run.id)
    asked = st.query_params.get("step", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return client().snapshot_before(run.id, int(asked))
    return kept[-1] if kept else 0


def _train_on(config: RunConfig) -> None:
    """Start the run and show it beside the moment of its parent that it goes on from."""
    try:
        show(client().submit(config, owner(), (KEY,)))
        st.query_params["against"] = config.parent
    except ValueError as error:
        state[f"{KEY}:trouble"] = str(error)


def parent_of(run: Run) -> Run | None:
    """The run that this one went on from, if it is still here."""
    return next(iter(runs_of([run.config.branched_from[0]])), None) if run.config.branched_from else None


def write_address(run: Run, shipped: Sequence[str], surgery: Surgery) -> None:
    """Put the run and the surgery into the address, and nothing that is as the page opens anyway."""
    wanted = {"run": "" if run.id == shipped[0] else run.id, "surgery": str(surgery)}
    put_into_address({name: text for name, text in wanted.items() if text}, wanted.keys())
