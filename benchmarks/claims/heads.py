"""When do heads form?"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.lenses.heads.record import SCORES
from explainer.theory.phase import PhaseChange, phase_change

LEAST = 0.1  # of a score's scale; see lenses.heads.notes


def score(run: Run, name: str, step: int = 800, text: str = "") -> np.ndarray:
    """A score of every head, (L, H)."""
    scores: np.ndarray = run.look("heads", step, text).scores[SCORES.index(name)]
    return scores


def _two_layers(lab: Lab, asked: Experiment) -> Run:
    return lab.run(asked.config)


def _missed(lab: Lab, asked: Experiment) -> np.ndarray:
    return score(_two_layers(lab, asked), "knocked_out")


def changes(run: Run, name: str) -> list[PhaseChange]:
    """The phase changes of the heads in a score."""
    curves = np.stack([score(run, name, step) for step in run.steps])
    found = [phase_change(run.steps, curve, LEAST) for curve in curves.reshape(len(curves), -1).T]
    return [each for each in found if each]


def loss_change(run: Run) -> PhaseChange | None:
    """That of the loss on the looked-at batch."""
    losses = np.array([run.look("heads", step).loss for step in run.steps])
    return phase_change(run.steps, losses, LEAST * losses[0])


def _together(lab: Lab, asked: Experiment) -> list[float]:
    """First and last step of the phase change of the loss, and how far those of the strongest prefix-matching head are off."""
    run = _two_layers(lab, asked)
    loss = loss_change(run)
    strongest = max(changes(run, "prefix_matching"), key=lambda each: abs(each.after - each.before))
    if loss is None:
        return [math.nan, math.nan]
    far = max(abs(loss.first - strongest.first), abs(loss.last - strongest.last))
    return [loss.first, loss.last] if far < 20 else [math.nan, math.nan]


def _own(text: str):  # type: ignore[no-untyped-def]
    """Prefix-matching scores of heads 2, 3 and 4 of layer 2 on an own input."""
    return lambda lab, asked: score(_two_layers(lab, asked), "prefix_matching", 800, text)[1, 1:4].tolist()


TWICE_TWELVE = "3 1 4 15 9 2 6 5 8 7 11 10 3 1 4 15 9 2 6 5 8 7 11 10"
SHORT = "0 3 1 2 0 3 1 2 0 3"

ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("the loss is [1.40]", lambda lab, asked: _two_layers(lab, asked).look("heads").loss, within(0.02)),
            Claim("about [3] higher", lambda lab, asked: _missed(lab, asked)[0, 0]),
            Claim("(ln 32 = [3.47])", lambda lab, asked: math.log(32)),
            Claim("worse than guessing", lambda lab, asked: _two_layers(lab, asked).look("heads").loss + _missed(lab, asked)[0, 0] > math.log(32)),
            Claim("less than [0.3] higher", lambda lab, asked: _missed(lab, asked)[1, 1:4].max(), at_most),
        ),
        given={
            "step 800": "the last step",
            "one of the three induction heads": "the question's three heads",
            "other two": "of three",
            "no double": "a figure of speech",
        },
        asked={"Three heads": "those above one half, which their scores in the third experiment show"},
    ),
    2: Answer(
        claims=(
            Claim(
                "layer 2, head 3 goes from [0.9] to [0.5]",
                lambda lab, asked: [score(_two_layers(lab, asked), "positional", step)[1, 2] for step in (35, 72)],
                within(0.1),
            ),
            Claim("At step 97 the loss is still [3.40]", lambda lab, asked: _two_layers(lab, asked).look("heads", 97).loss, within(0.02)),
            Claim("of [3.49]", lambda lab, asked: _two_layers(lab, asked).look("heads", 0).loss, within(0.01)),
            Claim("both between steps [209] and [265]", _together, within(10)),
            Claim(
                "they sharpen from step 112 on (entropy)",
                lambda lab, asked: score(_two_layers(lab, asked), "entropy", 160)[1].min() < 0.95 * score(_two_layers(lab, asked), "entropy", 97)[1].min(),
            ),
        ),
        given={"between steps 35 and 72": "the moments"},
    ),
    3: Answer(
        claims=(
            Claim("scores above [0.7]", lambda lab, asked: min(_own(TWICE_TWELVE)(lab, asked)), at_least),
            Claim("heads 2 and 4 are still above [0.6]", lambda lab, asked: min(_own(SHORT)(lab, asked)[::2]), at_least),
            Claim("below [0.1]", lambda lab, asked: _own(SHORT)(lab, asked)[1], at_most),
            Claim("by [0.3] or more", lambda lab, asked: -score(_two_layers(lab, asked), "knocked_out", 800, SHORT)[1, 2], at_least),
        ),
        given={"Twice twelve": "the input", "heads 2, 3 and 4": "names", "period of 4": "of the input"},
        asked={
            "twelve numbers that come twice": "the input",
            "`0 3 1 2 0 3 1 2 0 3`, whose period of 4": "the other input",
            "(12 to 24)": "the task's periods",
        },
    ),
    4: Answer(
        claims=(
            Claim("Not of the loss", lambda lab, asked: loss_change(lab.run(asked.config)) is None),
            Claim("nor of the induction score", lambda lab, asked: not changes(lab.run(asked.config), "prefix_matching")),
            Claim("falls to [2.6]", lambda lab, asked: lab.run(asked.config).look("heads").loss, within(0.1)),
            Claim("no head's score passes [0.1]", lambda lab, asked: score(lab.run(asked.config), "prefix_matching").max(), at_most),
            Claim(
                "is [0.4] to [1.0] higher",
                lambda lab, asked: [score(lab.run(asked.config), "knocked_out")[0].min(), score(lab.run(asked.config), "knocked_out")[0].max()],
                (at_least, at_most),
            ),
        ),
        given={"in 800 steps": "of the lesson"},
    ),
}  # fmt: skip
