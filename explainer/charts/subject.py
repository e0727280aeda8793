"""What figures and readings need to know of a run, without its tape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from explainer.charts.compare import labels
from explainer.config import RunConfig
from explainer.families import Attending
from explainer.surgery import Surgery

MOST_REPEATED = 0.01
"""Share of the validation text that may stand in training without a word about it."""

ROUNDING = 1e-12
"""A loss up to this one is that of a rule without any error, and the rest is rounding."""


def subject(config: RunConfig, meta: Mapping[str, Any]) -> dict[str, Any]:
    """A run as its figures see it.

    Returns:
        `model`, `label`, `task`, `length` (T as the model sees it), `setting` (as it was asked for), `layers`, `heads`, `sites` (units, or heads, of a layer), `encoding` (of positions), `has_tokens`, `says_tokens`, `memories`,
        `metric`, `baseline`, `baseline_name`; `references`: what the network must beat, pairs of a name and a *loss* (not the
        metric), the guess without a memory first; `loss_baseline` and `loss_baseline_name`: that first one, None where
        the run has none; `loss_scale`: the error in the units of the data is that times the root of the loss, None where the
        loss has no such unit; `not_held_out`: a sentence (see `repeated_words`); `surgery`, a text: what is done to it in
        every forward pass.
    """
    references = loss_references(config, meta)
    loss_baseline_name, loss_baseline = references[0] if references else ("", None)
    guesses, baseline = config.problem.guesses, str(meta.get("baseline_name", ""))
    return {
        **meta,
        "model": config.model,
        "label": config.network.title + config.network.depth,
        "task": config.task,
        "length": config.total_length,
        "setting": config.length,
        "layers": config.layers,
        "heads": config["heads"],
        "sites": config.network.sites,
        "encoding": config.network.positions if isinstance(config.network, Attending) else "",
        "width": config.width,
        "memories": config.problem.memories,
        "steps": config.steps,
        "surgery": config.surgery,
        "has_tokens": config.has_tokens,
        "says_tokens": config.says_tokens,
        **({"baseline_name": guesses.get(baseline, baseline)} if baseline else {}),
        "loss_baseline": loss_baseline,
        "loss_baseline_name": loss_baseline_name,
        "references": references,
        "loss_scale": loss_scale(config, meta),
        "not_held_out": repeated_words(meta.get("repeated")),
    }


def network(config: RunConfig) -> str:
    """ "GRU, 64 units" or "Transformer, 2 blocks, width 64"."""
    return config.network.described


def surgery_of(run: Mapping[str, Any]) -> Surgery:
    """What is done to a run's network in every forward pass."""
    return Surgery.from_text(str(run.get("surgery", "")))


def recurrence_of(run: Mapping[str, Any]) -> str:
    """The matrix that carries a recurrent network's top layer from step to step: W_hh, of an operated one a part of it."""
    held = surgery_of(run).held(int(run.get("layers", 1)) - 1).units
    return "W_hh among the units that are left free" if held else "W_hh"


def loss_references(config: RunConfig, meta: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Name and loss of each guess that a network must beat, those of exactly 0 left out: no line on a logarithmic axis.

    A run of an earlier version has recorded only the metric of one guess. Where that is the loss, in closed form, it stands for
    itself; of a text it was measured on the training letters and is left out.
    """
    recorded, guesses = meta.get("loss_references"), config.problem.guesses
    if recorded is None:
        recorded = config.problem.earlier_references(meta)
    return [(guesses.get(name, name), float(value)) for name, value in recorded.items() if value > ROUNDING]


def loss_scale(config: RunConfig, meta: Mapping[str, Any]) -> float | None:
    """The deviation by which a series was divided: a guess's error in its units over the root of that guess's loss."""
    if not config.problem.metric_in_units:
        return None
    errors, losses = meta.get("references") or {}, meta.get("loss_references") or {}
    scales = [errors[name] / math.sqrt(loss) for name, loss in losses.items() if loss > ROUNDING and name in errors]
    return float(scales[0]) if scales else None


def repeated_words(share: float | None) -> str:
    """What is to be said of a text whose validation part stands in its training part, "" up to 1 % of it.

    Args:
        share: see `data.repeats.repeated_share`; None where it was not measured.
    """
    if share is None or share <= MOST_REPEATED:
        return ""
    return (
        f"{share:.0%} of the validation text stands word for word in the training text, in stretches of 50 characters or "
        "more. There a network may know by heart what comes next, so its validation loss is lower than it would be on text that is new to it."
    )


def subjects(runs: Sequence[tuple[str, RunConfig, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """`subject()` of several runs (id, configuration, meta data), told apart where a family comes twice."""
    found = []
    for number, (_, config, meta) in enumerate(runs):
        family = [at for at, (_, other, _) in enumerate(runs) if other.model == config.model]
        known = subject(config, meta)
        if len(family) > 1:
            names = labels([runs[at][1] for at in family], [runs[at][0] for at in family])
            known |= {"label": names[family.index(number)], "twin": family.index(number)}
        found.append(known)
    return found
