"""What figures know of a run: the guesses that it must beat, in units of the loss, and what is not held out."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment
from explainer.charts.subject import repeated_words, subject
from explainer.config import RunConfig
from explainer.data import SUNSPOTS, Series, digest
from explainer.data.repeats import STRETCH
from explainer.runs.active import describe
from explainer.tasks import TASKS
from explainer.tasks.make import make_task
from explainer.training import Trainer

BASE = RunConfig(length=13, width=5, batch=3, steps=7)


def subject_of(config: RunConfig, data: str | None = None) -> dict[str, object]:
    trainer = Trainer(config, data, torch.device("cpu"))
    return subject(config, describe(trainer))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_references_and_the_guess_without_a_memory_is_first(name: str) -> None:
    about = subject_of(BASE.but(task=name))
    references = about["references"]
    assert isinstance(references, list)
    assert references[0] == (about["loss_baseline_name"], about["loss_baseline"])
    assert all(isinstance(label, str) and label and 0 < loss < 10 for label, loss in references)


def test_the_references_of_each_task_are_the_known_losses() -> None:
    def of(name: str) -> dict[str, float]:
        return dict(subject_of(BASE.but(task=name))["references"])  # type: ignore[call-overload]

    assert of("adding") == {"guessing the mean sum": 1 / 6}
    assert of("copy") == {"guessing without a memory": pytest.approx(10 * math.log(8) / 33)}
    assert of("repeat") == {"guessing any symbol": math.log(8)}
    assert of("flipflop") == {"guessing without a memory": pytest.approx(0.8 * 12 / 13)}
    train = np.array(SUNSPOTS.values[:-60])
    assert of("forecast")["repeating the last value"] == pytest.approx(
        np.mean(np.diff(SUNSPOTS.values)[-60:] ** 2) / train.var(), rel=1e-9
    )
    assert list(of("text")) == [
        "guessing by the characters’ frequencies",
        "guessing by the last character (bigrams)",
        "guessing by the last two characters (trigrams)",
        "guessing any character",
    ]


@pytest.mark.parametrize("name", TASKS)
def test_a_page_has_words_of_its_own_for_every_guess_of_a_task(name: str) -> None:
    built = make_task(BASE.but(task=name), None)
    guesses = TASKS[name].guesses
    for recorded in {built.baseline_name, *built.references, *built.loss_references}:
        assert guesses[recorded] != recorded
        assert not re.search(r"\bln\b|always|alone|no memory:", guesses[recorded])


def test_what_was_recorded_before_there_were_references_is_said_only_where_it_is_right() -> None:
    old = {"baseline": 0.25, "baseline_name": "a guess"}
    assert subject(BASE.but(task="copy"), old)["references"] == [("a guess", 0.25)]
    assert subject(BASE.but(task="repeat"), old)["loss_baseline"] == math.log(8)
    for task in ("text", "forecast"):  # an entropy of other letters than those of the loss; a metric in other units
        about = subject(BASE.but(task=task), old)
        assert (about["references"], about["loss_baseline"]) == ([], None)


def test_a_rule_that_is_never_wrong_has_no_line_on_a_logarithmic_axis() -> None:
    series = Series("level", "m", 1, (*np.random.default_rng(5).normal(size=97).tolist(), *[1.5] * 61))
    config = BASE.but(task="forecast", data=digest(series.to_text()))
    assert make_task(config, series.to_text()).loss_references["nothing changes"] == 0
    assert [name for name, _ in subject_of(config, series.to_text())["references"]] == [  # type: ignore[attr-defined]
        "a linear fit to the last nine values (AR(9))"
    ]


# -- text that is not held out ----------------------------------------------------------------


@pytest.mark.parametrize(("share", "said"), [(None, ""), (0.0, ""), (0.01, ""), (0.0134, "1% of"), (0.2234, "22% of")])
def test_text_that_is_not_held_out_is_named_above_one_percent(share: float | None, said: str) -> None:
    words = repeated_words(share)
    assert words.startswith(said)
    assert bool(words) == bool(said)
    assert f"{STRETCH} characters" in words or not said


def test_it_is_said_beside_the_loss_of_the_run() -> None:
    text = "A sentence that comes again and again says nothing about anything that is new.\n" * 9
    config = BASE.but(task="text", data=digest(text))
    about = subject_of(config, text)
    metrics = {"step": np.array([1, 2]), "loss": np.array([3.0, 2.0])}
    assert "100% of the validation text stands word for word" in loss_reading(Moment(about, 2, metrics))
    fresh = subject_of(BASE.but(task="text"))
    assert "word for word" not in loss_reading(Moment(fresh, 2, metrics))
