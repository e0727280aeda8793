"""Hidden states in words: what the units do, the state's path, what is said beside what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.amount import amount
from explainer.charts.curves import loss_reading
from explainer.charts.own_series import filled_points, filled_reading
from explainer.charts.panel import Moment, Notes
from explainer.charts.ticks import tick_labels, tick_places
from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.tasks import TASKS
from explainer.theory.pca import frame_of
from explainer.theory.ties import first_largest, first_smallest

READ_BEFORE = 12  # tokens that a forecast of the next one is told with, at most
SATURATED = 0.95  # |h| of a tanh state above which its derivative 1 - h^2 is under a tenth


def notes(record: HiddenStatesRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the hidden states."""
    L, T, _ = record.states.shape
    places = tick_places(T)
    return Notes(
        readings={
            "states": {str(layer): states_reading(record.states[layer]) for layer in range(L)},
            "path": path_reading(record.states[-1]),
            "output": output_reading(record, moment.meta),
            "loss": loss_reading(moment),
        },
        arrays={
            "times": np.arange(T, dtype=np.int32),
            "tick_places": places,
            **filled_points(record.filled, record.target),
        },
        labels={
            "tick_labels": tick_labels(record.tokens, places),
            "target_labels": tick_labels(record.targets, places),
        },
    )


