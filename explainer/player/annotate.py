"""From chunks of tape to what a player draws: views with their notes, metrics, whole-tape contexts.

Everything here is derived from immutable chunks, so it is computed once and shared by all viewers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.config import OTHER
from explainer.figures import CONTEXTS, HISTORIES, NOTES, Moment, Notes
from explainer.figures.panel import Frame, Reel, labels_of
from explainer.figures.subject import subject
from explainer.records import to_arrays
from explainer.runs.rows import Chunk, Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view, join_metrics

RUNS_KEPT = 12


@dataclass
class _Derived:
    """What has been computed of one run."""

    metrics: dict[str, NDArray[Any]] = field(default_factory=dict)
    metrics_after: int = -1
    notes: dict[int, Notes] = field(default_factory=dict)
    contexts: dict[str, tuple[str, dict[str, NDArray[Any]]]] = field(default_factory=dict)
    words: dict[str, Mapping[str, str | Mapping[str, str]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Annotator:
    """Notes and contexts of the tapes in a store; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runs: OrderedDict[tuple[str, float], _Derived] = OrderedDict()
        self._asked: set[tuple[str, float, str]] = set()  # views that finished tapes were asked to be filled with
        self._lock = threading.Lock()

    def notes(self, run: Run, chunk: Chunk) -> Notes:
        """Sentences and derived arrays of one view."""
        derived = self._derived(run)
        with derived.lock:
            if chunk.seq not in derived.notes:
                self._read_metrics(run, derived)
                lens = chunk.kind.removeprefix(VIEW)
                moment = Moment(subject(run.config, run.meta), chunk.step, derived.metrics)
                derived.notes[chunk.seq] = NOTES[lens](decode_view(lens, chunk.body), moment)
            return derived.notes[chunk.seq]

    def notes_of(self, run: Run, step: int, lens: str, record: Any, asked: bool = False) -> Notes:
        """The same for a record that was asked for and is not on the tape.

        Args:
            asked: it is of the viewer's own input.
        """
        notes = NOTES[lens](record, Moment(subject(run.config, run.meta), step, self.metrics(run), asked))
        return _with_unknown(notes, record) if asked and run.meta.get("rare") else notes

    def context(self, run: Run, lens: str) -> tuple[str, dict[str, NDArray[Any]]]:
        """Arrays over the whole tape and their version; ("", {}) for a lens without any.

        While a tape grows they are computed anew each time its views have doubled in number,
        and once more at its end.
        """
        if lens not in CONTEXTS and lens not in HISTORIES:
            return "", {}
        count = len(self.store.steps(run.id, VIEW + lens))
        if count == 0:
            return "", {}
        version = f"whole-{count}" if run.finished else f"{1 << (count.bit_length() - 1)}"
        derived = self._derived(run)
        with derived.lock:
            known = derived.contexts.get(lens)
            if known and known[0] == version:
                return known
            chunks = self.store.chunks(run.id, kinds=(VIEW + lens,))
            records = [decode_view(lens, chunk.body) for chunk in sorted(chunks, key=lambda chunk: chunk.step)]
            previous = known[1].get("basis") if known else None
            arrays = CONTEXTS[lens](records, previous) if lens in CONTEXTS else {}
            if lens in HISTORIES:
                steps = sorted(chunk.step for chunk in chunks)
                history = HISTORIES[lens](records, steps, subject(run.config, run.meta))
                derived.words[lens] = history.readings
                arrays |= history.arrays
            derived.contexts[lens] = (version, arrays)
            return derived.contexts[lens]

    def words(self, run: Run, lens: str) -> Mapping[str, str | Mapping[str, str]]:
        """Sentences over the whole tape, as of the last `context`."""
        return self._derived(run).words.get(lens, {})

    def fills(self, run: Run, lenses: Sequence[str]) -> bool:
        """Whether views of a finished run are on their way; asks, once, for a lens that has not seen its last moment."""
        if run.step == 0:
            return False
        for lens in lenses:
            key = (run.id, run.created, lens)
            if key not in self._asked and max(self.store.steps(run.id, VIEW + lens), default=-1) < run.step:
                self._asked.add(key)
                self.store.command(run.id, "fill", lens)
        return any(command.run == run.id and command.kind == "fill" for command in self.store.commands())

    def metrics(self, run: Run) -> dict[str, NDArray[Any]]:
        """All the metrics so far, by name; those that are not of every step have a `name:step` beside."""
        derived = self._derived(run)
        with derived.lock:
            self._read_metrics(run, derived)
            return dict(derived.metrics)

    def reel(self, run: Run, lenses: Sequence[str]) -> Reel:
        """The whole tape in Python, for the page without routes and for files."""
        frames: dict[str, list[Frame]] = {}
        contexts: dict[str, dict[str, NDArray[Any]]] = {}
        words: dict[str, Mapping[str, str | Mapping[str, str]]] = {}
        for lens in lenses:
            chunks = self.store.chunks(run.id, kinds=(VIEW + lens,))
            frames[lens] = [self._frame(run, chunk) for chunk in sorted(chunks, key=lambda chunk: chunk.step)]
            contexts[lens] = self.context(run, lens)[1]
            words[lens] = self.words(run, lens)
        return Reel(frames, self.metrics(run), contexts, words=words)

    def answer(self, run: Run, step: int, lens: str, record: Any) -> Frame:
        """A record of the viewer's own input, as a frame."""
        return joined(step, record, self.notes_of(run, step, lens, record, asked=True))

    def _frame(self, run: Run, chunk: Chunk) -> Frame:
        record = decode_view(chunk.kind.removeprefix(VIEW), chunk.body)
        return joined(chunk.step, record, self.notes(run, chunk))

    def _derived(self, run: Run) -> _Derived:
        key = (run.id, run.created)
        with self._lock:
            derived = self._runs.pop(key, None) or _Derived()
            self._runs[key] = derived
            while len(self._runs) > RUNS_KEPT:
                self._runs.popitem(last=False)
            return derived

    def _read_metrics(self, run: Run, derived: _Derived) -> None:
        chunks = self.store.chunks(run.id, after=derived.metrics_after, kinds=("metrics",))
        if not chunks:
            return
        derived.metrics_after = chunks[-1].seq
        fresh = {metric_name(name): array for name, array in join_metrics(chunk.body for chunk in chunks).items()}
        for name, array in fresh.items():
            known = derived.metrics.get(name)
            derived.metrics[name] = array if known is None else np.concatenate([known, array])


def _with_unknown(notes: Notes, record: Any) -> Notes:
    """Notes whose first sentence says how many characters of the viewer's own input the network has no sign for."""
    count = list(getattr(record, "tokens", ())).count(OTHER)
    if not count or not notes.readings:
        return notes
    one = f"1 character of your input has no sign of its own here and stands as {OTHER}."
    said = f" {one}" if count == 1 else f" {count} characters of your input have no sign here and stand as {OTHER}."
    name, first = next(iter(notes.readings.items()))
    whole = first + said if isinstance(first, str) else {choice: sentence + said for choice, sentence in first.items()}
    return replace(notes, readings={**notes.readings, name: whole})


def joined(step: int, record: Any, notes: Notes) -> Frame:
    """A record and its notes as one frame."""
    arrays, text = to_arrays(record)
    return Frame(step, {**arrays, **notes.arrays}, {**labels_of(text), **notes.labels}, notes.readings)


def metric_name(name: str) -> str:
    """`metric:validation loss:value` of a chunk is the series `validation loss`, its steps `validation loss:step`."""
    return name.removeprefix("metric:").removesuffix(":value") if name.startswith("metric:") else name
