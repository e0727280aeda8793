"""What the networks of a sweep answer to one input: asked together, drawn beside what is right, said in a sentence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.lenses.hidden_states.answers import Answer, number, panels, recalled
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.models import build
from explainer.player import backend
from explainer.runs.store import Store
from explainer.runs.tape import decode
from explainer.runs.workshop import Workshop
from explainer.sweep import Sweep

PROJECT = Path(__file__).resolve().parents[1]


def said(value: float, right: float = 1.3, T: int = 5) -> HiddenStatesRecord:
    """What a network with three units says to a sequence that ends at T - 1."""
    mask = np.arange(T) == T - 1
    return HiddenStatesRecord(
        states=np.zeros((1, T, 3)),
        tokens=("0.1",) * T,
        mask=mask,
        targets=("",) * T,
        guesses=(),
        certainty=np.zeros(0),
        right=np.zeros(0),
        output=np.where(mask, value, 99.0),
        target=np.full(T, right),
    )


def answer(name: str, length: int, before: float | None, after: float) -> Answer:
    model = {"GRU": "gru", "LSTM": "lstm", "RNN": "rnn"}[name.split(",")[0]]
    return Answer(name, model, length, None if before is None else said(before), said(after))


def reading(*answers: Answer) -> str:
    return panels(answers, "light")[0].reading


def test_the_sentence_names_the_nearest_and_the_farthest_and_counts_what_is_right() -> None:
    assert reading(
        answer("GRU, T = 5", 5, 0.0, 1.27), answer("RNN, T = 5", 5, 1.31, 0.5), answer("GRU, T = 7", 7, 0.1, 1.4)
    ) == (
        "Right is 1.30. Nearest after training: GRU, T = 5 with 1.27; farthest: RNN, T = 5 with 0.50. "
        "1 of 3 are less than 0.04 off, before training 1 of 3."
    )


def test_extremes_have_sentences_too() -> None:
    assert reading(answer("GRU, T = 5", 5, -0.1, 1.2)) == "Right is 1.30. GRU, T = 5 says 1.20, before training -0.1."
    assert reading(answer("GRU, T = 5", 5, None, 1.2)) == "Right is 1.30. GRU, T = 5 says 1.20."
    nothing = answer("GRU, T = 7", 7, 0.0, math.nan)
    assert reading(nothing, nothing) == "Right is 1.30. No answer is a finite number."
    assert reading(answer("GRU, T = 5", 5, 0.0, 1.0), answer("RNN, T = 5", 5, 0.0, 1.0), nothing) == (
        "Right is 1.30. All 2 answers are as far off, 0.30. 1 not a finite number."
    )
    huge = Answer("GRU, T = 5", "gru", 5, None, said(1.0, right=1e30))
    assert reading(huge).startswith("Right is 1e+30. GRU")


def symbols(guesses: str, right: str = "ABCDABCDAB") -> HiddenStatesRecord:
    T = len(right) + 3
    return HiddenStatesRecord(
        states=np.zeros((1, T, 3)),
        tokens=("·",) * T,
        mask=np.ones(T, bool),
        targets=("·", "·", "·", *right),
        guesses=("·", "·", "·", *guesses),
        certainty=np.ones(T),
        right=np.linspace(0, 1, T),
        output=np.zeros(0),
        target=np.zeros(0),
    )


def test_recalled_symbols_are_counted_at_the_end_alone() -> None:
    assert recalled(symbols("ABCDABCDAB")) == 10
    assert recalled(symbols("BBCDABCDA·")) == 8
    best = Answer("GRU, T = 3", "gru", 3, symbols("··········"), symbols("ABCDABCDAA"))
    worst = Answer("RNN, T = 3", "rnn", 3, symbols("A·········"), symbols("AAAAAAAAAA"))
    assert reading(best, worst) == (
        "Right is A B C D A B C D A B. Most right after training: GRU, T = 3, 9 of 10; fewest: RNN, T = 3, 3. "
        "Before training at most 1."
    )
    assert reading(best, best) == (
        "Right is A B C D A B C D A B. Every network has 9 of 10 right. Before training at most 0."
    )
    assert reading(best) == "Right is A B C D A B C D A B. GRU, T = 3 has 9 of 10 right, before training 0."


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_charts_are_ones_that_plotly_takes_and_have_every_answer(theme: str) -> None:
    numbers = [answer("GRU, T = 5", 5, 0.2, 1.25), answer("RNN, T = 5", 5, None, math.nan)]
    (panel,) = panels(numbers, theme)
    figure = go.Figure(panel.figure)
    assert [list(trace.y) for trace in figure.data] == [[0.2], [1.25], [], [None]]
    assert figure.layout.shapes[0].y0 == pytest.approx(1.3)
    (panel,) = panels([Answer("<b>", "gru", 3, None, symbols("ABCDABCDA<"))], theme)
    heat = go.Figure(panel.figure).data[0]
    assert heat.text[0][-1] == "&lt;"
    assert heat.y[0] == "&lt;b&gt;"
    assert heat.z[0][-1] == 1.0


# -- the pages ----------------------------------------------------------------------------------


@pytest.fixture
def worked(store: Store, looks_answered: None) -> Store:
    """The interface over an empty store, and beside it someone who answers looks."""
    return store


def trained(store: Store, base: RunConfig, **axes: tuple[Any, ...]) -> str:
    """A sweep that has been trained to its end."""
    lens = "beyond_the_length" if base.task == "text" else "reach"
    number = backend.client().submit_sweep(Sweep(base=base, axes=tuple(axes.items())), "me", [lens])
    workshop = Workshop(store)
    while any(run.status in ("queued", "running") for run in store.runs()):
        workshop.turn()
    return number


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "pages" / f"{page.replace('-', '_')}.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


ADDING = RunConfig(task="adding", length=5, model="gru", width=7, batch=3, steps=2, seed=977)


def test_every_network_is_asked_before_and_after_training_and_says_what_torch_says(worked: Store) -> None:
    trained(worked, ADDING, length=(5, 7), model=("rnn", "gru"))
    client, text = backend.client(), "0.3 0.5* 0.1 0.8*"
    runs = [run for run in worked.runs() if run.config.model == "gru"]
    found = client.look_all([(run.id, step, "hidden_states", text) for run in runs for step in (0, 2)])
    for at, record in enumerate(found):
        run, step = runs[at // 2], (0, 2)[at % 2]
        chunk = worked.chunk_at(run.id, "weights", step)
        assert chunk is not None
        weights = decode(chunk.body)[0]
        model = build(run.config, 2, 1)
        model.load_state_dict({name: torch.from_numpy(np.array(weights[name])) for name in model.state_dict()})
        gru = torch.nn.GRU(2, 7, batch_first=True)
        gru.load_state_dict({name.removeprefix("rnn."): value for name, value in model.rnn.state_dict().items()})
        states, _ = gru(torch.tensor([[[0.3, 0.0], [0.5, 1.0], [0.1, 0.0], [0.8, 1.0]]]))
        expected = model.readout(states)[0, -1, 0]
        assert number(record) == pytest.approx(float(expected.detach()), abs=1e-6)
        assert record.target[-1] == pytest.approx(1.3)


def test_what_cannot_be_read_is_a_sentence_in_its_place(worked: Store) -> None:
    trained(worked, ADDING, length=(5, 7))
    runs = sorted(worked.runs(), key=lambda run: run.config.length)
    long = "0.1* 0.2* " + "0.3 " * 39
    found = backend.client().look_all(
        [*((run.id, 2, "hidden_states", long) for run in runs), ("nobody", 0, "hidden_states", "x")]
    )
    assert found[0] == "41 numbers can't be read. Give 2 to 40."
    assert isinstance(found[1], HiddenStatesRecord)
    assert "There is no run 'nobody' here" in found[2]


def test_the_horizon_page_answers_an_own_sequence_that_the_address_has(worked: Store) -> None:
    number = trained(worked, ADDING, length=(5, 7), model=("rnn", "gru"))
    app = opened("memory-horizon", sweep=number, input="0.1* 0.2* " + "0.3 " * 39)
    assert not app.warning
    assert app.text_area(key="memory-horizon-own").value.startswith("0.1*")
    notes = [each.value.replace("\\", "") for each in app.caption]
    assert any("T = 5" in note and "Give 2 to 40" in note for note in notes)
    for text, way_out in (
        ("0.1 0.2", "Mark the two to add with a star"),
        ("<b>1</b>* 2*", "'<b>1</b>' is not a number"),
        ("1* 2* " + "3 " * 55, "57 numbers can't be read. Give 2 to 56."),
        ("9" * 10_000, "10,000 characters are too many. Give at most 2,000."),
        ("1\0* 2*", "is not a number"),
    ):
        app.text_area(key="memory-horizon-own").set_value(text).run()
        assert not app.exception
        assert [way_out in each.value.replace("\\", "") for each in app.warning] == [True], text
    app.text_area(key="memory-horizon-own").set_value("  ").run()
    assert not app.warning
    assert "input" not in app.query_params


def test_one_example_is_of_the_kind_of_every_length_and_what_is_not_is_said_of_each(worked: Store) -> None:
    number = trained(worked, ADDING, length=(5, 7))
    app = opened("memory-horizon", sweep=number, input="0.3* 0.8*")
    notes = [each.value.replace("\\", "") for each in app.caption]
    for length in (5, 7):
        assert any(
            f"Trained at T = {length}: Unlike in training, your input has 2 numbers instead of {length}:" in note
            for note in notes
        )
    app.button(key="memory-horizon-own-example").click().run()
    assert not app.exception
    assert "…" in app.text_area(key="memory-horizon-own").value
    notes = [each.value.replace("\\", "") for each in app.caption]
    assert not any("Unlike" in note for note in notes)
    typed = len(app.text_area(key="memory-horizon-own").value.split()) - 1
    for length in (5, 7):
        stands = f"{length - typed} number{'s' * (length - typed != 1)}"
        said = f"Trained at T = {length}: “…” stands for {stands}, drawn as in training."
        assert f"{said} :small[computed now · your input]" in notes


def test_a_sweep_of_which_nothing_has_ended_says_so(worked: Store) -> None:
    sweep = Sweep(base=ADDING, axes=(("length", (5, 7)),))
    number = backend.client().submit_sweep(sweep, "me", ["reach"])
    app = opened("memory-horizon", sweep=number, input="0.3* 0.5*")
    assert any("No network of this sweep has ended yet" in each.value for each in app.caption)
    assert not app.text_area


def test_answers_are_drawn_where_routes_cannot_be_reached(worked: Store) -> None:
    number = trained(worked, ADDING, length=(5, 7))
    app = AppTest.from_file(str(PROJECT / "pages" / "memory_horizon.py"), default_timeout=60)
    app.session_state["routes_unreachable"] = True
    app.query_params["sweep"], app.query_params["input"] = number, "0.3 0.5* 0.1 0.8*"
    app.run()
    assert not app.exception
    assert any(text.value.startswith("Right is 1.30. Nearest after training: GRU, T = ") for text in app.text)


def test_the_page_about_lengths_answers_an_own_text_under_every_encoding(worked: Store) -> None:
    base = RunConfig(
        task="text", model="transformer", length=13, width=12, heads=3, layers=1, batch=3, steps=2, warmup=1
    )
    number = trained(worked, base, positions=("learned", "alibi"))
    app = opened("beyond-the-length", sweep=number, input="The value of a name is bound.")
    assert not app.warning
    assert app.text_area(key="beyond-the-length-own").value == "The value of a name is bound."
    app.text_area(key="beyond-the-length-own").set_value("a€").run()
    assert "'€' is not in the text that this model learns from" in app.warning[0].value.replace("\\", "")
    app.text_area(key="beyond-the-length-own").set_value("a" * 106).run()
    assert "106 characters can't be read. Give 2 to 105" in app.warning[0].value.replace("\\", "")


@pytest.mark.parametrize("page", ["memory-horizon", "beyond-the-length"])
def test_the_recorded_sweep_says_why_it_cannot_be_asked_and_what_to_do(page: str, worked: Store) -> None:
    app = opened(page, input="0.3* 0.5*")
    assert any("keeps no weights" in each.value and "Press **Train**" in each.value for each in app.markdown)
    assert not app.text_area
    closed = opened(page)
    assert not any("keeps no weights" in each.value for each in closed.markdown), "computed only when open"
