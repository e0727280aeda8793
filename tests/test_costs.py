"""What a run costs, computed without torch, against what torch allocates and what the recorder does."""

from __future__ import annotations

import random

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.prices import fitted
from explainer.config import RunConfig
from explainer.families import FAMILIES
from explainer.families.attending import POSITIONS
from explainer.runs.inputs import training_inputs
from explainer.runs.moments import FEWEST_VIEWS
from explainer.runs.validating import Validator, batches_for
from explainer.runs.views import Pace
from explainer.tasks.make import make_task
from explainer.theory import costs
from explainer.theory.sizes import flops_per_step, parameter_count
from explainer.training import Trainer, trainer
from tests.families import ATTENDING, RECURRENT

GROWN = {"rnn": 2.3, "gru": 1.4, "lstm": 0.72, "transformer": 1.3}
"""Times what torch allocates at once, by which a process was seen to grow (226 networks): what each time step frees leaves holes
that the next tensor does not fit into, and of an LSTM's workspace not all is touched."""


def drawn(seed: int) -> RunConfig:
    """A small network, large enough that its numbers and not the records of kernels fill the memory."""
    chance = random.Random(seed)
    recurrent = seed % 2 == 0
    return RunConfig(
        task=chance.choice(("copy", "adding", "repeat", "flipflop")),
        symbols=chance.choice((3, 41, 97)),
        model=chance.choice(RECURRENT) if recurrent else "transformer",
        layers=chance.choice((1, 2, 3) if recurrent else (0, 1, 2, 4)),
        length=chance.randint(9, 43),
        batch=chance.randint(61, 201),
        width=8 * chance.randint(2, 11),
        heads=chance.choice((1, 2, 4)),
        positions=chance.choice(POSITIONS),
        mlp=chance.random() < 0.6,
        norm=chance.choice(("pre", "post")),
        dropout=chance.choice((0.0, 0.0, 0.1)),
    )


def peak_bytes(learner: Trainer) -> int:
    """The most that torch's allocator held during one update, above what it held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        learner.advance()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


@pytest.mark.parametrize("seed", range(12))
def test_an_update_holds_what_torch_allocates_within_a_factor_of_two(seed: int) -> None:
    config = drawn(seed)
    learner = Trainer(config, device="cpu")
    learner.advance()
    inputs, outputs = training_inputs(config)
    gradients = 4 * parameter_count(config, inputs, outputs)
    expected = costs.update_bytes(config, inputs, outputs) + gradients
    grown = GROWN[config.model.removesuffix("_relu")] * peak_bytes(learner)
    assert expected / 2 < grown < 2 * expected, config.to_query()


def test_narrow_networks_on_large_batches_cost_what_was_measured() -> None:
    """Seconds of an update on one thread of a server, and MB: networks whose multiplications are next to nothing."""
    copy = RunConfig(task="copy", model="gru", width=1, batch=1024, length=984)
    assert 0.54 / 2 < costs.update_seconds(copy, 10, 10) < 0.54 * 2
    text = RunConfig(task="text", model="transformer", length=1024, layers=2, heads=4, width=64, batch=4)
    assert 0.099 / 2 < costs.update_seconds(text, 65, 65) < 0.099 * 2
    assert 0.238 / 2 < costs.update_seconds(text.but(positions="alibi"), 65, 65) < 0.238 * 2


def test_products_of_queries_and_keys_are_counted_apart_from_the_others() -> None:
    config = RunConfig(task="repeat", model="transformer", length=11, width=28, heads=7, layers=3, batch=5, symbols=13)
    q = torch.zeros(5, 7, 11, 4)
    with FlopCounterMode(display=False) as counter:
        (q @ q.mT) @ q
    apart = flops_per_step(config, 13, 13) - costs.update_work(config, 13, 13)["flops"]
    assert apart == 3 * 3 * counter.get_total_flops()


@pytest.mark.parametrize("task", ["adding", "forecast", "text"])
@pytest.mark.parametrize(("steps", "batch"), [(1, 3), (2, 64), (7, 20), (24, 1), (49, 3), (997, 7), (20_000, 33)])
def test_validation_is_counted_as_it_is_done(task: str, steps: int, batch: int) -> None:
    config = RunConfig(task=task, steps=steps, batch=batch, width=2, length=9)
    batches = batches_for(make_task(config))
    assert costs.reading(config) == (make_task(config).default_size("validation"), batches)
    validator = Validator(Trainer(config, device="cpu"), 0.0, False, {}, {})
    count = 0
    for step in range(steps + 1):
        if step in (0, steps) or validator.due(step, kept=False, trained=0.0):
            validator.step, count = step, count + 1
    assert costs.measurements(steps) == count


def test_constants_that_torch_would_have_to_be_loaded_for_are_those_of_their_places() -> None:
    pace = Pace()
    assert costs.TOGETHER == trainer.AT_ONCE
    assert (costs.VIEWS, costs.FEWEST_VIEWS, costs.LOOK_SHARE) == (pace.views, FEWEST_VIEWS, pace.share)
    assert costs.TAPE_BYTES == pace.view_bytes == pace.weight_bytes


def test_every_kind_of_work_has_a_price() -> None:
    for model in FAMILIES:
        for surgery in ("", "layer 1 head 1 off" if model in ATTENDING else "layer 1 unit 1 = 0"):
            config = RunConfig(task="copy", model=model, surgery=surgery)
            work = costs.update_work(config, 10, 10)
            assert work.keys() == config.network.costs(config).keys()
            assert config.network.costs(config, reading=True).keys() <= {*work, "batch"}
            assert all(amount >= 0 for amount in work.values())


def test_a_configuration_can_be_estimated() -> None:
    assert isinstance(RunConfig(), costs.Trained)
    assert not isinstance(object(), costs.Trained)


def test_prices_are_found_again_from_times_that_they_make() -> None:
    chance, true = random.Random(3), {"kernels": 3e-5, "numbers": 2e-9, "flops": 5e-12}
    rows = []
    for _ in range(60):
        work = {
            "kernels": 10 ** chance.uniform(0, 3),
            "numbers": 10 ** chance.uniform(3, 8),
            "flops": 10 ** chance.uniform(5, 10),
        }
        rows.append((work, sum(true[name] * amount for name, amount in work.items())))
    found = fitted(rows, dict.fromkeys(true, 1e-9))
    assert found == pytest.approx(true, rel=0.05)


def test_numbers_too_small_to_matter_are_let_go_while_learning_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = RunConfig(task="adding", model="rnn_relu", length=97, width=31, batch=11, layers=2, steps=9)
    tiny = torch.tensor([1e-40])
    flushed, plain = Trainer(config, device="cpu"), Trainer(config, device="cpu")
    for _ in range(9):
        flushed.advance()
    assert float(tiny * 1.0) > 0, "outside an update small numbers are numbers"
    monkeypatch.setattr(torch, "set_flush_denormal", lambda on: False)
    for _ in range(9):
        plain.advance()
    for name, values in plain.weights().items():
        assert (flushed.weights()[name] == values).all(), name
