"""Hidden attention: what each unit of a linear recurrence takes from which step, as a map."""

from __future__ import annotations

from explainer.lenses.hidden_attention.record import SHOWN, HiddenAttentionRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import Sizes, added, labels, passes, pooling
from explainer.theory.sizes import BYTES


def shown(channels: int) -> int:
    """Maps of a layer: the mean, and those of some channels."""
    return 1 + min(SHOWN, channels)


def _cells(z: Sizes) -> int:
    K = shown(z.H)
    P = -(-z.T // pooling(z.L, K, z.T))
    return z.L * K * P * P


def _peak(z: Sizes) -> int:
    carried = 4 * BYTES * z.T * z.network.state_size
    return (
        z.passing(1) + z.kept(1, z.L * z.network.mixed) + carried + 2 * BYTES * shown(z.H) * z.T**2 + BYTES * _cells(z)
    )


LENS = Lens(
    "hidden_attention", HiddenAttentionRecord, suits=lambda config: config.network.roles.linear,
    peak=_peak, view=lambda z: _cells(z) + BYTES * z.L * (2 * z.H + 2 * shown(z.H)) + labels(z),
    work=lambda z: added(passes(z, 1), {"rows": 2 * z.T * z.L, "carried": z.T**2 * z.L * z.network.state_size}),
    prices={"look": 1e-3, "rows": 4e-5, "carried": 3e-9, "blocks": 5e-4, "steps": 4e-5, "stream": 7e-8, "numbers": 8e-9, "outputs": 7e-9},
    levels=("weights",),
)  # fmt: skip
