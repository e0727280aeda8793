"""Controls and picture: a page says what it shows, greys it while its controls ask for something else, and finds recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explainer import player
from explainer.config import RunConfig
from explainer.lessons import LESSONS
from explainer.player import Shown
from explainer.player.fallback import VEIL
from explainer.runs.rows import Run
from explainer.runs.store import Store
from explainer.ui import tickets
from explainer.ui.places import LESSON_PLACES, Place
from explainer.ui.shown import disagreement, in_words
from explainer.ui.tabs import sets_up_a_run
from explainer.ui.tickets import Tickets

PROJECT = Path(__file__).resolve().parents[1]
GRU = RunConfig(task="adding", model="gru", width=32, length=30, steps=700, lr=5e-3)
PATHS = {place.path: place for place in LESSON_PLACES}
BACK = "Set the controls to what is shown"


def run(config: RunConfig = GRU, status: str = "done", owner: str = "", **meta: Any) -> Run:
    return Run(
        id=config.run_id(), config=config, data=config.data, status=status, step=7, created=0.0, updated=0.0, owner=owner,
        parent="", pinned=False, altered=bool(meta.get("rates")), attempts=0, message="", meta=meta, bytes=0, lenses=(),
        sweep="",
    )  # fmt: skip


# -- in words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"heads": 2, "warmup": 3, "symbols": 5}, ""),  # a GRU on the adding problem depends on none of these
        ({"model": "lstm", "width": 64}, "Shown: recorded GRU, 32 units. You ask for LSTM, 64 units: press Train."),
        ({"seed": 5}, "Shown: recorded GRU, 32 units, seed 0. You ask for seed 5: press Train."),
        (
            {"lr": 0.01},
            "Shown: recorded GRU, 32 units, learning rate 0.005. You ask for learning rate 0.01: press Train.",
        ),
        (
            {"length": 50, "lr": 0.01, "clip": 0.0, "batch": 7, "seed": 5},
            "Shown: recorded GRU, 32 units, length T 30, learning rate 0.005, clip norm at 1, 2 more settings. "
            "You ask for length T 50, learning rate 0.01, clip norm at 0, 2 more settings: press Train.",
        ),
        (
            {"model": "transformer", "width": 32, "heads": 4},
            "Shown: recorded GRU, 32 units. You ask for Transformer, 1 block, width 32: press Train.",
        ),
        (
            {"task": "forecast", "data": "0" * 64},
            "Shown: recorded GRU, 32 units, task Adding problem. You ask for task Forecast a series: press Train.",
        ),
    ],
)
def test_what_is_asked_for_instead_of_what_is_shown(changes: dict[str, Any], said: str) -> None:
    assert disagreement([replace(GRU, **changes)], [run()], way="press Train") == said


def test_own_data_beside_the_default_ones() -> None:
    series = GRU.but(task="forecast")
    assert disagreement([series.but(data="0" * 64)], [run(series)]) == (
        "Shown: recorded GRU, 32 units, the default data. You ask for data of one's own."
    )


def test_a_rate_that_the_run_had_is_no_disagreement() -> None:
    faster = GRU.but(lr=0.01)
    assert disagreement([faster], [run(rates=[[120, 0.01]])]) == ""
    assert disagreement([faster], [run()], rates=[0.01]) == "", "set a moment ago, and not on the tape yet"
    assert disagreement([faster], [run(rates=[[120, 0.02]])]) != ""


def test_what_is_only_ever_branched_is_no_setting_of_the_controls() -> None:
    branch = GRU.but(parent="lesson-hidden@700", surgery="layer 1 unit 5 = 0")
    assert disagreement([GRU], [run(branch)]) == ""


def test_several_networks_are_told_together() -> None:
    three = [GRU.but(model=model) for model in ("rnn", "lstm", "gru")]
    shown = [run(config) for config in three]
    assert disagreement(three[::-1], shown) == "", "in whatever order"
    assert disagreement(three[:2], shown) == (
        "Shown: recorded RNN (tanh), LSTM and GRU, each 32 units. You ask for RNN (tanh) and LSTM, each 32 units."
    )
    assert in_words(shown) == "Recorded: RNN (tanh), LSTM and GRU, each 32 units · Adding problem, length T 30"


def test_where_the_controls_contradict_each_other() -> None:
    assert disagreement([], [run()]) == ("Shown: recorded GRU, 32 units. The controls ask for what can't be trained.")


def test_a_run_in_words_has_its_rates_and_where_it_comes_from() -> None:
    branch = GRU.but(parent="lesson-hidden@700")
    assert in_words([run(branch, rates=[[120, 0.01]])]) == (
        "Recorded: GRU, 32 units, goes on from lesson-hidden at step 700, learning rate 0.01 after step 120"
        " · Adding problem, length T 30"
    )
    assert in_words([run(status="running")]).startswith("Shown: GRU")


# -- on pages ---------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, lessons: Store, looks_answered: None) -> list[Shown]:
    """What the player was last told that it shows, the newest last."""
    said: list[Shown] = []

    def play(panels: Any, tracks: Any = (), *, shown: Shown | None = None, **_: Any) -> None:
        told = next((track.shown for track in tracks if track.shown is not None), shown)
        if told is not None:
            said.append(told)

    monkeypatch.setattr(player, "play", play)
    return said


def opened(path: str, state: Mapping[str, Any] = MappingProxyType({}), **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / PATHS[path].file), default_timeout=60)
    app.session_state["place"] = path
    app.session_state["owner"] = "me"
    for name, value in state.items():
        app.session_state[name] = value
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def otherwise(app: AppTest) -> list[str]:
    return [each.value for each in app.markdown if "Shown" in each.value and "visibility" in each.value]


@pytest.mark.parametrize("place", LESSON_PLACES, ids=lambda place: place.file)
def test_every_page_opens_in_agreement_and_says_what_it_shows(place: Place, shown: list[Shown]) -> None:
    app = opened(place.path, **({"encoding": "Learned"} if place.path == "positions" else {}))
    assert otherwise(app) == []
    assert len(shown) == 1
    assert not shown[0].stale
    assert shown[0].said.startswith("Recorded: ")


def test_a_changed_knob_greys_and_the_same_knob_back_does_not(shown: list[Shown], lessons: Store) -> None:
    app = opened("hidden-states")
    app.number_input(key="hidden-states.width").set_value(33).run()
    assert shown[-1].stale
    assert "GRU, 32 units" in otherwise(app)[0]
    assert "GRU, 33 units" in otherwise(app)[0]
    app.number_input(key="hidden-states.width").set_value(32).run()
    assert not shown[-1].stale
    assert otherwise(app) == []
    assert lessons.runs("queued") == [], "nothing was started"


def test_the_way_back_sets_the_controls_to_what_is_shown(shown: list[Shown]) -> None:
    app = opened("gradients", networks="rnn", seed="7", length="31")
    assert shown[-1].stale
    next(button for button in app.button if button.label == BACK).click().run()
    assert not app.exception
    assert not shown[-1].stale
    assert app.number_input(key="gradients.length").value == LESSONS["lesson-gradients-rnn"].config.length
    assert app.session_state["gradients.networks"] == ["rnn", "lstm", "gru"]


def test_some_of_the_recordings_of_a_page_play_at_once_too(shown: list[Shown]) -> None:
    app = opened("microscope", networks="rnn,lstm")
    assert not shown[-1].stale
    assert app.query_params["run"] in (
        ["lesson-microscope-rnn,lesson-microscope-lstm"],
        "lesson-microscope-rnn,lesson-microscope-lstm",
    )


def test_a_recording_of_just_what_is_asked_for_plays_at_once(shown: list[Shown]) -> None:
    lesson = LESSONS["lesson-gradients-gru"].config
    app = opened("hidden-states", length=str(lesson.length), steps=str(lesson.steps))
    assert app.query_params["run"] in ("lesson-gradients-gru", ["lesson-gradients-gru"])
    assert not shown[-1].stale
    app.number_input(key="hidden-states.length").set_value(30).run()
    app.number_input(key="hidden-states.steps").set_value(700).run()
    assert "run" not in app.query_params, "the page's own recording again"
    assert not shown[-1].stale


def test_controls_that_contradict_each_other_grey_too(shown: list[Shown]) -> None:
    app = opened("hidden-states")
    app.number_input(key="hidden-states.layers").set_value(5).run()
    assert app.error
    assert shown[-1].stale
    assert "can't be trained" in otherwise(app)[0].replace("\\", "")


def test_networks_chosen_otherwise_grey(shown: list[Shown]) -> None:
    app = opened("microscope", networks="rnn,rnn_relu")
    assert shown[-1].stale
    assert "You ask for RNN" in otherwise(app)[0].replace("\\", "")


@pytest.mark.parametrize(
    ("path", "query"),
    [("memory-horizon", {"lengths": "5,10", "networks": "rnn"}), ("beyond-the-length", {"seeds": "977"})],
)
def test_a_sweep_asked_for_otherwise_greys_and_leads_back(path: str, query: dict[str, str], shown: list[Shown]) -> None:
    app = opened(path, **query)
    assert shown[-1].stale
    assert "You ask for" in otherwise(app)[0]
    next(button for button in app.button if button.label == BACK).click().run()
    assert not app.exception
    assert not shown[-1].stale
    assert otherwise(app) == []


def test_a_surgery_that_cannot_be_is_not_what_is_shown(shown: list[Shown]) -> None:
    app = opened("surgery", surgery="layer 1 unit 5 = 0")
    assert shown[-1].said.endswith("operated: layer 1 unit 5 = 0")
    assert not shown[-1].stale
    app.selectbox(key="surgery.kind").select("written").run()
    app.text_input(key="surgery.text").set_value("layer 9 unit 5 = 0").run()
    assert shown[-1].stale


@pytest.mark.usefixtures("lessons", "looks_answered")
@pytest.mark.parametrize(("seed", "veiled"), [("0", False), ("977", True)])
def test_without_routes_a_veil_lies_over_what_is_not_asked_for(seed: str, veiled: bool) -> None:
    app = opened("hidden-states", {"routes_unreachable": True}, seed=seed)
    assert not app.exception
    charts = app.get("plotly_chart")
    assert len(charts) == 4
    assert all((VEIL["fillcolor"] in chart.proto.spec) == veiled for chart in charts)
    assert "Recorded: GRU, 32 units" in "".join(each.value for each in app.caption).replace("\\", "")
    assert bool(otherwise(app)) == veiled


@pytest.mark.usefixtures("lessons", "looks_answered")
def test_without_routes_an_operated_network_is_shown_operated() -> None:
    app = opened("surgery", {"routes_unreachable": True}, surgery="layer 1 unit 10 = 0", step="800")
    assert not app.exception
    assert any(each.value.startswith("Without unit 10, the loss rises by") for each in app.text)


# -- a run that trains ------------------------------------------------------------------------


def mine(store: Store, **changes: Any) -> Run:
    """A run of "me" that trains."""
    config = LESSONS["lesson-hidden"].config.but(seed=977, **changes)
    store.create(config.run_id(), config, owner="me", lenses=("hidden_states",))
    store.set_status(config.run_id(), "running")
    found = store.run(config.run_id())
    assert found is not None
    return found


def test_a_rate_set_while_an_own_run_trains_acts_and_is_no_disagreement(shown: list[Shown], lessons: Store) -> None:
    training = mine(lessons)
    app = opened("hidden-states", run=training.id)
    assert lessons.commands() == [], "opening it sets nothing"
    app.select_slider(key="hidden-states.lr").set_value(0.01).run()
    assert [(each.run, each.kind, float(each.value)) for each in lessons.commands()] == [(training.id, "lr", 0.01)]
    assert not shown[-1].stale
    toast = app.toast[0].value.replace("\\", "")
    assert "Learning rate 0.01 from here on: GRU, 32 units (about step 0)" in toast


def test_a_rate_of_another_run_is_not_taken_for_a_change(shown: list[Shown], lessons: Store) -> None:
    first, second = mine(lessons), mine(lessons, lr=0.01)
    app = opened("hidden-states", run=first.id)
    app.query_params["run"] = second.id
    app.session_state["entered"] = True
    app.run()
    assert app.select_slider(key="hidden-states.lr").value == 0.01
    assert lessons.commands() == []


def test_a_run_of_others_does_not_follow_and_greys(shown: list[Shown], lessons: Store) -> None:
    training = mine(lessons)
    lessons.change(training.id, owner="you")
    app = opened("hidden-states", run=training.id)
    app.select_slider(key="hidden-states.lr").set_value(0.01).run()
    assert lessons.commands() == []
    assert shown[-1].stale


def test_what_trains_is_not_left_for_a_recording_unasked(shown: list[Shown], lessons: Store) -> None:
    training = mine(lessons)
    app = opened("hidden-states", run=training.id)
    app.number_input(key="hidden-states.seed").set_value(0).run()
    assert app.query_params["run"] in (training.id, [training.id])
    assert shown[-1].stale
    next(button for button in app.button if button.label.startswith("Show the recording")).click().run()
    assert "run" not in app.query_params
    assert not shown[-1].stale


def test_an_address_compares_with_no_run_that_its_page_does_not_name(shown: list[Shown]) -> None:
    assert "against" not in opened("hidden-states", against="lesson-text").query_params, "another task"
    assert "against" not in opened("hidden-states", against="gone").query_params
    assert "against" not in opened("gradients", against="lesson-hidden").query_params, "three runs"
    assert "against" in opened("hidden-states", against="@100").query_params


# -- links under Try --------------------------------------------------------------------------


ASKED = {"model": "rnn", "length": "50", "seed": "977"}


def queued(store: Store) -> list[int]:
    return [run.config.seed for run in store.runs("queued")]


def test_a_link_of_our_own_starts_its_run_once(shown: list[Shown], lessons: Store) -> None:
    ticket = tickets.TICKETS.issue("me", "hidden-states", ASKED)
    app = opened("hidden-states", **ASKED, start=ticket)
    assert queued(lessons) == [977]
    assert "start" not in app.query_params
    (run,) = lessons.runs("queued")
    assert app.query_params["run"] in (run.id, [run.id])
    assert run.owner == "me"
    lessons.set_status(run.id, "stopped")
    opened("hidden-states", **ASKED, start=ticket)
    assert queued(lessons) == [], "a reload, or Back, starts nothing"


@pytest.mark.parametrize(
    ("owner", "page", "query"),
    [("you", "hidden-states", ASKED), ("me", "gates", ASKED), ("me", "hidden-states", {**ASKED, "seed": "5"})],
)
def test_no_other_address_starts_one(
    owner: str, page: str, query: dict[str, str], shown: list[Shown], lessons: Store
) -> None:
    for ticket in (tickets.TICKETS.issue(owner, page, query), "made up", ""):
        app = opened("hidden-states", **ASKED, start=ticket)
        assert queued(lessons) == []
        assert shown[-1].stale
        assert "press Train" in otherwise(app)[0]


def test_a_link_to_what_is_recorded_trains_nothing(shown: list[Shown], lessons: Store) -> None:
    lesson = LESSONS["lesson-gradients-gru"].config
    query = {"length": str(lesson.length), "steps": str(lesson.steps)}
    opened("hidden-states", **query, start=tickets.TICKETS.issue("me", "hidden-states", query))
    assert queued(lessons) == []
    assert not shown[-1].stale


def test_a_link_starts_a_whole_sweep(shown: list[Shown], lessons: Store) -> None:
    query = {"lengths": "5,7", "networks": "gru", "steps": "3", "seed": "977"}
    opened("memory-horizon", **query, start=tickets.TICKETS.issue("me", "memory-horizon", query))
    assert queued(lessons) == [977, 977]
    assert not shown[-1].stale


def test_links_with_settings_train_and_others_only_open() -> None:
    assert sets_up_a_run({"norm": "pre"})
    assert sets_up_a_run({"networks": "rnn", "lengths": "10"})
    assert not sets_up_a_run({"step": "0", "gate": "1"})
    assert not sets_up_a_run({"run": "lesson-text", "variable": "0"})
    assert not sets_up_a_run({"surgery": "layer 1 unit 5 = 0", "step": "800"})
    assert not sets_up_a_run({"T": "512", "code": "doubled exponent"})


def test_tickets_are_few() -> None:
    few = Tickets(most=2)
    first, second, third = (few.issue("me", "gates", {}) for _ in range(3))
    assert not few.use(first, "me", "gates", {})
    assert few.use(second, "me", "gates", {"key": "more"})
    assert not few.use(second, "me", "gates", {})
    assert few.use(third, "me", "gates", {})
