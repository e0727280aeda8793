"""The task of a run, with what it draws its sequences from."""

from __future__ import annotations

from explainer.config import RunConfig
from explainer.data import digest
from explainer.extensions import named
from explainer.tasks.base import Task


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
    kind: type[Task] = named(config.problem.made_by)
    if not config.problem.digest:
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
