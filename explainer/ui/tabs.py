"""The words below a lesson's picture: Explain, Math, Code (the real source), Try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from explainer.config import RunConfig
from explainer.player.mount import base_path
from explainer.ui.source import source_of


@dataclass(frozen=True)
class Experiment:
    """Something to try: a question, the state of the app that shows it, and the answer.

    Attributes:
        question: what to do and what to look for.
        query: the address that opens the page in that state.
        answer: what is to be seen, and why.
    """

    question: str
    query: Mapping[str, str]
    answer: str


def words_below(
    key: str,
    page: str,
    *,
    explain: str,
    math: str,
    code: Sequence[tuple[str, str]],
    experiments: Sequence[Experiment],
    config: RunConfig | None = None,
) -> None:
    """The four tabs; only the open one is computed.

    Args:
        key: of the page.
        page: its name in an address ("hidden-states").
        explain: Markdown.
        math: Markdown with formulas.
        code: (file within the package, name) of what just ran.
        experiments: for Try.
        config: the run on the page, for the script that repeats it.
    """
    names = ["Explain", "Math", "Code", "Try"]
    tabs = st.tabs(names, key=f"{key}-tabs", on_change="rerun")
    if tabs[0].open:
        tabs[0].markdown(explain)
    if tabs[1].open:
        tabs[1].markdown(math)
    if tabs[2].open:
        with tabs[2]:
            if config is not None:
                st.caption("The run on this page, again, anywhere Python runs:")
                st.code(script(config), language="python")
            for path, name in code:
                st.caption(f"explainer/{path}")
                st.code(source_of(path, name), language="python")
    if tabs[3].open:
        with tabs[3]:
            for number, experiment in enumerate(experiments):
                st.markdown(f"**{number + 1}.** {experiment.question}")
                with st.container(horizontal=True, vertical_alignment="center"):
                    address = f"{base_path()}{page}?{urlencode(experiment.query)}"
                    st.link_button("Open in this state", address, icon=":material/open_in_new:")
                    with st.popover("Answer"):
                        st.markdown(experiment.answer)


def script(config: RunConfig) -> str:
    """Python that repeats the run: the same configuration, so the same numbers on the CPU."""
    given = {name: getattr(config, name) for name in config.to_query()}
    fields = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return (
        "from explainer import RunConfig, train\n\n"
        f"config = RunConfig({fields})\n"
        "for step in train(config):\n"
        "    print(step.number, step.loss)\n"
    )
