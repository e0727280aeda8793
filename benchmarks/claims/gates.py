"""What do the gates do?"""

from __future__ import annotations

import math
import operator

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.lenses.gates.record import GatesRecord

DEPTH, QUOTES, WORD = "bracket depth", "inside quotes", "characters since a blank"
LINE = "characters since the line began"


def _gates(lab: Lab, asked: Experiment, step: int | None = None, **fields: object) -> GatesRecord:
    record: GatesRecord = lab.run(asked.config, **fields).look("gates", step)
    return record


def _update(record: GatesRecord) -> np.ndarray:
    """The update gate of each unit at each step, (T, N)."""
    gate: np.ndarray = record.gates[0, record.gate_names.index("update")]
    return gate


def _renewed(lab: Lab, asked: Experiment) -> bool:
    """Whether the mean update gate is lower at both starred numbers than at any other but the first and the last."""
    record = _gates(lab, asked)
    mean = _update(record).mean(axis=1)
    starred = [at for at, token in enumerate(record.tokens) if "*" in token]
    others = [at for at in range(1, len(mean) - 1) if at not in starred]
    return bool(mean[starred].max() < mean[others].mean() - 2 * mean[others].std())


def time_constant(lab: Lab, asked: Experiment, bias: float) -> float:
    """The median over the units, before training."""
    kept = _gates(lab, asked, 0, forget_bias=bias).kept
    return float(np.median(-1 / np.log(kept)))


def _correlations(lab: Lab, asked: Experiment, variable: str, step: int | None = None) -> np.ndarray:
    """Of each unit with the variable; default, at the end."""
    record = _gates(lab, asked, step)
    found: np.ndarray = record.correlations[record.variables.index(variable)]
    return found


def _probes(lab: Lab, asked: Experiment, variable: str, *fields: str) -> list[float]:
    """What a linear readout tells of the variable at the end: these fields of the record."""
    record = _gates(lab, asked)
    return [float(getattr(record, field)[record.variables.index(variable)]) for field in fields]


def _gain(lab: Lab, asked: Experiment, variable: str) -> list[float]:
    """What training added to that, and its standard error."""
    after, before, error = _probes(lab, asked, variable, "probes", "untrained", "gain_errors")
    return [after - before, error]


def _learnt(lab: Lab, asked: Experiment, variable: str) -> bool:
    """Whether that counts as learnt: three errors, as the page has it."""
    gain, error = _gain(lab, asked, variable)
    return gain >= 3 * error


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("near one [half] everywhere", lambda lab, asked: float(_update(_gates(lab, asked, 0)).mean()), within(0.1)),
            Claim("differs at the two starred numbers", _renewed),
        ),
        given={"At step 0": "the moment"},
        asked={"step 0": "the moment"},
    ),
    2: Answer(
        claims=(
            Claim("σ(2) = [0.88]", lambda lab, asked: 1 / (1 + math.exp(-2))),
            Claim("All units keep about σ(2) = [0.88] of", lambda lab, asked: float(_gates(lab, asked, 0).kept.mean()), within(0.02)),
            Claim("= [7.9] steps", lambda lab, asked: time_constant(lab, asked, 2.0), within(0.8)),
            Claim("about [1.4]", lambda lab, asked: time_constant(lab, asked, 0.0), within(0.1)),
        ),
        given={"−1 / ln 0.88": "the formula", "a bias of 0": "the usual start"},
    ),
    3: Answer(
        claims=(
            Claim("Quotation marks, yes", lambda lab, asked: _learnt(lab, asked, QUOTES)),
            Claim("R² [0.26], and with [0.13] before", lambda lab, asked: _probes(lab, asked, QUOTES, "probes", "untrained"), within(0.03)),
            Claim("added [0.13] ± [0.03]", lambda lab, asked: _gain(lab, asked, QUOTES), (within(0.03), within(0.015))),
            Claim(
                "a correlation of [0.28], before [0.14]",
                lambda lab, asked: [np.abs(_correlations(lab, asked, QUOTES, step)).max() for step in (None, 0)],
                within(0.03),
            ),
            Claim("R² [0.19] ± [0.03], and [0.18] before", lambda lab, asked: _probes(lab, asked, DEPTH, "probes", "probe_errors", "untrained"), within(0.03)),
            Claim("[0.01], is less", lambda lab, asked: _gain(lab, asked, DEPTH)[0], within(0.03)),
            Claim("is less than its error", lambda lab, asked: bool(operator.lt(*_gain(lab, asked, DEPTH)))),
            Claim("R² [0.56], but most of it could be at step 0, [0.47]", lambda lab, asked: _probes(lab, asked, WORD, "probes", "untrained"), within(0.03)),
            Claim("harder to read, [0.11] after [0.22]", lambda lab, asked: _probes(lab, asked, LINE, "probes", "untrained"), within(0.03)),
        ),
        asked={"to step 0": "the moment"},
    ),
}  # fmt: skip
