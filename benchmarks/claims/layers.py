"""What does each layer know?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.lenses.layers.record import LayersRecord


def _after(lab: Lab, asked: Experiment, text: str = "", step: int = 800) -> LayersRecord:
    record: LayersRecord = lab.run(asked.config).look("layers", step, text)
    return record


def _own(lab: Lab, asked: Experiment) -> LayersRecord:
    return _after(lab, asked, asked.query["input"])


def _right(record: LayersRecord, layer: int) -> list[bool]:
    """At each position that counts and that the sequence has told of, whether the likeliest token is right."""
    T = len(record.tokens)
    guesses = record.guesses[layer * T : (layer + 1) * T]
    return [guess == target for guess, target, use in zip(guesses, record.targets, record.counted, strict=True) if use][
        4:
    ]


def _means(lab: Lab, asked: Experiment) -> list[float]:
    record = _after(lab, asked)
    return [float(row[record.counted].mean()) for row in record.losses]


def _own_share(lab: Lab, asked: Experiment, step: int) -> float:
    return float(np.diag(_after(lab, asked, step=step).rollout)[1:].mean())


def _largest_earlier(lab: Lab, asked: Experiment) -> float:
    return float(np.tril(_after(lab, asked).rollout, -1).max())


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("[3.5] after the embedding, about [4] after layer 1 and [1.4] after layer 2", _means, within(0.15)),
            Claim(
                "layer 1 makes it *worse*", lambda lab, asked: _means(lab, asked)[1] > _means(lab, asked)[0] + 0.2
            ),
            Claim("near 0 a few tokens after", lambda lab, asked: np.median(_after(lab, asked).losses[2, 30:40]) < 0.2),
        ),
    ),
    2: Answer(
        claims=(
            Claim("right every time (2, 9, 4, 7)", lambda lab, asked: all(_right(_own(lab, asked), 2))),
            Claim("The loss is above [2] at t = 4", lambda lab, asked: _own(lab, asked).losses[2, 4], at_least),
            Claim("and lower at t = 7", lambda lab, asked: _own(lab, asked).losses[2, 7] < _own(lab, asked).losses[2, 4] - 0.3),
            Claim(
                "After layer 1 these guesses are not all right",
                lambda lab, asked: not all(_right(_own(lab, asked), 1)),
            ),
        ),
        given={"from t = 4 on": "where the input repeats itself"},
        asked={"after 4 tokens": "of the input", "12 to 24": "the task's periods"},
    ),
    3: Answer(
        claims=(
            Claim("more than [0.95] of t = 30's attention goes to s = 12", lambda lab, asked: _after(lab, asked).last[30, 12], at_least),
            Claim("earlier token is about [0.55]", _largest_earlier, within(0.05)),
            Claim("[0.29] of itself", lambda lab, asked: _own_share(lab, asked, 800)),
            Claim(
                "so it had before training",
                lambda lab, asked: abs(_own_share(lab, asked, 0) - _own_share(lab, asked, 800)) < 0.02,
            ),
        ),
        given={"counts half for": "the definition of rollout"},
    ),
}  # fmt: skip
