"""What the player gets, in pieces: never more of an answer is held than one of them and what belongs to it.

An answer is a row of safetensors files, each after its length (uint32, little-endian):
first a header with JSON in it, then the contexts that are new to this viewer, then the chunks as
they lie in the store, each view followed by its notes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from explainer import upgrade
from explainer.charts.panel import Notes
from explainer.charts.subject import network
from explainer.player.annotate import Annotator, in_words
from explainer.runs.kinds import said_of
from explainer.runs.rows import Piece, Run
from explainer.runs.store import Store, StoreError
from explainer.runs.tape import LARGEST_VIEW, VIEW, encode, in_form
from explainer.surgery import Surgery

ANSWER_CHUNKS = 64  # of one answer, at most; the player asks for the rest at once
ANSWER_BYTES = 4_000_000  # of an answer's chunks: all recorded lessons fit, and larger tapes come in several
SMALL_BYTES = 65_536  # chunks up to here are read with the answer and shared; a larger one when it is sent
PIECE_BYTES = 262_144
LEAST_SQUEEZED = 500  # bytes; below, gzip makes nothing smaller
LEVEL = 4  # of zlib: maps come out within a sixth of what level 9 makes of them, in a tenth of its time
STARTING = "The process that trains is starting; this run begins as soon as it is ready."


@dataclass(frozen=True)
class Answer:
    """Files behind each other, as they are or as they lie in the store.

    Attributes:
        files: bytes, or the piece of a tape or a look's answer to be read when it is its turn.
        squeezed: all of it as gzip, where it was made once for all who ask.
    """

    files: tuple[File, ...]
    squeezed: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that are held, not counting what lies in the store."""
        return sum(len(file) for file in self.files if isinstance(file, bytes)) + len(self.squeezed)

    @property
    def held(self) -> bool:
        """Whether all of it is in memory."""
        return all(isinstance(file, bytes) for file in self.files)

    def pieces(self, store: Store) -> Iterator[bytes]:
        """The answer's bytes, at most `PIECE_BYTES` at a time.

        Raises:
            KeyError: a part has been deleted meanwhile.
        """
        piece = bytearray()
        for file in self.files:
            for part in _parts(store, file):
                if len(piece) + len(part) > PIECE_BYTES:
                    yield bytes(piece)
                    piece.clear()
                piece += part
        if piece:
            yield bytes(piece)


def shared(answer: Answer, store: Store) -> Answer:
    """The answer as it is kept for many: compressed, if it is in memory."""
    if not answer.held or answer.size < LEAST_SQUEEZED:
        return answer
    return replace(answer, squeezed=b"".join(squeezed(answer.pieces(store))))


