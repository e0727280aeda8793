"""The biography of heads in numbers and words: of one moment, and over a whole tape with its phase changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.charts.curves import training_trend, validation_trend
from explainer.charts.errors import TOLD, plus_minus, told
from explainer.charts.head_roles import CALLED, PLAIN, STRONG, described, no_role, role_among, uniform_entropy
from explainer.charts.panel import Moment, Notes
from explainer.lenses.heads.record import SCORES, HeadsRecord
from explainer.theory.head_roles import ROLES as ORDER
from explainer.theory.phase import PhaseChange, phase_change
from explainer.theory.ties import first_largest, first_smallest

NAMES = {
    **PLAIN,
    "positional": "position-only score",
    "entropy": "entropy",
    "distance": "mean distance",
    "knocked_out": "Δloss without the head",
}
UNITS = {"entropy": " nats", "distance": " tokens"}
SHARES = ("prefix_matching", "previous_token", "duplicate_token", "positional")
"""Scores that lie between 0 and 1."""
LIFE = (*SHARES, "spread")
"""What the life of one head is drawn with: `spread` is its entropy as a share of that of even attention."""
UNKNOWN = {
    "prefix_matching": "nothing comes twice here",
    "duplicate_token": "nothing comes twice here",
    "previous_token": "no token has one before it",
    "positional": "one sequence has no other to be compared with",
}
TABLE = "These colours and phase changes are of the fixed validation batch, not of your own sequence."
LEAST = 0.1
"""Of a score's scale (see `scale_of`): a smaller change over the tape has no name."""


