"""Gates in words: what is open, how long units remember, what they track and how well it can be read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.charts.ticks import tick_labels, tick_places
from explainer.lenses.gates.record import GatesRecord
from explainer.theory.probes import FEWEST
from explainer.theory.ties import first_largest, first_smallest
from explainer.theory.variables import called

COLUMNS = 16  # tokens in a row, and rows; a longer sequence has wider rows
STRONG = 0.6  # |h| from which a cell is so dark that the word on it is white
LONGEST = 1e4  # a time constant that is drawn at the edge when it is longer
SURE = 3  # standard errors from which a difference counts; they are somewhat too small (`theory.probes.ratio`)


def time_constants(kept: NDArray[np.float32]) -> NDArray[np.float64]:
    """tau = -1 / ln f: after tau steps a unit that keeps the share f has 1/e of a value left. At most `LONGEST`."""
    f = np.clip(np.asarray(kept, np.float64), 1e-12, 1.0)
    return 1.0 / np.maximum(-np.log(f), 1.0 / LONGEST)


def notes(record: GatesRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look into the gates."""
    T = len(record.tokens)
    places = tick_places(T)
    constants = time_constants(record.kept)
    order = np.argsort(-constants, axis=1, kind="stable")
    best = [first_largest(row) for row in np.abs(np.nan_to_num(record.correlations))]
    followed = record.states[:, best].T.astype(np.float32)
    strong = np.abs(followed) >= STRONG
    columns = text_columns(T)
    row = np.arange(T) // columns
    return Notes(
        readings={
            "gates": {
                f"{layer},{gate}": gate_reading(record, layer, gate, moment.asked)
                for layer in range(len(record.gates))
                for gate in range(len(record.gate_names))
            },
            "memory": {str(layer): memory_reading(constants[layer]) for layer in range(len(constants))},
            "tracking": {str(at): tracking_reading(record, at) for at in range(len(record.variables))},
            "probes": {str(at): probe_reading(record, at) for at in range(len(record.variables))},
            "loss": loss_reading(moment),
        },
        arrays={
            "tick_places": places,
            "memory": np.take_along_axis(constants, order, axis=1).astype(np.float32),
            "memory_units": order.astype(np.int32),
            "text_x": (np.arange(T) % columns).astype(np.int32),
            "rows_on_light": np.where(strong, np.nan, row).astype(np.float32),
            "rows_on_dark": np.where(strong, row, np.nan).astype(np.float32),
            "text_range": np.array([-0.5, columns - 0.5], np.float32),
            "followed": followed,
            # In rows of `columns`, the rest of the last row NaN.
            "followed_rows": np.pad(followed, ((0, 0), (0, -T % columns)), constant_values=np.nan).reshape(
                len(followed), -1, columns
            ),
            "shown_probes": np.maximum(record.probes, 0),
            "shown_untrained": np.maximum(record.untrained, 0),
            "shown_controls": np.maximum(record.controls, 0),
        },
        labels={
            "tick_labels": tick_labels(record.tokens, places),
            "called": [called(name) for name in record.variables],
        },
    )


def text_columns(T: int) -> int:
    """How many of T tokens stand in a row: 16, doubled until there are no more rows than that."""
    columns = COLUMNS
    while T > columns * COLUMNS:
        columns *= 2
    return min(T, columns)


def gate_reading(record: GatesRecord, layer: int, gate: int, asked: bool = False) -> str:
    """One sentence on a gate: its mean here, and how much of it is saturated, over the batch or the viewer's input."""
    values = record.gates[layer, gate]
    name = record.gate_names[gate]
    shares = record.closed[layer, gate], record.opened[layer, gate]
    if not (np.isfinite(values).all() and np.isfinite(shares).all()):
        return f"The {name} gate is not a finite number everywhere."
    means = values.mean(axis=0)
    most, least = first_largest(means), first_smallest(means)
    sentence = f"The {name} gate is {values.mean():.2f} open on average"
    if f"{means[most]:.2f}" != f"{means[least]:.2f}":
        sentence += f", most in unit {most} ({means[most]:.2f}) and least in unit {least} ({means[least]:.2f})"
    return (
        f"{sentence}; over {'your input' if asked else 'the batch'} {shares[0]:.0%} of its values are below 0.1 "
        f"and {shares[1]:.0%} above 0.9."
    )


