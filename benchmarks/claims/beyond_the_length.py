"""Which encoding reads beyond its training length?"""

from __future__ import annotations

from benchmarks.claims.claim import Answer, Answers, Claim, Measure, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab
from explainer.lenses.beyond_the_length.notes import BREAKS
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord

CLOSE = within(0.03)


def _beyond(lab: Lab, asked: Experiment, positions: str) -> BeyondTheLengthRecord:
    record: BeyondTheLengthRecord = lab.run(asked.one(positions=positions)).look("beyond_the_length")
    return record


def _losses(positions: str, *factors: int) -> Measure:
    """At these multiples of the training length."""

    def measure(lab: Lab, asked: Experiment) -> list[float]:
        record = _beyond(lab, asked, positions)
        return [float(record.loss[list(record.lengths).index(record.trained * factor)]) for factor in factors]

    return measure


def _errors(lab: Lab, asked: Experiment) -> float:
    """The largest standard error of ALiBi's losses at T, 2T and 8T."""
    record = _beyond(lab, asked, "alibi")
    return float(max(record.error[list(record.lengths).index(record.trained * factor)] for factor in (1, 2, 8)))


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("ends at [2.52] at T and [2.60] at 8T", _losses("alibi", 1, 8), CLOSE),
            Claim("([2.53] and [2.61])", _losses("none", 1, 8), CLOSE),
            Claim("takes [12 %] off", lambda lab, asked: 1 - 2.718281828 ** (-32 / 256)),
            Claim("It looks [87] tokens back", lambda lab, asked: _beyond(lab, asked, "alibi").looked[1], within(3)),
            Claim("not [41]", lambda lab, asked: lab.run(asked.one(positions="alibi"), heads=4).look("beyond_the_length").looked[1], within(3)),
        ),
        given={"over 32 tokens a slope of 1/256": "T, and the slope of a single head"},
        asked={"a single head": "of the address", "1/256": "2 to the power -8", "half a minute": "about how long it takes"},
    ),
    2: Answer(
        claims=(
            Claim("([2.30] to [3.04], seed 0)", _losses("sinusoidal", 1, 2), CLOSE),
            Claim("([2.24] to [2.72])", _losses("rotary", 1, 2), CLOSE),
            Claim("[2.37] at T, [2.29] at 2T and [2.41] at 8T", _losses("alibi", 1, 2, 8), CLOSE),
            Claim("each ± [0.05] or so", _errors, within(0.03)),
            Claim("break at 2T as before, now 32", lambda lab, asked: _broken(lab, asked, "sinusoidal")),
        ),
        given={"last to 2T": "the length that was measured"},
        asked={"half the length": "of the address"},
    ),
    3: Answer(
        claims=(
            Claim("about [2.2] nats at the last step", lambda lab, asked: lab.run(asked.config).look("beyond_the_length").loss[0]),
            Claim("One point at", lambda lab, asked: sum(not why for why in lab.run(asked.config).look("beyond_the_length").why) == 1),
        ),
        given={"T = 24": "of the lesson"},
        asked={"T = 24": "of the lesson"},
    ),
}  # fmt: skip


def _broken(lab: Lab, asked: Experiment, positions: str) -> bool:
    """Whether the loss rises from T to 2T by what the page calls broken."""
    first, second = _losses(positions, 1, 2)(lab, asked)  # type: ignore[misc]
    return bool(second - first >= BREAKS)
