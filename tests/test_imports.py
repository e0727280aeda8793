"""Who may import whom (docs/design.md, "The house"); and that this check can fail."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "explainer"

LIGHT = {"numpy", "jaxtyping"}
TORCH = {"torch", "numpy", "jaxtyping"}
RULES: dict[str, tuple[set[str], set[str]]] = {
    # part: (parts of ours, packages of others)
    "surgery": (set(), set()),
    "upgrade": (set(), set()),
    "config": ({"surgery", "upgrade"}, LIGHT),
    "records": (set(), LIGHT),
    "theory": (set(), LIGHT),
    "data": ({"config"}, LIGHT),
    "tables": ({"config", "data", "limits"}, LIGHT),
    "sweep": ({"config", "upgrade"}, set()),
    "lessons": ({"config", "sweep"}, set()),
    "limits": ({"config", "theory"}, set()),
    "tasks": ({"config", "theory", "data"}, TORCH),
    "models": ({"config", "surgery", "theory"}, TORCH),
    "training": ({"config", "records", "tasks", "models"}, TORCH),
    "lenses": ({"config", "surgery", "records", "theory", "models", "tasks"}, TORCH),
    "runs": (
        {"config", "surgery", "records", "data", "limits", "theory", "sweep", "upgrade"},
        {"numpy", "safetensors", "starlette", "orjson"},
    ),
    "figures": ({"config", "surgery", "records", "theory"}, {*LIGHT, "plotly"}),
    "player": (
        {"config", "surgery", "records", "figures", "runs", "ui", "upgrade"},
        {*LIGHT, "streamlit", "starlette", "orjson", "plotly"},
    ),
    "ui": (
        {
            "config",
            "surgery",
            "data",
            "tables",
            "records",
            "figures",
            "runs",
            "player",
            "lessons",
            "limits",
            "theory",
            "sweep",
            "upgrade",
        },
        {*LIGHT, "streamlit", "starlette"},
    ),
    "headless": (
        {
            "config",
            "surgery",
            "data",
            "tables",
            "records",
            "figures",
            "runs",
            "lenses",
            "training",
            "tasks",
            "models",
            "lessons",
            "limits",
            "theory",
            "player",
            "sweep",
            "upgrade",
        },
        {*TORCH, "plotly", "safetensors", "orjson"},
    ),
    "pages": (
        {
            "config",
            "surgery",
            "data",
            "records",
            "figures",
            "runs",
            "player",
            "ui",
            "lessons",
            "limits",
            "theory",
            "sweep",
        },
        {*LIGHT, "streamlit"},
    ),
}
#: Modules of the worker process, which may use torch and everything that trains and looks.
WORKER = {
    "runs.worker", "runs.active", "runs.looking", "runs.recorder", "runs.validating", "runs.views", "runs.warm", "runs.workshop",
}  # fmt: skip
#: Modules of the process that reads a table, which may use pandas; only they and what they are started by import them.
READER = {
    "tables.reader", "tables.understand", "tables.layout", "tables.times", "tables.columns", "tables.numbers", "tables.gaps",
}  # fmt: skip
WORKER_PARTS = {"tasks", "models", "training", "lenses", *RULES["runs"][0]}


def imports_of(path: Path) -> set[str]:
    """Full names of what a file imports, at any depth of nesting, except for types only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def breaches(path: Path, package: Path = PACKAGE) -> list[str]:
    """Sentences about imports of a file that its part may not have."""
    if package in path.parents:
        module = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        part = module.split(".")[0]
    else:
        module, part = path.stem, "pages"
    ours, others = RULES[part]
    if module in WORKER:
        ours, others = WORKER_PARTS, {*others, *TORCH}
    if module in READER:
        others = {*others, "pandas"}
    said = []
    for name in sorted(imports_of(path)):
        root, *rest = name.split(".")
        if root == "explainer":
            target = rest[0] if rest else ""
            deeper = ".".join(rest)
            if target not in {*ours, part}:
                said.append(f"{module} imports explainer.{target}")
            elif part != "runs" and part != "headless" and any(deeper.startswith(worker) for worker in WORKER):
                said.append(f"{module} imports the worker's {deeper}")
            elif module not in READER and any(f"{deeper}.".startswith(f"{reader}.") for reader in READER):
                said.append(f"{module} imports the reader's {deeper}")
        elif root not in sys.stdlib_module_names and root not in others:
            said.append(f"{module} imports {root}")
    return said


FILES = [
    path
    for path in sorted([*PACKAGE.rglob("*.py"), *(PROJECT / "pages").glob("*.py")])
    if path not in (PACKAGE / "__init__.py", PACKAGE / "__main__.py")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    assert breaches(path) == []


@pytest.mark.parametrize(
    ("part", "line", "said"),
    [
        ("ui", "import torch", "ui.new imports torch"),
        ("models", "from explainer.runs.store import Store", "models.new imports explainer.runs"),
        ("figures", "def late():\n    import streamlit", "figures.new imports streamlit"),
        ("ui", "from explainer.runs.worker import main", "ui.new imports the worker's runs.worker.main"),
        ("ui", "from explainer.tables.times import read_dates", "ui.new imports the reader's tables.times.read_dates"),
        ("tables", "import pandas", "tables.new imports pandas"),
        ("config", "from explainer.theory import pca", "config.new imports explainer.theory"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, part: str, line: str, said: str) -> None:
    file = tmp_path / part / "new.py"
    file.parent.mkdir()
    file.write_text(line + "\n")
    assert breaches(file, tmp_path) == [said]


def test_the_interface_process_loads_neither_torch_nor_pandas() -> None:
    modules = [
        "app",
        *(
            f"explainer.{part}"
            for part in ("ui.shell", "ui.lesson", "ui.own_series", "player.routes", "figures", "runs.client")
        ),
    ]
    loaded = [name for name in modules if name not in ("app", "explainer.ui.shell")]
    code = f"import sys; import {', '.join(loaded)}; print({{'torch', 'pandas', 'pyarrow'}} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()", result.stderr
