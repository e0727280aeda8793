"""What an addition is to find, checked in a process that has it (`EXPLAINER_EXTENSIONS=tests.toys`); see `tests/test_additions.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer.__main__ import main, settings_help
from explainer.charts.panel import fill
from explainer.charts.subject import subject
from explainer.config import KNOBS, RunConfig
from explainer.headless.reference import reference
from explainer.lenses import LENSES
from explainer.player.annotate import Annotator
from explainer.runs.client import Client
from explainer.runs.store import Store
from explainer.runs.tape import VIEW
from explainer.ui.places import ENTERED, places_for
from tests.test_worker import finished, metrics, same, start, wait, weights
from tests.turns import the_run

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = RunConfig(task="evens", model="leaky", leak=0.25, length=9, width=7, batch=5, steps=701, lr=0.01)
SUITING = [name for name, lens in LENSES.items() if lens.suits(CONFIG) and not lens.asks]
SETTINGS = ("task=evens", "model=leaky", "leak=0.25", "length=9", "width=7", "batch=5", "lr=0.01")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with the run, trained by a worker that was killed on the way."""
    store = Store(tmp_path_factory.mktemp("store"))
    run = Client(store).submit(CONFIG, "me", ["largest", "hidden_states"])
    for _ in range(2):
        worker = start(store.folder)
        try:
            seen = the_run(store, run).step
            wait(store, lambda seen=seen: the_run(store, run).step >= seen + 50)  # type: ignore[misc]
        finally:
            worker.kill()
            worker.wait()
    assert the_run(store, run).status == "running"
    worker = start(store.folder)
    wait(store, finished(store, run))
    for lens in SUITING:  # one that was not watched sees the kept weights
        Client(store).fill(run, lens)
    wait(store, lambda: all(store.steps(run, VIEW + lens) for lens in SUITING) and not store.commands())
    worker.terminate()
    worker.wait()
    yield store
    store.close()


def test_it_is_trained_recorded_killed_and_resumed_as_if_nothing_had_been(store: Store, tmp_path: Path) -> None:
    run = the_run(store, CONFIG.run_id())
    assert (run.status, run.step) == ("done", 701)
    other = Store(tmp_path)
    Client(other).submit(CONFIG, "me")
    worker = start(other.folder)
    wait(other, finished(other, run.id))
    worker.terminate()
    worker.wait()
    same(weights(store, run.id, 701), weights(other, run.id, 701))
    np.testing.assert_array_equal(metrics(store, run.id)["loss"], metrics(other, run.id)["loss"])
    other.close()


@pytest.mark.parametrize("lens", [name for name in SUITING if LENSES[name].panels])
def test_every_lens_that_suits_draws_it(store: Store, lens: str) -> None:
    run = the_run(store, CONFIG.run_id())
    reel = Annotator(store).reel(run, (lens,))
    panels = LENSES[lens].panels(subject(run.config, run.meta), "dark")
    assert panels
    for panel in panels:
        figure = fill(panel, [reel], 701)
        assert figure["data"], panel.id


def test_its_settings_are_in_addresses_and_in_stored_forms() -> None:
    query = CONFIG.to_query()
    assert query["leak"] == "0.25"
    assert RunConfig.from_query(query) == CONFIG
    assert RunConfig.from_json(CONFIG.to_json()) == CONFIG
    assert CONFIG.but(leak=0.5).run_id() != CONFIG.run_id()
    with pytest.raises(ValueError, match=r"leak = 0\.0 is out of range. Choose a value above 0"):
        CONFIG.but(leak=0.0)


def page(file: str, path: str, store: Store, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setenv("EXPLAINER_STORE", str(store.folder))
    app = AppTest.from_file(str(PROJECT / "pages" / file), default_timeout=120)
    app.session_state["place"], app.session_state[ENTERED] = path, True
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_it_is_in_the_controls(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page("hidden_states.py", "hidden-states", store, monkeypatch, **CONFIG.to_query())
    task, model = app.selectbox(key="hidden-states.task"), app.selectbox(key="hidden-states.model")
    assert (task.value, model.value) == ("evens", "leaky")
    assert "Evens" in task.options
    assert "Leaky RNN" in model.options
    (leak,) = [each for each in app.number_input if each.key == "hidden-states.leak"]
    assert (leak.value, leak.label, leak.help) == (
        0.25,
        KNOBS["leak"].metadata["label"],
        KNOBS["leak"].metadata["meaning"],
    )
    assert any("whether A stood there an odd number of times" in each.value for each in app.markdown)


def test_a_lens_has_a_page_that_shows_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (place,) = [place for place in places_for(CONFIG) if place.name == "largest"]
    assert (place.path, place.title, place.file) == ("largest", "Largest", "lens.py")
    app = page(place.file, place.path, store, monkeypatch, run=CONFIG.run_id())
    assert app.title[0].value == "How far from zero does each unit go while one sequence is read?"
    assert not app.warning


def test_it_is_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "store")
    assert main(["train", "--set", *SETTINGS, "steps=30", "--store", folder]) == 0
    run = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]
    assert run == CONFIG.but(steps=30).run_id()
    file = tmp_path / "largest.html"
    assert main(["look", run, "--lens", "largest", "--html", str(file), "--store", folder]) == 0
    assert "goes furthest, to" in file.read_text()
    assert "How far each unit goes" in file.read_text()
    capsys.readouterr()
    assert main(["look", run, "--lens", "largest", "--input", "A B A", "--json", "--store", folder]) == 0
    assert len(json.loads(capsys.readouterr().out)["record"]["largest"]) == 7
    assert main(["train", "--set", *SETTINGS, "leak=2", "--store", folder]) == 2
    assert "leak" in settings_help()


def test_it_is_in_the_docs() -> None:
    page = reference()
    for line in (
        "| `leaky` | Leaky RNN | slow signals: it averages over about 1/a steps | `init`, `radius`, `leak` |",
        "| `evens` | Evens | Whether A stands an odd number of times in a sequence |  |",
        "| `largest` | Largest state: how far from zero does each unit go while one sequence is read? |",
    ):
        assert line in page.splitlines()
