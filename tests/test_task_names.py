"""Shared code asks a task what it is, and never which: its name stands in its own folder, and in what is about runs of it."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from explainer.tasks import TASKS, OfData

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "explainer"
#: The registry; recordings of particular runs; what older versions wrote.
OWN = ("tasks/__init__.py", "lessons.py", "upgrade.py", "runs/migrations.py")
#: Words that mean something else, too: a name of a task only where a task is asked for.
COMMON = {"text", "copy", "words", "string", "count", "recall", "parity", "brackets"} & TASKS.keys()
NAMES = TASKS.keys() - COMMON
ORDINARY = {
    "keys",
    "pairs",
    "items",
    "kinds",
    "depth",
    "scale",
    "ignore",
    "permutations",
}  # knobs that mean something else, too
KNOBS = {each.name for problem in TASKS.values() for each in fields(problem)} - {each.name for each in fields(OfData)}
KNOBS -= ORDINARY
CLASSES = {problem.__name__ for problem in TASKS.values()}

FOLDERS = {problem.made_by.split(".")[2] for problem in TASKS.values() if problem.made_by.startswith("explainer.")}

SHARED = [
    path
    for path in sorted([*PACKAGE.rglob("*.py"), *(PROJECT / "pages").glob("*.py"), PROJECT / "app.py"])
    if str(path.relative_to(PACKAGE if PACKAGE in path.parents else PROJECT)) not in OWN
    and path.parent.name not in FOLDERS
]


def named(source: str) -> list[str]:
    """Where a source names a task, its class or a knob that only some tasks have.

    An experiment under Try leads to one particular run, and may say which.
    """
    tree = ast.parse(source)
    about_a_run = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Experiment"
        for inner in ast.walk(node)
    }
    found = [node for node in ast.walk(tree) if node not in about_a_run and not isinstance(node, ast.Module)]
    return [f"{getattr(node, 'lineno', 0)}: {ast.unparse(node)}" for node in found if _names(node)]


def _names(node: ast.AST) -> bool:
    match node:
        case ast.Constant(str(word)):
            return word in NAMES | KNOBS
        case ast.ImportFrom(str(module), names):
            return module.split(".")[:2] == ["explainer", "tasks"] and bool(
                {*module.split(".")[2:], *(each.name for each in names)} & (FOLDERS | CLASSES)
            )
        case ast.Compare(left, _, others):
            sides = [left, *others]
            return any(ast.unparse(side).endswith(("task", "task']")) for side in sides) and any(map(_common, sides))
        case ast.keyword("task", value):
            return any(map(_common, [value]))
        case ast.Dict(keys, values):
            asked = [value for key, value in zip(keys, values, strict=True) if key and ast.unparse(key) == "'task'"]
            return any(map(_common, asked))
        case ast.Subscript(value, word):
            return _common(word) and ast.unparse(value).endswith("TASKS")
    return False


def _common(node: ast.AST) -> bool:
    """Whether a word that is a task's among others stands there."""
    return any(isinstance(inner, ast.Constant) and inner.value in COMMON for inner in ast.walk(node))


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(PROJECT)))
def test_shared_code_names_no_task(path: Path) -> None:
    assert named(path.read_text(encoding="utf-8")) == []


WRONG = (
    *(f"if config.task {sign}:\n    pass" for sign in ('== "adding"', '!= "text"', 'in ("text", "other")')),
    'run["task"] == "text"',
    'RunConfig(task="text")',
    '{"task": "copy", "length": 3}',
    'WORDS = {"repeat": 1}',
    'config["bits"]',
    'TASKS["copy"]',
    "from explainer.tasks.copy import RECALLED",
    "from explainer.tasks import TextProblem",
)


@pytest.mark.parametrize("source", WRONG)
def test_a_name_of_a_task_is_found(source: str) -> None:
    assert len(named(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '{"title": {"text": "time step t"}}',
        'content.kind == "text"',
        "from explainer.tasks import TASKS",
        'Experiment("Copy.", {"task": "copy", "bits": "2"}, "No.")',
        "config.task == other.task",
    ],
)
def test_other_words_are_left_alone(source: str) -> None:
    assert named(source) == []
