"""A viewer without a browser: opens a page over its websocket and follows a run as the player does.

For this machine only, and few enough to be a class: it measures our own server and no other.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

MOST_CLIENTS = 100
#: Seconds from an answer to the next question, by the run's status; the pace of following.js.
PACE = {"queued": 0.12, "running": 0.22, "paused": 0.7}


@dataclass(frozen=True)
class Update:
    """One answer of the tape route.

    Attributes:
        at: the clock when it had arrived (time.perf_counter).
        seconds: from the question to the last byte.
        chunks: new pieces of tape in it.
        size: bytes.
    """

    at: float
    seconds: float
    chunks: int
    size: int


@dataclass
class Viewer:
    """One browser's share of the traffic.

    Attributes:
        url: of the app, on this machine.
        path: of the page.
        run: what it follows.
        lenses: whose views the page shows.
        opened: seconds that the page took: HTML, websocket, and the script's run.
        caught_up: the clock when the whole tape so far had arrived.
        updates: every answer since then.
        status: of the run.
    """

    url: str
    path: str
    run: str
    lenses: Sequence[str]
    opened: float = 0.0
    caught_up: float = 0.0
    updates: list[Update] = field(default_factory=list)
    status: str = "unknown"

    def __post_init__(self) -> None:
        if urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError(f"url = {self.url!r} is not this machine. These clients are for one's own server.")

    async def watch(self, ending: asyncio.Event) -> None:
        """Open the page and follow the run until it has ended or `ending` is set."""
        start = time.perf_counter()
        async with httpx.AsyncClient(base_url=self.url, timeout=30.0) as http:
            page = await http.get(f"/{self.path}", headers={"Accept": "text/html"})
            page.raise_for_status()
            cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
            stream = f"ws{self.url.removeprefix('http')}/_stcore/stream"
            headers = {"Cookie": cookies}
            async with connect(
                stream, subprotocols=[Subprotocol("streamlit")], additional_headers=headers, max_size=None
            ) as socket:
                await socket.send(self._rerun())
                shown = asyncio.Event()
                drained = asyncio.create_task(drain(socket, shown))
                try:
                    await asyncio.wait_for(shown.wait(), 30.0)
                    self.opened = time.perf_counter() - start
                    await self._follow(http, ending)
                finally:
                    drained.cancel()

    def _rerun(self) -> bytes:
        message = BackMsg()
        message.rerun_script.query_string = urlencode({"run": self.run})
        message.rerun_script.page_name = self.path
        return message.SerializeToString()

    async def _follow(self, http: httpx.AsyncClient, ending: asyncio.Event) -> None:
        after, context = -1, ""
        while not ending.is_set():
            start = time.perf_counter()
            query = {"lenses": ",".join(self.lenses), "after": str(after), "context": context}
            answer = await ask(http, f"/api/tape/{self.run}", query)
            now = time.perf_counter()
            header = header_of(answer.content)
            after, context = header["after"], header.get("context", context)
            self.status = header["status"]
            if self.caught_up:
                self.updates.append(Update(now, now - start, len(header["chunks"]), len(answer.content)))
            if header["more"]:
                continue
            self.caught_up = self.caught_up or now
            if self.status not in PACE:
                return
            try:
                await asyncio.wait_for(ending.wait(), PACE[self.status])
            except TimeoutError:
                continue


async def drain(socket: ClientConnection, shown: asyncio.Event) -> None:
    """Take in what the page's script sends, as long as the page is open; `shown` is set when it has run."""
    async for body in socket:
        assert isinstance(body, bytes), "Streamlit sends protocol buffers"
        message = ForwardMsg()
        message.ParseFromString(body)
        if message.WhichOneof("type") == "script_finished":
            shown.set()


async def ask(http: httpx.AsyncClient, path: str, query: Mapping[str, str]) -> httpx.Response:
    """GET; once more when the server has just closed the connection that was kept, as browsers do."""
    try:
        answer = await http.get(path, params=query)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        answer = await http.get(path, params=query)
    answer.raise_for_status()
    return answer


def header_of(content: bytes) -> dict[str, Any]:
    """The header of a tape answer: JSON in the metadata of its first safetensors file."""
    length = struct.unpack_from("<Q", content, 4)[0]
    metadata = json.loads(content[12 : 12 + length])["__metadata__"]
    header = json.loads(metadata["header"])
    assert isinstance(header, dict)
    return header


async def watch_together(viewers: Sequence[Viewer], ending: asyncio.Event, gap: float = 0.0) -> None:
    """All viewers at once, one joining every `gap` seconds.

    Raises:
        ValueError: more than a class.
    """
    if len(viewers) > MOST_CLIENTS:
        raise ValueError(f"{len(viewers)} clients are more than {MOST_CLIENTS}.")
    async with asyncio.TaskGroup() as group:
        for viewer in viewers:
            group.create_task(viewer.watch(ending))
            await asyncio.sleep(gap)
