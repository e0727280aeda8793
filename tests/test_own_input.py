"""The viewer's own input on the pages, and where our routes can't be reached: what is drawn is what the lens saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.data import digest
from explainer.figures.panel import Frame, Reel
from explainer.runs.store import Store
from explainer.tasks import make_task
from explainer.ui import backend
from explainer.ui.lesson import EXAMPLES, example_input

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
    assert "+1+2-3" in box.placeholder
    box.set_value("+1+2+3 · · -2 · · ·").run()
    assert not app.exception
    assert not app.warning
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
    assert "1 step can't be read. Give 2 to 24." in app.warning[0].value.replace("\\", "")
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
    reel = Reel({"hidden": frames}, answers={"hidden": answer})
    assert reel.at("hidden", 0) is reel.at("hidden", 9) is answer
    assert reel.frames["hidden"] == frames
    assert Reel({"hidden": frames}).at("hidden", 9) is frames[1]


def test_the_box_of_a_run_on_an_own_text_suggests_letters_of_that_text() -> None:
    text = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 20
    config = RunConfig(task="text", data=digest(text), length=13)
    task = make_task(config, text)
    suggested = example_input(config, {"example": task.example()})
    assert 5 <= len(suggested) <= 14
    assert task.read(suggested).x.shape == (1, len(suggested))


@pytest.mark.parametrize("task", EXAMPLES)
@pytest.mark.parametrize("more", [{}, {"symbols": 30, "bits": 1}, {"symbols": 2}])
def test_what_the_box_suggests_can_be_typed(task: str, more: dict[str, int]) -> None:
    config = RunConfig(task=task, length=32, **more)  # type: ignore[arg-type]
    assert make_task(config).read(example_input(config)).x.shape[0] == 1
