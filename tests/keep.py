"""`python -m tests.keep`: today's forms as test data, in `tests/kept/VERSION`, for the versions to come.

A store with tiny runs of every family, task and lens, a tape, a sweep, addresses, and in `expected.json` what is in them.
Made without a clock, by one thread, so that the same code on the same machine writes the same bytes. What is kept for a
version is never made anew: that an old file still opens is what it is for (`tests/test_kept.py`).
"""

from __future__ import annotations

import hashlib
import json
import lzma
import math
import os
import random
import secrets
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode

import numpy as np
import torch
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.data.series import Series
from explainer.headless.tapes import canonical, in_order
from explainer.lenses import LENSES
from explainer.player import backend
from explainer.runs.active import ActiveRun, record
from explainer.runs.client import Client
from explainer.runs.looking import Looker
from explainer.runs.outcomes import Outcomes
from explainer.runs.store import Store
from explainer.runs.sweep_file import save_outcomes
from explainer.runs.tape import VIEW, decode_view, join_metrics, read_chunk
from explainer.runs.tape_file import save_tape
from explainer.runs.views import Pace
from explainer.surgery import Surgery
from explainer.sweep import Sweep
from explainer.ui.places import LESSON_PLACES, PAGES, RUNS
from tests.turns import the_run

KEPT = Path(__file__).parent / "kept"
STORE, TAPE, SWEEP = "store.sqlite3.xz", "lesson-kept.tape", "kept.sweep"
EXPECTED, ADDRESSES, CONFIGURATION = "expected.json", "addresses.json", "configuration.json"
ME, SOMEBODY = "1" * 32, "2" * 32
BEGAN = 1_700_000_000.0
PACE = Pace(
    whole=False, share=1e9, watched_share=1e9, validation_share=1e9, gap=0.0, views=4, bests=0, ratio=3.0,
    weight_steps=(0, 4, 12),
)  # fmt: skip
SMALL = RunConfig(task="adding", length=11, width=5, batch=3, steps=12, seed=3)
BLOCKS = SMALL.but(model="transformer", task="repeat", symbols=5, layers=2, width=8, heads=2, length=13)
CONFIGS: Mapping[str, RunConfig] = {
    "rnn": SMALL.but(model="rnn", init="orthogonal", optimizer="sgd", momentum=0.5),
    "rnn_relu": SMALL.but(model="rnn_relu", init="identity", task="copy", length=3, symbols=4),
    "gru": SMALL.but(model="gru", layers=2, dropout=0.1, schedule="cosine", warmup=2, min_lr=1e-4),
    "lstm": SMALL.but(model="lstm", forget_bias=1.0),
    "lstm, bias as drawn": SMALL.but(model="lstm", task="forecast"),
    "flip-flop": SMALL.but(model="rnn", task="flipflop", bits=2, length=17),
    "transformer": BLOCKS,
    "rotary": BLOCKS.but(positions="rotary", mlp=False, norm="post"),
    "no blocks": BLOCKS.but(layers=0, positions="sinusoidal"),
    "unit held": SMALL.but(model="gru", surgery="layer 1 unit 2 = 0.5"),
    "head off": BLOCKS.but(surgery="layer 1 head 2 off"),
    "diverged": SMALL.but(model="rnn_relu", init="gaussian", radius=3.0, optimizer="sgd", lr=10.0, clip=0.0),
}
TEXT = RunConfig(task="text", model="transformer", layers=1, width=8, heads=2, length=8, batch=3, steps=12, tied=True)
SERIES = SMALL.but(task="forecast", model="gru")
QUERIES = (
    {"model": "lstm", "length": "50", "steps": "600", "forget_start": "constant"},
    {"model": "transformer", "positions": "rotary", "heads": "2", "mlp": "false", "lr": "0.02", "seed": "7"},
    {"task": "flipflop", "bits": "2", "surgery": "layer 1 unit 5 = 0"},
    {"optimizer": "sgd", "momentum": "0.5", "schedule": "cosine", "warmup": "10", "min_lr": "0.0001", "step": "300"},
)


