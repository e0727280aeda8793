"""What is to be learnt. A new task is one file here and one line in `TASKS`."""

from __future__ import annotations

from explainer.config import RunConfig
from explainer.data import data_digest, digest
from explainer.tasks.adding import Adding
from explainer.tasks.base import Batch, Split, Task
from explainer.tasks.copy import Copy
from explainer.tasks.flipflop import FlipFlop
from explainer.tasks.forecast import Forecast
from explainer.tasks.repeat import Repeat
from explainer.tasks.text import Text

__all__ = ["TASKS", "Batch", "Split", "Task", "make_task"]

TASKS: dict[str, type[Task]] = {
    "copy": Copy,
    "adding": Adding,
    "repeat": Repeat,
    "flipflop": FlipFlop,
    "text": Text,
    "forecast": Forecast,
}


def make_task(config: RunConfig, data: str | None = None) -> Task:
    """The task of a run.

    Args:
        config: the run.
        data: the text, as `check_text` returns it, or the canonical text of the series that
            `config.data` names; None for the default one. Tasks that read none ignore it.

    Raises:
        ValueError: `config.data` names a text or series that was not given, or another one than
            was given; or the task can't be made of it.
    """
    kind = TASKS[config.task]
    if not data_digest(config):
        return kind(config)
    if config.data and data is None:
        raise ValueError(
            f"The data {config.data[:12]}… of this run is not here. Upload it again, or empty `data` for the default."
        )
    if data is not None and digest(data) != config.data:
        raise ValueError(
            f"data = {config.data[:12]!r} is not the hash of the data given. Set it to {digest(data)}, or give no data."
        )
    return kind(config, data)
