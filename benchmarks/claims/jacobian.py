"""Why does a gradient vanish, step by step?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, about, magnitude, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.figures.jacobian_notes import fails_from
from explainer.records import JacobianRecord
from explainer.theory.jacobian import factor_per_step


def _plain(lab: Lab, asked: Experiment, step: int = 0) -> JacobianRecord:
    record: JacobianRecord = lab.run(asked.config).look("jacobian", step)
    return record


def _gated(lab: Lab, asked: Experiment, step: int) -> JacobianRecord:
    record: JacobianRecord = lab.run(asked.one(model="gru")).look("jacobian", step)
    return record


def _longest(record: JacobianRecord) -> float:
    """The length of the longest eigenvalue of the last step's Jacobian."""
    choice = next(at for at, (step, span) in enumerate(zip(record.steps, record.spans, strict=True)) if (step, span) == (record.last, 1))
    return float(np.nanmax(np.hypot(*record.eigenvalues[choice].T)))


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("ρ³⁹ = [4·10¹⁸]", lambda lab, asked: _plain(lab, asked).rate[39], magnitude(1.3)),
            Claim("[5·10⁻⁴] is measured", lambda lab, asked: _plain(lab, asked).measured[39], about(0.1)),
            Claim("[54 %] of the activations", lambda lab, asked: _plain(lab, asked).saturated.mean(), within(0.01)),
            Claim("mean slope is [0.28]", lambda lab, asked: _plain(lab, asked).slope.mean(), within(0.01)),
            Claim(
                "off tenfold from the second step back", lambda lab, asked: fails_from(_plain(lab, asked)) == 2
            ),
        ),
        asked={"step 0": "the moment"},
    ),
    2: Answer(
        claims=(
            Claim("For [19] steps within tenfold", lambda lab, asked: fails_from(_plain(lab, asked)) - 1),
            Claim("Nothing is saturated", lambda lab, asked: _plain(lab, asked).saturated.max() == 0),
            Claim("tanh are [0.87] on average", lambda lab, asked: _plain(lab, asked).slope.mean()),
            Claim("[0.02] is measured", lambda lab, asked: _plain(lab, asked).measured[39]),
            Claim("ρ³⁹ = [1]", lambda lab, asked: _plain(lab, asked).rate[39], within(1e-3)),
        ),
        given={
            "step 0": "the moment",
            "and 0.87 at each of 39 steps": "again the mean slope, and the steps from the last to the first of 40",
            "A little less than 1": "a general remark",
        },
    ),
    3: Answer(
        claims=(
            Claim("To [1].", lambda lab, asked: _longest(_gated(lab, asked, 185)), within(0.05)),
            Claim("is [0.65] at step 0", lambda lab, asked: _longest(_gated(lab, asked, 0))),
            Claim("[0.84] at step 50", lambda lab, asked: _longest(_gated(lab, asked, 50))),
            Claim("[1.01] at step 185", lambda lab, asked: _longest(_gated(lab, asked, 185))),
            Claim("from [4·10⁻⁸]", lambda lab, asked: _gated(lab, asked, 0).measured[39], about(0.15)),
            Claim("to [0.17]", lambda lab, asked: _gated(lab, asked, 185).measured[39], within(0.01)),
            Claim("knows little of it ([0.01])", lambda lab, asked: _gated(lab, asked, 185).rate[39]),
        ),
        given={"last 39 steps": "those from the last to the first of 40"},
    ),
}  # fmt: skip


def after_a_hundred(lab: Lab, asked: Experiment) -> tuple[float, float, float]:
    """What the exploding network has become: measured, rho, factor per step."""
    record = _plain(lab, asked, 100)
    return float(record.measured[39]), record.radius, factor_per_step(record.measured[::-1])
