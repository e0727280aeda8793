"""The gradient microscope's derived arrays and sentences: means by lag, reach, and what has no logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.amount import not_finite, ratio, short
from explainer.charts.panel import Moment, Notes
from explainer.charts.subject import surgery_of
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.theory.followed import mean_by_lag
from explainer.theory.ties import first_largest, first_smallest
from explainer.words import counted

ZERO, NOT_FINITE = 1, 2  # marks of what a log scale can't show
AT_ZERO, AT_NOT_FINITE = 0.025, 0.975  # heights of the same marks on a line chart, as shares of it
LEFT = 0.01  # of what the loss sends to its own moment: the reach is how far back that much arrives
DECADES = 12  # of the colour scale; what is smaller has the darkest colour
MOST_LAYERS, MOST_WAYS, MOST_GATES = 6, 4, 4  # that a viewer can choose, of any run
UNSEEN_COLOUR = "rgba(0,0,0,0)"
WORDS = {
    "h": "h, every way",
    "x": "x, every way",
    "c": "c, every way",
    "c along c": "c, only along c",
    "c by way of h": "c, by way of h",
}


def notes(record: MicroscopeRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look through the microscope."""
    model = str(moment.meta["model"])
    name, missing = FAMILY_NAMES[model], MOST_GATES - len(record.gate_names)
    W, L, P, _ = record.norms.shape
    means = mean_by_lag(record.norms, record.counted)
    lags = lags_of(record)
    choices = [(way, layer) for way in range(MOST_WAYS) for layer in range(MOST_LAYERS)]
    few = np.flatnonzero(record.counted) if not record.counted.all() else np.zeros(0, dtype=int)
    each = [(way, layer, min(way, W - 1), min(layer, L - 1)) for way, layer in choices]
    by_lag_marks = marks_of(means) * reached(record)
    heights = np.select([by_lag_marks == ZERO, by_lag_marks == NOT_FINITE], [AT_ZERO, AT_NOT_FINITE], np.nan)
    return Notes(
        readings={
            "matrix": {f"{w},{k}": matrix_reading(record, name, way, layer) for w, k, way, layer in each},
            "by_lag": {f"{w},{k}": by_lag_reading(record, means, name, way, layer) for w, k, way, layer in each},
            "history": {f"{w},{k}": history_reading(record, means, moment, way, layer) for w, k, way, layer in each},
            "ways": {str(layer): ways_reading(record, means, name, min(layer, L - 1)) for layer in range(MOST_LAYERS)},
            "gates": {
                str(layer): gates_reading(record, name, min(layer, L - 1), held_gates(moment, min(layer, L - 1)))
                for layer in range(MOST_LAYERS)
            },
        },
        arrays={
            "marks": marks_of(record.norms) * np.tri(P, dtype=np.uint8),
            "counted_x": np.full(len(few), record.at[-1] + 1.5 * stride_of(record), dtype=np.float32),
            "counted_y": record.at[few],
            "lags": lags,
            "by_lag": means.astype(np.float32),
            "by_lag_curve": _drawn(means),
            "by_lag_marks": by_lag_marks,
            "by_lag_heights": heights.astype(np.float32),
            # NaN for the gates that the cell does not have.
            "gate_curves": np.pad(_drawn(record.gates), ((0, missing), (0, 0), (0, 0)), constant_values=np.nan),
            "reach": np.array([[reach(record, means[w, k]) for k in range(L)] for w in range(W)], dtype=np.float32),
        },
        labels={
            "gate_words": [*record.gate_names, *[""] * missing],
            "gate_colours": [*[FAMILY_COLOURS[model]] * len(record.gate_names), *[UNSEEN_COLOUR] * missing],
        },
    )


def context(records: Sequence[MicroscopeRecord], previous: Any = None) -> dict[str, NDArray[Any]]:
    """Ranges over the whole tape, so that what moves is the network.

    Returns:
        span (W, 2): log10 of the smallest and largest norm of each way, at most `DECADES` apart;
        lag_span (W, 2): the same of the means by lag; lag_ends (W, 2): their values without logarithm;
        gate_ends (2,): the same of all gates; lags (P,).
    """
    means = [mean_by_lag(record.norms, record.counted) for record in records]
    ways = range(len(records[0].ways))
    span = [_decades([record.norms[way] for record in records]) for way in ways]
    lag_span = [_decades([mean[way] for mean in means]) for way in ways]
    return {
        "span": np.array(span, dtype=np.float32),
        "lag_span": np.array(lag_span, dtype=np.float32),
        "lag_ends": 10.0 ** np.array(lag_span),
        "gate_ends": 10.0 ** np.array(_decades([record.gates for record in records])),
        "lags": lags_of(records[-1]),
    }


