"""The same page where our routes can't be reached: one fragment, `st.plotly_chart` and a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from explainer.charts.panel import Panel, Reel, fill, reading_at, unclickable
from explainer.charts.source import mark, steps_in_words, steps_shown
from explainer.charts.subject import network
from explainer.player.backend import annotator, answers_of, reels_of, runs_of, store
from explainer.player.link import copy_link, put_into_address, zooms_of
from explainer.player.numbers import numbers_row
from explainer.player.track import Scan, Selections, Shown, Track, names_of
from explainer.runs.kinds import said_of
from explainer.runs.rows import Run
from explainer.surgery import Surgery
from explainer.words import literal, marked

TICK_SECONDS = 0.7  # between two moments of a tape that plays: each is a run of the script and new charts
ALONE_HEIGHT = 560  # pixels of a figure that is looked at alone, at least
PLAY_TICKS = 20  # that a whole tape takes
VEIL = {
    "type": "rect",
    **{"xref": "paper", "yref": "paper", "x0": -1, "x1": 2, "y0": -1, "y1": 2, "layer": "above"},
    **{"fillcolor": "rgba(128, 128, 128, 0.6)", "line": {"width": 0}},
}
"""Over the whole of a chart."""
BUTTONS = [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]]  # zoom and pan change what dragging does


def show_without_routes(
    panels: Sequence[Panel],
    tracks: Sequence[Track],
    key: str,
    selections: Selections,
    asked: Mapping[str, int | None],
    start: Mapping[str, int],
    scan: Scan | None,
    ask: Mapping[str, Any] | None,
    surgery: str,
    shown: Shown | None,
) -> None:
    """Draw `panels` from the tapes (or at a place of `scan`) in Python, again each second while a run trains or is looked back at.

    Args:
        asked: the step and the selections of the address.
        start: what is chosen of these where the address does not say.
        ask: label, placeholder, help, most characters and first content (`input`) of the box for the viewer's own input; None: no box.
        surgery: what is done to the models, for lenses that show it.
        shown: what the figures show.
    """
    live = _moving(tracks)
    playing = bool(st.session_state.get(f"{key}:playing"))

    @st.fragment(run_every=TICK_SECONDS if playing else 1.0 if live else None)
    def moment() -> None:
        runs = runs_of([track.run for track in tracks])
        reels = reels_of(tracks)
        steps = list(scan.places) if scan else _steps(reels, tracks)
        selection, step = _controls(steps, scan.label.capitalize() if scan else "Training step", key, selections, asked)
        typed = _typed(ask, key) if ask else ""
        if not playing:
            at_end = not steps or step == steps[-1]  # where the page opens
            _write_address("" if at_end else str(step), selection, start, typed if ask else None)
        awaited = False
        if (typed or surgery) and step is not None:
            reels, awaited = _asked(tracks, reels, step, typed, surgery)
        if step is not None:
            _say_of(runs, tracks, typed, surgery)
        if shown is not None:
            st.caption(literal(shown.said))
        if tracks and step is None:
            st.caption("Waiting for the first frame.")
        else:
            _draw(panels, reels, step or 0, selection, key, stale=awaited or (shown is not None and shown.stale))
        for run in runs:
            if run.message:
                st.caption(marked(literal(run.message), f"recorded · {network(run.config)}"))
        if live and not _moving(tracks):
            st.rerun()

    moment()


def _moving(tracks: Sequence[Track]) -> bool:
    """Whether more moments are to come: a run trains, waits, or is looked back at."""
    lenses = {track.run: track.lenses for track in tracks}
    return any(
        run.status in ("queued", "running") or (run.finished and annotator().fills(run, lenses[run.id]))
        for run in runs_of([*lenses])
    )


def _steps(reels: Sequence[Reel], tracks: Sequence[Track]) -> list[int]:
    """All steps at which a tape has a frame."""
    return sorted(
        {frame.step for reel, track in zip(reels, tracks, strict=True) for frame in reel.frames[track.lenses[0]]}
    )


def _controls(
    steps: Sequence[int], title: str, key: str, selections: Selections, asked: Mapping[str, int | None]
) -> tuple[dict[str, int], int | None]:
    """The slider over all steps (or a scan's places) with Play, a box for each selection, and Copy link."""
    chosen: dict[str, int] = {}
    step: int | None = steps[-1] if steps else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(steps) > 1:
            step = _moved(steps, title, key, asked.get("step"))
        for name, (label, choices) in selections.items():
            names = names_of(label, choices)
            if len(names) > 1:
                index = min(asked.get(name) or 0, len(names) - 1)
                chosen[name] = st.selectbox(
                    label, range(len(names)), index=index, format_func=names.__getitem__, key=f"{key}-{name}"
                )
        if steps:
            copy_link(key)
    if step is not None:
        chosen["place"] = steps.index(step)
    return chosen, step


def _moved(steps: Sequence[int], title: str, key: str, wanted: int | None) -> int:
    """The step that the slider is at, which Play moves on with each run of the fragment until the last."""
    slider, state = f"{key}-step-{steps[-1]}", st.session_state
    if slider not in state:
        state[slider] = max((each for each in steps if wanted is not None and each <= wanted), default=steps[-1])
    playing = bool(state.get(f"{key}:playing"))
    if playing:
        place = min(steps.index(state[slider]) + max(1, len(steps) // PLAY_TICKS), len(steps) - 1)
        state[slider] = steps[place]
        playing = state[f"{key}:playing"] = place < len(steps) - 1
        if not playing:
            st.rerun()
    label, icon = ("Hold", ":material/pause:") if playing else ("Play", ":material/play_arrow:")
    if st.button(label, icon=icon, key=f"{key}-play"):
        state[f"{key}:playing"] = not playing
        if not playing and state[slider] == steps[-1]:
            state[slider] = steps[0]
        st.rerun()
    return int(st.select_slider(title, steps, key=slider))


def _write_address(step: str, selection: Mapping[str, int], start: Mapping[str, int], typed: str | None) -> None:
    """Put into the address what somebody else needs to see the same.

    Args:
        step: "" for the last one.
        selection: what is chosen, by name.
        start: what is chosen where the address does not say; default, the first.
        typed: the viewer's own input; None on a page without a box for it.
    """
    chosen = {name: "" if number == start.get(name, 0) else str(number) for name, number in selection.items()}
    wanted = {**chosen, "step": step, **({} if typed is None else {"input": typed})}
    wanted.pop("place", None)
    put_into_address({name: text for name, text in wanted.items() if text}, wanted.keys())


def _typed(ask: Mapping[str, Any], key: str) -> str:
    """The box for the viewer's own input, and a button that puts an example into it."""
    box = f"{key}-input"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            ask["label"], ask["input"], max_chars=ask["most"], key=box, placeholder=ask["placeholder"], help=ask["help"]
        )
        if ask["examples"]:
            st.button(
                "Example", key=f"{key}-example", help=ask["fill"], on_click=next_example, args=(box, ask["examples"])
            )
    return typed.strip()


def next_example(box: str, examples: Sequence[str]) -> None:
    """Put the example after the one that is in the box into it."""
    present = st.session_state.get(box, "")
    st.session_state[box] = examples[(examples.index(present) + 1) % len(examples) if present in examples else 0]


def _asked(
    tracks: Sequence[Track], reels: Sequence[Reel], step: int, text: str, surgery: str
) -> tuple[list[Reel], bool]:
    """The reels with what every model says to the viewer's own input, operated on; as they were, with a sentence, if it can't be.

    Second: whether there is no answer yet.
    """
    try:
        with st.spinner("Asking the network …"):
            pairs = zip(reels, tracks, strict=True)
            return [replace(reel, answers=answers_of(track, step, text, surgery)) for reel, track in pairs], False
    except (ValueError, TimeoutError) as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return list(reels), isinstance(error, TimeoutError)


def _say_of(runs: Sequence[Run], tracks: Sequence[Track], text: str, surgery: str) -> None:
    """In what the viewer's own inputs differ from those that the models were trained on."""
    lenses = {track.run: track.lenses[0] for track in tracks}
    try:
        operation = Surgery.from_text(surgery)
        said = dict.fromkeys(said_of(store(), run, lenses[run.id], text, operation) for run in runs)
    except ValueError:  # it can't be read, as was said in the place of the answer
        return
    for sentence in filter(None, said):
        st.caption(marked(literal(sentence), "computed now · your input"))


def _draw(
    panels: Sequence[Panel],
    reels: Sequence[Reel],
    step: int,
    selection: Mapping[str, int],
    key: str,
    *,
    stale: bool = False,
) -> None:
    """Panels in rows of twelve columns, each chart with its reading; behind a veil where something else is asked for.

    The address may name one figure that stands alone, and how figures are zoomed.
    """
    zooms = zooms_of(st.query_params.get("zoom", ""))
    alone = [panel for panel in panels if panel.id == st.query_params.get("figure")]
    if alone:
        st.button("All figures", key=f"{key}-all", on_click=_show_all)
        panels = [replace(panel, span=12, height=max(panel.height, ALONE_HEIGHT)) for panel in alone]
    rows: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(each.span for each in rows[-1]) + panel.span > 12:
            rows.append([])
        rows[-1].append(panel)
    for row in filter(None, rows):
        for column, panel in zip(st.columns([panel.span for panel in row]), row, strict=True):
            figure = unclickable(fill(panel, reels, step, selection))
            figure["layout"] |= {"height": panel.height, "dragmode": False}  # a finger on a chart scrolls the page
            for axis, ends in zooms.get(panel.id, {}).items():
                figure["layout"] |= {axis: {**figure["layout"].get(axis, {}), "range": ends, "autorange": False}}
            if stale:
                figure["layout"]["shapes"] = [*figure["layout"].get("shapes", ()), VEIL]
            reading = reading_at(panel, reels, step, selection)
            source = mark(panel, reels, step, selection)
            steps = steps_shown(panel, reels, step, selection)
            aside = f" :small[{steps_in_words(steps)}]" if any(each != step for each in steps) else ""
            column.markdown(f"**{panel.title}**{aside}")
            picture = {"filename": f"{key}-{panel.id}-{step}", "scale": 2}
            column.plotly_chart(
                figure,
                theme=None,
                key=f"{key}-chart-{panel.id}",
                config={"displaylogo": False, "modeBarButtons": BUTTONS, "toImageButtonOptions": picture},
                alt=f"{reading or panel.title} ({source})",
            )
            column.text(reading)
            column.markdown(f":small[{literal(source)}]")
    numbers_row(panels, reels, step, selection, key, moves="place" in selection)


def _show_all() -> None:
    st.query_params.pop("figure", None)
