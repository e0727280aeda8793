"""From chunks of tape to what a player draws: views with their notes, metrics, whole-tape contexts.

Everything here is derived from immutable chunks, so it is computed once and shared by all viewers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.charts.panel import Frame, Moment, Notes, Reel, labels_of
from explainer.charts.subject import network, subject
from explainer.data import OTHER
from explainer.lenses import LENSES
from explainer.player.kept import Kept
from explainer.records import to_arrays
from explainer.runs.moments import ask_to_fill, lacking
from explainer.runs.rows import Piece, Run
from explainer.runs.store import Store
from explainer.runs.tape import LARGEST_VIEW, VIEW, decode_view, in_form, join_metrics

RUNS_KEPT = 12
NOTES_BYTES = METRICS_BYTES = 8_000_000  # of notes, and of metrics, that are kept for all viewers
TOGETHER_BYTES = 8_000_000  # of views that are read at once, for what is about a whole tape
LARGE_BYTES = 500_000  # views from here on are decoded one at a time
WORDS = 60  # bytes of a string beyond its characters


@dataclass
class _Derived:
    """What has been computed of one run, and why some chunks of it, by number, can't be read."""

    metrics: dict[str, NDArray[Any]] = field(default_factory=dict)
    metrics_after: int = -1
    contexts: dict[str, tuple[str, dict[str, NDArray[Any]]]] = field(default_factory=dict)
    words: dict[str, Mapping[str, str | Mapping[str, str]]] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    whole: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """Bytes of the metrics."""
        return sum(array.nbytes for array in list(self.metrics.values()))


