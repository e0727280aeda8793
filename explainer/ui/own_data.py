"""The user's own text or series: given in a popover, checked, and named by its hash in the run's configuration.

What was given stays in the session under `<page>:own`, by task, so that a change of the task and
back loses nothing, and in the store for its owner, who finds it there after a reload by the hash in the
address. The configuration's field `data` follows from it whenever the page runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from explainer.charts.subject import repeated_words
from explainer.config import RunConfig
from explainer.data import (
    ENCODINGS,
    SERIES,
    TEXT,
    Series,
    alphabet,
    check_text,
    decode,
    default_text,
    digest,
    pasted_name,
    repeated_share,
    short_name,
)
from explainer.limits import limits, refuse_if_too_big
from explainer.player.access import owner
from explainer.player.backend import client
from explainer.runs.inputs import prepare, training_inputs
from explainer.tasks import TASKS
from explainer.ui.controls import state_key
from explainer.ui.own_series import series_form
from explainer.words import OF_DATA, literal, marked

WIDTHS = {TEXT.word: 380, SERIES.word: 620}
"""Pixels of the popover."""


@dataclass(frozen=True)
class Given:
    """A text or series that a user gave.

    Attributes:
        digest: its SHA-256, the configuration's `data`.
        body: what a run reads: the text, or the series' canonical text; "" when only the hash is
            known, from an address.
        size: characters, or values.
        words: what it is, in a few words; they may be the user's, so not Markdown.
        repeated: share of a text's validation part that stands verbatim in training (`data.repeats`), None if unknown.
        name: of its file, or the beginning of a pasted text; from outside, so not Markdown.
        how: options of the command line that read the file so, such as "--encoding Big5"; "" where it needs none.
        signs: that rare characters of a text stand as one sign, a sentence; "" where none does.
    """

    digest: str
    body: str = ""
    size: int = 0
    words: str = ""
    repeated: float | None = None
    name: str = ""
    how: str = ""
    signs: str = ""


def given_text(text: str, name: str = "", read_as: str = "", how: str = "") -> Given:
    """A text, if it can be learnt from.

    Args:
        name: of its file; "" for one that was pasted.
        read_as: the encoding of that file; "" where it is not known any more.
        how: see `Given`.

    Raises:
        ValueError: see `check_text`.
    """
    body = check_text(text, limits().text_bytes)
    found = alphabet(body)
    source = f"“{short_name(name)}”{read_as and f', read as {read_as}'}: a" if name else "A"
    words = f"{source} text of {len(body):,} characters, {found.distinct:,} distinct ones, that begins “{body[:40].strip()}…”"
    called, signs = short_name(name) or pasted_name(body), found.words() if found.has_other else ""
    return Given(digest(body), body, len(body), words, repeated_share(body), called, how, signs)


def given_series(series: Series, name: str = "", how: str = "") -> Given:
    """A series.

    Args:
        name: of its file.
        how: see `Given`.
    """
    body = series.to_text()
    source = f"“{short_name(name)}”, " if name else ""
    values = series.values
    words = f"{source}“{series.name}”: {len(values):,} values from {min(values):g} to {max(values):g}"
    return Given(digest(body), body, len(values), words, name=short_name(name or series.name), how=how)


def given_file(content: bytes, name: str, encoding: str = "") -> Given:
    """The text in a file, if it can be learnt from.

    Args:
        encoding: a name in `ENCODINGS`; "" to find it by the content.

    Raises:
        ValueError: it is no text or too large, or see `check_text`.
    """
    most = 4 * limits().text_bytes  # of UTF-32; the text's own size is checked when it is known
    if len(content) > most:
        raise ValueError(f"The file has {len(content):,} bytes, and this host reads {most:,.0f}. Shorten it.")
    text, read_as = decode(content, encoding)
    return given_text(text, name, read_as, f"--encoding {shlex.quote(encoding)}" if encoding else "")


def refusal(config: RunConfig, given: Given | None, lenses: Sequence[str] = ()) -> str:
    """Why a run can't be made here, in a sentence; "" if it can.

    Args:
        config: of the run.
        given: the user's own data that it names, if it names some.
        lenses: through which the page looks at it.
    """
    source = config.problem.reads
    if source is not None and given is not None and not given.body:
        return f"The {source.word} of this address is not here (any more), or is somebody's own. Give it under “Your own data”."
    try:
        if source is not None and given is not None:
            source.check_length(config.length, given.size)
            inputs, outputs = config.problem.sizes(lambda: given.body)
        else:
            prepare(config)
            inputs, outputs = training_inputs(config)
        refuse_if_too_big(config, inputs, outputs, lenses=lenses, speed=client().speed)
    except ValueError as error:
        return str(error)
    return ""


def adopt(page: str, config: RunConfig) -> None:
    """Take the data that a configuration names (from an address, or of a run) for the page's own."""
    source = config.problem.reads
    if source is None:
        return
    own = st.session_state.setdefault(f"{page}:own", {})
    known = own.pop(config.task, None)
    if not config.data:
        return
    if known is not None and known.digest == config.data and known.body:
        own[config.task] = known
        return
    body = client().text(config.data, owner())
    try:
        if body is None:
            raise ValueError("not here, or not theirs")
        name = client().store.text_name(config.data, owner()) or ""
        own[config.task] = given_text(body, name) if source is TEXT else given_series(Series.from_text(body), name)
    except ValueError:  # not here, or of another kind than the task reads: `refusal` says so
        own[config.task] = Given(config.data)


