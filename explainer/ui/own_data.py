"""The user's own text or series: given in a popover, checked, and named by its hash in the run's configuration.

What was given stays in the session under `<page>:own`, by task, so that a change of the task and
back loses nothing, and in the store for its owner, who finds it there after a reload by the hash in the
address. The configuration's field `data` follows from it whenever the page runs.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from explainer.config import RunConfig
from explainer.data import Series, check_text, csv_columns, digest, read_csv, repeated_share
from explainer.figures.subject import repeated_words
from explainer.limits import refuse_if_too_big
from explainer.runs.inputs import check_length, prepare, training_inputs
from explainer.ui.backend import client, owner
from explainer.ui.controls import state_key
from explainer.ui.words import literal

READING = ("text", "forecast")
"""Tasks that read a text or a series."""


@dataclass(frozen=True)
class Given:
    """A text or series that a user gave.

    Attributes:
        digest: its SHA-256, the configuration's `data`.
        body: what a run reads: the text, or the series' canonical text; "" when only the hash is
            known, from an address.
        size: characters, or values.
        outputs: V of a text, 1 for a series.
        words: what it is, in a few words; they may be the user's, so not Markdown.
        repeated: share of a text's validation part that stands verbatim in training (`data.repeats`), None if unknown.
    """

    digest: str
    body: str = ""
    size: int = 0
    outputs: int = 1
    words: str = ""
    repeated: float | None = None


def given_text(text: str) -> Given:
    """A text, if it can be learnt from.

    Raises:
        ValueError: see `check_text`.
    """
    body = check_text(text)
    distinct = len(set(body))
    words = f"A text of {len(body):,} characters, {distinct} distinct ones, that begins “{body[:40].strip()}…”"
    return Given(digest(body), body, len(body), distinct, words, repeated_share(body))


def given_series(series: Series) -> Given:
    """A series."""
    body = series.to_text()
    words = f"“{series.name}”: {len(series.values):,} values from {min(series.values):g} to {max(series.values):g}"
    return Given(digest(body), body, len(series.values), 1, words)


def named(given: Given, name: str) -> Given:
    """The same with the name of the file that it came from, if it has one."""
    return replace(given, words=f"{name[:60]}: {given.words}") if name else given


def text_of_file(content: bytes) -> str:
    """The text in a file: UTF-8, or UTF-16 with its mark.

    Raises:
        ValueError: it is neither.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Byte {error.start + 1:,} of the file is not UTF-8. Save it as plain text in UTF-8."
        ) from None
    if "\0" in text:
        raise ValueError("The file holds zero bytes, so it is not text. Upload plain text in UTF-8.")
    return text


def refusal(config: RunConfig, given: Given | None) -> str:
    """Why a run can't be made here, in a sentence; "" if it can.

    Args:
        config: of the run.
        given: the user's own data that it names, if it names some.
    """
    if config.task in READING and given is not None and not given.body:
        kind = "text" if config.task == "text" else "series"
        return (
            f"The {kind} of this address is not here (any more), or is somebody's own. Give it under “Your own data”."
        )
    try:
        if config.task in READING and given is not None:
            check_length(config, given.size)
            outputs = given.outputs
            inputs = outputs
        else:
            prepare(config)
            inputs, outputs = training_inputs(config)
        refuse_if_too_big(config, inputs, outputs)
    except ValueError as error:
        return str(error)
    return ""


def adopt(page: str, config: RunConfig) -> None:
    """Take the data that a configuration names (from an address, or of a run) for the page's own."""
    if config.task not in READING:
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
        given = given_text(body) if config.task == "text" else given_series(Series.from_text(body))
        own[config.task] = named(given, client().store.text_name(config.data, owner()) or "")
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
    if task not in READING:
        return None
    popover = st.popover(
        "Your own data",
        icon=":material/check_circle:" if given and given.body else ":material/upload_file:",
        help="Learn from a text of yours" if task == "text" else "Learn from a column of your own CSV file",
        key=f"{page}-own",
    )
    with popover, st.container(width=380):
        if task == "text":
            _text_form(page)
        else:
            _series_form(page)
        trouble = state.get(f"{page}:own-trouble", "")
        if trouble:
            st.error(literal(trouble), icon=":material/error:")
        if given and given.body:
            st.markdown(literal(given.words))
            if repeated_words(given.repeated):
                st.caption(repeated_words(given.repeated))
            st.caption(
                "Kept on this host with the runs made from it, which this browser alone sees, until you share one of them."
            )
        if given:
            st.button("Back to the default data", on_click=_forget, args=(page, task), key=f"{page}-own-forget")
    return given


def _text_form(page: str) -> None:
    st.text_area("Paste a text", key=f"{page}:paste", height=140, placeholder="At least 200 characters, at most 2 MB")
    st.button("Use this text", on_click=_use_pasted, args=(page,), key=f"{page}-own-use", type="primary")
    st.file_uploader("Or upload a text file", key=f"{page}:file", on_change=_use_file, args=(page,))


def _series_form(page: str) -> None:
    state = st.session_state
    upload = st.file_uploader(
        "Upload a CSV file", type=["csv", "tsv", "txt"], key=f"{page}:csv", on_change=_use_csv, args=(page, True)
    )
    columns = state.get(f"{page}:columns", ())
    if upload is not None and columns:
        st.selectbox("Column", columns, key=f"{page}:column", on_change=_use_csv, args=(page, False))


def _use_pasted(page: str) -> None:
    _use(page, "text", lambda: given_text(st.session_state[f"{page}:paste"]))


def _use_file(page: str) -> None:
    upload = st.session_state[f"{page}:file"]
    if upload is not None:
        _use(page, "text", lambda: given_text(text_of_file(upload.getvalue())), upload.name)


def _use_csv(page: str, fresh: bool) -> None:
    """Take a column of the uploaded file: of a fresh one, the first that does not merely count."""
    state = st.session_state
    upload = state[f"{page}:csv"]
    if upload is None:
        return
    content = upload.getvalue()
    if fresh:
        state[f"{page}:columns"] = ()
        state.pop(f"{page}:column", None)

    def series() -> Given:
        if fresh:
            state[f"{page}:columns"] = csv_columns(content)
        found = read_csv(content, None if fresh else state[f"{page}:column"])
        state[f"{page}:column"] = found.name
        return given_series(found)

    _use(page, "forecast", series, upload.name)


def _use(page: str, task: str, make: Callable[[], Given], name: str = "") -> None:
    """Keep what `make` returns, under the name of its file, or the sentence why there is nothing to keep."""
    state = st.session_state
    try:
        given = make()
        client().keep(given.digest, given.body, owner(), name)
        state.setdefault(f"{page}:own", {})[task] = named(given, name)
        state[f"{page}:own-trouble"] = ""
    except ValueError as error:
        state[f"{page}:own-trouble"] = str(error)


def _forget(page: str, task: str) -> None:
    st.session_state[f"{page}:own"].pop(task, None)
    st.session_state[f"{page}:own-trouble"] = ""
