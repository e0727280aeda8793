"""The same page where our routes can't be reached: one fragment, `st.plotly_chart` and a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from explainer.figures.panel import Panel, Reel, fill, reading_at
from explainer.ui.words import literal

PLOTLY_CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]]}


def show_without_routes(
    panels: Sequence[Panel],
    tracks: Sequence[Any],
    *,
    key: str,
    selections: Mapping[str, tuple[str, int | Sequence[str]]],
    asked: Mapping[str, int | None],
    scan: Any = None,
    ask: Mapping[str, Any] | None = None,
) -> None:
    """Draw `panels` from the tapes (or at a place of `scan`) in Python, again each second while a run is training.

    Args:
        ask: label, placeholder, help, most characters and first content (`input`) of the box for the viewer's own input; None: no box.
    """
    from explainer.ui.backend import reels_of, runs_of

    live = any(run.status in ("queued", "running") for run in runs_of([track.run for track in tracks]))

    @st.fragment(run_every=1.0 if live else None)
    def moment() -> None:
        runs = runs_of([track.run for track in tracks])
        reels = reels_of(tracks)
        steps = list(scan.places) if scan else _steps(reels, tracks)
        selection, step = _controls(steps, scan.label.capitalize() if scan else "Training step", key, selections, asked)
        typed = _typed(ask, key) if ask else ""
        if typed and step is not None:
            reels = _asked(tracks, reels, step, typed)
        if tracks and step is None:
            st.caption("Waiting for the first frame.")
        else:
            _draw(panels, reels, step or 0, selection, key)
        for run in runs:
            if run.message:
                st.caption(literal(run.message))
        if live and not any(run.status in ("queued", "running") for run in runs):
            st.rerun()

    moment()


def _steps(reels: Sequence[Reel], tracks: Sequence[Any]) -> list[int]:
    """All steps at which a tape has a frame."""
    return sorted(
        {frame.step for reel, track in zip(reels, tracks, strict=True) for frame in reel.frames[track.lenses[0]]}
    )


def _controls(
    steps: Sequence[int],
    title: str,
    key: str,
    selections: Mapping[str, tuple[str, int | Sequence[str]]],
    asked: Mapping[str, int | None],
) -> tuple[dict[str, int], int | None]:
    """The slider over all steps (or a scan's places) and a box for each selection."""
    chosen: dict[str, int] = {}
    step: int | None = steps[-1] if steps else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(steps) > 1:
            wanted = asked.get("step")
            start = max((each for each in steps if wanted is not None and each <= wanted), default=steps[-1])
            step = st.select_slider(title, steps, value=start, key=f"{key}-step-{steps[-1]}")
        for name, (label, choices) in selections.items():
            names = names_of(label, choices)
            if len(names) > 1:
                index = min(asked.get(name) or 0, len(names) - 1)
                chosen[name] = st.selectbox(
                    label, range(len(names)), index=index, format_func=names.__getitem__, key=f"{key}-{name}"
                )
    if step is not None:
        chosen["place"] = steps.index(step)
    return chosen, step


def _typed(ask: Mapping[str, Any], key: str) -> str:
    """The box for the viewer's own input."""
    return st.text_input(
        ask["label"],
        ask["input"],
        max_chars=ask["most"],
        key=f"{key}-input",
        placeholder=ask["placeholder"],
        help=ask["help"],
    ).strip()


def _asked(tracks: Sequence[Any], reels: Sequence[Reel], step: int, text: str) -> list[Reel]:
    """The reels with what every model says to the viewer's own input; as they were, with a sentence, if it can't be."""
    from explainer.ui.backend import answers_of

    try:
        return [replace(reel, answers=answers_of(track, step, text)) for reel, track in zip(reels, tracks, strict=True)]
    except (ValueError, TimeoutError) as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return list(reels)


def _draw(panels: Sequence[Panel], reels: Sequence[Reel], step: int, selection: Mapping[str, int], key: str) -> None:
    """Panels in rows of twelve columns, each chart with its reading."""
    rows: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(each.span for each in rows[-1]) + panel.span > 12:
            rows.append([])
        rows[-1].append(panel)
    for row in filter(None, rows):
        for column, panel in zip(st.columns([panel.span for panel in row]), row, strict=True):
            figure = fill(panel, reels, step, selection)
            figure["layout"]["height"] = panel.height
            reading = reading_at(panel, reels, step, selection)
            column.markdown(f"**{panel.title}**")
            column.plotly_chart(
                figure, theme=None, key=f"{key}-chart-{panel.id}", config=PLOTLY_CONFIG, alt=reading or panel.title
            )
            column.text(reading)


def names_of(label: str, choices: int | Sequence[str]) -> list[str]:
    """What a selection's choices are called: as given, or "Layer 1", "Layer 2" … for a number of them."""
    return [f"{label} {number + 1}" for number in range(choices)] if isinstance(choices, int) else list(choices)
