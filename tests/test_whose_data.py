"""Runs on somebody's own data: seen by their owner, by who has a key to them, and by nobody else, whatever the way."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from explainer.config import TASKS, RunConfig
from explainer.data import digest
from explainer.lenses import LENSES
from explainer.lenses import shown as shown_lenses
from explainer.player.access import OWNER_COOKIE
from explainer.player.annotate import Annotator
from explainer.player.assets import PLAYER_ROUTE, PLOTLY_ROUTE
from explainer.player.routes import routes
from explainer.runs.active import record
from explainer.runs.client import Client
from explainer.runs.sharing import is_private
from explainer.runs.store import Store
from explainer.runs.viewer import Viewer
from explainer.sweep import Sweep
from explainer.ui.places import ENTERED, PLACES, Place, places_for
from tests.loops import on_a_loop

PROJECT = Path(__file__).resolve().parents[1]
ANNE, BEN = "a" * 32, "b" * 32
SIGN = "ꙮ"  # that stands nowhere but in Anne's text
TEXT = "".join(f"{number} secrets of Anne, {number * number % 97} of them dark.\n" for number in range(50)).replace(
    " ", SIGN
)
NETWORKS = {
    "lstm": RunConfig(task="text", model="lstm", length=13, width=8, batch=3, steps=3),
    "transformer": RunConfig(task="text", model="transformer", length=13, width=8, heads=2, layers=2, batch=3, steps=3),
}


@pytest.fixture(autouse=True)
def interface(store: Store) -> None:
    """Every test has the interface over a store of its own."""


def trained(store: Store, name: str, owner: str = ANNE) -> str:
    """A network that has learnt Anne's text, as the worker trains it."""
    config = NETWORKS[name]
    lenses = [lens for lens in shown_lenses() if LENSES[lens].suits(config)]
    run = Client(store).submit(config, owner, lenses, data=TEXT)
    with closing(record(store, run)) as steps:
        assert sum(1 for _ in steps) == config.steps
    return run


@pytest.fixture
def runs(store: Store) -> dict[str, str]:
    return {name: trained(store, name) for name in NETWORKS}


# -- the rule ---------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("data", ["", "5" * 64])
@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_private_is_the_same_in_the_store_and_in_python(
    store: Store, task: str, data: str, pinned: bool
) -> None:
    store.create("one", RunConfig(task=task, data=data), owner=ANNE, data="7" * 64, pinned=pinned)
    run = store.run("one")
    assert run is not None
    expected = task in ("text", "forecast") and data != "" and not pinned
    assert is_private(run) == expected
    assert store.hidden(Viewer(BEN)) == ({"one"} if expected else set())
    assert store.seen(["one", "none"], Viewer(BEN)) == (set() if expected else {"one"})
    assert store.seen(["one", "none"], Viewer(ANNE)) == {"one"}


@pytest.mark.parametrize("key", ["", "command line", "x" * 31, "é" * 32, "' OR 1=1 --"])
def test_a_name_that_nobody_drew_is_no_key(store: Store, key: str) -> None:
    store.create("one", NETWORKS["lstm"].but(data="5" * 64), owner=key, data="5" * 64)
    assert store.hidden(Viewer(BEN, (key,))) == {"one"}


def test_a_session_s_own_name_among_the_keys_is_its_own(store: Store) -> None:
    store.create("one", NETWORKS["lstm"].but(data="5" * 64), owner=ANNE, data="5" * 64)
    assert store.hidden(Viewer("", (ANNE,))) == set()


def test_a_key_opens_what_it_was_made_for_until_it_is_taken_back(store: Store, runs: dict[str, str]) -> None:
    client = Client(store)
    one, both = client.share([runs["lstm"]], ANNE), client.share(list(runs.values()), ANNE)
    assert client.share([runs["lstm"]], ANNE) == one, "the same link again"
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one != both
    assert store.hidden(Viewer(BEN, (one,))) == {runs["transformer"]}
    assert store.hidden(Viewer(BEN, (both,))) == set()
    client.unshare(runs["transformer"], ANNE)
    assert store.hidden(Viewer(BEN, (both,))) == set(runs.values())
    assert store.hidden(Viewer(BEN, (one,))) == {runs["transformer"]}
    client.delete(runs["lstm"], ANNE)
    assert store.keys_of(runs["lstm"]) == [], "who trains it again is asked again"


def test_who_gives_the_same_data_gets_a_run_of_their_own(store: Store, runs: dict[str, str]) -> None:
    own = Client(store).submit(NETWORKS["lstm"], BEN, data=TEXT)
    assert own == f"{runs['lstm']}-2"
    assert store.hidden(Viewer(BEN)) == set(runs.values())
    assert store.hidden(Viewer(ANNE)) == {own}


