"""Of a run in the store: inputs of the kind that it was trained on, and what to say of one of a viewer's own."""

from __future__ import annotations

import threading
from collections import OrderedDict

from explainer.data import Seen, period_of, periods, repeated_words
from explainer.lenses import LENSES
from explainer.runs.rows import Run
from explainer.runs.store import Store
from explainer.runs.tape import VIEW, decode_view
from explainer.surgery import Surgery

KEPT = 32  # texts and series of which it is kept what training shows, some 30 kB each

_known: OrderedDict[tuple[str, str], Seen] = OrderedDict()
_lock = threading.Lock()


def examples_of(store: Store, run: Run) -> tuple[str, ...]:
    """Inputs that a viewer may type into a run; () where its data is gone."""
    return run.config.problem.examples(what_it_saw(store, run))


def passages_of(store: Store, run: Run, times: int) -> tuple[str, ...]:
    """Held-out text of a run's that is up to `times` times as long as its windows."""
    return run.config.problem.passages(what_it_saw(store, run), times)


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
    problem, seen, seed = run.config.problem, what_it_saw(store, run), run.config.seed
    said = (problem.about(each, seen, seed, until) for each, until in inputs if each)
    return " ".join(filter(None, said))


def what_it_saw(store: Store, run: Run) -> Seen:
    """What the run sees of its data; nothing of data that is no longer here, or of a task without."""
    if run.config.problem.reads is None:
        return Seen()
    name = (run.config.task, run.data)
    with _lock:
        if name in _known:
            _known.move_to_end(name)
            return _known[name]
    body = _body(store, run)
    if body is None:
        return Seen()
    seen = run.config.problem.seen(body)
    with _lock:
        _known[name] = seen
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return seen


def _body(store: Store, run: Run) -> str | None:
    """What the run reads: a user's own, or the default text or series, also that of another version of Python."""
    problem = run.config.problem
    if problem.reads is None or run.config.data or run.data != problem.digest:
        return store.text(run.data)
    return problem.reads.default()


def shown_words(store: Store, run: Run) -> str:
    """What a run learns, in a sentence about the repeated sequence that its recorded pictures of attention show; else about another example."""
    kind = f"{VIEW}attention"
    last = max(store.steps(run.id, kind), default=None)
    chunk = None if last is None or not run.config.problem.repeats else store.chunk_at(run.id, kind, last)
    if chunk is not None:
        symbols = decode_view("attention", chunk.body).tokens
        period = period_of(symbols, *periods(len(symbols)))
        if period is not None:
            return repeated_words(symbols, period)
    return str(run.meta.get("example", ""))
