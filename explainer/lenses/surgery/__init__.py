"""Surgery: what a network does without a part, or with another memory."""

from __future__ import annotations

from explainer.lenses.lens import Lens
from explainer.lenses.surgery.record import SurgeryRecord
from explainer.theory.looks import Sizes, Work, added, labels, passes, sites_followed
from explainer.theory.sizes import BYTES


def _rows(z: Sizes) -> tuple[int, int, int]:
    """Units or heads that are switched off, the sequences of that, and those of what is measured again."""
    sites = sites_followed(z)
    return (sites, min(128, z.forward_rows(sites + 1)), z.forward_rows(4)) if z.B > 1 else (sites, 1, 1)


def _peak(z: Sizes) -> int:
    copies = BYTES * 2**23 if z.recurrent else 2 * BYTES * 2**23  # passes without each unit or head
    sites, screened, checked = _rows(z)
    return max(z.passing(checked), min(copies, z.passing(sites * screened)), z.passing(2))


def _work(z: Sizes) -> Work:
    sites, screened, checked = _rows(z)
    return added(passes(z, screened, sites + 1), passes(z, checked, 4), passes(z, 1, 3))


LENS = Lens(
    "surgery", SurgeryRecord, suits=lambda config: config.layers > 0, peak=_peak,
    view=lambda z: 16 * sites_followed(z) + 21 * z.T + labels(z, 4), work=_work,
    prices={"blocks": 0.00016, "flops": 1e-11, "look": 0.0035, "maps": 3.3e-09, "numbers": 7.3e-09, "outputs": 8.8e-09, "steps": 2e-06, "stream": 2.6e-08},
)  # fmt: skip
