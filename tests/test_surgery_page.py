"""The surgery page: its readings by value, its figures, its controls, and a run trained on operated."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import plotly.graph_objects as go
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from explainer.charts.errors import plus_minus
from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.surgery import notes as words
from explainer.lenses.surgery import panels as figures
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.player.annotate import Annotator
from explainer.player.routes import routes
from explainer.records import to_arrays
from explainer.runs.store import Store
from tests.loops import on_a_loop

PROJECT = Path(__file__).resolve().parents[1]
T, N = 5, 3
NONE = np.zeros(0, np.float32)
ENDS = ("extremes", "checked", "checked_errors")
ALONE: dict[str, Any] = {
    "sequences": 1,
    "screened": 1,
    "loss_error": math.nan,
    "operated_error": math.nan,
    "ratio_error": math.nan,
    "errors": np.full(N, math.nan),
    "checked_errors": np.full(2, math.nan),
}
"""What a viewer's own sequence does not have."""


def record(**more: Any) -> SurgeryRecord:
    """Two of five tokens count; without unit 1 the loss is 14 times as large, and nothing is in doubt of unit 2."""
    values: dict[str, Any] = {
        "surgery": "layer 1 unit 1 = 0",
        "loss": 0.0125,
        "operated_loss": 0.1762,
        "loss_error": 0.0011,
        "operated_error": 0.0087,
        "ratio_error": 1.23,
        "sequences": 512,
        "effects": np.array([0.001, 0.175, -0.0002], np.float32),
        "errors": np.array([0.0001, 0.02, 0.0004], np.float32),
        "screened": 128,
        "layers": np.zeros(N, np.int32),
        "places": np.arange(N, dtype=np.int32),
        "extremes": np.array([1, 2], np.int32),
        "checked": np.array([0.1637, 0.0001], np.float32),
        "checked_errors": np.array([0.0087, 0.00021], np.float32),
        "outputs": np.array([[0, 0.5, 1, 1, 1], [0, 0.5, 0.5, 0.7, 1.3]], np.float32),
        "losses": np.array([[9, 0.25, 9, 0.5, 0.01], [9, 0.25, 9, 0.4, 0.31]], np.float32),
        "moved": np.array([0, 0, 0.5, 0.3, 0.3], np.float32),
        "target": np.ones(T, np.float32),
        "guesses": (),
        "operated_guesses": (),
        "donor": (),
        "tokens": tuple("abcde"),
        "targets": tuple("bcdef"),
        "mask": np.array([0, 0, 0, 1, 1], bool),
    }
    return SurgeryRecord(**{**values, **more})


def said(name: str, model: str = "gru", depth: int = 1, **more: Any) -> str:
    config = RunConfig(model=model, layers=depth, width=4, heads=2)
    reading = words.notes(record(**more), Moment(subject(config, {}), 7)).readings[name]
    assert isinstance(reading, str)
    return reading


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {},
            "Without unit 1, the loss rises by 0.1637 ± 0.0087, from 0.0125 to 0.176, 14.1 ± 1.2 times as much "
            "(mean of 512 sequences, ± one standard error); the output moves most at t = 2, by 0.5.",
        ),
        (
            {"surgery": "layer 1 gate update = 1", "operated_loss": 0.0125, "moved": np.zeros(T), **ALONE},
            "With the update gate set to 1, the loss stays at 0.0125 (this sequence); "
            "the output does not move at any token.",
        ),
        (
            ALONE,
            "Without unit 1, the loss rises by 0.164, from 0.0125 to 0.176 (this sequence); "
            "the output moves most at t = 2, by 0.5.",
        ),
        (
            {"operated_loss": float("nan"), "moved": np.array([0, 1, np.nan, np.inf, 0])},
            "Without unit 1, the loss goes from 0.0125 to not a finite number (mean of 512 sequences, ± one standard "
            "error); the output is not a finite number at 2 of 5 tokens.",
        ),
        (
            {"guesses": tuple("abcde"), "operated_guesses": tuple("abcde"), "target": NONE},
            "Without unit 1, the loss rises by 0.1637 ± 0.0087, from 0.0125 to 0.176, 14.1 ± 1.2 times as much "
            "(mean of 512 sequences, ± one standard error); "
            "the output moves most at t = 2, where 50% of the probability goes elsewhere.",
        ),
    ],
)
def test_the_headline_says_what_the_loss_and_the_output_do(more: dict[str, Any], sentence: str) -> None:
    assert said("effect", **more) == sentence


