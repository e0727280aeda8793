"""Attention: which tokens look at which, in every head."""

from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import SHUFFLED, added, attention_peak, labels, passes
from explainer.theory.sizes import BYTES

LENS = Lens(
    "attention", AttentionRecord, suits=lambda config: bool(config.network.roles.attention),
    peak=attention_peak, view=lambda z: z.cells + labels(z) + 7 * BYTES * z.L * z.H,
    work=lambda z: added(passes(z, z.rows(z.B)), passes(z, z.rows(SHUFFLED))),
    prices={"blocks": 0.003, "look": 6.2e-13, "maps": 3.1e-08, "outputs": 1.1e-07, "stream": 6.7e-08},
    levels=("weights",),
)  # fmt: skip
