"""Runs in words and rows: what each was, how far it is, and how it stands to its baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from explainer.config import RunConfig
from explainer.figures.compare import differing
from explainer.figures.theme import FAMILY_NAMES
from explainer.runs.store import Run
from explainer.ui.backend import annotator, owner
from explainer.ui.controls import CHOICE_NAMES, LABELS

#: Column of `row` -> how it is shown, where that is not plain text.
COLUMNS: Mapping[str, Any] = {
    "Step": st.column_config.NumberColumn(format="localized", help="Updates of the weights on the tape"),
    "of": st.column_config.NumberColumn(format="localized", help="Updates asked for"),
    "Result": st.column_config.NumberColumn(format="%.4g", help="The task's metric on validation batches, at the end"),
    "Baseline": st.column_config.NumberColumn(format="%.4g", help="The same of the best guess without a memory"),
    "Parameters": st.column_config.NumberColumn(format="localized", help="Trained numbers"),
    "Size": st.column_config.NumberColumn(format="bytes", help="Of its tape"),
    "Begun": st.column_config.DatetimeColumn(format="distance"),
    "Whose": st.column_config.TextColumn(help="A lesson ships with the app and can't be deleted"),
}


def network(config: RunConfig) -> str:
    """ "GRU, 64 units" or "Transformer, 2 blocks, width 64"."""
    if config.model == "transformer":
        return f"Transformer, {config.layers} {_plural(config.layers, 'block')}, width {config.width}"
    units = f"{config.width} {_plural(config.width, 'unit')}"
    return f"{FAMILY_NAMES[config.model]}, {units if config.layers == 1 else f'{config.layers} layers of {units}'}"


def task(config: RunConfig) -> str:
    """The task's name, and whether it learns from the user's own data."""
    own = ", own data" if config.data and config.task in ("text", "forecast") else ""
    return f"{CHOICE_NAMES[config.task]}{own}"


def title(config: RunConfig) -> str:
    """ "GRU, 64 units · Adding problem"."""
    return f"{network(config)} · {task(config)}"


def result(run: Run) -> float | None:
    """The task's metric at the end of the run, or so far; None before it was measured."""
    name = run.meta.get("metric")
    final = run.meta.get("final", {}).get(name)
    if final is not None or run.step == 0:
        return final
    values = annotator().metrics(run).get(str(name))
    return float(values[-1]) if values is not None and len(values) else None


def row(run: Run) -> dict[str, Any]:
    """One run's cells, by column."""
    return {
        "Network": network(run.config),
        "Task": task(run.config),
        "Status": run.status,
        "Step": run.step,
        "of": run.config.steps,
        "Result": result(run),
        "Baseline": run.meta.get("baseline"),
        "Metric": run.meta.get("metric", ""),
        "Parameters": run.meta.get("parameters"),
        "Size": run.bytes,
        "Begun": datetime.fromtimestamp(run.created, UTC),
        "Whose": "lesson" if run.pinned else "yours" if run.owner == owner() else "",
    }


def settings(runs: Sequence[Run], names: Sequence[str], only_different: bool) -> list[dict[str, str]]:
    """The fields that any of the runs depends on, one row each, with a column for every run.

    Args:
        runs: whose configuration.
        names: of their columns, no two alike.
        only_different: leave out what they have in common.
    """
    configs = [run.config for run in runs]
    relevant = [config.relevant() for config in configs]
    wanted = differing(configs) if only_different else {name: None for fields in relevant for name in fields}
    return [
        {"Setting": LABELS.get(name, name.capitalize())}
        | {column: _shown(name, fields.get(name)) for column, fields in zip(names, relevant, strict=True)}
        for name in wanted
    ]


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name == "data":
        return f"own, {value[:8]}…" if value else "default"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else CHOICE_NAMES.get(value, str(value))


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