@pytest.mark.parametrize(
    ("before", "after", "errors", "sentence"),
    [
        (0.01, 0.008, (0.001, 0.0005, 0.05), "the loss falls by 0.00200 ± 0.00050, from 0.01 to 0.008, that is by 20.0 ± 5.0%"),
        (1.0, 1.5, (0.1, 0.1, 0.02), "the loss rises by 0.50 ± 0.10, from 1 to 1.5, that is by 50.0 ± 2.0%"),
        (1.0, 1.5, (0.21, 0.1, 0.02), "the loss rises by 0.50 ± 0.10, from 1 to 1.5"),  # 1 is not 5 x 0.21
        (0.0, 0.17, (0.0, 0.01, math.nan), "the loss rises by 0.170 ± 0.010, from 0 to 0.17"),
        (0.0, 0.0, (0.0, 0.0, math.nan), "the loss stays at 0"),
        (1.0, 1.001, (0.1, 0.00051, 0.0005),
         "the loss changes by +0.00100 ± 0.00051, within two standard errors of no change, from 1 to 1"),
        (1.0, 1.00102, (0.1, 0.00050, 0.0005), "the loss rises by 0.00102 ± 0.00050, from 1 to 1, that is by 0.102 ± 0.050%"),
        (float("inf"), 1.0, (math.nan,) * 3, "the loss goes from not a finite number to 1"),
    ],
)  # fmt: skip
def test_a_change_of_the_loss_has_a_ratio_only_where_the_loss_is_sure(
    before: float, after: float, errors: tuple[float, float, float], sentence: str
) -> None:
    named = dict(zip(("loss_error", "operated_error", "ratio_error"), errors, strict=True))
    assert words.change(record(loss=before, operated_loss=after, **named)) == sentence


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (0.2381, 0.0127, "0.238 ± 0.013"),
        (96.13, 7.51, "96.1 ± 7.5"),
        (1234.5, 99.7, "1,230 ± 100"),
        (0.0999, 0.0996, "0.10 ± 0.10"),
        (-0.0, 0.25, "0.00 ± 0.25"),
        (8.36e-06, 6.5e-06, "8.36e-06 ± 6.5e-06"),
        (2.5, 0.0, "2.5"),
        (2.5, math.nan, "2.5"),
        (math.inf, 1.0, "inf"),
    ],
)
def test_a_number_has_as_many_digits_as_its_error_allows(value: float, error: float, written: str) -> None:
    assert plus_minus(value, error) == written


def test_all_of_the_probability_is_100_percent() -> None:
    tokens = {"guesses": tuple("abcde"), "operated_guesses": tuple("abcde"), "target": NONE}
    assert "100% of the probability" in said("effect", **tokens, moved=np.array([0, 1, 0, 0, 0.999]))


def test_who_is_missed_most_and_least() -> None:
    assert said("worth") == (
        "Switched off one at a time, unit 1 is missed most and unit 2 least: on 512 sequences that did not choose them, "
        "the loss changes by +0.1637 ± 0.0087 and +0.00010 ± 0.00021."
    )
    assert said("worth", **ALONE) == (
        "Switched off one at a time, unit 1 is missed most and unit 2 least: the loss changes by +0.164 and +0.0001."
    )
    heads = {"layers": np.array([0, 0, 1]), "places": np.array([0, 1, 0]), "surgery": "layer 1 head 2 off"}
    assert said("worth", "transformer", 2, **heads).startswith(
        "Switched off one at a time, head 2 of layer 1 is missed"
    )
    assert said("worth", effects=np.zeros(N)) == "No unit changes the loss when it is switched off."
    lost = np.array([np.nan, 1, np.inf])
    assert said("worth", effects=lost) == "Without 2 of 3 units, one at a time, the loss is not a finite number."
    one = {
        "layers": np.zeros(1, int),
        "places": np.zeros(1, int),
        "effects": np.array([0.25]),
        "errors": np.array([0.1]),
    }
    one |= {"extremes": np.zeros(2, int), "checked": np.array([0.25, 0.25]), "checked_errors": np.array([0.1, 0.1])}
    assert said("worth", **one) == (
        "Without its only unit the loss changes by +0.25 ± 0.10 (mean of 512 sequences, ± one standard error)."
    )
    empty = {name: np.zeros(0, int) for name in ("layers", "places", "effects", "errors", *ENDS)}
    assert said("worth", **empty) == "There is nothing here to switch off."


