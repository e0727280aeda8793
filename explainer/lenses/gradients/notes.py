"""What a look at the gradients comes to: curves for a log axis, ranges of a whole tape, sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.amount import base_of, half_life, not_finite, percent, ratio, short, short_steps
from explainer.charts.curves import loss_reading
from explainer.charts.panel import Moment, Notes
from explainer.charts.subject import recurrence_of
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES
from explainer.families import FAMILIES
from explainer.lenses.gradients.record import GradientsRecord
from explainer.theory.jacobian import healthy, mean_factor, verdict
from explainer.theory.ties import first_largest, first_smallest
from explainer.words import counted

STAGES = ("before clipping", "after clipping")
SCALE_TITLES = ("gradient norm ‖∂L/∂hₜ‖", "‖∂L/∂hₜ‖ as a share of the last")
FITS = 0.5  # R² below which one factor per step does not describe the curve: no verdict then
AT_ZERO, NOT_FINITE = 0.025, 0.975  # heights of the marks, as shares of the chart


def notes(record: GradientsRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the gradients."""
    model = str(moment.meta["model"])
    norms = record.norms[: record.last + 1]
    marked = np.flatnonzero((norms == 0) | ~np.isfinite(norms))  # a log axis can't show these
    nothing = norms[marked] == 0
    sizes = parameter_sizes(record)
    with np.errstate(divide="ignore"):
        logs = np.where(sizes > 0, np.log10(sizes), np.nan)
    return Notes(
        readings={
            "share": share_reading(record, model, recurrence_of(moment.meta)),
            "verdict": verdict_reading(record, model),
            "clipping": clipping_reading(record, moment),
            "parameters": {str(stage): parameters_reading(record, model, stage) for stage in range(len(STAGES))},
            "loss": loss_reading(moment),
        },
        arrays={
            "curve": scaled(record, record.norms),
            "rate": scaled(record, record.theory if record.theory.size else np.full(len(record.norms), np.nan)),
            "hover": np.stack([record.norms.astype(np.float64), _shares(record)], axis=1),
            "mark_at": marked.astype(np.int32),
            "mark_height": np.where(nothing, AT_ZERO, NOT_FINITE).astype(np.float32),
            "now_step": np.array([moment.step], dtype=np.int32),
            "per_step": np.array(per_step(record)),
            "now_per_step": np.array([per_step(record)]),
            "band": np.array(healthy(max(1, record.last))),
            "parameter_logs": logs.astype(np.float32),
            "parameter_sizes": sizes.astype(np.float32),
        },
        labels={
            "mark_words": np.where(nothing, "exactly 0: nothing arrives", "not a finite number").tolist(),
            "axes": SCALE_TITLES,
            "colour": [FAMILY_COLOURS[model]],
            "parameter_words": parameter_words(record.parameters),
        },
    )


def context(records: Sequence[GradientsRecord], previous: NDArray[np.float32] | None = None) -> dict[str, NDArray[Any]]:
    """The ranges of the whole tape, so that the curves move and the axes don't.

    Returns:
        span (2, 2): smallest and largest measured value on each scale; parameter_range (2,): the
        same of the parameters' log10 norms, before and after clipping together.
    """
    curves = np.concatenate([scaled(record, record.norms) for record in records], axis=1)
    sizes = np.concatenate([parameter_sizes(record).ravel() for record in records])
    low, high = _range(sizes)
    return {
        "span": np.array([_range(curve) for curve in curves]),
        "parameter_range": np.log10(np.array([low, high if high > low else low * 10])),
    }


def _range(values: NDArray[Any]) -> tuple[float, float]:
    usable = values[np.isfinite(values) & (values > 0)]
    return (float(usable.min()), float(usable.max())) if usable.size else (1.0, 1.0)


def scaled(record: GradientsRecord, values: Float[np.ndarray, " T"]) -> Float[np.ndarray, "2 T"]:
    """`values` up to the loss as they are, and as shares of the measured norm there; NaN where a log axis has none."""
    with np.errstate(all="ignore"):
        both = np.stack([values.astype(np.float64), values.astype(np.float64) / float(record.norms[record.last])])
    both[:, record.last + 1 :] = np.nan
    return np.where(np.isfinite(both) & (both > 0), both, np.nan)


