"""Who may import whom (docs/design.md, "The house"), that no two files import each other, and that functions are short."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "explainer"

FILES = [
    path
    for path in sorted([*PACKAGE.rglob("*.py"), *(PROJECT / "pages").glob("*.py")])
    if path not in (PACKAGE / "__init__.py", PACKAGE / "__main__.py")
]


class Rule(NamedTuple):
    """What a part, or some modules of it, may import: parts of ours, and packages of others."""

    ours: set[str]
    others: set[str]


def rules_of(document: str) -> dict[str, Rule]:
    """The table of who may import whom, by part ("ui") and by module ("runs.worker"), which has its part's row too."""
    table = document[document.index("| part | of ours | of others |") :].partition("\n\n")[0]
    rules: dict[str, Rule] = {}
    for row in table.splitlines()[2:]:
        whose, *columns = [column.strip() for column in row.strip("|").split("|")]
        ours, others = ({name for name in column.split(", ") if name} for column in columns)
        part, _, modules = whose.partition(": ")
        if modules:
            more = Rule(rules[part].ours | ours, rules[part].others | others)
            rules |= {f"{part}.{module}": more for module in modules.split(", ")}
        else:
            rules |= {each: Rule(ours, others) for each in part.split(", ")}
    return rules


RULES = rules_of((PROJECT / "docs" / "design.md").read_text())
HEAVY = {"torch", "pandas"}
APART = [name for name in RULES if "." in name]
"""Modules of other processes than the interface's; `*` is any name."""


def imports_of(path: Path, *, types: bool = False) -> set[str]:
    """Full names of what a file imports, at any depth of nesting, without or with what it imports for types only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only and not types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place_of(path: Path, package: Path = PACKAGE) -> tuple[str, str]:
    """The name of a file's module within the package, or of a page, and of its part."""
    if package not in path.parents:
        return path.stem, "pages"
    module = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
    return module, module.split(".")[0]


def breaches(path: Path, package: Path = PACKAGE) -> list[str]:
    """Sentences about imports of a file that its part may not have."""
    module, part = place_of(path, package)
    rule = next((rule for name, rule in RULES.items() if "." in name and fnmatch(module, name)), RULES[part])
    said = []
    for name in sorted(imports_of(path)):
        root, *rest = name.split(".")
        if root == "explainer":
            names = {".".join(rest[:count]) for count in range(2, len(rest) + 1)}
            apart = [RULES[other] for other in APART if any(fnmatch(name, other) for name in names)]
            if rest[0] not in {*rule.ours, part}:
                said.append(f"{module} imports explainer.{rest[0]}")
            elif any((other.others & HEAVY) - rule.others for other in apart):
                said.append(f"{module} imports {'.'.join(rest)} of another process")
        elif root not in sys.stdlib_module_names and root not in rule.others:
            said.append(f"{module} imports {root}")
    return said


def graph_of(package: Path = PACKAGE) -> dict[str, set[str]]:
    """The modules that each module of a package imports, at any depth of nesting and for types too."""
    files = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    return {
        module: {name if name in files else name.rpartition(".")[0] for name in imports_of(path, types=True)} & {*files}
        for module, path in files.items()
    }


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Names of which each imports the next one, the first of them once more at the end; [] where there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_lens_imports_from_the_folder_of_another() -> None:
    folders = {path.parent.name for path in (PACKAGE / "lenses").glob("*/look.py")}
    assert len(folders) >= 15
    others = {
        (str(path.relative_to(PACKAGE)), name)
        for path in FILES
        if path.parent.name in folders
        for name in imports_of(path, types=True)
        if name.startswith("explainer.lenses.") and name.split(".")[2] in folders - {path.parent.name}
    }
    assert others == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    assert breaches(path) == []