def own_data(page: str) -> Given | None:
    """The popover, if the page's task reads data; the configuration's `data` is set to what is given.

    Returns:
        The user's own data for the present task, None for the default.
    """
    state = st.session_state
    task = state[state_key(page, "task")]
    given: Given | None = state.setdefault(f"{page}:own", {}).get(task)
    state[state_key(page, "data")] = given.digest if given else ""
    source = TASKS[task].reads
    if source is None:
        return None
    popover = st.popover(
        "Your own data",
        icon=":material/check_circle:" if given and given.body else ":material/upload_file:",
        help=source.offer,
        key=f"{page}-own",
    )
    with popover, st.container(width=WIDTHS[source.word]):
        if source is TEXT:
            _text_form(page)
        else:
            series_form(page, _use_series)
        trouble = state.get(f"{page}:own-trouble", "")
        if trouble:
            st.error(literal(trouble), icon=":material/error:")
        if given and given.body:
            st.markdown(marked(literal(given.words), OF_DATA))
            for said in filter(None, (given.signs, repeated_words(given.repeated))):
                st.caption(marked(literal(said), OF_DATA))
            st.caption(
                "Kept on this host with the runs made from it, which this browser alone sees, until you share one of them."
            )
        elif source is TEXT and not given:
            text = default_text()
            size = f"{len(text):,} characters, {alphabet(text).distinct} distinct ones"
            said = literal(f"Without one: Python’s language reference, {size}.")
            st.caption(marked(said, "computed now · the default text"))
        if given:
            st.button("Back to the default data", on_click=_forget, args=(page, task), key=f"{page}-own-forget")
    return given


def _text_form(page: str) -> None:
    allowed = f"At least 200 characters, at most {limits().text_bytes / 1e6:g} MB"
    st.text_area("Paste a text", key=f"{page}:paste", height=140, placeholder=allowed)
    st.button(
        "Use this text",
        on_click=_use,
        args=(page, lambda: given_text(st.session_state[f"{page}:paste"])),
        key=f"{page}-own-use",
        type="primary",
    )
    upload = st.file_uploader("Or upload a text file", key=f"{page}:file", on_change=_use_file, args=(page, True))
    if upload is not None:
        st.selectbox(
            "Encoding",
            ("", *ENCODINGS),
            format_func=lambda name: name or "Found by its content",
            key=f"{page}:encoding",
            on_change=_use_file,
            args=(page, False),
            help="How the file writes its characters. If it reads wrongly, choose it by hand.",
        )


def _use_file(page: str, fresh: bool) -> None:
    """Take the uploaded text: of a fresh file, in the encoding that its content tells."""
    state = st.session_state
    upload = state[f"{page}:file"]
    if upload is None:
        return
    if fresh:
        state[f"{page}:encoding"] = ""
    encoding = state.get(f"{page}:encoding", "")
    _use(page, lambda: given_file(upload.getvalue(), upload.name, encoding))


def _use_series(page: str, make: Callable[[], Series], name: str, how: str) -> None:
    _use(page, lambda: given_series(make(), name, how))


def _use(page: str, make: Callable[[], Given]) -> None:
    """Keep what `make` returns, under its name, or the sentence why there is nothing to keep."""
    state = st.session_state
    try:
        given = make()
        client().keep(given.digest, given.body, owner(), given.name)
        state.setdefault(f"{page}:own", {})[state[state_key(page, "task")]] = given
        state[f"{page}:own-trouble"] = ""
    except ValueError as error:
        state[f"{page}:own-trouble"] = str(error)


def _forget(page: str, task: str) -> None:
    st.session_state[f"{page}:own"].pop(task, None)
    st.session_state[f"{page}:own-trouble"] = ""
