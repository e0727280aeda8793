"""Where does memory live?"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, exactly, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.lenses.fixed_points.record import FixedPointsRecord


def _record(lab: Lab, asked: Experiment, step: int, **fields: object) -> FixedPointsRecord:
    record: FixedPointsRecord = lab.run(asked.config, **fields).look("fixed_points", step)
    return record


def _counts(record: FixedPointsRecord) -> tuple[int, int, int]:
    """Stable points, saddles, slow points. No eigenvalue of these has a length of 1."""
    stable = record.fixed & (record.unstable == 0)
    return int(stable.sum()), int((record.fixed & ~stable).sum()), int((~record.fixed).sum())


def _by_ways(record: FixedPointsRecord) -> list[int]:
    """How many fixed points have 0, 1, 2 ... ways out."""
    return np.bincount(record.unstable[record.fixed]).tolist()


def _slowest(record: FixedPointsRecord) -> float:
    """The longest eigenvalue of the first point, the stable one."""
    return float(np.hypot(*record.eigenvalues[0].T).max())


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("At step 39 there is still a [single] stable point", lambda lab, asked: _counts(_record(lab, asked, 39))[0], exactly),
            Claim("At step 52 there are [3], with [4] saddles and [2] slow points", lambda lab, asked: _counts(_record(lab, asked, 52)), exactly),
            Claim("at step 70 all [27]", lambda lab, asked: sum(_counts(_record(lab, asked, 70))[:2]), exactly),
        ),
        given={"±1": "the outputs that the task asks for"},
        asked={"step 39 to step 70": "the moments", "all eight": "2³ memories"},
    ),
    2: Answer(
        claims=(
            Claim("[Nine]: [4] stable ones", lambda lab, asked: (sum(_by_ways(_record(lab, asked, 300, bits=2))), _by_ways(_record(lab, asked, 300))[0]), exactly),
            Claim("a saddle on each of its [4] sides", lambda lab, asked: _by_ways(_record(lab, asked, 300))[1], exactly),
            Claim("one point with two ways out", lambda lab, asked: _by_ways(_record(lab, asked, 300))[2:] == [1]),
            Claim(
                "LSTM and tanh RNN came out the same",
                lambda lab, asked: all(_by_ways(_record(lab, asked, 300, model=model)) == [4, 4, 1] for model in ("lstm", "rnn")),
            ),
        ),
        given={"it is 3² = 9, as it is 3³ = 27 for three bits": "arithmetic; 27 is measured in the first experiment"},
    ),
    3: Answer(
        claims=(
            Claim("there is one stable point", lambda lab, asked: _counts(_record(lab, asked, 700))[0] == 1),
            Claim("by × [0.897] per step", lambda lab, asked: _slowest(_record(lab, asked, 700)), within(0.02)),
            Claim("forgotten in [6.4] steps", lambda lab, asked: math.log(0.5) / math.log(_slowest(_record(lab, asked, 700))), within(1)),
        ),
        given={"At step 700": "the last step", "half is": "the half-life"},
    ),
}  # fmt: skip
