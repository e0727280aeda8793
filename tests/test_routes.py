"""The routes under any question, many at once, and with tapes that are too large: what comes, and what it holds."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lenses.attention.record import AttentionRecord
from explainer.player import annotate
from explainer.player.annotate import Annotator, of_its_own, thinned
from explainer.player.answers import ANSWER_BYTES, PIECE_BYTES, Answer
from explainer.player.crowd import READERS, WRITERS
from explainer.player.kept import Kept
from explainer.player.routes import routes
from explainer.player.seats import Full, Seats
from explainer.player.waiting import Waiting
from explainer.runs import mailbox
from explainer.runs.client import Client
from explainer.runs.looking import Looker
from explainer.runs.rows import Look, Piece
from explainer.runs.shares import LookShare
from explainer.runs.store import Draft, Store, StoreError
from explainer.runs.tape import LARGEST_VIEW, encode, encode_view
from explainer.runs.views import room_for
from explainer.training import Trainer
from tests.fuzz_routes import fuzz
from tests.loops import on_a_loop

RUN = "lesson-hidden"
QUICK_LENSES = ("hidden_states", "attention", "gradients", "positions", "microscope")


def browser(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")


def app_over(store: Store, patience: float = 60.0) -> Starlette:
    return Starlette(routes=routes(store, Annotator(store), patience))


def get(app: Starlette, address: str, **params: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with browser(app) as client:
            return await client.get(address, params=params)

    with ThreadPoolExecutor(1) as thread:  # a browser test in the same process may hold this thread's event loop
        return thread.submit(asyncio.run, ask()).result()


def files_of(body: bytes) -> list[bytes]:
    files, at = [], 0
    while at < len(body):
        (length,) = struct.unpack_from("<I", body, at)
        files.append(body[at + 4 : at + 4 + length])
        at += 4 + length
    return files


def header_of(body: bytes) -> dict[str, Any]:
    first = files_of(body)[0]
    (length,) = struct.unpack_from("<Q", first)
    header = json.loads(json.loads(first[8 : 8 + length])["__metadata__"]["header"])
    assert isinstance(header, dict)
    return header


def attention_view(size: int, seed: int = 0) -> bytes:
    """A view with about so many bytes of maps."""
    T = 128
    H = -(-size // (T * T))
    weights = np.random.default_rng(seed).random((1, H, T, T), np.float32)
    scores = np.zeros((1, H), np.float32)
    record = AttentionRecord(
        weights, ("a",) * T, scores, scores, scores, np.zeros((3, 1, H), np.float32), entropy=scores
    )
    return encode_view("attention", record)


def add_run(store: Store, bodies: list[bytes], name: str = "large") -> list[bytes]:
    """A finished run with these attention views after 1, 2, … updates."""
    config = RunConfig(
        task="repeat", length=128, symbols=4, model="transformer", layers=1, width=64, heads=4, steps=len(bodies)
    )
    store.create(name, config, owner="me", lenses=("attention",), status="running")
    for step, body in enumerate(bodies, 1):
        store.append(name, [Draft("view:attention", step, body), Draft("weights", step, encode({}))], step)
    store.set_status(name, "done")
    return bodies


# -- any question -----------------------------------------------------------------------------


def test_two_thousand_random_questions_get_no_500_and_a_sentence_each_that_is_refused(lessons: Store) -> None:
    result = fuzz(lessons, 2000, seed=1, patience=0.03, lenses=QUICK_LENSES)
    assert result.faults == []
    assert result.statuses.total() == 2000
    assert set(result.statuses) >= {200, 404, 405, 406, 422, 503}


def test_a_fault_would_be_found(lessons: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise OverflowError("Python int too large to convert to SQLite INTEGER")

    monkeypatch.setattr(Store, "pieces", broken)
    assert any("OverflowError" in fault for fault in fuzz(lessons, 60, seed=1, patience=0.03, lenses=()).faults)


@pytest.mark.parametrize("after", ["9223372036854775807", "9223372036854775808", "9" * 400, "9007199254740993"])
def test_after_the_end_of_any_tape_there_is_nothing_new(lessons: Store, after: str) -> None:
    answer = get(app_over(lessons), f"/api/tape/{RUN}", lenses="hidden_states", after=after)
    assert answer.status_code == 200
    header = header_of(answer.content)
    assert (header["chunks"], header["more"], header["after"]) == ([], False, 2**53 - 1)


@pytest.mark.parametrize("after", ["-1", "-5", "", "abc", "1e3", "+1", "1_0", "١٢", " 7"])
def test_what_is_no_whole_number_asks_for_the_whole_tape(lessons: Store, after: str) -> None:
    app = app_over(lessons)
    whole = header_of(get(app, f"/api/tape/{RUN}", lenses="hidden_states").content)
    assert (
        header_of(get(app, f"/api/tape/{RUN}", lenses="hidden_states", after=after).content)["after"] == whole["after"]
    )


def test_a_lens_that_is_named_a_thousand_times_comes_once(lessons: Store) -> None:
    app = app_over(lessons)
    once, often = (get(app, f"/api/tape/{RUN}", lenses=",".join(["hidden_states"] * count)) for count in (1, 4000))
    assert often.status_code == 200
    assert header_of(often.content) == header_of(once.content)
    assert len(often.content) == len(once.content)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_another_method_is_refused_with_a_sentence(lessons: Store, method: str) -> None:
    async def ask() -> httpx.Response:
        async with browser(app_over(lessons)) as client:
            return await client.request(method, f"/api/tape/{RUN}")

    answer = on_a_loop(ask())
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["error"].endswith("GET.")


def test_a_store_that_cannot_be_used_is_a_503_without_its_path(lessons: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Store, run: str) -> None:
        raise StoreError(f"The store {self.path} was busy for 10 seconds. Try again.")

    monkeypatch.setattr(Store, "run", busy)
    answer = get(app_over(lessons), f"/api/tape/{RUN}")
    assert answer.status_code == 503
    assert answer.json() == {"error": "The store can't be used at the moment. Try again."}


def test_a_tape_that_is_to_be_filled_says_so_at_once_and_until_that_could_be_written(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(own_store, [attention_view(1000)] * 2)
    own_store.append("large", [Draft("weights", 3, encode({}))], 3)
    app, entered, go = app_over(own_store), threading.Event(), threading.Event()
    command, watched = own_store.command, threading.Event()
    monkeypatch.setattr(own_store, "watch", lambda run, lenses: watched.set())

    def late(*given: str) -> None:
        entered.set()
        go.wait(10)
        command(*given)

    own_store.command = late  # type: ignore[method-assign]
    try:
        for _ in range(2):
            assert header_of(get(app, "/api/tape/large", lenses="attention").content)["status"] == "filling"
        assert entered.wait(10)
    finally:
        go.set()
    while not own_store.commands():
        pass
    assert header_of(get(app, "/api/tape/large", lenses="attention").content)["status"] == "filling"
    assert watched.wait(10), "the worker fills it before those for which nobody waits"
    own_store.settle(own_store.commands()[0].id)
    assert header_of(get(app, "/api/tape/large", lenses="attention").content)["status"] == "done"
    assert own_store.commands() == [], "it is asked once"


# -- looks that wait --------------------------------------------------------------------------


def test_sixty_waiting_questions_hold_no_thread_and_a_tape_is_served_beside_them(lessons: Store) -> None:
    app = app_over(lessons)

    async def ask(client: httpx.AsyncClient, number: int) -> httpx.Response:
        query = {"lens": "hidden_states", "step": "0", "input": f"0.{number:02} 0.5* 0.3*"}
        cookie = {"Cookie": f"unrolled_owner={number:032}"}
        return await client.get(f"/api/look/{RUN}", params=query, headers=cookie)

    async def all_of_them() -> None:
        async with browser(app) as client:
            before = threading.active_count()
            waiting = [asyncio.create_task(ask(client, number)) for number in range(60)]
            while len(lessons.waiting_looks()) < 60:
                await asyncio.sleep(0.01)
            tape = await client.get(f"/api/tape/{RUN}", params={"lenses": "hidden_states"})
            assert tape.status_code == 200
            assert not any(task.done() for task in waiting)
            assert threading.active_count() - before <= READERS + WRITERS + 1
            looker = Looker(lessons, lambda run: None)
            looker.looks = lessons.waiting_looks()
            await asyncio.to_thread(lambda: [looker.turn(busy=False) for _ in range(60)])
            answers = await asyncio.gather(*waiting)
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 60

    on_a_loop(all_of_them())


def test_a_visitor_who_asks_too_much_is_told_to_come_back_and_another_is_not(lessons: Store) -> None:
    app = app_over(lessons)

    async def ask(client: httpx.AsyncClient, visitor: str, number: int) -> httpx.Response:
        query = {"lens": "hidden_states", "step": "0", "input": f"0.{number:02} 0.5* 0.3*"}
        return await client.get(f"/api/look/{RUN}", params=query, headers={"Cookie": f"unrolled_owner={visitor}"})

    async def all_of_them() -> list[httpx.Response]:
        async with browser(app) as client:
            greedy = [asyncio.create_task(ask(client, "a" * 32, number)) for number in range(20)]
            other = asyncio.create_task(ask(client, "b" * 32, 99))
            while len(lessons.waiting_looks()) < 5 or sum(task.done() for task in greedy) < 4:
                await asyncio.sleep(0.01)
            assert [look.asker[0] for look in lessons.waiting_looks()] == ["a", "b", "a", "a", "a"], (
                "the rest is in line"
            )
            looker = Looker(lessons, lambda run: None)
            while not all(task.done() for task in (*greedy, other)):
                looker.looks = lessons.waiting_looks()
                await asyncio.to_thread(looker.turn, False)
            return await asyncio.gather(*greedy, other)

    *greedy, other = on_a_loop(all_of_them())
    assert sorted(answer.status_code for answer in greedy) == [200] * 16 + [429] * 4
    refused = next(answer for answer in greedy if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert "16 questions of yours" in refused.json()["error"]
    assert other.status_code == 200


def test_who_gets_no_answer_in_time_gets_a_sentence(lessons: Store) -> None:
    answer = get(
        app_over(lessons, patience=0.05), f"/api/look/{RUN}", lens="hidden_states", step=0, input="0.1 0.5* 0.3*"
    )
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("No answer within 0.05 seconds")
    assert answer.headers["retry-after"] == "1"


def test_who_leaves_a_seat_calls_the_first_in_line_who_may_have_it() -> None:
    async def play() -> list[str]:
        seats, said = Seats(each=2, all=3, line_each=2, line_all=3), list[str]()

        async def sit(name: str, up: asyncio.Event) -> None:
            async with seats.seat(name[0]):
                said.append(name)
                await up.wait()

        ups = {name: asyncio.Event() for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1")}
        tasks = {}
        for name, up in ups.items():
            tasks[name] = asyncio.create_task(sit(name, up))
            await asyncio.sleep(0)
        assert said == ["a1", "a2", "b1"], "of each visitor two, of all three"
        with pytest.raises(Full, match="of yours"):
            async with seats.seat("a"):
                pass
        with pytest.raises(Full, match="Too many"):
            await tasks["c1"]
        ups["b1"].set()
        await tasks["b1"]
        await asyncio.sleep(0.01)
        assert said[3:] == ["b2"], "a3 and a4 stood before, but a has two seats"
        tasks["a3"].cancel()
        ups["a1"].set()
        await asyncio.gather(tasks["a1"], tasks["a3"], return_exceptions=True)
        await asyncio.sleep(0.01)
        ups["a2"].set()
        ups["b2"].set()
        ups["a4"].set()
        await asyncio.gather(*(tasks[name] for name in ("a2", "b2", "a4")))
        assert not seats._taken
        assert not seats._line
        return said

    assert on_a_loop(play()) == ["a1", "a2", "b1", "b2", "a4"]


def test_who_gives_up_when_just_called_hands_the_seat_on() -> None:
    async def play() -> str:
        seats, got = Seats(each=1, all=1), list[str]()

        async def sit(name: str) -> None:
            async with seats.seat(name):
                got.append(name)

        async with seats.seat("a"):
            second, third = asyncio.create_task(sit("b")), asyncio.create_task(sit("c"))
            await asyncio.sleep(0)
        second.cancel()  # called, and gone before it could sit down
        await asyncio.gather(second, third, return_exceptions=True)
        return "".join(got)

    assert on_a_loop(play()) == "c"


@pytest.mark.parametrize("end", ["answered", "refused", "gone", "store"])
def test_who_waits_is_woken_however_it_ends(own_store: Store, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = own_store.ask("run", 0, "hidden_states", "")
    waiting = Waiting(own_store)

    async def wait() -> None:
        task = asyncio.create_task(waiting.answered(look.id))
        await asyncio.sleep(0.03)
        assert not task.done()
        if end == "answered":
            own_store.answer(look.id, 0, b"record")
        elif end == "refused":
            own_store.refuse(look.id, "No.")
        elif end == "gone":
            own_store.erase("run")
        else:
            monkeypatch.setattr(own_store, "data_version", lambda: (_ for _ in ()).throw(StoreError("It is gone.")))
        await asyncio.wait_for(task, 10)

    if end == "store":
        with pytest.raises(StoreError):
            on_a_loop(wait())
    else:
        on_a_loop(wait())


def test_an_answer_that_was_there_before_is_noticed(own_store: Store) -> None:
    look = own_store.ask("run", 0, "hidden_states", "")
    own_store.answer(look.id, 0, b"record")
    on_a_loop(asyncio.wait_for(Waiting(own_store).answered(look.id), 10))


# -- shares -----------------------------------------------------------------------------------


def test_looks_take_their_share_of_the_time_and_no_more() -> None:
    share = LookShare(0.25)
    clock = looked = 0.0
    while clock < 1000:
        if share.due(clock):
            clock, looked = clock + 0.7, looked + 0.7
            share.took(0.7, clock)
        clock += 0.01
    assert looked / clock == pytest.approx(0.25, abs=0.01)


def test_visitors_take_turns_whoever_came_first(own_store: Store) -> None:
    for number, asker in enumerate("aaaabbc"):
        own_store.ask("run", number, "hidden_states", "", asker=asker)
    share, order = LookShare(), ""
    while looks := own_store.waiting_looks(limit=3):
        look = share.pick(looks)
        own_store.answer(look.id, look.step, b"record")
        order += f"{look.asker}{look.step} "
    assert order == "a0 b4 c6 a1 b5 a2 a3 "


def test_a_look_waits_while_those_that_give_way_to_it_leave_no_room(
    lessons: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker, run = Looker(lessons, lambda run: None), lessons.run(RUN)
    assert run is not None
    answered = list[int]()
    monkeypatch.setattr(looker, "answer", lambda look: answered.append(look.id))
    looker.looks = [Look(number, RUN, 0, "hidden_states", "", "", "waiting", None, "") for number in range(3)]
    trainer = Trainer(run.config)
    with room_for(trainer, "hidden_states"):
        assert looker.look_next(busy=False)
        monkeypatch.setattr("explainer.runs.views.TOGETHER_MB", 0.1)
        assert not looker.look_next(busy=False)
        assert [look.id for look in looker.looks] == [1, 2]
    assert looker.look_next(busy=False), "alone it always has room"
    assert answered == [0, 1]


def test_while_runs_train_a_look_leaves_them_as_long_as_it_took(
    lessons: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0
    monkeypatch.setattr("explainer.runs.looking.time.monotonic", lambda: clock)
    looker = Looker(lessons, lambda run: None)

    def answer(look: Look) -> None:
        nonlocal clock
        clock += 3.0

    monkeypatch.setattr(looker, "answer", answer)
    looks = [Look(number, RUN, 0, "hidden_states", "", "", "waiting", None, "") for number in range(3)]
    looker.looks = list(looks)
    assert looker.turn(busy=True)
    assert not looker.turn(busy=True)
    clock += 2.99
    assert not looker.turn(busy=True)
    clock += 0.02
    assert looker.turn(busy=True)
    assert looker.turn(busy=False), "nobody trains"
    assert looker.looks == []


# -- large tapes ------------------------------------------------------------------------------


def test_a_large_tape_comes_in_several_answers_and_whole(own_store: Store) -> None:
    bodies = add_run(own_store, [attention_view(1_500_000, seed) for seed in range(5)])
    app, after, got, sizes = app_over(own_store), -1, [], []
    while True:
        answer = get(app, "/api/tape/large", lenses="attention", after=after)
        header = header_of(answer.content)
        files = files_of(answer.content)[1:]
        got += [file for file, _ in zip(files[::2], header["chunks"], strict=True)]
        sizes.append(sum(map(len, files[::2])))
        after = header["after"]
        if not header["more"]:
            break
    assert got == bodies
    assert max(sizes) <= ANSWER_BYTES
    assert len(sizes) == 3


def test_an_answer_is_sent_in_pieces_and_never_held_whole(own_store: Store) -> None:
    (body,) = add_run(own_store, [attention_view(6_000_000)])
    (piece,) = own_store.pieces("large", kinds=("view:attention",))
    answer = Answer((b"head", piece, b"notes" * 200_000))
    tracemalloc.start()
    sizes = [len(part) for part in answer.pieces(own_store)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) == 4 + len(body) + 1_000_000
    assert max(sizes) <= PIECE_BYTES
    assert peak < 6 * PIECE_BYTES, peak
    assert b"".join(answer.pieces(own_store)) == b"head" + body + b"notes" * 200_000


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_compressed_or_not_it_is_the_same_answer(own_store: Store, size: int) -> None:
    add_run(own_store, [attention_view(size)])
    app = app_over(own_store)

    async def ask(encoding: str) -> tuple[str, bytes]:
        async with (
            browser(app) as client,
            client.stream(
                "GET", "/api/tape/large", params={"lenses": "attention"}, headers={"Accept-Encoding": encoding}
            ) as answer,
        ):
            body = b"".join([part async for part in answer.aiter_raw()])
            return answer.headers.get("content-encoding", ""), body

    plain, squeezed = (on_a_loop(ask(encoding)) for encoding in ("identity", "gzip"))
    assert (plain[0], squeezed[0]) == ("", "gzip")
    assert gzip.decompress(squeezed[1]) == plain[1]


def test_a_view_too_large_to_send_is_left_out_with_a_sentence(own_store: Store) -> None:
    bodies = [attention_view(100_000), encode({"maps": np.zeros(LARGEST_VIEW, np.uint8)}), attention_view(100_000, 3)]
    add_run(own_store, bodies)
    app = app_over(own_store)
    answer = get(app, "/api/tape/large", lenses="attention")
    header = header_of(answer.content)
    assert [chunk["step"] for chunk in header["chunks"]] == [1, 3]
    assert "One recorded moment is left out: more than 12 MB is not sent." in header["message"]
    looked = get(app, "/api/look/large", lens="attention", step=2)
    assert looked.status_code == 422
    assert "up to 12 MB can be shown" in looked.json()["error"]
    reel = Annotator(own_store).reel(own_store.runs()[0], ["attention"])
    assert [frame.step for frame in reel.frames["attention"]] == [1, 3]
    with pytest.raises(ValueError, match="up to 12 MB"):
        Client(own_store).look("large", 2, "attention")


def test_an_answer_from_a_time_without_limits_is_refused_with_a_sentence(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "LARGEST_VIEW", 2 * LARGEST_VIEW)
    add_run(own_store, [attention_view(10_000)])
    look = own_store.ask("large", 1, "attention", "1 2 3")
    own_store.answer(look.id, 1, bytes(LARGEST_VIEW + 1))
    answer = get(app_over(own_store), "/api/look/large", lens="attention", step=1, input="1 2 3")
    assert answer.status_code == 422
    assert "up to 12 MB can be shown" in answer.json()["error"]


def test_an_answer_ends_where_its_run_was_deleted(own_store: Store) -> None:
    add_run(own_store, [attention_view(2_000_000)])
    (piece,) = own_store.pieces("large", kinds=("view:attention",))
    pieces = Answer((b"head", piece)).pieces(own_store)
    first = next(pieces)
    own_store.delete("large")
    with pytest.raises(KeyError):
        list(pieces)
    assert first.startswith(b"head")


def test_a_run_that_takes_the_place_of_a_deleted_one_is_not_sent_for_it(own_store: Store) -> None:
    add_run(own_store, [attention_view(200_000)])
    (piece,) = own_store.pieces("large", kinds=("view:attention",))
    own_store.delete("large")
    add_run(own_store, [attention_view(300_000)])
    with pytest.raises(KeyError):
        own_store.part(piece, 0, 10)


def test_twelve_who_ask_at_once_have_each_view_annotated_once(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(own_store, [attention_view(600_000, seed) for seed in range(3)])
    app, asked = app_over(own_store), []
    real = LENSES["attention"].notes

    def counted(record: Any, moment: Any) -> Any:
        asked.append(moment.step)
        return real(record, moment)

    monkeypatch.setattr("explainer.lenses.attention.notes.notes", counted)

    async def all_of_them() -> list[bytes]:
        async with browser(app) as client:
            addresses = [f"/api/tape/large?lenses=attention&context={number % 4}" for number in range(12)]
            return [answer.content for answer in await asyncio.gather(*map(client.get, addresses))]

    answers = on_a_loop(all_of_them())
    assert [[chunk["step"] for chunk in header_of(body)["chunks"]] for body in answers] == [[1, 2, 3]] * 12
    assert sorted(asked) == [1, 2, 3]


# -- what is kept -----------------------------------------------------------------------------


def test_what_is_kept_stays_within_its_bytes_and_the_latest_stay() -> None:
    kept: Kept[bytes] = Kept(100, len)
    for number in range(20):
        assert kept.get(number, lambda number=number: bytes([number]) * 30) == bytes([number]) * 30
        assert kept.bytes <= 100
    assert kept.get(19, lambda: b"anew") == bytes([19]) * 30
    assert kept.get(3, lambda: b"anew") == b"anew"
    assert kept.get("large", lambda: b"x" * 101) == b"x" * 101
    assert kept.get("large", lambda: b"anew") == b"anew", "what is larger than all is not kept"
    kept.clear()
    assert kept.bytes == 0


def test_those_who_ask_at_once_share_one_computation_and_its_error() -> None:
    kept: Kept[str] = Kept(100, len)
    begun, go, computed = threading.Event(), threading.Event(), list[int]()

    def compute() -> str:
        computed.append(1)
        begun.set()
        go.wait(10)
        raise ValueError("It can't be.")

    def ask() -> str:
        try:
            return kept.get("key", compute)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(ask)
        begun.wait(10)
        others = [threads.submit(kept.get, "key", compute) for _ in range(7)]
        while sum(future.running() for future in others) < 7:
            pass
        go.set()
        assert first.result() == "It can't be."
        said = {str(future.exception()) for future in others}
    assert said == {"It can't be."}
    assert len(computed) < 8
    assert kept.get("key", lambda: "fine") == "fine", "an error is not kept"


@pytest.mark.parametrize(
    ("count", "most", "left"), [(0, 100, 0), (10, 100, 10), (10, 50, 5), (7, 30, 3), (2, 1, 1), (9, 1, 2)]
)
def test_a_tape_is_thinned_evenly_with_its_first_and_last_view(count: int, most: int, left: int) -> None:
    pieces = [Piece("run", number, "view:hidden_states", number, 10) for number in range(count)]
    found = [piece.step for piece in thinned(pieces, most)]
    assert len(found) == left
    if left > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        assert max(np.diff(found)) - min(np.diff(found)) <= 1


def test_kept_notes_do_not_hold_the_record_that_they_are_of(lessons: Store) -> None:
    run = lessons.run(RUN)
    assert run is not None
    for piece in lessons.pieces(RUN, kinds=("view:hidden_states",), limit=3):
        notes = Annotator(lessons).notes(run, piece)
        assert all(array.base is None for array in notes.arrays.values())
    base = np.arange(6.0)
    notes = of_its_own(annotate.Notes(readings={}, arrays={"part": base[:2]}, labels={}))
    assert notes.arrays["part"].base is None
    np.testing.assert_array_equal(notes.arrays["part"], [0, 1])


@pytest.fixture(autouse=True)
def no_lens_left_over() -> Iterator[None]:
    """Each test leaves no thread that waits for looks."""
    yield
    assert not any(thread.name == "waiting" and thread.is_alive() for thread in _after_a_moment())


def _after_a_moment() -> list[threading.Thread]:
    for thread in threading.enumerate():
        if thread.name == "waiting":
            thread.join(2)
    return threading.enumerate()
