"""Below the pictures of a sweep: one input of the viewer's own for all its networks whose weights are kept.

The input is in the address, so that an address shows what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import streamlit as st

from explainer.config import RunConfig
from explainer.data import ASKED_CHARACTERS, Seen
from explainer.player.backend import client
from explainer.player.fallback import next_example
from explainer.runs.outcomes import Outcome
from explainer.ui.places import address
from explainer.words import listed, literal, marked


class Asked(NamedTuple):
    """A network of the sweep and its records, one for each moment asked; or a sentence why there are none."""

    outcome: Outcome
    records: tuple[Any, ...]
    why: str


def kept(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, list[int]]]:
    """The networks that have ended and whose weights are kept, and at which steps."""
    ended = [(outcome, client().snapshots(outcome.run)) for outcome in outcomes if outcome.run and outcome.done]
    return [(outcome, steps) for outcome, steps in ended if steps]


def ask_all(outcomes: Sequence[Outcome], lens: str, text: str, *, first: bool = False) -> list[Asked]:
    """What a lens sees on an own input in every network that can be asked, at its last kept moment.

    Args:
        first: at its first one, too, if that is another.
    """
    networks = [(outcome, sorted({steps[0], steps[-1]} if first else {steps[-1]})) for outcome, steps in kept(outcomes)]
    found = client().look_all([(outcome.run, step, lens, text) for outcome, steps in networks for step in steps])
    asked = []
    for outcome, steps in networks:
        records, found = found[: len(steps)], found[len(steps) :]
        why = next((record for record in records if isinstance(record, str)), "")
        asked.append(Asked(outcome, () if why else tuple(records), why))
    return asked


def own_input(
    key: str,
    title: str,
    examples: Sequence[str],
    outcomes: Sequence[Outcome],
    way_out: tuple[str, str],
    draw: Callable[[str], None],
    such_as: str = "",
) -> None:
    """An expander with a box for the own input; what is in it is computed only while it is open.

    Args:
        key: of the page.
        title: of the expander.
        examples: inputs, of which a button puts one after the other into the box.
        outcomes: of the sweep shown.
        way_out: how to make networks that can be asked, where there are none: a sentence, and a page with its address.
        draw: the answers to an input.
        such_as: shown while the box is empty; default, the first example.
    """
    opened = f"{key}:own-open"
    if opened not in st.session_state:
        st.session_state[opened] = bool(st.query_params.get("input"))
    section = st.expander(
        title,
        expanded=st.session_state[opened],
        key=f"{key}-own-section",
        icon=":material/keyboard:",
        on_change="rerun",
    )
    if not section.open:
        return
    with section:
        if kept(outcomes):
            if text := _typed(f"{key}-own", examples, such_as):
                draw(text)
        elif any(outcome.run for outcome in outcomes):
            st.caption("No network of this sweep has ended yet. As soon as one has, it can be asked: open this again.")
        else:
            st.markdown(way_out[0])
            st.link_button("Set this up", address(way_out[1]), icon=":material/open_in_new:")


def _typed(box: str, examples: Sequence[str], such_as: str) -> str:
    """The box with its button, and what is in it, which the address has too; "" where there is nothing to ask."""
    if box not in st.session_state:
        st.session_state[box] = st.query_params.get("input", "")[:ASKED_CHARACTERS]
    # Without max_chars: what is longer would be dropped by the browser without a word.
    such_as = such_as or next(iter(examples), "")
    text = st.text_area("Your own input", height=90, key=box, placeholder=f"Such as: {such_as}")
    if examples:
        st.button(
            "Example",
            icon=":material/shuffle:",
            key=f"{box}-example",
            help="Fill in an input of the kind that these networks were trained on; press again for another",
            on_click=next_example,
            args=(box, tuple(examples)),
        )
    if text.strip() and len(text) <= ASKED_CHARACTERS:
        if st.query_params.get("input") != text:
            st.query_params["input"] = text
        return text
    st.query_params.pop("input", None)
    if text.strip():
        too_many = f"{len(text):,} characters are too many. Give at most {ASKED_CHARACTERS:,}."
        st.warning(too_many, icon=":material/warning:")
    else:
        st.caption("Every network of this sweep is asked, with the weights of its last step.")
    return ""


def common_examples(configs: Sequence[RunConfig]) -> list[str]:
    """Inputs that are of the kind of training for every network of a sweep whose task reads no data."""
    different = {config.length: config for config in configs}.values()
    # Drawn for a long one they have a gap, which each network fills up to its own length.
    drawn = (configs[0] if len(different) == 1 else configs[0].but(length=1024)).problem.examples(Seen(), 60)
    return [text for text in drawn if not any(each.problem.unlike(text, Seen(), each.seed) for each in different)][:8]


def what_differs(asked: Sequence[Asked], text: str) -> None:
    """In what an own input differs from those of training, a line for each way with the networks that it holds for."""
    ways: dict[str, list[Outcome]] = {}
    for each in asked:
        config = each.outcome.config
        said = config.problem.about(text, Seen(), config.seed) if each.records else ""
        ways.setdefault(said, []).append(each.outcome)
    for said, outcomes in ways.items():
        if said:
            lengths = sorted({outcome.config.length for outcome in outcomes})
            trained = f"Trained at T = {listed([str(length) for length in lengths])}: {said}"
            st.caption(marked(literal(trained), "computed now · your input"))


def refusals(asked: Sequence[Asked], name: Callable[[Outcome], str]) -> None:
    """Why networks have no answer: one warning where none has (of the last, which reads most), else a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for each in asked:
        if each.why:
            reasons.setdefault(each.why, []).append(name(each.outcome))
    if reasons and not any(each.records for each in asked):
        why, names = list(reasons.items())[-1]
        st.warning(literal(why if len(reasons) == 1 else f"{'; '.join(names)}: {why}"), icon=":material/warning:")
        return
    for why, names in reasons.items():
        st.caption(literal(f"No answer: {'; '.join(names)}. {why}"))
