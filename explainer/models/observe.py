"""Watching a model: every value of interest passes a named point, and one context manager reads or edits it.

Outside `observe` a model runs torch's fused kernels and keeps nothing. Inside, `forward` runs the same
weights step by step and hands each value to a `Watch`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from explainer.config import RunConfig
from explainer.models.operate import Edit, edits
from explainer.models.pieces import give_way_at
from explainer.models.scan import Recurrence
from explainer.surgery import Surgery
from explainer.tasks.base import Input

Point = Callable[[str, Tensor], Tensor]
Values = dict[str, Tensor | list[Tensor]]


class Watch:
    """What the values of an observed model pass through: keeps those asked for, edits those to be edited.

    What is kept is the edited value, which is the one that everything after it was computed from. Its
    graph is kept too, so `torch.autograd.grad` of a loss with respect to it is the total derivative.
    """

    def __init__(self, wanted: Collection[str], *edits: Mapping[str, Edit]) -> None:
        self.values: Values = {}
        self._wanted = frozenset(wanted)
        self._edits = edits

    def whole(self, name: str, value: Tensor) -> Tensor:
        """A point that is passed once in a forward pass."""
        value = self._edited(name, value)
        if name in self._wanted:
            self.values[name] = value
        give_way_at(value)
        return value

    def step(self, name: str, value: Tensor) -> Tensor:
        """A point that is passed once for each of T time steps; kept as a list in order of time."""
        value = self._edited(name, value)
        if name in self._wanted:
            steps = self.values.setdefault(name, [])
            assert isinstance(steps, list), name
            steps.append(value)
        give_way_at(value)
        return value

    def touches(self, *names: str) -> bool:
        """Whether what passes one of these points is kept or edited."""
        return any(name in self._wanted or any(name in each for each in self._edits) for name in names)

    def _edited(self, name: str, value: Tensor) -> Tensor:
        for each in self._edits:
            if name not in each:
                continue
            edited = each[name](value)
            if edited.shape != value.shape:
                raise ValueError(
                    f"The edit at {name!r} made shape {tuple(edited.shape)} of {tuple(value.shape)}. "
                    "Return a tensor of the same shape."
                )
            value = edited
        return value


def unwatched(name: str, value: Tensor) -> Tensor:
    """The point of a model that nobody observes."""
    return value


def may_touch(point: Point, *names: str) -> bool:
    """Whether somebody may keep or edit what passes `point` under one of these names; of a watch it is known."""
    watch = getattr(point, "__self__", None)
    return watch.touches(*names) if isinstance(watch, Watch) else point is not unwatched


class SequenceModel(nn.Module, ABC):
    """A model from sequences to sequences whose values can be observed.

    A model takes an `Input`, such as a batch, or its tensor alone (tokens (B, T) int64 or numbers (B, T, F)), and gives (B, T, outputs).
    A subclass calls `_watching` at the start of its forward pass.

    Attributes:
        roles: which of its points play which part.
        surgery: what is done to every forward pass; none unless the run was trained with it, or `operated`.
    """

    surgery = Surgery()
    _watch: Watch | None = None

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.roles = config.network.roles

    def __call__(self, read: Input | Tensor, *more: Any) -> Tensor:
        """What comes out at every step; behind the end of a sequence, anything."""
        found: Tensor = super().__call__(read if isinstance(read, Input) else Input(read), *more)
        return found

    @abstractmethod
    def points(self) -> dict[str, str]:
        """Name of every point and the dimensions of its value; a leading T means a list of T tensors."""

    def recurrences(self, read: Input | Tensor) -> list[Recurrence]:
        """What each layer computes of the first sequence, where its units are linear recurrences (`Roles.linear`)."""
        raise AssertionError(type(self))

    def standing(self, prefix: str) -> Point:
        """A point that nobody observes, under this prefix, with the model's own surgery done there."""
        watch = Watch((), *edits(self.surgery, self.roles))
        return lambda name, value: watch.step(prefix + name, value)

    def _watching(self) -> Watch | None:
        """The present watch, emptied of what an earlier forward pass left; None when unobserved and whole."""
        if self._watch is None:
            standing = edits(self.surgery, self.roles)
            return Watch((), *standing) if standing else None
        self._watch.values.clear()
        return self._watch


@contextmanager
def observe(model: SequenceModel, *points: str, edit: Mapping[str, Edit] | None = None) -> Iterator[Values]:
    """Keep, and if wanted edit, the values at named points of the forward passes inside the block.

        with observe(model, "layer.0.hidden") as seen:
            output = model(x)
        first = seen["layer.0.hidden"][0]  # (B, N)

    Args:
        model: its weights and mode stay as they are.
        points: names from `model.points()`; none means all of them.
        edit: functions from a value to its replacement of the same shape, by point. At a point
            that has one value per time step the function is called for each.

    Yields:
        The values of the latest forward pass by name: a tensor, or a list of T tensors.

    Raises:
        ValueError: a name that is not a point, an edit that changes the shape, or a model that is
            being observed already.
    """
    known = model.points()
    for name in (*points, *(edit or {})):
        if name not in known:
            raise ValueError(f"{name!r} is not a point of this model. Its points are: {', '.join(known)}.")
    if model._watch is not None:
        raise ValueError("This model is being observed already. Ask for all points in one `observe`.")
    watch = Watch(points or known, *edits(model.surgery, model.roles), edit or {})
    model._watch = watch
    try:
        yield watch.values
    finally:
        model._watch = None


@contextmanager
def operated(model: SequenceModel, surgery: Surgery) -> Iterator[None]:
    """Inside, `model` computes with this surgery, after the one that it has already; then as before.

    Raises:
        ValueError: the surgery has a swap, which is of two inputs (see `lenses.surgery.look`).
    """
    surgery.check_trainable()
    before = model.surgery
    model.surgery = before + surgery
    try:
        yield
    finally:
        model.surgery = before
