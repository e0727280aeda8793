"""The types of panels for the player's modules, from the dataclasses: `python -m explainer.player.typed` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from explainer.charts.panel import Kind, Panel, Reading, Slot
from explainer.player.assets import MODULES

FILE = MODULES / "panel.d.ts"
NAMES = {str: "string", int: "number", float: "number", bool: "boolean", Any: "any", Slot: "Slot", Reading: "Reading"}
#: Where `Panel.to_player` gives something else than the field: None, nothing under its name.
SENT: Mapping[str, str | None] = {
    "figure": "data: Record<string, any>[];\n  layout: Record<string, any>;\n  name: string",
    "arrays": "arrays: Record<string, Packed>",
    "click": "click: Record<string, any> | null",
    "hint": None,
}
HEAD = """// Made from charts/panel.py by `python -m explainer.player.typed`. Do not edit.

/** An array that comes with a panel: float32, little-endian, in base64. */
export interface Packed {
  shape: number[];
  body: string;
}
"""


def typescript(kind: Any) -> str:
    """A type in TypeScript's words.

    Raises:
        KeyError: there is no rule for it.
    """
    if kind == Kind:
        return "Kind"
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(f'"{part}"' for part in parts)
    if origin is UnionType:
        return " | ".join(map(typescript, parts))
    if origin is tuple:
        inner = typescript(parts[0])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    return NAMES[kind]


def declared() -> str:
    """The text of the file."""
    text = HEAD + "\nexport type Kind = " + " | ".join(f'"{kind}"' for kind in get_args(Kind)) + ";\n"
    for record in (Slot, Reading, Panel):
        hints = get_type_hints(record)
        rows = [
            SENT[field.name]
            if record is Panel and field.name in SENT
            else f"{field.name}: {typescript(hints[field.name])}"
            for field in fields(record)
        ]
        text += f"\nexport interface {record.__name__} {{\n" + "".join(f"  {row};\n" for row in rows if row) + "}\n"
    return text


if __name__ == "__main__":
    FILE.write_text(declared())