def test_data_goes_with_the_last_run_of_its_last_owner(store: Store, runs: dict[str, str]) -> None:
    client, name = Client(store), digest(TEXT)
    own = client.submit(NETWORKS["lstm"], BEN, data=TEXT)
    client.delete(runs["lstm"], ANNE)
    assert client.text(name, ANNE) == TEXT, "another run of hers reads it"
    client.delete(runs["transformer"], ANNE)
    assert client.text(name, ANNE) is None
    assert client.text(name, BEN) == TEXT
    client.delete(own, BEN)
    assert store.text(name) is None


# -- what the interface does to runs ----------------------------------------------------------


def _named(config: RunConfig) -> RunConfig:
    return config.but(data=digest(TEXT))


SWEEP = Sweep(base=_named(NETWORKS["lstm"]), axes=(("seed", (5, 6)),))
TRIED: dict[str, Callable[[Client, str, str], object]] = {
    "submit": lambda client, run, owner: client.submit(_named(NETWORKS["lstm"]), owner),
    "submit_sweep": lambda client, run, owner: client.submit_sweep(SWEEP, owner),
    "text": lambda client, run, owner: client.text(digest(TEXT), owner) or _refused(),
    "recorded": lambda client, run, owner: (
        client.recorded(_named(NETWORKS["lstm"]), owner, Viewer(owner)) or _refused()
    ),
    "recorded_sweep": lambda client, run, owner: client.recorded_sweep(SWEEP, owner, Viewer(owner)) or _refused(),
    "pause": Client.pause,
    "resume": Client.resume,
    "step_once": Client.step_once,
    "stop": Client.stop,
    "set_lr": lambda client, run, owner: client.set_lr(run, owner, 0.5),
    "delete": Client.delete,
    "share": lambda client, run, owner: client.share([run], owner),
    "unshare": Client.unshare,
}
HARMLESS = {
    "keep": "brings the text itself",
    "deletes": "says of a run that is known whether it is the owner's",
    "stop_sweep": "asks whose the sweep is; see test_sweeps",
}


def _refused() -> None:
    raise ValueError("not here")


def test_everything_that_asks_for_an_owner_is_tried() -> None:
    asking = {
        name
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_") and "owner" in inspect.signature(method).parameters
    }
    assert asking == TRIED.keys() | HARMLESS.keys()


@pytest.mark.parametrize("name", TRIED)
def test_nobody_else_gets_at_a_run_or_its_data(store: Store, runs: dict[str, str], name: str) -> None:
    client, before = Client(store), store.runs()
    Client(store).share([runs["lstm"]], ANNE)
    with pytest.raises(ValueError, match=r"not here|There is no run") as refused:
        TRIED[name](client, runs["lstm"], BEN)
    if "no run" in str(refused.value):
        with pytest.raises(ValueError, match="There is no run") as absent:
            TRIED[name](client, "0" * 16, BEN)
        assert str(refused.value) == str(absent.value).replace("0" * 16, runs["lstm"]), (
            "it doesn't tell whether there is one"
        )
    assert store.runs() == before
    assert store.keys_of(runs["lstm"])


def test_who_has_the_same_text_is_not_shown_the_recording_of_another(store: Store, runs: dict[str, str]) -> None:
    client = Client(store)
    client.keep(digest(TEXT), TEXT, BEN)
    assert client.recorded(_named(NETWORKS["lstm"]), BEN, Viewer(BEN)) is None
    found = client.recorded(_named(NETWORKS["lstm"]), ANNE, Viewer(ANNE))
    assert found is not None
    assert found.id == runs["lstm"]


def test_nobody_else_trains_on_from_a_run(store: Store, runs: dict[str, str]) -> None:
    client = Client(store)
    branch = _named(NETWORKS["lstm"]).but(parent=f"{runs['lstm']}@3", surgery="layer 1 unit 2 = 0")
    for data in (None, TEXT):  # who has the text has not the weights
        with pytest.raises(ValueError, match="are not here"):
            client.submit(branch, BEN, data=data)
    assert client.submit(branch, ANNE)


def test_a_sweep_on_own_data_is_its_owner_s(store: Store) -> None:
    client = Client(store)
    client.keep(digest(TEXT), TEXT, ANNE)
    client.keep(digest(TEXT), TEXT, BEN)
    hers, his = client.submit_sweep(SWEEP, ANNE), client.submit_sweep(SWEEP, BEN)
    assert hers != his
    assert store.hidden(Viewer(BEN)) == set(store.sweep(hers).runs)  # type: ignore[union-attr]
    assert not set(store.sweep(hers).runs) & set(store.sweep(his).runs)  # type: ignore[union-attr]


