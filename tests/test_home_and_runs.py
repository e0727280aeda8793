"""The first page and the list of runs, as Streamlit runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.runs.store import Draft, Run, Store, StoreError
from explainer.runs.tape import encode_metrics, encode_view
from explainer.ui.places import LESSON_PLACES, PLACES, places_for
from explainer.ui.run_table import ago, network, number, settings, size, task, title, vocabulary
from explainer.words import literal

PROJECT = Path(__file__).resolve().parents[1]
GRU = RunConfig(task="adding", model="gru", width=13, steps=7)
META = {"metric": "mean squared error of the sum", "baseline": 1 / 6, "baseline_name": "always answering 1"}


@pytest.fixture(autouse=True)
def interface(store: Store) -> None:
    """Every test has the interface over a store of its own."""


def record(
    store: Store, run: str, config: RunConfig = GRU, *, owner: str = "", final: float = 0.25, **more: bool
) -> None:
    """A finished run with a short tape."""
    meta = {**META, "parameters": 683, "final": {META["metric"]: final}}
    store.create(run, config, owner=owner, lenses=("hidden_states",), meta=meta, **more)
    store.set_status(run, "running")
    rows = [(step, 1 / step, config.lr, 1.0, 1.0) for step in range(1, config.steps + 1)]
    view = HiddenStatesRecord(
        states=np.zeros((config.layers, 3, config.width), np.float32),
        tokens=("a", "b", "c"),
        mask=np.ones(3, bool),
        targets=("", "", ""),
        guesses=(),
        certainty=np.zeros(0, np.float32),
        right=np.zeros(0, np.float32),
        output=np.zeros(3, np.float32),
        target=np.zeros(3, np.float32),
    )
    store.append(
        run,
        [
            Draft("view:hidden_states", 0, encode_view("hidden_states", view)),
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


def test_the_shell_opens_at_home() -> None:
    app = AppTest.from_file(str(PROJECT / "explainer" / "ui" / "shell.py"), default_timeout=30).run()
    assert not app.exception
    assert app.title[0].value == "Watch networks learn, from the inside"


def test_a_link_to_a_run_opens_it_on_a_page_that_was_open_before(store: Store) -> None:
    record(store, "one")
    record(store, "two", GRU.but(width=17))
    app = AppTest.from_file(str(PROJECT / "explainer" / "ui" / "shell.py"), default_timeout=30).run()
    for run, width in (("one", 13), ("two", 17)):
        app.switch_page("../../pages/hidden_states.py")
        app.query_params["run"] = run
        app.run()
        assert not app.exception
        assert app.session_state["hidden-states.width"] == width
        app.switch_page("../../pages/home.py")
        app.query_params.clear()
        app.run()


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
    store.create("abc", GRU, owner="me", lenses=("hidden_states",))
    store.set_status("abc", "running")
    app = opened("home.py")
    assert "Running now" in said(app)
    links = [link for link in app.page_link if "run=" in link.proto.query_string]
    assert [link.proto.query_string for link in links] == ["run=abc"]
    assert "step 0 of 7" in links[0].value


def test_home_opens_with_the_recorded_heads(store: Store) -> None:
    config = RunConfig(task="repeat", model="transformer", layers=2, heads=3, width=12, length=11, mlp=False)
    scores = np.zeros((2, 3), np.float32)
    view = AttentionRecord(
        np.full((2, 3, 5, 5), 0.2, np.float32), tuple("abcde"), scores, scores, scores, np.stack([scores] * 3), scores
    )
    meta = {**META, "example": "a *b* comes once"}
    store.create("lesson-attention", config, owner="", lenses=("attention",), meta=meta, pinned=True)
    store.append("lesson-attention", [Draft("view:attention", 0, encode_view("attention", view))], 0)
    app = opened("home.py")
    assert r"a \*b\* comes once" in said(app)
    assert "Recorded: Transformer, 2 blocks, width 12" in [link.value for link in app.page_link]


# -- runs -------------------------------------------------------------------------------------


def test_an_empty_list_says_where_to_begin() -> None:
    app = opened("runs.py")
    assert "Nothing has run here yet" in said(app)
    assert len(app.page_link) == len(LESSON_PLACES)


def cells(app: AppTest, heading: str) -> list[dict[str, str]]:
    """The rows of the Markdown table whose first column has this heading, without escapes."""
    text = next(each.value for each in app.markdown if each.value.startswith(f"| {heading} |"))
    columns, _, *lines = [
        [cell.strip().replace("\\", "") for cell in line.strip("|").split(" | ")]
        for line in text.replace("\u00a0", " ").splitlines()
    ]
    return [dict(zip(columns, line, strict=True)) for line in lines]


def test_the_table_has_each_run_with_its_result_and_baseline(store: Store) -> None:
    record(store, "0123456789abcdef-2", owner="me", final=0.125)
    record(store, "lesson-x", GRU.but(model="lstm", layers=2), pinned=True)
    lesson, mine = cells(opened("runs.py"), "Run")
    assert lesson["Run"] == "[LSTM, 2 layers of 13 units · Adding problem · lesson-x](/hidden-states?run=lesson-x)"
    assert mine["Run"] == "[GRU, 13 units · Adding problem · 012345-2](/hidden-states?run=0123456789abcdef-2)"
    assert (lesson["Result"], mine["Result"]) == (f"0.25 {META['metric']}", f"0.125 {META['metric']}")
    assert lesson["Baseline"] == mine["Baseline"] == "0.1667"
    assert (lesson["Whose"], mine["Whose"]) == ("lesson", "yours")
    assert (mine["Step"], mine["Parameters"], mine["Begun"]) == ("7 of 7", "683", "just now")


def test_the_table_can_be_narrowed_to_ones_own_runs(store: Store) -> None:
    record(store, "mine", owner="me")
    record(store, "lesson-x", pinned=True)
    app = opened("runs.py")
    app.segmented_control[0].set_value("yours").run()
    assert [each["Whose"] for each in cells(app, "Run")] == ["yours"]
    app.segmented_control[0].set_value("lessons").run()
    assert [each["Whose"] for each in cells(app, "Run")] == ["lesson"]


def test_a_long_list_has_pages(store: Store) -> None:
    for each in range(23):
        record(store, f"{each:06d}", owner="me")
    app = opened("runs.py")
    assert len(cells(app, "Run")) == 20
    app.pagination[0].set_value(2).run()
    assert [each["Run"][-7:] for each in cells(app, "Run")] == ["000002)", "000001)", "000000)"]


def test_the_result_of_a_run_that_goes_on_is_its_latest(store: Store) -> None:
    store.create("abc", GRU, owner="me", meta=META)
    store.set_status("abc", "running")
    measured = [(META["metric"], 0, 2.0), (META["metric"], 3, 0.5)]
    store.append("abc", [Draft("metrics", 3, encode_metrics([(3, 1, 1, 1, 1)], measured))], 3)
    assert cells(opened("runs.py"), "Run")[0]["Result"] == f"0.5 {META['metric']} at step 3"


def test_an_address_opens_a_comparison(store: Store) -> None:
    record(store, "one")
    record(store, "two", GRU.but(lr=1e-2))
    app = opened("runs.py", run="one,two,gone")
    assert app.query_params["run"] == "one,two"  # what is not here is dropped
    assert app.multiselect[0].value == ["one", "two"]
    assert cells(app, "Setting") == [{"Setting": "Learning rate", "GRU · lr 0.003": "0.003", "GRU · lr 0.01": "0.01"}]


def test_a_choice_is_in_the_address(store: Store) -> None:
    record(store, "one")
    app = opened("runs.py")
    assert "run" not in app.query_params
    app.multiselect[0].set_value(["one"]).run()
    assert app.query_params["run"] == "one"
    app.multiselect[0].set_value([]).run()
    assert "run" not in app.query_params


def test_one_run_has_links_and_its_configuration(store: Store) -> None:
    record(store, "one", owner="me")
    app = opened("runs.py", run="one")
    assert [link.value for link in app.page_link] == [place.title for place in places_for(GRU, ("hidden_states",))]
    assert {link.proto.query_string for link in app.page_link} == {"run=one"}
    assert app.download_button[0].label == "Configuration"
    assert len(cells(app, "Setting")) == len(GRU.relevant())


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_an_own_run_is_deleted(store: Store) -> None:
    record(store, "one", owner="me")
    app = press(opened("runs.py", run="one"), "Delete for good")
    assert store.run("one") is None
    assert "Nothing has run here yet" in said(app)


@pytest.mark.parametrize("more", [{"owner": "you"}, {"pinned": True}])
def test_a_run_of_others_and_a_recording_that_ships_are_not_offered_for_deletion(
    store: Store, more: dict[str, Any]
) -> None:
    record(store, "one", **more)
    assert "Delete for good" not in [button.label for button in opened("runs.py", run="one").button]
    record(store, "two", owner="me")
    app = press(opened("runs.py", run="one,two"), "Delete for good")
    assert not app.error
    assert (store.run("one") is None, store.run("two") is None) == (False, True), "one's own among them is"


def test_a_run_that_trains_is_stopped_first(store: Store) -> None:
    store.create("abc", GRU, owner="me")
    store.set_status("abc", "running")
    app = opened("runs.py", run="abc")
    assert "Delete for good" not in [button.label for button in app.button]
    press(app, "Stop")
    assert [(command.run, command.kind) for command in store.commands()] == [("abc", "stop")]
    store.set_status("abc", "stopped")
    press(app.run(), "Delete for good")
    assert store.run("abc") is None


def test_a_message_is_text_and_not_markup(store: Store) -> None:
    store.create("abc", GRU, owner="me")
    store.set_status("abc", "failed", "no *such* [column](http://x)")
    assert r"no \*such\* \[column\]\(http\:" in said(opened("runs.py", run="abc"))


# -- words ------------------------------------------------------------------------------------


def test_a_run_on_own_data_has_its_name_and_it_is_no_markup(store: Store) -> None:
    name = "[a](http://b.c) *novel*.txt"
    store.create(
        "own",
        GRU.but(task="text", data="ab" * 32),
        owner="me",
        lenses=("hidden_states",),
        meta={"data_name": name},
    )
    page = opened("runs.py", run="own")
    assert any(literal(f"Next character, {name}") in each.value for each in page.markdown)
    assert name in page.multiselect[0].options[0]


def test_a_run_on_a_large_vocabulary_says_what_it_reads(store: Store) -> None:
    run = store_run(store, "big", {"outputs": 2048, "rare": {"characters": 53, "share": 0.0241}})
    assert vocabulary(run) == (
        "It reads 2,048 signs: the rarest 53 characters, 2.4 % of the text, stand as one, \ufffd."
    )
    assert vocabulary(store_run(store, "small", {"outputs": 61})) == "It reads 61 distinct characters."
    assert vocabulary(store_run(store, "waiting", {})) == ""


def store_run(store: Store, name: str, meta: dict[str, object]) -> Run:
    store.create(name, GRU.but(task="text", data="ab" * 32), owner="", meta=meta)
    found = store.run(name)
    assert found is not None
    return found


def test_runs_in_words() -> None:
    assert (
        network(RunConfig(model="transformer", task="repeat", layers=1, width=16)) == "Transformer, 1 block, width 16"
    )
    assert network(RunConfig(model="rnn", width=1)) == "RNN (tanh), 1 unit"
    assert task(RunConfig(task="text", data="ab" * 32)) == "Next character, own data"
    assert task(RunConfig(task="adding", data="ab" * 32)) == "Adding problem"
    assert title(GRU) == "GRU, 13 units · Adding problem"


def test_numbers_for_people() -> None:
    assert [ago(seconds) for seconds in (0, 59, 60, 3599, 3600, 86399, 86400, 200000)] == [
        "just now", "just now", "1 min ago", "59 min ago", "1 h ago", "23 h ago", "1 day ago", "2 days ago",
    ]  # fmt: skip
    assert [size(count) for count in (0, 1500, 999_400, 1_250_000)] == ["0 kB", "2 kB", "999 kB", "1.2 MB"]
    assert [number(value) for value in (None, float("nan"), 0.0, 12345.678)] == ["–", "not finite", "0", "1.235e+04"]


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
        place.path for place in LESSON_PLACES if place.lens in ("gradients", "microscope", "positions", "race")
    ]
    assert places_for(GRU, ("gradients",))[0].lens == "gradients"


# -- what goes wrong --------------------------------------------------------------------------


def test_runs_can_be_chosen_from_the_page_of_the_list_that_is_open(store: Store) -> None:
    for each in range(45):
        record(store, f"{each:06d}", owner="me")
    app = opened("runs.py", run="000001")
    assert len(app.multiselect[0].options) == 21, "a page, and the one chosen"
    assert app.multiselect[0].value == ["000001"]
    app.pagination[0].set_value(3).run()
    assert not app.exception
    assert len(cells(app, "Run")) == 5
    app.segmented_control[0].set_value("lessons").run()
    assert not app.exception
    assert "None of these yet." in said(app)


def test_a_run_that_cannot_be_read_is_one_line_and_can_be_deleted(store: Store) -> None:
    record(store, "good", owner="me")
    record(store, "bad000", owner="me")
    with store.transaction() as db:
        db.execute("UPDATE runs SET meta = '[' WHERE id = 'bad000'")
    bad, good = sorted(cells(opened("runs.py"), "Run"), key=lambda row: row["Status"])
    assert (bad["Run"], bad["Status"], good["Status"]) == ("Unreadable · bad000", "can't be read", "done")
    app = press(opened("runs.py", run="bad000"), "Delete for good")
    assert not app.exception
    assert [run.id for run in store.runs()] == ["good"]


def test_a_run_whose_tape_is_damaged_has_no_result_and_harms_no_other(store: Store) -> None:
    for name in ("good", "bad000"):
        store.create(name, GRU, owner="me", meta=META)
        store.set_status(name, "running")
        measured = [(META["metric"], 3, 0.5)]
        store.append(name, [Draft("metrics", 3, encode_metrics([(3, 1, 1, 1, 1)], measured))], 3)
    with store.transaction() as db:
        db.execute("UPDATE chunks SET body = zeroblob(LENGTH(body)) WHERE run = 'bad000'")
    bad, good = cells(opened("runs.py"), "Run")
    assert (bad["Result"], good["Result"]) == (f"– {META['metric']}", f"0.5 {META['metric']} at step 3")


def shell() -> AppTest:
    app = AppTest.from_file(str(PROJECT / "explainer" / "ui" / "shell.py"), default_timeout=30).run()
    assert not app.exception
    return app


def test_every_page_says_what_is_wrong_with_the_host(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [warning.value for warning in shell().warning] == []
    store.trouble = "The disk is full."
    store.notice, store.noticed = "A [new](http://x) store was begun.", 1e12
    monkeypatch.setenv("EXPLAINER_MAX_STEPS", "abc")
    full, begun, variable = [warning.value.replace("\\", "").replace("\u2060", "") for warning in shell().warning]
    assert full == store.trouble
    assert begun == store.notice
    assert variable.startswith("EXPLAINER_MAX_STEPS = 'abc' must be a whole number above 0.")
    assert r"\[new\]\(http" in shell().warning[1].value, "text is not markup"
    store.noticed = 1.0
    assert len(shell().warning) == 2, "an old notice has been read"


def test_a_store_that_cannot_be_read_is_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Store, sql: str, *values: object) -> list[tuple[object, ...]]:
        raise StoreError("The store was busy.", "busy")

    app = AppTest.from_file(str(PROJECT / "explainer" / "ui" / "shell.py"), default_timeout=30)
    monkeypatch.setattr(Store, "read", busy)
    app.run()
    assert not app.exception
    assert [error.value for error in app.error] == [r"The store was busy\."] * 2, "of a part, and of the page"
