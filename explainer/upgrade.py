"""From the forms of older versions to today's: ordered, named steps, each from an old dict to a new one. No torch.

What is stored says its format, a whole number; what says none is of the first. The step at place k of a list turns format
k + 1 into k + 2, so today's format is one more than there are steps. A step is never changed once it has shipped, and what it
fills in is what the version before did, whatever the default is today: an old run stays the run that it was, under its id.

`docs/design.md` (*Formats*) has which forms there are, where each says its format, and what reads it.
The store's tables have migrations (`runs.migrations`). `tests/kept` has files of every version that changed a form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Values = dict[str, Any]
Step = tuple[str, Callable[[Values], Values]]

FORMAT = "format"
LENSES: Mapping[str, str] = {
    "hidden": "hidden_states",
    "biography": "heads",
    "beyond": "beyond_the_length",
    "cell": "attention_cell",
}
"""Lenses by the names that they had before those of their pages, in stores, files, questions and commands. As a migration: what gets another name later is another table."""
PAGES: Mapping[str, str] = {"extrapolation": "beyond-the-length", "horizon": "memory-horizon"}
"""Pages by addresses that they had; the app leads on to those that they have, with all that an address holds."""


class Newer(ValueError):
    """It was written by a newer version of this project."""


def _all_fields(values: Values) -> Values:
    """Configurations from before the flip-flop, surgery, branches or `forget_start` did as these say."""
    drawn = "constant" if values.get("forget_bias") else "drawn"
    return {"bits": 3, "surgery": "", "parent": "", "forget_start": drawn, **values}


def _as_it_is(values: Values) -> Values:
    """Configurations had every field that there was, also those of other families and tasks, which said nothing."""
    return values


CONFIG: Sequence[Step] = (
    ("every field is written out", _all_fields),
    ("a run has the fields of its parts only", _as_it_is),
)


def lens_of(name: str) -> str:
    """A lens by today's name."""
    return LENSES.get(name, name)


def _gone(values: Values) -> Values:
    raise ValueError("no version reads that any more. Make the tapes again.")


def _lenses_of_a_tape(values: Values) -> Values:
    if not isinstance(values["kinds"], list) or not isinstance(values["lenses"], list):
        raise TypeError("kinds and lenses are lists")
    kinds = [[f"view:{lens_of(kind[5:])}" if kind[:5] == "view:" else kind, *rule] for kind, *rule in values["kinds"]]
    return {**values, "kinds": kinds, "lenses": [lens_of(lens) for lens in values["lenses"]]}


def _lenses_of_a_sweep(values: Values) -> Values:
    """Of "number/first or last/lens/field" the lens, in arrays and in the texts of each run."""

    def renamed(named: Mapping[str, Any]) -> Values:
        return {
            "/".join(lens_of(part) if at == 2 else part for at, part in enumerate(name.split("/"))): value
            for name, value in named.items()
        }

    runs = [{**run, "texts": renamed(run["texts"])} for run in values["runs"]]
    return {**values, "runs": runs, "arrays": renamed(values["arrays"])}


SWEEP: Sequence[Step] = ()
CHUNKS: Mapping[str, Sequence[Step]] = {}
"""By kind, such as "view:hidden_states", "weights" or "checkpoint"; a step is given arrays by name, and texts, which are JSON."""
TAPE_FILE: Sequence[Step] = (
    ("chunks lie in a table", _gone),
    ("lenses have the names of their pages", _lenses_of_a_tape),
)
SWEEP_FILE: Sequence[Step] = (("lenses have the names of their pages", _lenses_of_a_sweep),)
"""With the file's arrays as `arrays`."""
SETTINGS: Sequence[Step] = ()
"""Of texts by name, as addresses have them; of an address with its page's path as `page`."""


def today(steps: Sequence[Step]) -> int:
    """The format that is written now."""
    return len(steps) + 1


def upgraded(values: Mapping[str, Any], steps: Sequence[Step], what: str) -> Values:
    """Values in today's format, without the entry that said theirs.

    Args:
        values: with their format, a whole number or its digits, as `format`; without, they are of the first.
        what: they are, to begin a sentence with.

    Raises:
        Newer: the format is one of a newer version.
        ValueError: it is no format, or a step can't read the values.
    """
    now = dict(values)
    said = now.pop(FORMAT, 1)
    known = str(said).isascii() and str(said).isdigit() and not isinstance(said, bool)
    if not known or len(str(said)) > 9 or int(said) < 1:
        raise ValueError(f"{what} says {str(said)[:40]!r} of its format, which is no whole number from 1 on.")
    if int(said) > today(steps):
        raise Newer(
            f"{what} was written by a newer version of this project: its format is {said}, and this one reads up to "
            f"{today(steps)}. Update the project to open it."
        )
    for name, step in steps[int(said) - 1 :]:
        try:
            now = step(now)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{what} is of an older version and can't be read at {name!r}: {error}") from error
    return now


def mark(steps: Sequence[Step]) -> dict[str, int]:
    """The entry that says today's format; none as long as that is the first."""
    return {FORMAT: today(steps)} if steps else {}
