"""Estimates: random runs within the host's limits, each whole in a process of its own, against what was expected of it.

`python -m benchmarks estimates` measures; `python -m benchmarks.estimates --calibrate` prints `theory.costs.PRICES` anew,
fitted to updates on this machine, and `--calibrate-looks` prints each lens's `PRICES`. Processor time is counted,
which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.row import Missing, Row, Settings, at_least, say
from explainer.config import TASKS, RunConfig
from explainer.families import FAMILIES, Attending, Blocks
from explainer.families.attending import POSITIONS
from explainer.limits import Limits, estimate, refuse_if_too_big
from explainer.recipes import OPTIMIZERS
from explainer.runs.inputs import prepare, training_inputs
from explainer.runs.speed import host_speed

RUNS, SEED = 200, 20
WITHIN, MOST_LENSES = 2.0, 3
SECONDS = 0.7
"""That a drawn run is expected to take at most; the longest have fewer steps for it."""
SHARE = 0.95
NOTHING = {"seconds": 0.05, "memory_mb": 8.0}
"""Below this nobody cares, and a process' own housekeeping is larger: it is added to both."""


@dataclass(frozen=True)
class Sample:
    """A drawn run. `inputs` and `outputs` are its network's."""

    config: RunConfig
    inputs: int
    outputs: int
    lenses: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What a run took: seconds of processor time, and MB by which its process grew at most."""

    seconds: float
    memory_mb: float


def measure(settings: Settings) -> Iterator[Row]:
    """Of the drawn runs, the share whose seconds and whose memory are within a factor of two of the estimate.

    Raises:
        Missing: a system without /proc or `fork`.
    """
    if not Path("/proc/self/clear_refs").exists():
        raise Missing("Memory is read from /proc, which this system doesn't have.")
    samples = draw(settings.pick(RUNS, 4), SEED)
    speed = in_a_process(lambda: {"speed": host_speed()})["speed"]
    ratios: dict[str, list[float]] = {"seconds": [], "memory_mb": []}
    found: list[dict[str, Any]] = []
    for number, sample in enumerate(samples):
        expected = estimate(sample.config, sample.inputs, sample.outputs, lenses=sample.lenses, speed=speed)
        took = in_a_process(lambda sample=sample: asdict(whole_run(sample)))  # type: ignore[misc]
        for name, values in ratios.items():  # of a run that failed, infinite
            values.append((took.get(name, math.inf) + NOTHING[name]) / (getattr(expected, name) + NOTHING[name]))
        found.append(
            {"config": sample.config.to_query(), "lenses": sample.lenses, **took, "expected": asdict(expected)}
        )
        say(f"estimates: {number + 1} of {len(samples)}: {json.dumps(found[-1])}")
    for name, values in ratios.items():
        worst = max(range(len(values)), key=lambda index: abs(math.log(values[index])))
        yield at_least(
            f"random runs whose {name} are within a factor of {WITHIN:g} of the estimate",
            sum(1 / WITHIN <= value <= WITHIN for value in values) / len(values),
            SHARE,
            "of the runs",
            host_speed=round(speed, 2),
            taken_over_expected=quantiles(values),
            worst=found[worst],
        )


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """The least, the 5th, 25th, 50th, 75th, 95th of a hundred, and the largest."""
    ordered = sorted(values)
    return {f"{q:g}": ordered[round(q * (len(ordered) - 1))] for q in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)}


# -- drawing --------------------------------------------------------------------------------------


def draw(count: int, seed: int) -> list[Sample]:
    """Runs of all families, tasks and knobs that the default limits allow."""
    chance = random.Random(seed)
    samples: list[Sample] = []
    while len(samples) < count:
        sample = _drawn(chance)
        if sample is not None:
            samples.append(sample)
    return samples


def _drawn(chance: random.Random) -> Sample | None:
    """One that is allowed, or None."""
    from explainer.lenses import LENSES

    try:
        config = RunConfig(**_fields(chance))
        prepare(config)
        inputs, outputs = training_inputs(config)
        suiting = [name for name, lens in LENSES.items() if lens.suits(config)]
        lenses = tuple(chance.sample(suiting, min(len(suiting), chance.randint(0, MOST_LENSES))))
        expected = refuse_if_too_big(config, inputs, outputs, allowed=Limits(), lenses=lenses)
    except ValueError:
        return None
    if expected.seconds > SECONDS:
        config = config.but(steps=max(1, int(config.steps * SECONDS / expected.seconds)))
        if estimate(config, inputs, outputs, lenses=lenses).seconds > 5 * SECONDS:
            return None
    return Sample(config, inputs, outputs, lenses)


OTHERS = tuple(name for name in FAMILIES if name != "transformer")


def _fields(chance: random.Random) -> dict[str, Any]:
    model = "transformer" if chance.random() < 0.4 else chance.choice(OTHERS)
    task, heads = chance.choice(TASKS), chance.choice((1, 2, 4, 8, 16))
    fields: dict[str, Any] = {
        "task": task,
        "model": model,
        "length": _spread(chance, 2, 1024),
        "batch": _spread(chance, 1, 4096),
        "width": _spread(chance, 1, 1024),
        "steps": _spread(chance, 1, 20_000),
        "symbols": _spread(chance, 2, 256),
        "bits": chance.randint(1, 6),
        "dropout": chance.choice((0.0, 0.0, 0.0, 0.1)),
        "optimizer": chance.choice(tuple(OPTIMIZERS)),
        "lr": 1e-4,
        "seed": chance.randrange(10**6),
    }
    family = FAMILIES[model]
    if not issubclass(family, Blocks):
        operated = {"surgery": "layer 1 unit 1 = 0"} if chance.random() < 0.1 else {}
        return fields | operated | {"layers": chance.randint(1, 3)}
    layers = chance.randint(0, 6)
    attends = issubclass(family, Attending)
    cut = f"layer 1 {'head' if attends else 'unit'} 1{' off' if attends else ' = 0'}"
    operated = {"surgery": cut} if layers and chance.random() < 0.1 else {}
    blocks = {
        "layers": layers,
        "heads": heads,
        "width": max(1, fields["width"] // (2 * heads)) * 2 * heads if attends else fields["width"],
        "positions": chance.choice(POSITIONS if model == "transformer" else POSITIONS[:3]),
        "d_state": 2 * chance.randint(1, 8),
        "expand": chance.randint(1, 3),
        "conv": chance.choice((0, 0, 3, 4)),
        "mlp": chance.random() < 0.6,
        "norm": chance.choice(("pre", "post")),
        "tied": task in ("copy", "repeat", "text") and chance.random() < 0.3,
    }
    return fields | operated | blocks


def _spread(chance: random.Random, low: int, high: int) -> int:
    """A whole number, each power of ten as likely as the next."""
    return round(math.exp(chance.uniform(math.log(low), math.log(high))))


# -- measuring ------------------------------------------------------------------------------------


def in_a_process(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What `work` returns in a fork of this process, which must not have computed a gradient before; nothing if it failed."""
    import torch

    torch.set_num_threads(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        except Exception:  # whatever it was, the run is one that misses
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(answer)) if answer else {}


