"""`python -m tests.fuzz_routes --count 100000`: random questions to the routes, of which none may end in a 500.

Questions are drawn from a grammar: what the player asks, with runs, lenses, steps, inputs and surgeries that exist, and
each part of it replaced now and then by something that does not belong there. Half of the questions meet a worker
that answers, half one that is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import re
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.types import Message

from explainer.lenses import LENSES
from explainer.player.annotate import Annotator
from explainer.player.assets import PLOTLY_ROUTE
from explainer.player.routes import routes
from explainer.runs.looking import Looker
from explainer.runs.store import Store
from explainer.runs.tape_file import load_shipped
from tests.families import ATTENDING
from tests.loops import on_a_loop

FINE = {200, 307, 404, 405, 406, 422, 429, 503}
TOGETHER = 24
PATIENCE = 0.05
WILD = (
    "", " ", "0", "-1", "-0", "1e3", "0x10", "nan", "inf", "+5", "1_000", "١٢", "９", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "9" * 400, "9" * 5000, "\x00", "a\x00b", "\x1b[31m", "\ud800", "\udfff", "😀", "null", "None",
    "true", "[]", "{}", "../../etc/passwd", "..%2f..%2fetc", "/", "//", "\\", "'", '"', "' OR 1=1 --", "%", "%%", "%zz",
    "<script>alert(1)</script>", "${7*7}", "{{7*7}}", "__class__", "hidden\nhidden", "a" * 3000, "é" * 500, ",", ",,,,", ";", "=", "&",
    "?", "#", "lesson-hidden\x00", "LESSON-HIDDEN", "view:hidden_states", "weights", "metrics",
)  # fmt: skip
INPUTS = (
    "", "0.1 0.5* 0.3 0.9*", "0.1", "1*", "* *", "1 2 3 4 5 6 7 8", "1 2 3 1 2", "31 31 31", "A B C", "the king", "To be, or not",
    "a", "+ - + 0 0 -", "1e400*", "nan 1", "-1", "0.5* " * 300, "x" * 2500, "1 " * 900, "unit 3 > 0.5", "{}", "\u2028", "e" * 96,
)  # fmt: skip
SURGERIES = (
    "", "layer 1 unit 0 = 0", "layer 1 unit 5 = 1e6", "layer 1 unit 5 = 1e7", "layer 1 unit 999999999 = 0", "layer 1 gate forget = 1",
    "layer 1 gate reset = 0.5", "layer 1 head 1 off", "layer 2 head 4 off", "layer 0 head 1 off", "positions shuffled seed 3",
    "positions shuffled seed 999999999", "swap state at 3", "swap state at 99999", "swap state at 3 with 1 2 3", "swap state at 3 with",
    "layer 1 unit 0 = 0; layer 1 unit 0 = 1", "layer 1 unit 0 = 0;" * 20, "layer 1 unit 0 = 0; swap state at 1", "layer ١ unit ٢ = ٣",
    "layer 1 unit 0 = nan", "layer 1 unit 0 = -0.0", ";;;", "swap", "layer 1 unit 0 = 0" + " " * 2100,
)  # fmt: skip
METHODS = ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "get")
HEADERS = (
    (b"range", b"bytes=0-10"), (b"range", b"bytes=-99999999999999999999"), (b"accept-encoding", b"gzip"), (b"accept-encoding", b""),
    (b"cookie", b"unrolled_owner=" + b"a" * 32), (b"cookie", b"unrolled_owner=" + b"b" * 32), (b"cookie", b"a/b=1, c=2; =; ;;"),
    (b"cookie", b"\xff\xfe=\x80"), (b"cookie", b"unrolled_owner=\xc3\xa9" * 9), (b"if-none-match", b"*"), (b"content-length", b"-1"),
    (b"host", b"x" * 300), (b"x-forwarded-for", b"1.2.3.4, " * 50), (b"accept", b"text/html"), (b"connection", b"upgrade"),
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One request: method, path and query as a server hands them on, and headers."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass
class Result:
    """What came back: how often each status, and sentences on what should not have."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Grammar:
    """Draws questions about the runs of a store."""

    def __init__(self, store: Store, seed: int) -> None:
        self.random = random.Random(seed)
        self.steps = {run.id: store.steps(run.id, "weights") for run in store.runs()}
        self.runs = list(self.steps)

    def question(self) -> Question:
        """One that the player could ask, more or less."""
        kind = self.random.choices(("tape", "look", "script", "elsewhere"), (10, 10, 1, 1))[0]
        run = self._or_wild(self.random.choice(self.runs), 0.08)
        if kind == "tape":
            path, fields = f"/api/tape/{run}", self._tape()
        elif kind == "look":
            path, fields = f"/api/look/{run}", self._look(run)
        elif kind == "script":
            path, fields = f"/{PLOTLY_ROUTE}", []
        else:
            path, fields = self.random.choice(["/api/", "/api/tape/", "/api/look", "//api/tape/x"]) + self._wild(), []
        method = "GET" if self.random.random() < 0.93 else self.random.choice(METHODS)
        headers = tuple(self.random.choices(HEADERS, k=self.random.choice((0, 0, 1, 3))))
        return Question(method, path, self._query(fields), headers)

    def _tape(self) -> list[tuple[str, str]]:
        count = self.random.choice((1, 1, 2, 5, 400))
        lenses = ",".join(self._or_wild(self.random.choice(list(LENSES)), 0.1) for _ in range(count))
        after = self._or_wild(str(self.random.choice((-1, 0, 3, 40, 10**6))), 0.2)
        return [("lenses", lenses), ("after", after), ("context", self._or_wild("hidden=whole-9", 0.5))]

    def _look(self, run: str) -> list[tuple[str, str]]:
        step = self._or_wild(str(self.random.choice(self.steps.get(run) or [0])), 0.1)
        lens = self._or_wild(self.random.choice(list(LENSES)), 0.05)
        asked = [("lens", lens), ("step", step)]
        if self.random.random() < 0.5:
            asked.append(("input", self._or_wild(self.random.choice(INPUTS), 0.2)))
        if self.random.random() < 0.4:
            asked.append(("surgery", self._or_wild(self.random.choice(SURGERIES), 0.2)))
        return asked

    def _query(self, fields: list[tuple[str, str]]) -> bytes:
        """The fields as a query: some left out, twice, unknown, in another order, or not encoded at all."""
        fields = [each for each in fields if self.random.random() > 0.03]
        if fields and self.random.random() < 0.1:
            fields.append(self.random.choice(fields))
        if self.random.random() < 0.1:
            fields += [(self._wild(), self._wild()) for _ in range(self.random.choice((1, 3, 200)))]
        if self.random.random() < 0.1:
            self.random.shuffle(fields)
        encode = quote if self.random.random() < 0.95 else str
        text = "&".join(f"{encode(_known(name))}={encode(_known(value))}" for name, value in fields)
        raw = text.encode("utf-8", "surrogatepass")
        if self.random.random() < 0.03:
            raw += b"&input=%ff%fe%ed%a0%80&after=%00"
        return b"".join(
            bytes([byte]) if 32 < byte < 127 else b"%%%02x" % byte for byte in raw
        )  # a server takes no others

    def _wild(self) -> str:
        if self.random.random() < 0.3:
            return "".join(
                chr(self.random.choice((10, 32, 47, 128, 255, 0x2028, 0xD800, 0x1F600, 97))) for _ in range(6)
            )
        return self.random.choice(WILD)

    def _or_wild(self, usual: str, share: float) -> str:
        return self._wild() if self.random.random() < share else usual


