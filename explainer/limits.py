"""What one host allows: every limit in one place, each with an environment variable over it.

The defaults fit a laptop and a small public host. `EXPLAINER_MAX_STEPS=100000 make run` raises one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields

from explainer.config import RunConfig
from explainer.theory.sizes import BYTES, activation_bytes, flops_per_step, parameter_count


def _limit(default: float, variable: str, meaning: str, whole: bool = False) -> float:
    return field(default=default, metadata={"variable": variable, "meaning": meaning, "whole": whole})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits; `limits()` reads them from the environment."""

    parameters: float = _limit(5e6, "EXPLAINER_MAX_PARAMETERS", "trained numbers of a model", whole=True)
    steps: float = _limit(20_000, "EXPLAINER_MAX_STEPS", "updates of a run", whole=True)
    seconds: float = _limit(1800, "EXPLAINER_MAX_SECONDS", "training time of a run, estimated before and measured")
    memory_mb: float = _limit(512, "EXPLAINER_MAX_MEMORY_MB", "activations and optimizer state of a run, in MB")
    active: float = _limit(4, "EXPLAINER_MAX_ACTIVE", "runs that train at the same time; others wait", whole=True)
    queued: float = _limit(4, "EXPLAINER_MAX_QUEUED", "runs of one session that train, wait or are paused", whole=True)
    waiting: float = _limit(
        120, "EXPLAINER_MAX_WAITING", "runs of all sessions that wait or are paused, those of sweeps too", whole=True
    )
    sweep_runs: float = _limit(
        30, "EXPLAINER_MAX_SWEEP_RUNS", "runs of one sweep, which counts as one in the queue", whole=True
    )
    sweep_seconds: float = _limit(1800, "EXPLAINER_MAX_SWEEP_SECONDS", "training time of a sweep's runs together")
    store_mb: float = _limit(512, "EXPLAINER_STORE_MB", "size of the store; beyond it the oldest finished runs go")
    text_bytes: float = _limit(
        2_000_000, "EXPLAINER_MAX_TEXT_BYTES", "size of a text or series from a user", whole=True
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            _number(item, getattr(self, item.name))


def limits(environment: Mapping[str, str] | None = None) -> Limits:
    """The limits of this host.

    A variable that is no such number is left out, and its default holds: `faulty` names it.

    Args:
        environment: default, the process's own.
    """
    return Limits(**_read(environment)[0])


def faulty(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable of the environment that can't be a limit."""
    return _read(environment)[1]


def _read(environment: Mapping[str, str] | None) -> tuple[dict[str, float], list[str]]:
    """The limits that are set, by name, and a sentence for each that can't be."""
    environment = os.environ if environment is None else environment
    values: dict[str, float] = {}
    said: list[str] = []
    for item in fields(Limits):
        text = environment.get(item.metadata["variable"], "").strip()
        if text:
            try:
                values[item.name] = _number(item, text)
            except ValueError as error:
                said.append(f"{error} Its default, {item.default:,.0f}, holds.")
    return values, said


def _number(item: Field[float], given: float | str) -> float:
    """A limit's value.

    Raises:
        ValueError: it is not a number above 0, or not a whole one where the limit counts something.
    """
    kind = "whole number" if item.metadata["whole"] else "number"
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0) or (item.metadata["whole"] and not value.is_integer()):
        raise ValueError(f"{item.metadata['variable']} = {str(given)[:40]!r} must be a {kind} above 0.")
    return value


@dataclass(frozen=True)
class Estimate:
    """What a run will take, roughly.

    Attributes:
        parameters: trained numbers, exact.
        activation_mb: memory for one step: activations, weights, gradients and moments, from above.
        seconds: of training.
    """

    parameters: int
    activation_mb: float
    seconds: float


# (seconds a step costs whatever its size, seconds for each time step of a recurrent layer, FLOP/s),
# measured on one thread of a server's CPU and on a data-centre GPU; within a factor of 2 or 3.
_UNROLLED = 3e-4  # seconds for each time step of an operated recurrent layer: a dozen small kernels, not one
_EXPLICIT = 2.0  # times as long as with fused attention
_SPEED = {"cpu": (1.5e-3, 4e-5, 5e10), "cuda": (2e-3, 2e-6, 1e13)}


def estimate(config: RunConfig, inputs: int, outputs: int, device: str = "cpu") -> Estimate:
    """Parameters, memory and time of a run, before it is built.

    Args:
        inputs: V for tokens, F for numbers (see `explainer.runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.
        device: "cpu" or "cuda".
    """
    parameters = parameter_count(config, inputs, outputs)
    memory = activation_bytes(config, inputs, outputs) + 16 * parameters
    fixed, per_time, rate = _SPEED[device]
    if config.surgery:
        memory += _explicit_bytes(config)
        per_time, rate = max(per_time, _UNROLLED), rate / _EXPLICIT
    sequential = 0.0 if config.model == "transformer" else config.layers * config.total_length * per_time
    seconds = config.steps * (fixed + sequential + flops_per_step(config, inputs, outputs) / rate)
    return Estimate(parameters, memory / 1e6, seconds)


def _explicit_bytes(config: RunConfig) -> int:
    """What an operated network holds beyond the fused kernels: every head's scores, or every step's activations."""
    each = 4 * config.heads * config.total_length if config.model == "transformer" else 12 * config.width
    return BYTES * config.batch * config.total_length * config.layers * each


def refuse_if_too_big(
    config: RunConfig, inputs: int, outputs: int, device: str = "cpu", allowed: Limits | None = None
) -> Estimate:
    """The estimate of a run that this host allows.

    Raises:
        ValueError: it doesn't fit; the sentence has the estimate, the limit and the way out.
    """
    allowed = allowed or limits()
    if config.steps > allowed.steps:
        raise ValueError(f"steps = {config.steps:,} is more than the {allowed.steps:,.0f} that this host allows.")
    expected = estimate(config, inputs, outputs, device)
    if expected.parameters > allowed.parameters:
        raise ValueError(
            f"This model has {expected.parameters:,} parameters, and this host allows {allowed.parameters:,.0f}. "
            "Choose a smaller width or fewer layers."
        )
    if expected.activation_mb > allowed.memory_mb:
        raise ValueError(
            f"One step would take about {expected.activation_mb:,.0f} MB of memory, and this host allows "
            f"{allowed.memory_mb:,.0f} MB. Choose a smaller batch, length or width."
        )
    if expected.seconds > allowed.seconds:
        raise ValueError(
            f"This run would train for about {spoken(expected.seconds)}, and this host allows "
            f"{spoken(allowed.seconds)}. Choose fewer steps, a shorter sequence, a smaller batch or model."
        )
    return expected


def refuse_sweep_if_too_big(
    runs: Sequence[tuple[RunConfig, int, int]], device: str = "cpu", allowed: Limits | None = None
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
    seconds = sum(refuse_if_too_big(*run, device, allowed).seconds for run in runs)
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
