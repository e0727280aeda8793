"""What can a Transformer not see?"""

from __future__ import annotations

from benchmarks.claims.claim import Answer, Answers, Claim, at_least, at_most, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab, Run
from explainer.lenses.glasses.notes import slope
from explainer.lenses.glasses.record import GlassesRecord


def _runs(lab: Lab, asked: Experiment, model: str) -> list[Run]:
    fields = {"positions": "none"} if model == "transformer" else {}
    return lab.seeds(asked.one(model=model, **fields))


def _right(lab: Lab, asked: Experiment, model: str) -> list[float]:
    return [100 * run.validation()["right answers"] for run in _runs(lab, asked, model)]


def _apart(lab: Lab, asked: Experiment, step: int | None = None, n: int = 32) -> list[float]:
    """How far the GRU's two states are apart, with each seed."""
    records: list[GlassesRecord] = [run.look("glasses", step) for run in _runs(lab, asked, "gru")]
    return [float(record.apart[0, record.lengths.tolist().index(n)]) for record in records]


def _farthest(slopes: list[float]) -> float:
    """The slope that is farthest from -2."""
    return max(slopes, key=lambda each: abs(each + 2))


def _steepest(lab: Lab, asked: Experiment) -> float:
    return _farthest([slope(run.look("glasses"))[0] for run in _runs(lab, asked, "transformer")])


def _untrained(lab: Lab, asked: Experiment, positions: str) -> list[GlassesRecord]:
    base = asked.one(model="transformer", positions="none")
    return [run.look("glasses", 0) for run in lab.seeds(base, positions=positions)]


def _slope_of(lab: Lab, asked: Experiment) -> float:
    records = [record for positions in ("none", "rotary") for record in _untrained(lab, asked, positions)]
    return _farthest([slope(record)[0] for record in records])


def _least(lab: Lab, asked: Experiment) -> float:
    return min(float(record.apart[0].min()) for record in _untrained(lab, asked, "sinusoidal"))


def _alibi(lab: Lab, asked: Experiment) -> bool:
    pairs = zip(_untrained(lab, asked, "alibi"), _untrained(lab, asked, "none"), strict=True)
    return all(one.apart[0, -1] < other.apart[0, -1] / 2 for one, other in pairs)


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim("both go as n to the power of [−2] (within 0.1)", _slope_of, within(0.1)),
            Claim("stay more than [0.1] apart", _least, at_least),
        ),
        given={"seeds 0, 1 and 2": "the seeds"},
    ),
    2: Answer(
        claims=(Claim("is less than half of that without an encoding", _alibi),),
        given={"seeds 0, 1 and 2": "the seeds", "n = 1,024": "where it is measured"},
    ),
    3: Answer(
        claims=(
            Claim("over [99] % of its answers", lambda lab, asked: min(_right(lab, asked, "gru")), at_least),
            Claim("more than [0.001] apart", lambda lab, asked: min(_apart(lab, asked)), at_least),
            Claim("less than [0.0001] before", lambda lab, asked: max(_apart(lab, asked, 0)), at_most),
            Claim("come together all the same", lambda lab, asked: max(_apart(lab, asked, n=1024)) < 1e-6),
            Claim("below [65] % right", lambda lab, asked: max(_right(lab, asked, "transformer")), at_most),
            Claim("the power of [−2] (within 0.1)", _steepest, within(0.1)),
        ),
        given={"seeds 0, 1 and 2": "the seeds that are trained", "n = 32": "where it is measured", "16 steps": "the length of training"},
    ),
}  # fmt: skip