def _known(text: str) -> str:
    """A text that can be written as UTF-8: a browser can't send anything else in a query, percent-encoded bytes can."""
    return text.encode("utf-8", "replace").decode()


async def answer(app: Starlette, question: Question) -> tuple[int, bytes]:
    """Status and body of the app's answer, by ASGI and nothing between."""
    raw = question.path.encode("utf-8", "surrogatepass")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": question.method,
        "scheme": "http",
        "path": raw.decode(errors="replace"),  # as uvicorn does
        "raw_path": raw,
        "root_path": "",
        "query_string": question.query,
        "headers": list(question.headers),
        "client": ("127.0.0.1", 4321),
        "server": ("127.0.0.1", 80),
    }
    status, body = 0, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(body)


def fault(question: Question, status: int, body: bytes, folder: str) -> str:
    """What is wrong with an answer; "" for nothing."""
    if status not in FINE:
        return f"status {status}"
    ours = question.path.startswith(("/api/tape/", "/api/look/", f"/{PLOTLY_ROUTE}")) and "\n" not in question.path
    if status == 307:  # "/api/look" to "/api/look/"
        return "a redirect" if ours else ""
    if status != 200:
        text = body.decode(errors="replace")
        if folder in text or "Traceback" in text or re.search(r"/(tmp|work|home|usr|root)/", text):
            return f"a path of the machine: {text[:300]}"
        if status == 404 and text == "Not Found":
            return ""  # no address of ours
        said = json.loads(text)
        if list(said) != ["error"] or not re.fullmatch(r".{10,2000}[.!?]", said["error"], re.DOTALL):
            return f"no sentence: {text[:300]}"
        return ""
    if not ours:
        return "200 for an address that is not ours"
    return "" if question.path == f"/{PLOTLY_ROUTE}" else _whole(body)