def whole_run(sample: Sample) -> Measured:
    """Train a run to its end as the worker does, tape and all, after a tiny one like it has loaded what any run needs."""
    tiny = sample.config.but(task="repeat", length=16, batch=2, width=32, steps=2, data="")
    with tempfile.TemporaryDirectory() as folder:
        _trained(Path(folder) / "tiny", replace(sample, config=tiny))
        ctypes.CDLL(None).malloc_trim(0)  # or the run would have for nothing what the tiny one leaves in the heap
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        start, before = time.process_time(), _resident_mb("VmRSS")
        _trained(Path(folder) / "run", sample)
        return Measured(time.process_time() - start, _resident_mb("VmHWM") - before)


def _trained(folder: Path, sample: Sample) -> None:
    from explainer.runs.active import record
    from explainer.runs.looking import Looker
    from explainer.runs.store import Store

    store = Store(folder)
    prepared = prepare(sample.config)
    if prepared.digest:
        store.save_text(prepared.digest, prepared.body)
    store.create("run", prepared.config, owner="", lenses=sample.lenses, data=prepared.digest)
    for _ in record(store, "run"):
        pass
    looker = Looker(store, lambda _: None)
    for command in store.commands():  # what there was no time to look at
        for _ in looker.fill(command.run, command.value):
            pass
    store.close()


