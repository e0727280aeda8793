"""What does a recurrent network remember?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, at_most, exactly
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.theory.baselines import adding_constant

SOLVED = 0.01  # validation loss


def _jumps(lab: Lab, asked: Experiment, step: int) -> tuple[float, float]:
    """The smaller stride of the two at starred numbers, and the median stride, at a step of training."""
    record = lab.run(asked.config).look("hidden_states", step)
    strides = np.linalg.norm(np.diff(record.states[-1], axis=0), axis=1)
    starred = [at for at, token in enumerate(record.tokens) if "*" in token and at > 0]
    return float(min(strides[at - 1] for at in starred)), float(np.median(strides))


def _stand_out(lab: Lab, asked: Experiment, step: int) -> bool:
    star, usual = _jumps(lab, asked, step)
    return star > 3 * usual


def _tanh_errors(lab: Lab, asked: Experiment) -> tuple[float, float]:
    errors = [run.error(step) for run in lab.seeds(asked.config) for step in (400, 600, run.last)]
    return min(errors), max(errors)


def _gru_solves(lab: Lab, asked: Experiment) -> tuple[float, float]:
    return SOLVED, max(run.solved(SOLVED) for run in lab.seeds(asked.config, model="gru"))


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("At step 0 no column stands out", lambda lab, asked: not _stand_out(lab, asked, 0)),
            Claim("At the end the two starred ones do", lambda lab, asked: _stand_out(lab, asked, 700)),
        ),
    ),
    2: Answer(
        claims=(
            Claim("between [0.16] and [0.18] at steps 400, 600 and 1000", _tanh_errors, (at_least, at_most)),
            Claim("gives [1/6] = [0.167]", lambda lab, asked: (adding_constant(),) * 2),
            Claim("is below [0.01] before step [500]", _gru_solves, (exactly, at_most)),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
    ),
    3: Answer(
        claims=(
            Claim(
                "is off by [32.9] (root mean square over the last 60 years)",
                lambda lab, asked: lab.run(asked.config).about["references"]["nothing changes"],
            ),
            Claim(
                "last nine years by [19.1]",
                lambda lab, asked: lab.run(asked.config).about["references"]["AR(9) by least squares"],
            ),
        ),
    ),
}
