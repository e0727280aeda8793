"""What a lens is: an entry of the registry, without torch. Its files are loaded as they are asked for.

| file | what is in it |
|---|---|
| `record` | a frozen dataclass of numpy arrays: what it saw |
| `look` | how it looks, the only file with torch: `look`, and `answer` or `operate` if it has them |
| `notes` | sentences and derived arrays: `notes`, and `context` or `history` if it has them |
| `panels` | its figures: `panels`, all of them for one run, and what a page chooses among |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from explainer.config import RunConfig
from explainer.theory.look_costs import Work
from explainer.theory.look_sizes import Sizes


@dataclass(frozen=True)
class Lens:
    """An entry of the registry.

    Attributes:
        name: its key.
        record: the class of what it saw.
        suits: whether a run of this configuration has what the lens looks at.
        peak: bytes that a look holds at once, beside the model's weights and `costs.LEAST`.
        view: bytes of its record on a tape, beside `costs.LEAST_VIEW`.
        work: how much of each kind of work a look is (see `theory.look_costs`).
        prices: seconds of a unit of each kind of work.
        levels: arrays of values in [0, 1] that a view has in 256 levels (see `runs.tape`).
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

    def _of(self, file: str, name: str) -> Any:
        """What one of its files calls so; None where there is no such file, or nothing of that name in it."""
        return getattr(_module(f"{self.package or f'{__package__}.{self.name}'}.{file}"), name, None)

    @property
    def look(self) -> Callable[..., Any]:
        """(model, batch, task) -> record."""
        look: Callable[..., Any] = self._of("look", "look")
        return look

    @property
    def answer(self) -> Callable[..., Any] | None:
        """(model, question, task) -> record, of a lens with questions of its own; raises ValueError for one that can't be read."""
        return self._of("look", "answer")  # type: ignore[no-any-return]

    @property
    def operate(self) -> Callable[..., Any] | None:
        """(model, batch, task, surgery) -> record, of a lens that shows what a surgery does."""
        return self._of("look", "operate")  # type: ignore[no-any-return]

    @property
    def notes(self) -> Callable[..., Any] | None:
        """(record, moment) -> `charts.panel.Notes`: sentences and derived arrays of one record."""
        return self._of("notes", "notes")  # type: ignore[no-any-return]

    @property
    def context(self) -> Callable[..., Any] | None:
        """(records of a tape, the basis before) -> arrays, of a lens that needs some over the whole tape."""
        return self._of("notes", "context")  # type: ignore[no-any-return]

    @property
    def history(self) -> Callable[..., Any] | None:
        """(records, steps, `subject`) -> `charts.panel.Notes`, of a lens that has something to say about a whole tape."""
        return self._of("notes", "history")  # type: ignore[no-any-return]

    @property
    def panels(self) -> Callable[..., Any] | None:
        """(`subject`, theme) -> all figures of the lens for one run, where no page chooses among them: for files."""
        return self._of("panels", "panels")  # type: ignore[no-any-return]


@cache
def _module(name: str) -> ModuleType | None:
    return import_module(name) if find_spec(name) else None
