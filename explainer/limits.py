"""What one host allows: every limit in one place, each with an environment variable over it.

The defaults fit a laptop and a small public host. `EXPLAINER_MAX_STEPS=100000 make run` raises one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

from explainer.config import RunConfig
from explainer.lenses.costs import look_bytes, look_seconds
from explainer.theory.costs import (
    RECORDED,
    RUN_SECONDS,
    looking_seconds,
    memory_bytes,
    reading_seconds,
    tape_bytes,
    update_seconds,
)
from explainer.theory.sizes import BYTES, parameter_count


def _limit(default: float, variable: str, meaning: str) -> Any:
    return field(default=default, metadata={"variable": variable, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits; `limits()` reads them from the environment. What is an int counts something."""

    parameters: int = _limit(5_000_000, "EXPLAINER_MAX_PARAMETERS", "trained numbers of a model")
    steps: int = _limit(20_000, "EXPLAINER_MAX_STEPS", "updates of a run")
    seconds: float = _limit(
        1800, "EXPLAINER_MAX_SECONDS", "time of a run, looking included, estimated before and measured"
    )
    memory_mb: float = _limit(512, "EXPLAINER_MAX_MEMORY_MB", "memory of a run, looking included, in MB")
    active: int = _limit(4, "EXPLAINER_MAX_ACTIVE", "runs that train at the same time; others wait")
    queued: int = _limit(4, "EXPLAINER_MAX_QUEUED", "runs of one session that train, wait or are paused")
    waiting: int = _limit(
        120, "EXPLAINER_MAX_WAITING", "runs of all sessions that wait or are paused, those of sweeps too"
    )
    sweep_runs: int = _limit(30, "EXPLAINER_MAX_SWEEP_RUNS", "runs of one sweep, which counts as one in the queue")
    sweep_seconds: float = _limit(
        1800, "EXPLAINER_MAX_SWEEP_SECONDS", "time of a sweep's runs together, estimated and measured"
    )
    store_mb: float = _limit(512, "EXPLAINER_STORE_MB", "size of the store; beyond it the oldest finished runs go")
    text_bytes: int = _limit(2_000_000, "EXPLAINER_MAX_TEXT_BYTES", "size of a text or series from a user")

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, _value(item, getattr(self, item.name)))


def limits(environment: Mapping[str, str] | None = None) -> Limits:
    """The limits of this host, by its environment (default, the process's own).

    A variable that is no such number is left out, and its default holds: `faulty` names it.
    """
    return Limits(**_read(environment)[0])


