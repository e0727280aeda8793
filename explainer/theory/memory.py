"""How far back a memory task asks a network to remember."""

from __future__ import annotations

from explainer.theory.baselines import RECALLED


def memory_lag(task: str, length: int) -> float:
    """Steps between reading what is asked for and saying it.

    copy    length + 10, for each of the ten symbols: symbol i is read at step i and said at length + 10 + i.
    adding  the last step is T - 1, and the first marker is uniform over 0 ... T//2 - 1: on average
            T - 1 - (T//2 - 1)/2 steps.

    Raises:
        ValueError: a task without a delay to speak of.
    """
    if task == "copy":
        return length + RECALLED
    if task == "adding":
        return length - 1 - (length // 2 - 1) / 2
    raise ValueError(f"task = {task[:40]!r} has no delay. Choose copy or adding.")
