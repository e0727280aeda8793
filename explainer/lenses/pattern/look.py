"""A pattern of units: those that are on together over a stretch of a text, and where else in the validation text.

A question is one line with the stretch, the threshold and, if only units that have just come on are meant,
the word `new`; then the text:

    12-15 0.3 new
    The value of x
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explainer.lenses.look import evaluating, first_rows
from explainer.lenses.pattern.record import PatternRecord
from explainer.models import Recurrent, SequenceModel
from explainer.models.pieces import give_way
from explainer.tasks.base import Batch, Task, Windowed
from explainer.theory.looks import SEARCHED_NUMBERS
from explainer.theory.patterns import around, excess, expected, held, pattern, places

SEARCHED = 2**14  # characters of the validation text
MOST_PLACES = 14  # that are shown
BEFORE, AFTER = 18, 24  # characters shown before a place, and from its first on
_QUESTION = re.compile(r"(\d{1,4})-(\d{1,4}) (-?[\d.]{1,8})( new)?\n(.+)", re.DOTALL)


class Question(NamedTuple):
    """A stretch of a text, first to last step, the threshold, and whether only newly lit units are meant."""

    first: int
    last: int
    threshold: float
    fresh: bool
    text: str


def parse(question: str) -> Question:
    """The question that a text stands for.

    Raises:
        ValueError: it is not one.
    """
    match = _QUESTION.fullmatch(question)
    try:
        if match is None:
            raise ValueError
        first, last, threshold, new, text = match.groups()
        return Question(int(first), int(last), float(threshold), bool(new), text)
    except ValueError:
        raise ValueError(
            "This question can't be read. Write the stretch, the threshold and the text, such as 4-8 0.3, a new line, The value."
        ) from None


def answer(model: SequenceModel, question: str, task: Task) -> PatternRecord:
    """Where the units that are on over the question's stretch are on elsewhere, for as long.

    Raises:
        ValueError: the question or its text can't be read, or the stretch does not lie within it.
    """
    asked = parse(question)
    return _searched(model, task.read(asked.text), task, asked)


def look(model: SequenceModel, batch: Batch, task: Task) -> PatternRecord:
    """The same of the last two steps of the batch's first sequence, at a threshold of 0.3."""
    batch = first_rows(batch, 1)
    last = batch.x.shape[1] - 1
    return _searched(model, batch, task, Question(max(0, last - 1), last, 0.3, False, ""))


def _searched(model: SequenceModel, batch: Batch, task: Task, asked: Question) -> PatternRecord:
    assert isinstance(model, Recurrent), type(model)
    assert isinstance(task, Windowed), type(task)
    first, last = asked.first, asked.last
    tokens = task.axis(batch)
    if not first <= last < len(tokens):
        raise ValueError(
            f"The stretch {first}-{last} does not lie within the {len(tokens)} characters. Choose another."
        )
    length = last - first + 1
    states = top_states(model, batch.x[:1])[0]
    here = states > asked.threshold
    units = pattern(here, first, last, asked.fresh)
    windows = task.windows("validation", SEARCHED)
    together = max(1, SEARCHED_NUMBERS // (windows.shape[1] * task.config.width))
    parts = windows.to(model.eye.device).split(together)
    on = np.concatenate([top_states(model, part)[..., units] > asked.threshold for part in parts])
    # Of no units all are on everywhere, which says nothing.
    all_on = np.asarray(on.all(axis=-1)) if len(units) else np.zeros(windows.shape, dtype=bool)
    stretches = held(all_on, length)
    found = places(all_on, length)
    shown = found[:MOST_PLACES]
    times, times_error = excess(on, length)
    columns = BEFORE + max(AFTER, length)
    letters = around(windows.numpy().astype(np.float64), shown, BEFORE, columns)
    return PatternRecord(
        units=units.astype(np.int32),
        above=len(pattern(here, first, last, False)),
        tokens=tuple(tokens),
        on=np.where(np.isfinite(states).all(axis=-1), _share(here[:, units]), np.float32(np.nan)),
        first=first,
        last=last,
        threshold=asked.threshold,
        found=int(stretches.sum()),
        searched=int(stretches.size),
        expected=expected(on, length),
        times=times,
        times_error=times_error,
        places=len(found),
        shares=around(_share(on), shown, BEFORE, columns).astype(np.float32),
        before=BEFORE,
        lengths=np.array([place.length for place in shown], np.int32),
        texts=tuple("" if np.isnan(letter) else task.vocabulary[int(letter)] for letter in letters.ravel()),
    )


@torch.no_grad()
def top_states(model: Recurrent, tokens: Int[Tensor, "R T"]) -> Float[np.ndarray, "R T N"]:
    """The top layer's states, each row read from the zero state as in training."""
    give_way()
    with evaluating(model):
        return np.asarray(model.top_states(tokens).float().cpu().numpy())


def _share(on: Bool[np.ndarray, "*T U"]) -> Float[np.ndarray, "*T"]:
    return on.mean(axis=-1, dtype=np.float32) if on.shape[-1] else np.zeros(on.shape[:-1], np.float32)
