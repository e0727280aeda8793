"""A sweep: one run for each combination of the values of a few fields. No torch.

It is to a set of runs what `RunConfig` is to one: frozen, valid by construction, with a hash for a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Self

from explainer import upgrade
from explainer.config import KNOBS, RunConfig
from explainer.parts import checked, from_text

Axis = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Runs that differ in the fields of the axes alone.

    Attributes:
        base: what they have in common.
        axes: fields and their values. The last one turns fastest: with ("length", "model") every
            model has learnt the first length before the second one begins.

    Raises:
        ValueError: no axis, an unknown field or one named twice, no value or one given twice,
            combinations that can't be a run, or two that are the same run.
    """

    base: RunConfig
    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple((name, tuple(values)) for name, values in self.axes))
        names = [name for name, _ in self.axes]
        if not names:
            raise ValueError("A sweep needs something to go through. Name a field and its values.")
        for name, values in self.axes:
            if name not in KNOBS or name == "data":
                raise ValueError(f"A sweep can't go through {name[:40]!r}. Choose one of: {', '.join(KNOBS)}.")
            if names.count(name) > 1:
                raise ValueError(f"The sweep names {name!r} twice. Name it once, with all its values.")
            if not values:
                raise ValueError(f"The sweep has no values of {name!r}. Give at least one.")
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise ValueError(f"The sweep has {name} = {twice} twice. Give each value once.")
        if len({config.run_id() for config in self.configs}) < len(self.configs):
            raise ValueError(
                f"Not every value of {' and '.join(names)} makes a run of its own here: a field has no effect on "
                "some networks. Leave it out of the sweep."
            )

    @cached_property
    def configs(self) -> tuple[RunConfig, ...]:
        """The runs, in the order in which they train."""
        names, values = zip(*self.axes, strict=True)
        return tuple(self.base.but(**dict(zip(names, each, strict=True))) for each in product(*values))

    def values(self, name: str) -> tuple[Any, ...]:
        """The values of a field: those of its axis, or the one of the base."""
        return dict(self.axes).get(name, (self.base[name],))

    def sweep_id(self, data_digest: str = "") -> str:
        """Sixteen hex digits of SHA-256 over the runs' own ids, in order; `data_digest` as for `RunConfig.run_id`."""
        return hashed([config.run_id(data_digest) for config in self.configs])

    # -- text forms ---------------------------------------------------------------------------

    def to_json(self) -> str:
        """The base, the axes, and the format (see `upgrade`)."""
        return json.dumps({"base": json.loads(self.base.to_json()), "axes": self.axes, **upgrade.mark(upgrade.SWEEP)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`, also of an older version's.

        Raises:
            ValueError: it is not one, or the sweep can't be.
            Newer: it was written by a newer version.
        """
        try:
            content = upgrade.upgraded(dict(json.loads(text)), upgrade.SWEEP, "The sweep")
            base, axes = content["base"], [(str(name), tuple(values)) for name, values in content["axes"]]
        except (LookupError, TypeError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(f"This is not a sweep ({error}).") from None
        return cls(base=RunConfig.from_json(json.dumps(base)), axes=tuple(axes))


def hashed(runs: Sequence[str]) -> str:
    """The id of a sweep of these runs."""
    return hashlib.sha256(" ".join(["sweep", *runs]).encode()).hexdigest()[:16]


def values_from_text(name: str, text: str) -> tuple[Any, ...]:
    """The values of a field that are listed between commas or blanks, sorted where they are numbers.

    Raises:
        ValueError: none, or one that the field can't have.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        raise ValueError(f"No value of {name} is given. List some, such as 10, 20, 40.")
    if len(words) > 100:
        raise ValueError(f"{len(words)} values of {name} are too many. Give at most 100.")
    found = [checked(KNOBS[name], from_text(KNOBS[name], word)) for word in words]
    return tuple(found) if isinstance(found[0], str) else tuple(sorted(found))
