"""The first page and the list of runs, as Streamlit runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.records import HiddenRecord
from explainer.runs.store import Draft, Store
from explainer.runs.tape import encode_metrics, encode_view
from explainer.ui import backend
from explainer.ui.places import LESSON_PLACES, PLACES, places_for
from explainer.ui.run_table import network, settings, task, title

PROJECT = Path(__file__).resolve().parents[1]
GRU = RunConfig(task="adding", model="gru", width=13, steps=7)
META = {"metric": "mean squared error of the sum", "baseline": 1 / 6, "baseline_name": "always answering 1"}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The interface over a store of its own."""
    monkeypatch.setenv("EXPLAINER_STORE", str(tmp_path))
    for shared in (backend.store, backend.client, backend.annotator):
        shared.cache_clear()
    yield backend.store()
    backend.store().close()
    for shared in (backend.store, backend.client, backend.annotator):
        shared.cache_clear()


def record(
    store: Store, run: str, config: RunConfig = GRU, *, owner: str = "", final: float = 0.25, **more: bool
) -> None:
    """A finished run with a short tape."""
    meta = {**META, "parameters": 683, "final": {META["metric"]: final}}
    store.create(run, config, owner=owner, lenses=("hidden",), meta=meta, **more)
    store.set_status(run, "running")
    rows = [(step, 1 / step, config.lr, 1.0, 1.0) for step in range(1, config.steps + 1)]
    view = HiddenRecord(
        states=np.zeros((config.layers, 3, config.width), np.float32),
        tokens=("a", "b", "c"),
        mask=np.ones(3, bool),
        targets=("", "", ""),
        guesses=(),
        right=np.zeros(0, np.float32),
        output=np.zeros(3, np.float32),
        target=np.zeros(3, np.float32),
    )
    store.append(
        run,
        [
            Draft("view:hidden", 0, encode_view("hidden", view)),
            Draft("metrics", config.steps, encode_metrics(rows, [("validation loss", config.steps, final)])),
        ],
        config.steps,
    )
    store.set_status(run, "done")


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / page), default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.info, *app.error])


# -- home -------------------------------------------------------------------------------------


def test_home_says_that_training_is_not_ready_and_where_to_begin() -> None:
    app = opened("home.py")
    assert "is starting" in said(app)
    assert "Nothing is training" in said(app)
    assert [link.value for link in app.page_link][-len(LESSON_PLACES) :] == [place.title for place in LESSON_PLACES]


def test_home_names_the_device(store: Store) -> None:
    store.register_worker(1, "A *fast* GPU", "2.13")
    assert r"Trains on **A \*fast\* GPU**" in said(opened("home.py"))


def test_home_links_to_what_is_running(store: Store) -> None:
    record(store, "done-run")
    store.create("abc", GRU, owner="me", lenses=("hidden",))
    store.set_status("abc", "running")
    app = opened("home.py")
    assert "Running now" in said(app)
    links = [link for link in app.page_link if "run=" in link.proto.query_string]
    assert [link.proto.query_string for link in links] == ["run=abc"]
    assert "step 0 of 7" in links[0].value


# -- runs -------------------------------------------------------------------------------------


def test_an_empty_list_says_where_to_begin() -> None:
    app = opened("runs.py")
    assert "Nothing has run here yet" in said(app)
    assert len(app.page_link) == len(LESSON_PLACES)


def test_the_table_has_each_run_with_its_result_and_baseline(store: Store) -> None:
    record(store, "mine", owner="me", final=0.125)
    record(store, "lesson-x", replace(GRU, model="lstm", layers=2), pinned=True)
    table = opened("runs.py").dataframe[0].value
    assert list(table["Network"]) == ["LSTM, 2 layers of 13 units", "GRU, 13 units"]
    assert list(table["Result"]) == [0.25, 0.125]
    assert list(table["Baseline"]) == pytest.approx([1 / 6] * 2)
    assert list(table["Whose"]) == ["lesson", "yours"]
    assert list(table["Step"]) == list(table["of"]) == [7, 7]


