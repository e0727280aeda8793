"""Heads: when each came to look at what it looks at, and what the loss would be without it."""

from __future__ import annotations

from explainer.lenses.heads.record import HeadsRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import SECOND, SHUFFLED, Sizes, Work, added, attention_peak, passes
from explainer.theory.sizes import BYTES


def _work(z: Sizes) -> Work:
    knocked_out = z.L * z.H
    rows = max(1, min(z.rows(z.B), int(SECOND // (z.flops_a_token(z.T) * z.T * (2 + knocked_out)))))
    return added(passes(z, rows, 2 + knocked_out / 2), passes(z, z.rows(min(SHUFFLED, rows))))


LENS = Lens(
    "heads", HeadsRecord, suits=lambda config: bool(config.network.roles.attention), peak=attention_peak, view=lambda z: 11 * BYTES * z.L * z.H, work=_work,
    prices={"blocks": 0.00045, "flops": 3.7e-11, "look": 0.0054, "maps": 1e-08, "outputs": 8e-08},
)  # fmt: skip