def _drawn(values: NDArray[Any]) -> NDArray[np.float32]:
    """NaN, a gap in a line, for what has no logarithm."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan).astype(np.float32)


def lags_of(record: MicroscopeRecord) -> NDArray[np.int32]:
    """The distances t - k that the followed places have, from 0."""
    return (record.at - record.at[0]).astype(np.int32)


def stride_of(record: MicroscopeRecord) -> int:
    """Steps between two followed places."""
    return int(record.at[1] - record.at[0]) if len(record.at) > 1 else 1


def marks_of(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Of each value: 0 has a logarithm, `ZERO`, or `NOT_FINITE`."""
    return np.select([~np.isfinite(values), values == 0], [NOT_FINITE, ZERO], 0).astype(np.uint8)


def reached(record: MicroscopeRecord) -> NDArray[np.uint8]:
    """1 for each lag that some loss that counts has."""
    return (np.arange(len(record.at)) <= longest(record)).astype(np.uint8)


def longest(record: MicroscopeRecord) -> int:
    """The place of the last loss that counts, and so of the longest lag that one has."""
    return int(np.flatnonzero(record.counted)[-1])


def reach(record: MicroscopeRecord, means: Float[np.ndarray, " P"]) -> float:
    """The lag up to which every mean is at least `LEFT` of the one at lag 0.

    NaN if that one is 0, or if one of them is not finite.
    """
    lags, curve = lags_of(record), means[: longest(record) + 1]
    if not np.isfinite(curve).all() or curve[0] == 0:
        return float("nan")
    below = np.flatnonzero(curve < LEFT * curve[0])
    return float(lags[below[0] - 1 if below.size else len(curve) - 1])


def _decades(values: Sequence[NDArray[Any]]) -> tuple[float, float]:
    usable = [each[np.isfinite(each) & (each > 0)] for each in values]
    present = [each for each in usable if each.size]
    if not present:
        return -1.0, 0.0
    low = float(np.log10(min(each.min() for each in present)))
    high = float(np.log10(max(each.max() for each in present)))
    return (max(low, high - DECADES), high) if high > low else (high - 1, high)


# -- readings ---------------------------------------------------------------------------------


def matrix_reading(record: MicroscopeRecord, name: str, way: int, layer: int) -> str:
    """One sentence: the largest and the smallest of the norms, and how many are 0 or not finite."""
    P = len(record.at)
    inside = np.tri(P, dtype=bool)
    norms = record.norms[way, layer]
    said = f"{name}, gradient of {WORDS[record.ways[way]]}"
    usable = inside & np.isfinite(norms) & (norms > 0)
    cells, zeros = counted(int(inside.sum()), "cell"), int((inside & (norms == 0)).sum())
    bad = int((inside & ~np.isfinite(norms)).sum())
    odd = [f"exactly 0 in {zeros} of {cells}"] if zeros else []
    odd += [f"not a finite number in {bad} of {cells}"] if bad else []
    if not usable.any():
        return f"{said}: {' and '.join(odd)}."
    big = np.unravel_index(first_largest(np.where(usable, norms, 0)), norms.shape)
    small = np.unravel_index(first_smallest(np.where(usable, norms, np.inf)), norms.shape)
    sentence = f"{said}: largest {short(norms[big])} (loss at t = {record.at[big[0]]}, moment k = {record.at[big[1]]})"
    if usable.sum() > 1:
        at = f"t = {record.at[small[0]]}, k = {record.at[small[1]]}"
        sentence += f", smallest {short(norms[small])} ({at})"
    return "; ".join([sentence, *odd]) + "."


