"""Looking: how soon a viewer's own input is answered, what deep views cost, and what looking takes from training."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.recipes import GRU
from benchmarks.row import Row, Settings, at_least, at_most, percentile, say
from benchmarks.server import App, fill_lessons, fresh_store, serving, wait_for
from explainer.config import RunConfig

ANSWER_MS, BUSY_ANSWER_MS = 300.0, 600.0
MATRIX_SECONDS = 1.0
BIOGRAPHY_SECONDS, SNAPSHOTS = 5.0, 40
SHARE = 0.10
MOMENTS = 40
#: Recorded runs whose weights are on their tapes, and the lenses that are asked.
ASKED = (
    ("lesson-hidden", "hidden_states"),
    ("lesson-hidden", "gates"),
    ("lesson-microscope-lstm", "microscope"),
    ("lesson-microscope-gru", "jacobian"),
    ("lesson-microscope-lstm", "surgery"),
    ("lesson-attention", "attention"),
    ("lesson-attention", "layers"),
    ("lesson-positions", "positions"),
)
#: A smaller network than a lesson's would hide what a look costs: two layers of four heads, as on the page.
HEADS = RunConfig(
    task="repeat", length=48, symbols=32, model="transformer", layers=2, width=64, heads=4, mlp=False, batch=32, steps=9
)


def measure_answers(settings: Settings) -> Iterator[Row]:
    """Inputs that nobody has asked before, at kept moments of the lessons, without and with a run that trains."""
    count = settings.pick(12, 2)
    with fresh_store() as store:
        fill_lessons(store)
        with serving(store) as app:
            answered(app, 1)  # the worker builds each network once
            quiet = answered(app, count)
            run = app.client.submit(GRU.but(steps=20_000), "benchmark", ("hidden_states",))
            wait_for(lambda: app.client.found(run).step > 200, "the run did not begin")
            busy = answered(app, count)
            app.stop_runs()
    for name, times, most in (
        ("own input at a recorded moment: p95 of the answer", quiet, ANSWER_MS),
        ("own input while a run trains: p95 of the answer", busy, BUSY_ANSWER_MS),
    ):
        everything = [each for values in times.values() for each in values]
        yield at_most(
            name,
            percentile(everything, 0.95),
            most,
            "ms",
            median=statistics.median(everything),
            largest=max(everything),
            medians={lens: statistics.median(values) for lens, values in times.items()},
        )


def answered(app: App, count: int) -> dict[str, list[float]]:
    """Milliseconds from a question to its answer, by run and lens."""
    times: dict[str, list[float]] = {}
    with httpx.Client(base_url=app.url, timeout=30.0) as http:
        for run, lens in ASKED:
            config = app.client.found(run).config
            steps = app.store.steps(run, "weights")
            for number in range(count):
                query = {"lens": lens, "step": str(steps[number % len(steps)]), "input": an_input(config)}
                start = time.perf_counter()
                answer = http.get(f"/api/look/{run}", params=query)
                taken = 1e3 * (time.perf_counter() - start)
                assert answer.status_code == 200, answer.text
                times.setdefault(f"{run} {lens}", []).append(taken)
            say(f"looking: {run} {lens} {statistics.median(times[f'{run} {lens}']):.0f} ms")
    return times


def an_input(config: RunConfig) -> str:
    """A sequence of the task as a viewer would type it, hardly ever the same one."""
    if config.task == "adding":
        values = [f"{random.random():.3f}" for _ in range(config.length)]
        for marked in random.sample(range(config.length), 2):
            values[marked] += "*"
        return " ".join(values)
    if config.task == "repeat":
        return " ".join(str(random.randrange(config["symbols"])) for _ in range(config.length // 2))
    assert config.task == "text", config.task
    return "".join(random.choice("aeinost ") for _ in range(config.length))


def measure_views(settings: Settings) -> Iterator[Row]:
    """The gradient matrix of the largest network that is promised, and forty looks at eight heads."""
    from explainer.training import set_threads

    set_threads()
    rounds = settings.pick(5, 1)
    matrix = {
        model: min(look_seconds(GRU.but(model=model, length=100, width=64), "microscope", rounds))
        for model in ("rnn", "lstm", "gru", "transformer")
    }
    yield at_most("gradient matrix, T = 100, N = 64", max(matrix.values()), MATRIX_SECONDS, "s", by_model=matrix)
    looks = look_seconds(HEADS, "heads", settings.pick(SNAPSHOTS, 2))
    yield at_most(
        f"biography of 2 x 4 heads over {SNAPSHOTS} moments", sum(looks), BIOGRAPHY_SECONDS, "s", looks=len(looks)
    )


def look_seconds(config: RunConfig, lens: str, count: int) -> list[float]:
    """What each of some looks takes, of a network as it is set up; the first one, which warms up, aside."""
    from explainer.lenses import LENSES
    from explainer.runs.views import view_batch
    from explainer.training import Trainer

    trainer = Trainer(config.but(steps=10))
    batch = view_batch(trainer)
    taken = []
    for _ in range(count + 1):
        start = time.perf_counter()
        LENSES[lens].look(trainer.model, batch, trainer.task)
        taken.append(time.perf_counter() - start)
    return taken[1:]


def measure_share(settings: Settings) -> Iterator[Row]:
    """How much of a watched run's time its lenses take until its last update, all that suit it being looked through."""
    import torch

    from explainer.lenses import LENSES
    from explainer.runs.active import ActiveRun
    from explainer.runs.client import Client
    from explainer.runs.store import Store
    from explainer.runs.views import Pace
    from explainer.training import set_threads

    set_threads()
    config = GRU.but(steps=settings.pick(2000, 60))
    lenses = [name for name, lens in LENSES.items() if lens.suits(config)]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        client = Client(store)
        made = client.found(client.submit(config, "benchmark", lenses))
        run = ActiveRun(store, made, Pace(), torch.device("cpu"))
        viewer = run.recorder.viewer
        viewer.watched = frozenset(lenses)
        start = time.perf_counter()
        run.begin()
        while not run.ended:
            looked, total = viewer.looked, time.perf_counter() - start
            run.advance()
        store.close()
    yield at_most(
        "time spent looking while training, everything watched",
        looked / total,
        SHARE,
        "of the run's time",
        lenses=lenses,
        seconds_for_the_last_moment=viewer.looked - looked,
    )


