"""Which tokens look at which?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.theory.head_roles import ROLES

ACCURACY = "accuracy within the repetition"


def _induction(run: Run, step: int) -> float:
    """The highest prefix-matching score of a head."""
    return float(run.look("attention", step).prefix_matching.max())


def _previous(run: Run, step: int) -> float:
    return float(run.look("attention", step).previous_token.max())


def _accuracy(run: Run, step: int) -> float:
    return run.validation(step)[ACCURACY]


def _unformed(runs: list[Run]) -> float:
    """The highest score of any of these runs' heads at step 400 or 800."""
    return max(score(run, step) for run in runs for score in (_induction, _previous) for step in (400, 800))


def _pre(lab: Lab, asked: Experiment) -> list[Run]:
    return [lab.run(asked.config, seed=seed) for seed in (0, 1)]


def _accuracies(*steps: int):  # type: ignore[no-untyped-def]
    """At the kept moments next to these steps: a page measures it at others than the lab keeps."""
    return lambda lab, asked: [
        _accuracy(run, min(run.steps, key=lambda kept: abs(kept - step)))
        for run in [lab.run(asked.config)]
        for step in steps
    ]


def _chance(run: Run, step: int) -> np.ndarray:
    """What each head's prefix-matching score would be by chance."""
    return run.look("attention", step).chance[ROLES.index("prefix_matching")]


def _above_chance(lab: Lab, asked: Experiment) -> float:
    """By how much the prefix-matching score of any head is above its chance level at the end."""
    run = lab.run(asked.config)
    return float((run.look("attention", 800).prefix_matching - _chance(run, 800)).max())


def _two(measure, first: int, last: int):  # type: ignore[no-untyped-def]
    """A measure at two steps of the experiment's run."""
    return lambda lab, asked: [measure(lab.run(asked.config), step) for step in (first, last)]


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("from [0.11] at step 183 to [0.53] at step 254", _two(_induction, 183, 254), within(0.02)),
            Claim("score from [0.08] to [0.38]", _two(_previous, 183, 254), within(0.02)),
            Claim("goes from [0.1] at step 193 to [0.6] at step 236 and [0.8] at step 256", _accuracies(193, 236, 256), within(0.1)),
            Claim("to [0.95] at the end", lambda lab, asked: _previous(lab.run(asked.config), 800), within(0.02)),
            Claim("creeps to [0.19]", lambda lab, asked: _accuracy(lab.run(asked.one(layers=1)), 800), within(0.01)),
        ),
    ),
    2: Answer(
        claims=(
            Claim("no head's score passes [0.15]", lambda lab, asked: _unformed([lab.run(asked.config)]), at_most),
            Claim("accuracy reaches [0.4]", lambda lab, asked: _accuracy(lab.run(asked.config), 800), within(0.05)),
            Claim("not [0.99]", lambda lab, asked: _accuracy(lab.run(asked.config, norm="post"), 800), within(0.01)),
            Claim("Nor with seeds 0 and 1", lambda lab, asked: _unformed(_pre(lab, asked)) < 0.15),
        ),
        given={"in 800 steps": "of the lesson"},
    ),
    3: Answer(
        claims=(
            Claim("About [0.2] both times", lambda lab, asked: _previous(lab.run(asked.config), 0)),
            Claim("both times", lambda lab, asked: 0.15 <= _previous(lab.run(asked.config), 400) <= 0.25),
            Claim("([0.64] at step 400)", lambda lab, asked: _induction(lab.run(asked.config), 400), within(0.02)),
        ),
    ),
    4: Answer(
        claims=(
            Claim("from [0.06] to nearly [0.4]", _two(_previous, 0, 800), within(0.03)),
            Claim(
                "in the second layer",
                lambda lab, asked: lab.run(asked.config).look("attention", 800).previous_token.argmax() >= 4,
            ),
            Claim("from [0.10] to [0.13]", _two(_induction, 0, 800), within(0.02)),
            Claim("[0.10] is what even attention has", lambda lab, asked: float(_chance(lab.run(asked.config), 0).max()), within(0.03)),
            Claim("less than [0.1] is more than chance", _above_chance, at_most),
        ),
        given={"in 800 steps": "of the lesson"},
    ),
}  # fmt: skip
