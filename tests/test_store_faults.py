"""The store when the disk is full, the file is damaged or taken away, or a row can't be read: what works goes on."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from explainer.config import RunConfig
from explainer.runs import faults
from explainer.runs.claim import FILE as LOCK
from explainer.runs.claim import Claim
from explainer.runs.client import Client
from explainer.runs.database import FILE
from explainer.runs.keeper import Keeper
from explainer.runs.store import Draft, Listing, Store, StoreError
from explainer.runs.supervisor import DAMAGED, DEATHS, UNUSABLE, Supervisor
from explainer.runs.tape_file import load_shipped
from explainer.runs.viewer import Viewer
from explainer.runs.worker import main as worker_main
from explainer.runs.workshop import Workshop

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = RunConfig(task="adding", length=7, width=5, batch=3, steps=11)
PAGE = 4096


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", falls_back=True)
    yield store
    store.close()


def filled(store: Store, runs: int = 40) -> None:
    """Runs of some pages each."""
    for number in range(runs):
        store.create(f"run-{number}", CONFIG, owner="me", status="done")
        store.append(f"run-{number}", [Draft("metrics", 1, os.urandom(20_000))], 1)


def scribble(path: Path, share: float = 0.5, seed: int = 3) -> None:
    """Random bytes over a share of a file's pages, the first one left whole."""
    chosen = random.Random(seed)
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // PAGE):
            if chosen.random() < share:
                file.seek(page * PAGE)
                file.write(chosen.randbytes(PAGE))


def settled(store: Store) -> Path:
    """The file of a store that nobody has open, with everything in it."""
    store.shrink()
    store.close()
    return store.path


# -- damage -----------------------------------------------------------------------------------


def test_a_store_damaged_in_its_middle_is_put_aside_and_a_new_one_is_filled(store: Store) -> None:
    filled(store)
    scribble(settled(store))
    damaged = store.path.read_bytes()
    began: list[str] = []
    store.began = lambda: store.create("lesson", CONFIG, owner="") or began.append("filled")
    assert not store.sound()
    store.replace_damaged()
    assert began == ["filled"]
    assert [run.id for run in store.runs()] == ["lesson"]
    assert store.sound()
    (kept,) = store.folder.glob(f"damaged-*-{FILE}")
    assert kept.read_bytes() == damaged
    assert kept.name in store.notice
    assert "/" not in store.notice


def test_a_reader_who_meets_damage_gets_what_is_there_now(store: Store) -> None:
    filled(store)
    size = settled(store).stat().st_size
    store.path.write_bytes(b"x" * size)
    assert store.runs() == []
    assert "damaged" in store.notice
    store.create("a", CONFIG, owner="me")
    assert [run.id for run in store.runs()] == ["a"]


def test_a_writer_who_meets_damage_is_told_to_do_it_again(store: Store) -> None:
    filled(store)
    settled(store).write_bytes(b"x" * 9999)
    with pytest.raises(StoreError, match="Do it again"):
        store.create("a", CONFIG, owner="me")
    store.create("a", CONFIG, owner="me")


def test_a_worker_leaves_damage_to_its_parent(store: Store) -> None:
    settled(store).write_bytes(b"x" * 9999)
    assert worker_main(["--store", str(store.folder), "--parent", str(os.getpid())]) == DAMAGED
    assert list(store.folder.glob("damaged-*")) == []
    keeper = Keeper(store, lambda: None)
    keeper.supervisor._pause_after(DAMAGED)
    assert store.sound()
    assert "damaged" in store.notice


def test_what_another_process_has_replaced_is_not_put_aside_again(store: Store) -> None:
    other = Store(store.folder)
    filled(store)
    store.close()
    other.close()
    store.path.write_bytes(b"x" * 9999)
    store.replace_damaged()
    store.create("a", CONFIG, owner="me")
    other.replace_damaged()
    assert [run.id for run in other.runs()] == ["a"]
    assert len(list(store.folder.glob(f"damaged-*-{FILE}"))) == 1
    other.close()


def test_damaged_files_do_not_pile_up(store: Store) -> None:
    for _ in range(5):
        settled(store).write_bytes(b"x" * 9999)
        assert store.runs() == []
    assert len(list(store.folder.glob("damaged-*"))) == 2


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_written_over_the_file_the_interface_goes_on(store: Store, seed: int) -> None:
    filled(store, 15)
    scribble(settled(store), 0.3, seed)
    for _ in range(2):
        for run in store.runs():
            store.chunks(run.id)
        store.count(Listing(owner="me"))
    store.command("run-1", "stop")
    store.worker_state()


# -- rows -------------------------------------------------------------------------------------


BROKEN = {
    "config": ["", "[]", "{", '{"lr": 0}', '{"task": 3}', "[" * 5000, b"\xff\xfe"],
    "meta": ["[]", "3", "", '{"a": ', b"\xff"],
    "lenses": ["{}", "3", "[3]", ""],
    "status": ["magic", "", 3],
    "step": ["many", float("inf"), b"\x00"],
    "created": ["yesterday"],
}


