"""The player's Python side: mount the component with a page's panels and tapes.

When the component reports that our routes can't be reached, the same panels are drawn by one
fragment with `st.plotly_chart` and a slider (`fallback`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from typing import Any

import orjson
import streamlit as st

from explainer.charts.compare import labels
from explainer.charts.panel import Panel
from explainer.charts.source import KINDS
from explainer.charts.theme import DIVERGING
from explainer.data import ASKED_CHARACTERS
from explainer.player.access import passed_on
from explainer.player.assets import PLAYER_ROUTE, PLOTLY_ROUTE
from explainer.player.backend import runs_of
from explainer.player.component import component
from explainer.player.fallback import show_without_routes
from explainer.player.track import Scan, Selections, Shown, Track, names_of

MOST_SHOWN = 60  # characters of an example in a placeholder


@cache
def _component() -> Any:
    data = f'data-base="{escape(base_path())}" data-main="{PLAYER_ROUTE}/main.js"'
    return component("unrolled_player", f'<div class="unrolled-player" {data}></div>\n', "boot.js")


def play(
    panels: Sequence[Panel],
    tracks: Sequence[Track] = (),
    *,
    key: str,
    selections: Selections | None = None,
    start: Mapping[str, int] | None = None,
    loop: bool = False,
    scan: Scan | None = None,
    ask: Sequence[str] | None = None,
    surgery: str = "",
    link: bool = False,
    shown: Shown | None = None,
    heading: int = 2,
    on_surgery: Callable[[str], None] = lambda text: None,
) -> dict[str, Any] | None:
    """Show panels, and a bar to move through the tapes of `tracks` if there are any.

    Args:
        panels: the figures, in reading order.
        tracks: tapes; a slot's `run` is an index into them.
        key: the component's; the same key keeps zoom and position.
        selections: what a viewer can choose within the figures.
        start: what is chosen of these where the address does not say; default, the first.
        loop: begin again after the end.
        scan: what the bar moves through where there are no tapes.
        ask: examples of an input that the viewer may type instead of the tape's sequence; None: no box.
        surgery: what is done to the models (see `explainer.surgery`), for lenses that show it.
        link: a bar with *Copy link* also where there is nothing to move through.
        shown: what the figures show, where no track says so.
        heading: the level of the figures' titles: 2 below the page's own, 3 below a part's.
        on_surgery: told what else a viewer chose in a figure, before the page runs again.

    Returns:
        The cell that was clicked last in a panel with `click={"cell": True}`: `layer`, `head`, `query`, `key`, `step`
        and `input`; None before the first.
    """
    selections, start = selections or {}, start or {}
    asked, box = _asked(selections, start), _ask(ask) if tracks and ask is not None else None
    shown = next((track.shown for track in tracks if track.shown is not None), shown)
    if st.session_state.get("routes_unreachable"):
        show_without_routes(panels, tracks, key, selections, asked, start, scan, box, surgery, shown)
        return None
    data = {
        **_of_page(panels, selections, asked),
        **_of_tapes(tracks),
        **{"start": start, "loop": loop, "scan": scan, "ask": box, "surgery": surgery, "link": link},
        **{"shown": shown, "heading": heading},
    }
    result = _mounted(key, data, on_surgery)
    if result.routes == "unreachable":
        st.session_state["routes_unreachable"] = True
        st.rerun()
    return dict(result.cell) if result.cell else None


def _asked(selections: Selections, start: Mapping[str, int]) -> dict[str, int | None]:
    """The step of the address, None without one, and what is chosen: there, or else at the start."""
    asked = {"step": _whole(st.query_params.get("step"))}
    for name, (label, choices) in selections.items():
        given = _whole(st.query_params.get(name))
        wanted = start.get(name, 0) if given is None else given
        asked[name] = max(0, min(wanted, len(names_of(label, choices)) - 1))
    return asked


def _of_page(panels: Sequence[Panel], selections: Selections, asked: Mapping[str, int | None]) -> dict[str, Any]:
    """For the component: the figures, what can be chosen in them, and what the address asks for."""
    return {
        "base": base_path(),
        "plotly": PLOTLY_ROUTE,
        "figures": [panel.to_player() for panel in panels],
        "sources": KINDS,
        "select": [
            {"name": name, "label": label, "names": names_of(label, choices)}
            for name, (label, choices) in selections.items()
        ],
        "selection": {name: asked[name] or 0 for name in selections},
        "step": asked["step"],
        "figure": st.query_params.get("figure", "")[:80],
        "zoom": st.query_params.get("zoom", "")[:2000],
        "beside": st.query_params.get("compare") == "beside",
    }


def _of_tapes(tracks: Sequence[Track]) -> dict[str, Any]:
    """For the component: the tapes, how they can be asked for, and what the address compares the first with."""
    runs = [{"id": each.run, "lenses": list(each.lenses), "live": each.live, "name": each.name} for each in tracks]
    return {
        "key": passed_on() if tracks else "",
        "runs": runs,
        "against": _against(st.query_params.get("against", ""), tracks[0].run) if tracks else None,
        "diverging": DIVERGING if tracks else None,
    }


def _mounted(key: str, data: Mapping[str, Any], on_surgery: Callable[[str], None]) -> Any:
    """The component with its data, which go as bytes: a dict would be searched for dataframes, which imports pandas (85 MB, a second or more)."""
    return _component()(
        key=key,
        data=orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY),
        on_states_change=_nothing,
        on_background_change=_nothing,
        on_routes_change=_nothing,
        on_cell_change=_nothing,
        on_surgery_change=lambda: on_surgery(str(st.session_state[key]["surgery"]).partition("\n")[0]),
    )


def base_path() -> str:
    """The path under which the app is served, with slashes at both ends."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/" if path else "/"


def _ask(examples: Sequence[str]) -> dict[str, Any]:
    """The box for the viewer's own input, the examples of its button, and what the address has in it."""
    return {
        "label": "Your own input",
        "placeholder": f"Your own input, such as {_beginning(examples[0])}" if examples else "Your own input",
        "examples": list(examples),
        "fill": "Fill in an input of the kind that it was trained on; press again for another",
        "help": "What does the model of this step do with it? Empty: the sequence of the tape.",
        "input": st.query_params.get("input", "")[:ASKED_CHARACTERS],
        "most": ASKED_CHARACTERS,
    }


def _beginning(example: str) -> str:
    """An example as a placeholder shows it: a long one up to a blank."""
    if len(example) <= MOST_SHOWN:
        return example
    return f"{example[:MOST_SHOWN].rpartition(' ')[0] or example[:MOST_SHOWN]} and so on"


def _against(text: str, own: str) -> dict[str, Any] | None:
    """What the address compares with: `run`, `run@step`, or `@step` of the same run; and the names of both runs.

    Args:
        own: the run that is shown.
    """
    name, _, step = text.partition("@")
    if not text or (not name and _whole(step) is None):
        return None
    found = runs_of([own, name[:80]]) if name else []
    names = ["this run", name[:80]]
    if len(found) == 2:
        names = labels([run.config for run in found], [run.id for run in found])
        if (found[0].config.branched_from or ("",))[0] == name:
            names = ["this run", "its parent"]
    return {"run": name[:80], "step": _whole(step), "own": names[0], "name": names[1]}


def _whole(text: str | None) -> int | None:
    """A whole number that is not negative from an address, else None: a wrong one is as good as none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _nothing() -> None:
    """The component's state only has to make the page run again."""
