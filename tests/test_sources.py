"""The mark beside every sentence: where its numbers come from, of which step and run."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from streamlit.testing.v1 import AppTest

from explainer.charts.panel import Frame, Panel, Reading, Reel, Slot
from explainer.charts.source import CLOSED_FORM, KINDS, mark, sourced, steps_in_words, steps_shown
from explainer.player import mount
from explainer.runs.store import Store
from explainer.ui.places import PLACES
from explainer.ui.sweeping import recorded
from explainer.words import marked

PROJECT = Path(__file__).resolve().parents[1]
OPENED = [
    *((place.path, place.file, {}) for place in PLACES),
    ("positions", "positions.py", {"encoding": "Learned"}),
    ("positions", "positions.py", {"encoding": "Rotary"}),
    ("positions", "positions.py", {"encoding": "ALiBi"}),
    ("attention", "attention.py", {"cell": "1,2,11,5"}),
    ("beyond-the-length", "beyond_the_length.py", {"run": "lesson-positions"}),
    ("runs", "runs.py", {"run": "lesson-hidden,lesson-attention"}),
]


@pytest.fixture
def shown(lessons: Store, looks_answered: None, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What players are told, each time that one is put onto a page."""
    told: list[dict[str, Any]] = []

    def player(*, data: bytes, **_: Any) -> SimpleNamespace:
        told.append(orjson.loads(data))
        return SimpleNamespace(routes=None, cell=None)

    monkeypatch.setattr(mount, "_component", lambda: player)
    return told


def has_tape(panel: dict[str, Any]) -> bool:
    """Whether a panel draws on a run's tape, so that the player knows where its numbers come from."""
    return bool(panel["readings"]) or any(slot["kind"] not in ("own", "step") for slot in panel["slots"])


@pytest.mark.parametrize(
    ("path", "file", "query"), OPENED, ids=lambda value: "".join(value.values()) if isinstance(value, dict) else value
)
def test_every_panel_has_one_kind_of_source(
    shown: list[dict[str, Any]], path: str, file: str, query: dict[str, str]
) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / file), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    panels = [(panel, told) for told in shown for panel in told["figures"]]
    assert panels or file == "runs.py"
    for panel, told in panels:
        assert has_tape(panel) != bool(panel["source"]), panel["id"]
        assert has_tape(panel) <= bool(told["runs"]), panel["id"]
        assert not panel["source"] or panel["source"].split(" · ")[0] in told["sources"], panel["id"]
    for sentence in (each.value for each in app.caption if re.search(r"\d", each.value)):
        source = re.fullmatch(r".+ :small\[(.+)\]", sentence, re.DOTALL)
        assert source, f"{sentence} does not say where its numbers come from"
        assert source[1].split(" · ")[0] in KINDS, sentence
    formulas = {panel["id"] for panel, _ in panels if panel["source"] == CLOSED_FORM}
    if path == "positions" and query.get("encoding") != "Learned":
        assert formulas == {panel["id"] for panel, _ in panels}
        assert "encoding" in query or any(each.value.endswith(":small[closed form]") for each in app.markdown)
    else:
        assert not formulas, "what was measured is no formula"


def test_the_cell_says_whose_weights_it_was_worked_out_with(shown: list[dict[str, Any]]) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "attention.py"), default_timeout=60)
    app.query_params["cell"] = "1,2,11,5"
    app.run()
    source = "computed now · step 800 · Transformer, 2 blocks, width 64"
    assert [panel["source"] for panel in shown[-1]["figures"]] == [source, source]
    assert any(each.value.replace("\\", "").endswith(f":small[{source}]") for each in app.caption)


def test_a_source_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with none of: recorded"):
        sourced([Panel("one", "One", {})], "measured")


def frames(*steps: int) -> list[Frame]:
    return [Frame(step, {}, {}) for step in steps]


