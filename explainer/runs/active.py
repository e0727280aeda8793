"""One run in the hands of this process: begun or taken up, advanced step by step, held, ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from explainer.limits import limits, spoken
from explainer.models.pieces import giving_way
from explainer.runs.claim import Claim, Taken
from explainer.runs.inputs import NO_PARENT
from explainer.runs.moments import ask_to_fill, lacking
from explainer.runs.recorder import Recorder
from explainer.runs.store import Run, Store
from explainer.runs.tape import decode_event, read_chunk
from explainer.runs.views import Pace
from explainer.training import Diverged, Step, Trainer, device_name, threads_on

NO_MEMORY = ("can't allocate memory", "bad_alloc", "out of memory")
"""How torch says that there is none, beside its own exception."""


def make_trainer(store: Store, run: Run, device: torch.device | None = None) -> Trainer:
    """A fresh trainer for a run, with the data that it was asked for; a ValueError where that is not in the store."""
    config = run.config
    if run.data and (config.data or run.data != config.problem.digest):
        # Its default text was that of another version of Python: then it is data like a user's own.
        body = store.text(run.data)
        if body is None:
            raise ValueError("The text or series of this run is not here any more. Give it again and start a new run.")
        return Trainer(config.but(data=run.data), body, device)
    return Trainer(config, None, device)


def first_weights(store: Store, run: Run) -> Mapping[str, np.ndarray]:
    """The weights that a branched run starts from: its own at step 0, or those of its parent.

    Raises:
        ValueError: the parent is gone, or never kept that moment.
    """
    assert run.config.branched_from is not None, run.id
    parent, step = run.config.branched_from
    chunk = store.chunk_at(run.id, "weights", 0) or store.chunk_at(parent, "weights", step)
    if chunk is None:
        raise ValueError(NO_PARENT.format(parent, step))
    return read_chunk("weights", chunk.body)[0]


class ActiveRun:
    """A run with its trainer and its recorder.

    Attributes:
        trainer: its model is that of the present moment.
        ended: no more updates will come from here.

    Taking up a run that has a checkpoint repeats quietly what the tape already has, with every
    change of the learning rate at its step, so that what follows is what would have followed: bit for bit
    on the same processor, with the same number of threads and the same torch.

    Raises:
        ValueError: its data is missing, or the weights that it starts from.
    """

    def __init__(self, store: Store, run: Run, pace: Pace, device: torch.device | None = None) -> None:
        self.store, self.id, self.ended = store, run.id, False
        self._known = run.meta
        self.trainer = make_trainer(store, run, device)
        saved = store.checkpoint(run.id)
        arrays = read_chunk("checkpoint", saved[1])[0] if saved is not None else {}
        if saved is not None:
            self.trainer.restore(arrays)
        elif run.config.parent:
            self.trainer.load_weights(first_weights(store, run))
        self.recorder = Recorder(store, run, self.trainer, pace, arrays)
        self._rates = deque(
            (chunk.step, float(change["value"]))
            for chunk in store.chunks(run.id, kinds=("event",))
            if (change := decode_event(chunk.body))["kind"] == "lr" and chunk.step >= self.trainer.step
        )
        self._allowed, self._sweep = limits(), run.sweep
        self._others = store.sweep_seconds(run.sweep, but=run.id) if run.sweep else 0.0

    def begin(self) -> None:
        """The run is running from here on; of a fresh one its `meta` tells what a page must know.

        One that goes on under another arithmetic than before says so there, under `moved`.
        """
        with self.store.transaction():
            self.store.set_status(self.id, "running")
            if self.recorder.fresh:
                self.store.change(self.id, meta=describe(self.trainer))
            elif there := moved(self._known, self.trainer):
                self.store.change(self.id, meta={"moved": [*self._known.get("moved", []), there]})

    def advance(self) -> Step | None:
        """One update, recorded; before the first, moment 0. After the last, or where it can't go on, the run has ended.

        Returns:
            The update; None when there was none to do, or it diverged.
        """
        assert not self.ended, self.id
        trainer = self.trainer
        if self.recorder.fresh:
            self.recorder.begin()
        while self._rates and self._rates[0][0] <= trainer.step:
            trainer.set_lr(self._rates.popleft()[1])
        if trainer.step >= trainer.config.steps:
            self.end("done")
            return None
        start = time.perf_counter()
        try:
            with giving_way(None):  # dropout's noise is torch's own generator's until the update is done
                step = trainer.advance(self.recorder.wants_detail(trainer.step + 1))
        except Diverged as error:
            self.end("diverged", str(error))
            return None
        self.recorder.after(step, time.perf_counter() - start)
        if trainer.step >= trainer.config.steps:
            self.end("done")
        elif self.recorder.taken > self._allowed.seconds:
            self._stop_at_limit(f"this host allows {spoken(self._allowed.seconds)} of training")
        elif self._sweep and self._others + self.recorder.taken > self._allowed.sweep_seconds:
            self._stop_sweep()
        return step

    def _stop_at_limit(self, reason: str) -> None:
        self.end("stopped", f"stopped at step {self.trainer.step}: {reason}")

    def _stop_sweep(self) -> None:
        """End this run and take out those of its sweep that wait, unless somebody has asked for it by itself since."""
        run = self.store.run(self.id)
        if run is None or run.sweep != self._sweep:
            self._sweep = ""
            return
        allowed = spoken(self._allowed.sweep_seconds)
        with self.store.transaction():
            self._stop_at_limit(f"this host allows a sweep {allowed} of training, which its runs have had together")
            self.store.take_out_sweep(self._sweep)

    def set_lr(self, lr: float) -> None:
        """Change the learning rate from the next update on, on the tape too."""
        self.trainer.set_lr(lr)
        self.recorder.set_lr(lr)

    def hold(self) -> None:
        """Pause: the present moment is on the tape, and a checkpoint of it in the store."""
        self.recorder.rest()
        with self.store.transaction():
            self.recorder.checkpoint()
            self.store.set_status(self.id, "paused")
            self._look_back()

    def end(self, status: str, message: str = "", quick: bool = False) -> None:
        """The last moment goes onto the tape with final numbers, and the run gets its last status.

        Args:
            quick: without views and numbers that take long: somebody waits.
        """
        self.ended = True
        final = self.recorder.conclude(quick)
        with self.store.transaction():
            self.recorder.checkpoint()
            if final:
                self.store.change(self.id, meta={"final": final, "lowest": self.recorder.lowest()})
            self.store.set_status(self.id, status, message)
            self._look_back()

    def _look_back(self) -> None:
        """The lenses that a page waits for will see the kept moments for which there was no time."""
        run = self.store.run(self.id)
        if not self.recorder.pace.whole or run is None:
            return
        for lens in self.recorder.viewer.awaited:
            if lacking(self.store, run, lens):
                ask_to_fill(self.store, self.id, lens)


def describe(trainer: Trainer) -> dict[str, object]:
    """What pages must know of a run without building its task: goes into the run's `meta`."""
    task = trainer.task
    named = ("metric", "unit", "baseline", "baseline_name", "references", "loss_references", "repeated")
    return {
        **{name: getattr(task, name) for name in named},
        "lower_is_better": task.lower_is_better,
        "vocabulary": list(task.vocabulary),
        "inputs": task.inputs,
        "outputs": task.outputs,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "example": task.example(),
        **{name: found for name in ("rare", "filled") if (found := getattr(task, name))},
        **arithmetic(trainer),
    }


