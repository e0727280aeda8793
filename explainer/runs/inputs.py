"""What a run reads, and how wide its model's input and output are, without torch."""

from __future__ import annotations

from typing import NamedTuple

from explainer.config import RunConfig
from explainer.data import digest

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
    source = config.problem.reads
    if source is None:
        return Prepared(config, "", "")
    if data is None:
        if config.data:
            raise ValueError("The text or series of this run is not here. Paste or upload it again.")
        body = source.default()
        source.check_length(config.length, source.size(body))
        return Prepared(config, config.problem.digest, body)
    body = source.read(data)
    name = digest(body)
    if config.data not in ("", name):
        raise ValueError("This run was made with another text or series than the one given. Leave `data` empty.")
    source.check_length(config.length, source.size(body))
    return Prepared(config.but(data=name), name, body)


def check_parent(config: RunConfig, parent: RunConfig) -> None:
    """Whether weights of `parent` can be gone on from with `config`.

    Raises:
        ValueError: they are of another model or task.
    """
    length = () if config.network.reads_on else ("length",)
    ours, theirs = config.relevant(), parent.relevant()
    for name in (*OF_THE_MODEL, *(config.problem.flat().keys() - {"length"}), *length):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"{name} = {ours.get(name)!r}, and the run to go on from has {theirs.get(name)!r}: its weights fit "
                "another network. Leave it as it is there."
            )


def training_inputs(config: RunConfig, data: str | None = None) -> tuple[int, int]:
    """(inputs, outputs) of the model: V and V for tokens, F and 1 for numbers.

    Args:
        data: as for `prepare`.

    Raises:
        ValueError: as for `prepare`.
    """
    return config.problem.sizes(lambda: prepare(config, data).body)
