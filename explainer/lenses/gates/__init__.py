"""Gates: what those of an LSTM or a GRU do, and what the units keep track of."""

from __future__ import annotations

from explainer.lenses.gates.record import GatesRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import COMPONENTS, FEWEST_TRACKED, MOST_TRACKED, TRACKED, Sizes, Work, added, labels, passes
from explainer.theory.sizes import BYTES


def _peak(z: Sizes) -> int:
    N, kinds = z.D, z.settable
    tracked = max(16, min(256, 2**14 // z.T)) * z.T
    together = max(1, min(z.B, 16, 2**22 // (z.L * kinds * z.T * N)))
    shown = BYTES * together * z.T * N * (2 * z.L * kinds + 4)
    return max(shown, BYTES * tracked * (7 * N + 2 * z.inputs))


def _view(z: Sizes) -> int:
    return z.L * z.settable * z.T * z.D + BYTES * z.T * z.D + 40 * z.D + labels(z)


def _work(z: Sizes) -> Work:
    S = max(FEWEST_TRACKED, min(MOST_TRACKED, TRACKED // z.T))
    known = min(z.D, COMPONENTS)
    return added(
        passes(z, min(z.B, 16)),
        passes(z, S),
        {"squares": float(S * z.T * known**2), "read": float(S * z.T * z.D), "cubes": float(known**3)},
    )


LENS = Lens(
    "gates", GatesRecord, suits=lambda config: config.network.keeper is not None, peak=_peak, view=_view, work=_work,
    prices={"cubes": 1.2e-09, "flops": 2.7e-11, "look": 0.0019, "outputs": 6.6e-09, "read": 1.5e-08, "squares": 9.5e-11, "steps": 3e-05},
    levels=("gates",),
)  # fmt: skip
