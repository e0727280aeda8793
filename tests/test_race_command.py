"""`python -m explainer race`: equal steps, seconds and parameters, and what is said of who solved it."""

from __future__ import annotations

import json
import time

import pytest
import torch

from explainer.__main__ import main
from explainer.config import RunConfig
from explainer.headless import race
from explainer.models import build
from explainer.training import Trainer

SETTINGS = ("--set", "length=7", "width=11", "batch=5", "steps=13", "heads=1")


def command(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[list[str], dict]:  # type: ignore[type-arg]
    assert main(["race", "--models", "lstm,mingru", *more, *SETTINGS]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    return lines, json.loads(last)


def test_at_equal_steps_each_network_has_a_line_and_an_entry_for_each_heat(capsys: pytest.CaptureFixture[str]) -> None:
    lines, found = command(capsys, "--seeds", "2", "--rates", "0.003", "0.01")
    assert len(lines) == 8
    assert [each["model"] for each in found["networks"]] == ["lstm", "mingru"]
    assert (found["seeds"], found["rates"], found["seconds"]) == ([0, 1], [0.003, 0.01], None)
    for network in found["networks"]:
        config = RunConfig(task="parity", model=network["model"], width=11)
        assert network["parameters"] == sum(each.numel() for each in build(config, 2, 2).parameters())
        assert [(each["lr"], each["seed"]) for each in network["heats"]] == [
            (0.003, 0),
            (0.003, 1),
            (0.01, 0),
            (0.01, 1),
        ]
        assert all(each["steps"] == 13 for each in network["heats"])
        assert set(network["heats"][0]["right"]) == {"3", "7", "14", "28"}
        assert network["verdict"] == "not in this run", "two seeds are no verdict"


def test_a_heat_trains_what_a_run_of_its_own_would() -> None:
    """To the last bit: taking turns changes nothing."""
    configs = [
        RunConfig(task="parity", model=model, length=7, width=11, batch=5, steps=9) for model in ("gru", "mingru")
    ]
    for entrant in race.heat(configs, "steps", 0.0):
        alone = Trainer(entrant.config)
        for _ in range(9):
            alone.advance()
        for one, other in zip(entrant.trainer.model.parameters(), alone.model.parameters(), strict=True):
            assert torch.equal(one, other)


def test_at_equal_seconds_each_has_as_many_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the test's own: an update of one takes 0.03 s, of the other 0.11."""
    now = 0.0

    def update(self: Trainer) -> None:
        nonlocal now
        now += 0.03 if self.config.model == "gru" else 0.11
        self.step += 1

    monkeypatch.setattr(Trainer, "advance", update)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    configs = [RunConfig(task="parity", model=model, length=7, width=11, batch=5) for model in ("gru", "lstm")]
    gru, lstm = race.heat(configs, "seconds", 10.0)
    assert (gru.step, lstm.step) == (334, 91)
    assert abs(gru.seconds / lstm.seconds - 1) < 0.02


def test_at_equal_parameters_widths_are_found_within_two_percent() -> None:
    first = RunConfig(task="words", model="lstm", width=101, layers=2, heads=1)
    made = race.matched([first, *(first.but(model=model) for model in ("rnn", "gru", "mingru", "transformer"))])
    counts = [sum(each.numel() for each in build(config, 6, 6).parameters()) for config in made]
    assert made[0] == first
    assert all(abs(count / counts[0] - 1) <= 0.02 for count in counts), counts
    with pytest.raises(ValueError, match=r"No width gives RNN \(tanh\) .* parameters within 2%.* Choose another width"):
        race.matched([first.but(model="mingru", width=1, layers=1), first.but(model="rnn", layers=3)])


@pytest.mark.parametrize(
    ("heats", "said"),
    [
        ([(0.1, 0, 7), (0.1, 1, None), (0.3, 0, 5), (0.3, 1, 9)], "solved by 2 of 2 seeds at lr 0.3"),
        (
            [(lr, seed, None) for lr in (0.1, 0.2, 0.3) for seed in (0, 1, 2)],
            "solved at none of 3 learning rates by any of 3 seeds",
        ),
        ([(0.1, seed, None) for seed in (0, 1, 2)], "not in this run"),
        ([(lr, 0, None) for lr in (0.1, 0.2, 0.3)], "not in this run"),
    ],
)
def test_a_verdict_says_no_more_than_was_tried(heats: list[tuple[float, int, int | None]], said: str) -> None:
    assert race.verdict([{"lr": lr, "seed": seed, "solved_at": at} for lr, seed, at in heats]) == said


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["--models", "lstm"], "Name 2 to 4 models"),
        (["--models", "lstm,gru,rnn,mingru,transformer"], "5 networks are no race"),
        (["--models", "lstm,gru", "--equal", "luck"], "Choose one of: steps, seconds, parameters"),
        (["--models", "lstm,gru", "--task", "count"], "Choose another, such as parity"),
        (["--models", "lstm,gru", "--task", "text"], "Choose another, such as parity"),
        (["--models", "lstm,nobody"], "nobody"),
        (["--models", "lstm,gru", "--seeds", "0"], "at least one seed"),
        (["--models", "lstm,gru", "--seconds", "nan", "--equal", "seconds"], "seconds above 0"),
    ],
)
def test_what_is_no_race_is_refused_with_the_way_out(
    capsys: pytest.CaptureFixture[str], arguments: list[str], way_out: str
) -> None:
    assert main(["race", *arguments]) == 2
    said = capsys.readouterr().err
    assert way_out in said
    assert said.count("\n") == 1
