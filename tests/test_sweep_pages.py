"""The pages about sweeps as Streamlit runs them: open on results, Train, one bar, Stop, Go on, addresses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explainer.lessons import SWEEPS
from explainer.player import backend
from explainer.runs.store import Store
from explainer.runs.sweep_file import load_outcomes, shipped
from explainer.runs.tape_file import SHIPPED, load_tape
from explainer.sweep import Sweep

PROJECT = Path(__file__).resolve().parents[1]
PAGES = {"memory-horizon": "lesson-horizon", "beyond-the-length": "lesson-beyond"}
SMALL = {
    "memory-horizon": {"lengths": "7,5", "networks": "gru,rnn", "steps": "3", "seed": "977"},
    "beyond-the-length": {"seeds": "977,978", "encodings": "alibi,none", "steps": "3", "warmup": "1", "length": "16"},
}


@pytest.fixture(autouse=True)
def interface(store: Store) -> None:
    """Every test has the interface over a store of its own."""


def opened(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / f"{name.replace('-', '_')}.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def address(app: AppTest, name: str) -> str:
    value = app.query_params.get(name, "")
    return value if isinstance(value, str) else value[0]


def started(name: str) -> AppTest:
    app = opened(name, **SMALL[name])
    app.button(key=f"{name}-train").click().run()
    assert not app.exception
    assert not app.error
    return app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("name", PAGES)
def test_the_shipped_results_are_those_of_the_lesson(name: str) -> None:
    sweep, outcomes = load_outcomes(shipped(PAGES[name]))
    assert sweep == SWEEPS[PAGES[name]].sweep
    assert all(outcome.done for outcome in outcomes)
    assert all(set(outcome.last) == set(SWEEPS[PAGES[name]].lenses) for outcome in outcomes)
    assert shipped(PAGES[name]).stat().st_size < 65_000


@pytest.mark.parametrize("name", PAGES)
def test_it_opens_on_them_without_a_store_that_knows_them(name: str) -> None:
    app = opened(name)
    assert not app.exception
    assert not app.error
    assert not app.info
    assert not app.warning
    assert app.button(key=f"{name}-train").label == "Train"


@pytest.mark.parametrize("name", PAGES)
def test_train_asks_for_every_run_and_the_address_names_the_sweep(name: str, store: Store) -> None:
    app = started(name)
    found = store.sweep(address(app, "sweep"))
    assert found is not None
    assert len(store.runs("queued")) == len(found.sweep.configs) == 4
    assert {run.config.seed for run in store.runs()} <= {977, 978}
    assert "Stop" in labels(app)


def test_the_axes_are_in_the_order_of_the_page_and_sorted(store: Store) -> None:
    found = store.sweep(address(started("memory-horizon"), "sweep"))
    assert found is not None
    assert found.sweep.axes == (("length", (5, 7)), ("model", ("rnn", "gru")))


@pytest.mark.parametrize("name", PAGES)
def test_stop_takes_all_out_of_the_queue_and_go_on_brings_them_back(name: str, store: Store) -> None:
    app = started(name)
    sweep = address(app, "sweep")
    app.button(key=f"{name}-stop").click().run()
    assert store.runs() == []
    assert "Stop" not in labels(app)
    assert app.button(key=f"{name}-train").label == "Go on"
    app.button(key=f"{name}-train").click().run()
    assert len(store.runs("queued")) == 4
    assert address(app, "sweep") == sweep


@pytest.mark.parametrize("name", PAGES)
def test_an_address_shows_the_sweep_to_others_who_cannot_stop_it(name: str, store: Store) -> None:
    sweep = address(started(name), "sweep")
    app = opened(name, sweep=sweep)  # another session is another owner
    assert not app.exception
    assert address(app, "sweep") == sweep
    assert "Stop" not in labels(app)
    assert address(app, "steps") == "3"
    app.button(key=f"{name}-train").click().run()
    assert len(store.runs()) == 4, "the same sweep is shared"


def test_a_sweep_with_a_missing_run_opens_and_says_so(store: Store) -> None:
    app = started("memory-horizon")
    found = store.sweep(address(app, "sweep"))
    assert found is not None
    store.delete(found.runs[1])
    for run in (found.runs[0], *found.runs[2:]):
        store.set_status(run, "stopped")
    app = opened("memory-horizon", sweep=found.id)
    assert not app.exception
    assert app.button(key="memory-horizon-train").label == "Go on"


def test_an_unknown_sweep_gets_a_sentence_and_its_settings() -> None:
    app = opened("memory-horizon", sweep="f" * 16, lengths="7,9")
    assert "is not here" in app.warning[0].value.replace("\\", "")
    assert app.text_input(key="memory-horizon.lengths").value == "7, 9"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"lengths": "ten"}, "whole number"),
        ({"lengths": "1"}, "length = 1 is out of range"),
        ({"networks": "cnn"}, "'cnn' is not known"),
        ({"lr": "0"}, "lr = 0.0 is out of range"),
    ],
)
def test_an_address_that_cannot_be_gets_a_sentence(query: dict[str, str], said: str) -> None:
    app = opened("memory-horizon", **query)
    assert not app.exception
    assert said in app.warning[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [("5, five", "whole number"), ("", "No value of length"), ("5 5", "twice"), ("1000 1024", "would train for about")],
)
def test_what_is_typed_wrong_gets_a_sentence_and_no_train(text: str, said: str) -> None:
    app = opened("memory-horizon", steps="20000")
    app.text_input(key="memory-horizon.lengths").set_value(text).run()
    assert not app.exception
    assert said in app.error[0].value.replace("\\", "")
    assert app.button(key="memory-horizon-train").disabled


def test_a_sweep_of_the_whole_queue_is_refused_in_a_sentence(store: Store) -> None:
    app = opened("memory-horizon", **SMALL["memory-horizon"])
    app.session_state["owner"] = "me"
    for seed in range(4):
        config = replace(SWEEPS["lesson-horizon"].sweep.base, seed=seed)
        backend.client().submit_sweep(Sweep(base=config, axes=(("width", (3, 5)),)), "me")
    app.button(key="memory-horizon-train").click().run()
    assert "wait or are paused already" in app.error[0].value


def test_both_scores_can_be_chosen() -> None:
    app = opened("memory-horizon")
    app.get_by_key("horizon-score").set_value("right").run()
    assert not app.exception
    assert app.get_by_key("horizon-score").value == "right"


def test_any_transformer_on_a_text_can_be_looked_at_and_others_get_a_sentence(store: Store) -> None:
    for name in ("lesson-positions", "lesson-attention"):
        load_tape(store, SHIPPED / f"{name}.tape")
    app = opened("beyond-the-length", run="lesson-positions")
    assert not app.exception
    assert "One run: Transformer, 2 blocks, width 24" in app.header[0].value.replace("\\", "")
    other = opened("beyond-the-length", run="lesson-attention")
    assert not other.exception
    assert "the run of the address is none" in other.warning[0].value
    assert not other.header


def test_a_run_that_failed_is_named(store: Store) -> None:
    app = started("memory-horizon")
    found = store.sweep(address(app, "sweep"))
    assert found is not None
    store.set_status(found.runs[0], "running")
    store.set_status(found.runs[0], "diverged")
    app = opened("memory-horizon", sweep=found.id)
    assert any("RNN" in caption.value and "diverged" in caption.value for caption in app.caption)