def notes(record: HeadsRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one moment in the lives of all heads."""
    S, L, H = record.scores.shape
    even = record.even or uniform_entropy(record.length)
    spread = of(record, "entropy") / even if even else np.full((L, H), np.nan)
    return Notes(
        readings={
            "score": {str(at): score_reading(record, name, moment) for at, name in enumerate(SCORES)},
            "life": {f"{at},{head}": life_reading(record, at, head, moment.asked) for at, head in np.ndindex(L, H)},
            "knocked_out": knock_out_reading(record, moment),
            "loss": loss_reading(moment, record.loss),
            **({"table": TABLE} if moment.asked else {}),
        },
        arrays={
            "by_chance": np.concatenate([record.chance, np.full((S - len(ORDER), L, H), np.nan)]).astype(np.float32),
            "whiskers": (TOLD * record.errors.reshape(L * H)).astype(np.float32),
            "by_head": record.scores.reshape(S, L * H).astype(np.float32),
            "by_layer": np.fmax.reduce(record.scores, axis=2).astype(np.float32),
            "best": np.fmax.reduce(record.scores, axis=(1, 2)).astype(np.float32),
            "life": np.stack([*(of(record, name) for name in SHARES), spread]).astype(np.float32),
        },
        labels={"axes": [axis_title(name, moment.meta) for name in SCORES]},
    )


def history(records: Sequence[HeadsRecord], steps: Sequence[int], run: Mapping[str, Any]) -> Notes:
    """Ranges and phase changes over a whole tape, and a sentence on each score's.

    Returns:
        Arrays `ends` (scores, 2), the range of each score; `band` (scores, 4) and `loss_band` (4,), the first
        step of the phase change twice and its last twice, NaN where there is none. Readings `change`, for each
        score, and `loss_change`.
    """
    values = np.stack([record.scores for record in records])
    losses = np.array([record.loss for record in records])
    changes = [_changes(steps, values[:, at], LEAST * scale_of(name, records)) for at, name in enumerate(SCORES)]
    strongest = [max(found.items(), key=lambda item: _size(item[1]), default=None) for found in changes]
    loss_change = phase_change(steps, losses, LEAST * abs(losses[0]))
    return Notes(
        readings={
            "change": {
                str(at): change_reading(run, name, values[:, at], steps, changes[at]) for at, name in enumerate(SCORES)
            },
            "loss_change": loss_change_reading(run, loss_change, len(steps)),
        },
        arrays={
            "ends": np.array([_ends(name, reached(records, name)) for name in SCORES], np.float32),
            "band": np.array([_band(found and found[1]) for found in strongest], np.float32),
            "loss_band": np.array(_band(loss_change), np.float32),
        },
    )


def of(record: HeadsRecord, name: str) -> Float[np.ndarray, "L H"]:
    """One score of all heads."""
    return record.scores[SCORES.index(name)]


def reached(records: Sequence[HeadsRecord], name: str) -> Float[np.ndarray, "either L H"]:
    """Where a score lies at all moments; of a difference, where its whiskers end."""
    values = np.stack([of(record, name) for record in records])
    if name != "knocked_out":
        return values
    whiskers = TOLD * np.stack([record.errors for record in records])
    with np.errstate(invalid="ignore"):
        return np.concatenate([values, values - whiskers, values + whiskers])


def scale_of(name: str, records: Sequence[HeadsRecord]) -> float:
    """What a score's changes are measured by: 1; the entropy or distance of even attention; the first loss."""
    T = records[0].length
    scales = {
        "entropy": records[0].even or uniform_entropy(T),
        "distance": (T - 1) / 4,
        "knocked_out": abs(records[0].loss),
    }
    return scales.get(name, 1.0)


def axis_title(name: str, run: Mapping[str, Any]) -> str:
    """The name of a score with its unit."""
    of_loss = {"knocked_out": "nats" if run["says_tokens"] else "squared error"}
    unit = {**UNITS, **of_loss}.get(name, "").strip()
    return f"{NAMES[name]} ({unit})" if unit else NAMES[name]


def _changes(
    steps: Sequence[int], values: Float[np.ndarray, "S L H"], least: float
) -> dict[tuple[int, int], PhaseChange]:
    """The phase changes of the heads that have one."""
    found = {at: phase_change(steps, values[:, *at], least) for at in np.ndindex(values.shape[1:])}
    return {(layer, head): change for (layer, head), change in found.items() if change}


def _size(change: PhaseChange) -> float:
    return abs(change.after - change.before)


def _band(change: PhaseChange | None) -> list[float]:
    return [math.nan] * 4 if change is None else [change.first, change.first, change.last, change.last]


def _ends(name: str, values: NDArray[Any]) -> tuple[float, float]:
    """The range of an axis for a score: 0 to 1, or what the whole tape has, and 0."""
    if name in SHARES:
        return 0.0, 1.02
    known = values[np.isfinite(values)]
    low, high = min(0.0, known.min(initial=0.0)), max(0.0, known.max(initial=0.0))
    room = 0.05 * (high - low) or 1.0
    return float(low - room if low < 0 else low), float(high + room)


# -- readings of a moment ---------------------------------------------------------------------


def score_reading(record: HeadsRecord, name: str, moment: Moment) -> str:
    """One sentence: the heads with the highest and the lowest of a score at this step."""
    start = f"{moment.meta['label']}, step {moment.step}{_own(record, moment.asked, ' (the dots)')}"
    values = of(record, name)
    if not np.isfinite(values).any():
        return f"{start}: no {NAMES[name]}, for {_why(record, name)}."
    high, low = _extremes(values)
    top, bottom = f"{_score(name, values[high])}{UNITS.get(name, '')}", _score(name, values[low])
    if name in ORDER:
        top += f", by chance {record.chance[ORDER.index(name)][high]:.2f}"
    if values.size == 1:
        return f"{start}: the only head's {NAMES[name]} is {top}."
    if _score(name, values[high]) == bottom:
        return f"{start}: the {NAMES[name]} of every head is {top}."
    more = _odd(values)
    return f"{start}: highest {NAMES[name]} {top} ({where(high)}), lowest {bottom} ({where(low)}){more}."


def life_reading(record: HeadsRecord, layer: int, head: int, asked: bool = False) -> str:
    """One or two sentences on one head at this step: its role, how it looks, and what it is worth."""
    name = f"{where((layer, head)).capitalize()}{_own(record, asked, ' (the dots)')}"
    scores = {score: float(of(record, score)[layer, head]) for score in SCORES}
    if not math.isfinite(scores["entropy"]):
        return f"{name}: its attention is not all finite numbers."
    if record.length == 1:
        return f"{name}: a single token can only look at itself."
    known = {name: (scores[name], float(record.chance[at, layer, head])) for at, name in enumerate(ORDER)}
    role = role_among(known)
    untold = [score for score in CALLED if not math.isfinite(scores[score])]
    none = no_role(known)
    if untold and not any(score >= STRONG for score, _ in known.values()):
        none = f"no role that can be told here, for {UNKNOWN[untold[0]]}"
    entropy, even = max(0.0, scores["entropy"]), record.even or uniform_entropy(record.length)
    loss = scores["knocked_out"]
    worth = (
        "the loss without it is not a finite number"
        if not math.isfinite(loss)
        else f"without it the loss is {_by(loss, record.errors[layer, head])}"
    )
    return (
        f"{name}: {described(role) if role else none}; entropy {entropy:.2f} nats (evenly spread: {even:.2f}); "
        f"it looks {scores['distance']:.1f} tokens back; {worth}."
    )


def knock_out_reading(record: HeadsRecord, moment: Moment) -> str:
    """One sentence: the heads without which the loss is highest and lowest."""
    values = of(record, "knocked_out")
    start = f"Step {moment.step}{_own(record, moment.asked)}, loss {record.loss:.3g}"
    if not np.isfinite(values).any():
        why = "no loss without a head is a finite number" if math.isfinite(record.loss) else UNFINISHED
        return f"{start}: {why}."
    high, low = _extremes(values)
    over = f" ({record.sequences} sequences, ± one standard error)" if record.sequences > 1 else ""
    if values.size == 1:
        return f"{start}: without the only head it is {_by(values[high], record.errors[high])}{over}."
    if abs(values[high]) < SMALL and abs(values[low]) < SMALL:
        return f"{start}: no head matters alone (each changes it by less than {SMALL:g})."
    more = _odd(values)
    return (
        f"{start}: it is {_by(values[high], record.errors[high])} without {where(high)}, and "
        f"{_by(values[low], record.errors[low])} without {where(low)}{over}{more}."
    )


def loss_reading(moment: Moment, own: float) -> str:
    """One sentence: the losses at this step.

    Args:
        own: the loss of the record, said if it is of the viewer's own input.
    """
    known = [said for said in (training_trend(moment), validation_trend(moment)) if said]
    if moment.asked:
        said = f"{own:.3g}" if math.isfinite(own) else "not a finite number"
        known.append(f"on your own sequence (the dots) {said}")
    return f"{moment.meta['label']}, step {moment.step}: {'; '.join(known) or 'no step taken yet'}."


# -- readings of a tape -----------------------------------------------------------------------


def change_reading(
    run: Mapping[str, Any],
    name: str,
    values: Float[np.ndarray, "S L H"],
    steps: Sequence[int],
    found: Mapping[tuple[int, int], PhaseChange],
) -> str:
    """One sentence: between which steps the strongest phase change lies, and how many heads have one; or none."""
    heads = values[0].size
    if found:
        head, change = max(found.items(), key=lambda item: _size(item[1]))
        others = f" {len(found)} of {heads} heads {'has' if len(found) == 1 else 'have'} one." if heads > 1 else ""
        return (
            f"{run['label']}: phase change between steps {change.first:.0f} and {change.last:.0f}, where {where(head)} "
            f"goes from {_score(name, change.before)} to {_score(name, change.after)}{UNITS.get(name, '')}.{others}"
        )
    return (
        f"{run['label']}: no phase change of the {NAMES[name]} in {_moments(len(steps))}{_drift(name, values, steps)}."
    )


def loss_change_reading(run: Mapping[str, Any], change: PhaseChange | None, moments: int) -> str:
    """One sentence: between which steps the loss changes phase, or that it does not."""
    if change is None:
        return f"{run['label']}: no phase change of the loss in {_moments(moments)}."
    verb = "falls" if change.after < change.before else "rises"
    return (
        f"{run['label']}: phase change of the loss between steps {change.first:.0f} and {change.last:.0f}, "
        f"where it {verb} from {change.before:.3g} to {change.after:.3g}."
    )


def _drift(name: str, values: Float[np.ndarray, "S L H"], steps: Sequence[int]) -> str:
    """By how much the head moved that moved most: between its lowest and its highest value, in the order of their steps."""
    known = np.isfinite(values).all(axis=0)
    if len(values) < 2 or not known.any():
        return ""
    moved = np.where(known, np.ptp(np.where(known, values, 0.0), axis=0), -1.0)
    at = divmod(first_largest(moved), moved.shape[1])
    course = values[:, at[0], at[1]]
    places = sorted((first_smallest(course), first_largest(course)))
    ends = [_score(name, course[place]) for place in places]
    if ends[0] == ends[1]:
        return ": no head moves"
    first, last = (
        f"{end}{UNITS.get(name, '')} at step {steps[place]}" for end, place in zip(ends, places, strict=True)
    )
    return f": the largest move is {where(at)}'s, from {first} to {last}"


SMALL = 1e-4
UNFINISHED = "the loss is not a finite number"


def _odd(values: Float[np.ndarray, "L H"]) -> str:
    odd = int((~np.isfinite(values)).sum())
    return f"; {odd} not a finite number" if odd else ""


def _extremes(values: Float[np.ndarray, "L H"]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of the finite ones, where the largest is and where the smallest."""
    finite = np.where(np.isfinite(values), values, np.nan)
    high, low = (divmod(int(at(finite)), values.shape[1]) for at in (np.nanargmax, np.nanargmin))
    return high, low


def _own(record: HeadsRecord, asked: bool, how: str = "") -> str:
    """That a reading is of the viewer's own input, and how that is drawn."""
    return f", on your own sequence of {record.length}{how}" if asked else ""


def where(head: tuple[int, int]) -> str:
    """layer 2, head 3: counted from 1, as on the page."""
    return f"layer {head[0] + 1}, head {head[1] + 1}"


def _why(record: HeadsRecord, name: str) -> str:
    if not np.isfinite(of(record, "entropy")).all():
        return "not all attention is finite"
    return UNKNOWN.get(name, UNFINISHED) if math.isfinite(record.loss) else UNFINISHED


def _moments(count: int) -> str:
    return f"{count} recorded {'moment' if count == 1 else 'moments'}"


def _score(name: str, value: float) -> str:
    """A score as people read it: two digits behind the point, one for a distance, a sign for a difference."""
    value = float(value)
    if name == "knocked_out":
        return f"{value:+.2g}" if abs(value) >= SMALL else "0"
    digits = 1 if name == "distance" else 2
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _by(difference: float, error: float) -> str:
    """ "3.21 ± 0.10 higher", "0.13 lower", "the same"; what is within two standard errors has no direction."""
    difference, error = float(difference), float(error)
    if abs(difference) < SMALL:
        return "the same"
    if not math.isfinite(error):
        return f"{abs(difference):.2g} {'higher' if difference > 0 else 'lower'}"
    if not told(difference, error):
        return f"changed by no more than its error ({plus_minus(difference, error, sign=True)})"
    return f"{plus_minus(abs(difference), error)} {'higher' if difference > 0 else 'lower'}"
