"""The pages of the app, in one list: their order, addresses and questions, and which runs each can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import streamlit as st

from explainer import upgrade
from explainer.config import KNOBS, MODELS, RunConfig
from explainer.families import FAMILIES
from explainer.player.mount import base_path
from explainer.theory.followed import MOST_SEARCHED, MOST_STATE

STEPPED = tuple(name for name, family in FAMILIES.items() if family().roles.steps)
GATED = tuple(name for name, family in FAMILIES.items() if family.gates)
ATTENDING = tuple(name for name, family in FAMILIES.items() if family().roles.attention)
"""Families by the roles that their points play: with a state that goes from step to step, with gates, with attention."""
PAGES = Path(__file__).resolve().parents[2] / "pages"
FRAME = "/~/+/"
"""Where Streamlit Community Cloud shows the app, in a frame below the page that people open."""
ENTERED = "entered"
"""In the session: a page was entered and has not read its address yet."""


@dataclass(frozen=True)
class Place:
    """One page.

    Attributes:
        file: in `pages/`.
        path: its address, "" for the first page.
        title: in the navigation.
        icon: a Material symbol.
        question: what it answers; also its tooltip.
        lens: whose views it shows, "" for a page that is not about one run.
        models: the families whose runs it shows.
        group: where it stands in the navigation.
    """

    file: str
    path: str
    title: str
    icon: str
    question: str
    lens: str = ""
    models: tuple[str, ...] = ()
    group: str = ""

    def page(self) -> st.Page:
        """The page as Streamlit's navigation and links know it."""
        return st.Page(
            PAGES / self.file,
            title=self.title,
            icon=f":material/{self.icon}:",
            url_path=self.path,
            default=not self.path,
            help=self.question,
        )


HOME = Place("home.py", "", "Home", "home", "What is this, and where do I begin?")
RUNS = Place("runs.py", "runs", "Runs", "list", "What ran here, and how do two runs compare?", group="Workbench")
LESSON_PLACES = (
    Place(
        "hidden_states.py",
        "hidden-states",
        "Hidden states",
        "memory",
        "What does a recurrent network remember?",
        "hidden_states",
        STEPPED,
        group="Memory",
    ),
    Place("gates.py", "gates", "Gates", "door_sliding", "What do the gates do?", "gates", GATED, group="Memory"),
    Place(
        "fixed_points.py",
        "fixed-points",
        "Fixed points",
        "adjust",
        "Where does memory live?",
        "fixed_points",
        STEPPED,
        group="Memory",
    ),
    Place(
        "horizon.py",
        "horizon",
        "Memory horizon",
        "sensors",
        "How far back can it remember?",
        group="Memory",
    ),
    Place(
        "gradients.py",
        "gradients",
        "Gradients",
        "trending_down",
        "Why does an RNN forget?",
        "gradients",
        MODELS,
        group="Gradients",
    ),
    Place(
        "microscope.py",
        "microscope",
        "Microscope",
        "biotech",
        "Which loss reaches which moment?",
        "microscope",
        MODELS,
        group="Gradients",
    ),
    Place(
        "jacobian.py",
        "jacobian",
        "Jacobian",
        "donut_large",
        "When does theory fail?",
        "jacobian",
        STEPPED,
        group="Gradients",
    ),
    Place(
        "attention.py",
        "attention",
        "Attention",
        "grid_on",
        "Which tokens look at which?",
        "attention",
        ATTENDING,
        group="Transformers",
    ),
    Place(
        "heads.py",
        "heads",
        "Heads",
        "timeline",
        "When do heads form?",
        "heads",
        ATTENDING,
        group="Transformers",
    ),
    Place(
        "layers.py",
        "layers",
        "Layers",
        "layers",
        "What does each layer know?",
        "layers",
        ATTENDING,
        group="Transformers",
    ),
    Place(
        "positions.py",
        "positions",
        "Positions",
        "format_list_numbered",
        "How does a Transformer know the order?",
        "positions",
        ATTENDING,
        group="Transformers",
    ),
    Place(
        "extrapolation.py",
        "extrapolation",
        "Beyond the length",
        "straighten",
        "Which encoding reads beyond its training length?",
        "beyond_the_length",
        ATTENDING,
        group="Transformers",
    ),
    Place(
        "surgery.py",
        "surgery",
        "Surgery",
        "surgical",
        "What if I break it?",
        "surgery",
        MODELS,
        group="Workbench",
    ),
)
PLACES = (HOME, *LESSON_PLACES, RUNS)


