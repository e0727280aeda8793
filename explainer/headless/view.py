"""What a lens saw of a run at a moment, looked at here or read from the tape, with the sentences that pages show beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explainer.charts.panel import Notes
from explainer.lenses import LENSES
from explainer.player.annotate import Annotator
from explainer.runs.kinds import said_of
from explainer.runs.store import Run, Store
from explainer.runs.tape import VIEW, decode_view


@dataclass(frozen=True)
class View:
    """What a lens saw.

    Attributes:
        step: updates of the weights that were looked at.
        given: the user's own input; "" for the tape's batch.
        said: in what that input differs from those of training; "" for nothing.
    """

    run: Run
    lens: str
    step: int
    given: str
    record: Any
    said: str = ""


def view_of(store: Store, run: Run, lens: str, step: int | None = None, given: str = "") -> View:
    """The record at the kept moment nearest to a step; of two equally near, the earlier.

    A moment is kept by its weights, at which the lens looks here, or by a view on the tape. The
    user's own input needs weights.

    Raises:
        ValueError: nothing is kept, or the lens can't look at this run or input.
    """
    weights = set(store.steps(run.id, "weights"))
    kept = weights if given else weights | set(store.steps(run.id, VIEW + lens))
    if not kept:
        raise ValueError(f"Nothing of run {run.id} is recorded that can be looked at. Train it first.")
    at = min(kept, key=lambda each: (abs(each - (max(kept) if step is None else step)), each))
    if at in weights:
        from explainer.runs.looking import Looker  # torch: a view on the tape needs none

        record = Looker(store, lambda _: None).record(run, at, lens, given)
        return View(run, lens, at, given, record, said_of(store, run, lens, given))
    chunk = store.chunk_at(run.id, VIEW + lens, at)
    assert chunk is not None, (run.id, lens, at)
    return View(run, lens, at, given, decode_view(lens, chunk.body))


def notes_of(view: View, annotator: Annotator) -> Notes:
    """The sentences and derived arrays that pages show with the record; none for a lens that no page has."""
    if LENSES[view.lens].notes is None:
        return Notes()
    return annotator.notes_of(view.run, view.step, view.lens, view.record, bool(view.given))
