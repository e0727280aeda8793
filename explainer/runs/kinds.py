"""Of a run in the store: inputs of the kind that it was trained on, and what to say of one of a viewer's own."""

from __future__ import annotations

import threading
from collections import OrderedDict

from explainer.data import (
    SUNSPOTS,
    Seen,
    about_input,
    data_digest,
    default_text,
    passages,
    period_of,
    periods,
    repeated_words,
    seen_of,
    typed_examples,
)
from explainer.lenses import LENSES
from explainer.runs.rows import Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view
from explainer.surgery import Surgery

KEPT = 32  # texts and series of which it is kept what training shows, some 30 kB each

_known: OrderedDict[str, Seen] = OrderedDict()
_lock = threading.Lock()


def examples_of(store: Store, run: Run) -> tuple[str, ...]:
    """Inputs that a viewer may type into a run (`data.examples`); () where its data is gone."""
    return typed_examples(run.config, what_it_saw(store, run))


def passages_of(store: Store, run: Run, times: int) -> tuple[str, ...]:
    """Held-out text of a run's that is up to `times` times as long as its windows."""
    return passages(run.config, what_it_saw(store, run), times)


def said_of(store: Store, run: Run, lens: str, text: str, surgery: Surgery | None = None) -> str:
    """What was drawn for a viewer's own inputs, and in what they differ from those of training; "" for nothing.

    Args:
        text: an input that the run has read, or "".
        surgery: what is done to it meanwhile; a memory that is swapped may be that of another input of the viewer's.
    """
    if LENSES[lens].asks:
        return ""
    swap = surgery.swap if surgery else None
    inputs = [(text, None), *([(swap.donor, swap.step)] if swap else [])]
    said = (about_input(run.config, each, what_it_saw(store, run), until) for each, until in inputs if each)
    return " ".join(filter(None, said))


def what_it_saw(store: Store, run: Run) -> Seen:
    """What the run sees of its data; nothing of data that is no longer here, or of a task without."""
    if run.config.task not in ("text", "forecast"):
        return Seen()
    with _lock:
        if run.data in _known:
            _known.move_to_end(run.data)
            return _known[run.data]
    body = _body(store, run)
    if body is None:
        return Seen()
    seen = seen_of(run.config, body)
    with _lock:
        _known[run.data] = seen
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return seen


def _body(store: Store, run: Run) -> str | None:
    """What the run reads: a user's own, or the default text or series, also that of another version of Python."""
    if run.config.data or run.data != data_digest(run.config):
        return store.text(run.data)
    return default_text() if run.config.task == "text" else SUNSPOTS.to_text()


def shown_words(store: Store, run: Run) -> str:
    """What a run learns, in a sentence about the repeated sequence that its recorded pictures of attention show; else about another example."""
    kind = f"{VIEW}attention"
    last = max(store.steps(run.id, kind), default=None)
    chunk = None if last is None or run.config.task != "repeat" else store.chunk_at(run.id, kind, last)
    if chunk is not None:
        symbols = decode_view("attention", chunk.body).tokens
        period = period_of(symbols, *periods(len(symbols)))
        if period is not None:
            return repeated_words(symbols, period)
    return str(run.meta.get("example", ""))