def squeezed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces as one gzip file, as they come."""
    press = zlib.compressobj(LEVEL, wbits=31)
    for piece in pieces:
        if part := press.compress(piece):
            yield part
    yield press.flush()


@dataclass(frozen=True)
class Looked:
    """The answer to a look in the store: its number there, and its bytes."""

    number: int
    size: int


File = bytes | Piece | Looked


def tape_answer(
    store: Store,
    annotator: Annotator,
    run: Run,
    lenses: Sequence[str],
    after: int,
    context: str,
    soon: Callable[[Callable[[], None]], object],
) -> Answer:
    """What is new of a run since chunk number `after`, for a viewer who has the contexts of version `context`.

    Args:
        soon: does what has to be written to the store, which may have to wait.
    """
    kinds = ("metrics", *(VIEW + lens for lens in lenses))
    pieces, more = _new(store, run, kinds, after)
    contexts = {lens: annotator.context(run, lens) for lens in lenses}
    version = ",".join(f"{lens}={known[0]}" for lens, known in contexts.items() if known[0])
    waits = run.status == "queued" and not store.worker_state().ready  # not for its turn alone
    said = run.message or (STARTING if waits else "")
    header: dict[str, Any] = {
        "status": "filling" if run.finished and annotator.fills(run, lenses, soon) else run.status,
        "name": network(run.config),
        "step": run.step,
        "steps": run.config.steps,
        "after": pieces[-1].seq if pieces else after,
        "more": more,
        "snapshots": store.steps(run.id, "weights"),
        "rates": in_words(run.rates),
        "chunks": [],
    }
    files: list[File] = []
    if version != context:
        header["context"] = version
        header["context_lenses"] = [lens for lens, known in contexts.items() if known[0]]
        for lens in header["context_lenses"]:
            words = orjson.dumps(plain(annotator.words(run, lens))).decode()
            files.append(encode(contexts[lens][1], {"words": words}))
    for piece in pieces:
        if piece.size <= LARGEST_VIEW:
            try:
                entry, parts = _entry(store, annotator, run, piece)
            except StoreError:
                raise
            except ValueError as error:
                annotator.note_damage(run, piece, error)
                continue
            header["chunks"].append(entry)
            files += parts
    header["message"] = " ".join(filter(None, (said, _left_out(store, run, kinds), annotator.left_out(run))))
    return _row(header, files)


def look_answer(
    annotator: Annotator, run: Run, step: int, lens: str, found: Piece | Looked, asked: str = "", surgery: str = ""
) -> Answer:
    """One record that was asked for, with its notes: a header with the readings, the record, the notes.

    Args:
        found: where the record is.
        asked: the viewer's own input, of which the header says beside in what it differs from those of training.
        surgery: what is done to the model; likewise of the input whose memory is swapped in.
    """
    if isinstance(found, Piece):
        notes = annotator.notes(run, found)
    else:
        notes = annotator.notes_of_look(run, step, lens, found.number, bool(asked))
    said = said_of(annotator.store, run, lens, asked, Surgery.from_text(surgery))
    body = _body(annotator.store, VIEW + lens, found)
    return _row({"readings": plain(notes.readings), "said": said}, [body, _notes(notes)])


def _new(store: Store, run: Run, kinds: Sequence[str], after: int) -> tuple[list[Piece], bool]:
    """As many new chunks as fit into one answer, at least one; and whether there are more."""
    pieces = store.pieces(run.id, after, kinds, ANSWER_CHUNKS)
    held = 0
    for number, piece in enumerate(pieces):
        held += piece.size if piece.size <= LARGEST_VIEW else 0
        if number and held > ANSWER_BYTES:
            return pieces[:number], True
    return pieces, len(pieces) == ANSWER_CHUNKS


def _left_out(store: Store, run: Run, kinds: Sequence[str]) -> str:
    """A sentence on what is too large to be sent."""
    if run.bytes <= LARGEST_VIEW:
        return ""
    count = store.count_larger(run.id, kinds, LARGEST_VIEW)
    if not count:
        return ""
    moments = "One recorded moment is" if count == 1 else f"{count} recorded moments are"
    return f"{moments} left out: more than {LARGEST_VIEW / 1e6:.0f} MB is not sent. Train a smaller network, or a shorter sequence."


def _body(store: Store, kind: str, found: Piece | Looked) -> File:
    """What is sent of a chunk or an answer: what is small, or of an older format, is read now, else when it is its turn.

    Raises:
        ValueError: it can't be read.
    """
    if found.size > SMALL_BYTES and kind not in upgrade.CHUNKS:
        return found
    body = b"".join(_parts(store, found))
    fresh = in_form(kind, body)
    return found if fresh is body and found.size > SMALL_BYTES else fresh


def _entry(store: Store, annotator: Annotator, run: Run, piece: Piece) -> tuple[dict[str, Any], list[File]]:
    entry: dict[str, Any] = {"kind": piece.kind, "step": piece.step}
    body = _body(store, piece.kind, piece)
    if not piece.kind.startswith(VIEW):
        return entry, [body]
    notes = annotator.notes(run, piece)
    entry |= {"lens": piece.kind.removeprefix(VIEW), "notes": True, "readings": plain(notes.readings)}
    return entry, [body, _notes(notes)]


def _row(header: dict[str, Any], files: Sequence[File]) -> Answer:
    """The header as the first file, each file after its length."""
    first = encode({}, {"header": orjson.dumps(header).decode()})
    row: list[File] = []
    for file in (first, *files):
        row += [struct.pack("<I", len(file) if isinstance(file, bytes) else file.size), file]
    return Answer(tuple(row))


def _parts(store: Store, file: File) -> Iterator[bytes]:
    """A file in parts of at most `PIECE_BYTES`."""
    size = len(file) if isinstance(file, bytes) else file.size
    for start in range(0, size, PIECE_BYTES):
        length = min(PIECE_BYTES, size - start)
        if isinstance(file, bytes):
            yield file[start : start + length]
        elif isinstance(file, Piece):
            yield store.part(file, start, length)
        else:
            yield store.look_part(file.number, start, length)


def _notes(notes: Notes) -> bytes:
    return encode(notes.arrays, {name: orjson.dumps(list(labels)).decode() for name, labels in notes.labels.items()})


def plain(readings: Mapping[str, Any]) -> dict[str, Any]:
    """Readings as JSON has them: mappings of choices as dicts."""
    return {name: reading if isinstance(reading, str) else dict(reading) for name, reading in readings.items()}
