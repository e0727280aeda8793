"""The words below a lesson's picture: Explain, Math, Code (the real source), Try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from explainer.config import RunConfig
from explainer.player.mount import base_path
from explainer.runs.store import Run
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
    run: Run | RunConfig | None = None,
) -> None:
    """The four tabs; only the open one is computed.

    Args:
        key: of the page.
        page: its name in an address ("hidden-states").
        explain: Markdown.
        math: Markdown with formulas.
        code: (file within the package, name) of what just ran.
        experiments: for Try.
        run: the one on the page, or its configuration, for the script that repeats it.
    """
    names = ["Explain", "Math", "Code", "Try"]
    tabs = st.tabs(names, key=f"{key}-tabs", on_change="rerun")
    if tabs[0].open:
        tabs[0].markdown(explain)
    if tabs[1].open:
        tabs[1].markdown(math)
    if tabs[2].open:
        with tabs[2]:
            if run is not None:
                st.caption("The run on this page, again, anywhere Python runs:")
                threads = run.meta.get("threads", []) if isinstance(run, Run) else []
                st.code(script(run.config if isinstance(run, Run) else run, threads), language="python")
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


def script(config: RunConfig, threads: Sequence[tuple[int, int]] = ()) -> str:
    """Python that repeats the run: the same numbers to the bit on the same processor with the same torch and threads.

    Args:
        threads: of the CPU that the run had, [first step, number] each; () where nobody noted it.
    """
    given = {name: getattr(config, name) for name in config.to_query()}
    fields = ", ".join(f"{name}={value!r}" for name, value in given.items())
    set_threads = ""
    if len(threads) == 1:
        set_threads = f"torch.set_num_threads({threads[0][1]})  # as this run had: sums then end in the same bits\n"
    elif threads:
        had = ", then ".join(f"{number} from step {step} on" for step, number in threads)
        set_threads = f"torch.set_num_threads({threads[-1][1]})  # this run had {had}, so last bits will differ\n"
    return (
        ("import torch\n" if threads else "")
        + "from explainer import RunConfig, train\n\n"
        + set_threads
        + f"config = RunConfig({fields})\n"
        "for step in train(config):\n"
        "    print(step.number, step.loss)\n"
    )