def explained(norms: Float[np.ndarray, " T"]) -> float:
    """R², the share of the variance of ln(norms) that one factor per step explains; 1 of a level line."""
    at = np.flatnonzero(np.isfinite(norms) & (norms > 0))
    logs = np.log(norms[at].astype(np.float64))
    if len(at) < 3 or np.ptp(logs) < 1e-6:
        return 1.0
    return float(np.corrcoef(at, logs)[0, 1] ** 2)


def per_step(record: GradientsRecord) -> float:
    """What each step back multiplies by, on average: its power `last` is the share that arrives at t = 0."""
    return mean_factor(record.norms[: record.last + 1])


def _shares(record: GradientsRecord) -> Float[np.ndarray, " T"]:
    with np.errstate(all="ignore"):
        return record.norms.astype(np.float64) / float(record.norms[record.last])


def parameter_sizes(record: GradientsRecord) -> Float[np.ndarray, "2 P"]:
    """||dL/dW||_2 of each parameter as it is, and after clipping shrinks all of them alike."""
    before = record.parameter_norms.astype(np.float64)
    shrunk = record.clipped / record.total if math.isfinite(record.total) and record.total > 0 else 1.0
    return np.stack([before, before * shrunk])


_RECURRENT = re.compile(r"rnn\.(weight|bias)_(ih|hh)_l(\d)")
_BLOCK = re.compile(r"blocks\.(\d)\.(.+)")
_PARTS = {
    "attention.query_key_value.weight": "Q, K, V",
    "attention.project.weight": "attention out",
    "attention_norm.weight": "attention norm",
    "mlp.expand.weight": "MLP in",
    "mlp.project.weight": "MLP out",
    "mlp_norm.weight": "MLP norm",
    "embedding.weight": "embedding",
    "embedding.bias": "embedding b",
    "positions.weight": "positions",
    "final_norm.weight": "final norm",
    "readout.weight": "readout W",
    "readout.bias": "readout b",
}


def parameter_words(names: Sequence[str]) -> list[str]:
    """Parameters as the formulas name them: `rnn.weight_hh_l0` is "W_hh", or of several layers "W_hh 1"."""
    several = any(name.endswith("_l1") for name in names)
    words = []
    for name in names:
        if found := _RECURRENT.fullmatch(name):
            layer = f" {int(found[3]) + 1}" if several else ""
            words.append(f"{'W' if found[1] == 'weight' else 'b'}_{found[2]}{layer}")
        elif found := _BLOCK.fullmatch(name):
            words.append(f"{int(found[1]) + 1}: {_PARTS.get(found[2], found[2])}")
        else:
            words.append(_PARTS.get(name, name))
    return words


# -- readings ---------------------------------------------------------------------------------


def share_reading(record: GradientsRecord, model: str, matrix: str = "W_hh") -> str:
    """One sentence: what arrives at the first step of what the last one gets, beside theory."""
    name, state = FAMILY_NAMES[model], FAMILIES[model].state
    last, norms = record.last, record.norms[: record.last + 1].astype(np.float64)
    if bad := not_finite(norms, "step"):
        return f"{name}: the gradient is {bad}."
    if last == 0:
        return f"{name}: with one time step there is nothing to carry back."
    if norms[last] == 0:
        return f"{name}: the loss at t = {last} has no gradient."
    zeros = int((norms == 0).sum())
    share = short(ratio(norms[0], norms[last]))
    sentence = f"{name}: {state} at t = 0 gets {share} of the gradient at t = {last}"
    if record.theory.size and math.isfinite(record.radius):
        whose = "" if matrix == "W_hh" else f" of {matrix}"
        sentence += f"; ρ = {base_of(record.radius, last)}{whose} predicts {short(_power(record.radius, last))}"
    if zeros:
        sentence += f"; at {counted(zeros, 'step')} it is exactly 0"
    return sentence + "."