def by_lag_reading(record: MicroscopeRecord, means: Float[np.ndarray, "W L P"], name: str, way: int, layer: int) -> str:
    """One sentence: what is left, in the middle and at the longest lag, of what a loss sends to its own moment."""
    lags, curve = lags_of(record), means[way, layer]
    last = longest(record)
    if bad := not_finite(curve[: last + 1], "lag"):
        return f"{name}: the gradient is {bad}."
    if last == 0:
        return f"{name}: with one moment there is nothing to look back to."
    if curve[0] == 0:
        return f"{name}: the losses that count have no gradient."
    middle = last // 2
    parts = [f"{short(ratio(curve[at], curve[0]))} at lag {lags[at]}" for at in dict.fromkeys((middle, last)) if at]
    count = int(record.counted.sum())
    losses = f"the loss at t = {record.at[last]}" if count == 1 else f"mean of {count} losses"
    return f"{name}: {' and '.join(parts)} is left of the gradient at lag 0 ({losses})."


def history_reading(
    record: MicroscopeRecord, means: Float[np.ndarray, "W L P"], moment: Moment, way: int, layer: int
) -> str:
    """One sentence: how far back a hundredth of the gradient arrives at this step."""
    name, lags, curve = FAMILY_NAMES[str(moment.meta["model"])], lags_of(record), means[way, layer]
    far, farthest = reach(record, curve), int(lags[longest(record)])
    if np.isnan(far):
        why = not_finite(curve[: longest(record) + 1], "lag") or "0 at the loss's own moment"
        return f"{name}, step {moment.step}: the gradient is {why}, so there is no reach."
    if far >= farthest:
        return f"{name}, step {moment.step}: at least a hundredth arrives at every lag, up to {farthest}."
    return (
        f"{name}, step {moment.step}: at least a hundredth arrives up to lag {far:.0f}, "
        f"and less at lag {far + stride_of(record):.0f}."
    )


def ways_reading(record: MicroscopeRecord, means: Float[np.ndarray, "W L P"], name: str, layer: int) -> str:
    """One sentence: at the longest lag, what comes along the cell state alone and what by way of h."""
    if "c along c" not in record.ways:
        return f"{name}: there is no cell state, so there is one way only."
    total, along, around = (means[record.ways.index(way), layer] for way in ("c", "c along c", "c by way of h"))
    last = longest(record)
    values = [curve[last] for curve in (total, along, around)]
    if not np.isfinite(values).all():
        return f"{name}: at lag {lags_of(record)[last]} the gradient is not a finite number on every way."
    if last == 0:
        return f"{name}: with one moment there is one way only."
    if not any(values):
        return f"{name}: nothing arrives at lag {lags_of(record)[last]}, on either way."
    one, other = short(along[last]), short(around[last])
    more = "most comes along c" if along[last] > around[last] else "most comes by way of h"
    return (
        f"{name}: at lag {lags_of(record)[last]}, {one} arrives along c alone and "
        f"{other} by way of h, together {short(total[last])}; {'both bring as much' if one == other else more}."
    )


def held_gates(moment: Moment, layer: int) -> list[str]:
    """The gates of a layer that the run's surgery holds."""
    return list(surgery_of(moment.meta).held(layer).gates)


def gates_reading(record: MicroscopeRecord, name: str, layer: int, held: Sequence[str] = ()) -> str:
    """One sentence: the gates that get most and least of the gradient, summed over the lags; another on those held."""
    if not record.gate_names:
        return f"{name}: no gates."
    last = longest(record)
    sums = record.gates[:, layer, : last + 1].sum(axis=-1, dtype=np.float64)
    if not np.isfinite(sums).all():
        return f"{name}: the gates' gradients are not all finite numbers."
    if not sums.any():
        return f"{name}: no gate gets a gradient."
    big, small = first_largest(sums), first_smallest(sums)
    least = f"the {_gate(record.gate_names[small])} least, {short(ratio(sums[small], sums[big]))} of that"
    curve = record.gates[big, layer]
    each = " and ".join(f"the {_gate(gate)}" for gate in held)
    several = (
        "are set to a number, so their gradients go" if len(held) > 1 else "is set to a number, so its gradient goes"
    )
    still = f" {each[0].upper()}{each[1:]} {several} no further." if held else ""
    far = int(lags_of(record)[first_largest(curve[: last + 1])])
    return (
        f"{name}: the {_gate(record.gate_names[big])} gets most (its peak is at lag {far}), "
        f"{least if sums[small] < sums[big] else 'and no other gate less'}.{still}"
    )


def _gate(name: str) -> str:
    return "candidate" if name == "candidate" else f"{name} gate"
