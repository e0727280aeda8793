"""Looking at recorded moments again: a viewer's question, or a lens over a whole tape."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch

from explainer.lenses import LENSES
from explainer.models import SequenceModel
from explainer.models.pieces import waited
from explainer.runs.active import make_trainer
from explainer.runs.marker import Marker, fill_mark, look_mark
from explainer.runs.moments import lacking, spread
from explainer.runs.reader import LATEST, check_lenses
from explainer.runs.rows import Look
from explainer.runs.shares import LookShare
from explainer.runs.store import Draft, Run, Store
from explainer.runs.tape import VIEW, encode_view, read_chunk
from explainer.runs.views import has_room, looking, room_for, view_batch
from explainer.surgery import Surgery
from explainer.training import Trainer

log = logging.getLogger(__name__)

MODELS_KEPT = 3
FILL_SHARE = 0.10  # of the time, while runs train
FAILURES = 2  # of a lens on one tape, after which that is not filled any further


class Fill(NamedTuple):
    """A tape that is being filled: each view that is taken is one more step."""

    run: str
    lens: str
    views: Iterator[int]


class Looker:
    """Answers looks with the weights that are on the tape, or with those that train now.

    Attributes:
        looks: those that wait.
        taking: those that are being taken, by their numbers, each while the one before gives way.
        fills: tapes that are to be filled, by the commands that ask for it.
        watched: the lenses through which each run is watched now; their tapes are filled first.

    Args:
        live: the trainer of a run that this process holds, or None.
        marker: where it is written which look is taken; None of a process that need not tell.
    """

    def __init__(
        self,
        store: Store,
        live: Callable[[str], Trainer | None],
        device: torch.device | None = None,
        marker: Marker | None = None,
    ) -> None:
        self.store, self.live, self.device = store, live, device
        self.looks: list[Look] = []
        self.watched: Mapping[str, set[str]] = {}
        self.marker = marker
        self._share = LookShare()
        self.taking: set[int] = set()
        self._read: set[SequenceModel] = set()  # models that are being looked at
        self.fills: dict[int, Fill] = {}
        self._fill_after = 0.0
        self._kept: OrderedDict[tuple[str, float], Trainer] = OrderedDict()

    def turn(self, busy: bool) -> bool:
        """One look, else one view of a tape that is filled; whether there was one.

        Both give way between their pieces (`models.pieces`).

        Args:
            busy: runs train, so looks take only a share of the time, and filling a smaller one.
        """
        if self.looks:
            return self.look_next(busy)
        start, before = time.monotonic(), waited()
        if not self.fills or (busy and start < self._fill_after):
            return False
        command, fill = self._next_fill()
        filled = True
        try:
            with self._marked(fill_mark(command)):
                filled = next(fill.views, None) is None
        except ValueError as error:
            log.warning("a tape was not filled: %s", error)
        except Exception:
            log.exception("a tape could not be filled")
        if filled:
            del self.fills[command]
            self.store.settle(command)
        now = time.monotonic()
        taken = now - start - (waited() - before).wall
        self._fill_after = now + taken * (1 / FILL_SHARE - 1)
        return True

    def _next_fill(self) -> tuple[int, Fill]:
        """The oldest that somebody waits for, else the oldest."""
        fills = list(self.fills.items())
        return next((each for each in fills if each[1].lens in self.watched.get(each[1].run, ())), fills[0])

    def look_next(self, busy: bool) -> bool:
        """Answer the look whose turn it is, unless it is answered already further down on the stack.

        Args:
            busy: runs train, so looks take only their share of the time.

        Returns:
            Whether a look was taken out of those that wait.
        """
        if not self.looks or (busy and not self._share.due(time.monotonic())):
            return False
        fitting = [look for look in self.looks if self._fits(look)] if looking() else self.looks
        if not fitting:
            return False
        look = self._share.pick(fitting)
        self.looks.remove(look)
        if look.id in self.taking:
            return True
        self.taking.add(look.id)
        start, before = time.monotonic(), waited()
        try:
            with self._marked(look_mark(look.id)):
                self.answer(look)
        finally:
            self.taking.discard(look.id)
            now = time.monotonic()
            self._share.took(now - start - (waited() - before).wall, now)
        return True

    def _fits(self, look: Look) -> bool:
        """Whether there is room for it beside the looks, and the views of runs, that give way to it."""
        run = self.store.run(look.run)
        return run is None or has_room(run, look.lens)

    def _marked(self, whom: str) -> AbstractContextManager[None]:
        return nullcontext() if self.marker is None else self.marker.at(whom)

    def queue_fill(self, command: int, run: str, lens: str) -> None:
        """Fill a tape when there is time; the command is settled after the last view."""
        if command not in self.fills:
            self.fills[command] = Fill(run, lens, self.fill(run, lens))

    def answer(self, look: Look) -> None:
        """Take the record that a look asks for, or say why there is none."""
        try:
            run = self.store.run(look.run)
            if run is None:
                raise ValueError("This run was deleted.")
            trainer = self._at(run, look.step)
            step = trainer.step if look.step == LATEST else look.step
            self.store.answer(look.id, step, self._body(trainer, look.lens, look.input, look.surgery))
        except ValueError as error:
            self.store.refuse(look.id, str(error))
        except Exception as error:
            log.exception("lens %s failed on run %s", look.lens, look.run)
            self.store.refuse(look.id, f"The lens could not look at this moment ({type(error).__name__}: {error}).")

    def fill(self, run_id: str, lens: str, most: int | None = None) -> Iterator[int]:
        """Add a lens's view at every kept moment of a run that lacks it (see `moments.lacking`), yielding each step.

        Args:
            most: only so many of the kept moments, evenly spread in their order, with the first and the last.

        Raises:
            ValueError: the lens doesn't suit the run, or its data is missing.
        """
        run = self.store.run(run_id)
        if run is None:
            return
        missing, failures = lacking(self.store, run, lens), 0
        if most is not None:
            wanted = spread(self.store.steps(run_id, "weights"), most)
            missing = [step for step in missing if step in wanted]
        for step in missing:
            try:
                body = self._body(self._at(run, step), lens, "")
            except ValueError:
                raise
            except Exception:  # it can't cope with this moment, such as the last one of a run that diverged
                failures += 1
                if failures == FAILURES:
                    raise
                log.exception("lens %s failed on run %s at step %d", lens, run_id, step)
                continue
            self.store.append(run_id, [Draft(VIEW + lens, step, body)])
            yield step

    def record(self, run: Run, step: int, lens: str, text: str = "", surgery: str = "") -> Any:
        """What a lens sees in the weights of a kept moment, on the user's own input or the tape's batch.

        Raises:
            ValueError: the weights or the data are not here, the input can't be read, or the lens
                doesn't suit the run.
        """
        return self._seen(self._at(run, step), lens, text, surgery)

    def _body(self, trainer: Trainer, lens: str, text: str, surgery: str = "") -> bytes:
        return encode_view(lens, self._seen(trainer, lens, text, surgery))

    def _seen(self, trainer: Trainer, lens: str, text: str, surgery: str) -> Any:
        check_lenses(lens)
        if not LENSES[lens].suits(trainer.config):
            raise ValueError(
                f"The lens {lens!r} has nothing to look at in a model of the family {trainer.config.model!r}."
            )
        self._read.add(trainer.model)
        try:
            with room_for(trainer, lens, _longer(trainer, lens, text)):
                return self._given(trainer, lens, text, surgery)
        finally:
            self._read.discard(trainer.model)

    def _given(self, trainer: Trainer, lens: str, text: str, surgery: str) -> Any:
        answer = LENSES[lens].answer
        if text and answer is not None:
            return answer(trainer.model, text, trainer.task)
        batch = trainer.task.read(text).to(trainer.device) if text else view_batch(trainer)
        if not surgery:
            return LENSES[lens].look(trainer.model, batch, trainer.task)
        operate = LENSES[lens].operate
        if operate is None:
            raise ValueError(
                f"The lens {lens!r} looks at whole models. Take the lens 'surgery', or leave the surgery out."
            )
        operation = Surgery.from_text(surgery).check(trainer.config)
        return operate(trainer.model, batch, trainer.task, operation)

    def _at(self, run: Run, step: int) -> Trainer:
        """A trainer whose model has the weights of that moment; a ValueError without these, or the run's data."""
        live = self.live(run.id)
        if live is not None and step in (LATEST, live.step):
            # A look gives way to updates: it reads a copy, which they leave as it is.
            return self._loaded(run, live.step, live.weights())
        if step == LATEST:
            step = max(self.store.steps(run.id, "weights"), default=LATEST)
        chunk = self.store.chunk_at(run.id, "weights", step)
        if chunk is None:
            raise ValueError(
                "The weights of this moment are not recorded. Choose another one, or wait for the first step."
            )
        return self._loaded(run, step, read_chunk("weights", chunk.body)[0])

    def _loaded(self, run: Run, step: int, weights: Mapping[str, np.ndarray]) -> Trainer:
        """A trainer of the run, one of those that are kept, with these weights."""
        key = (run.id, run.created)
        kept = self._kept.pop(key, None)
        if kept is None or kept.model in self._read:  # one that is being looked at has weights of its own moment
            kept = make_trainer(self.store, run, self.device)
        self._kept[key] = kept
        while len(self._kept) > MODELS_KEPT:
            self._kept.popitem(last=False)
        kept.load_weights(weights)
        kept.step = step
        return kept


def _longer(trainer: Trainer, lens: str, text: str) -> int:
    """Steps of an own input that is longer than those of training, else 0; a ValueError where it can't be read."""
    if not text or LENSES[lens].answer is not None:
        return 0
    steps = trainer.task.read(text).x.shape[1]
    return steps if steps > trainer.task.total_length else 0