def verdict_reading(record: GradientsRecord, model: str) -> str:
    """One sentence: vanishing, healthy or exploding, with the factor per step and what it comes to."""
    name, last = FAMILY_NAMES[model], record.last
    norms = record.norms[: last + 1].astype(np.float64)
    if not np.isfinite(norms).all():
        return f"{name}: {_not_finite_verdict(norms)}."
    if last == 0 or norms[-1] == 0:
        return f"{name}: no verdict, for there is no gradient to follow."
    if not norms[:-1].any():
        return f"{name}: vanishing, nothing at all arrives at an earlier step."
    if norms[0] == 0:
        zeros = f"exactly 0 at {int((norms == 0).sum())} of {counted(last, 'earlier step')}"
        return f"{name}: vanishing, nothing arrives at t = 0 ({zeros})."
    factor, share, fit = per_step(record), short(ratio(norms[0], norms[-1])), explained(norms)
    much = "as much" if share == "1" else f"{share} of it" if factor < 1 else f"{share} times as much"
    found, arrives = verdict(factor, last), f"{much} arrives over {counted(last, 'step')}"
    if found != "healthy" and fit < FITS:
        line = f"a straight line, × {short(record.factor)} per step back, explains only {percent(fit)} of its course"
        return f"{name}: no steady trend, {arrives}; {line}."
    sentence = f"{name}: {found}, {arrives}, × {base_of(factor, last)} per step back"
    if abs(math.log(factor)) < 1e-3:
        return f"{sentence}."
    return f"{sentence} ({'half lost' if factor < 1 else 'doubled'} in {short_steps(half_life(factor))})."


def _not_finite_verdict(norms: Float[np.ndarray, " T"]) -> str:
    """Explodes what has grown beyond float32; where the first such value on the way back is NaN, nothing is known."""
    first = int(np.flatnonzero(~np.isfinite(norms))[-1])
    if np.isnan(norms[first]):
        return f"no verdict, for the gradient is {not_finite(norms, 'step')}"
    back = len(norms) - 1 - first
    if back == 0:
        return "no verdict, for the loss's own gradient is beyond what a number can hold"
    return f"exploding, beyond what a number can hold from {counted(back, 'step')} back"


def clipping_reading(record: GradientsRecord, moment: Moment) -> str:
    """One sentence: the norm at this update before and after clipping, and how often it was clipped so far."""
    name = FAMILY_NAMES[str(moment.meta["model"])]
    (_, before), (_, after) = moment.until_now("grad_norm"), moment.until_now("clipped")
    if not len(before):
        return f"{name}: no step taken yet."
    at = f"{name}, step {moment.step}: gradient norm"
    if not math.isfinite(before[-1]):
        return f"{name}, step {moment.step}: the norm of the gradient is {short(before[-1])}."
    if not record.clip:
        return f"{at} {short(before[-1])}; nothing is clipped in this run."
    cut = after < before * (1 - 1e-5)
    done = f"clipped to {short(after[-1])}" if cut[-1] else f"within the limit of {short(record.clip)}"
    return f"{at} {short(before[-1])}, {done}; {percent(float(cut.mean()))} of the updates were clipped."


def parameters_reading(record: GradientsRecord, model: str, stage: int) -> str:
    """One sentence: the parameters with the largest and the smallest gradient, on the batch of the views."""
    name, sizes = FAMILY_NAMES[model], parameter_sizes(record)[stage]
    if not np.isfinite(sizes).all():
        return f"{name}: some parameters' gradients are not finite numbers."
    if not sizes.any():
        return f"{name}: no parameter has a gradient."
    words = parameter_words(record.parameters)
    big, small = first_largest(sizes), first_smallest(sizes)
    sentence = f"{name}: {words[big]} has the largest gradient, {short(sizes[big])}"
    if small != big:
        sentence += f", {words[small]} the smallest, {short(sizes[small])}"
    return f"{sentence} ({STAGES[stage]}, on the batch of the top row)."


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf
