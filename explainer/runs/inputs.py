"""What a run reads, and how wide its model's input and output are, without torch."""

from __future__ import annotations

import math
from typing import NamedTuple

from explainer.config import RunConfig
from explainer.data import (
    SUNSPOTS,
    Series,
    alphabet,
    check_series_length,
    check_text,
    check_text_length,
    data_digest,
    default_text,
    digest,
)

NO_PARENT = "The weights of run {0} at step {1} are not here (any more). Choose a kept moment of a run that is."
OF_THE_MODEL = ("task", "model", "layers", "width", "heads", "mlp", "norm", "positions", "tied", "data")
"""Fields in which a branched run must agree with its parent, or its weights would mean something else."""


class Prepared(NamedTuple):
    """A configuration with its data settled.

    Attributes:
        config: with `data` set when the user gave some.
        digest: SHA-256 of what it reads; "" if it reads nothing.
        body: the text, or the series' canonical text; "" if it reads nothing.
    """

    config: RunConfig
    digest: str
    body: str


def prepare(config: RunConfig, data: str | None = None) -> Prepared:
    """Settle what a run reads.

    Args:
        data: the user's own text or canonical series text; None for the default one.

    Raises:
        ValueError: the data can't be learnt from, it is too short for windows of T steps, or the
            configuration names other data.
    """
    if config.task not in ("text", "forecast"):
        return Prepared(config, "", "")
    if data is None:
        if config.data:
            raise ValueError("The text or series of this run is not here. Paste or upload it again.")
        check_length(config, len(default_text()) if config.task == "text" else len(SUNSPOTS.values))
        body = default_text() if config.task == "text" else SUNSPOTS.to_text()
        return Prepared(config, data_digest(config), body)
    series = Series.from_text(data) if config.task == "forecast" else None
    body = series.to_text() if series else check_text(data, math.inf)
    name = digest(body)
    if config.data not in ("", name):
        raise ValueError("This run was made with another text or series than the one given. Leave `data` empty.")
    check_length(config, len(series.values if series else body))
    return Prepared(config.but(data=name), name, body)


def check_parent(config: RunConfig, parent: RunConfig) -> None:
    """Whether weights of `parent` can be gone on from with `config`.

    Raises:
        ValueError: they are of another model or task.
    """
    symbols = ("symbols",) if config.task in ("copy", "repeat") else ()
    length = ("length",) if not config.network.reads_on else ()
    ours, theirs = config.relevant(), parent.relevant()
    for name in (*OF_THE_MODEL, *symbols, *length):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"{name} = {ours.get(name)!r}, and the run to go on from has {theirs.get(name)!r}: its weights fit "
                "another network. Leave it as it is there."
            )


def check_length(config: RunConfig, size: int) -> None:
    """Whether windows of T steps fit into `size` characters or values.

    Raises:
        ValueError: they don't.
    """
    (check_text_length if config.task == "text" else check_series_length)(config.length, size)


def training_inputs(config: RunConfig, data: str | None = None) -> tuple[int, int]:
    """(inputs, outputs) of the model: V and V for tokens, F and 1 for numbers.

    Args:
        data: as for `prepare`.

    Raises:
        ValueError: as for `prepare`.
    """
    if config.task == "adding":
        return 2, 1
    if config.task == "forecast":
        return 1, 1
    if config.task == "flipflop":
        return config["bits"], config["bits"]
    if config.task == "repeat":
        return config["symbols"], config["symbols"]
    if config.task == "copy":
        return config["symbols"] + 2, config["symbols"] + 2  # the blank and the delimiter
    assert config.task == "text", config.task
    signs = len(alphabet(prepare(config, data).body).signs)
    return signs, signs
