"""Training with everything recorded, against the same model and optimiser in a bare loop."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.recipes import GRU, NANOGPT
from benchmarks.row import Row, Settings, at_least, say
from explainer.config import RunConfig
from explainer.data import default_text

LEAST = 0.90


class Times(NamedTuple):
    """Seconds on the clock, and of the processor, which other programs do not lengthen."""

    wall: float
    processor: float


def measure(settings: Settings) -> Iterator[Row]:
    """A row for the GRU and one for the Transformer.

    Whole runs of both kinds take turns, so that what else the machine does falls on both, and each
    recorded run pays for its first and last moments too, with every lens that suits it. The second is the
    whole recipe, so it takes six minutes and is not measured with somebody watching as well.
    """
    from explainer.training import device_name, set_threads

    set_threads()
    text = settings.text.read_text(encoding="utf-8") if settings.text else default_text()
    cases = (
        ("recording: GRU 64, B 32, T 32", GRU, None, settings.pick(2000, 60), settings.pick(5, 2), True),
        ("recording: nanoGPT's CPU recipe", NANOGPT, text, settings.pick(2000, 20), settings.pick(2, 1), False),
    )
    for name, config, data, steps, rounds, looked in cases:
        config = shortened(config, steps)
        recorded_times(shortened(config, 10), data, watched=False)  # warm
        bare_times(config, data, 10)
        times: dict[str, list[Times]] = {kind: [] for kind in ("bare", "recorded", "watched")[: 3 if looked else 2]}
        for number in range(rounds):
            say(f"{name}: round {number + 1} of {rounds}")
            # The order turns round, so that a machine that slows down favours none.
            for kind in list(times) if number % 2 else reversed(times):
                times[kind].append(
                    bare_times(config, data, config.steps)
                    if kind == "bare"
                    else recorded_times(config, data, watched=kind == "watched")
                )
        pairs = list(zip(times["bare"], times["recorded"], strict=True))
        watched = zip(times["bare"], times.get("watched", []), strict=looked)
        ratios = [bare.wall / recorded.wall for bare, recorded in pairs]
        yield at_least(
            name,
            statistics.median(ratios),
            LEAST,
            "of the bare loop's steps a second",
            rounds=ratios,
            steps=config.steps,
            by_processor_time=statistics.median([bare.processor / recorded.processor for bare, recorded in pairs]),
            while_watched=[bare.wall / each.wall for bare, each in watched],
            steps_a_second={
                kind: config.steps / statistics.median([each.wall for each in values]) for kind, values in times.items()
            },
            device=device_name("cpu"),
        )


def shortened(config: RunConfig, steps: int) -> RunConfig:
    """The same run with fewer steps."""
    return config.but(steps=steps, warmup=min(config["warmup"], steps // 2))


def recorded_times(config: RunConfig, data: str | None, *, watched: bool) -> Times:
    """Time of a whole run by the worker's own hands, with every lens that suits it, into a fresh store.

    Args:
        watched: as if somebody looked through all the lenses all the time.
    """
    import torch

    from explainer.lenses import LENSES
    from explainer.runs.active import ActiveRun
    from explainer.runs.client import Client
    from explainer.runs.store import Store
    from explainer.runs.views import Pace

    lenses = [name for name, lens in LENSES.items() if lens.suits(config)]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        client = Client(store)
        name = client.submit(config, "benchmark", lenses, data)
        run = ActiveRun(store, client.found(name), Pace(), torch.device("cpu"))
        if watched:
            run.recorder.viewer.watched = frozenset(lenses)

        def whole() -> None:
            run.begin()
            while not run.ended:
                run.advance()

        taken = times_of(whole)
        assert client.found(name).status == "done", client.found(name)
        store.close()
    return taken


def bare_times(config: RunConfig, data: str | None, steps: int) -> Times:
    """Time of `steps` updates of the same model with the same optimiser and nothing around them."""
    from benchmarks.plain import adding_batches, bare_loop, characters, last_step_loss, next_token_loss, text_batches
    from explainer.models import build
    from explainer.training.optimizer import make_optimizer

    if data is None:
        model = build(config, 2, 1)
        draw, loss_of = adding_batches(config), last_step_loss
    else:
        vocabulary = len(set(data))
        model = build(config, vocabulary, vocabulary)
        draw, loss_of = text_batches(config, characters(data)), next_token_loss
    update = bare_loop(model, make_optimizer(config, model.parameters()), draw, loss_of, config.clip)

    def whole() -> None:
        for _ in range(steps):
            update()

    return times_of(whole)


def times_of(work: Callable[[], None]) -> Times:
    """How long something takes, with the collector passing over what is there already, as in the worker."""
    gc.collect()
    gc.freeze()
    wall, processor = time.perf_counter(), time.process_time()
    work()
    taken = Times(time.perf_counter() - wall, time.process_time() - processor)
    gc.unfreeze()
    return taken