def _resident_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))


def update_time(sample: Sample) -> dict[str, float]:
    """The least processor time of a few updates."""
    from explainer.training import Trainer

    trainer = Trainer(sample.config)
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 0.3 and len(times) < 20):
        start = time.process_time()
        trainer.advance()
        times.append(time.process_time() - start)
    return {"seconds": min(times[1:])}


def calibrate(count: int) -> None:
    """Print prices that fit the updates of so many random networks of each family."""
    from benchmarks.prices import fitted
    from explainer.theory.costs import update_work

    samples = draw(count * len(FAMILIES), SEED + 1)
    rows: dict[str, list[tuple[dict[str, float], float]]] = {}
    prices: dict[str, Mapping[str, float]] = {}
    for sample in samples:
        took = in_a_process(lambda sample=sample: update_time(sample))["seconds"]  # type: ignore[misc]
        kind = "operated" if sample.config.surgery else sample.config.model
        prices[kind] = sample.config.network.costs(sample.config)
        rows.setdefault(kind, []).append((update_work(sample.config, sample.inputs, sample.outputs), took))
        say(f"calibrating: {kind} {took:.4f} s")
    print(json.dumps({name: fitted(each, prices[name]) for name, each in rows.items()}, indent=2))


def look_times(sample: Sample) -> dict[str, float]:
    """Of each lens of the sample, the least processor time of looks at a network that has been looked at once, with their bytes."""
    from explainer.lenses import LENSES
    from explainer.runs.tape import encode_view
    from explainer.runs.views import view_batch
    from explainer.training import Trainer

    trainer = Trainer(sample.config)
    trainer.advance()
    batch, least = view_batch(trainer), {}
    for name in sample.lenses:
        times: list[float] = []
        while len(times) < 2 or (sum(times) < 0.2 and len(times) < 9):
            start = time.process_time()
            encode_view(name, LENSES[name].look(trainer.model, batch, trainer.task))
            times.append(time.process_time() - start)
        least[name] = min(times[1:])
    return least


def calibrate_looks(count: int) -> None:
    """Print prices that fit looks through each lens at so many random networks."""
    from benchmarks.prices import fitted
    from explainer.lenses import LENSES
    from explainer.lenses.costs import look_work

    rows: dict[str, list[tuple[Mapping[str, float], float]]] = {}
    for sample in draw(count, SEED + 2):
        for lens, took in in_a_process(lambda sample=sample: look_times(sample)).items():  # type: ignore[misc]
            work = look_work(sample.config, lens, sample.inputs, sample.outputs)
            rows.setdefault(lens, []).append((work, took))
            say(f"calibrating: {lens} {took:.4f} s {sample.config.to_query()} {json.dumps(work)}")
    for lens, each in sorted(rows.items()):
        kinds = sorted({kind for work, _ in each for kind in work})
        first = {kind: LENSES[lens].prices.get(kind, 1e-9) for kind in kinds}
        print(json.dumps({lens: fitted(each, first)}))


def main() -> None:
    """`--calibrate [COUNT]`: networks of a family, on average; `--calibrate-looks [COUNT]`: networks, some lenses each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--calibrate", type=int, nargs="?", const=40, metavar="COUNT")
    what.add_argument("--calibrate-looks", type=int, nargs="?", const=240, metavar="COUNT")
    options = parser.parse_args()
    if options.calibrate:
        calibrate(options.calibrate)
    else:
        calibrate_looks(options.calibrate_looks)


if __name__ == "__main__":
    main()
