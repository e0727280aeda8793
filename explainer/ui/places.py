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
from explainer.lenses import LENSES, OUTSIDE
from explainer.player.mount import base_path

STEPPED = tuple(name for name, family in FAMILIES.items() if family().roles.steps)
GATED = tuple(name for name, family in FAMILIES.items() if family.gates)
ATTENDING = tuple(name for name, family in FAMILIES.items() if family().roles.attention)
MAPPED = tuple(name for name, family in FAMILIES.items() if family().roles.attention or family().roles.linear)
"""Families by the roles that their points play: with a state that goes from step to step, with gates, with attention, with maps of it or of a recurrence."""
PAGES = Path(__file__).resolve().parents[2] / "pages"
FRAME = "/~/+/"
"""Where Streamlit Community Cloud shows the app, in a frame below the page that people open."""
ENTERED = "entered"
"""In the session: a page was entered and has not read its address yet."""


@dataclass(frozen=True)
class Place:
    """One page. Its name is that of its file in `pages/`, its address, its title, and the lens whose views it shows.

    Attributes:
        name: such as "hidden_states".
        icon: a Material symbol.
        question: what it answers; also its tooltip.
        group: where it stands in the navigation.
        models: the families whose runs it shows; () for a page that is not about one run.
        also: the lens for runs that the one of its name does not suit.
    """

    name: str
    icon: str
    question: str
    group: str = ""
    models: tuple[str, ...] = ()
    also: str = ""

    @property
    def file(self) -> str:
        """In `pages/`; lenses from outside have one in common."""
        return "lens.py" if self.name in {lens.name for lens in OUTSIDE} else f"{self.name}.py"

    @property
    def path(self) -> str:
        """Its address, "" for the first page."""
        return "" if self.name == "home" else self.name.replace("_", "-")

    @property
    def title(self) -> str:
        """In the navigation."""
        return self.name.replace("_", " ").capitalize()

    @property
    def lens(self) -> str:
        """Whose views it shows, "" for a page without a lens of its name."""
        return self.name if self.name in LENSES else ""

    def lens_of(self, config: RunConfig) -> str:
        """Whose views of this run it shows."""
        return self.also if self.also and LENSES[self.also].suits(config) else self.lens

    def page(self) -> st.Page:
        """The page as Streamlit's navigation and links know it."""
        icon = f":material/{self.icon}:"
        path = PAGES / self.file
        return st.Page(path, title=self.title, icon=icon, url_path=self.path, default=not self.path, help=self.question)


HOME = Place("home", "home", "What is this, and where do I begin?")
RUNS = Place("runs", "list", "What ran here, and how do two runs compare?", "Workbench")
LESSON_PLACES = (
    Place("hidden_states", "memory", "What does a recurrent network remember?", "Memory", STEPPED),
    Place("gates", "door_sliding", "What do the gates do?", "Memory", GATED),
    Place("fixed_points", "adjust", "Where does memory live?", "Memory", STEPPED),
    Place("memory_horizon", "sensors", "How far back can it remember?", "Memory"),
    Place("gradients", "trending_down", "Why does an RNN forget?", "Gradients", MODELS),
    Place("microscope", "biotech", "Which loss reaches which moment?", "Gradients", MODELS),
    Place("jacobian", "donut_large", "When does theory fail?", "Gradients", STEPPED),
    Place("attention", "grid_on", "Which tokens look at which?", "Transformers", MAPPED, also="hidden_attention"),
    Place("heads", "timeline", "When do heads form?", "Transformers", ATTENDING),
    Place("layers", "layers", "What does each layer know?", "Transformers", ATTENDING),
    Place("positions", "format_list_numbered", "How does a Transformer know the order?", "Transformers", ATTENDING),
    Place("beyond_the_length", "straighten", "Which encoding reads beyond its training length?", "Transformers", ATTENDING),
    Place("glasses", "eyeglasses", "What can a Transformer not see?", "Transformers", MODELS),
    Place("race", "sports_score", "Who can learn what, and who can't?", "Workbench", MODELS),
    Place("surgery", "surgical", "What if I break it?", "Workbench", MODELS),
    *(Place(lens.name, "extension", lens.question, "Workbench", MODELS) for lens in OUTSIDE),
)  # fmt: skip
PLACES = (HOME, *LESSON_PLACES, RUNS)


def place_at(path: str) -> Place:
    """The page of this address."""
    return next(place for place in PLACES if place.path == path)


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
    query = st.query_params.to_dict()
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
    query = st.query_params.to_dict()
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
        place for place in LESSON_PLACES if config.model in place.models and LENSES[place.lens_of(config)].suits(config)
    ]
    return sorted(fitting, key=lambda place: place.lens_of(config) not in lenses)
