"""A pattern of units and the places where it comes again: against plain loops, and as the page asks for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from explainer.charts.panel import Frame, Moment, Reel, fill, labels_of, reading_at, still
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.data import digest
from explainer.lenses import LENSES
from explainer.lenses.pattern import look as lens
from explainer.lenses.pattern import notes as figures_notes
from explainer.lenses.pattern import panels as figures
from explainer.lenses.pattern.record import PatternRecord
from explainer.models import Recurrent, build
from explainer.records import to_arrays
from explainer.runs.active import record as recorded
from explainer.runs.inputs import prepare
from explainer.runs.store import Store
from explainer.runs.tape import decode_view
from explainer.runs.tape_file import SHIPPED, load_tape
from explainer.tasks.text.draw import Text
from explainer.theory import patterns

PROJECT = Path(__file__).resolve().parents[1]
RIDDLE = "What walks on four feet in the morning, two at noon, and three in the evening?\n" * 23
T, N = 17, 11
rng = np.random.default_rng(7)


def setting(model: str = "gru", **more: Any) -> tuple[Recurrent, Text]:
    config = RunConfig(task="text", model=model, length=T, width=N, data=digest(RIDDLE), **more)
    task = Text(config, RIDDLE)
    network = build(config, task.inputs, task.outputs)
    assert isinstance(network, Recurrent)
    return network, task


def answered(question: str, model: str = "gru", **more: Any) -> PatternRecord:
    network, task = setting(model, **more)
    answer = LENSES["pattern"].answer
    assert answer is not None
    record = answer(network, question, task)
    assert isinstance(record, PatternRecord)
    return record


# -- theory -----------------------------------------------------------------------------------


def test_a_pattern_is_what_stays_on_and_if_asked_has_just_come_on() -> None:
    on = np.array([[1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 0, 1]], bool)
    assert patterns.pattern(on, 1, 2, fresh=False).tolist() == [0, 1]
    assert patterns.pattern(on, 1, 2, fresh=True).tolist() == [1]
    assert patterns.pattern(on, 0, 1, fresh=True).tolist() == [0, 2]


@pytest.mark.parametrize("length", [1, 3, 13, 14])
def test_stretches_and_places_are_those_that_loops_find(length: int) -> None:
    on = rng.random((5, 13, 3)) < 0.8
    together = on.all(axis=-1)
    found = patterns.held(together, length)
    by_hand = [[all(together[row, t : t + length]) for t in range(13 - length + 1)] for row in range(5)]
    assert found.tolist() == by_hand
    runs = []
    for row in range(5):
        t = 0
        while t < 13:
            end = t
            while end < 13 and together[row, end]:
                end += 1
            if end - t >= max(length, 1):
                runs.append((row, t, end - t))
            t = end + 1
    assert [tuple(place) for place in patterns.places(together, length)] == runs


def dealt(on: np.ndarray) -> np.ndarray:
    """Each unit's rows in an order of their own."""
    return np.stack([on[rng.permutation(len(on)), :, u] for u in range(on.shape[2])], axis=-1)


def test_what_chance_would_have_is_what_comes_out_when_each_unit_s_rows_are_dealt_anew() -> None:
    """All units come on as a row goes on, which is no coincidence; two of them go together beside, which is."""
    course = np.linspace(0.2, 0.95, 19)[:, None]
    on = rng.random((41, 19, 3)) < course
    on[..., 1] = np.where(rng.random((41, 19)) < 0.6, on[..., 0], on[..., 1])
    counts = [patterns.held(dealt(on).all(axis=-1), 3).sum() for _ in range(3000)]
    assert patterns.expected(on, 3) == pytest.approx(np.mean(counts), rel=0.01)
    by_hand = sum(
        41 * math.prod(np.mean([on[r, t : t + 3, u].all() for r in range(41)]) for u in range(3)) for t in range(17)
    )
    assert patterns.expected(on, 3) == pytest.approx(by_hand)
    assert patterns.expected(on, 20) == 0
    assert patterns.expected(on[..., :0], 3) == 0


