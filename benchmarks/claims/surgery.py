"""What if I break it?"""

from __future__ import annotations

import math

from benchmarks.claims.claim import Answer, Answers, Claim, about, at_least, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.theory.baselines import adding_constant

LSTM = {"model": "lstm"}


def _operated(lab: Lab, asked: Experiment, surgery: str = "") -> SurgeryRecord:
    """The lens on the last moment of the page's run, with the surgery of the address or another one."""
    record: SurgeryRecord = lab.run(asked.config).look("surgery", 800, surgery=surgery or asked.query["surgery"])
    return record


def _branch(lab: Lab, asked: Experiment) -> Run:
    return lab.branch(lab.run(asked.config), asked.query["surgery"], steps=300)


def _rise(lab: Lab, asked: Experiment, surgery: str = "") -> tuple[float, float]:
    """By how much the loss is higher, and the standard error of that."""
    record = _operated(lab, asked, surgery)
    return record.operated_loss - record.loss, record.operated_error


def _errors(*steps: int):  # type: ignore[no-untyped-def]
    """Validation losses of "Train on like this" after these many updates."""
    return lambda lab, asked: [_branch(lab, asked).error(step) for step in steps]


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("rises by [0.21] ± [0.01]", _rise, (about(0.2), at_most)),
            Claim("from [0.0025] to [0.21]", lambda lab, asked: (_operated(lab, asked).loss, _operated(lab, asked).operated_loss), about(0.2)),
            Claim("less than [0.1] after one step, [0.002] after 50 and less than [0.001] after 300", _errors(1, 50, 300), (at_most, about(0.3), at_most)),
        ),
        given={"for 300 steps": "what Train on like this asks for"},
        asked={"set to 1": "of the address"},
    ),
    2: Answer(
        claims=(
            Claim("of [1.4] rises by", lambda lab, asked: _operated(lab, asked).loss, within(0.1)),
            Claim("more than [2.5] (± [0.1])", _rise, (at_least, at_most)),
            Claim("to more than [4]", lambda lab, asked: _operated(lab, asked).operated_loss, at_least),
            Claim("ln 32 = [3.5]", lambda lab, asked: math.log(32)),
            Claim("costs [0.01]", lambda lab, asked: _rise(lab, asked, "layer 1 head 2 off")[0], within(0.01)),
        ),
        given={"32 symbols": "of the task"},
        asked={"eight heads": "two layers of four"},
    ),
    3: Answer(
        claims=(
            Claim("validation loss is about [0.17]", _errors(1), about(0.1)),
            Claim("guessing the mean sum", lambda lab, asked: round(adding_constant(), 2) == 0.17),
            Claim("After 50 steps it is [0.04], after 300 less than [0.002]", _errors(50, 300), (about(0.3), at_most)),
            Claim("the parent had less than [0.003]", lambda lab, asked: lab.run(asked.config).error(800), at_most),
        ),
        questions=(
            Claim("is [0.24] ± [0.01] higher", _rise),
            Claim("nearly a hundred times what it was", lambda lab, asked: 80 < _operated(lab, asked).operated_loss / _operated(lab, asked).loss < 120),
        ),
    ),
}  # fmt: skip
