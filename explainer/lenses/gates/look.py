"""Inside the gates: what an LSTM's or GRU's gates do, how long each unit remembers, what it keeps track of."""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explainer.lenses.gates.record import GatesRecord
from explainer.lenses.look import evaluating, first_rows, model_device, stacked
from explainer.models import SequenceModel, build, observe
from explainer.tasks.base import Batch, Task
from explainer.theory.probes import CONTROLS, FEWEST, Readout, correlation_error, correlations, exchanged, readout
from explainer.theory.ties import first_largest

ROWS = 16  # sequences of the batch that saturation and time constants are measured on
POSITIONS = 2**14
"""Positions that correlations and probes are measured on: the time that this takes does not grow with T."""
GATE_NUMBERS = 2**22
"""Gates of some sequences that are held at once: 16 MB, and twice that for a moment."""
MOST_SEQUENCES, LEAST_SEQUENCES = 256, 16


@torch.no_grad()
def look(model: SequenceModel, batch: Batch, task: Task) -> GatesRecord:
    """Gates and states of the batch's first sequence; saturation and time constants over up to 16.

    What the units keep track of is the network's, whatever the batch: it is measured on validation sequences that
    share nothing, and beside the network before any training.
    """
    config = task.config
    batch = first_rows(batch, ROWS)
    names = config.network.settable
    B, T = batch.x.shape[:2]
    numbers = config.layers * len(names) * T * config.width
    together = max(1, GATE_NUMBERS // numbers)
    some = [batch.rows(slice(first, first + together)) for first in range(0, B, together)]
    parts = [_gates(model, each, task) for each in some]
    steps = np.array([sum(each.length_of(row) for row in range(len(each.x))) for each in some])
    shares = steps / steps.sum()
    tokens = tuple(task.axis(batch))
    rules = config.problem.variables
    return GatesRecord(
        gates=parts[0].first[:, :, : len(tokens)].copy(),
        gate_names=names,
        kept=_mean([part.kept for part in parts], shares),
        closed=_mean([part.closed for part in parts], shares),
        opened=_mean([part.opened for part in parts], shares),
        states=parts[0].states[0, : len(tokens)],
        tokens=tokens,
        variables=tuple(rules),
        values=np.stack([rule(tokens) for rule in rules.values()]).astype(np.float32),
        **_tracked(model, task),
    )


class _Gates(NamedTuple):
    """Gates of some sequences: all of the first one, means over all, and their states."""

    first: Float[np.ndarray, "L G T N"]
    kept: Float[np.ndarray, "L N"]
    closed: Float[np.ndarray, "L G"]
    opened: Float[np.ndarray, "L G"]
    states: Float[np.ndarray, "B T N"]


def _gates(model: SequenceModel, batch: Batch, task: Task) -> _Gates:
    config, names = task.config, task.config.network.settable
    keeper, roles = config.network.keeper, config.network.roles
    assert keeper is not None, config.model
    points = [point for layer in roles.gates for point in layer.values()]
    hidden = roles.states[-1]
    with evaluating(model), observe(model, *points, hidden) as seen:
        model(batch)
    gates = np.stack([_sequence(seen[point]) for point in points])
    gates = gates.reshape(config.layers, len(names), *gates.shape[1:])
    real = True if batch.real is None else batch.real[..., None].cpu().numpy()
    return _Gates(
        first=gates[:, :, 0],
        kept=gates[:, names.index(keeper.name)].mean(axis=(1, 2), where=real),
        closed=(gates < 0.1).mean(axis=(2, 3, 4), where=real),
        opened=(gates > 0.9).mean(axis=(2, 3, 4), where=real),
        states=_sequence(seen[hidden]),
    )


def _mean(parts: list[np.ndarray], shares: Float[np.ndarray, " parts"]) -> np.ndarray:
    """Of what was found in parts of a batch, the mean over all of it."""
    if len(parts) == 1:
        return parts[0]
    return np.asarray(np.tensordot(shares, np.stack(parts), axes=1))


class _Sample(NamedTuple):
    """What a network is asked for, and what an untrained one answers.

    Attributes:
        batch: S sequences.
        values: of each variable.
        given: for each control the sequence whose values each one gets.
        alone: whether a variable is the same in all sequences, so that exchanging them changes nothing.
        untrained: of the variables in the untrained network; None where S is too small.
        best: largest |r| of the untrained network's units.
    """

    batch: Batch
    values: Float[np.ndarray, "S T Q"]
    given: Int[np.ndarray, "C S"]
    alone: Bool[np.ndarray, " Q"]
    untrained: Readout | None
    best: Float[np.ndarray, " Q"]


_SAMPLES: WeakKeyDictionary[Task, _Sample] = WeakKeyDictionary()
"""Of each task: it depends on nothing else, and is asked for at every look."""


def _sample(task: Task, device: torch.device) -> _Sample:
    if task not in _SAMPLES:
        config = task.config
        size = min(MOST_SEQUENCES, max(LEAST_SEQUENCES, POSITIONS // task.total_length))
        batch = task.apart(size).even()
        rows = [tuple(task.axis(batch, row)) for row in range(len(batch.x))]
        rules = config.problem.variables
        values = np.stack([np.stack([rule(row) for row in rows]) for rule in rules.values()], axis=-1)
        states = _states(build(config, task.inputs, task.outputs).to(device), batch.x, task)
        _SAMPLES[task] = _Sample(
            batch=batch,
            values=values,
            given=exchanged(len(rows), CONTROLS),
            alone=(values == values[:1]).all(axis=(0, 1)),
            untrained=_read(states, values),
            best=np.abs(_correlations(states, values)).max(axis=1),
        )
    return _SAMPLES[task]


def _tracked(model: SequenceModel, task: Task) -> dict[str, Any]:
    """The fields of a record that say what the units keep track of."""
    sample = _sample(task, model_device(model))
    S, _, Q = sample.values.shape
    states = _states(model, sample.batch.x, task)
    # The variables, and behind them each control's: one fit does for all.
    every = np.concatenate([sample.values, *(sample.values[given] for given in sample.given)], axis=-1)
    r = _correlations(states, every)
    best = np.abs(r).max(axis=1)
    fields = {
        "correlations": r[:Q],
        "correlation_errors": _largest_errors(states, sample.values, r[:Q]),
        "untrained_correlations": sample.best,
        "chance_correlations": _mean_control(best, sample.alone),
        **dict.fromkeys(("probes", "probe_errors", "untrained", "gain_errors", "controls"), np.full(Q, np.nan)),
    }
    if sample.untrained is not None:
        fields["untrained"] = sample.untrained.score()[0]
    found = _read(states, every)
    if found is not None:
        own = found.first(Q)
        fields["probes"], fields["probe_errors"] = own.score()
        fields["controls"] = _mean_control(found.score()[0], sample.alone)
        if sample.untrained is not None:
            fields["gain_errors"] = own.gain(sample.untrained)[1]
    return {"sequences": S, **{name: values.astype(np.float32) for name, values in fields.items()}}


def _mean_control(scores: Float[np.ndarray, " columns"], alone: Bool[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    """Of scores of the variables and then of each control, the mean over the controls; NaN where these change nothing."""
    controls = scores.reshape(-1, len(alone))[1:]
    return np.where(alone, np.nan, controls.mean(axis=0)) if len(controls) else np.full(len(alone), np.nan)


def _largest_errors(
    states: Float[np.ndarray, "S T N"], values: Float[np.ndarray, "S T Q"], r: Float[np.ndarray, "Q N"]
) -> Float[np.ndarray, " Q"]:
    """The standard error of each variable's largest |r|."""
    if not np.isfinite(r).all():
        return np.full(len(r), np.nan)
    return np.array(
        [correlation_error(values[..., q], states[..., first_largest(np.abs(row))]) for q, row in enumerate(r)]
    )


def _states(model: SequenceModel, x: Tensor, task: Task) -> Float[np.ndarray, "S T N"]:
    """The top layer's states."""
    hidden = model.roles.states[-1]
    with evaluating(model), observe(model, hidden) as seen:
        weight = next(model.parameters())
        model(x.to(weight) if x.is_floating_point() else x.to(weight.device))
    return _sequence(seen[hidden])


def _read(states: Float[np.ndarray, "S T N"], values: Float[np.ndarray, "S T Q"]) -> Readout | None:
    """None where too few sequences are there, or a state is not finite."""
    return readout(states, values) if len(states) >= FEWEST and np.isfinite(states).all() else None


def _correlations(states: Float[np.ndarray, "S T N"], values: Float[np.ndarray, "S T Q"]) -> Float[np.ndarray, "Q N"]:
    if not np.isfinite(states).all():
        return np.full((values.shape[-1], states.shape[-1]), np.nan)
    return correlations(values, states)


def _sequence(value: Tensor | list[Tensor]) -> Float[np.ndarray, "B T N"]:
    return stacked(value).float().cpu().numpy()
