"""The user's own table: what was understood of it, in sight before anything trains, and every guess to be changed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from typing import Any

import streamlit as st
from streamlit import config

from explainer.charts.own_series import own_series_figure
from explainer.data import ENCODINGS, Series
from explainer.tables import DECIMALS, LEFT_OUT, LONGEST_GAP, ORDERS, SEPARATORS, THOUSANDS, Options, Understanding
from explainer.tables.process import most_bytes, read_table
from explainer.words import OF_DATA, literal, marked

Use = Callable[[str, Callable[[], Series], str, str], None]
"""Takes a page, what gives the series, the file's name and the options by which it is read; keeps it, or the sentence of its refusal."""
_CHOICES: dict[str, tuple[str, tuple[str, ...]]] = {
    "separator": ("Between the cells", tuple(SEPARATORS)),
    "decimal": ("Decimal mark", tuple(DECIMALS)),
    "thousands": ("Thousands mark", tuple(THOUSANDS)),
    "header": ("Line of names", ("yes", "no")),
    "order": ("First in the file", ORDERS),
    "left_out": ("Times without a row", LEFT_OUT),
    "encoding": ("Encoding", tuple(ENCODINGS)),
}
_WORDS = {
    "blanks": "blanks",
    "none": "nothing",
    "oldest": "the oldest row",
    "newest": "the newest row",
    "fill": "are missing values",
    "keep": "are no gap",
}
_MOST_SHOWN = 6


def allow_uploads() -> None:
    """Let the server take files as large as the largest table, where the host's limit is above the setting."""
    setting = "server.maxUploadSize"
    with suppress(ValueError):  # a limit that is no number is said on the pages
        config.set_option(setting, max(config.get_option(setting), most_megabytes()))


