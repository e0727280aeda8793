"""Reading runs and looking at their moments: what every viewer may do. No torch here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from explainer.lenses import LENSES
from explainer.limits import limits
from explainer.runs.rows import Piece
from explainer.runs.store import Listing, Run, Store
from explainer.runs.tape import LARGEST_VIEW, VIEW, decode_view
from explainer.runs.viewer import Viewer
from explainer.surgery import Surgery

LATEST = -1
"""As the step of a look: the weights of this moment, or of the end of a run."""
NO_RUN = "There is no run {!r} here. It may have been deleted, or it is on data of somebody's own; start it again."
"""One sentence for what is not here and for what may not be seen, so that it tells nobody which."""

OVERTAKEN = "The question was overtaken by newer ones, or the run was deleted. Ask again."

RECENT = 200
"""Runs of which a page offers some, the newest."""


class Reader:
    """Runs, their tapes and records, whoever owns them. One object serves any number of sessions."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def found(self, run: str) -> Run:
        """One run; a ValueError where there is none of that id."""
        found = self.store.run(run)
        if found is None:
            raise ValueError(NO_RUN.format(run[:80]))
        return found

    def seen(self, run: str, viewer: Viewer) -> Run:
        """One run that the viewer may see.

        Raises:
            ValueError: there is none of that id, or it is somebody else's on data of their own.
        """
        found = self.found(run)
        if not self.store.seen([run], viewer):
            raise ValueError(NO_RUN.format(run[:80]))
        return found

    def runs(self, viewer: Viewer, *statuses: str, most: int = RECENT) -> list[Run]:
        """The newest runs that can be read and that the viewer may see, or those of some statuses; at most so many."""
        listing = Listing(statuses=statuses, viewer=viewer)
        return [run for run in self.store.listed(listing, most) if not run.unreadable]

    def text(self, digest: str, owner: str) -> str | None:
        """A text or series that this owner gave; None for anybody else."""
        return None if self.store.text_name(digest, owner) is None else self.store.text(digest)

    def snapshots(self, run: str) -> list[int]:
        """Steps whose weights are kept: those that can be looked at again."""
        return self.store.steps(run, "weights")

    def snapshot_before(self, run: str, step: int) -> int:
        """The last step at or before `step` whose weights are kept; a ValueError where nothing is yet."""
        kept = self.snapshots(run)
        if not kept:
            raise ValueError("Nothing of this run is recorded yet. Wait for its first step.")
        return max((at for at in kept if at <= step), default=kept[0])

    # -- looking ------------------------------------------------------------------------------

    def look(
        self,
        run: str,
        step: int,
        lens: str,
        text: str = "",
        timeout: float = 5.0,
        surgery: Surgery | None = None,
        asker: str = "",
    ) -> Any:
        """The record of a lens at a recorded moment, taken by the worker if it is not on the tape.

        An answer is kept and reused for the same run, moment, lens, input and surgery.

        Args:
            step: looks at `snapshot_before(run, step)`; LATEST for the weights of this moment.
            text: the user's own input; "" for the tape's batch.
            surgery: what is done to the model, for a lens that takes one; None for what is on the tape.
            asker: who asks; the questions of several take turns.

        Raises:
            ValueError: unknown run or lens, an input that the task can't read, a lens that doesn't
                suit the model, a surgery on what it does not have.
            TimeoutError: no answer in time; it is kept when it comes.
        """
        return self._record(self.put(run, step, lens, text, surgery, asker), lens, timeout)

    def look_all(self, questions: Sequence[tuple[str, int, str, str]], timeout: float = 20.0) -> list[Any]:
        """The records of several looks (run, step, lens, own input), all asked before the first is waited for.

        What has none is a sentence in its place, never an exception.
        """
        put: list[Any] = []
        for run, step, lens, text in questions:
            try:
                put.append(self.put(run, step, lens, text))
            except ValueError as error:
                put.append(str(error))
        deadline = time.monotonic() + timeout
        for at, (question, found) in enumerate(zip(questions, put, strict=True)):
            if not isinstance(found, str):
                try:
                    put[at] = self._record(found, question[2], max(0.1, deadline - time.monotonic()))
                except (ValueError, TimeoutError) as error:
                    put[at] = str(error)
        return put

    def put(
        self, run: str, step: int, lens: str, text: str = "", surgery: Surgery | None = None, asker: str = ""
    ) -> Piece | int:
        """Where a record is on the tape, else the number of the look that the worker has to take.

        Raises:
            ValueError: what `look` raises before it waits.
        """
        check_lenses(lens)
        if len(text.encode(errors="replace")) > limits().text_bytes:
            raise ValueError(f"The input has {len(text):,} characters. Give a shorter one.")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError("The input has half of a surrogate pair. Type that character again.")
        found = self.found(run)
        operation = str(surgery.check(found.config)) if surgery else ""
        if step == LATEST:
            step = found.step if found.status not in ("queued", "running") else LATEST
        if step != LATEST:
            step = self.snapshot_before(run, step)
            view = self.store.piece_at(run, VIEW + lens, step) if text == operation == "" else None
            if view is not None:
                _refuse_larger(view.size)
                return view
        if self.store.trouble:
            raise ValueError(self.store.trouble)
        return self.store.ask(run, step, lens, text, operation, asker).id

    def answered(self, number: int) -> int:
        """Bytes of the answer to a look.

        Raises:
            ValueError: it was refused, is gone, or too large to be read here.
            TimeoutError: it waits.
        """
        state = self.store.look_state(number)
        if state is None:
            raise ValueError(OVERTAKEN)
        status, error, size = state
        if status == "failed":
            raise ValueError(error)
        if status == "waiting":
            raise TimeoutError("The worker is busy or starting. Try again.")
        _refuse_larger(size)
        return size

    def _record(self, found: Piece | int, lens: str, timeout: float) -> Any:
        """The record from where `put` found it, as soon as it is there."""
        if isinstance(found, Piece):
            chunk = self.store.chunk(found.run, found.seq)
            if chunk is None:
                raise ValueError(OVERTAKEN)
            return decode_view(lens, chunk.body)
        self.store.wait_until(lambda: not self.store.still_waiting([found]), timeout)
        try:
            size = self.answered(found)
        except TimeoutError:
            raise TimeoutError(
                f"No answer within {timeout:.2g} seconds: the worker is busy or starting. Try again."
            ) from None
        return decode_view(lens, self.store.look_part(found, 0, size))

    def fill(self, run: str, lens: str) -> None:
        """Ask for a lens's view at every kept moment of a run that lacks it."""
        check_lenses(lens)
        self.found(run)
        self.store.command(run, "fill", lens)

    @property
    def speed(self) -> float:
        """Of this host, in times the processor on which costs were measured."""
        return self.store.worker_state().speed


def _refuse_larger(size: int) -> None:
    if size > LARGEST_VIEW:
        raise ValueError(
            f"What the lens saw takes {size / 1e6:,.0f} MB, and up to {LARGEST_VIEW / 1e6:.0f} MB can be shown. "
            "Choose a smaller network or a shorter sequence."
        )


def check_lenses(*lenses: str) -> None:
    for lens in lenses:
        if lens not in LENSES:
            raise ValueError(f"Unknown lens {lens[:40]!r}. Choose one of: {', '.join(LENSES)}.")