def _whole(body: bytes) -> str:
    """Whether an answer's files fill it, and the first is a header."""
    body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    at, number = 0, 0
    while at < len(body):
        (length,) = struct.unpack_from("<I", body, at)
        if number == 0:
            (size,) = struct.unpack_from("<Q", body, at + 4)
            json.loads(json.loads(body[at + 12 : at + 12 + size])["__metadata__"]["header"])
        at, number = at + 4 + length, number + 1
    return "" if at == len(body) and number else f"{len(body)} bytes, but files up to {at}"


@contextmanager
def answering(store: Store, lenses: Collection[str]) -> Iterator[threading.Event]:
    """A worker in a thread, which answers looks through some lenses while the event is set, and refuses others."""
    present, over = threading.Event(), threading.Event()

    def work() -> None:
        own = Store(store.folder)
        looker = Looker(own, lambda run: None)
        while not over.wait(0.002):
            if present.is_set():
                waiting = own.waiting_looks()
                looker.looks = [look for look in waiting if look.lens in lenses]
                for look in waiting:
                    if look.lens not in lenses:
                        own.refuse(look.id, "This lens is not asked here.")
                while looker.looks and present.is_set():
                    looker.turn(busy=False)
        own.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield present
    finally:
        over.set()
        thread.join()


async def ask_all(
    app: Starlette, questions: Sequence[Question], folder: str, result: Result, together: int = TOGETHER
) -> None:
    """Put all questions, several at once, and look at each answer."""
    coming = iter(questions)

    async def one_after_the_other() -> None:
        for question in coming:
            try:
                status, body = await answer(app, question)
                wrong = fault(question, status, body, folder)
            except Exception as error:
                status, wrong = 500, f"{type(error).__name__}: {error}"
            result.statuses[status] += 1
            if wrong:
                result.faults.append(
                    f"{wrong[:300]}\n    {question.method} {question.path[:120]!r} {question.query[:300]!r}"
                )

    await asyncio.gather(*(one_after_the_other() for _ in range(together)))


def fuzz(
    store: Store, count: int, seed: int, patience: float = PATIENCE, lenses: Collection[str] = tuple(LENSES)
) -> Result:
    """Put `count` random questions to the routes over a store; half of them while nobody answers looks.

    Args:
        lenses: those through which the worker looks; it refuses the others.
    """
    app = Starlette(routes=routes(store, Annotator(store), patience))
    grammar, result = Grammar(store, seed), Result()
    with answering(store, lenses) as present:
        for part in range(0, count, 1000):
            (present.clear if part // 1000 % 2 else present.set)()
            questions = [grammar.question() for _ in range(min(1000, count - part))]
            on_a_loop(ask_all(app, questions, str(store.folder), result))
    return result


def every_look(store: Store, patience: float = 60.0) -> Result:
    """Every lens for every run of a store: as it is, on an own input, operated on, and both."""
    app, result = Starlette(routes=routes(store, Annotator(store), patience)), Result()
    own = {"adding": "0.1 0.5* 0.3 0.9*", "repeat": "1 2 3 1 2", "flipflop": "+ - + 0 0 -"}
    questions = []
    for run in store.runs():
        step = store.steps(run.id, "weights")[-1]
        cut = "layer 1 head 1 off" if run.config.model in ATTENDING else "layer 1 unit 0 = 0"
        for lens in LENSES:
            for text in ("", own.get(run.config.task, "the king and")):
                for surgery in ("", cut):
                    query = f"lens={lens}&step={step}&input={quote(text)}&surgery={quote(surgery)}"
                    questions.append(Question("GET", f"/api/look/{run.id}", query.encode(), ()))
    with answering(store, tuple(LENSES)) as present:
        present.set()
        on_a_loop(ask_all(app, questions, str(store.folder), result, together=2))
    return result


def main() -> int:
    """Ask, and print what came back. Returns the exit status: 1 when something should not have."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_routes", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", action="store_true", help="first every lens for every recorded run")
    options = parser.parse_args()
    start, result = time.monotonic(), Result()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder))
        load_shipped(store)
        if options.every:
            result = every_look(store)
            print(f"every lens for every run: {dict(result.statuses)}", file=sys.stderr)
        for part in range(0, options.count, 4000):
            each = fuzz(store, min(4000, options.count - part), options.seed * 1_000_003 + part)
            result.statuses += each.statuses
            result.faults += each.faults
            print(
                f"{sum(result.statuses.values()):,} {dict(result.statuses)} {len(result.faults)} faults",
                file=sys.stderr,
            )
        store.close()
    print("\n".join(list(dict.fromkeys(result.faults))[:40]))
    print(
        f"{sum(result.statuses.values()):,} questions in {time.monotonic() - start:.0f} s: ",
        dict(sorted(result.statuses.items())),
    )
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