@contextmanager
def without_a_clock() -> Iterator[None]:
    """Time stands still, and keys are drawn from a seed."""
    draws = random.Random(0)
    with (
        patch.object(time, "time", lambda: BEGAN),
        patch.object(secrets, "token_hex", lambda size=16: draws.randbytes(size).hex()),
    ):
        yield


def own_text() -> str:
    """A text of 1,600 characters that is nobody's."""
    draws = random.Random(1)
    return " ".join(
        draws.choice(["red", "green", "blue", "one", "two", "three", "and", "or", "not", "so"]) for _ in range(400)
    )


def train(store: Store, run: str) -> None:
    """Train to the end, and put the tape into an order that does not depend on the time that anything took."""
    deque(record(store, run, PACE, torch.device("cpu")), maxlen=0)
    tidy(store, run)


def tidy(store: Store, run: str) -> None:
    found = the_run(store, run)
    drafts = in_order(store.chunks(run))
    with store.transaction() as db:
        db.execute("DELETE FROM chunks WHERE run = ?", (run,))
        db.execute("UPDATE runs SET bytes = 0 WHERE id = ?", (run,))
        store.append(run, drafts, found.step)
        store.change(run, meta={"seconds": 1.0, "taken": 1.0})


def fill(store: Store) -> dict[str, str]:
    """A store with what the versions to come have to read; returns the names of its runs."""
    client = Client(store)
    runs: dict[str, str] = {}
    for name, config in CONFIGS.items():
        lenses = [lens for lens in LENSES if LENSES[lens].suits(config) and lens != "attention_cell"]
        runs[name] = client.submit(config, ME, lenses)
        train(store, runs[name])
    runs["on own text"] = client.submit(TEXT, ME, ["attention", "beyond_the_length"], data=own_text(), name="words.txt")
    series = Series("waves", "cm", 1901, tuple(float(n % 12 + n / 100) for n in range(120)))
    runs["on an own series"] = client.submit(
        SERIES, SOMEBODY, ["hidden_states"], data=series.to_text(), name="waves.csv"
    )
    runs["branch"] = client.submit(CONFIGS["gru"].but(parent=f"{runs['gru']}@4", seed=4), ME, ["hidden_states"])
    runs["rates"] = client.submit(SMALL.but(seed=8), ME, ["gradients"], rates=((3, 0.001), (7, 0.02)))
    for name in ("on own text", "on an own series", "branch", "rates"):
        train(store, runs[name])
    client.share([runs["on own text"]], ME)
    sweep = Sweep(base=SMALL.but(steps=5), axes=(("length", (7, 9)), ("model", ("rnn", "gru"))))
    number = client.submit_sweep(sweep, ME, ["reach"])
    found = store.sweep(number)
    assert found is not None
    for place, run in enumerate(found.runs):
        runs[f"sweep {place}"] = run
        train(store, run)
    runs["paused"] = client.submit(SMALL.but(seed=5), ME, ["hidden_states"])
    held = ActiveRun(store, the_run(store, runs["paused"]), PACE, torch.device("cpu"))
    held.begin()
    deque((held.advance() for _ in range(6)), maxlen=0)
    held.hold()
    tidy(store, runs["paused"])
    runs["queued"] = client.submit(SMALL.but(seed=6), SOMEBODY, ["hidden_states"])
    client.put(runs["rnn"], 4, "hidden_states", "0.1 0.9* 0.3 0.5*", asker=ME)
    client.put(runs["transformer"], 12, "surgery", "", Surgery.from_text("layer 2 head 1 off"), asker=ME)
    looker = Looker(store, lambda run: None, torch.device("cpu"))
    for look in store.waiting_looks():
        looker.answer(look)
    client.fill(runs["gru"], "microscope")
    client.pause(runs["queued"], SOMEBODY)
    return runs


