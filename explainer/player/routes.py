"""What the player fetches: chunks of tape as bytes, and plotly.js.

A tape answer is a row of safetensors files, each after its length (uint32, little-endian):
first a header with JSON in it, then the contexts that are new to this viewer, then the chunks as
they lie in the store, each view followed by its notes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from explainer.figures import NOTES, Notes
from explainer.player.annotate import Annotator
from explainer.player.assets import PLOTLY_ROUTE, plotly_script
from explainer.runs.reader import Reader
from explainer.runs.rows import Chunk, Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, encode, encode_view

ANSWER_CHUNKS = 64  # of one answer; the player asks for the rest at once
ASKED_CHARACTERS = 2000  # of a viewer's own input in an address
BYTES = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"


def routes(store: Store, annotator: Annotator) -> list[Route]:
    """The routes of the app, all under /api."""
    reader = Reader(store)

    def tape(request: Request) -> Response:
        run = store.run(request.path_params["run"])
        if run is None:
            return JSONResponse({"error": "There is no such run."}, 404)
        lenses = [lens for lens in request.query_params.get("lenses", "").split(",") if lens in NOTES]
        after = _whole(request.query_params.get("after"), -1)
        if not run.finished:
            store.watch(run.id, lenses)
        body = tape_answer(store, annotator, run, lenses, after, request.query_params.get("context", ""))
        return Response(body, media_type=BYTES, headers={"Cache-Control": "no-store"})

    def look(request: Request) -> Response:
        asked = request.query_params
        try:
            run = reader.found(request.path_params["run"])
            step = reader.snapshot_before(run.id, _whole(asked.get("step"), 0))
            lens = asked.get("lens", "")
            record = reader.look(run.id, step, lens, asked.get("input", "")[:ASKED_CHARACTERS])
        except (ValueError, TimeoutError) as error:
            return JSONResponse({"error": str(error)}, 422)
        body = look_answer(annotator, run, step, lens, record)
        return Response(body, media_type=BYTES, headers={"Cache-Control": "no-store"})

    def script(request: Request) -> Response:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return JSONResponse({"error": "This file is served compressed with gzip."}, 406)
        headers = {"Content-Encoding": "gzip", "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        return Response(plotly_script(), media_type="text/javascript", headers=headers)

    return [Route("/api/tape/{run}", tape), Route("/api/look/{run}", look), Route(f"/{PLOTLY_ROUTE}", script)]


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
        parts += [encode(contexts[lens][1]) for lens in header["context_lenses"]]
    for chunk in chunks:
        entry, files = _entry(annotator, run, chunk)
        header["chunks"].append(entry)
        parts += files
    return _row(header, parts)


def look_answer(annotator: Annotator, run: Run, step: int, lens: str, record: Any) -> bytes:
    """One record that was asked for, with its notes: a header with the readings, the record, the notes."""
    notes = annotator.notes_of(run, step, lens, record)
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