def arithmetic(trainer: Trainer) -> dict[str, object]:
    """What the last bits of a run's numbers depend on beside its configuration: with the same they are the same."""
    return {
        "device": device_name(trainer.device),
        "threads": threads_on(trainer.device),
        "torch": torch.__version__,
    }


def moved(meta: Mapping[str, Any], trainer: Trainer) -> dict[str, object] | None:
    """Where a run of this `meta` goes on that was computed otherwise so far, and from which step; None if as before."""
    now = arithmetic(trainer)
    before = meta["moved"][-1] if meta.get("moved") else meta
    # A run of an older store tells less; what it does not tell is not known to have changed.
    if all(before.get(name, value) == value for name, value in now.items()):
        return None
    return {"step": trainer.step, **now}


def record(
    store: Store, run: str, pace: Pace | None = None, device: torch.device | None = None
) -> Generator[Step, None, None]:
    """Train a run to its end in this process, tape and all, yielding each update; none if it has ended.

    Closed or interrupted before, the run counts as stopped.

    Raises:
        KeyError: no such run.
        Taken: a worker trains for this store already; it will take the run.
    """
    claim = Claim(store.folder)
    if not claim.take():
        raise Taken(
            "A worker trains for this store already. Let it do this run, or name another.", "busy", store.folder
        )
    try:
        found = store.run(run)
        if found is None:
            raise KeyError(run)
        if not found.finished:
            yield from _to_the_end(store, ActiveRun(store, found, pace or Pace(), device))
    finally:
        claim.drop()


def _to_the_end(store: Store, active: ActiveRun) -> Iterator[Step]:
    try:
        active.begin()
        while not active.ended:
            step = active.advance()
            if step is not None:
                yield step
    except (GeneratorExit, KeyboardInterrupt):
        if not active.ended:
            active.end("stopped", f"stopped at step {active.trainer.step}")
        raise
    except Exception as error:
        store.set_status(active.id, "failed", sentence(error))
        raise


def sentence(error: Exception) -> str:
    """What a page says of a run that failed."""
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(words in str(error) for words in NO_MEMORY):
        return "There was not enough memory. Choose a smaller batch, length or width."
    text = " ".join(str(error).split())[:300]
    return f"Training failed ({type(error).__name__}: {text})."
