"""What is fetched over HTTP: tapes, looks, plotly.js and the player itself. A question that can't be answered gets a sentence.

| answer | when |
|---|---|
| 404 | there is no such run, or script |
| 405, 406 | another method than GET; a browser without gzip |
| 422 | a look that can't be taken |
| 429 | too many questions wait; `Retry-After` says when to come back |
| 503 | the worker has not answered in time, or the store can't be used |
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from explainer import upgrade
from explainer.data import ASKED_CHARACTERS
from explainer.lenses import shown
from explainer.player.access import named, seen
from explainer.player.annotate import Annotator
from explainer.player.answers import PIECE_BYTES, Answer, Looked, look_answer, squeezed
from explainer.player.assets import PLAYER, PLAYER_ROUTE, PLOTLY_ROUTE, player_module, plotly_script
from explainer.player.crowd import Crowd
from explainer.player.seats import Full, Seats
from explainer.player.waiting import Waiting
from explainer.runs.memory import give_back_large
from explainer.runs.reader import Reader
from explainer.runs.rows import Piece, Run
from explainer.runs.store import Store, StoreError
from explainer.surgery import Surgery

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a look waits for its answer, the time in line counted."""

LARGEST_NUMBER = 2**53 - 1  # that a browser holds exactly
MOST_CONTEXT = 400  # characters
BYTES = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"

Endpoint = Callable[[Request], Awaitable[Response]]


class NotThere(LookupError):
    """There is no such run, or script."""


