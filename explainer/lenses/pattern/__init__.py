"""A pattern of units: a question of the page Gates."""

from __future__ import annotations

from explainer.lenses.lens import Lens
from explainer.lenses.pattern.record import PatternRecord
from explainer.theory.looks import LABEL, SEARCHED, SEARCHED_NUMBERS, Sizes, Work, labels
from explainer.theory.sizes import BYTES


def _work(z: Sizes) -> Work:
    return {"steps": float(z.T * z.L), "flops": SEARCHED * z.flops_a_token(z.T), "numbers": float(SEARCHED * z.D * z.L)}


LENS = Lens(
    "pattern", PatternRecord, suits=lambda config: config.problem.windows and config.network.roles.steps,
    peak=lambda z: BYTES * (min(2**14, SEARCHED_NUMBERS // z.D) * (3 * z.D + z.inputs) + 2**12 * z.D),
    view=lambda z: 14 * 42 * (BYTES + LABEL) + BYTES * z.T + labels(z), work=_work,
    prices={"flops": 2e-11, "look": 1e-04, "numbers": 1.2e-08, "steps": 1.5e-05},
    asks=True,
)  # fmt: skip
