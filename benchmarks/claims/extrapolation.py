"""Which encoding reads beyond its training length?"""

from __future__ import annotations

from benchmarks.claims.claim import Answer, Answers, Claim, Measure, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.figures.beyond_notes import BREAKS
from explainer.records import BeyondRecord

CLOSE = within(0.03)


def _beyond(lab: Lab, asked: Experiment, positions: str) -> BeyondRecord:
    record: BeyondRecord = lab.run(asked.one(positions=positions)).look("beyond")
    return record


def _losses(positions: str, *factors: int) -> Measure:
    """At these multiples of the training length."""

    def measure(lab: Lab, asked: Experiment) -> list[float]:
        record = _beyond(lab, asked, positions)
        return [float(record.loss[list(record.lengths).index(record.trained * factor)]) for factor in factors]

    return measure


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("ends at [2.16] at T and [2.31] at 8T", _losses("alibi", 1, 8), CLOSE),
            Claim("([2.18] and [2.32])", _losses("none", 1, 8), CLOSE),
            Claim("takes [12 %] off", lambda lab, asked: 1 - 2.718281828 ** (-32 / 256)),
            Claim("It looks [86] tokens back", lambda lab, asked: _beyond(lab, asked, "alibi").looked[1], within(3)),
            Claim("not [42]", lambda lab, asked: lab.run(asked.one(positions="alibi"), heads=4).look("beyond").looked[1], within(3)),
        ),
        given={"over 32 tokens a slope of 1/256": "T, and the slope of a single head"},
        asked={"a single head": "of the address", "1/256": "2 to the power -8", "half a minute": "about how long it takes"},
    ),
    2: Answer(
        claims=(
            Claim("([1.97] to [2.71], seed 0)", _losses("sinusoidal", 1, 2), CLOSE),
            Claim("([1.88] to [2.53])", _losses("rotary", 1, 2), CLOSE),
            Claim("[2.06] to [1.99]", _losses("alibi", 1, 8), CLOSE),
            Claim("break at 2T as before, now 32", lambda lab, asked: _broken(lab, asked, "sinusoidal")),
        ),
        given={"last to 2T": "the length that was measured", "16 characters": "T of the address"},
        asked={"half the length": "of the address"},
    ),
    3: Answer(
        claims=(
            Claim("[1.85] nats at the last step", lambda lab, asked: lab.run(asked.config).look("beyond").loss[0], CLOSE),
            Claim("One point at", lambda lab, asked: sum(not why for why in lab.run(asked.config).look("beyond").why) == 1),
        ),
        given={"T = 24": "of the lesson"},
        asked={"T = 24": "of the lesson"},
    ),
}  # fmt: skip


def _broken(lab: Lab, asked: Experiment, positions: str) -> bool:
    """Whether the loss rises from T to 2T by what the page calls broken."""
    first, second = _losses(positions, 1, 2)(lab, asked)  # type: ignore[misc]
    return bool(second - first >= BREAKS)
