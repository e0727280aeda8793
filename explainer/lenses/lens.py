"""What a lens is: an entry of the registry, without torch. Its files are loaded as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from explainer.config import RunConfig
from explainer.theory.looks import Sizes, Work


@cache
def _module(name: str) -> ModuleType | None:
    return import_module(name) if find_spec(name) else None


def _of(file: str, name: str = "") -> Any:
    """An attribute of a lens: what one of its files calls so; None without such a file, or without that in it."""
    return property(
        lambda lens: getattr(_module(f"{lens.package or f'{__package__}.{lens.name}'}.{file}"), name or file, None)
    )


@dataclass(frozen=True)
class Lens:
    """An entry of the registry: what follows without its files, and what lies in them.

    | file | what is in it |
    |---|---|
    | `record` | a frozen dataclass of numpy arrays |
    | `look`, with torch | `look`: (model, batch, task) -> record. `answer`: (model, question, task) -> record, or a ValueError for what can't be read. `operate`: (model, batch, task, surgery) -> record |
    | `notes` | `notes`: (record, moment) -> sentences and derived arrays. `context`: (records of a tape, the basis before) -> arrays. `history`: (records, steps, `subject`) -> notes |
    | `panels` | `panels`: (`subject`, theme) -> all figures for one run, where no page chooses among them |

    Attributes:
        name: its key.
        record: the class of what it saw.
        suits: whether a run of this configuration has what the lens looks at.
        peak: bytes that a look holds at once, beside the model's weights and `costs.LEAST`.
        view: bytes of its record on a tape, beside `costs.LEAST_VIEW`.
        work: how much of each kind of work a look is (see `theory.looks`).
        prices: seconds of a unit of each kind of work.
        levels: arrays of values in [0, 1] that a view has in 256 levels, or in 255 if some are negative (see `runs.tape`).
        wide: arrays that a large view has in 65,535 levels.
        asks: whether its viewer asks something else than "what do you do with this input?".
        package: where its files are; "" for the folder of its name here.
    """

    name: str
    record: type
    suits: Callable[[RunConfig], bool]
    peak: Callable[[Sizes], int]
    view: Callable[[Sizes], int]
    work: Callable[[Sizes], Work]
    prices: Mapping[str, float]
    levels: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    asks: bool = False
    package: str = ""

    @property
    def about(self) -> str:
        """What it shows, one line: the first of its folder's docstring."""
        return str(import_module(self.package or f"{__package__}.{self.name}").__doc__).strip().partition("\n")[0]

    @property
    def question(self) -> str:
        """The same behind its name, as a sentence begins."""
        said = self.about.partition(": ")[2] or self.about
        return said[:1].upper() + said[1:]

    look = _of("look")
    answer = _of("look", "answer")
    operate = _of("look", "operate")
    notes = _of("notes")
    context = _of("notes", "context")
    history = _of("notes", "history")
    panels = _of("panels")