@pytest.mark.parametrize(("column", "value"), [(name, value) for name, values in BROKEN.items() for value in values])
def test_a_row_that_cannot_be_read_harms_only_itself(store: Store, column: str, value: object) -> None:
    for name in ("good", "bad"):
        store.create(name, CONFIG, owner="me")
    with store.transaction() as db:
        db.execute(f"UPDATE runs SET {column} = ? WHERE id = 'bad'", (value,))
    runs = {run.id: run for run in store.runs()}
    assert (runs["good"].unreadable, runs["bad"].unreadable) == (False, True)
    assert (runs["bad"].owner, runs["bad"].status) == ("me", "failed")
    assert "can't be read" in runs["bad"].message
    workshop = Workshop(store)
    workshop.turn()
    assert list(workshop.active) == ["good"]
    client = Client(store)
    assert [run.id for run in client.runs(Viewer("me"))] == ["good"]
    if column != "status":
        assert store.fail_unreadable() == [], "a worker has given it up"
    client.delete("bad", "me")
    assert [run.id for run in store.runs()] == ["good"]


# -- a folder that is gone --------------------------------------------------------------------


def test_a_folder_that_is_removed_is_made_anew_and_said(store: Store) -> None:
    filled(store, 3)
    before = store.data_version()
    store.began = lambda: store.create("lesson", CONFIG, owner="")
    shutil.rmtree(store.folder)
    assert store.data_version() != before
    assert [run.id for run in store.runs()] == ["lesson"]
    assert "taken away" in store.notice
    assert "/" not in store.notice
    assert not store.in_memory


def test_a_folder_in_whose_place_is_something_else_is_waited_for_in_memory(store: Store) -> None:
    filled(store, 3)
    store.began = lambda: store.create("lesson", CONFIG, owner="")
    shutil.rmtree(store.folder)
    store.folder.write_text("in the way")
    assert [run.id for run in store.runs()] == ["lesson"]
    assert store.in_memory
    assert "recorded lessons play from memory" in store.trouble
    assert str(store.folder.parent) not in store.trouble
    assert not store.recover()
    store.folder.unlink()
    assert store.recover()
    assert (store.in_memory, store.trouble) == (False, "")
    assert [run.id for run in store.runs()] == ["lesson"]
    assert store.path.exists()


@pytest.mark.parametrize("obstacle", ["a file as the folder", "a folder as the file", "a newer version"])
def test_an_interface_starts_in_memory_where_the_folder_cannot_be_used(tmp_path: Path, obstacle: str) -> None:
    folder = tmp_path / "store"
    if obstacle == "a file as the folder":
        folder.write_text("")
    elif obstacle == "a folder as the file":
        (folder / FILE).mkdir(parents=True)
    else:
        Store(folder).close()
        db = sqlite3.connect(folder / FILE)
        db.execute("INSERT INTO migrations VALUES ('from the future', 0)")
        db.commit()
        db.close()
    with pytest.raises(StoreError) as caught:
        Store(folder)
    store = Store(folder, falls_back=True)
    assert store.in_memory
    assert store.trouble.startswith(str(caught.value))
    assert str(tmp_path) not in store.trouble
    client = Client(store)
    with pytest.raises(ValueError, match="nothing can be trained"):
        client.submit(CONFIG, "me")
    filled(store, 3)
    assert len(store.runs()) == 3
    store.watch("run-1", ["hidden_states"])
    store.close()


# -- a full disk ------------------------------------------------------------------------------