def test_the_excess_has_the_error_that_it_varies_with_from_draw_to_draw() -> None:
    found = []
    for _ in range(200):
        on = rng.random((80, 13, 2)) < 0.5
        on[..., 1] = np.where(rng.random((80, 1)) < 0.5, on[..., 0], on[..., 1])  # in half of the rows the same
        found.append(patterns.excess(on, 2))
        assert found[-1][0] == pytest.approx(patterns.held(on.all(-1), 2).sum() / patterns.expected(on, 2))
    times, errors = np.transpose(found)
    assert np.std(times) == pytest.approx(np.mean(errors), rel=0.2)
    assert np.isnan(patterns.excess(on, 14)).all()
    assert np.isnan(patterns.excess(on[:1], 2)[1])
    never, error = patterns.excess(on & False, 2)
    assert math.isnan(never)
    assert math.isnan(error)


def test_a_block_s_part_in_the_error_is_that_of_leaving_its_rows_out() -> None:
    on = rng.random((47, 11, 3)) < 0.8
    blocks = [list(block) for block in np.split(np.arange(47), np.searchsorted(np.arange(47) * 20 // 47, range(1, 20)))]
    without = []
    for block in blocks:
        rest = np.delete(on, block, axis=0)
        without.append(patterns.held(rest.all(-1), 2).sum() / patterns.expected(rest, 2))
    expected = math.sqrt(19 / 20 * sum((each - np.mean(without)) ** 2 for each in without))
    assert patterns.excess(on, 2)[1] == pytest.approx(expected)


def test_independent_units_come_together_about_as_often_as_expected() -> None:
    on = rng.random((101, 211, 3)) < 0.8
    assert patterns.held(on.all(axis=-1), 2).sum() == pytest.approx(patterns.expected(on, 2), rel=0.03)


# -- the lens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["rnn", "rnn_relu", "lstm", "gru"])
@pytest.mark.parametrize(("first", "last", "new"), [(4, 5, ""), (7, 7, ""), (3, 6, " new")])
def test_the_places_are_those_that_a_plain_search_finds(model: str, first: int, last: int, new: str) -> None:
    text, threshold, length = "What walks on", 0.05, last - first + 1
    record = answered(f"{first}-{last} {threshold}{new}\n{text}", model, layers=2)
    network, _ = setting(model, layers=2)
    tokens = sorted(set(RIDDLE))

    def states(characters: str) -> np.ndarray:
        x = torch.nn.functional.one_hot(torch.tensor([[tokens.index(each) for each in characters]]), len(tokens))
        return network.rnn(x.float())[0][0].detach().numpy()  # type: ignore[no-any-return]

    here = states(text) > threshold
    units = [
        unit
        for unit in range(N)
        if all(here[t, unit] for t in range(first, last + 1)) and not (new and here[first - 1, unit])
    ]
    assert record.units.tolist() == units
    assert record.tokens == tuple(text.replace(" ", "␣"))
    assert record.above == sum(all(here[t, unit] for t in range(first, last + 1)) for unit in range(N))
    np.testing.assert_allclose(record.on, here[:, units].mean(axis=1) if units else 0, atol=1e-6)

    validation = RIDDLE[len(RIDDLE) * 9 // 10 :]
    rows = [validation[at : at + T] for at in range(0, len(validation) - T + 1, T)]
    found, places = 0, []
    for row, window in enumerate(rows):
        on = states(window)[:, units] > threshold
        starts = [t for t in range(T - length + 1) if units and on[t : t + length].all()]
        found += len(starts)
        places += [(row, t) for t in starts if t == 0 or not on[t - 1].all()]
    assert record.searched == len(rows) * (T - length + 1)
    assert (record.found, record.places) == (found, len(places))
    for (row, start), share, text_there in zip(
        places, record.shares, np.reshape(record.texts, record.shares.shape), strict=False
    ):
        assert text_there[record.before] == rows[row][start].replace(" ", "␣").replace("\n", "⏎")
        np.testing.assert_allclose(share[record.before : record.before + length], 1)
        outside = [not 0 <= start + column - record.before < T for column in range(len(share))]
        assert np.isnan(share).tolist() == outside == [letter == "" for letter in text_there]


def test_a_search_is_bounded() -> None:
    _, task = setting()
    assert task.windows("validation", 100).shape == (5, T)
    assert task.windows("validation", 10**9).shape == (len(RIDDLE) // 10 // T, T)
    record = answered("0-0 -0.9\nWhat")
    assert len(record.units) == N
    assert record.found == record.searched
    assert len(record.lengths) == min(record.places, lens.MOST_PLACES)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "can't be read"),
        ("what?", "can't be read"),
        ("1-2 1.2.3\nWhat", "can't be read"),
        ("1-9 0.3\nWhat", "The stretch 1-9 does not lie within the 4 characters"),
        ("3-2 0.3\nWhat", "does not lie within"),
        ("0-1 0.3\nWhat€", "'€' is not in the text"),
        ("0-1 0.3\n" + "a" * 137, "137 characters can't be read"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_a_sentence(question: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refusal:
        answered(question)
    assert said in str(refusal.value)


def test_the_lens_is_for_recurrent_networks_that_read_text() -> None:
    suits = LENSES["pattern"].suits
    assert suits(RunConfig(task="text", model="gru"))
    assert not suits(RunConfig(task="text", model="transformer"))
    assert not suits(RunConfig(task="adding", model="gru"))


def test_without_a_question_it_takes_the_end_of_the_batch_and_leaves_the_model_alone() -> None:
    network, task = setting(dropout=0.5)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    record = LENSES["pattern"].look(network, task.batch(0, "validation"), task)
    assert (record.first, record.last) == (T - 2, T - 1)
    assert network.training
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())


# -- figures and sentences --------------------------------------------------------------------


def made(**changes: Any) -> PatternRecord:
    nan = math.nan
    fields: dict[str, Any] = {
        "units": np.array([2, 5, 7]),
        "above": 3,
        "tokens": tuple("a<␣b"),
        "on": np.array([0, 1, 1, 1 / 3], np.float32),
        "first": 1,
        "last": 2,
        "threshold": 0.3,
        "found": 21,
        "searched": 1000,
        "expected": 3.5,
        "times": 6.0,
        "times_error": 0.75,
        "places": 7,
        "shares": np.array([[nan, 1, 1, 0.5], [0.25, 1, 1, nan]], np.float32),
        "before": 1,
        "lengths": np.array([2, 2]),
        "texts": ("", "<", "b", "c", "d", "e", "f", ""),
    }
    return PatternRecord(**fields | changes)


def reel_of(record: PatternRecord) -> Reel:
    arrays, text = to_arrays(record)
    notes = figures_notes.notes(record, Moment({"width": 9}, 0))
    frame = Frame(0, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)
    return Reel({}, answers={"pattern": frame})


def test_the_squares_carry_the_characters_and_their_shares() -> None:
    reel = reel_of(made())
    run = subject(RunConfig(task="text"), {})
    stretch, places = (fill(panel, [reel], 0) for panel in figures.panels(run, "dark"))
    assert stretch["data"][0]["text"] == ["a", "&lt;", "␣", "b"]
    assert stretch["data"][0]["marker"]["line"]["width"] == [0.5, 3, 3, 0.5]
    drawn = places["data"][0]
    assert drawn["text"] == ["&lt;", "b", "c", "d", "e", "f"]
    assert drawn["x"] == [0, 1, 2, -1, 0, 1]
    assert drawn["y"] == [0, 0, 0, -1, -1, -1]
    assert drawn["marker"]["color"] == pytest.approx([1, 1, 0.5, 0.25, 1, 1])
    assert (places["layout"]["shapes"][0]["x0"], places["layout"]["shapes"][0]["x1"]) == (-0.5, 1.5)
    for panel in figures.panels(run, "light"):
        shown = still(panel, [reel])
        go.Figure(shown.figure)
        assert shown.slots == ()
        assert shown.reading == reading_at(panel, [reel], 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "All 3 are on over 21 of 1,000 stretches of 2 characters (2.10%), at 7 places, the first 2 shown. If each were on as often and as long, "
            "but independently of the others, they would all be on over 3.5: this is 6 ± 0.75 times as many.",
        ),
        ({"units": np.array([2])}, "It is on over 21 of 1,000 stretches of 2 characters (2.10%)"),
        ({"units": np.array([2])}, "One unit alone has nothing to coincide with."),
        (
            {"units": np.array([], int), "above": 0},
            "No unit, so nothing to look for in the 1,000 stretches of 2 characters.",
        ),
        ({"expected": 0.0, "found": 0}, "independently of the others, they would never all be on."),
        ({"expected": 0.0031}, "would all be on over 0.0031: too few to say how many times as many this is."),
        ({"expected": 123456.7, "times": 12345.6}, "over 123,000: this is 12,300 ± 0.75 times as many."),
        ({"times_error": math.nan}, "this is 6 times as many, from too few windows for an error."),
        (
            {"found": 0, "places": 0, "lengths": np.zeros(0, int), "shares": np.zeros((0, 4)), "texts": ()},
            "All 3 are on over none of 1,000 stretches of 2 characters. If each",
        ),
        ({"on": np.full(4, np.nan)}, "The states are not finite numbers, so there is nothing to look for."),
        ({"found": 0, "searched": 0}, "longer than the windows"),
        ({"last": 1}, "stretches of 1 character ("),
    ],
)
def test_the_sentence_says_how_often_and_how_often_by_chance(changes: dict[str, Any], said: str) -> None:
    assert said in figures_notes.places_reading(made(**changes))


def test_the_units_are_named() -> None:
    assert figures_notes.stretch_reading(made(), 9) == "Units 2, 5 and 7 of 9 are above 0.3 all along “<␣”."
    assert (
        figures_notes.stretch_reading(made(units=np.array([4]), above=1), 9)
        == "Unit 4 of 9 is above 0.3 all along “<␣”."
    )
    assert "0, 1, 2, 3, 4, 5, 6, 7 and 4 more of 12 are" in figures_notes.stretch_reading(
        made(units=np.arange(12), above=12), 12
    )
    none = np.array([], int)
    assert figures_notes.stretch_reading(made(units=none, above=0), 9).startswith("None of the 9 units is above 0.3")
    assert figures_notes.stretch_reading(made(units=none, above=0), 1).startswith("The one unit is not above 0.3")
    # Five are above, and asked for were those that had just come on.
    assert figures_notes.stretch_reading(made(units=none, above=5), 9) == (
        "None has just come on: the 5 units of 9 that are above 0.3 all along “<␣” are so one character before, too. "
        "Begin the stretch elsewhere, or ask for all of them."
    )
    assert "the 1 unit of 9 that is above" in figures_notes.stretch_reading(made(units=none, above=1), 9)
    some = figures_notes.stretch_reading(made(above=4), 9)
    assert (
        some == "Units 2, 5 and 7 of 9 are above 0.3 all along “<␣”, and were not one character before; 4 are in all."
    )
    wild = made(on=np.full(4, np.nan, np.float32))
    assert figures_notes.stretch_reading(wild, 9) == "The states are not finite numbers, so no unit is on or off."


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def store(own_store: Store, looks_answered: None) -> Store:
    """A store with a run on text, and someone who answers looks."""
    prepared = prepare(RunConfig(task="text", length=T, width=N, steps=5, batch=3), RIDDLE)
    own_store.save_text(prepared.digest, prepared.body)
    own_store.create("text", prepared.config, owner="me", lenses=("gates",), data=prepared.digest)
    for _ in recorded(own_store, "text"):
        pass
    return own_store


def test_the_page_asks_the_worker_and_says_what_is_wrong_with_a_text(store: Store) -> None:
    app = AppTest.from_file(str(PROJECT / "pages" / "gates.py"), default_timeout=60)
    app.query_params["run"] = "text"
    app.session_state["routes_unreachable"] = True
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    assert not app.warning, "what the box suggests is in the letters of the run's own text"
    box = f"pattern-text{digest(RIDDLE)[:8]}"
    assert set(app.get_by_key(box).value) <= set(RIDDLE)
    app.get_by_key(box).set_value("The value").run()
    assert "'T' is not in the text" in app.warning[0].value.replace("\\", "")
    app.get_by_key(box).set_value("two feet").run()
    app.get_by_key("pattern-threshold").set_value(-0.9).run()
    assert not app.exception
    assert not app.warning
    said = "\n".join(text.value for text in app.text)
    assert f"{N - 8} more of {N} are above -0.9 all along" in said
    assert f"All {N} are on over" in said


def test_a_network_that_reads_no_text_has_a_sentence_instead(store: Store) -> None:
    store.create("numbers", RunConfig(task="adding", width=5), owner="me", lenses=("gates",))
    app = AppTest.from_file(str(PROJECT / "pages" / "gates.py"), default_timeout=60)
    app.query_params["run"] = "numbers"
    app.session_state["routes_unreachable"] = True
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    assert any("for a network that reads text" in caption.value for caption in app.caption)
    load_tape(store, SHIPPED / "lesson-text.tape")
    app.run()
    assert not app.exception
    assert not app.warning
    (said,) = [caption.value for caption in app.caption if "reads no text" in caption.value]
    assert "](/gates?run=lesson-text)" in said
    assert any("stretches of 5 characters" in text.value for text in app.text)


def test_the_recorded_reader_is_looked_into_and_its_pattern_is_its_own(store: Store) -> None:
    """Weights of eight moments at least, the last one included, and a state that has learnt to tell quotation marks."""
    load_tape(store, SHIPPED / "lesson-text.tape")
    run = store.run("lesson-text")
    assert run is not None
    assert run.meta["final"]["validation loss"] < 0.6 * run.meta["baseline"]
    steps = store.steps("lesson-text", "weights")
    assert len(steps) >= 8
    assert steps[-1] == run.step
    first, last = (store.chunk_at("lesson-text", "view:gates", step) for step in (0, run.step))
    assert first is not None
    assert last is not None
    before, after = (decode_view("gates", chunk.body) for chunk in (first, last))
    quotes = np.abs([before.correlations[1], after.correlations[1]]).max(axis=1)
    np.testing.assert_allclose(quotes, [0.14, 0.28], atol=0.005)
    np.testing.assert_allclose(before.probes, [0.18, 0.13, 0.47, 0.22], atol=0.005)
    np.testing.assert_allclose(after.probes, [0.19, 0.26, 0.56, 0.11], atol=0.005)
    np.testing.assert_allclose(after.untrained, before.probes, atol=1e-5)
    gains, errors = after.probes - after.untrained, after.gain_errors
    np.testing.assert_allclose(gains[:2], [0.01, 0.13], atol=0.005)
    np.testing.assert_allclose(errors[:2], [0.015, 0.029], atol=0.001)
    assert gains[0] < errors[0]  # the page: less than its error
    assert (np.abs(gains) > 3 * errors).tolist() == [False, True, True, True]
    app = AppTest.from_file(str(PROJECT / "pages" / "gates.py"), default_timeout=60)
    app.query_params["run"] = "lesson-text"
    app.session_state["routes_unreachable"] = True
    app.session_state["owner"] = "me"
    app.run()
    assert not app.exception
    assert not app.warning
    assert not any("reads no text" in caption.value for caption in app.caption)
    assert any("stretches of 5 characters" in text.value for text in app.text)
