"""What the player fetches: chunks of tape as bytes, and plotly.js.

A tape answer is a row of safetensors files, each after its length (uint32, little-endian):
first a header with JSON in it, then the contexts that are new to this viewer, then the chunks as
they lie in the store, each view followed by its notes.
"""

from __future__ import annotations

import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from explainer.config import ASKED_CHARACTERS
from explainer.figures import NOTES, Notes
from explainer.player.annotate import Annotator
from explainer.player.assets import PLOTLY_ROUTE, plotly_script
from explainer.runs.reader import Reader
from explainer.runs.rows import Chunk, Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, encode, encode_view
from explainer.surgery import Surgery
from explainer.ui.access import seen

ANSWER_CHUNKS = 64  # of one answer; the player asks for the rest at once
ANSWERS_KEPT = 32
WATCH_SECONDS = 1.0  # between two words to the worker that a run is watched; it remembers for three
BYTES = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"


def routes(store: Store, annotator: Annotator) -> list[Route]:
    """The routes of the app, all under /api."""
    reader, crowd = Reader(store), Crowd(store)

    def tape(request: Request) -> Response:
        try:
            run = seen(reader, request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 404)
        lenses = [lens for lens in request.query_params.get("lenses", "").split(",") if lens in NOTES]
        after = _whole(request.query_params.get("after"), -1)
        if not run.finished:
            crowd.watch(run.id, lenses)
        body = crowd.answer(annotator, run, lenses, after, request.query_params.get("context", "")[:400])
        return Response(body, media_type=BYTES, headers={"Cache-Control": "no-store"})

    def look(request: Request) -> Response:
        asked = request.query_params
        try:
            run = seen(reader, request)
            step = reader.snapshot_before(run.id, _whole(asked.get("step"), 0))
            lens = asked.get("lens", "")
            surgery = Surgery.from_text(asked.get("surgery", ""))
            text = asked.get("input", "")[:ASKED_CHARACTERS]
            record = reader.look(run.id, step, lens, text, surgery=surgery)
        except (ValueError, TimeoutError) as error:
            return JSONResponse({"error": str(error)}, 422)
        body = look_answer(annotator, run, step, lens, record, asked=bool(text))
        return Response(body, media_type=BYTES, headers={"Cache-Control": "no-store"})

    def script(request: Request) -> Response:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return JSONResponse({"error": "This file is served compressed with gzip."}, 406)
        headers = {"Content-Encoding": "gzip", "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        return Response(plotly_script(), media_type="text/javascript", headers=headers)

    return [Route("/api/tape/{run}", tape), Route("/api/look/{run}", look), Route(f"/{PLOTLY_ROUTE}", script)]


class Crowd:
    """What many viewers of one run share: the word that somebody watches, and answers until the next commit."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._told: dict[tuple[str, str], float] = {}
        self._answers: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._version = -1
        self._lock = threading.Lock()

    def watch(self, run: str, lenses: list[str]) -> None:
        """Pass on that the run is watched, once a second: each time is a write, which the worker has to wait for."""
        now = time.monotonic()
        with self._lock:
            due = [lens for lens in lenses if now - self._told.get((run, lens), -WATCH_SECONDS) >= WATCH_SECONDS]
            self._told.update({(run, lens): now for lens in due})
            if len(self._told) > 1000:
                self._told.clear()
        if due:
            self.store.watch(run, due)

    def answer(self, annotator: Annotator, run: Run, lenses: list[str], after: int, context: str) -> bytes:
        """`tape_answer`, computed once for all who ask the same before anything has changed in the store."""
        version = self.store.data_version()
        key = (run.id, run.created, run.status, tuple(lenses), after, context)
        with self._lock:
            if version != self._version:
                self._answers.clear()
                self._version = version
            known = self._answers.get(key)
        if known is not None:
            return known
        body = tape_answer(self.store, annotator, run, lenses, after, context)
        with self._lock:
            if version == self._version:
                self._answers[key] = body
                while len(self._answers) > ANSWERS_KEPT:
                    self._answers.popitem(last=False)
        return body


def tape_answer(store: Store, annotator: Annotator, run: Run, lenses: list[str], after: int, context: str) -> bytes:
    """What is new of a run since chunk number `after`, for a viewer who has the contexts of version `context`."""
    kinds = ("metrics", *(VIEW + lens for lens in lenses))
    chunks = store.chunks(run.id, after, kinds, ANSWER_CHUNKS)
    more = len(chunks) == ANSWER_CHUNKS
    contexts = {lens: annotator.context(run, lens) for lens in lenses}
    version = ",".join(f"{lens}={known[0]}" for lens, known in contexts.items() if known[0])
    header: dict[str, Any] = {
        "status": "filling" if run.finished and annotator.fills(run, lenses) else run.status,
        "step": run.step,
        "steps": run.config.steps,
        "message": run.message or _waiting(store, run),
        "after": chunks[-1].seq if chunks else after,
        "more": more,
        "snapshots": store.steps(run.id, "weights"),
        "chunks": [],
    }
    parts: list[bytes] = []
    if version != context:
        header["context"] = version
        header["context_lenses"] = [lens for lens, known in contexts.items() if known[0]]
        for lens in header["context_lenses"]:
            words = orjson.dumps(_plain(annotator.words(run, lens))).decode()
            parts.append(encode(contexts[lens][1], {"words": words}))
    for chunk in chunks:
        entry, files = _entry(annotator, run, chunk)
        header["chunks"].append(entry)
        parts += files
    return _row(header, parts)


def look_answer(annotator: Annotator, run: Run, step: int, lens: str, record: Any, asked: bool = False) -> bytes:
    """One record that was asked for, with its notes: a header with the readings, the record, the notes.

    Args:
        asked: it is of the viewer's own input.
    """
    notes = annotator.notes_of(run, step, lens, record, asked)
    return _row({"readings": _plain(notes.readings)}, [encode_view(lens, record), _notes(notes)])


def _row(header: dict[str, Any], parts: list[bytes]) -> bytes:
    """Safetensors files behind each other, each after its length; the header is the first."""
    first = encode({}, {"header": orjson.dumps(header).decode()})
    return b"".join(struct.pack("<I", len(part)) + part for part in (first, *parts))


def _notes(notes: Notes) -> bytes:
    return encode(notes.arrays, {name: orjson.dumps(list(labels)).decode() for name, labels in notes.labels.items()})


def _waiting(store: Store, run: Run) -> str:
    """Why a run that was asked for does not move yet, if there is a reason beyond its turn."""
    if run.status != "queued" or store.worker_state().ready:
        return ""
    return "The process that trains is starting; this run begins as soon as it is ready."


def _entry(annotator: Annotator, run: Run, chunk: Chunk) -> tuple[dict[str, Any], list[bytes]]:
    entry: dict[str, Any] = {"kind": chunk.kind, "step": chunk.step}
    if not chunk.kind.startswith(VIEW):
        return entry, [chunk.body]
    notes = annotator.notes(run, chunk)
    entry |= {"lens": chunk.kind.removeprefix(VIEW), "notes": True, "readings": _plain(notes.readings)}
    return entry, [chunk.body, _notes(notes)]


def _plain(readings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: reading if isinstance(reading, str) else dict(reading) for name, reading in readings.items()}


def _whole(text: str | None, otherwise: int) -> int:
    try:
        return int(text or otherwise)
    except ValueError:
        return otherwise
