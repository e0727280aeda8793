"""Families, tasks and lenses from outside of this package: `EXPLAINER_EXTENSIONS` names packages that have them.

`EXPLAINER_EXTENSIONS=mine` reads the modules `mine.families`, `mine.tasks` and `mine.lenses`, those that are there, and takes
what each lists under the name of its registry: FAMILIES, TASKS, LENSES. Every process of the app and the command line does so.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

VARIABLE = "EXPLAINER_EXTENSIONS"


def more(registry: str) -> tuple[Any, ...]:
    """What all extensions list for one registry: families, tasks or lenses.

    Raises:
        SystemExit: a package that is named is not there, in a sentence.
    """
    found: list[Any] = []
    for package in filter(None, os.environ.get(VARIABLE, "").split(",")):
        if find_spec(package.partition(".")[0]) is None:
            raise SystemExit(
                f"{VARIABLE} names {package[:60]!r}, which is not to be found. Put it on Python's path, or leave it out."
            )
        import_module(package)
        if find_spec(f"{package}.{registry}") is not None:
            found += getattr(import_module(f"{package}.{registry}"), registry.upper())
    return tuple(found)


def named(place: str) -> Any:
    """What "package.module:name" names, imported now: the torch half of something whose other half needs none."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
