"""docs/reference.md from the registries: every family, task and lens, and every setting with what it may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from typing import Any

from explainer.config import KNOBS, RunConfig
from explainer.families import FAMILIES
from explainer.lenses import LENSES
from explainer.parts import Part, as_text
from explainer.recipes import OPTIMIZERS, SCHEDULES
from explainer.tasks import TASKS


def reference() -> str:
    """The page, Markdown. What an extension adds is in it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What there is"
    yield ""
    yield "Written by `python -m explainer reference` from the registries. A word in the first column is one of an address or a"
    yield "command line (`--set model=lstm width=32`); the settings of each are below."
    for title, word, parts in (
        ("Families", "model", FAMILIES),
        ("Tasks", "task", TASKS),
        ("Optimisers", "optimizer", OPTIMIZERS),
        ("Schedules", "schedule", SCHEDULES),
    ):
        yield from ("", f"## {title}", "")
        yield from _table((f"`{word}`", "name", "what it is", "settings of its own"), _parts(parts))
    yield from ("", "## Lenses", "")
    yield from _table(("lens", "what it shows"), ((f"`{name}`", lens.about) for name, lens in LENSES.items()))
    yield from ("", "## Settings", "")
    yield from _table(("setting", "meaning", "default", "may be"), map(_setting, KNOBS.values()))


def _parts(parts: Mapping[str, type[Part]]) -> Iterator[tuple[str, ...]]:
    everywhere = set.intersection(*({each.name for each in fields(part)} for part in parts.values()))
    for kind, part in parts.items():
        own = [f"`{each.name}`" for each in fields(part) if each.name not in everywhere]
        yield f"`{kind}`", part.title, getattr(part, "good_for", "") or _first(part.__doc__), ", ".join(own)


def _setting(knob: Field[Any]) -> tuple[str, ...]:
    rule = knob.metadata
    least = (
        f"above {rule['above']:g}"
        if rule["above"] is not None
        else f"{rule['low']:g}"
        if rule["low"] is not None
        else ""
    )
    limits = f"{least} to {rule['high']:g}" if least else ", ".join(rule["choices"] or ())
    if isinstance(knob.default, bool):
        limits = "true, false"
    default = as_text(RunConfig()[knob.name])
    return f"`{knob.name}`", rule["meaning"], f"`{default}`" if default else "", limits


def _first(text: str | None) -> str:
    """The first line of a docstring, after the name that it may begin with."""
    return (text or "").strip().partition("\n")[0].removesuffix(".")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
