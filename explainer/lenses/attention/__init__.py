"""Attention: which tokens look at which, in every head."""

from explainer.lenses.attention.record import AttentionRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import SHUFFLED, added, attention_peak, labels, passes
from explainer.theory.sizes import BYTES

LENS = Lens(
    "attention", AttentionRecord, suits=lambda config: bool(config.network.roles.attention),
    peak=attention_peak, view=lambda z: z.cells + labels(z) + 7 * BYTES * z.L * z.H,
    work=lambda z: added(passes(z, z.rows(z.B)), passes(z, z.rows(SHUFFLED))),
    prices={"blocks": 0.0015, "look": 0.0025, "maps": 2.1e-08, "outputs": 7.5e-08, "stream": 6.7e-08},
    levels=("weights",),
)  # fmt: skip
