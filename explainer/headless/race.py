"""`python -m explainer race`: several networks on the same batches at equal steps, seconds or parameters, over seeds and learning rates.

All train in this process, by turns, so that whatever else the machine does meets them alike. Only updates count as seconds.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.race.notes import SOLVED, percent
from explainer.limits import refuse_if_too_big
from explainer.runs.inputs import prepare, training_inputs
from explainer.theory.sizes import parameter_count
from explainer.training import Diverged, Trainer, set_threads

EQUAL = ("steps", "seconds", "parameters")
MOST, SEEDS_FOR_A_VERDICT, RATES_FOR_A_VERDICT = 4, 3, 3
CLOSE = 0.02
"""Share by which the numbers of parameters may differ where they are to be equal."""
MEASUREMENTS, BATCHES = 40, 2


@dataclass
class Entrant:
    """One network in one heat.

    Attributes:
        seconds: that its updates took.
        scores: share of right answers on validation, by step.
    """

    config: RunConfig
    trainer: Trainer
    seconds: float = 0.0
    scores: dict[int, float] = field(default_factory=dict)
    diverged: bool = False

    @property
    def step(self) -> int:
        return self.trainer.step

    def advance(self) -> None:
        """One update, on the clock."""
        start = time.perf_counter()
        try:
            self.trainer.advance()
        except Diverged:
            self.diverged = True
        self.seconds += time.perf_counter() - start

    def measure(self) -> None:
        """Off the clock."""
        self.scores[self.step] = self.trainer.evaluate(BATCHES)[self.trainer.task.metric]

    @property
    def solved_at(self) -> int | None:
        """The first step from which on every measurement found `SOLVED` of the answers right, or more."""
        steps = sorted(self.scores)
        wrong = [number for number, step in enumerate(steps) if not self.scores[step] >= SOLVED]
        first = wrong[-1] + 1 if wrong else 0
        return steps[first] if first < len(steps) else None


def race(
    configs: Sequence[RunConfig], equal: str, seconds: float, seeds: int, rates: Sequence[float], out: Any = None
) -> int:
    """Run all heats, a line for each network as it ends, and one line of JSON behind them.

    Args:
        configs: a network each, on the same task.
        equal: one of `EQUAL`.
        seconds: of training that each has, where seconds are equal.
        seeds: how many, from the configurations' own on.
        rates: learning rates.

    Raises:
        ValueError: too few or too many networks, a task without right answers, widths that can't be matched, or too big for this host.
    """
    out = out or sys.stdout
    check(configs, equal)
    if equal == "parameters":
        configs = matched(configs)
    heats = [(rate, configs[0].seed + number) for rate in rates for number in range(seeds)]
    for config in configs:
        prepare(config)
        refuse_if_too_big(config, *training_inputs(config))
    set_threads()
    found: list[list[dict[str, Any]]] = [[] for _ in configs]
    for rate, seed in heats:
        entered = [config.but(lr=rate, seed=seed, min_lr=min(config["min_lr"], rate)) for config in configs]
        for results, entrant in zip(found, heat(entered, equal, seconds), strict=True):
            results.append(result(entrant))
            print(line(entrant, results[-1]), file=out, flush=True)
    answer = {
        "task": configs[0].task,
        "equal": equal,
        "seconds": seconds if equal == "seconds" else None,
        "seeds": sorted({seed for _, seed in heats}),
        "rates": list(rates),
        "networks": [summary(config, results) for config, results in zip(configs, found, strict=True)],
    }
    print(orjson.dumps(answer).decode(), file=out, flush=True)
    return 0


def check(configs: Sequence[RunConfig], equal: str) -> None:
    """Refuse what is no race.

    Raises:
        ValueError: it is none; the sentence has the way out.
    """
    if equal not in EQUAL:
        raise ValueError(f"equal = {equal[:40]!r} is not known. Choose one of: {', '.join(EQUAL)}.")
    if not 2 <= len(configs) <= MOST:
        raise ValueError(f"{len(configs)} networks are no race. Name 2 to {MOST} models, such as lstm,transformer.")
    if not LENSES["race"].suits(configs[0]):
        raise ValueError(f"In the task {configs[0].task} no answer is right or wrong. Choose another, such as parity.")


def matched(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """The same with widths of which each network has as many parameters as the first one, within `CLOSE`.

    Raises:
        ValueError: no width comes so close.
    """
    wanted = parameter_count(configs[0], *training_inputs(configs[0]))
    return [configs[0], *(_as_large(config, wanted) for config in configs[1:])]


def _as_large(config: RunConfig, wanted: int) -> RunConfig:
    """With the width whose number of parameters, which grows with it, comes nearest."""
    sized: list[tuple[float, RunConfig]] = []
    for width in range(1, 1025):
        try:
            tried = config.but(width=width)
        except ValueError:  # heads do not divide it
            continue
        count = parameter_count(tried, *training_inputs(tried))
        sized.append((abs(count / wanted - 1), tried))
        if count > 2 * wanted:
            break
    off, best = min(sized, key=lambda each: each[0])
    if off > CLOSE:
        count = parameter_count(best, *training_inputs(best))
        raise ValueError(
            f"No width gives {config.network.title} {wanted:,} parameters within {CLOSE:.0%}: {best.width} has {count:,}. "
            "Choose another width of the first network, or fewer heads."
        )
    return best


def heat(configs: Sequence[RunConfig], equal: str, seconds: float) -> list[Entrant]:
    """Train all to their ends, by turns: always the one that has had the fewest seconds, or the fewest steps."""
    entrants = [Entrant(config, Trainer(config)) for config in configs]
    timed = equal == "seconds"
    spent: Callable[[Entrant], float] = (lambda each: each.seconds) if timed else (lambda each: each.step)
    budget = seconds if timed else float(configs[0].steps)
    due = {id(each): 0.0 for each in entrants}
    while running := [each for each in entrants if spent(each) < budget and not each.diverged]:
        each = min(running, key=spent)
        if spent(each) >= due[id(each)]:
            each.measure()
            due[id(each)] += budget / MEASUREMENTS
        each.advance()
    for each in entrants:
        each.measure()
    return entrants


def result(entrant: Entrant) -> dict[str, Any]:
    """What came out for one network in one heat."""
    task = entrant.trainer.task
    record = LENSES["race"].look(entrant.trainer.model, task.batch(0, "validation", size=1), task)
    right = zip(record.lengths.tolist(), record.right.tolist(), strict=True)
    return {
        "seed": entrant.config.seed,
        "lr": entrant.config.lr,
        "solved_at": entrant.solved_at,
        "steps": entrant.step,
        "seconds": round(entrant.seconds, 3),
        "diverged": entrant.diverged,
        "right": {str(length): round(share, 4) for length, share in right if not math.isnan(share)},
    }


def line(entrant: Entrant, found: dict[str, Any]) -> str:
    """One network in one heat, for a person."""
    ended = "diverged" if found["diverged"] else "not solved"
    end = ended if found["solved_at"] is None else f"solved at step {found['solved_at']:,}"
    right = ", ".join(f"{percent(share)} at {length}" for length, share in found["right"].items())
    return (
        f"{entrant.config.network.described}, lr {found['lr']:g}, seed {found['seed']}: {end} "
        f"({found['steps']:,} steps in {found['seconds']:.1f} s); right answers {right}"
    )


def summary(config: RunConfig, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One network over all heats, with what may be said of it."""
    return {
        "model": config.model,
        "network": config.network.described,
        "width": config.width,
        "parameters": parameter_count(config, *training_inputs(config)),
        "heats": list(results),
        "verdict": verdict(results),
    }


def verdict(results: Sequence[dict[str, Any]]) -> str:
    """One clause: unable only after three seeds at each of three learning rates or more; else it says no more than what was seen."""
    solved = [each for each in results if each["solved_at"] is not None]
    seeds, rates = ({each[name] for each in results} for name in ("seed", "lr"))
    if solved:
        by_rate = {rate: sum(each["lr"] == rate for each in solved) for rate in sorted(rates)}
        best = max(by_rate, key=lambda rate: by_rate[rate])
        return f"solved by {by_rate[best]} of {len(seeds)} seeds at lr {best:g}"
    if len(seeds) >= SEEDS_FOR_A_VERDICT and len(rates) >= RATES_FOR_A_VERDICT:
        return f"solved at none of {len(rates)} learning rates by any of {len(seeds)} seeds"
    return "not in this run"


def rates_around(lr: float) -> Iterator[float]:
    """A third of a learning rate, itself and three times, to two digits."""
    return (float(f"{lr * factor:.2g}") for factor in (1 / 3, 1.0, 3.0))
