"""The real source of what just ran, read from the project's files without importing them (they need torch)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from explainer.families import FAMILIES, Recurrent

PACKAGE = Path(__file__).resolve().parents[1]


def cells_of(models: Iterable[str]) -> list[tuple[str, str]]:
    """File and name of the step of each family's cell, once; of one without a cell none."""
    families = [FAMILIES[model] for model in dict.fromkeys(models)]
    cells = [family.cell.partition(":") for family in families if issubclass(family, Recurrent)]
    places = [(file_of(module), name) for module, _, name in cells]
    return [(path, f"{name}_cell" if is_there(path, f"{name}_cell") else name) for path, name in places]


def file_of(module: str) -> str:
    """The file of a module, which is not imported: within the package, or of one from outside the whole path."""
    root, *rest = module.split(".")
    found = find_spec(root)  # of the whole name it would import what the module lies in
    assert found is not None, module
    assert found.submodule_search_locations, module
    return _place(Path(found.submodule_search_locations[0], *rest).with_suffix(".py").resolve())


def is_there(path: str, name: str) -> bool:
    """Whether a file of the package has a function or class of this name."""
    try:
        return bool(source_of(path, name))
    except LookupError:
        return False


def method_of(kind: type, name: str) -> tuple[str, str]:
    """File and name of a class's method."""
    return _place(Path(inspect.getfile(kind))), f"{kind.__name__}.{name}"


def _place(path: Path) -> str:
    """A file within the package, or of one from outside the whole path."""
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.as_posix()


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
