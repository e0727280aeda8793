"""How far back can it remember?"""

from __future__ import annotations

import math
from functools import partial

from benchmarks.claims.claim import Answer, Answers, Claim, Measure, at_least, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.theory.baselines import adding_constant
from explainer.theory.jacobian import gradient_horizon

USUAL = {"init": "default", "forget_bias": 0.0, "steps": 800}
"""The recorded sweep's own values of what the addresses change."""


def horizon(
    lab: Lab, asked: Experiment, *, last: bool = False, usual: bool = False, seed: int = 0, **fields: object
) -> float:
    """Steps over which a gradient falls under 1 %, before training or after it."""
    run = lab.run(asked.one(**fields), seed=seed, **(USUAL if usual else {}))
    record = run.look("reach", run.last if last else 0)
    return gradient_horizon(record.norms[: record.last + 1])


def score(lab: Lab, asked: Experiment, *, usual: bool = False, seed: int = 0, **fields: object) -> float:
    """1 - loss / the loss of guessing the mean sum, at the end."""
    return 1 - lab.run(asked.one(**fields), seed=seed, **(USUAL if usual else {})).error() / adding_constant()


def _score(T: int, model: str, usual: bool = False) -> Measure:
    return partial(score, length=T, model=model, usual=usual)


def _scores(model: str, *lengths: int, usual: bool = False) -> Measure:
    return lambda lab, asked: [score(lab, asked, length=T, model=model, usual=usual) for T in lengths]


def _with_seeds(lab: Lab, asked: Experiment, T: int, usual: bool = False) -> list[float]:
    """The scores of the first network at one length."""
    model = asked.config.model
    return [score(lab, asked, length=T, model=model, usual=usual, seed=seed) for seed in range(3)]


def _reaches(lab: Lab, asked: Experiment, *, last: bool) -> list[bool]:
    """With each seed, whether the gradient comes over all 39 steps of T = 40."""
    return [math.isinf(horizon(lab, asked, length=40, seed=seed, last=last)) for seed in range(3)]


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("is [46.5] steps at T = 80", partial(horizon, length=80)),
            Claim("instead of [8.5]", partial(horizon, length=80, usual=True)),
            Claim("at T = 10 the score is above [0.7]", lambda lab, asked: min(_with_seeds(lab, asked, 10)), at_least),
            Claim("at T = 20 it is at most [0.25]", lambda lab, asked: max(_with_seeds(lab, asked, 20)), at_most),
            Claim("at T = 40 less than [0.2]", lambda lab, asked: max(_with_seeds(lab, asked, 40)), at_most),
            Claim(
                "no better than after the usual start",
                lambda lab, asked: all(
                    ours < usual + 0.05
                    for T in (10, 20)
                    for ours, usual in zip(_with_seeds(lab, asked, T), _with_seeds(lab, asked, T, usual=True), strict=True)
                ),
            ),
            Claim(
                "at T = 40 the gradient reached all the way before training, and after it no longer does with every seed",
                lambda lab, asked: all(_reaches(lab, asked, last=False)) and not all(_reaches(lab, asked, last=True)),
            ),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained"},
        asked={
            "five times as far": "what the answer's horizons are apart",
            "five times as long": "the same",
            "20 seconds": "about how long it takes",
        },
    ),
    2: Answer(
        claims=(
            Claim(
                "even over 79 steps the gradient never falls under 1 %",
                lambda lab, asked: math.isinf(horizon(lab, asked, length=80)),
            ),
            Claim("hardly better, [0.99]", _score(80, "lstm")),
            Claim("against [0.98]", _score(80, "lstm", usual=True)),
            Claim(
                "scores of about [0],",
                lambda lab, asked: max(map(abs, _with_seeds(lab, asked, 80, usual=True)[1:])),
                within(0.1),
            ),
            Claim("more than [half] of", lambda lab, asked: min(_with_seeds(lab, asked, 80)[1:]), at_least),
        ),
        given={"at T = 80 is": "one of the lengths", "seeds 1 and 2": "the seeds that are trained", "bias of 3": "of the address"},
    ),
    3: Answer(
        claims=(
            Claim("300 updates, with [0.99]", _score(20, "gru")),
            Claim("the LSTM has [0.95] with seed 0", _score(20, "lstm"), within(0.01)),
            Claim(
                "less than [0.2] with seeds 1 and 2",
                lambda lab, asked: max(score(lab, asked, length=20, model="lstm", seed=seed) for seed in (1, 2)),
                at_most,
            ),
            Claim("[0.49] at T = 10 and less than [0.2] at T = 20", _scores("rnn", 10, 20), (within(0.02), at_most)),
            Claim("against more than [0.9] and [0.4] after 800", _scores("rnn", 10, 20, usual=True), at_least),
        ),
        given={"At T = 20": "one of the lengths"},
        asked={"three lengths": "of the address", "a quarter of a minute": "about how long it takes"},
    ),
}  # fmt: skip