def test_a_disk_without_room_is_noticed_said_and_gone_on_from(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(store)
    run = client.submit(CONFIG, "me")
    assert store.check_room()
    monkeypatch.setattr(faults, "LEAST_FREE", 10**18)
    assert not store.check_room()
    assert store.trouble == faults.FULL
    with pytest.raises(ValueError, match="disk of this host is full"):
        client.submit(CONFIG.but(seed=1), "me")
    assert client.submit(CONFIG, "you") == run, "what is there can be looked at"
    monkeypatch.undo()
    assert store.check_room()
    assert store.trouble == ""
    client.submit(CONFIG.but(seed=1), "me")


def test_what_sqlite_says_of_a_full_disk_becomes_the_sentence(store: Store) -> None:
    filled(store, 3)
    store.close()
    with store.transaction() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
    with pytest.raises(StoreError, match="disk of this host is full") as caught:
        store.append("run-1", [Draft("metrics", 2, os.urandom(100_000))], 2)
    assert caught.value.kind == "full"
    assert store.trouble == faults.FULL
    assert len(store.runs()) == 3, "what is there can be read"
    store.close()
    assert store.check_room(), "a probe has found room"
    assert store.trouble == ""


def test_lessons_that_do_not_fit_play_from_memory() -> None:
    """In a process that may write files of a megabyte at most, as on a disk of that size."""
    code = (
        "import signal, sys, tempfile\nfrom explainer.runs.keeper import Keeper\nfrom explainer.runs.store import Store\n"
        "from explainer.runs.supervisor import Supervisor\nfrom explainer.runs.tape_file import load_shipped\n"
        "store = Store(tempfile.mkdtemp(), falls_back=True)\nassert not store.in_memory\n"
        "keeper = Keeper(store, lambda: load_shipped(store))\nkeeper.start()\nkeeper.stop()\n"
        "assert store.in_memory\nassert keeper.supervisor.pid == 0\n"
        "print(len(store.runs()), store.trouble)\n"
    )

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, preexec_fn=small_files, check=False
    )
    assert done.returncode == 0, done.stderr
    count, _, said = done.stdout.partition(" ")
    assert int(count) == len(list((PROJECT / "tapes").glob("*.tape"))) > 5
    assert "nothing can be trained" in said
    assert tempfile.gettempdir() not in said


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "tiny"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a disk of a megabyte can only be made by root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_on_a_disk_of_a_megabyte_the_interface_starts_and_moves_there_once_it_is_larger(tiny: Path) -> None:
    (tiny / "ballast").write_bytes(b"x" * 1_030_000)
    store = Store(tiny / "store", falls_back=True)
    keeper = Keeper(store, lambda: load_shipped(store) and None)
    keeper.supervisor.start = lambda: None  # type: ignore[method-assign]
    keeper.start()
    lessons = len(store.runs())
    assert lessons > 5
    assert (store.in_memory, store.trouble) == (True, faults.FULL)
    keeper.look_after()
    assert store.in_memory
    subprocess.run(["mount", "-o", "remount,size=80m", str(tiny)], check=True)
    deadline = time.monotonic() + 60
    while store.in_memory and time.monotonic() < deadline:
        time.sleep(0.1)
    keeper.stop()
    assert (store.in_memory, store.trouble) == (False, "")
    assert len(store.runs()) == lessons
    assert (tiny / "store" / FILE).exists()
    Client(store).submit(CONFIG, "me")
    store.close()


def test_a_disk_that_fills_while_the_app_runs_stops_training_and_nothing_else(tiny: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=30m", str(tiny)], check=True)
    store = Store(tiny / "store", falls_back=True)
    filled(store, 5)
    (tiny / "ballast").write_bytes(b"x" * 27_000_000)
    assert not store.check_room()
    with pytest.raises(StoreError, match="full"):
        store.append("run-1", [Draft("metrics", 2, os.urandom(8_000_000))], 2)
    assert len(store.runs()) == 5
    (tiny / "ballast").unlink()
    assert store.check_room()
    store.append("run-1", [Draft("metrics", 2, b"x")], 2)
    store.close()


# -- the worker -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"garbage", b"x" * 9999, b"SQLite format 3\0" + b"\xff" * 5000])
def test_garbage_in_the_lock_is_no_lock(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK).write_bytes(content)
    claim, other = Claim(tmp_path), Claim(tmp_path)
    assert claim.take()
    assert not other.take()
    claim.drop()
    assert other.take()
    other.drop()


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(StoreError, match="can't be written"):
        Claim(tmp_path).take()
    assert worker_main(["--store", str(tmp_path)]) == UNUSABLE


def test_a_worker_that_dies_again_and_again_is_started_later_and_later_and_the_page_says_so(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor._launched = time.monotonic()
    pauses = []
    for deaths in range(1, 30):
        pauses.append(supervisor._pause_after(UNUSABLE))
        assert bool(supervisor.trouble) == (deaths >= DEATHS)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300
    assert sum(pauses[:12]) > 600
    assert re.fullmatch(
        r"Training is not possible at the moment: .* 29 times in a row \(it can't use the store\)\. .*",
        supervisor.trouble,
    )
    supervisor._launched -= 61
    assert supervisor._pause_after(-9) == pauses[0], "it had lived for a minute"
    assert supervisor.trouble == ""


def test_a_run_is_not_given_up_for_a_full_disk(store: Store) -> None:
    store.create("a", CONFIG, owner="me", status="running")
    store.change("a", attempts=3)
    store.forgive()
    run = store.run("a")
    assert run is not None
    assert run.attempts == 0


def test_a_worker_registers_with_a_store_that_has_taken_the_place_of_its_own(store: Store) -> None:
    store.register_worker(17, "a device", "2.x")
    assert store.heartbeat()
    shutil.rmtree(store.folder)
    assert not store.heartbeat()


# -- sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [
    OSError(28, "No space left on device", "/somewhere/secret"),
    PermissionError(13, "Permission denied", "/somewhere/secret"),
    FileExistsError(17, "File exists", "/somewhere/secret"),
])  # fmt: skip
def test_no_sentence_shows_a_place_on_this_machine(error: OSError) -> None:
    found = faults.explained(error, Path("/somewhere/secret/runs.sqlite3"))
    assert found is not None
    assert "/" not in str(found)
    assert "secret" not in str(found)
    assert found.place == Path("/somewhere/secret/runs.sqlite3")


def test_a_fault_of_ours_is_no_fault_of_the_store(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError):
        store.read("SELECT nothing FROM runs")
    store.create("a", CONFIG, owner="me")
    with pytest.raises(sqlite3.IntegrityError):
        store.create("a", CONFIG, owner="me")
