"""What every task says of itself without torch is what its torch half does."""

from __future__ import annotations

import inspect
import string
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from explainer import config as configurations
from explainer.config import RunConfig
from explainer.data import SOURCES, Seen
from explainer.extensions import named
from explainer.lenses import LENSES
from explainer.models import build
from explainer.runs.inputs import prepare, training_inputs
from explainer.tasks import TASKS, OfData
from explainer.tasks.base import Task, Windowed
from explainer.tasks.make import make_task
from explainer.tasks.problem import Problem
from explainer.ui.source import source_of
from tests.toys.tasks import EvensProblem

ALL = {**TASKS, EvensProblem.kind: EvensProblem}


@pytest.fixture(autouse=True)
def evens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task from outside is held to the same."""
    monkeypatch.setitem(TASKS, EvensProblem.kind, EvensProblem)
    knob = configurations.KNOBS["task"]
    monkeypatch.setattr(knob, "metadata", {**knob.metadata, "choices": tuple(TASKS)})


def made(name: str) -> tuple[RunConfig, Problem, Task]:
    config = RunConfig(task=name, length=17, batch=5, width=8, heads=2)
    return config, config.problem, make_task(config)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_a_folder_with_its_two_halves(name: str) -> None:
    if not TASKS[name].__module__.startswith("explainer."):
        return  # one from outside is where its own package has it
    folder = Path(inspect.getfile(TASKS[name])).parent
    assert folder.parent.name == "tasks"
    assert TASKS[name].made_by.startswith(f"explainer.tasks.{folder.name}.draw:")
    assert issubclass(named(TASKS[name].made_by), Task)


@pytest.mark.parametrize("name", ALL)
def test_sizes_and_kinds_are_those_of_its_sequences(name: str) -> None:
    config, problem, task = made(name)
    batch = task.batch(0)
    assert training_inputs(config) == problem.sizes(lambda: prepare(config).body) == (task.inputs, task.outputs)
    assert batch.x.shape[1] == problem.total_length == config.total_length
    assert batch.x.is_floating_point() != problem.has_tokens
    assert batch.y.is_floating_point() != problem.says_tokens
    for tokens, vocabulary, size, steps in (
        (problem.has_tokens, task.vocabulary, task.inputs, batch.x),
        (problem.says_tokens, task.answers, task.outputs, batch.y),
    ):
        assert len(vocabulary) == (size if tokens else 0)
        assert int(steps.max()) < size if tokens else steps.shape[-1] == size
    assert problem.one_vocabulary == (problem.has_tokens and task.vocabulary == task.answers)
    output = build(config, task.inputs, task.outputs)(batch)
    assert output.shape == (5, problem.total_length, task.outputs)
    assert task.loss(output, batch).isfinite()
    assert problem.windows == isinstance(task, Windowed)
    assert problem.repeats == (batch.period is not None)


@pytest.mark.parametrize("name", ALL)
def test_its_words_are_plain_and_whole(name: str) -> None:
    _, problem, _ = made(name)
    for each in fields(problem.words):
        text = getattr(problem.words, each.name)
        assert text or each.name == "typed"
        assert text == text.strip()
    for sentences in ("asks", "memory", "attention", "positions"):
        assert getattr(problem.words, sentences)[-1] == ".", sentences
        assert getattr(problem.words, sentences)[0] in string.ascii_uppercase, sentences
    assert problem.title
    assert problem.answer
    assert all(recorded != called for recorded, called in problem.guesses.items())


@pytest.mark.parametrize("name", ALL)
def test_its_examples_can_be_read_and_are_of_the_kind_of_training(name: str) -> None:
    config, problem, task = made(name)
    body = prepare(config).body
    seen = problem.seen(body) if problem.reads else Seen()
    found = problem.examples(seen, 20)
    assert found == problem.examples(seen, 20)
    assert found
    for text in found:
        batch = task.read(text)
        steps = batch.length_of(0)
        assert 0 < steps <= config.longest_input
        assert len(task.axis(batch)) == len(task.target_axis(batch)) == steps
        assert problem.unlike(text, seen, config.seed) == []
        assert problem.drawn(text, config.seed) >= 0
        assert "Unlike" not in problem.about(text, seen, config.seed)
        for rule in problem.variables.values():
            assert rule(tuple(task.axis(batch))).shape == (steps,)


@pytest.mark.parametrize("name", ALL)
def test_what_it_says_of_its_data_and_its_metrics_holds(name: str) -> None:
    config, problem, task = made(name)
    assert (problem.reads is not None) == isinstance(problem, OfData)
    assert problem.reads in (None, *SOURCES)
    assert bool(problem.digest) == (problem.reads is not None)
    if problem.validation_windows:
        assert (task.default_size("validation"), task.validation_batches) == (problem.validation_windows, 1)
    else:
        assert task.default_size("validation") == config.batch
    batch = task.batch(0, "validation")
    output = torch.zeros(*batch.y.shape[:2], task.outputs)
    if problem.accuracy:
        assert 0 <= {task.metric: task.score(output, batch), **task.extras(output, batch)}[problem.accuracy] <= 1
    if problem.lag is not None:
        assert problem.accuracy
        assert 0 < problem.lag.steps < problem.total_length
        assert 0 < problem.lag.chance < 1
    if problem.memories is not None:
        assert problem.memories.places > problem.memories.count
        assert str(problem.memories.count) in problem.memories.needed
    if problem.reads is None:
        meta = {"baseline": task.baseline, "baseline_name": task.baseline_name}
        assert problem.earlier_references(meta) == task.loss_references


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("lens", LENSES)
def test_every_lens_that_suits_it_sees_it(name: str, lens: str) -> None:
    for model in ("transformer", "gru"):
        config = RunConfig(task=name, length=13, batch=4, width=8, heads=2, layers=1, model=model)
        task = make_task(config)
        if LENSES[lens].suits(config):
            network = build(config, task.inputs, task.outputs)
            assert LENSES[lens].look(network, task.batch(0, "validation"), task) is not None


def test_the_steps_back_that_a_page_shows_stand_in_its_file() -> None:
    for problem in TASKS.values():
        lag = problem().lag
        if lag is not None:
            assert "def lag" in source_of(f"tasks/{problem.kind}/__init__.py", f"{problem.__name__}.lag")
            assert np.isfinite(lag.steps)
