"""The words below a lesson's picture: Explain, Math, Code (the real source), Try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from explainer.config import KNOBS, RunConfig
from explainer.runs.again import command, own_file, training_words
from explainer.runs.store import Run
from explainer.ui.lesson import Lesson
from explainer.ui.places import address
from explainer.ui.source import source_of
from explainer.ui.tickets import with_ticket
from explainer.words import literal

AXES = ("networks", "lengths", "seeds", "encodings")
"""In an address, what a page with several networks goes through."""
OF_THEIR_OWN = "Each opens the page on a run of its own, whatever is shown above: the one that the page opens with, changed as the question says."


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
    page: str,
    *,
    explain: str,
    math: str,
    code: Sequence[tuple[str, str]],
    experiments: Sequence[Experiment],
    again: Run | RunConfig | None = None,
) -> None:
    """The four tabs; only the open one is computed.

    Args:
        page: its name in an address ("hidden-states").
        explain: Markdown.
        math: Markdown with formulas.
        code: (file within the package, name) of what just ran.
        experiments: for Try.
        again: the run on the page, for the script that repeats it; its configuration where it has not run yet.
    """
    explained, formulas, sources, tried = st.tabs(
        ["Explain", "Math", "Code", "Try"], key=f"{page}-tabs", on_change="rerun"
    )
    if explained.open:
        explained.markdown(explain)
    if formulas.open:
        formulas.markdown(math)
    if sources.open:
        with sources:
            if again is not None:
                st.caption(literal(repeats(again)))
                st.code(script(again), language="bash" if by_command(again) else "python")
            for path, name in code:
                st.caption(f"explainer/{path}")
                st.code(source_of(path, name), language="python")
    if tried.open:
        with tried:
            st.caption(OF_THEIR_OWN)
            for number, experiment in enumerate(experiments, start=1):
                st.markdown(f"**{number}.** {experiment.question}")
                with st.container(horizontal=True, vertical_alignment="center"):
                    _link(page, experiment.query)
                    with st.popover("Answer"):
                        st.markdown(experiment.answer)


def lesson_words(
    lesson: Lesson,
    runs: Sequence[Run],
    explain: str,
    math: str,
    code: Sequence[tuple[str, str]],
    experiments: Sequence[Experiment],
) -> None:
    """The four tabs below a lesson's runs, of which the first can be repeated (see `words_below`)."""
    again = runs[0] if runs else None
    words_below(lesson.key, explain=explain, math=math, code=code, experiments=experiments, again=again)


def _link(page: str, query: Mapping[str, str]) -> None:
    trains = sets_up_a_run(query)
    st.link_button(
        "Open and train" if trains else "Open in this state",
        address(page, with_ticket(page, query) if trains else query),
        icon=":material/open_in_new:",
        help="Its run starts, or is shown if it is recorded" if trains else None,
    )


def sets_up_a_run(query: Mapping[str, str]) -> bool:
    """Whether an address asks for settings, so that there is a run to start, and not for one that is there."""
    return bool(query.keys() & {*KNOBS, *AXES}) and not query.keys() & {"run", "sweep", "surgery"}


def repeats(again: Run | RunConfig) -> str:
    """What the script below it promises of a run: how near its numbers are to those on the page."""
    start = "The run on this page, again, anywhere Python runs"
    if not isinstance(again, Run) or "threads" not in again.meta:
        return f"{start}:"
    if again.altered and not again.rates:
        return f"{start}, but without the changes of its learning rate that were made by hand:"
    if again.meta.get("moved"):
        return f"{start}; this one was computed in more than one way (see Runs), so its last digits can't be repeated:"
    where = f"{again.meta['device']}, torch {again.meta['torch']}"
    if again.meta.get("threads") is None:
        return f"{start}; it ran on {where}, and another device gives other last digits:"
    return f"{start}: to the last bit on the same processor and versions ({where}), else nearly the same:"


def by_command(again: Run | RunConfig) -> bool:
    """Whether what repeats the run is a line for a shell: its series is read from a file as the command line reads it."""
    config = again.config if isinstance(again, Run) else again
    return bool(config.data) and config.problem.reads is not None and not config.problem.reads.in_python


def script(again: Run | RunConfig) -> str:
    """Python that repeats the run: the same configuration and data, and as many threads; or a command, see `by_command`."""
    if by_command(again):
        return command(training_words(again))
    config = again.config if isinstance(again, Run) else again
    threads, rates = (again.meta.get("threads"), dict(again.rates)) if isinstance(again, Run) else (None, {})
    fields = ", ".join(f"{name}={config[name]!r}" for name in config.to_query())
    standard, ours, lines, given = [], ["from explainer import RunConfig, train"], [], ["config"]
    if threads:
        standard.append("import torch\n")
        lines.append(f"torch.set_num_threads({threads})")
    if own := own_file(again)[1:]:
        standard.insert(0, "from pathlib import Path\n")
        ours.append("from explainer.data import check_text, decode")
        read = ", ".join(("", *map(repr, own[2:])))
        lines.append(f"text = check_text(decode(Path({own[0]!r}).read_bytes(){read}).text)")
        given.append("text")
    if rates:
        given.append(f"rates={rates!r}")
    lines += [f"config = RunConfig({fields})", f"for step in train({', '.join(given)}):"]
    return "\n".join([*standard, *ours, "", *lines, "    print(step.number, step.loss)"]) + "\n"
