"""The bounds of a store and of a host: what goes when it is full, who may wait, and how many are paused."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from explainer.config import RunConfig
from explainer.limits import Limits
from explainer.runs.client import Client
from explainer.runs.database import FILE, LOG_BYTES
from explainer.runs.room import UNUSED_SHARE
from explainer.runs.store import Draft, Listing, Store
from explainer.runs.workshop import Workshop
from explainer.sweep import Sweep

CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11)
SIZE = 60_000
HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> Client:
    return Client(store)


def aged(store: Store, table: str, key: str, name: str, seconds: float) -> None:
    """Make a row older than it is."""
    columns = {"runs": ("created", "updated")}.get(table, ("created",))
    with store.transaction() as db:
        for column in columns:
            db.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE {key} = ?", (seconds, name))


def recorded(store: Store, name: str, status: str = "done", data: str = "", size: int = SIZE) -> None:
    store.create(name, CONFIG, owner="me", status=status, data=data)
    store.append(name, [Draft("metrics", 1, os.urandom(size))], 1)


def text(store: Store, name: str, size: int = SIZE) -> None:
    store.save_text(name, os.urandom(size // 2).hex())


# -- what goes --------------------------------------------------------------------------------


def test_texts_that_nobody_reads_go_before_anybodys_run(store: Store) -> None:
    recorded(store, "theirs")
    text(store, "used")
    recorded(store, "reads", data="used")
    for number in range(9):
        text(store, f"unused-{number}")
    limit = store.size() - SIZE
    assert store.make_room(limit) == []
    kept = [number for number in range(9) if store.text(f"unused-{number}")]
    assert store.text("used") is not None
    assert len(kept) * SIZE <= limit * UNUSED_SHARE
    assert kept == list(range(9 - len(kept), 9)), "the newest, which somebody has just given"
    assert store.size() <= limit


def test_a_text_that_no_run_reads_goes_after_an_hour_though_there_is_room(store: Store) -> None:
    for name in ("old", "new", "read"):
        text(store, name)
    recorded(store, "run", data="read")
    for name in ("old", "read"):
        aged(store, "texts", "digest", name, HOUR + 1)
    store.make_room(10**9)
    assert [store.text(name) is not None for name in ("old", "new", "read")] == [False, True, True]
    store.delete("run")
    store.make_room(10**9)
    assert store.text("read") is None


def test_answers_go_before_runs_the_oldest_first_and_not_on_their_way(store: Store) -> None:
    recorded(store, "run")
    asked = [store.ask("run", step, "hidden_states", "") for step in range(50)]
    for look in asked[:-1]:
        store.answer(look.id, look.step, os.urandom(SIZE))
    store.answer(asked[-1].id, 49, os.urandom(SIZE))
    for look in asked[:-1]:
        aged(store, "looks", "id", str(look.id), HOUR)
    limit = store.size() - 10 * SIZE
    assert store.make_room(limit) == []
    left = [store.look(look.id) is not None for look in asked]
    assert left == sorted(left)
    assert 10 <= left.count(False) <= 30


def test_a_run_that_has_been_paused_for_an_hour_makes_room_after_none_that_trains(store: Store) -> None:
    for name, status in (("training", "running"), ("paused", "paused"), ("left", "paused"), ("waiting", "queued")):
        recorded(store, name, status)
    aged(store, "runs", "id", "left", HOUR + 1)
    assert store.make_room(0) == ["left"]
    assert {run.id for run in store.runs()} == {"training", "paused", "waiting"}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_goes_the_store_stays_within_its_limit_and_one_run(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    limit, largest, number = 1_500_000, 0, 0
    for _ in range(150):
        number += 1
        size = chance.choice((5_000, 60_000, 200_000))
        what = chance.random()
        if what < 0.4:
            text(store, f"text-{number}", size)
            recorded(store, f"run-{number}", data=f"text-{number}", size=size)
            largest = max(largest, 2 * size)
        elif what < 0.6:
            text(store, f"text-{number}", size)
        elif what < 0.8 and (runs := store.runs()):
            look = store.ask(chance.choice(runs).id, number, "hidden_states", "")
            store.answer(look.id, number, os.urandom(size))
            aged(store, "looks", "id", str(look.id), HOUR)
        elif runs := store.runs("done"):
            store.delete(chance.choice(runs).id)
        store.make_room(limit)
        assert store.size() <= limit + largest
        taken = sum(part.stat().st_size for part in store.folder.glob(f"{FILE}*"))
        assert taken <= limit + largest + LOG_BYTES + 500_000, "the write-ahead log is part of it"
    assert number == 150


# -- who waits --------------------------------------------------------------------------------


def test_a_host_has_so_many_waiting_whoever_they_are(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_WAITING", "5")
    runs = [client.submit(CONFIG.but(seed=seed), f"visitor {seed}") for seed in range(5)]
    with pytest.raises(ValueError, match=r"5 runs of all visitors wait .* allows 5\. Try again when"):
        client.submit(CONFIG.but(seed=5), "another visitor")
    assert client.submit(CONFIG.but(seed=4), "another visitor") == runs[4], "what is there may be joined"
    client.store.set_status(runs[0], "running")
    client.submit(CONFIG.but(seed=5), "another visitor")
    with pytest.raises(ValueError, match="all visitors"):
        client.submit_sweep(Sweep(base=CONFIG, axes=(("width", (3, 7)),)), "a third visitor")


def test_a_paused_run_keeps_its_place(client: Client) -> None:
    store = client.store
    runs = [client.submit(CONFIG.but(seed=seed), "me") for seed in range(4)]
    for run in runs:
        store.set_status(run, "running")
        store.set_status(run, "paused")
    with pytest.raises(ValueError, match="4 of your runs train, wait or are paused already"):
        client.submit(CONFIG.but(seed=4), "me")
    client.submit(CONFIG.but(seed=4), "you")
    client.stop(runs[0], "me")
    store.set_status(runs[0], "stopped")
    client.submit(CONFIG.but(seed=5), "me")
    with pytest.raises(ValueError, match="4 of your runs"):
        client.resume(runs[0], "me")
    client.resume(runs[1], "me")


def test_visitors_take_turns_in_the_worker(client: Client) -> None:
    store = client.store
    for seed in range(3):
        client.submit(CONFIG.but(seed=seed, steps=19_000), "many")
    client.submit(CONFIG.but(seed=9, steps=19_000), "one")
    workshop = Workshop(store, allowed=replace(Limits(), active=2))
    workshop.turn()
    found = [store.run(run) for run in workshop.active]
    assert sorted(run.owner for run in found if run is not None) == ["many", "one"]


# -- pages of a list --------------------------------------------------------------------------


def test_a_list_is_read_a_page_at_a_time(store: Store) -> None:
    for number in range(23):
        store.create(f"{number}", CONFIG, owner="me" if number % 2 else "you", pinned=number % 5 == 0)
    every = Listing()
    assert store.count(every) == 23
    assert [run.id for run in store.listed(every, 3, 20)] == ["2", "1", "0"]
    mine = Listing(owner="me", pinned=False)
    expected = [str(number) for number in reversed(range(23)) if number % 2 and number % 5]
    assert [run.id for run in store.listed(mine)] == expected
    assert store.count(mine) == len(expected)
    store.set_status("7", "running")
    assert [run.id for run in store.listed(Listing(statuses=("running", "paused")), 5)] == ["7"]


@pytest.mark.parametrize(
    "listing", [Listing(), Listing(statuses=("queued",)), Listing(owner="me", pinned=False)], ids=str
)
def test_a_page_of_a_list_needs_no_walk_through_all_runs(store: Store, listing: Listing) -> None:
    seen: list[str] = []
    read = store.read

    def explaining(sql: str, *values: object) -> list[tuple[object, ...]]:
        seen.extend(str(row[-1]) for row in read(f"EXPLAIN QUERY PLAN {sql}", *values))
        return read(sql, *values)

    store.read = explaining  # type: ignore[method-assign]
    store.listed(listing, 20, 0)
    assert seen
    assert all("USING INDEX" in step for step in seen if "runs" in step), seen
