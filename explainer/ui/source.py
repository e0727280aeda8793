"""The real source of what just ran, read from the project's files without importing them (they need torch)."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from explainer.families import FAMILIES, Recurrent

PACKAGE = Path(__file__).resolve().parents[1]


def cells_of(models: Iterable[str]) -> list[tuple[str, str]]:
    """File and name of the step of each family's cell, once; of one without a cell none."""
    families = [FAMILIES[model] for model in dict.fromkeys(models)]
    cells = [family.cell.partition(":") for family in families if issubclass(family, Recurrent)]
    return [(f"{module.partition('.')[2].replace('.', '/')}.py", f"{name}_cell") for module, _, name in cells]


def is_there(path: str, name: str) -> bool:
    """Whether a file of the package has a function or class of this name."""
    try:
        return bool(source_of(path, name))
    except LookupError:
        return False


@cache
def source_of(path: str, name: str) -> str:
    """The text of one function or class, decorators included.

    Args:
        path: of the file within the package, such as "models/cells.py".
        name: of a function, a class, or a method as "Class.method".

    Raises:
        LookupError: there is none of that name.
    """
    text = (PACKAGE / path).read_text()
    place: ast.Module | ast.ClassDef = ast.parse(text)
    *outer, last = name.split(".")
    for part in outer:
        place = next(node for node in place.body if isinstance(node, ast.ClassDef) and node.name == part)
    for node in place.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == last:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            lines = text.splitlines()[first - 1 : node.end_lineno]
            indent = len(lines[0]) - len(lines[0].lstrip())
            return "\n".join(line[indent:] for line in lines)
    raise LookupError(f"{name} is not in {path}")
