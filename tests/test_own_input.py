"""The viewer's own input on the pages, and where our routes can't be reached: what is drawn is what the lens saw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer.charts.panel import Frame, Reel
from explainer.data import digest
from explainer.player import backend
from explainer.player.answers import Looked, look_answer
from explainer.runs.kinds import said_of
from explainer.runs.reader import Reader
from explainer.runs.store import Store
from explainer.runs.tape import decode, decode_view
from explainer.surgery import Surgery, Swap
from explainer.tasks.make import make_task
from explainer.ui.lesson import example_inputs

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def store(lessons: Store, looks_answered: None) -> Store:
    return lessons


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / page), default_timeout=60)
    app.session_state["routes_unreachable"] = True
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(text.value for text in app.text)


def test_without_routes_a_typed_input_is_asked_and_drawn(store: Store) -> None:
    app = opened("fixed_points.py", run="lesson-flipflop")
    before = said(app)
    box = app.get_by_key("fixed-points-input")
    run = store.run("lesson-flipflop")
    assert run is not None
    assert box.placeholder == f"Your own input, such as {example_inputs(run)[0]}"
    box.set_value("+1+2+3 · · -2 · · ·").run()
    assert not app.exception
    assert [warning.value for warning in app.warning] == []
    after = said(app)
    assert "8 stable points and 19 unstable points" in after
    line = next(line for line in after.splitlines() if line.startswith("The sequence ends"))
    assert line not in before
    output = [float(value) for value in line.split("the output is ")[1].rstrip(".").split(", ")]
    assert np.sign(output).tolist() == [1, -1, 1], "three steps after the last pulse the state is where it should be"


def test_the_address_may_hold_the_input_and_emptying_the_box_goes_back(store: Store) -> None:
    app = opened("fixed_points.py", run="lesson-flipflop", input="+1+2+3 · · -2 · · ·")
    asked = said(app)
    app.get_by_key("fixed-points-input").set_value("").run()
    assert said(app) != asked


def test_without_routes_an_input_that_cannot_be_read_gets_a_sentence_and_the_tape_stays(store: Store) -> None:
    app = opened("fixed_points.py", run="lesson-flipflop")
    before = said(app)
    app.get_by_key("fixed-points-input").set_value("+9").run()
    assert not app.exception
    assert "1 step can't be read. Give 2 to 192." in app.warning[0].value.replace("\\", "")
    app.get_by_key("fixed-points-input").set_value("+9 [x](y)").run()
    assert "'+9' is not a step of 3 bits" in app.warning[0].value.replace("\\", "")
    assert said(app) == before


def test_gradients_of_the_viewer_s_own_sequence(store: Store) -> None:
    app = opened("gradients.py", run="lesson-gradients-rnn")
    app.get_by_key("gradients-input").set_value("0.3 0.5* 0.1 0.8*").run()
    assert not app.exception
    assert not app.warning
    seen = backend.client().look("lesson-gradients-rnn", 800, "gradients", "0.3 0.5* 0.1 0.8*")
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)  # type: ignore[attr-defined]
    drawn = [trace for trace in figure["data"] if trace.get("customdata")]
    assert [row[0] for row in drawn[0]["customdata"]] == pytest.approx(seen.norms.tolist())
    assert len(seen.norms) == 4


def test_an_answer_stands_in_the_place_of_every_frame_and_not_in_the_history() -> None:
    frames = [Frame(step, {}, {}) for step in (0, 5)]
    answer = Frame(3, {}, {})
    reel = Reel({"hidden_states": frames}, answers={"hidden_states": answer})
    assert reel.at("hidden_states", 0) is reel.at("hidden_states", 9) is answer
    assert reel.frames["hidden_states"] == frames
    assert Reel({"hidden_states": frames}).at("hidden_states", 9) is frames[1]


def test_the_button_fills_the_box_with_examples_in_turn_and_they_are_answered(store: Store) -> None:
    app = opened("gradients.py", run="lesson-gradients-rnn")
    run = store.run("lesson-gradients-rnn")
    assert run is not None
    examples = example_inputs(run)
    for number in (0, 1):
        app.get_by_key("gradients-example").click().run()
        assert app.get_by_key("gradients-input").value == examples[number]
        assert not app.exception
        assert not app.warning
        assert any(each.value.startswith("“…” stands for 4") for each in app.caption)
    seen = backend.client().look("lesson-gradients-rnn", 800, "gradients", examples[1])
    assert len(seen.norms) == 50, "as long as the sequences of training"


def test_without_routes_an_input_of_another_kind_is_answered_and_said_to_be(store: Store) -> None:
    app = opened("gradients.py", run="lesson-gradients-rnn", input="0.3 0.5* 0.1 7*")
    assert not app.warning
    (said,) = [each.value.replace("\\", "") for each in app.caption if "Unlike" in each.value]
    assert said.startswith(
        "Unlike in training, your input has 4 numbers instead of 50 and a value of 7 instead of 0 to 1: "
    )


def test_the_header_of_an_answer_says_that_the_input_is_of_another_kind(store: Store) -> None:
    run = store.run("lesson-flipflop")
    assert run is not None
    for text, lens, said in (
        ("+1+2+3 · -1", "fixed_points", ""),
        ("+1 · -1", "fixed_points", "Unlike in training, your input has no pulse of bits 2 and 3 at the first step"),
        ("", "fixed_points", ""),
        ("+1 · -1", "pattern", ""),
    ):
        assert said_of(store, run, lens, text).startswith(said)
        assert bool(said_of(store, run, lens, text)) == bool(said)
    taken_over = Surgery((Swap(2, "· -1 +1+2"),))
    other = "Unlike in training, the other input has, up to t = 2, no pulse of bits 1, 2 and 3 at the first step"
    assert said_of(store, run, "surgery", "", taken_over).startswith(other)
    assert f"learnt. {other}" in said_of(store, run, "surgery", "+1 · -1", taken_over)
    backend.client().look(run.id, 300, "fixed_points", "+1 · -1")
    look = store.ask(run.id, run.step, "fixed_points", "+1 · -1", "", "")
    answer = look_answer(
        backend.annotator(), run, run.step, "fixed_points", Looked(look.id, Reader(store).answered(look.id)), "+1 · -1"
    )
    header = next(file for file in answer.files if isinstance(file, bytes) and b"readings" in file)
    assert "no pulse of bits 2 and 3" in json.loads(decode(header)[1]["header"])["said"]


def test_what_training_shows_of_an_own_text_is_kept_and_of_one_that_is_gone_is_nothing(store: Store) -> None:
    text = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 20
    run = store.run("lesson-text")
    assert run is not None
    own = replace(run, id="own", data=digest(text), config=run.config.but(data=digest(text), length=13))
    assert example_inputs(own) == ()
    store.save_text(digest(text), text)
    suggested = example_inputs(own)
    assert {"春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。"} >= set(suggested) > set()
    assert make_task(own.config, text).read(suggested[0]).x.shape == (1, len(suggested[0]))
    assert example_inputs(run)[0].isascii(), "each run has examples of its own text"


def test_home_says_in_a_sentence_what_the_sequence_in_its_picture_is(store: Store) -> None:
    app = opened("home.py")
    view = store.chunk_at("lesson-attention", "view:attention", 800)
    assert view is not None
    tokens = decode_view("attention", view.body).tokens
    period = next(p for p in range(12, 25) if all(tokens[t] == tokens[t - p] for t in range(p, 48)))
    assert any(
        f"The {period} symbols {' '.join(tokens[:period])} come once and then again in the same order: "
        f"after {tokens[0]} {tokens[1]} the next symbol is {tokens[2]}. :small[recorded · Transformer, 2 blocks, width 64]"
        == caption.value.replace("\\", "")
        for caption in app.caption
    )
