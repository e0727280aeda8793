"""Inputs of the kind that a run was trained on, and the sentence that one of another kind gets: against the task's own batches."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.data import ASKED_CHARACTERS, SUNSPOTS, Series, default_text, digest, read_marked
from explainer.lenses import LENSES
from explainer.models import build
from explainer.tasks import TASKS
from explainer.tasks.base import Task
from explainer.tasks.make import make_task

CHINESE = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 40
GREEK = "μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος\nοὐλομένην, ἣ μυρί᾽ Ἀχαιοῖς ἄλγε᾽ ἔθηκε\n" * 30
MANY = (
    "".join(chr(0x4E00 + number) for number in range(2500)) + "天地玄黄宇宙洪荒\n" * 400
)  # more signs than a network reads
WEATHER = Series("temperature (°C)", "", 1, tuple(17.5 + 8.25 * math.sin(n / 3) - n / 200 for n in range(131)))
TINY = Series("tiny", "g", 1, tuple(1e-9 * (1 + n % 7) for n in range(31)))
DATA = {"text": (None, CHINESE, GREEK, MANY), "forecast": (None, WEATHER.to_text(), TINY.to_text())}
END = ": the answer tells how the network goes beyond what it was trained on, not how well it learnt."


def some_runs(task: str, count: int) -> list[tuple[RunConfig, str | None]]:
    """Random configurations of a task, with the data of each."""
    draw, found = random.Random(task), []
    for number in range(count):
        data = draw.choice(DATA.get(task, (None,)))
        most = {"forecast": 20, "text": 60, "count": 99}.get(task, 1024)
        least = 9 if task == "recall" else 8
        length = draw.choice([draw.randint(least, 13), draw.randint(least, most), most])
        config = RunConfig(
            task=task, length=length, symbols=draw.choice([2, 3, 26, 27, 256]), bits=draw.randint(1, 6), seed=number,
            data=digest(data) if data else "",
        )  # fmt: skip
        found.append((config, data))
    return found


def body_of(config: RunConfig, data: str | None) -> str:
    return data or {"text": default_text(), "forecast": SUNSPOTS.to_text()}.get(config.task, "")


def in_kind(task: Task, batch: Any, data: str) -> None:
    """That a batch of one could have been drawn in training, judged by what training draws."""
    config, T = task.config, batch.x.shape[1]
    drawn = task.batch(0, size=64)
    if config.task in ("copy", "adding"):
        assert T == drawn.x.shape[1]
    assert 2 <= T <= drawn.x.shape[1]
    x = batch.x[0]
    if config.task == "adding":
        assert 0 <= float(x[:, 0].min()) <= float(x[:, 0].max()) <= 1
        assert x[: T // 2, 1].sum() == x[T // 2 :, 1].sum() == 1
    elif config.task == "copy":
        waiting = drawn.x[0] >= config["symbols"]
        assert torch.equal(x[waiting], drawn.x[0][waiting])
        assert (x[~waiting] < config["symbols"]).all()
    elif config.task == "flipflop":
        assert set(x.unique().tolist()) <= {-1.0, 0.0, 1.0}
        assert x[0].abs().min() == 1
    elif config.task == "repeat":
        lengths = range(math.ceil(config.length / 4), config.length // 2 + 1)
        assert any(T > P and torch.equal(x[P:], x[:-P]) for P in lengths)
    elif config.task == "text":
        part = data[: int(0.9 * len(data))]
        assert {task.vocabulary[token] for token in x.tolist()} <= {
            task.vocabulary[token]
            for token in task.numbers(part)  # type: ignore[attr-defined]
        }
    elif config.task == "forecast":
        values = np.array(Series.from_text(data).values)
        train = values[: len(values) - min(60, len(values) // 5)]
        given = task.in_units(x[:, 0].double()).numpy()
        slack = 1e-5 * np.abs(train).max()
        assert train.min() - slack <= given.min() <= given.max() <= train.max() + slack
        runs = np.lib.stride_tricks.sliding_window_view(values, T)
        assert (np.abs(runs - given).max(axis=1) <= slack).any(), "values of the series, behind each other"


@pytest.mark.parametrize("task", TASKS)
def test_every_example_can_be_read_and_is_of_the_kind_of_training(task: str) -> None:
    for config, data in some_runs(task, 25):
        body = body_of(config, data)
        seen = config.problem.seen(body)
        examples = config.problem.examples(seen)
        assert len(examples) >= (1 if data in (MANY, TINY.to_text()) else 2), (config, examples)
        made = make_task(config, data)
        for example in examples[:3]:
            assert len(example) <= ASKED_CHARACTERS
            assert "\n" not in example, "a box of one line holds it"
            assert config.problem.unlike(example, seen, config.seed) == [], example
            in_kind(made, made.read(example), body)
        assert config.problem.examples(seen) == examples, "always the same"


@pytest.mark.parametrize("task", ["adding", "flipflop", "repeat", "text", "forecast"])
def test_what_training_draws_is_never_said_to_be_unlike_it(task: str) -> None:
    for config, data in some_runs(task, 12):
        seen = config.problem.seen(body_of(config, data))
        made = make_task(config, data)
        for row in range(5):
            batch = made.batch(row, size=1)
            words = made.axis(batch)
            if task == "text":
                text = "".join(made.characters[token] for token in batch.x[0].tolist())  # type: ignore[attr-defined]
            elif task == "forecast":
                text = " ".join(
                    repr(value) for value in nearest(body_of(config, data), made.in_units(batch.x[0, :, 0]))
                )
            else:
                text = " ".join(words)
            assert config.problem.unlike(text, seen, config.seed) == [], text[:200]


def nearest(body: str, values: torch.Tensor) -> list[float]:
    """The values of a series that numbers in single precision stand for."""
    series = np.array(Series.from_text(body).values)
    return [float(series[np.abs(series - value).argmin()]) for value in values.double().tolist()]


ADDING = RunConfig(task="adding", length=7)
REPEAT = RunConfig(task="repeat", length=19, symbols=26)
FLIPFLOP = RunConfig(task="flipflop", length=5, bits=3)
READER = RunConfig(task="text", length=11, model="gru")
SEER = RunConfig(task="forecast", length=5)
OWN = RunConfig(task="forecast", length=5, data=digest(WEATHER.to_text()))
STRANGE = "abc\n" * 50 + "abcß\n" * 4  # ß in the held-out part alone


@pytest.mark.parametrize(
    ("config", "text", "has"),
    [
        (ADDING, "0.3 0.5* 0.1 0.8*", "4 numbers instead of 7"),
        (ADDING, "0.3 0.5* … 0.8* 1", ""),
        (ADDING, "0.3 0.5* … 0.8* 1.5", "a value of 1.5 instead of 0 to 1"),
        (ADDING, "-2 0.5* … 0.8* 1.5", "values from -2 to 1.5 instead of 0 to 1"),
        (ADDING, "0.3 0.5* … 0.8", "1 mark instead of 2"),
        (ADDING, "0.3* 0.5* … 0.8*", "3 marks instead of 2"),
        (ADDING, "0.3* 0.5* … 0.8", "both marks in the first half instead of one in each"),
        (ADDING, "0.3 … 0.5* 0.8*", "both marks in the second half instead of one in each"),
        (
            ADDING,
            "0.1 9* 8* " + "0.2 " * 7,
            "10 numbers instead of 7, values from 8 to 9 instead of 0 to 1 and both marks in the first half instead of one in each",
        ),
        (FLIPFLOP, "+1-2+3 · -1", ""),
        (FLIPFLOP, "+1 · -1", "no pulse of bits 2 and 3 at the first step, which sets every bit in training"),
        (FLIPFLOP, "+1-3 · -1 · +2 ·", "6 steps instead of at most 5 and no pulse of bit 2 at the first step, which sets every bit in training"),
        (REPEAT, "ABCD", ""),
        (REPEAT, "ABCDE ABCDE AB", ""),
        (REPEAT, "AB ABAB", "a repetition after 2 symbols instead of 5 to 9"),
        (REPEAT, "A", ""),
        (REPEAT, "AAAA", "a repetition after 1 symbol instead of 5 to 9"),
        (REPEAT, "ABCDEFGHIJKL", "no repetition instead of one after 5 to 9 symbols"),
        (REPEAT, "ABCDE" * 4, "20 symbols instead of at most 19"),
        (REPEAT.but(symbols=2), "ABABAB", ""),
        (READER, "The value", ""),
        (READER, "The value of", "12 characters instead of at most 11"),
        (SEER, "12 30 65", ""),
        (SEER, "12 30 65 9 8 7", "6 numbers instead of at most 5"),
        (SEER, "12 300", "a value of 300 instead of 0 to 154.4 sunspots"),
        (OWN, "12 30 -1", "values from -1 to 30 instead of 8.89874 to 25.6871 °C"),
        (RunConfig(task="copy"), "ABCDEFGHAB", ""),
    ],
)  # fmt: skip
def test_an_input_of_another_kind_gets_exactly_its_sentence(config: RunConfig, text: str, has: str) -> None:
    seen = config.problem.seen(body_of(config, WEATHER.to_text() if config is OWN else None))
    said = config.problem.about(text, seen, config.seed)
    drawn, _, rest = said.rpartition("as in training. ") if "…" in text else ("", "", said)
    assert rest == (f"Unlike in training, your input has {has}{END}" if has else ("" if "…" not in text else rest))
    assert bool(drawn or said.endswith("as in training.")) == ("…" in text)
    if config not in (READER, OWN) and text != "A":
        made = make_task(config, None)
        assert made.read(text).x.shape[0] == 1, "and it is answered"


@pytest.mark.parametrize(
    ("config", "text", "until", "has"),
    [
        (ADDING.but(length=11), "0.1 0.2* 0.3 0.4 0.5 0.6 0.7", 6, ""),
        (ADDING.but(length=11), "0.1 0.2 0.3 0.4", 3, ""),
        (ADDING.but(length=11), "0.1 0.2* 3 0.4", 1, ""),
        (ADDING.but(length=11), "0.1 0.2* 3 0.4", 2, "a value of 3 instead of 0 to 1"),
        (ADDING.but(length=11), "0.1 0.2 0.3 0.4 0.5 0.6", 5, "0 marks in the first half instead of 1"),
        (ADDING.but(length=11), "0.1* 0.2* …", 3, "2 marks in the first half instead of 1"),
        (ADDING.but(length=11), "0.1* …", 9, ""),
        (ADDING.but(length=11), "0.1* …", 10, "0 marks in the second half instead of 1"),
        (REPEAT, "ABBBB", 1, ""),
        (REPEAT, "AAAAB", 3, "a repetition after 1 symbol instead of 5 to 9"),
        (READER, "The value of", 4, ""),
        (SEER, "12 300", 0, ""),
        (SEER, "12 300", 1, "a value of 300 instead of 0 to 154.4 sunspots"),
    ],
)  # fmt: skip
def test_of_an_input_whose_memory_is_taken_over_its_beginning_counts(
    config: RunConfig, text: str, until: int, has: str
) -> None:
    seen = config.problem.seen(body_of(config, None))
    said = config.problem.about(text, seen, config.seed, until)
    drawn = f"In the other input “…” stands for {11 - text.count('0.')} numbers, drawn as in training." * ("…" in text)
    whose = f"Unlike in training, the other input has, up to t = {until}, {has}{END}" * bool(has)
    assert said == " ".join(filter(None, (drawn, whose)))


def test_characters_that_only_the_held_out_part_has_are_named() -> None:
    config = RunConfig(task="text", length=5, data=digest(STRANGE))
    seen = config.problem.seen(STRANGE)
    assert config.problem.unlike("abß", seen, config.seed) == [
        "the character 'ß' that the training part of the text never has"
    ]
    assert config.problem.unlike("abc", seen, config.seed) == []
    assert not any("ß" in example for example in config.problem.examples(seen))


def test_the_range_is_that_of_the_training_part() -> None:
    values = np.array(SUNSPOTS.values)
    seen = SEER.problem.seen(SUNSPOTS.to_text())
    assert (seen.low, seen.high) == (values[:-60].min(), values[:-60].max())
    assert values[-60:].max() > seen.high, "or the test could not tell"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("0.5* … 0.8*", (0, 10)),
        ("0.5* ... 0.8*", (0, 10)),
        ("… 0.5* … 0.8* …", (3, 7)),
        ("0.3, 0.5*, …, 0.8*", (1, 10)),
        ("0,3 0,5* … 0,8*", (1, 10)),
        ("0,3; 0,5*; …; 0,8*", (1, 10)),
        ("0.5*…0.8*", (0, 10)),
    ],
)
def test_a_gap_is_filled_up_to_the_length_of_training(text: str, places: tuple[int, int]) -> None:
    found = read_marked(text, 11, seed=3)
    assert len(found.values) == len(found.marks) == 11
    assert tuple(np.flatnonzero(found.marks)) == places
    assert [found.values[place] for place in places] == [0.5, 0.8]
    assert found.drawn == 11 - text.count("0.") - text.count("0,")
    typed = " ".join(f"{value:g}{'*' * mark}" for value, mark in zip(found.values, found.marks, strict=True))
    assert read_marked(typed, 11, seed=3)[:2] == found[:2], "what was drawn can be typed"


def test_what_was_drawn_stays_when_what_was_typed_is_altered() -> None:
    one, other = (read_marked(f"0.3 {value}* … 0.8*", 30, seed=7).values for value in (0.5, 0.9))
    assert one[2:] == other[2:]
    assert len(set(one[2:-1])) > 20
    assert read_marked("0.3 0.5* … 0.8*", 30, seed=8).values != one
    assert read_marked("0.3 0.5* … 0.8*", 3, seed=8).drawn == 0
    assert read_marked("0.3 0.5* 0.8*", 30, seed=8).drawn == 0


def test_values_that_are_drawn_are_spread_as_in_training() -> None:
    drawn = np.array(read_marked("…", 1024, seed=0).values)
    assert abs(drawn.mean() - 0.5) < 4 / math.sqrt(12 * 1024)
    assert (drawn.min(), drawn.max()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))


@pytest.mark.parametrize("text", ["1,5 … 2", "… x", "1_0* …", "1,234.5* …", "½* …"])
def test_a_gap_beside_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"more than one way|is not a number"):
        read_marked(text, 9, seed=0)


def longer(lens: str, model: str, task: str) -> RunConfig | None:
    """A run that the lens can be asked about with an input."""
    config = RunConfig(task=task, length=8, model=model, width=12, heads=3, layers=1, positions="alibi", symbols=5)
    return config if LENSES[lens].suits(config) and LENSES[lens].answer is None else None


LONGER = [
    (lens, config)
    for lens in LENSES
    for model in ("gru", "transformer")
    for task in ("adding", "repeat", "flipflop", "text", "forecast")
    if (config := longer(lens, model, task)) is not None
]


@pytest.mark.parametrize(
    ("lens", "config"), LONGER, ids=[f"{lens} {config.model} {config.task}" for lens, config in LONGER]
)
def test_an_input_that_is_longer_than_those_of_training_is_seen_whole(lens: str, config: RunConfig) -> None:
    task = config.task
    made = make_task(config)
    batch = made.read(" ".join(made.axis(made.batch(0, size=1)) * 2) if task != "text" else "The value of a name is")
    T = batch.x.shape[1]
    assert T > config.length
    record = LENSES[lens].look(build(config, made.inputs, made.outputs), batch, made)
    for name in ("tokens", "losses", "states"):
        if hasattr(record, name) and lens not in ("microscope", "jacobian", "glasses"):
            assert T in (np.shape(getattr(record, name))), (name, np.shape(getattr(record, name)))


def test_who_can_read_on_and_who_cannot() -> None:
    transformer = RunConfig(task="text", model="transformer", length=13, width=12, heads=3)
    assert transformer.longest_input == 13, "learned positions have no row beyond"
    assert transformer.but(positions="rotary").longest_input == 104
    assert ADDING.but(length=500).longest_input == 1024
    with pytest.raises(ValueError, match=r"14 characters can't be read. Give 2 to 13"):
        make_task(transformer).read("a" * 14)


def test_the_examples_of_tasks_are_sentences() -> None:
    for task in TASKS:
        for config, data in some_runs(task, 4):
            said = make_task(config, data).example()
            assert said[0].isupper() or said[0] in "“"
            assert said.endswith(".")
            assert any(word in said.split() for word in ("is", "are", "come", "has")), said
