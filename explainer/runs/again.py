"""The command line that makes a run again, anywhere: with its settings, and the file to give where it learns from one."""

from __future__ import annotations

import shlex

from explainer import upgrade
from explainer.config import RunConfig
from explainer.data.names import file_name
from explainer.runs.rates import rate_words
from explainer.runs.rows import Run


def training_words(again: Run | RunConfig) -> list[str]:
    """The words of `python -m explainer train …` behind its first three."""
    config = again if isinstance(again, RunConfig) else again.config
    asked = config.to_query()
    settings = [
        f"{name}={value}" for name, value in {**asked, **(upgrade.mark(upgrade.SETTINGS) if asked else {})}.items()
    ]
    rates = () if isinstance(again, RunConfig) else again.rates
    return ["train", *own_file(again), *(["--set", *settings] if settings else []), *rate_words(rates)]


def own_file(again: Run | RunConfig) -> list[str]:
    """The options for a person's own data: the file by its name, and how it is to be read; none for the default data."""
    config = again if isinstance(again, RunConfig) else again.config
    source = config.problem.reads
    if source is None or not config.data:
        return []
    meta = {} if isinstance(again, RunConfig) else again.meta
    return [source.option, file_name(meta.get("data_name", "")), *shlex.split(meta.get("data_how", ""))]


def command(words: list[str]) -> str:
    """A line for a shell."""
    return f"python -m explainer {shlex.join(words)}"
