"""What a look costs, known before: the sequences and passes that it counts against those that lenses take, and its prices' shape."""

from __future__ import annotations

import pytest

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses import head_scores as chance
from explainer.lenses import look as lens
from explainer.lenses.beyond_the_length import look as beyond
from explainer.lenses.costs import look_seconds, look_work
from explainer.lenses.fixed_points import look as fixed_points
from explainer.lenses.gates import look as gates
from explainer.lenses.heads import look as heads
from explainer.lenses.microscope import look as microscope
from explainer.lenses.pattern import look as pattern
from explainer.lenses.surgery import look as surgery
from explainer.runs.inputs import training_inputs
from explainer.runs.views import view_batch
from explainer.tasks.make import make_task
from explainer.theory import looks, probes
from explainer.theory.looks import Sizes, losses_followed, sites_followed
from explainer.training import Trainer

GRU = RunConfig(task="adding", model="gru", length=23, width=13, batch=7)
TRANSFORMER = RunConfig(
    task="repeat", symbols=11, model="transformer", layers=3, heads=2, width=26, length=29, batch=17
)
WIDE = TRANSFORMER.but(length=331, width=508, layers=5, batch=41)
CONFIGS = [
    RunConfig(task="repeat", length=13, model="lstm", width=11),
    RunConfig(task="repeat", length=13, model="transformer", positions="alibi"),
    RunConfig(task="adding", length=13, model="mamba", width=11),
    RunConfig(task="adding", length=13, model="mingru", width=11),
    GRU,
    TRANSFORMER,
    WIDE,
    GRU.but(model="lstm", width=307, layers=2),
    RunConfig(task="forecast", width=19, batch=3),
]


def sizes_of(config: RunConfig) -> Sizes:
    return Sizes(config, *training_inputs(config))


def test_what_lenses_take_is_what_is_counted() -> None:
    assert looks.SECOND == heads.FLOPS == microscope.FLOPS == beyond.FLOPS / 1.5
    assert looks.SHUFFLED == chance.SHUFFLED
    assert looks.SEARCHED == pattern.SEARCHED
    assert (looks.TRACKED, looks.FEWEST_TRACKED, looks.MOST_TRACKED) == (
        gates.POSITIONS,
        gates.LEAST_SEQUENCES,
        gates.MOST_SEQUENCES,
    )
    assert looks.COMPONENTS == probes.MOST_COMPONENTS
    assert (looks.STARTS, looks.FEWEST_STARTS, looks.START_NUMBERS) == (
        fixed_points.STARTS,
        fixed_points.FEWEST_STARTS,
        fixed_points.START_NUMBERS,
    )
    assert 1e11 == surgery.MOST_FLOPS / 2


@pytest.mark.parametrize("config", CONFIGS)
def test_sequences_and_sites_are_those_that_the_lenses_follow(config: RunConfig) -> None:
    task, z = make_task(config), sizes_of(config)
    batch = task.batch(0, split="validation")
    assert z.B == len(batch.x)
    assert losses_followed(z) == len(microscope.evenly(z.T, microscope.losses_followed(task, z.T)))
    every = len(surgery.knock_outs(config))
    assert sites_followed(z) == min(every, surgery.sites_followed(task, batch))
    assert z.rows(z.B) == lens.affordable_rows(config, z.T, most=z.B)


@pytest.mark.parametrize("name", LENSES)
def test_every_lens_has_prices_for_the_work_of_its_looks(name: str) -> None:
    suiting = [
        config
        for config in (*CONFIGS, TRANSFORMER.but(task="text"), RunConfig(task="text", model="gru"))
        if LENSES[name].suits(config)
    ]
    assert suiting
    kinds = set[str]()
    for config in suiting:
        inputs, outputs = training_inputs(config)
        work = look_work(config, name, inputs, outputs)
        assert all(amount >= 0 for amount in work.values()), (work, config)
        assert look_seconds(config, name, inputs, outputs) == pytest.approx(
            sum(LENSES[name].prices.get(kind, 0.0) * amount for kind, amount in work.items())
        )
        assert look_seconds(config, name, inputs, outputs) > 0
        kinds |= work.keys()
    assert LENSES[name].prices.keys() <= kinds
    assert all(price > 0 for price in LENSES[name].prices.values())


def test_a_forecast_is_looked_at_in_all_its_validation_windows_whatever_the_batch() -> None:
    config = RunConfig(task="forecast", model="transformer", heads=2, width=26, batch=3)
    assert len(view_batch(Trainer(config)).x) == sizes_of(config).B == 60
    one, other = (look_work(config.but(batch=batch), "heads", 1, 1)["maps"] for batch in (3, 59))
    assert one == other