def test_needed_is_who_has_a_bar_that_is_drawn_and_told_from_nothing() -> None:
    sentence = (
        "Step 7: {} of 3 units {} missed when switched off alone: bars beyond the dotted line (a tenth of the longest) "
        "whose whisker (two standard errors, 128 sequences) ends above zero."
    )
    assert said("needed") == sentence.format(1, "is"), "unit 0's bar is sure, but a 175th of the longest"
    wide = np.array([0.0001, 0.088, 0.0004])
    assert said("needed", errors=wide) == sentence.format(0, "are"), "the longest one's whisker reaches below zero"
    assert said("needed", effects=np.array([0.0175, 0.174, -0.4]), errors=wide / 2).startswith("Step 7: 1 of 3")
    assert said("needed", loss=float("nan")) == "Step 7: not every loss is a finite number."
    assert said("needed", **ALONE) == "Step 7: a single sequence gives no error to tell a bar from nothing by."
    assert said("needed", screened=7) == "Step 7: 7 sequences give no error to tell a bar from nothing by."


def test_token_by_token() -> None:
    assert said("losses") == (
        "Token by token, the loss rises most at t = 4, from 0.01 to 0.31 and falls most at t = 3, from 0.5 to 0.4."
    )
    assert said("losses", mask=np.array([0, 0, 0, 0, 1], bool)) == (
        "One token counts, t = 4: its loss goes from 0.01 to 0.31."
    )
    assert said("losses", losses=np.ones((2, T))) == "No token's loss changes."
    assert said("losses", losses=np.full((2, T), np.nan)) == "The loss is not a finite number at 2 of 2 tokens."


def test_the_ranges_hold_all_of_the_tape() -> None:
    wide = record(effects=np.array([np.nan, -0.5, 0.25]), errors=np.array([np.nan, 0.05, 0.01]))
    context = words.context([record(), wide])
    np.testing.assert_allclose(context["ends"], [-0.6, 0.27], rtol=1e-6)
    np.testing.assert_allclose(context["span"], [-0.5, 0.5])
    assert words.context([record(effects=np.zeros(N))])["span"].tolist() == [-1, 1]
    np.testing.assert_allclose(words.context([record(**ALONE)])["ends"], [-0.0002, 0.175], rtol=1e-6)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("task", ["adding", "repeat"])
