"""Fixed points: where a network without input stays."""

from __future__ import annotations

from explainer.lenses.fixed_points.record import FixedPointsRecord
from explainer.lenses.lens import Lens
from explainer.theory.followed import MOST_SEARCHED
from explainer.theory.looks import FEWEST_STARTS, START_NUMBERS, STARTS, Sizes, Work, added, labels, passes
from explainer.theory.sizes import BYTES


def _work(z: Sizes) -> Work:
    M = z.network.state_size
    starts = min(STARTS, max(FEWEST_STARTS, START_NUMBERS // M))
    return added(
        passes(z, min(z.B, 64)),
        {"cubes": float(starts * M**3), "squares": float(starts * M**2), "each": float(starts * M)},
    )


LENS = Lens(
    "fixed_points", FixedPointsRecord, suits=lambda config: config.network.roles.steps and config.layers == 1 and config.network.state_size <= MOST_SEARCHED,
    peak=lambda z: 8 * 6 * max(128, min(1024, 2**14 // z.network.state_size)) * z.network.state_size**2,
    view=lambda z: BYTES * z.network.state_size * (z.T + 96) + 15_000 + labels(z), work=_work,
    prices={"cubes": 1.2e-09, "each": 2.5e-06, "look": 0.0018, "outputs": 2.9e-08},
)  # fmt: skip
