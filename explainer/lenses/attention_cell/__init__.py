"""One cell of the attention maps, written out: a question of the page Attention."""

from __future__ import annotations

from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import Sizes, halved_if_large, labels, maps_fit, passes
from explainer.theory.sizes import BYTES


def _view(z: Sizes) -> int:
    heads = z.L * z.H if maps_fit(z.config, z.T) else 1
    parts = BYTES * heads * z.T * 3 * (z.D // z.H)
    return halved_if_large(BYTES * heads * z.T**2 + parts + 8 * z.T, parts) + labels(z)


LENS = Lens(
    "attention_cell", AttentionCellRecord, suits=lambda config: bool(config.network.roles.attention),
    peak=lambda z: z.passing(1) + 2 * z.held_maps(1) + z.kept(1, 6 * z.L * z.D), view=_view,
    work=lambda z: passes(z, 1, 2),
    prices={"blocks": 0.00048, "flops": 3.1e-11, "look": 2.7e-05, "maps": 5.4e-09},
    wide=("query", "key", "value"),
)  # fmt: skip