def grouped(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Places by the group that they stand in, in their order."""
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(place.group, []).append(place)
    return groups


def enter(path: str) -> str:
    """Note that the page at `path` is open, and whether another one was before (see `ENTERED`); its address gets today's form.

    Returns:
        A sentence where the address can't be read; "" where it can.
    """
    state = st.session_state
    if state.get("place") == path:
        return ""
    state["place"] = path
    state[ENTERED] = True
    query = {name: st.query_params[name] for name in st.query_params}
    try:
        fresh = todays(query, path)
    except ValueError as error:
        st.query_params.pop(upgrade.FORMAT, None)  # what the page writes there is in today's
        return str(error)
    if fresh != query:
        st.query_params.from_dict(fresh)
    return ""


def todays(query: Mapping[str, str], path: str) -> dict[str, str]:
    """What an address holds in today's form (see `upgrade`); one that asks for no settings has none.

    Args:
        path: its page's.

    Raises:
        ValueError: it is of a newer version, or can't be brought there.
    """
    if upgrade.FORMAT not in query and not query.keys() & KNOBS.keys():
        return dict(query)
    fresh = upgrade.upgraded({**query, "page": path}, upgrade.SETTINGS, "This address")
    return marked({name: text for name, text in fresh.items() if name != "page"})


def marked(query: Mapping[str, str]) -> dict[str, str]:
    """What an address is to hold, with today's format if it asks for settings."""
    mark = upgrade.mark(upgrade.SETTINGS) if query.keys() & KNOBS.keys() else {}
    return {**query, **{name: str(value) for name, value in mark.items()}}


def mark_address() -> None:
    """The address that a page has written says its format."""
    query = {name: st.query_params[name] for name in st.query_params}
    if (fresh := marked(query)) != query:
        st.query_params.update(fresh)


def address(path: str, query: Mapping[str, str] | None = None) -> str:
    """A link to a page from where this browser is, which a proxy's path or a host's frame may hide from the server.

    Args:
        path: the page's.
        query: what its address is to hold.
    """
    asked = f"?{urlencode(marked(query))}" if query else ""
    return f"{base_seen(st.context.url, st.session_state.get('place', ''))}{path}{asked}"


def base_seen(url: str | None, page: str) -> str:
    """The address that the app is below, as a person opens it, with a slash at its end.

    Args:
        url: of the page in the browser, as the browser says; None where there is no browser.
        page: the path of the page that is open.
    """
    if url is None or not url.startswith(("http://", "https://")):
        return base_path()
    base = url.removesuffix("/").removesuffix(f"/{page}" if page else "") + "/"
    return quote(base.replace(FRAME, "/"), safe="/:~+%@[]")


def places_for(config: RunConfig, lenses: Sequence[str] = ()) -> list[Place]:
    """The pages that can show a run of this configuration, those first whose views are on its tape.

    Args:
        config: the run's.
        lenses: whose views are on its tape.
    """
    fitting = [
        place
        for place in LESSON_PLACES
        if config.model in place.models
        and (place.lens not in ("attention", "heads", "layers", "surgery") or config.layers > 0)
        and (place.lens != "fixed_points" or (config.layers == 1 and config.network.state_size <= MOST_SEARCHED))
        and (place.lens != "jacobian" or config.network.state_size <= MOST_STATE)
        and (place.lens != "beyond_the_length" or config.problem.windows)
    ]
    return sorted(fitting, key=lambda place: place.lens not in lenses)