def told(store: Store, run: str) -> dict[str, Any]:
    """What of a run has to stay as it is."""
    found = the_run(store, run)
    views = {chunk.kind: chunk for chunk in store.chunks(run) if chunk.kind.startswith(VIEW)}  # the last of each lens
    metrics = join_metrics(chunk.body for chunk in store.chunks(run, kinds=("metrics",)))
    return {
        **{name: getattr(found, name) for name in ("status", "step", "data", "owner", "parent", "altered", "rates")},
        "depends on": found.config.relevant(),
        "final": found.meta.get("final"),
        "loss": [float(loss) for loss in metrics.get("loss", ())],
        "views": {kind: summed(decode_view(kind.removeprefix(VIEW), chunk.body)) for kind, chunk in views.items()},
        "weights": {
            chunk.step: math.fsum(
                abs(number) for array in read_chunk("weights", chunk.body)[0].values() for number in array.flat
            )
            for chunk in store.chunks(run, kinds=("weights",))
        },
    }


def summed(record: Any) -> dict[str, str]:
    """A hash of each field of a record."""
    return {each.name: hashlib.sha256(_bytes(getattr(record, each.name))).hexdigest()[:8] for each in fields(record)}


def _bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}".encode() + value.tobytes()
    return repr(value).encode()


def addresses(runs: Mapping[str, str]) -> list[str]:
    """Addresses as the app writes them: every page, settings, runs, moments."""
    asked = [*QUERIES, {"run": runs["gru"], "step": "4"}, {"run": f"{runs['rnn']},{runs['lstm']}"}]
    return [*(place.path for place in (*LESSON_PLACES, RUNS)), *(f"gradients?{urlencode(query)}" for query in asked)]


def meant(path: str, query: Mapping[str, str]) -> str:
    """What the controls of a lesson's page, whose key is its path, ask for at an address: the id of that run.

    The runs that it names are those of the interface's store.
    """
    place = next(each for each in (*LESSON_PLACES, RUNS) if each.path == path)
    app = AppTest.from_file(str(PAGES / place.file), default_timeout=60)
    app.session_state["owner"] = ME
    for name, text in query.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception, (path, query, app.exception)
    return str(app.session_state[f"{path}:config"].run_id())


def parted(address: str) -> tuple[str, dict[str, str]]:
    """A page's path, and what its address holds."""
    path, _, query = address.partition("?")
    return path, dict(parse_qsl(query))


def write(store: Store, runs: Mapping[str, str], folder: Path) -> None:
    """All files but that of the addresses."""
    (sweep,) = [found for (number,) in store.read("SELECT id FROM sweeps") if (found := store.sweep(number))]
    save_tape(store, runs["flip-flop"], folder / TAPE, "lesson-kept")
    save_outcomes(folder / SWEEP, sweep.sweep, Outcomes(store).of(sweep.sweep, sweep.runs, ["reach"]))
    expected = {run: {"name": name, **told(store, run)} for name, run in runs.items()}
    (folder / EXPECTED).write_text(json.dumps(expected, indent=0) + "\n")
    (folder / CONFIGURATION).write_text(CONFIGS["lstm"].to_json() + "\n")
    with store.transaction() as db:
        for table in ("looks", "checkpoints"):  # the order of names in their headers is left to chance
            for row, body in db.execute(f"SELECT rowid, body FROM {table}").fetchall():
                db.execute(f"UPDATE {table} SET body = ? WHERE rowid = ?", (canonical(body), row))
    with closing(sqlite3.connect(store.path)) as db, tempfile.TemporaryDirectory() as scratch:
        db.execute("VACUUM INTO ?", (f"{scratch}/one",))
        packed = lzma.compress(Path(scratch, "one").read_bytes(), preset=9 | lzma.PRESET_EXTREME)
    (folder / STORE).write_bytes(packed)


def main(version: str) -> int:
    """Write the folder of a version; the exit status."""
    folder = KEPT / version
    if folder.exists():
        print(f"{folder} is there, and what is kept is not made anew.", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["EXPLAINER_STORE"] = scratch
        with without_a_clock(), closing(Store(scratch)) as store:
            runs = fill(store)
            folder.mkdir(parents=True)
            write(store, runs, folder)
        read = {address: meant(*parted(address)) if "?" in address else "" for address in addresses(runs)}
        (folder / ADDRESSES).write_text(json.dumps(read, indent=1) + "\n")
        backend.store().close()
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    print(json.dumps({"bytes": sum(sizes.values()), **sizes}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
