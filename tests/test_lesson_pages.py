"""Every lesson page as Streamlit runs it: it opens on its recordings, refuses what can't be, and Train asks for runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explainer import player
from explainer.lessons import LESSONS
from explainer.player import Track, backend
from explainer.runs.looking import Looker
from explainer.runs.store import Store
from explainer.runs.tape import VIEW
from explainer.ui.places import LESSON_PLACES, PLACES, Place

PROJECT = Path(__file__).resolve().parents[1]
#: Without those where Train belongs to one encoding, to a sweep (see test_sweep_pages.py), or goes on from a run.
ELSEWHERE = ("positions", "memory-horizon", "beyond-the-length", "surgery")
TRAINING = [place for place in LESSON_PLACES if place.path not in ELSEWHERE]


@pytest.fixture(autouse=True)
def store(lessons: Store, looks_answered: None) -> Store:
    """The lessons that ship, and someone who answers looks."""
    return lessons


def opened(place: Place, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / place.file), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.file)
def test_a_page_opens_without_an_exception_or_a_refusal(place: Place) -> None:
    app = opened(place)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("place", LESSON_PLACES, ids=lambda place: place.file)
def test_a_lesson_has_its_question_and_its_four_tabs(place: Place) -> None:
    app = opened(place)
    assert app.title[0].value == place.question
    assert [tab.label for tab in app.tabs][-4:] == ["Explain", "Math", "Code", "Try"]


@pytest.mark.parametrize("place", TRAINING, ids=lambda place: place.file)
def test_train_asks_for_runs_that_the_address_then_names(place: Place, store: Store) -> None:
    app = opened(place, seed="977")
    app.get_by_key(f"{place.path}-train").click().run()
    assert not app.exception
    asked = store.runs("queued")
    assert asked
    assert all(run.config.seed == 977 for run in asked)
    named = app.query_params["run"]
    assert set((named if isinstance(named, str) else named[0]).split(",")) == {run.id for run in asked}


@pytest.mark.parametrize("place", TRAINING, ids=lambda place: place.file)
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("lr", "0", "lr"), ("lr", "nan", "finite"), ("steps", "1.5", "whole number"), ("width", "-3", "width")],
)
def test_an_address_that_cannot_be_gets_a_sentence(place: Place, name: str, value: str, said: str) -> None:
    app = opened(place, **{name: value})
    assert not app.exception
    assert any(said in warning.value.replace("\\", "") for warning in app.warning)


def test_another_run_on_the_task_can_be_compared_and_what_differs_is_listed(store: Store) -> None:
    place = next(place for place in LESSON_PLACES if place.lens == "hidden_states")
    app = opened(place, against="lesson-gradients-gru")
    assert not app.exception
    chosen = app.selectbox(key="hidden-states:against")
    assert chosen.value == "lesson-gradients-gru"
    assert any("| Length T | 30 | 50 |" in each.value for each in app.markdown)
    chosen.select(None).run()
    assert "against" not in app.query_params


def test_what_recorded_lessons_lack_is_asked_for_once_and_the_worker_adds_it(store: Store) -> None:
    begun = [(name, lens) for name, lesson in LESSONS.items() for lens in lesson.begun]
    assert begun
    backend.complete_lessons()
    backend.complete_lessons()
    commands = store.commands()
    assert [(command.run, command.kind, command.value) for command in commands] == [
        (name, "fill", lens) for name, lens in begun
    ]
    name, lens = begun[-1]
    assert max(store.steps(name, VIEW + lens)) == store.run(name).step  # type: ignore[union-attr]
    looker = Looker(store, lambda run: None)
    looker.queue_fill(commands[-1].id, name, lens)
    while looker.turn(busy=False):
        pass
    assert store.steps(name, VIEW + lens) == store.steps(name, "weights")
    for command in store.commands():
        store.settle(command.id)
    backend.complete_lessons()
    assert [(command.run, command.value) for command in store.commands()] == begun[:-1]


@pytest.mark.parametrize("place", LESSON_PLACES, ids=lambda place: place.file)
def test_no_page_waits_for_views_of_the_lessons_that_it_opens_with(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Track] = []
    monkeypatch.setattr(player, "play", lambda panels, tracks=(), **_: shown.extend(tracks))
    opened(place)
    for track in shown:
        run = store.run(track.run)
        assert run is not None
        for lens in track.lenses:
            assert {0, run.step} <= set(store.steps(run.id, VIEW + lens)), (run.id, lens)
    without = ("positions", "memory-horizon", "beyond-the-length")  # a formula, and sweeps
    assert bool(shown) == (place.path not in without)
