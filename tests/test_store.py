"""The store's contract (see `explainer.runs.store`): what is kept, what changes, what is refused."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from explainer.config import RunConfig
from explainer.runs import mailbox
from explainer.runs.database import FILE
from explainer.runs.migrations import MIGRATIONS, migrate
from explainer.runs.store import Chunk, Draft, IllegalChange, Store, StoreError, default_path

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11)
TABLES = {
    "runs",
    "chunks",
    "checkpoints",
    "texts",
    "commands",
    "worker",
    "looks",
    "watching",
    "sweeps",
    "room",
    "migrations",
} | {"shares", "text_owners"}
STATUSES = ("queued", "running", "paused", "done", "stopped", "diverged", "failed")
# Written out once more, so that a slip in the code's own table shows.
LEGAL = {
    *(("queued", after) for after in ("running", "paused", "stopped", "failed")),
    *(("running", after) for after in ("queued", "paused", "done", "stopped", "diverged", "failed")),
    *(("paused", after) for after in ("queued", "running", "done", "stopped", "diverged", "failed")),
    ("stopped", "queued"),
    ("failed", "queued"),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - {"sqlite_sequence"}


def kind_bytes(store: Store, run: str) -> dict[str, int]:
    return dict(store.read("SELECT kind, SUM(LENGTH(body)) FROM chunks WHERE run = ? GROUP BY kind", run))


def file_size(store: Store) -> int:
    """Bytes of the file once everything that was committed is in it."""
    db = connect(store.path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    return store.path.stat().st_size


# -- migrations -------------------------------------------------------------------------------


def test_a_fresh_folder_gets_all_tables(store: Store) -> None:
    db = connect(store.path)
    assert tables(db) == TABLES
    assert [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY rowid")] == [n for n, _ in MIGRATIONS]
    db.close()


@pytest.mark.parametrize("count", range(1, len(MIGRATIONS)))
def test_a_previous_database_keeps_its_runs(tmp_path: Path, count: int) -> None:
    db = connect(tmp_path / FILE)
    assert migrate(db, MIGRATIONS[:count]) == [name for name, _ in MIGRATIONS[:count]]
    values = ("old", CONFIG.to_json(), "", "done", 11, 1.0, 2.0, "me", "", 0, 0, 0, "", "{}", 0, "[]")
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(runs)")][:16]  # of the first database
    db.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * 16)})", values)
    db.close()
    store = Store(tmp_path)
    run = store.run("old")
    assert run is not None
    assert (run.config, run.status, run.step, run.owner) == (CONFIG, "done", 11, "me")
    assert store.ask("old", 0, "hidden_states", "").status == "waiting"
    store.close()


def test_views_by_earlier_definitions_go_and_all_else_stays(tmp_path: Path) -> None:
    db = connect(tmp_path / FILE)
    before = next(at for at, (name, _) in enumerate(MIGRATIONS) if name == "views by other definitions")
    migrate(db, MIGRATIONS[:before])
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(runs)")][:16]
    operated = CONFIG.but(surgery="layer 1 unit 3 = 0")
    for run, config in {"old": CONFIG, "bare": CONFIG, "operated": operated}.items():
        values = (run, config.to_json(), "", "done", 11, 1.0, 2.0, "me", "", 0, 0, 0, "", "{}", 999, "[]")
        db.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * 16)})", values)
    kinds = ("metrics", "weights", "view:gates", "view:gradients", "view:fixed_points", "event")
    for seq, kind in enumerate(kinds):
        db.execute("INSERT INTO chunks VALUES ('old', ?, ?, 11, ?)", (seq, kind, b"x" * (seq + 1)))
        db.execute("INSERT INTO chunks VALUES ('operated', ?, ?, 11, ?)", (seq, kind, b"x"))
    db.execute(
        "INSERT INTO looks (run, step, lens, input, surgery, status, error, created) "
        "VALUES ('old', 11, 'gates', '', '', 'done', '', 1.0)"
    )
    db.close()
    store = Store(tmp_path)
    assert [chunk.kind for chunk in store.chunks("old")] == ["metrics", "weights", "view:gradients", "event"]
    assert kind_bytes(store, "old") == {"metrics": 1, "weights": 2, "view:gradients": 4, "event": 6}
    assert [chunk.kind for chunk in store.chunks("operated")] == ["metrics", "weights", "event"]
    assert {run.id: run.bytes for run in store.runs()} == {"old": 13, "bare": 0, "operated": 3}
    assert store.ask("old", 11, "gates", "").status == "waiting"
    store.close()


def test_a_second_opening_migrates_nothing(store: Store) -> None:
    db = connect(store.path)
    assert migrate(db) == []
    db.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    db = connect(tmp_path / FILE)
    broken = ("broken", ("CREATE TABLE half (x)", "CREATE TABLE half (x)"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, (*MIGRATIONS[:1], broken))
    assert "half" not in tables(db)
    assert [name for (name,) in db.execute("SELECT name FROM migrations")] == [MIGRATIONS[0][0]]
    db.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    db = connect(tmp_path / FILE)
    db.execute("INSERT INTO migrations VALUES ('from the future', 0)")
    with pytest.raises(StoreError, match=r"newer version.*from the future.*EXPLAINER_STORE"):
        Store(tmp_path)
    assert tables(db) == TABLES
    db.close()


def test_several_processes_may_open_a_fresh_folder_at_once(tmp_path: Path) -> None:
    code = f"from explainer.runs.store import Store; Store({str(tmp_path)!r}).close()"
    openers = [subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT) for _ in range(4)]
    assert [opener.wait(60) for opener in openers] == [0] * 4


# -- runs -------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_created(store: Store) -> None:
    store.create(
        "a",
        CONFIG,
        owner="me",
        lenses=("hidden_states", "hidden_states", "gradients"),
        data="d",
        parent="b",
        meta={"x": 1},
    )
    run = store.run("a")
    assert run is not None
    assert (run.id, run.config, run.status, run.step, run.data, run.parent) == ("a", CONFIG, "queued", 0, "d", "b")
    assert (run.owner, run.lenses, run.meta) == ("me", ("hidden_states", "gradients"), {"x": 1})
    assert (run.pinned, run.altered, run.attempts, run.bytes, run.finished) == (False, False, 0, 0, False)
    assert run.created == pytest.approx(time.time(), abs=60)
    assert store.run("b") is None


def test_an_id_is_taken_once(store: Store) -> None:
    store.create("a", CONFIG, owner="me")
    with pytest.raises(sqlite3.IntegrityError):
        store.create("a", CONFIG, owner="you")
    assert [run.owner for run in store.runs()] == ["me"]


def test_runs_come_newest_first_and_by_status(store: Store) -> None:
    for name in "abc":
        store.create(name, CONFIG, owner="me")
    store.set_status("b", "running")
    assert [run.id for run in store.runs()] == ["c", "b", "a"]
    assert [run.id for run in store.runs("queued")] == ["c", "a"]
    assert [run.id for run in store.runs("queued", "running")] == ["c", "b", "a"]


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_only_legal_changes_of_status_happen(store: Store, before: str, after: str) -> None:
    store.create("a", CONFIG, owner="me", status=before)
    if before == after or (before, after) in LEGAL:
        store.set_status("a", after, "why")
        run = store.run("a")
        assert run is not None
        assert (run.status, run.message) == (after, "why")
    else:
        with pytest.raises(IllegalChange, match=f"is {before} and can't become {after}"):
            store.set_status("a", after)
        run = store.run("a")
        assert run is not None
        assert run.status == before


def test_a_missing_run_has_no_status(store: Store) -> None:
    with pytest.raises(KeyError):
        store.set_status("a", "running")


def test_change_sets_what_is_given_and_adds_to_meta(store: Store) -> None:
    store.create("a", CONFIG, owner="me", meta={"x": 1, "y": 2})
    store.change("a", owner="you", meta={"y": 3, "z": [1]})
    store.change("a", altered=True, attempts=2, lenses=("hidden_states",), message="so")
    run = store.run("a")
    assert run is not None
    assert (run.owner, run.altered, run.attempts, run.lenses, run.message) == ("you", True, 2, ("hidden_states",), "so")
    assert run.meta == {"x": 1, "y": 3, "z": [1]}


# -- tape -------------------------------------------------------------------------------------


def test_chunks_are_numbered_without_gaps_and_read_from_any_point(store: Store) -> None:
    store.create("a", CONFIG, owner="me")
    store.create("b", CONFIG, owner="me")
    assert store.append("a", []) == -1
    assert store.append("a", [Draft("metrics", 1, b"m1"), Draft("weights", 0, b"w0")], 1) == 1
    assert store.append("b", [Draft("metrics", 5, b"other")], 5) == 0
    assert store.append("a", [Draft("metrics", 3, b"m3")], 3) == 2
    chunks = store.chunks("a")
    assert chunks == [
        Chunk("a", 0, "metrics", 1, b"m1"),
        Chunk("a", 1, "weights", 0, b"w0"),
        Chunk("a", 2, "metrics", 3, b"m3"),
    ]
    assert store.chunks("a", after=0) == chunks[1:]
    assert store.chunks("a", kinds=("metrics",)) == [chunks[0], chunks[2]]
    assert store.chunks("a", kinds=()) == []
    assert store.chunks("a", limit=1) == chunks[:1]
    assert store.chunk("a", 1) == chunks[1]
    assert store.chunk("a", 3) is None
    assert store.chunk_at("a", "metrics", 3) == chunks[2]
    assert store.chunk_at("a", "metrics", 2) is None
    assert store.steps("a", "metrics") == [1, 3]
    assert kind_bytes(store, "a") == {"metrics": 4, "weights": 2}
    run = store.run("a")
    assert run is not None
    assert (run.step, run.bytes) == (3, 6)


def test_nothing_is_appended_to_a_run_that_is_gone(store: Store) -> None:
    with pytest.raises(KeyError):
        store.append("a", [Draft("metrics", 1, b"m")], 1)
    assert store.chunks("a") == []


def test_many_threads_append_without_gaps(store: Store) -> None:
    store.create("a", CONFIG, owner="me")

    def write(step: int) -> None:
        for _ in range(23):
            store.append("a", [Draft("metrics", step, b"x")])

    threads = [threading.Thread(target=write, args=(step,)) for step in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [chunk.seq for chunk in store.chunks("a")] == list(range(5 * 23))


def test_what_was_committed_survives_kill_9(tmp_path: Path, store: Store) -> None:
    store.create("a", CONFIG, owner="me")
    code = (
        "import os, signal\nfrom explainer.runs.store import Draft, Store\n"
        f"store = Store({str(tmp_path)!r})\nstore.append('a', [Draft('metrics', 2, b'kept')], 2)\n"
        "with store.transaction() as db:\n    store.append('a', [Draft('metrics', 3, b'lost')], 3)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == -signal.SIGKILL
    assert [chunk.body for chunk in store.chunks("a")] == [b"kept"]
    store.append("a", [Draft("metrics", 3, b"next")], 3)
    assert [chunk.seq for chunk in store.chunks("a")] == [0, 1]


def test_the_latest_checkpoint_replaces_the_one_before(store: Store) -> None:
    assert store.checkpoint("a") is None
    store.save_checkpoint("a", 3, b"three")
    store.save_checkpoint("a", 5, b"five")
    assert store.checkpoint("a") == (5, b"five")


def test_texts_are_kept_under_their_hash(store: Store) -> None:
    store.save_text("d", "zażółć\nгеш")
    store.save_text("d", "zażółć\nгеш")
    assert store.text("d") == "zażółć\nгеш"
    assert store.text("e") is None


# -- transactions and changes -----------------------------------------------------------------


def test_several_calls_are_one_transaction_or_none(store: Store) -> None:
    store.create("a", CONFIG, owner="me")
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
        store.append("a", [Draft("metrics", 1, b"m")], 1)
        store.set_status("a", "running")
        assert len(store.chunks("a")) == 1, "its own changes are seen inside"
        _ = 1 / 0
    run = store.run("a")
    assert run is not None
    assert (run.status, run.step, store.chunks("a")) == ("queued", 0, [])
    with store.transaction():
        store.append("a", [Draft("metrics", 1, b"m")], 1)
        store.set_status("a", "running")
    assert [run.status for run in store.runs()] == ["running"]


def test_data_version_changes_with_every_commit_and_only_then(store: Store) -> None:
    other = Store(store.folder)
    seen = [store.data_version()]
    other.create("a", CONFIG, owner="me")
    seen.append(store.data_version())
    store.create("b", CONFIG, owner="me")
    seen.append(store.data_version())
    assert len(set(seen)) == 3
    other.runs()
    assert store.data_version() == seen[-1]
    other.close()


def test_waiting_ends_with_the_change_or_with_the_deadline(store: Store) -> None:
    store.create("a", CONFIG, owner="me")
    began = threading.Event()

    def later() -> None:
        began.wait()
        store.set_status("a", "running")

    thread = threading.Thread(target=later)
    thread.start()

    def running() -> bool:
        began.set()
        return bool(store.runs("running"))

    assert store.wait_until(running, 30)
    thread.join()
    assert not store.wait_until(lambda: bool(store.runs("done")), 0.01)


# -- deleting ---------------------------------------------------------------------------------


def full_run(store: Store, name: str, size: int = 10, **kind: object) -> None:
    store.create(name, CONFIG, owner="me", **kind)  # type: ignore[arg-type]
    store.append(name, [Draft("metrics", 1, os.urandom(size))], 1)
    store.save_checkpoint(name, 1, b"c")
    store.command(name, "stop")
    store.ask(name, 1, "hidden_states", "")
    store.watch(name, ["hidden_states"], seconds=-1)


def test_deleting_takes_all_that_hangs_on_a_run_and_nothing_else(store: Store) -> None:
    full_run(store, "a")
    full_run(store, "b")
    store.delete("a")
    db = connect(store.path)
    for table, column in [
        ("runs", "id"),
        *((t, "run") for t in ("chunks", "checkpoints", "commands", "looks", "watching")),
    ]:
        assert db.execute(f"SELECT {column} FROM {table}").fetchall() == [("b",)], table
    db.close()


def test_pinned_runs_refuse_to_go_unless_erased(store: Store) -> None:
    full_run(store, "a", pinned=True)
    with pytest.raises(IllegalChange, match="ships with the project"):
        store.delete("a")
    assert len(store.chunks("a")) == 1
    store.erase("a")
    assert store.run("a") is None


def test_the_oldest_finished_unpinned_unwatched_runs_make_room(store: Store) -> None:
    for name, status, pinned in [
        ("pinned", "done", True),
        ("oldest", "done", False),
        ("watched", "done", False),
        ("training", "running", False),
        ("older", "diverged", False),
        ("newest", "stopped", False),
    ]:
        full_run(store, name, 200_000, status=status, pinned=pinned)
    store.watch("watched", ["hidden_states"], seconds=600)
    size = store.size()
    assert 1_200_000 < size < 1_500_000
    assert store.make_room(size) == []
    assert store.make_room(size - 150_000) == ["oldest"]
    before = file_size(store)
    assert store.make_room(0) == ["older", "newest"]
    assert {run.id for run in store.runs()} == {"pinned", "watched", "training"}
    assert store.size() < 800_000
    assert file_size(store) < before - 300_000, "the disk gets its room back"


# -- commands, looks, watching, worker --------------------------------------------------------


def test_commands_wait_in_order_until_they_are_settled(store: Store) -> None:
    store.command("a", "pause")
    store.command("b", "lr", "0.5")
    first, second = store.commands()
    assert (first.run, first.kind, first.value) == ("a", "pause", "")
    assert (second.run, second.kind, second.value) == ("b", "lr", "0.5")
    store.settle(first.id)
    assert store.commands() == [second]


def test_the_same_question_is_asked_once(store: Store) -> None:
    look = store.ask("a", 3, "hidden_states", "text")
    assert store.ask("a", 3, "hidden_states", "text") == look
    others = [
        ("b", 3, "hidden_states", "text"),
        ("a", 5, "hidden_states", "text"),
        ("a", 3, "gradients", "text"),
        ("a", 3, "hidden_states", ""),
    ]
    assert len({store.ask(*inputs).id for inputs in [("a", 3, "hidden_states", "text"), *others]}) == 5, (
        "the key holds every input"
    )
    operated = store.ask("a", 3, "hidden_states", "text", "layer 1 unit 5 = 0")
    assert operated.surgery == "layer 1 unit 5 = 0"
    assert operated.id != look.id, "and the surgery"
    store.answer(look.id, 3, b"record")
    again = store.ask("a", 3, "hidden_states", "text")
    assert (again.id, again.status, again.body) == (look.id, "done", b"record")


def test_a_question_that_failed_is_asked_again(store: Store) -> None:
    look = store.ask("a", 3, "hidden_states", "text")
    store.refuse(look.id, "no")
    refused = store.look(look.id)
    assert refused is not None
    assert (refused.status, refused.error, refused.body) == ("failed", "no", None)
    assert store.waiting_looks() == []
    assert store.ask("a", 3, "hidden_states", "text").status == "waiting"
    assert [waiting.id for waiting in store.waiting_looks()] == [look.id]


def test_an_answer_says_which_moment_it_saw(store: Store) -> None:
    old = store.ask("a", 7, "hidden_states", "")
    store.answer(old.id, 7, b"old")
    newest = store.ask("a", -1, "hidden_states", "")
    store.answer(newest.id, 7, b"new")
    answered = store.look(newest.id)
    assert answered is not None
    assert (answered.step, answered.body) == (7, b"new")
    assert store.ask("a", 7, "hidden_states", "").id == newest.id
    assert store.ask("a", -1, "hidden_states", "").status == "waiting", "the newest moment is another one next time"


def test_only_the_newest_looks_of_a_run_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explainer.runs.mailbox.LOOKS_KEPT", 3)
    ids = [store.ask("a", step, "hidden_states", "").id for step in range(5)]
    assert [store.look(number) is not None for number in ids] == [False, False, True, True, True]


def test_watching_lasts_as_long_as_someone_says_so(store: Store) -> None:
    store.watch("a", ["hidden_states", "gradients"], seconds=600)
    store.watch("b", ["hidden_states"], seconds=-1)
    assert store.watched() == {"a": {"hidden_states", "gradients"}}


def test_a_crowd_of_viewers_writes_no_more_than_one(store: Store) -> None:
    store.watch("a", ["hidden_states"], seconds=600)
    version = store.data_version()
    for _ in range(10):
        store.watch("a", ["hidden_states"], seconds=600)
    assert store.data_version() == version
    store.watch("a", ["hidden_states", "gradients"], seconds=600)
    assert store.data_version() != version


def test_the_worker_has_one_row(store: Store) -> None:
    none = store.worker_state()
    assert (none.pid, none.ready) == (0, False)
    store.register_worker(17)
    assert not store.worker_state().ready, "it is not warm yet"
    store.register_worker(19, "a device", "2.x", 0.5)
    store.create("a", CONFIG, owner="me", status="running")
    store.create("b", CONFIG, owner="me")
    state = store.worker_state()
    assert (state.pid, state.device, state.version, state.running, state.queued) == (19, "a device", "2.x", ("a",), 1)
    assert state.ready
    store.register_worker(23)
    assert store.worker_state().speed == 0.5, "what was measured is not forgotten while the next one starts"
    before = store.data_version()
    store.heartbeat()
    assert store.data_version() != before
    assert store.worker_state().age < 10


# -- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no database at all" * 999, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_put_aside_and_nothing_is_deleted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    store = Store(tmp_path)
    assert "damaged" in store.notice
    (kept,) = tmp_path.glob(f"damaged-*-{FILE}")
    assert kept.read_bytes() == content
    assert kept.name in store.notice
    store.create("a", CONFIG, owner="me")
    store.close()
    again = Store(tmp_path)
    assert again.notice == ""
    assert again.run("a") is not None
    again.close()


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"can't be written.*EXPLAINER_STORE"):
        Store(tmp_path / "file" / "store")


def test_a_busy_store_gives_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explainer.runs.faults.BUSY_SECONDS", 0.01)
    store.close()
    holder = connect(store.path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="busy"):
        store.create("a", CONFIG, owner="me")
    holder.execute("ROLLBACK")
    holder.close()
    store.create("a", CONFIG, owner="me")


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_STORE", "/somewhere/else")
    assert default_path() == Path("/somewhere/else")
    monkeypatch.delenv("EXPLAINER_STORE")
    assert default_path() == PROJECT / ".store"


def test_answers_have_a_limit_each_of_a_run_and_in_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LARGEST_VIEW", 100)
    monkeypatch.setattr(mailbox, "ANSWERS_BYTES", 250)
    kept = [store.ask("one", step, "hidden_states", "") for step in range(4)]
    for look in kept:
        store.answer(look.id, look.step, bytes(100))
    assert [store.look(look.id) is not None for look in kept] == [False, False, True, True], "the oldest go first"
    large = store.ask("one", 9, "hidden_states", "")
    store.answer(large.id, 9, bytes(101))
    refused = store.look(large.id)
    assert refused is not None
    assert (refused.status, refused.body) == ("failed", None)
    assert "shorter input" in refused.error

    other = store.ask("two", 0, "hidden_states", "")
    store.answer(other.id, 0, bytes(90))
    store.drop_answers(290)
    assert store.look(kept[2].id) is not None, "they fit"
    store.drop_answers(200)
    assert [store.look(look.id) is not None for look in (kept[2], kept[3], other)] == [False, True, True]


def test_the_answer_that_was_just_given_stays_for_who_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "ANSWERS_BYTES", 10)
    first, second = (store.ask("one", step, "hidden_states", "") for step in range(2))
    store.answer(second.id, 1, bytes(10))
    store.answer(first.id, 0, bytes(10))
    assert store.look(first.id) is not None