def memory_reading(constants: NDArray[np.float64]) -> str:
    """One sentence on the longest, the shortest and the middle time constant."""
    if not np.isfinite(constants).all():
        return "The gates are not finite, so there is no time constant."
    longest, median, shortest = (float(pick(constants)) for pick in (np.max, np.median, np.min))
    said = f"{steps(longest)} {'step' if steps(longest) == '1' else 'steps'}"
    if len(constants) == 1:
        return f"The one unit remembers for {said}."
    if steps(longest) == steps(shortest):
        return f"All {len(constants)} units remember for {said}."
    return (
        f"Unit {first_largest(constants)} remembers longest, {said}; the median is {steps(median)}, "
        f"the shortest {steps(shortest)}."
    )


def steps(count: float) -> str:
    """A time constant in three digits, or that it is longer than is drawn."""
    if count >= LONGEST * (1 - 1e-9):
        return f"more than {LONGEST:,.0f}"
    if count >= 999.5:
        return f"{count:,.0f}"
    return f"{count:.3g}" if count >= 0.1 else "less than 0.1"


def tracking_reading(record: GatesRecord, variable: int) -> str:
    """One or two sentences: the unit that follows a variable best, and what units without training or by chance have."""
    row = record.correlations[variable]
    name, over = called(record.variables[variable]), _sequences(record)
    if not np.isfinite(row).all():
        return f"The states are not finite numbers, so no unit follows “{name}”."
    unit = first_largest(np.abs(row))
    if row[unit] == 0:
        return f"Nothing follows “{name}”: it does not change in {over}, or no unit does."
    error = record.correlation_errors[variable]
    sentence = (
        f"Unit {unit} follows “{name}” best, with a correlation of {with_error(row[unit], error, '+')} over {over}."
    )
    levels = [
        (record.untrained_correlations[variable], "for the best unit of the untrained network"),
        (record.chance_correlations[variable], "for the best unit here with the values of another sequence"),
    ]
    said = [f"{level:.2f} {who}" for level, who in levels if np.isfinite(level)]
    return f"{sentence} For comparison, without the sign: {', '.join(said)}." if said else sentence


def with_error(value: float, error: float, sign: str = "") -> str:
    """A score with its standard error: 0.31 ± 0.04, or 0.977 ± 0.001; alone where it has no error."""
    if not np.isfinite(error):
        return f"{value:{sign}.2f}"
    digits = 2 if error >= 0.005 else 3
    return f"{round(value, digits) + 0.0:{sign}.{digits}f} ± {max(error, 0.5 * 10**-digits * 1.001):.{digits}f}"


def probe_reading(record: GatesRecord, variable: int) -> str:
    """Two sentences: how well a variable can be read, beside its control, and what training has to do with it."""
    name, over = called(record.variables[variable]), _sequences(record)
    score, error, control = (float(each[variable]) for each in (record.probes, record.probe_errors, record.controls))
    if not np.isfinite(record.correlations[variable]).all():
        return f"The states are not finite numbers, so “{name}” can’t be read from them."
    if record.sequences < FEWEST:
        return (
            f"The data has only {over} that share{'s' if record.sequences == 1 else ''} nothing with another, too few to fit a readout on some and judge it on others. "
            "Learn from more, or at a shorter length."
        )
    if not np.isfinite(score + error):
        return f"“{name}” does not change in {over}, so there is nothing to read."
    sentence = f"The readout tells “{name}” with R² {with_error(score, error)} on sequences that it was not fitted on"
    if np.isfinite(control):
        sentence += f"; its control, with the values of another sequence, has {round(control, 2) + 0.0:.2f}."
    else:
        sentence += "; there is no control, for it is the same in every sequence."
    return f"{sentence} {_gain(score, float(record.untrained[variable]), float(record.gain_errors[variable]))}"


def _gain(score: float, untrained: float, error: float) -> str:
    """One sentence: R^2 less that of the untrained network, with the error of the difference."""
    if not np.isfinite(untrained + error):
        return "The untrained network’s states are not finite, so nobody knows what training added."
    gain = score - untrained
    if max(abs(gain), error) < 1e-6:
        return "The untrained network’s is the same."
    said = f"({untrained:.2f} untrained, {with_error(gain, error, '+')})"
    if abs(gain) < SURE * error:
        return f"Training did not change that by more than chance would {said}."
    return f"Training {'added to it' if gain > 0 else 'took from it'} {said}."


def _sequences(record: GatesRecord) -> str:
    return f"{record.sequences} {'sequence' if record.sequences == 1 else 'sequences'}"