class Annotator:
    """Notes and contexts of the tapes in a store; safe to share between threads.

    What is kept has a limit in bytes, and so has what is read at once: of a tape with larger views, what is about
    the whole of it is about evenly spread ones.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._notes: Kept[Notes] = Kept(NOTES_BYTES, size_of)
        self._large = threading.Lock()
        self._runs: OrderedDict[tuple[str, float], _Derived] = OrderedDict()
        self._asked: set[tuple[str, float, str]] = set()  # views that finished tapes were asked to be filled with
        self._asking: set[tuple[str, float, str]] = set()  # … as soon as that can be written
        self._lock = threading.Lock()

    def notes(self, run: Run, piece: Piece) -> Notes:
        """Sentences and derived arrays of one view, computed once however many ask."""
        lens, part = piece.kind.removeprefix(VIEW), partial(self.store.part, piece)
        compute = partial(self._computed, run, piece.step, lens, piece.size, part)
        return self._notes.get((run.id, run.created, piece.seq), compute)

    def notes_of_look(self, run: Run, step: int, lens: str, number: int, asked: bool) -> Notes:
        """The same for the answer to a look."""

        def compute() -> Notes:
            state = self.store.look_state(number)
            if state is None:
                raise ValueError("The question was overtaken by newer ones. Ask again.")
            return self._computed(run, step, lens, state[2], partial(self.store.look_part, number), asked)

        return self._notes.get((run.id, run.created, "look", number), compute)

    def _computed(
        self, run: Run, step: int, lens: str, size: int, part: Callable[[int, int], bytes], asked: bool = False
    ) -> Notes:
        with self._large if size > LARGE_BYTES else nullcontext():
            return of_its_own(self.notes_of(run, step, lens, decode_view(lens, part(0, size)), asked))

    def notes_of(self, run: Run, step: int, lens: str, record: Any, asked: bool = False) -> Notes:
        """The same for a record that was asked for and is not on the tape.

        Args:
            asked: it is of the viewer's own input.
        """
        notes: Notes = LENSES[lens].notes(record, Moment(subject(run.config, run.meta), step, self.metrics(run), asked))
        return _with_unknown(notes, record) if asked and run.meta.get("rare") else notes

    def context(self, run: Run, lens: str) -> tuple[str, dict[str, NDArray[Any]]]:
        """Arrays over the whole tape and their version; ("", {}) for a lens without any.

        While a tape grows they are computed anew each time its views have doubled in number,
        and once more at its end.
        """
        context, history = LENSES[lens].context, LENSES[lens].history
        if context is None and history is None:
            return "", {}
        count = len(self.store.steps(run.id, VIEW + lens))
        if count == 0:
            return "", {}
        version = f"whole-{count}" if run.finished else f"{1 << (count.bit_length() - 1)}"
        derived = self._derived(run)
        with derived.whole:
            known = derived.contexts.get(lens)
            if known and known[0] == version:
                return known
            seen = [(piece.step, record) for piece in self._spread(run, lens) if (record := self._record(run, piece))]
            if not seen:
                return "", {}
            steps, records = zip(*seen, strict=True)
            previous = known[1].get("basis") if known else None
            arrays = context(records, previous) if context else {}
            if history:
                told = history(records, steps, subject(run.config, run.meta))
                derived.words[lens] = told.readings
                arrays |= told.arrays
            derived.contexts[lens] = (version, arrays)
            return derived.contexts[lens]

    def words(self, run: Run, lens: str) -> Mapping[str, str | Mapping[str, str]]:
        """Sentences over the whole tape, as of the last `context`."""
        return self._derived(run).words.get(lens, {})

    def fills(
        self, run: Run, lenses: Sequence[str], soon: Callable[[Callable[[], None]], object] = lambda write: write()
    ) -> bool:
        """Whether views of a finished run are on their way; asks, once, for a lens that has not seen all of its kept moments.

        What ships has the moments that it is to have: for it only the last one counts.

        Args:
            soon: writes to the store; default, at once.
        """
        if run.step == 0:
            return False
        for lens in lenses:
            key = (run.id, run.created, lens)
            if key not in self._asked and self._lacks(run, lens):
                self._asked.add(key)
                self._asking.add(key)
                soon(partial(self._ask_to_fill, key))
        if any((run.id, run.created, lens) in self._asking for lens in lenses):
            return True
        fills = {(command.run, command.value) for command in self.store.commands() if command.kind == "fill"}
        return any((run.id, lens) in fills for lens in lenses)

    def _lacks(self, run: Run, lens: str) -> bool:
        if max(self.store.steps(run.id, VIEW + lens), default=-1) < run.step:
            return True
        return not run.pinned and bool(lacking(self.store, run, lens))

    def _ask_to_fill(self, key: tuple[str, float, str]) -> None:
        run, _, lens = key
        try:
            ask_to_fill(self.store, run, lens)
        finally:
            self._asking.discard(key)

    def metrics(self, run: Run) -> dict[str, NDArray[Any]]:
        """All the metrics so far, by name; those that are not of every step have a `name:step` beside."""
        derived = self._derived(run)
        with derived.lock:
            self._read_metrics(run, derived)
            return dict(derived.metrics)

    def reel(self, run: Run, lenses: Sequence[str]) -> Reel:
        """The whole tape in Python, for the page without routes and for files."""
        frames = {
            lens: [
                joined(piece.step, record, self.notes(run, piece))
                for piece in self._spread(run, lens)
                if (record := self._record(run, piece))
            ]
            for lens in lenses
        }
        contexts = {lens: self.context(run, lens)[1] for lens in lenses}
        words = {lens: self.words(run, lens) for lens in lenses}
        name, rates = network(run.config), in_words(run.rates)
        return Reel(frames, self.metrics(run), contexts, words=words, name=name, status=run.status, rates=rates)

    def answer(self, run: Run, step: int, lens: str, record: Any, asked: bool = True) -> Frame:
        """A record that was asked for, as a frame.

        Args:
            asked: it is of the viewer's own input.
        """
        return joined(step, record, self.notes_of(run, step, lens, record, asked=asked))

    def readable(self, run: Run, piece: Piece, body: bytes) -> bytes | None:
        """A chunk in today's form, or None, which is noted, where it can't be read."""
        try:
            return in_form(piece.kind, body)
        except ValueError as error:
            self.note_damage(run, piece, error)
            return None

    def left_out(self, run: Run) -> str:
        """A sentence on chunks that can't be read, as far as they have been met; "" where there are none."""
        damaged = [why for _, why in sorted(self._derived(run).damaged.copy().items())]
        if not damaged:
            return ""
        if len(damaged) == 1:
            return f"One part of this tape is left out, since it can't be read: {damaged[0]}."
        return f"{len(damaged)} parts of this tape are left out, since they can't be read; the first: {damaged[0]}."

    def note_damage(self, run: Run, piece: Piece, error: ValueError) -> None:
        """Remember why a chunk can't be read."""
        self._derived(run).damaged[piece.seq] = str(error).rstrip(".")

    def _record(self, run: Run, piece: Piece) -> Any:
        """The record of a view, or None, which is noted, where it can't be read."""
        body = self.store.part(piece, 0, piece.size)
        try:
            return decode_view(piece.kind.removeprefix(VIEW), body)
        except ValueError as error:
            self.note_damage(run, piece, error)
            return None

    def _spread(self, run: Run, lens: str) -> list[Piece]:
        """The views of a lens in the order of their steps: all, or as many, evenly spread, as are read together."""
        pieces = [piece for piece in self.store.pieces(run.id, kinds=(VIEW + lens,)) if piece.size <= LARGEST_VIEW]
        pieces.sort(key=lambda piece: piece.step)
        return thinned(pieces, TOGETHER_BYTES)

    def _derived(self, run: Run) -> _Derived:
        key = (run.id, run.created)
        with self._lock:
            derived = self._runs.pop(key, None) or _Derived()
            self._runs[key] = derived
            while len(self._runs) > RUNS_KEPT or (
                len(self._runs) > 1 and sum(each.size for each in self._runs.values()) > METRICS_BYTES
            ):
                self._runs.popitem(last=False)
            return derived

    def _read_metrics(self, run: Run, derived: _Derived) -> None:
        chunks = self.store.chunks(run.id, after=derived.metrics_after, kinds=("metrics",))
        if not chunks:
            return
        derived.metrics_after = chunks[-1].seq
        bodies = [body for chunk in chunks if (body := self.readable(run, Piece(*chunk[:4], 0), chunk.body))]
        fresh = {metric_name(name): array for name, array in join_metrics(bodies).items()}
        for name, array in fresh.items():
            known = derived.metrics.get(name)
            derived.metrics[name] = array if known is None else np.concatenate([known, array])


def in_words(rates: Sequence[tuple[int, float]]) -> list[tuple[int, str]]:
    """Learning rates that were set by hand, as figures label them."""
    return [(step, f"{lr:g}") for step, lr in rates]


def thinned(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """All pieces where `most` bytes hold them, else evenly spread ones, the first and the last among them."""
    total = sum(piece.size for piece in pieces)
    if total <= most:
        return list(pieces)
    if len(pieces) <= 2:
        return [pieces[-1]]
    count = max(2, len(pieces) * most // total)
    return [pieces[round(place * (len(pieces) - 1) / (count - 1))] for place in range(count)]


def of_its_own(notes: Notes) -> Notes:
    """The notes with arrays of their own: a part of a record's array would keep the whole of it in memory."""
    arrays = {name: array if array.base is None else array.copy() for name, array in notes.arrays.items()}
    return replace(notes, arrays=arrays)


def size_of(notes: Notes) -> int:
    """Bytes of some notes, roughly."""
    words = [word for labels in notes.labels.values() for word in labels]
    for reading in notes.readings.values():
        words += [reading] if isinstance(reading, str) else list(reading.values())
    return sum(array.nbytes for array in notes.arrays.values()) + sum(len(word) + WORDS for word in words)


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