def test_the_result_of_a_run_that_goes_on_is_its_latest(store: Store) -> None:
    store.create("abc", GRU, owner="me", meta=META)
    store.set_status("abc", "running")
    measured = [(META["metric"], 0, 2.0), (META["metric"], 3, 0.5)]
    store.append("abc", [Draft("metrics", 3, encode_metrics([(3, 1, 1, 1, 1)], measured))], 3)
    assert opened("runs.py").dataframe[0].value["Result"][0] == 0.5


def test_an_address_opens_a_comparison(store: Store) -> None:
    record(store, "one")
    record(store, "two", replace(GRU, lr=1e-2))
    app = opened("runs.py", run="one,two,gone")
    assert app.query_params["run"] == "one,two"  # what is not here is dropped
    assert app.dataframe[1].value.to_dict("records") == [
        {"Setting": "Learning rate", "GRU · lr 0.003": "0.003", "GRU · lr 0.01": "0.01"}
    ]


def test_one_run_has_links_and_its_configuration(store: Store) -> None:
    record(store, "one", owner="me")
    app = opened("runs.py", run="one")
    assert [link.value for link in app.page_link] == [place.title for place in places_for(GRU, ("hidden",))]
    assert {link.proto.query_string for link in app.page_link} == {"run=one"}
    assert app.download_button[0].label == "Configuration"
    assert len(app.dataframe[1].value) == len(GRU.relevant())


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_an_own_run_is_deleted(store: Store) -> None:
    record(store, "one", owner="me")
    app = press(opened("runs.py", run="one"), "Delete for good")
    assert store.run("one") is None
    assert "Nothing has run here yet" in said(app)


@pytest.mark.parametrize(
    ("more", "reason"), [({"owner": "you"}, "belongs to someone else"), ({"pinned": True}, "ships with the project")]
)
def test_a_run_of_others_is_not_deleted_and_the_page_says_why(store: Store, more: dict[str, bool], reason: str) -> None:
    record(store, "one", **more)
    app = press(opened("runs.py", run="one"), "Delete for good")
    assert reason in app.error[0].value
    assert store.run("one") is not None


def test_a_run_that_trains_is_stopped_first(store: Store) -> None:
    store.create("abc", GRU, owner="me")
    store.set_status("abc", "running")
    app = press(opened("runs.py", run="abc"), "Delete for good")
    assert "Stop it first" in app.error[0].value
    press(app, "Stop")
    assert [(command.run, command.kind) for command in store.commands()] == [("abc", "stop")]


def test_a_message_is_text_and_not_markup(store: Store) -> None:
    store.create("abc", GRU, owner="me")
    store.set_status("abc", "failed", "no *such* [column](http://x)")
    assert r"no \*such\* \[column\]\(http\:" in said(opened("runs.py", run="abc"))


# -- words ------------------------------------------------------------------------------------


def test_runs_in_words() -> None:
    assert (
        network(RunConfig(model="transformer", task="repeat", layers=1, width=16)) == "Transformer, 1 block, width 16"
    )
    assert network(RunConfig(model="rnn", width=1)) == "RNN (tanh), 1 unit"
    assert task(RunConfig(task="text", data="ab" * 32)) == "Next character, own data"
    assert task(RunConfig(task="adding", data="ab" * 32)) == "Adding problem"
    assert title(GRU) == "GRU, 13 units · Adding problem"


def test_settings_are_those_that_matter(store: Store) -> None:
    record(store, "one", RunConfig(task="text", data="ab" * 32, steps=7))
    rows = {row["Setting"]: row["GRU"] for row in settings(store.runs(), ["GRU"], only_different=False)}
    assert rows["Data"] == "own, abababab…"
    assert rows["Optimiser"] == "AdamW"
    assert "Heads" not in rows


def test_every_page_has_a_question_and_an_address_of_its_own() -> None:
    assert len({place.path for place in PLACES}) == len(PLACES)
    assert all(place.question.endswith("?") for place in PLACES)
    assert [place.path for place in places_for(RunConfig(model="transformer", layers=0), ())] == [
        place.path for place in LESSON_PLACES if place.lens in ("gradients", "positions")
    ]
    assert places_for(GRU, ("gradients",))[0].lens == "gradients"