# -- the routes -------------------------------------------------------------------------------

Get = Callable[[str, dict[str, str], str], httpx.Response]


@pytest.fixture
def browser(store: Store) -> Get:
    """Asks the routes: an address, what it asks for, and the browser's cookie."""
    app = Starlette(routes=routes(store, Annotator(store)))

    def get(path: str, query: dict[str, str], cookie: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            cookies = {OWNER_COOKIE: cookie} if cookie else {}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app", cookies=cookies) as client:
                return await client.get(path, params=query)

        return on_a_loop(answer())

    return get


OF_A_RUN = ("/api/tape/{run:path}", "/api/look/{run:path}")


def test_all_routes_are_tried(store: Store) -> None:
    paths = {route.path for route in routes(store, Annotator(store))}
    scripts = {f"/{PLOTLY_ROUTE}", f"/{PLAYER_ROUTE}/{{name}}"}
    assert paths - set(OF_A_RUN) == scripts, "a new route: does it show anything of a run?"


def asked(browser: Get, path: str, run: str, lens: str, owner: str = "", key: str = "") -> httpx.Response:
    return browser(path.replace("{run:path}", run), {"lenses": lens, "lens": lens, "step": "3", "key": key}, owner)


@pytest.mark.usefixtures("looks_answered")
@pytest.mark.parametrize("path", OF_A_RUN)
def test_a_route_answers_the_owner_and_who_has_the_key(
    browser: Get, store: Store, runs: dict[str, str], path: str
) -> None:
    run, client = runs["lstm"], Client(store)
    for lens in shown_lenses():
        absent = asked(browser, path, "0" * 16, lens, BEN)
        denied = asked(browser, path, run, lens, BEN)
        assert denied.status_code == absent.status_code >= 400
        assert denied.text == absent.text.replace("0" * 16, run), "it doesn't tell whether there is one"
        assert asked(browser, path, run, lens).text == denied.text, "nor to a browser without a name"
    opened = {lens for lens in shown_lenses() if asked(browser, path, run, lens, ANNE).status_code == 200}
    assert {"hidden_states", "gates"} <= opened
    assert SIGN in asked(browser, path, run, "hidden_states", ANNE).text, "what there is to hide"
    assert asked(browser, path, run, "hidden_states", "", key=ANNE).status_code == 200, "a session without a cookie"
    key = client.share([run], ANNE)
    assert asked(browser, path, run, "hidden_states", BEN, key=f"{'0' * 32},{key}").status_code == 200
    assert asked(browser, path, runs["transformer"], "hidden_states", BEN, key=key).status_code >= 400
    client.unshare(run, ANNE)
    assert asked(browser, path, run, "hidden_states", BEN, key=key).status_code >= 400


# -- the pages --------------------------------------------------------------------------------


def address_of(run: str, sweep: str) -> dict[str, str]:
    """Every field of an address that names what is Anne's."""
    return {
        "run": run,
        "against": run,
        "parent": f"{run}@3",
        "data": digest(TEXT),
        "task": "text",
        "sweep": sweep,
        "cell": "0,0,3,1",
        "input": "secrets",
        "step": "3",
    }


def shown(file: str, owner: str, query: dict[str, str]) -> bytes:
    """All that a page sends to a browser."""
    app = AppTest.from_file(str(PROJECT / "pages" / file), default_timeout=60)
    app.session_state["owner"], app.session_state[ENTERED] = owner, True
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    protos = (getattr(node, "proto", None) for node in app._tree)
    return b"\n".join(proto.SerializeToString() for proto in protos if proto is not None)


def plays(sent: bytes, run: str) -> bool:
    """Whether a page has a player for a run."""
    return f'"id":"{run}"'.encode() in sent


@pytest.mark.usefixtures("looks_answered")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.path or "home")
def test_a_page_shows_it_to_its_owner_and_by_the_key(store: Store, place: Place) -> None:
    file, lens = place.file, place.lens
    name = "transformer" if place.models == ("transformer",) else "lstm"
    run, client = trained(store, name), Client(store)
    sweep = client.submit_sweep(SWEEP, ANNE)
    shows = bool(lens) and LENSES[lens].suits(NETWORKS[name]) and place in places_for(NETWORKS[name])
    query = address_of(run, sweep)
    denied = shown(file, BEN, query)
    assert not plays(denied, run)
    assert SIGN.encode() not in denied
    assert b", own data" not in denied, "nor among the runs to compare with or to choose from"
    if shows:
        assert plays(shown(file, ANNE, query), run)
        key = client.share([run], ANNE)
        shared = shown(file, BEN, {**query, "key": key})
        assert plays(shared, run)
        assert key.encode() in shared, "its player asks with it"
        client.unshare(run, ANNE)
        assert not plays(shown(file, BEN, {**query, "key": key}), run)