LOSS = Panel("loss", "Loss", {}, (Slot("data.0.y", "series", name="loss"), Slot("layout.x", "step")))
STATES = Panel(
    "states",
    "States",
    {},
    (Slot("data.0.z", lens="hidden_states", name="states"),),
    (Reading("hidden_states", "said"),),
)
BOTH = Panel(
    "both", "Both", {}, tuple(Slot("data.0.z", lens="hidden_states", run=run, name="states") for run in (0, 1))
)
CHOSEN = Panel("chosen", "Chosen", {}, readings=(Reading("hidden_states", "said", run="network"),))
GRU = Reel({"hidden_states": frames(0, 13, 37)}, name="GRU, 7 units")
RNN = Reel({"hidden_states": frames(0, 11, 41)}, name="RNN (tanh), 5 units")


@pytest.mark.parametrize(
    ("panel", "step", "words"),
    [
        (STATES, 37, "recorded · step 37 · GRU, 7 units"),
        (STATES, 36, "recorded · step 13 · GRU, 7 units"),
        (BOTH, 0, "recorded · step 0 · 2 runs"),
        (BOTH, 40, "recorded · steps 11 to 37 · 2 runs"),
        (LOSS, 40, "recorded · all steps · GRU, 7 units"),
        (CHOSEN, 12, "recorded · step 11 · RNN (tanh), 5 units"),
    ],
)
def test_a_tape_says_of_which_step_and_run(panel: Panel, step: int, words: str) -> None:
    assert mark(panel, [GRU, RNN], step, {"network": 1}) == words


def test_the_end_of_a_run_that_trains_is_training_now_and_what_lies_behind_it_recorded() -> None:
    live = Reel(GRU.frames, name=GRU.name, status="running")
    assert mark(STATES, [live], 41) == "training now · step 37 · GRU, 7 units"
    assert mark(STATES, [live], 17) == "recorded · step 13 · GRU, 7 units"
    assert mark(LOSS, [live], 17) == "training now · all steps · GRU, 7 units"
    assert mark(STATES, [Reel(GRU.frames, status="paused")], 41) == "training paused · step 37"


def test_an_own_input_is_computed_now_with_the_weights_of_its_step() -> None:
    asked = Reel(GRU.frames, name=GRU.name, status="running", answers={"hidden_states": Frame(31, {}, {})})
    assert mark(STATES, [asked], 36) == "computed now · your input · step 31 · GRU, 7 units"
    assert mark(LOSS, [asked], 36) == "training now · all steps · GRU, 7 units"
    assert steps_shown(STATES, [asked], 36, {}) == [31]


def test_steps_in_words() -> None:
    assert [steps_in_words(steps) for steps in ([], [7], [7, 7], [11, 7, 13])] == [
        "",
        "step 7",
        "step 7",
        "steps 7 to 13",
    ]


def test_every_kind_has_a_meaning_that_is_said_where_one_points_at_it() -> None:
    assert all(meaning.strip() and meaning != kind for kind, meaning in KINDS.items())


def test_a_mark_outside_of_the_player_is_text_and_no_markup() -> None:
    assert marked("So it is.", "recorded · *GRU*").endswith(r":small[recorded · \*GRU\*]")


def test_the_words_on_alibi_tell_the_sweep_that_ships_and_say_so(shown: list[dict[str, Any]]) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "positions.py"), default_timeout=60)
    app.query_params["encoding"] = "ALiBi"
    app.run()
    (said,) = [each.value for each in app.markdown if "ALiBi is the shortest" in each.value]
    losses = [
        each.last["beyond_the_length"].loss for each in recorded("lesson-beyond") if each.config["positions"] == "alibi"
    ]
    first, last = np.mean(losses, axis=0)[[0, -1]]
    assert f"ALiBi {first:.2f} at 32 and {last:.2f} at 256" in said.replace("\\", "")
    assert said.endswith(":small[recorded · last step · 15 runs]")
    assert not re.search(r"\d", said.partition("The loss of a window")[0]), "no other number about a run"
