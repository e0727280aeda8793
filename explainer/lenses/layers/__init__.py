"""Layers: what the network would say after each."""

from __future__ import annotations

from explainer.lenses.layers.record import LayersRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import LABEL, Sizes, Work, added, halved_if_large, labels, passes
from explainer.theory.sizes import BYTES


def _view(z: Sizes) -> int:
    maps, cells = 2 * BYTES * z.T**2, (z.L + 1) * z.T
    return halved_if_large(maps + 2 * BYTES * cells, maps) + LABEL * cells + labels(z, 2)


def _work(z: Sizes) -> Work:
    return added(passes(z, 1, 2), {"outputs": float(z.L * z.T * z.V), "cubes": float(z.L * z.T**3)})


LENS = Lens(
    "layers", LayersRecord, suits=lambda config: bool(config.network.roles.attention),
    peak=lambda z: z.passing(1) + z.kept(1, (z.L + 1) * (z.D + 2 * z.V)) + 2 * z.held_maps(1) + 40 * z.T**2,
    view=_view, work=_work,
    prices={"blocks": 0.00039, "flops": 7e-11, "look": 0.0006, "maps": 6.9e-09, "outputs": 8.3e-09},
    wide=("rollout", "last"),
)  # fmt: skip
