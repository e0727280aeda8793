"""Why does a gradient vanish, step by step?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, about, at_least, at_most, magnitude, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.lenses.jacobian.notes import fails_from
from explainer.lenses.jacobian.record import JacobianRecord


def _plain(lab: Lab, asked: Experiment, step: int = 0) -> JacobianRecord:
    record: JacobianRecord = lab.run(asked.config).look("jacobian", step)
    return record


def _gated(lab: Lab, asked: Experiment, step: int) -> JacobianRecord:
    record: JacobianRecord = lab.run(asked.one(model="gru")).look("jacobian", step)
    return record


def _longest(record: JacobianRecord) -> float:
    """The absolute value of the eigenvalue farthest from 0 of the last step's Jacobian."""
    choice = next(
        at
        for at, (step, span) in enumerate(zip(record.steps, record.spans, strict=True))
        if (step, span) == (record.last, 1)
    )
    return float(np.nanmax(np.hypot(*record.eigenvalues[choice].T)))


def _measured(lab: Lab, asked: Experiment, step: int) -> list[float]:
    """What arrives 39 steps back, with each seed."""
    return [float(run.look("jacobian", step).measured[39]) for run in lab.seeds(asked.config)]


def _saturated(lab: Lab, asked: Experiment) -> list[float]:
    return sorted(float(run.look("jacobian", 0).saturated.mean()) for run in lab.seeds(asked.config))


def _slopes(lab: Lab, asked: Experiment) -> tuple[float, float]:
    slopes = [float(run.look("jacobian", 0).slope.mean()) for run in lab.seeds(asked.config)]
    return min(slopes), max(slopes)


def _least_radius(lab: Lab, asked: Experiment) -> float:
    return min(float(run.look("jacobian", 100).radius) for run in lab.seeds(asked.config))


def _least(run: Run) -> float:
    """The smallest real part of an eigenvalue of one step."""
    record: JacobianRecord = run.look("jacobian")
    return float(np.nanmin(record.eigenvalues[np.asarray(record.spans) == 1][..., 0]))


def _right(run: Run) -> float:
    return 100 * run.validation()["right answers"]


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("ρ³⁹ = [4·10¹⁸]", lambda lab, asked: _plain(lab, asked).rate[39], magnitude(1.1)),
            Claim("[6·10⁻⁴] is measured with seed 0", lambda lab, asked: _plain(lab, asked).measured[39], about(0.1)),
            Claim("With seeds 1 and 2 it grows, but a [thousandfold] at most", lambda lab, asked: max(_measured(lab, asked, 0)), about(0.1)),
            Claim("With seeds 1 and 2 it grows", lambda lab, asked: min(_measured(lab, asked, 0)[1:]) > 10),
            Claim("[40] to [54 %] of the activations", lambda lab, asked: [100 * _saturated(lab, asked)[0], _saturated(lab, asked)[-1]]),
            Claim("slope is [0.28] to [0.35]", _slopes),
            Claim(
                "within [four] steps back",
                lambda lab, asked: max(fails_from(run.look("jacobian", 0)) for run in lab.seeds(asked.config)),
                at_most,
            ),
            Claim("ρ is still above [2.5]", _least_radius, at_least),
            Claim("theory says more than [10¹⁵]", lambda lab, asked: _least_radius(lab, asked) ** 39, at_least),
            Claim("less than a [hundredfold] is measured", lambda lab, asked: max(_measured(lab, asked, 100)), at_most),
        ),
        given={"off tenfold": "how far theory may be off", "After a hundred updates": "the moment"},
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
        asked={"farthest from 0": "where eigenvalues lie"},
        given={"last 39 steps": "those from the last to the first of 40"},
    ),
    4: Answer(
        claims=(
            Claim(
                "comes below [−0.9]",
                lambda lab, asked: max(_least(run) for run in lab.seeds(asked.one(model="mingru"))),
                at_most,
            ),
            Claim(
                "over [99] % of the answers are right",
                lambda lab, asked: min(_right(run) for run in lab.seeds(asked.one(model="mingru"))),
                at_least,
            ),
            Claim(
                "never below [0]",
                lambda lab, asked: min(_least(run) for run in lab.seeds(asked.one(model="mingru"), keep="positive")),
                at_least,
            ),
            Claim(
                "less than [60] % of its answers",
                lambda lab, asked: max(_right(run) for run in lab.seeds(asked.one(model="mingru"), keep="positive")),
                at_most,
            ),
        ),
        asked={"between 0 and 1": "the setting"},
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
    ),
}  # fmt: skip