#: Own runs of 300 steps and more, each with the lens of its page: a quick one, one that takes some updates, one that takes many.
OWN = (
    (GRU.but(steps=300), "hidden_states"),
    (GRU.but(steps=700), "gradients"),
    (HEADS.but(steps=300), "heads"),
)


def measure_moments(settings: Settings) -> Iterator[Row]:
    """How many moments of an own run that is watched can be scrubbed through, and what share of its time went into them."""
    from explainer.runs.moments import moments
    from explainer.training import set_threads

    set_threads()
    counts, shares, afterwards, expected = [], [], [], []
    for config, lens in OWN:
        config = config.but(steps=settings.pick(config.steps, 60))
        count, share, seconds = own_run(config, lens)
        say(
            f"looking: {config.steps} steps, {lens}: {count} moments, {share:.3f} of the time, {seconds:.1f} s afterwards"
        )
        counts.append(count)
        shares.append(share)
        afterwards.append(seconds)
        expected.append(len(moments(config.steps)))
    yield at_least(
        "moments of an own run of 300 steps and more", min(counts), MOMENTS, "moments", counts=counts, planned=expected
    )
    yield at_most(
        "time spent looking while an own run trains",
        max(shares),
        SHARE,
        "of the run's time",
        shares=shares,
        seconds_afterwards=afterwards,
    )


def own_run(config: RunConfig, lens: str) -> tuple[int, float, float]:
    """A run through a workshop, watched.

    Returns:
        Moments with weights and a view, the share of looks in the time until the last update, and the seconds from the end
        until all moments were there.
    """
    from explainer.runs.client import Client
    from explainer.runs.store import Store
    from explainer.runs.workshop import Workshop

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        run = Client(store).submit(config, "benchmark", [lens])
        store.watch(run, [lens], seconds=3600)
        workshop = Workshop(store)
        start = time.perf_counter()
        workshop.turn()
        viewer = workshop.active[run].recorder.viewer
        while run in workshop.active:
            looked, total = viewer.looked, time.perf_counter() - start
            workshop.turn()
        ended = time.perf_counter()
        while store.commands():
            workshop.turn()
        count = len(set(store.steps(run, "weights")) & set(store.steps(run, f"view:{lens}")))
        store.close()
    return count, looked / total, time.perf_counter() - ended
