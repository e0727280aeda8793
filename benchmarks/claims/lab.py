"""Trained runs, each made once: as a worker trains them, on one thread of the CPU, and looked at with its lenses.

Several processes may share one folder. A run is a file in it, with the weights of its moments; who wants one that
another process is making waits for that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.runs.active import describe
from explainer.runs.recorder import FINAL_BATCHES
from explainer.runs.tape import Grid
from explainer.runs.views import view_batch
from explainer.surgery import Surgery
from explainer.training import Diverged, Trainer

MOMENTS = frozenset((*range(60), 70, 72, 97, 100, 112, 150, 160, 183, 185, 200, 209, 236, 250, 254, 265, 300, 400,
                     500, 600, 700, 800))  # fmt: skip
"""Steps whose weights are kept, beside those of a tape; the answers name them."""
RATIO = 1.03
PATIENCE = 1800.0


class Run:
    """One trained run.

    Attributes:
        config: what it was.
        losses: of each update, on its own batch.
        diverged: whether it ended early because a number was not finite.
    """

    def __init__(self, config: RunConfig, file: Path) -> None:
        self.config = config
        with np.load(file) as arrays:
            self.losses: np.ndarray = arrays["losses"]
            self.diverged = bool(arrays["diverged"])
            self._weights: dict[int, dict[str, np.ndarray]] = {}
            for name in arrays.files:
                step, _, parameter = name.partition(" ")
                if parameter:
                    self._weights.setdefault(int(step), {})[parameter] = arrays[name]
        self._seen: dict[tuple[Any, ...], Any] = {}

    @property
    def steps(self) -> tuple[int, ...]:
        """The moments that are kept."""
        return tuple(sorted(self._weights))

    @property
    def last(self) -> int:
        """The last of them."""
        return self.steps[-1]

    @cached_property
    def _trainer(self) -> Trainer:
        return _trainer(self.config)

    def weights(self, step: int) -> Mapping[str, np.ndarray]:
        """Of a kept moment."""
        return self._weights[step]

    def at(self, step: int) -> Trainer:
        """A trainer whose model is as it was at that step; good until the next call."""
        self._trainer.load_weights(self._weights[step])
        self._trainer.step = step
        return self._trainer

    def look(self, lens: str, step: int | None = None, text: str = "", surgery: str = "") -> Any:
        """What a page shows: a lens on the validation batch or an own input, at a kept step (default, the last)."""
        step = self.last if step is None else step
        key = (lens, step, text, surgery)
        if key not in self._seen:
            trainer = self.at(step)
            batch = trainer.task.read(text) if text else view_batch(trainer)
            operate = LENSES[lens].operate
            if surgery and operate is not None:
                operation = Surgery.from_text(surgery).check(self.config)
                self._seen[key] = operate(trainer.model, batch, trainer.task, operation)
            else:
                self._seen[key] = LENSES[lens].look(trainer.model, batch, trainer.task)
        return self._seen[key]

    def validation(self, step: int | None = None, batches: int = FINAL_BATCHES) -> dict[str, float]:
        """The numbers of a run's end, at a kept step (default, the last)."""
        step = self.last if step is None else step
        key = ("validation", step, batches)
        if key not in self._seen:
            self._seen[key] = self.at(step).evaluate(batches)
        return self._seen[key]

    def error(self, step: int | None = None) -> float:
        """The validation loss."""
        return self.validation(step)["validation loss"]

    def solved(self, below: float) -> int:
        """The first kept step with a validation loss below this; a number beyond all steps where there is none."""
        return next((step for step in self.steps if self.validation(step, 8)["validation loss"] < below), 10**9)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What pages are told of the run."""
        return describe(self._trainer)


class Lab:
    """Where runs are made.

    Args:
        folder: of the files.
        say: told of each run that is made.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.say = folder, say
        self._run = cache(self._made)

    def run(self, config: RunConfig, **fields: Any) -> Run:
        """A run, trained to its end, with some fields changed."""
        return self._run(config.but(**fields))

    def seeds(self, config: RunConfig, count: int = 3, **fields: Any) -> list[Run]:
        """The run with seeds 0, 1, 2."""
        return [self.run(config, **fields, seed=seed) for seed in range(count)]

    def branch(self, parent: Run, surgery: str, steps: int) -> Run:
        """The page's "Train on like this" from the parent's last moment.

        The name of the parent stands for what the app's store would call it.
        """
        name = f"{parent.config.run_id()}@{parent.last}"
        self._parents[name] = parent
        return self._run(parent.config.but(surgery=surgery, parent=name, steps=steps))

    @cached_property
    def _parents(self) -> dict[str, Run]:
        return {}

    def _made(self, config: RunConfig) -> Run:
        file = self.folder / f"{config.run_id(config.problem.digest)}.npz"
        claim = file.with_suffix(".claim")
        waited = 0.0
        while not file.exists():
            try:
                os.close(os.open(claim, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                if (waited := waited + 0.2) > PATIENCE:
                    raise TimeoutError(f"another process does not finish {file.stem}") from None
                time.sleep(0.2)
                continue
            try:
                self._train(config, file)
            finally:
                claim.unlink()
        return Run(config, file)

    def _train(self, config: RunConfig, file: Path) -> None:
        start = time.perf_counter()
        trainer = _trainer(config)
        if config.parent:
            parent = self._parents[config.parent]
            trainer.load_weights(parent.weights(parent.last))
        kept = set(_tape_steps(config.steps)) | {step for step in MOMENTS if step <= config.steps}
        arrays: dict[str, Any] = {f"0 {name}": array for name, array in trainer.weights().items()}
        losses, diverged = [], False
        for _ in range(config.steps):
            try:
                losses.append(trainer.advance().loss)
            except Diverged:
                diverged = True
                break
            if trainer.step in kept:
                arrays |= {f"{trainer.step} {name}": array for name, array in trainer.weights().items()}
        part = file.with_suffix(".part.npz")
        np.savez(part, losses=np.array(losses), diverged=np.array(diverged), **arrays)
        part.rename(file)
        self.say(f"trained {_named(config)}: {len(losses)} steps, {time.perf_counter() - start:.0f} s")


def _tape_steps(steps: int) -> Iterator[int]:
    """Those at which a tape with the finest pace has views, and the last."""
    grid, step = Grid(RATIO), 0
    while step < steps:
        yield step
        step = grid.next(step)
    yield steps


def _trainer(config: RunConfig) -> Trainer:
    return Trainer(config, None, torch.device("cpu"))


def _named(config: RunConfig) -> str:
    return " ".join(f"{name}={text}" for name, text in config.to_query().items())
