"""Reading runs and looking at their moments: what every viewer may do. No torch here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from explainer.limits import limits
from explainer.records import RECORDS
from explainer.runs.store import Chunk, Listing, Run, Store, WorkerState
from explainer.runs.tape import VIEW, decode_view
from explainer.surgery import Surgery

LATEST = -1
"""As the step of a look: the weights of this moment, or of the end of a run."""

RECENT = 200
"""Runs of which a page offers some, the newest."""


class Reader:
    """Runs, their tapes and records, whoever owns them. One object serves any number of sessions."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def run(self, run: str) -> Run | None:
        """One run, or None."""
        return self.store.run(run)

    def found(self, run: str) -> Run:
        """One run.

        Raises:
            ValueError: there is none of that id.
        """
        found = self.store.run(run)
        if found is None:
            raise ValueError(f"There is no run {run[:80]!r} here. It may have been deleted; start it again.")
        return found

    def runs(self, most: int = RECENT) -> list[Run]:
        """The newest runs that can be read, at most so many."""
        return [run for run in self.store.listed(Listing(), most) if not run.unreadable]

    def chunks(self, run: str, after: int = -1, kinds: Sequence[str] | None = None) -> list[Chunk]:
        """Chunks of the tape with numbers above `after`."""
        return self.store.chunks(run, after, kinds)

    def text(self, digest: str) -> str | None:
        """A stored text or series."""
        return self.store.text(digest)

    def snapshots(self, run: str) -> list[int]:
        """Steps whose weights are kept: those that can be looked at again."""
        return self.store.steps(run, "weights")

    def snapshot_before(self, run: str, step: int) -> int:
        """The last step at or before `step` whose weights are kept.

        Raises:
            ValueError: nothing is kept yet.
        """
        kept = self.snapshots(run)
        if not kept:
            raise ValueError("Nothing of this run is recorded yet. Wait for its first step.")
        return max((at for at in kept if at <= step), default=kept[0])

    # -- looking ------------------------------------------------------------------------------

    def watch(self, run: str, lenses: Iterable[str]) -> None:
        """Say, about once a second, that somebody looks at the run through these lenses."""
        self.store.watch(run, lenses)

    def look(
        self, run: str, step: int, lens: str, text: str = "", timeout: float = 5.0, surgery: Surgery | None = None
    ) -> Any:
        """The record of a lens at a recorded moment, taken by the worker if it is not on the tape.

        An answer is kept and reused for the same run, moment, lens, input and surgery.

        Args:
            step: looks at `snapshot_before(run, step)`; LATEST for the weights of this moment.
            text: the user's own input; "" for the tape's batch.
            surgery: what is done to the model, for a lens that takes one; None for what is on the tape.

        Raises:
            ValueError: unknown run or lens, an input that the task can't read, a lens that doesn't
                suit the model, a surgery on what it does not have.
            TimeoutError: no answer in time; it is kept when it comes.
        """
        found = self._put(run, step, lens, text, surgery)
        return self._taken(found, lens, timeout) if isinstance(found, int) else found

    def look_all(self, questions: Sequence[tuple[str, int, str, str]], timeout: float = 20.0) -> list[Any]:
        """The records of several looks (run, step, lens, own input), all asked before the first is waited for.

        What has none is a sentence in its place, never an exception.
        """
        put: list[Any] = []
        for run, step, lens, text in questions:
            try:
                put.append(self._put(run, step, lens, text, None))
            except ValueError as error:
                put.append(str(error))
        deadline = time.monotonic() + timeout
        for at, (question, found) in enumerate(zip(questions, put, strict=True)):
            if isinstance(found, int):
                try:
                    put[at] = self._taken(found, question[2], max(0.1, deadline - time.monotonic()))
                except (ValueError, TimeoutError) as error:
                    put[at] = str(error)
        return put

    def _put(self, run: str, step: int, lens: str, text: str, surgery: Surgery | None) -> Any:
        """The record where it is on the tape, else the number of the look that the worker has to take."""
        check_lens(lens)
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
            view = self.store.chunk_at(run, VIEW + lens, step) if text == operation == "" else None
            if view is not None:
                return decode_view(lens, view.body)
        if self.store.trouble:
            raise ValueError(self.store.trouble)
        return self.store.ask(run, step, lens, text, operation).id

    def _taken(self, number: int, lens: str, timeout: float) -> Any:
        """The answer to a look, as soon as it is there."""
        self.store.wait_until(lambda: self._answered(number), timeout)
        answer = self.store.look(number)
        if answer is None:
            raise ValueError("The question was overtaken by newer ones, or the run was deleted. Ask again.")
        if answer.status == "failed":
            raise ValueError(answer.error)
        if answer.body is None:
            raise TimeoutError(f"No answer within {timeout:.2g} seconds: the worker is busy or starting. Try again.")
        return decode_view(lens, answer.body)

    def _answered(self, number: int) -> bool:
        answer = self.store.look(number)
        return answer is None or answer.status != "waiting"

    def fill(self, run: str, lens: str) -> None:
        """Ask for a lens's view at every kept moment of a run that lacks it."""
        check_lens(lens)
        self.found(run)
        self.store.command(run, "fill", lens)

    def worker_state(self) -> WorkerState:
        """Who trains, on what device, and how much waits."""
        return self.store.worker_state()


def check_lens(lens: str) -> None:
    if lens not in RECORDS:
        raise ValueError(f"Unknown lens {lens[:40]!r}. Choose one of: {', '.join(RECORDS)}.")