def test_runs_and_home_list_it_for_its_owner_alone(store: Store) -> None:
    run = trained(store, "lstm")
    waiting = Client(store).submit(NETWORKS["lstm"].but(seed=9), ANNE, data=TEXT)
    key = Client(store).share([run], ANNE)
    for file, each in (("runs.py", run), ("home.py", waiting)):
        assert f"run={each}".encode() in shown(file, ANNE, {})
        assert each[:6].encode() not in shown(file, BEN, {})
    listed = shown("runs.py", BEN, {"key": key})
    assert f"run={run}&key={key}".encode() in listed, "the link keeps the key"
    assert waiting[:6].encode() not in listed


def test_without_routes_a_page_shows_it_to_its_owner_and_by_the_key(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(store, "lstm")
    key = Client(store).share([run], ANNE)

    def fallback(owner: str, **query: str) -> bytes:
        app = AppTest.from_file(str(PROJECT / "pages" / "hidden_states.py"), default_timeout=60)
        app.session_state["owner"], app.session_state["routes_unreachable"] = owner, True
        app.query_params |= {"run": run, **query}
        app.run()
        assert not app.exception
        return b"".join(
            node.proto.SerializeToString() for node in app._tree if getattr(node, "proto", None) is not None
        )

    assert SIGN.encode() in fallback(ANNE) or rb"\ua66e" in fallback(ANNE)
    assert SIGN.encode() in fallback(BEN, key=key) or rb"\ua66e" in fallback(BEN, key=key)
    denied = fallback(BEN)
    assert SIGN.encode() not in denied
    assert rb"\ua66e" not in denied


ASKING = re.compile(r"(?:client\(\)|store\(\)|\.store)\.(run|runs|found|text|sweep|chunks|chunk_at)\(")


def test_pages_ask_for_runs_only_through_what_knows_the_viewer() -> None:
    files = [*(PROJECT / "pages").glob("*.py"), *(PROJECT / "explainer" / "ui").glob("*.py")]
    found = {(path.name, match[1]) for path in files for match in ASKING.finditer(path.read_text())}
    assert found == {("own_data.py", "text")}  # which is asked with its owner
    assert ASKING.search((PROJECT / "explainer" / "player" / "backend.py").read_text()), (
        "the pattern finds what there is"
    )


# -- sharing on a page ------------------------------------------------------------------------


def opened(owner: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "hidden_states.py"), default_timeout=60)
    app.session_state["owner"] = owner
    app.query_params |= query
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.error, *app.warning])


def test_an_owner_makes_a_link_and_takes_it_back(store: Store) -> None:
    run = trained(store, "lstm")
    app = opened(ANNE, run=run)
    assert "can read your text through it" in said(app)
    assert not [each for each in app.code if "key=" in each.value]
    app.button(key="hidden-states-link").click().run()
    (link,) = [each.value for each in app.code if "key=" in each.value]
    (key,) = store.keys_of(run)
    assert f"run={run}" in link
    assert f"key={key}" in link
    guest = opened(BEN, run=run, key=key)
    assert "Shared with you by a link" in said(guest)
    assert not guest.error
    assert not [
        button
        for button in guest.button
        if button.key in ("hidden-states-link", "hidden-states-unshare", "hidden-states-stop")
    ]
    app.button(key="hidden-states-unshare").click().run()
    assert store.keys_of(run) == []
    assert "Shared with you" not in said(guest.run())


def test_looking_at_a_shared_run_beside_another_shares_nothing_more(store: Store) -> None:
    client = Client(store)
    first, second = (client.submit(NETWORKS["lstm"].but(seed=seed), ANNE, data=TEXT) for seed in (1, 2))
    client.share([first], ANNE)
    app = opened(ANNE, run=f"{first},{second}")
    assert store.keys_of(second) == []
    assert {"hidden-states-link", "hidden-states-unshare"} <= {button.key for button in app.button}
    app.button(key="hidden-states-link").click().run()
    assert len(store.keys_of(first)) == 2
    assert len(store.keys_of(second)) == 1


def test_a_run_on_the_default_data_has_no_share_button(store: Store) -> None:
    run = Client(store).submit(NETWORKS["lstm"], ANNE)
    assert not [button for button in opened(ANNE, run=run).button if button.key == "hidden-states-link"]
