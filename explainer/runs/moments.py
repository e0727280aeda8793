"""Which moments of a run are kept: log-spaced steps that follow from the number of steps alone.

At these the weights go onto the tape, as far as they fit, and the lens that a page moves by looks: at once where the
run's share of looking pays for it, else afterwards, through the weights. So the same run keeps the same moments on
every machine, however slow a look is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.lenses import LENSES
from explainer.lenses.costs import look_bytes
from explainer.runs.rows import Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, Grid

FEWEST = 40
"""Moments of a run with as many steps; of a shorter one, all."""
LONG = 300
"""Steps from which on gaps grow by `RATIO`: 52 moments of 300 steps, 94 of 20,000."""
RATIO, SHORT_RATIO = 1.1, 1.03
SHORT_MOST = 50

VIEWS, FEWEST_VIEWS, VIEW_BYTES = 400, 8, 32_000_000
"""Of a lens on a tape: views at most; as many as there are in any case; and bytes at most, beyond these."""


def moments_grid(steps: int, places: int, ratio: float = RATIO) -> Grid:
    """The steps before the last at which weights are kept: 0, 1, 2, …, then in proportion, `places` of them at most.

    Args:
        ratio: growth of the gaps, at least; below `LONG` steps less will do.
    """
    if steps >= LONG or ratio > RATIO:
        return Grid.with_at_most(places, steps, ratio)
    return Grid.with_at_most(min(places, SHORT_MOST), steps, SHORT_RATIO)


def moments(steps: int) -> tuple[int, ...]:
    """All moments of a run whose weights are small, the last one too: at least `FEWEST`, or every step."""
    return (*moments_grid(steps, steps + 1).before(steps), steps)


def spread(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of some steps, evenly in their order, with the first and the last; of a single one, the last."""
    if len(steps) <= most:
        return list(steps)
    if most < 2:
        return list(steps[-1:]) if most == 1 else []
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]


def view_places(size: int, views: int = VIEWS, view_bytes: int = VIEW_BYTES) -> int:
    """How many views of `size` bytes a lens may have on a tape."""
    return min(views, max(FEWEST_VIEWS, view_bytes // max(1, size)))


def lacking(store: Store, run: Run, lens: str) -> list[int]:
    """The kept moments of a run that a lens has not seen, in order; where views are large, so many as find a place.

    The last one is among them in any case.
    """
    kept = store.steps(run.id, "weights")
    seen = set(store.steps(run.id, VIEW + lens))
    if seen.issuperset(kept) or lens not in LENSES or "inputs" not in run.meta:
        return []
    places = view_places(look_bytes(run.config, lens, run.meta["inputs"], run.meta["outputs"]).view)
    missing = [step for step in spread(kept, places) if step not in seen]
    return spread(missing, max(places - len(seen), int(kept[-1] not in seen)))


def ask_to_fill(store: Store, run: str, lens: str) -> None:
    """Ask the worker for what a lens has not seen of a run's kept moments, unless it is asked already."""
    with store.transaction():
        if ("fill", run, lens) not in {(command.kind, command.run, command.value) for command in store.commands()}:
            store.command(run, "fill", lens)
