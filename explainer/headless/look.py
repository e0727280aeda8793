"""`python -m explainer look`: a recorded moment through a lens, as JSON or as a file of figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import orjson

from explainer import upgrade
from explainer.charts.panel import Notes
from explainer.config import RunConfig
from explainer.headless.view import View, notes_of, view_of
from explainer.lenses import LENSES
from explainer.player.annotate import Annotator
from explainer.player.answers import plain
from explainer.runs.store import Listing, Run, Store, default_path
from explainer.runs.tape_file import load_shipped


def look_at(
    run: str,
    lens: str,
    *,
    step: int | None = None,
    given: str = "",
    selection: Mapping[str, int] | None = None,
    html: Path | None = None,
    as_json: bool = False,
    folder: Path | None = None,
) -> int:
    """Look, and write what was asked for: a file of figures, JSON, or else the readings alone.

    Args:
        run: its id.
        lens: a name in `LENSES`.
        step: default, the last one.
        given: the user's own input; "" for the tape's batch.
        selection: the layer and the head that figures show, counted from 1.
        html: the file for the figures.
        as_json: print the record.
        folder: of the store.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: there is no such run, moment or lens, the input can't be read, or the file can't be written.
    """
    lens = upgrade.lens_of(lens)
    if lens not in LENSES:
        raise ValueError(f"lens = {lens[:40]!r} is not known. Choose one of: {', '.join(LENSES)}.")
    store = Store(folder or default_path())
    found = _run(store, run)
    chosen = _from_zero(found.config, selection or {})
    view = view_of(store, found, lens, step, given)
    if LENSES[lens].panels is None and not (as_json and html is None):
        raise ValueError(f"The lens {lens!r} has no figures. Ask for --json.")
    annotator = Annotator(store)
    notes = notes_of(view, annotator)
    if html is not None:
        from explainer.headless.export import page_of  # plotly and its script, for a file alone

        try:
            html.write_text(page_of(view, notes, annotator, chosen), encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{html} can't be written ({error.strerror}). Name another file.") from None
    if as_json:
        print(as_text(view, notes))
    elif html is None:
        print("\n".join(filter(None, [*sentences(notes), view.said])))
    else:
        print(f"{html}: {lens} of run {view.run.id} at step {view.step}", file=sys.stderr)
    return 0


def as_text(view: View, notes: Notes) -> str:
    """Strict JSON: arrays as nested lists, numbers that are not finite as null."""
    content = {
        "run": view.run.id,
        "lens": view.lens,
        "step": view.step,
        "input": view.given,
        "said": view.said,
        "record": view.record,
        "readings": plain(notes.readings),
    }
    return orjson.dumps(content, default=lambda array: array.tolist(), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def sentences(notes: Notes) -> list[str]:
    """Every reading, those of a choice of layer and head once for each."""
    lines: list[str] = []
    for reading in notes.readings.values():
        lines += [reading] if isinstance(reading, str) else reading.values()
    return lines


def _from_zero(config: RunConfig, selection: Mapping[str, int]) -> dict[str, int]:
    """The layer and the head that were asked for, counted from 0.

    Raises:
        ValueError: the model has none of that number.
    """
    attends = bool(config.network.roles.attention)
    count = {"layer": max(1, config.layers), "head": config.network.sites if attends else 1}
    for name, number in selection.items():
        if not 1 <= number <= count[name]:
            raise ValueError(f"{name} = {number} is not there. Choose 1 to {count[name]}.")
    return {name: number - 1 for name, number in selection.items()}


def _run(store: Store, run: str) -> Run:
    if store.run(run) is None:
        load_shipped(store)
    found = store.run(run)
    if found is None:
        known = ", ".join(each.id for each in store.listed(Listing(), 8)) or "none yet"
        raise ValueError(f"There is no run {run[:80]!r} in {store.folder}. The newest there: {known}.")
    return found