def context(
    records: Sequence[HiddenStatesRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The plane of the path, one for the whole tape, so that the path moves and the axes don't.

    Args:
        records: of the tape so far.
        previous: the basis of the tape when it was shorter; signs and order follow it.

    Returns:
        mean (N,), basis (2, N), range (2, 2) of both axes, explained (2,).
    """
    named = frame_of(np.concatenate([record.states[-1] for record in records]), previous)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def states_reading(states: NDArray[np.float32]) -> str:
    """One sentence on (T, N) states: smallest and largest, the busiest and the calmest unit, saturation."""
    T, N = states.shape
    if not np.isfinite(states).all():
        share = 1 - np.isfinite(states).mean()
        return f"{share:.0%} of the {N} × {T} hidden values are not finite numbers."
    if not states.any():
        return f"All {N} × {T} hidden values are 0."
    states = states.astype(np.float64)  # squares of large values overflow in single precision
    (low_at, low), (high_at, high) = (divmod(at, N) for at in (first_smallest(states), first_largest(states)))
    sentence = (
        f"h is smallest in unit {low} ({_value(states.min())} at t = {low_at}) "
        f"and largest in unit {high} ({_value(states.max())} at t = {high_at})"
    )
    spread = states.std(axis=0)
    most, least = first_largest(spread), first_smallest(spread, scale=float(spread.max()))
    if T > 1 and spread[most] > 0:
        moving = states[:, most]
        sentence += f"; unit {most} moves most (from {_value(moving.min())} to {_value(moving.max())})"
        sentence += f", unit {least} least" if spread[least] < spread[most] else ""
    saturated = (np.abs(states) > SATURATED).mean()
    return f"{sentence}; {saturated:.0%} of the values are beyond ±{SATURATED}."


def _value(value: float, decimals: int = 2) -> str:
    """A state, or of more decimals an output; of a large one three digits."""
    return f"{value:.{decimals}f}" if abs(value) < 1000 else amount(float(value))


def path_reading(states: NDArray[np.float32]) -> str:
    """One sentence on how far the state travels: its longest and shortest stride, and whether it comes to rest."""
    if not np.isfinite(states).all():
        return "The state is not finite, so it has no path."
    if len(states) < 2:
        return "One time step has no path."
    strides = np.linalg.norm(np.diff(states.astype(np.float64), axis=0), axis=1)
    if not strides.any():
        return "The state does not move."
    longest, shortest = first_largest(strides), first_smallest(strides, scale=float(strides.max()))
    sentence = f"The longest stride, {amount(strides[longest], 2)}, is the one to t = {longest + 1}"
    if len(strides) == 1:
        return f"{sentence}, the only one."
    return (
        f"{sentence}, the shortest, {amount(strides[shortest], 2)}, the one to t = {shortest + 1}; "
        f"the median is {amount(float(np.median(strides)), 2)}."
    )


def output_reading(record: HiddenStatesRecord, run: Mapping[str, Any]) -> str:
    """The forecast, where there is one, and one sentence on the positions that count."""
    if not np.isfinite(record.certainty if record.has_tokens else record.output).all():
        return "What the network says is not finite."
    judged = judged_reading(record, str(run.get("unit") or "")) + filled_reading(record.filled, record.mask)
    return f"{forecast_reading(record, run)} {judged}" if record.foretells else judged


def forecast_reading(record: HiddenStatesRecord, run: Mapping[str, Any]) -> str:
    """One sentence: what the network says that comes next, which nobody knows.

    Args:
        run: its `task`, and the `unit` of its numbers.
    """
    if record.has_tokens:
        task = TASKS[run["task"]]
        read = record.tokens[-READ_BEFORE:]
        shown = f"“{''.join(read)}”" if task.characters else " ".join(read)
        return (
            f"After {shown} the network takes “{record.guesses[-1]}” for the likeliest next {task.foretells}, "
            f"with probability {_probability(float(record.certainty[-1]))}."
        )
    unit = f" {run['unit']}" if run.get("unit") else ""
    return f"After {', '.join(record.tokens[-2:])} the network forecasts {amount(float(record.output[-1]))}{unit}."


def _probability(value: float) -> str:
    """Two decimals, or two digits where these would be zeros: one of thousands of signs."""
    return f"{value:.2f}" if value >= 0.005 else amount(value, 2)


def judged_reading(record: HiddenStatesRecord, unit: str = "") -> str:
    """One sentence on the positions that count.

    Args:
        unit: of the numbers.
    """
    of = f" {unit}" if unit else ""
    mask = record.mask
    if not mask.any():
        return "No position of this sequence counts in the loss."
    if not np.isfinite((record.right if record.has_tokens else record.output - record.target)[mask]).all():
        return "What the network says is not finite."
    if record.has_tokens:
        right = record.right[mask]
        worst, best = (int(np.flatnonzero(mask)[at]) for at in (first_smallest(right), first_largest(right)))
        hits = np.mean(
            [guess == target for guess, target, use in zip(record.guesses, record.targets, mask, strict=True) if use]
        )
        return (
            f"The likeliest token is right at {hits:.0%} of the {int(mask.sum())} positions that count; "
            f"the right token gets probability {_probability(float(right.mean()))} on average, from {amount(float(record.right[worst]), 2)} at t = {worst} "
            f"to {amount(float(record.right[best]), 2)} at t = {best}."
        )
    if len(record.errors) > 1:
        return bits_reading(record)
    error = (record.output - record.target).astype(np.float64)[mask]
    if mask.sum() == 1:
        at = int(mask.argmax())
        output, target = (_value(each[at], decimals=3) for each in (record.output, record.target))
        return f"At t = {at}, where it counts, the output is {output}{of} and the target {target}{of}."
    sizes = np.abs(error)
    worst, best = (int(np.flatnonzero(mask)[at]) for at in (first_largest(sizes), first_smallest(sizes)))
    return (
        f"Over the {int(mask.sum())} positions that count, the error is {amount(float(np.sqrt(np.mean(error**2))))}{of} (root mean square); "
        f"largest at t = {worst}, smallest at t = {best}."
    )


def bits_reading(record: HiddenStatesRecord) -> str:
    """One sentence on all bits of a flip-flop, not only on the one that is drawn: the best and the worst."""
    best, worst = first_smallest(record.errors), first_largest(record.errors)
    if not np.isfinite(record.errors).all():
        return "What the network says is not finite."
    right = int((record.signs == 1).sum())
    said = [
        f"bit {bit + 1} {which} (sign right at {record.signs[bit]:.0%}, error {amount(float(record.errors[bit]))})"
        for bit, which in ((best, "best"), (worst, "worst"))
    ]
    return (
        f"Over the {int(record.mask.sum())} steps that count, {right} of the {len(record.errors)} bits always "
        f"{'has' if right == 1 else 'have'} the right sign; {', '.join(said)}; errors are root mean squares."
    )
