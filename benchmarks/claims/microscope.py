"""Which loss reaches which moment?"""

from __future__ import annotations

import numpy as np

from benchmarks.claims.claim import Answer, Answers, Claim, about, at_least, at_most, exactly, magnitude, within
from benchmarks.claims.experiments import Experiment
from benchmarks.claims.lab import Lab


def _ways(lab: Lab, asked: Experiment, step: int) -> tuple[float, float]:
    """Along c and by way of h: from the last loss to the first step."""
    record = lab.run(asked.one(model="lstm")).look("microscope", step)
    return tuple(float(record.norms[record.ways.index(way), -1, -1, 0]) for way in ("c along c", "c by way of h"))  # type: ignore[return-value]


def _opened(lab: Lab, asked: Experiment) -> float:
    """By how much the lesser of the two ways was opened."""
    return min(after / before for before, after in zip(_ways(lab, asked, 0), _ways(lab, asked, 800), strict=True))


def _pink(lab: Lab, asked: Experiment, seed: int = 0) -> tuple[float, float]:
    norms = lab.run(asked.config, seed=seed).look("microscope", 0).norms[0, 0]
    below = np.tril(np.ones_like(norms)) > 0
    return float((~np.isfinite(norms) & below).sum()), float(below.sum())


def _grey(lab: Lab, asked: Experiment) -> bool:
    """Whether, with the usual start, the corner is exactly 0."""
    norms = lab.run(asked.config, init="default", length=200).look("microscope", 0).norms[0, 0]
    return bool(norms[-1, 0] == 0 and norms[0, 0] > 0)


def _flat(lab: Lab, asked: Experiment) -> tuple[float, float]:
    """Of a Transformer's untrained matrix, the least and largest cell of the last row before the diagonal, as shares of that."""
    last = lab.run(asked.one(model="transformer")).look("microscope", 0).norms[0, 0, -1]
    return float(last[:-1].min() / last[-1]), float(last[:-1].max() / last[-1])


ANSWERS: Answers = {
    1: Answer(
        claims=(
            Claim(
                "at step 0, [5·10⁻¹¹] arrives along c and [6·10⁻¹⁰] by way of h",
                lambda lab, asked: _ways(lab, asked, 0),
                about(0.1),
            ),
            Claim(
                "gates half open halve it",
                lambda lab, asked: abs(lab.run(asked.one(model="lstm")).look("gates", 0).kept.mean() - 0.5) < 0.05,
            ),
            Claim(
                "At step 800 it is about [0.015] and [0.025]", lambda lab, asked: _ways(lab, asked, 800), within(0.005)
            ),
            Claim("more than [ten million]", _opened, at_least),
            Claim("the smaller half", lambda lab, asked: _ways(lab, asked, 800)[0] < _ways(lab, asked, 800)[1]),
        ),
        asked={"two ways": "along c and by way of h"},
    ),
    2: Answer(
        claims=(
            Claim("about [600] of [5,050] cells", _pink, (about(0.1), exactly)),
            Claim("beyond [10³⁸]", lambda lab, asked: float(np.finfo(np.float32).max), magnitude(4)),
            Claim("training ends before its first update", lambda lab, asked: lab.run(asked.config).diverged),
            Claim(
                "With seed 1 it is nearly [half] of the cells",
                lambda lab, asked: _pink(lab, asked, 1)[0] / 5050,
                within(0.1),
            ),
            Claim("with seed 2 none", lambda lab, asked: _pink(lab, asked, 2)[0] == 0),
            Claim("With the default start and 200 steps it is grey instead, exactly 0", _grey),
            Claim("what is below [10⁻⁴⁵] is 0", lambda lab, asked: float(np.finfo(np.float32).smallest_subnormal), magnitude(2)),
        ),
        asked={"step 0": "the moment"},
    ),
    3: Answer(
        claims=(Claim("last row between [1/500] and [1/150] of the diagonal", _flat, (at_least, at_most)),),
        given={"1/t": "the share of each of t positions"},
        asked={"step 0": "the moment"},
    ),
}  # fmt: skip
