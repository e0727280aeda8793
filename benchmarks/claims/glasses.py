"""What can a Transformer not see?"""

from __future__ import annotations

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.lenses.glasses.notes import slope
from explainer.lenses.glasses.record import GlassesRecord


def _runs(lab: Lab, asked: Experiment, model: str) -> list[Run]:
    return lab.seeds(asked.one(model=model, positions="none") if model == "transformer" else asked.one(model=model))


def _right(lab: Lab, asked: Experiment, model: str) -> list[float]:
    return [100 * run.validation()["right answers"] for run in _runs(lab, asked, model)]


def _apart(lab: Lab, asked: Experiment, step: int | None = None, n: int = 32) -> list[float]:
    """How far the GRU's two states are apart, with each seed."""
    records: list[GlassesRecord] = [run.look("glasses", step) for run in _runs(lab, asked, "gru")]
    return [float(record.apart[0, record.lengths.tolist().index(n)]) for record in records]


def _steepest(lab: Lab, asked: Experiment) -> float:
    """The slope of the Transformer's distance that is farthest from -2."""
    slopes = [slope(run.look("glasses"))[0] for run in _runs(lab, asked, "transformer")]
    return max(slopes, key=lambda each: abs(each + 2))


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("over [99] % of its answers", lambda lab, asked: min(_right(lab, asked, "gru")), at_least),
            Claim("more than [0.001] apart", lambda lab, asked: min(_apart(lab, asked)), at_least),
            Claim("less than [0.0001] before", lambda lab, asked: max(_apart(lab, asked, 0)), at_most),
            Claim("come together all the same", lambda lab, asked: max(_apart(lab, asked, n=1024)) < 1e-6),
            Claim("below [65] % right", lambda lab, asked: max(_right(lab, asked, "transformer")), at_most),
            Claim("the power of [−2] (within 0.1)", _steepest, within(0.1)),
        ),
        given={
            "seeds 0, 1 and 2": "the seeds that are trained",
            "n = 32": "where it is measured",
            "16 steps": "the length of training",
        },
    ),
}