@pytest.mark.parametrize(
    ("part", "line", "said"),
    [
        ("ui", "import torch", "ui.new imports torch"),
        ("models", "from explainer.runs.store import Store", "models.new imports explainer.runs"),
        ("charts", "def late():\n    import streamlit", "charts.new imports streamlit"),
        ("lenses", "import torch", "lenses.new imports torch"),
        ("lenses", "from explainer.models import build", "lenses.new imports explainer.models"),
        (
            "ui",
            "from explainer.lenses.gates.look import look",
            "ui.new imports lenses.gates.look.look of another process",
        ),
        ("ui", "from explainer.runs.worker import main", "ui.new imports runs.worker.main of another process"),
        (
            "ui",
            "from explainer.tables.times import read_dates",
            "ui.new imports tables.times.read_dates of another process",
        ),
        ("runs", "from explainer.runs.worker import main", "runs.new imports runs.worker.main of another process"),
        ("tables", "import pandas", "tables.new imports pandas"),
        ("config", "from explainer.theory import pca", "config.new imports explainer.theory"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, part: str, line: str, said: str) -> None:
    file = tmp_path / part / "new.py"
    file.parent.mkdir()
    file.write_text(line + "\n")
    assert breaches(file, tmp_path) == [said]


def test_the_table_names_every_part_and_grants_nothing_that_no_file_needs() -> None:
    granted: defaultdict[str, set[str]] = defaultdict(set)
    used: defaultdict[str, set[str]] = defaultdict(set)
    for name, rule in RULES.items():
        granted[name.split(".")[0]] |= rule.ours | rule.others
    for path in FILES:
        names = (name.split(".") for name in imports_of(path))
        used[place_of(path)[1]] |= {rest[0] if root == "explainer" else root for root, *rest in names}
    assert granted.keys() == used.keys()
    assert {part: names - used[part] for part, names in granted.items()} == {part: set() for part in granted}


def test_no_files_and_no_parts_import_each_other_in_a_circle() -> None:
    graph = graph_of()
    assert len(graph) > 200
    assert circle(graph) == []
    assert circle({name: rule.ours for name, rule in RULES.items()}) == []


@pytest.mark.parametrize(
    "back",
    [
        "from explainer.new import first",
        "from explainer.new.first import name",
        "import explainer.new.first",
        "def late():\n    from explainer.new.first import name",
        "if TYPE_CHECKING:\n    from explainer.new.first import name",
    ],
)
def test_a_circle_is_found(tmp_path: Path, back: str) -> None:
    folder = tmp_path / "explainer" / "new"
    folder.mkdir(parents=True)
    for name, text in (("__init__", ""), ("first", "from explainer.new import second"), ("second", back)):
        (folder / f"{name}.py").write_text(text + "\n")
    found = circle(graph_of(tmp_path / "explainer"))
    assert found[0] == found[-1]
    assert {*found} == {"explainer.new.first", "explainer.new.second"}


def longer(paths: Iterable[Path], lines: int = 60) -> list[tuple[str, str]]:
    """File and name of the functions of more than so many lines, docstring and signature among them."""
    return [
        (path.name, node.name)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno >= lines
    ]


def test_every_function_fits_a_screen(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("class A:\n    async def b(self):\n" + "        pass\n" * 60)
    assert longer([tmp_path / "long.py"]) == [("long.py", "b")]
    assert longer([tmp_path / "long.py"], 61) == []
    assert longer([*FILES, PACKAGE / "__main__.py"]) == []


def test_the_interface_process_loads_neither_torch_nor_pandas() -> None:
    modules = [
        "app",
        *(
            f"explainer.{part}"
            for part in ("ui.shell", "ui.lesson", "ui.own_series", "player.routes", "lenses.costs", "runs.client")
        ),
    ]
    loaded = [name for name in modules if name not in ("app", "explainer.ui.shell")]
    code = f"import sys; import {', '.join(loaded)}; explainer.lenses.shown(); print({{'torch', 'pandas', 'pyarrow'}} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()", result.stderr
