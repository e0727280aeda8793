"""How far back can it remember?"""

from __future__ import annotations

import math
from functools import partial

from benchmarks.claims.claim import Answer, Answers, Claim, Measure, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.theory.baselines import adding_constant
from explainer.theory.jacobian import gradient_horizon

USUAL = {"init": "default", "forget_bias": 0.0, "steps": 800}
"""The recorded sweep's own values of what the addresses change."""


def horizon(lab: Lab, asked: Experiment, *, last: bool = False, usual: bool = False, **fields: object) -> float:
    """Steps over which a gradient falls under 1 %, before training or after it."""
    run = lab.run(asked.one(**fields), **(USUAL if usual else {}))
    record = run.look("reach", run.last if last else 0)
    return gradient_horizon(record.norms[: record.last + 1])


def score(lab: Lab, asked: Experiment, *, usual: bool = False, **fields: object) -> float:
    """1 - loss / the loss of always answering 1, at the end."""
    return 1 - lab.run(asked.one(**fields), **(USUAL if usual else {})).error() / adding_constant()


def _score(T: int, model: str, usual: bool = False) -> Measure:
    return partial(score, length=T, model=model, usual=usual)


def _scores(model: str, *lengths: int, usual: bool = False) -> Measure:
    return lambda lab, asked: [score(lab, asked, length=T, model=model, usual=usual) for T in lengths]


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("is [46.5] steps at T = 80", partial(horizon, length=80)),
            Claim("instead of [8.5]", partial(horizon, length=80, usual=True)),
            Claim("[0.95] at T = 10, [0.20] at T = 20", _scores("rnn", 10, 20)),
            Claim("about [0] beyond", lambda lab, asked: max(_scores("rnn", 40, 80)(lab, asked)), within(0.05)),  # type: ignore[arg-type]
            Claim("([0.96], [0.77], [0])", _scores("rnn", 10, 20, 40, usual=True), (within(0.005), within(0.005), within(0.05))),
            Claim("at T = 40 the horizon is [3] steps", partial(horizon, length=40, last=True), within(0.5)),
        ),
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
            Claim("[0.986] at T = 80", _score(80, "lstm")),
            Claim("against [0.978]", _score(80, "lstm", usual=True)),
        ),
    ),
    3: Answer(
        claims=(
            Claim("GRU [0.99], LSTM [0.95] at T = 20", lambda lab, asked: [score(lab, asked, length=20, model=model) for model in ("gru", "lstm")]),
            Claim("[0.49] at T = 10 and [0.19] at T = 20", _scores("rnn", 10, 20)),
            Claim("against [0.96] and [0.77] after 800", _scores("rnn", 10, 20, usual=True)),
        ),
        given={"300 updates": "of the address"},
        asked={"three lengths": "of the address", "a quarter of a minute": "about how long it takes"},
    ),
}  # fmt: skip