def most_megabytes() -> int:
    """The largest table that can be uploaded, in MB."""
    return max(1, most_bytes() // 1_000_000)


def series_form(page: str, use: Use) -> None:
    """The upload, the choice of a column, what was understood, and the ways to change it."""
    state = st.session_state
    upload = st.file_uploader(
        "Upload a table",
        type=["csv", "tsv", "txt", "dat", "tab", "xlsx", "xls"],
        key=f"{page}:csv",
        on_change=_read,
        args=(page, use, True),
        max_upload_size=most_megabytes(),
        help="Numbers in columns: CSV, or text with any marks between the cells",
    )
    table: Understanding | None = state.get(f"{page}:table")
    if upload is None or state.get(f"{page}:table-file") != upload.file_id:
        return
    if table is not None:
        st.selectbox("Column", table.offered, key=f"{page}:column", on_change=_read, args=(page, use, False))
        _show(page, table)
    with st.expander("Read it differently", expanded=table is None):
        _controls(page, use, table)


def _controls(page: str, use: Use, table: Understanding | None) -> None:
    """One control for each guess; “as found” leaves it to the reader."""
    again: dict[str, Any] = {"on_change": _read, "args": (page, use, False)}
    left, right = st.columns(2)
    for column, (field, (label, choices)) in zip(cycle((left, right)), _CHOICES.items(), strict=False):
        names = {"": _as_found(table, field), **{choice: _WORDS.get(choice, choice) for choice in choices}}
        key = f"{page}:table-{field}"
        column.selectbox(label, ["", *choices], format_func=names.__getitem__, key=key, **again)
    right.number_input("Longest gap to fill", 0, 1000, LONGEST_GAP, key=f"{page}:table-gap", **again)
    always = "such as -999, between blanks; NA, ?, . and empty cells always do"
    st.text_input("Cells that mean “no value”", key=f"{page}:table-missing", placeholder=always, **again)


def _as_found(table: Understanding | None, field: str) -> str:
    if table is None:
        return "as found"
    found = {
        "separator": table.separator,
        "decimal": table.decimal,
        "thousands": table.thousands,
        "header": "yes" if table.header else "no",
        "order": "the newest row" if table.turned else "the oldest row",
        "left_out": "by the calendar",
        "encoding": table.encoding,
    }
    return f"as found: {_WORDS.get(found[field], found[field])}"


def _options(page: str, fresh: bool) -> Options:
    """What the controls say."""
    if fresh:
        return Options()
    state = st.session_state
    given: dict[str, Any] = {field: state.get(f"{page}:table-{field}", "") for field in _CHOICES}
    given["header"] = {"yes": True, "no": False}.get(given["header"])
    missing = tuple(state.get(f"{page}:table-missing", "").split())
    gap = int(state.get(f"{page}:table-gap", LONGEST_GAP))
    return Options(**given, missing=missing, gap=gap, column=state.get(f"{page}:column") or "")


def _read(page: str, use: Use, fresh: bool) -> None:
    """Read the uploaded table as the controls say, a fresh one as it is found, and take the column for the page's data."""
    state = st.session_state
    upload = state.get(f"{page}:csv")
    if upload is None:
        return
    if fresh:
        for field in (*_CHOICES, "gap", "missing"):
            state.pop(f"{page}:table-{field}", None)
        state.pop(f"{page}:column", None)
        state[f"{page}:table-file"] = upload.file_id

    options = _options(page, fresh)

    def series() -> Series:
        state[f"{page}:table"] = None
        table = _understood(upload.getvalue(), options)
        state[f"{page}:table"] = table
        state[f"{page}:column"] = table.column
        return table.series()

    use(page, series, upload.name, shlex.join(options.words()))


def _understood(content: bytes, options: Options) -> Understanding:
    """The table; where the column of before is no column any more, the one that is found.

    Raises:
        ValueError: see `read_table`.
    """
    try:
        return read_table(content, options)
    except ValueError as error:
        if not str(error).startswith("There is no column"):
            raise
        return read_table(content, Options(**{**vars(options), "column": ""}))


def _show(page: str, table: Understanding) -> None:
    """What was understood: sentences, the series, and the first and last rows."""
    said = "\n".join(f"- {literal(sentence)}" for sentence in table.said())
    st.markdown(marked(said, OF_DATA))
    if table.values:
        theme = "dark" if st.context.theme.type == "dark" else "light"
        figure = own_series_figure(table.column, table.values, table.filled, theme)
        figure["layout"]["dragmode"] = False  # a finger on it scrolls the page
        label = f"{len(table.values):,} values of {table.column}, {len(table.filled):,} of them filled in"
        bare = {"displayModeBar": False}
        st.plotly_chart(figure, theme=None, key=f"{page}-table-chart", config=bare, alt=literal(label))
    st.markdown(_rows_as_markdown(table))
    if len(table.columns) > 2:
        with st.expander(f"All {len(table.columns)} columns"):
            st.markdown(_columns_as_markdown(table))


def _rows_as_markdown(table: Understanding) -> str:
    """The first and the last rows; of many columns the first ones and the chosen one."""
    chosen = next(column.number for column in table.columns if column.name == table.column)
    numbers = [column.number for column in table.columns][:_MOST_SHOWN]
    if chosen not in numbers:
        numbers = [*numbers[:-1], chosen]
    names = [table.columns[number - 1].name for number in numbers]
    heads = [f":blue-background[{_cell(name)}]" if name == table.column else _cell(name) for name in names]
    lines = [["line", *heads], ["---:", *["---"] * len(numbers)]]
    for place, row in enumerate((*table.head, *table.tail)):
        if place == len(table.head) and table.rows > len(table.head) + len(table.tail):
            lines.append(["…", *["…"] * len(numbers)])
        cells = [row.cells[number - 1] if number <= len(row.cells) else "…" for number in numbers]
        lines.append([f"{row.line:,}", *map(_cell, cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _columns_as_markdown(table: Understanding) -> str:
    lines = ["| | column | what it is | missing | first | last |", "|---:|---|---|---:|---|---|"]
    for column in table.columns:
        what = f"{column.kind}: {column.reason}" + ("" if column.offered else " (can't be forecast)")
        cells = [_cell(column.name), _cell(what), f"{column.missing:,}", _cell(column.first), _cell(column.last)]
        lines.append(f"| {column.number} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return literal(text[:24] + ("…" if len(text) > 24 else "")) or "&nbsp;"