def test_the_figures_hold_the_record(task: str, theme: str) -> None:
    config = RunConfig(model="gru", width=N, task=task)
    tokens = {"guesses": tuple("<bcde"), "operated_guesses": tuple("abcd<"), "target": NONE}
    seen = record(**(tokens if task == "repeat" else {}))
    notes = words.notes(seen, Moment(subject(config, {}), 7))
    arrays, text = to_arrays(seen)
    frame = Frame(7, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
    reel = Reel({"surgery": [frame]}, {}, {"surgery": words.context([seen])})
    parent = {"validation loss": np.array([3.0, 2.0, 1.0]), "validation loss:step": np.array([1, 5, 9])}
    panels = [*figures.panels(subject(config, {}), theme), figures.branch_panel(subject(config, {}), parent, 5, theme)]
    drawn = {panel.id: fill(panel, [reel], 7) for panel in panels}
    for each in drawn.values():
        go.Figure(each)
    json.dumps(drawn["branch"], allow_nan=False)
    operated, untouched = drawn["operated"]["data"][:2]
    np.testing.assert_array_equal(operated["y"], seen.outputs[1])
    np.testing.assert_array_equal(untouched["y"], seen.outputs[0])
    if task == "repeat":
        assert untouched["text"][0] == "&lt;"
    np.testing.assert_array_equal(drawn["worth"]["data"][0]["y"], seen.effects)
    np.testing.assert_array_equal(drawn["worth"]["data"][1]["y"], [np.nan, seen.effects[1], np.nan])
    np.testing.assert_allclose(drawn["worth"]["data"][0]["error_y"]["array"], 2 * seen.errors, rtol=1e-6)
    line = drawn["worth"]["layout"]["shapes"][0]
    assert line["y0"] == line["y1"] == pytest.approx(0.0175)
    assert drawn["worth"]["data"][0]["customdata"] == [f"layer 1 unit {unit} = 0" for unit in range(N)]
    np.testing.assert_array_equal(np.transpose(drawn["worth-history"]["data"][0]["z"])[0], seen.effects)
    assert drawn["losses"]["data"][2]["x"] == [3, 4]
    assert (drawn["branch"]["data"][2]["x"], drawn["branch"]["data"][2]["y"]) == ([0, 4], [2.0, 1.0])
    assert drawn["branch"]["layout"]["shapes"][0]["y0"] == 2.0
    assert drawn["branch"]["layout"]["annotations"][0]["text"] == "parent at step 5"
    assert drawn["branch"]["layout"]["annotations"][0]["y"] == pytest.approx(np.log10(2.0))
    last = figures.branch_panel(subject(config, {}), parent, 9, theme).figure["data"][2]
    assert (drawn["branch"]["data"][2]["showlegend"], last["showlegend"]) == (True, False)


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def store(lessons: Store) -> Store:
    return lessons


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / "surgery.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_the_tapes_it_opens_with_have_its_views(store: Store) -> None:
    for run in ("lesson-microscope-lstm", "lesson-attention"):
        assert store.steps(run, "view:surgery") == store.steps(run, "weights")


def test_an_address_opens_the_page_operated(store: Store) -> None:
    app = opened(surgery="layer 1 gate forget = 0.25")
    assert app.selectbox(key="surgery.kind").value == "gate"
    assert app.selectbox(key="surgery.gate").value == "forget"
    assert app.slider(key="surgery.opened").value == 0.25
    app.slider(key="surgery.opened").set_value(1.0).run()
    assert app.query_params["surgery"] in ("layer 1 gate forget = 1", ["layer 1 gate forget = 1"])
    app.selectbox(key="surgery.kind").select("most").run()
    assert "surgery" not in app.query_params


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"surgery": "break it"}, "is no surgery"),
        ({"run": "lesson-attention", "surgery": "layer 3 head 1 off"}, "Choose 1 to 2"),
        ({"run": "gone"}, "not recorded here"),
    ],
)
def test_an_address_that_cannot_be_gets_a_sentence(store: Store, query: dict[str, str], sentence: str) -> None:
    app = opened(**query)
    assert any(sentence in warning.value.replace("\\", "") for warning in app.warning)


def test_what_is_written_in_words_is_read_or_refused(store: Store) -> None:
    app = opened(surgery="layer 1 unit 1 = 0; layer 1 unit 2 = 0")
    field = app.text_input(key="surgery.text")
    assert field.value == "layer 1 unit 1 = 0; layer 1 unit 2 = 0"
    field.set_value("layer 1 unit 16 = 0").run()
    assert any("Choose 0 to 15" in error.value.replace("\\", "") for error in app.error)


def test_another_network_is_chosen_and_its_own_kinds_are_offered(store: Store) -> None:
    app = opened()
    assert "gate" in app.selectbox(key="surgery.kind").options or "A gate" in app.selectbox(key="surgery.kind").options
    app.selectbox(key="surgery.run").select("lesson-attention").run()
    assert not app.exception
    assert "A gate" not in app.selectbox(key="surgery.kind").options
    assert app.query_params["run"] in ("lesson-attention", ["lesson-attention"])


def test_train_on_asks_for_a_run_of_its_own_with_its_parent(store: Store) -> None:
    app = opened(surgery="layer 1 unit 10 = 0", step="500")
    next(button for button in app.button if button.label == "Train on").click().run()
    assert not app.exception
    (run,) = store.runs("queued")
    assert run.config.parent == "lesson-microscope-lstm@477"
    assert run.config.surgery == "layer 1 unit 10 = 0"
    assert run.parent == "lesson-microscope-lstm"
    assert (run.config.steps, run.config.width) == (300, 16)
    assert app.query_params["run"] in (run.id, [run.id])
    assert any("goes on from" in each.value for each in app.caption)


def test_the_route_refuses_a_surgery_that_cannot_be(store: Store) -> None:
    app = Starlette(routes=routes(store, Annotator(store)))

    async def ask(surgery: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            asked = {"lens": "surgery", "step": "800", "surgery": surgery}
            return await client.get("/api/look/lesson-microscope-lstm", params=asked)

    for surgery, sentence in (("x" * 3000, "at most 2,000"), ("layer 1 unit 99 = 0", "Choose 0 to 15")):
        answer = on_a_loop(ask(surgery))
        assert answer.status_code == 422
        assert sentence in answer.json()["error"]
