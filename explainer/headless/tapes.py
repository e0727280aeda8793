"""`python -m explainer tapes`: train the lessons and write the tapes that ship with the project.

A tape of a lesson is made without a clock: every view, validation and detail is taken at its step,
whatever that costs, by one thread of the CPU, and what only says how the bytes came to be (how
long it took, in which pieces metrics were committed, the order of names in a header) is left out
or put in order. So the same code on the same machine writes the same bytes again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import torch

from explainer.config import RunConfig
from explainer.headless.progress import Progress
from explainer.lessons import LESSONS, SWEEPS, Lesson, SweepLesson
from explainer.runs.active import record
from explainer.runs.inputs import prepare
from explainer.runs.looking import Looker
from explainer.runs.outcomes import Outcomes
from explainer.runs.store import Chunk, Draft, Store
from explainer.runs.sweep_file import SUFFIX, save_outcomes
from explainer.runs.tape import encode, join_metrics
from explainer.runs.tape_file import SHIPPED, save_tape
from explainer.runs.views import SWEEP_PACE, Pace

MOST_BYTES = 8_000_000
"""Of all shipped tapes together."""

BEGUN_VIEWS = 6
"""Of a lens whose other views the worker adds."""

PACE = Pace(whole=False, share=1e9, watched_share=1e9, validation_share=1e9, gap=0.0, views=110, bests=0)
"""No share of the time limits what is recorded; weights are kept as far as they are small, first and last always,
and none beside for the lowest validation loss: all tapes share 8 MB."""


def make_tapes(names: Sequence[str] = (), folder: Path | None = None) -> int:
    """Train lessons and write their tapes, all or none; the last line of the output is JSON with their sizes.

    Args:
        names: of lessons; default, all. Then tapes that are no lesson's any more go.
        folder: default, `tapes/` of the project.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: an unknown lesson, a run that failed, or more than 8 MB in all.
    """
    for name in names:
        if name not in {**LESSONS, **SWEEPS}:
            raise ValueError(f"{name[:60]!r} is no lesson. The lessons are: {', '.join([*LESSONS, *SWEEPS])}.")
    folder = folder or SHIPPED
    chosen = list(dict.fromkeys(names)) or [*LESSONS, *SWEEPS]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch) / "store")
        fresh = {
            name: make_tape(store, name, LESSONS[name], Path(scratch) / f"{name}.tape")
            if name in LESSONS
            else make_sweep(store, name, SWEEPS[name], Path(scratch) / f"{name}{SUFFIX}")
            for name in chosen
        }
        store.close()
        kept = [path for path in _shipped(folder) if names and path.stem not in fresh]
        sizes = {path.stem: path.stat().st_size for path in [*kept, *fresh.values()]}
        _refuse_if_too_big(sizes)
        folder.mkdir(parents=True, exist_ok=True)
        for path in _shipped(folder):
            if path not in kept:
                path.unlink()
        for path in fresh.values():
            shutil.copyfile(path, folder / path.name)
    print(orjson.dumps({"tapes": sizes, "bytes": sum(sizes.values())}).decode())
    return 0


def make_tape(store: Store, name: str, lesson: Lesson, path: Path) -> Path:
    """Train one lesson and write its tape.

    Raises:
        ValueError: the run failed.
    """
    made = f"{name} in the making"
    pace = replace(PACE, ratio=lesson.ratio, weight_bytes=lesson.weight_bytes, weight_steps=lesson.weight_steps)
    progress = _train(store, made, lesson.config, lesson.lenses, pace, name)
    run = store.run(made)
    assert run is not None
    if run.status not in ("done", "diverged"):
        raise ValueError(f"{name} is {run.status}: {run.message}")
    looker = Looker(store, lambda _: None, torch.device("cpu"))
    for lens in lesson.filled:
        deque(looker.fill(made, lens), maxlen=0)
    for lens in lesson.begun:
        deque(looker.fill(made, lens, most=BEGUN_VIEWS), maxlen=0)
    meta = {key: value for key, value in run.meta.items() if key not in ("seconds", "taken")}
    store.create(name, run.config, owner="", lenses=run.lenses, data=run.data, status=run.status, meta=meta)
    store.change(name, message=run.message)
    store.append(name, in_order(store.chunks(made)), run.step)
    size = save_tape(store, name, path, name)
    progress.say(f"{name}: {run.status}, {size / 1000:,.0f} kB")
    return path


def make_sweep(store: Store, name: str, lesson: SweepLesson, path: Path) -> Path:
    """Train the runs of one lesson's sweep and write what came of them.

    Raises:
        ValueError: a run failed.
    """
    runs = [f"{name} {number}" for number in range(len(lesson.sweep.configs))]
    for number, (run, config) in enumerate(zip(runs, lesson.sweep.configs, strict=True), start=1):
        progress = _train(store, run, config, lesson.lenses, SWEEP_PACE, f"{name}, run {number} of {len(runs)}")
    outcomes = Outcomes(store).of(lesson.sweep, runs, lesson.lenses)
    for run, outcome in zip(runs, outcomes, strict=True):
        if outcome.status not in ("done", "diverged"):
            raise ValueError(f"{run} is {outcome.status}.")
    size = save_outcomes(path, lesson.sweep, outcomes)
    progress.say(f"{name}: {len(runs)} runs, {size / 1000:,.0f} kB")
    return path


def _train(store: Store, run: str, config: RunConfig, lenses: tuple[str, ...], pace: Pace, said: str) -> Progress:
    """Record a run, on this thread; what prints how far it is."""
    progress = Progress(config.steps, sys.stdout)
    progress.say(f"{said}:")
    prepared = prepare(config)
    if prepared.digest:
        store.save_text(prepared.digest, prepared.body)
    store.create(run, prepared.config, owner="", lenses=lenses, data=prepared.digest)
    for step in record(store, run, pace, torch.device("cpu")):
        progress.update(step.number, step.loss)
    return progress


def _shipped(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.tape"), *folder.glob(f"*{SUFFIX}")])


def in_order(chunks: Sequence[Chunk]) -> list[Draft]:
    """A tape's chunks in an order that does not depend on when they were committed, all metrics in one."""
    metrics = [chunk for chunk in chunks if chunk.kind == "metrics"]
    others = sorted((chunk for chunk in chunks if chunk.kind != "metrics"), key=lambda chunk: (chunk.step, chunk.kind))
    joined = encode(join_metrics(chunk.body for chunk in metrics))
    drafts = [Draft("metrics", metrics[-1].step, joined), *(Draft(*chunk[2:]) for chunk in others)]
    return [draft._replace(body=canonical(draft.body)) for draft in drafts]


def canonical(body: bytes) -> bytes:
    """The same safetensors file with the texts of its header in alphabetical order; the format leaves it open."""
    size = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body[8 + size :]


def _refuse_if_too_big(sizes: dict[str, int]) -> None:
    total = sum(sizes.values())
    if total > MOST_BYTES:
        largest = ", ".join(sorted(sizes, key=sizes.__getitem__)[:-4:-1])
        raise ValueError(
            f"The tapes would take {total / 1e6:.2f} MB in all, and {MOST_BYTES / 1e6:g} MB may ship; nothing was "
            f"written. The largest are {largest}. Give a lesson fewer steps, a shorter sequence or fewer lenses."
        )