def routes(store: Store, annotator: Annotator, patience: float = PATIENCE) -> list[Route]:
    """The routes of the app, all under /api.

    Args:
        patience: seconds that a look waits for the worker.
    """
    give_back_large()
    reader, crowd, seats, waiting = Reader(store), Crowd(store, annotator), Seats(), Waiting(store)

    async def tape(request: Request) -> Response:
        run = await crowd.read(_found, reader, request)
        lenses = _lenses(request.query_params.get("lenses", ""))
        if not run.finished:
            crowd.watch(run.id, lenses)
        after = _whole(request.query_params.get("after"), -1)
        answer = await crowd.answer(run, lenses, after, request.query_params.get("context", "")[:MOST_CONTEXT])
        return _sent(crowd, request, answer)

    async def look(request: Request) -> Response:
        run = await crowd.read(_found, reader, request)
        question = _Question(request)
        try:
            async with asyncio.timeout(patience), seats.seat(_visitor(request)):
                step, found = await crowd.write(question.put, reader, run)
                if isinstance(found, int):
                    await waiting.answered(found)
        except TimeoutError:
            raise TimeoutError(
                f"No answer within {patience:.2g} seconds: the worker is busy or starting. Try again."
            ) from None
        answer = await crowd.read(question.answer, reader, annotator, run, step, found)
        return _sent(crowd, request, answer)

    async def script(request: Request) -> Response:
        if not _takes_gzip(request):
            return _sentence(406, "This file is served compressed with gzip.")
        module = request.path_params.get("name")
        if module is not None and module not in PLAYER:
            raise NotThere("There is no such script.")
        body = await crowd.read(plotly_script) if module is None else player_module(module)
        headers = {"Content-Encoding": "gzip", "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        return Response(body, media_type="text/javascript", headers=headers)

    return [
        Route("/api/tape/{run:path}", Answering(tape)),
        Route("/api/look/{run:path}", Answering(look)),
        Route(f"/{PLOTLY_ROUTE}", Answering(script)),
        Route(f"/{PLAYER_ROUTE}/{{name}}", Answering(script)),
    ]


class Answering:
    """An ASGI endpoint: what a question can cause becomes one sentence, in JSON."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._response(Request(scope, receive))
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _sentence(405, "This address is only read: ask with GET.", {"Allow": "GET, HEAD"})
        try:
            return await self.endpoint(request)
        except NotThere as error:
            return _sentence(404, str(error))
        except Full as error:
            return _sentence(429, str(error), {"Retry-After": "1"})
        except TimeoutError as error:
            return _sentence(503, str(error), {"Retry-After": "1"})
        except StoreError as error:
            log.error("%s", error)
            return _sentence(503, "The store can't be used at the moment. Try again.", {"Retry-After": "1"})
        except ValueError as error:
            return _sentence(422, str(error))


class Pieces(Response):
    """A response that is read from the store while it is sent."""

    def __init__(self, pieces: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(media_type=BYTES, headers=headers)
        del self.headers["content-length"]
        self.pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _Question:
    """What a look asks, as it stands in the address."""

    def __init__(self, request: Request) -> None:
        asked = request.query_params
        self.visitor = _visitor(request)
        self.lens, self.step = upgrade.lens_of(asked.get("lens", "")), _whole(asked.get("step"), 0)
        self.surgery, self.text = asked.get("surgery", ""), asked.get("input", "")[:ASKED_CHARACTERS]

    def put(self, reader: Reader, run: Run) -> tuple[int, Piece | int]:
        """The moment that is looked at, and where its record is on the tape or the number of the look.

        Raises:
            ValueError: it can't be asked; the sentence has the way out.
        """
        if self.lens not in shown():
            raise ValueError(f"Unknown lens {self.lens[:40]!r}. Choose one of: {', '.join(shown())}.")
        surgery = Surgery.from_text(self.surgery)
        step = reader.snapshot_before(run.id, self.step)
        return step, reader.put(run.id, step, self.lens, self.text, surgery, asker=self.visitor)

    def answer(self, reader: Reader, annotator: Annotator, run: Run, step: int, found: Piece | int) -> Answer:
        """The answer, when it is there.

        Raises:
            ValueError: there is none; the sentence says why.
            TimeoutError: not yet.
        """
        where = Looked(found, reader.answered(found)) if isinstance(found, int) else found
        return look_answer(annotator, run, step, self.lens, where, self.text, self.surgery)


def _found(reader: Reader, request: Request) -> Run:
    """The run that a request is about, if its visitor may see it.

    Raises:
        NotThere: there is none of that name, or none for them.
    """
    try:
        return seen(reader, request)
    except StoreError:
        raise
    except ValueError as error:
        raise NotThere(str(error)) from None


def _visitor(request: Request) -> str:
    """Who asks: a browser by its cookie, else the address that it asks from."""
    return named(request.cookies) or (request.client.host if request.client else "")


def _lenses(text: str) -> tuple[str, ...]:
    """The lenses of a comma-separated list, each once."""
    known = shown()
    return tuple(dict.fromkeys(lens for lens in map(upgrade.lens_of, text.split(",")) if lens in known))


def _whole(text: str | None, otherwise: int) -> int:
    """A whole number of an address; a wrong one is as good as none, one that no tape reaches is the largest."""
    digits = (text or "").removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return otherwise
    value = int(digits) if len(digits) <= 16 else LARGEST_NUMBER
    return -1 if text != digits else min(value, LARGEST_NUMBER)


def _sent(crowd: Crowd, request: Request, answer: Answer) -> Response:
    """A response with the answer: whole if it is small, else as it is read, compressed where the browser takes that."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    pieces = answer.pieces(crowd.store)
    waits = not answer.held
    if _takes_gzip(request) and (answer.squeezed or waits):
        headers["Content-Encoding"] = "gzip"
        pieces = _cut(answer.squeezed) if answer.squeezed else squeezed(pieces)
    if not waits and answer.size <= PIECE_BYTES:
        return Response(b"".join(pieces), media_type=BYTES, headers=headers)
    return Pieces(_read(crowd, pieces, waits), headers)


def _cut(body: bytes) -> Iterator[bytes]:
    return (body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES))


async def _read(crowd: Crowd, pieces: Iterator[bytes], waits: bool) -> AsyncIterator[bytes]:
    """The pieces, each made when the one before has been sent; the answer ends where its run was deleted.

    Args:
        waits: it takes a while to make one.
    """
    while True:
        try:
            piece = await crowd.read(next, pieces, b"") if waits else next(pieces, b"")
        except (KeyError, StoreError) as error:
            log.warning("an answer ends early: %s", error)
            return
        if not piece:
            return
        yield piece


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _sentence(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers={"Cache-Control": "no-store", **(headers or {})})