def faulty(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable of the environment that can't be a limit."""
    return _read(environment)[1]


def _read(environment: Mapping[str, str] | None) -> tuple[dict[str, Any], list[str]]:
    """The limits that are set, by name, and a sentence for each that can't be."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    said: list[str] = []
    for item in fields(Limits):
        text = environment.get(item.metadata["variable"], "").strip()
        if text:
            try:
                values[item.name] = _value(item, text)
            except ValueError as error:
                said.append(f"{error} Its default, {item.default:,.0f}, holds.")
    return values, said


def _value(item: Field[float], given: float | str) -> float:
    """A limit's value.

    Raises:
        ValueError: it is not a number above 0, or not a whole one where the limit counts something.
    """
    whole = item.type == "int"
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0) or (whole and not value.is_integer()):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{item.metadata['variable']} = {str(given)[:40]!r} must be a {kind} above 0.")
    return int(value) if whole else value


@dataclass(frozen=True)
class Estimate:
    """What a run will take, within a factor of two (`benchmarks.estimates` measures how often).

    Attributes:
        parameters: trained numbers, exact.
        memory_mb: by which the process that trains grows at most: weights, gradients, moments, activations, validation, looks.
        seconds: of processor time: updates, validation and looks, those after the last update too.
        look_mb: of the largest look alone.
        tape_mb: that the run leaves in the store, at most.
    """

    parameters: int
    memory_mb: float
    seconds: float
    look_mb: float = 0.0
    tape_mb: float = 0.0


def estimate(
    config: RunConfig,
    inputs: int,
    outputs: int,
    device: str = "cpu",
    lenses: Sequence[str] = (),
    speed: float = 1.0,
    whole: bool = True,
) -> Estimate:
    """Parameters, memory, time and tape of a run, before it is built.

    Args:
        inputs: V for tokens, F for numbers (see `explainer.runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.
        device: "cpu" or "cuda".
        lenses: what looks at the run while it trains.
        speed: of the host, in times that of the processor on which costs were measured (`runs.speed`).
        whole: the first lens sees all kept moments, those of a sweep's runs only two.
    """
    looks = [look_bytes(config, lens, inputs, outputs) for lens in lenses]
    look = max((size.peak for size in looks), default=0)
    updates = RECORDED * config.steps * update_seconds(config, inputs, outputs, device)
    parameters = parameter_count(config, inputs, outputs)
    each = [look_seconds(config, lens, inputs, outputs) for lens in lenses]
    looking = looking_seconds(config, updates, looks, each, BYTES * parameters if whole else 0)
    seconds = updates + reading_seconds(config, inputs, outputs, device) + looking
    return Estimate(
        parameters=parameters,
        memory_mb=memory_bytes(config, inputs, outputs, look) / 1e6,
        seconds=seconds / speed + RUN_SECONDS,
        look_mb=look / 1e6,
        tape_mb=tape_bytes(config, inputs, outputs, [size.view for size in looks]) / 1e6,
    )


def refuse_if_too_big(
    config: RunConfig,
    inputs: int,
    outputs: int,
    device: str = "cpu",
    allowed: Limits | None = None,
    lenses: Sequence[str] = (),
    speed: float = 1.0,
    whole: bool = True,
) -> Estimate:
    """The estimate of a run that this host allows, with the lenses that look at it (`speed`, `whole`: see `estimate`).

    Raises:
        ValueError: it doesn't fit; the sentence has the estimate, the limit and the way out.
    """
    allowed = allowed or limits()
    if config.steps > allowed.steps:
        raise ValueError(f"steps = {config.steps:,} is more than the {allowed.steps:,.0f} that this host allows.")
    expected = estimate(config, inputs, outputs, device, lenses, speed, whole)
    if expected.parameters > allowed.parameters:
        raise ValueError(
            f"This model has {expected.parameters:,} parameters, and this host allows {allowed.parameters:,.0f}. "
            "Choose a smaller width or fewer layers."
        )
    if expected.look_mb > allowed.memory_mb:
        raise ValueError(
            f"One look at this run would take about {expected.look_mb:,.0f} MB of memory, and this host allows "
            f"{allowed.memory_mb:,.0f} MB. Choose a shorter length, fewer heads or layers, or train it on another page."
        )
    if expected.memory_mb > allowed.memory_mb:
        raise ValueError(
            f"This run would take about {expected.memory_mb:,.0f} MB of memory, and this host allows "
            f"{allowed.memory_mb:,.0f} MB. Choose a smaller batch, length or width."
        )
    if expected.tape_mb > allowed.store_mb:
        raise ValueError(
            f"The record of this run would take about {expected.tape_mb:,.0f} MB, and the store of this host holds "
            f"{allowed.store_mb:,.0f} MB. Choose a shorter length, a smaller width or fewer layers."
        )
    if expected.seconds > allowed.seconds:
        raise ValueError(
            f"This run would train for about {spoken(expected.seconds)}, and this host allows "
            f"{spoken(allowed.seconds)}. Choose fewer steps, a shorter sequence, a smaller batch or model."
        )
    return expected


def refuse_sweep_if_too_big(
    runs: Sequence[tuple[RunConfig, int, int]],
    *,
    allowed: Limits | None = None,
    lenses: Sequence[str] = (),
    speed: float = 1.0,
) -> float:
    """The seconds that the runs (configuration, inputs, outputs) of a sweep will take together, if this host allows it.

    Raises:
        ValueError: a run is too big, there are too many, or they take too long; the sentence has the way out.
    """
    allowed = allowed or limits()
    if len(runs) > allowed.sweep_runs:
        raise ValueError(
            f"This sweep has {len(runs)} runs, and this host allows {allowed.sweep_runs:.0f}. Take fewer values."
        )
    seconds = sum(refuse_if_too_big(*run, "cpu", allowed, lenses, speed, whole=False).seconds for run in runs)
    if seconds > allowed.sweep_seconds:
        raise ValueError(
            f"These {len(runs)} runs would train for about {spoken(seconds)} together, and this host allows a sweep "
            f"{spoken(allowed.sweep_seconds)}. Take fewer or smaller values, or fewer steps."
        )
    return seconds


def spoken(seconds: float) -> str:
    """A duration for people: "40 s", "25 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
