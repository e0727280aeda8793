"""The Jacobian of one step, and what products of it do."""

from __future__ import annotations

from explainer.lenses.jacobian.record import JacobianRecord
from explainer.lenses.lens import Lens
from explainer.theory.followed import MOST_STATE, horizon, moments
from explainer.theory.looks import Sizes, Work, added, labels, passes
from explainer.theory.sizes import BYTES


def _peak(z: Sizes) -> int:
    M = z.network.state_size
    return 3 * 8 * (horizon(z.T - 1, M) + 8) * M * M + z.backward(1)


def _view(z: Sizes) -> int:
    M = z.network.state_size
    singles, spans = moments(z.T - 1, M)
    return BYTES * (3 * M * (len(singles) + len(spans)) + 4 * horizon(z.T - 1, M) + 6 * z.T) + labels(z)


def _work(z: Sizes) -> Work:
    M = z.network.state_size
    singles, spans = moments(z.T - 1, M)
    taken_apart = horizon(z.T - 1, M) + len(singles) + len(spans)
    return added(
        passes(z, 1, 3), {"cubes": float(taken_apart * M**3), "squares": float(taken_apart * M**2), "each": taken_apart}
    )


LENS = Lens(
    "jacobian", JacobianRecord, suits=lambda config: config.network.roles.steps and config.network.state_size <= MOST_STATE,
    peak=_peak, view=_view, work=_work,
    prices={"cubes": 6.7e-10, "each": 4.8e-05, "look": 0.0019, "numbers": 6.6e-08, "squares": 4.3e-08, "steps": 1.1e-05},
)  # fmt: skip
