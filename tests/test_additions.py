"""A family, a task and a lens from outside: added by a name in the environment, and found wherever one of the app's own is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from explainer.extensions import VARIABLE
from explainer.headless.reference import reference

PROJECT = Path(__file__).resolve().parents[1]
WORKED = PROJECT / "CONTRIBUTING.md"
NAMES = ("leaky", "evens", "largest")
CONTRACTS = ("tests/test_families.py", "tests/test_problems.py", "tests/test_lenses.py", "tests/test_sizes.py")


def run_with_toys(*words: str) -> str:
    """The last lines of a test run in a process that has the additions."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=PROJECT,
        env={**os.environ, VARIABLE: "tests.toys"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-6000:]
    return result.stdout


def test_an_addition_is_trained_recorded_resumed_drawn_and_found_everywhere() -> None:
    passed = re.search(r"(\d+) passed", run_with_toys("tests/toys/checks.py"))
    assert passed
    assert int(passed[1]) >= 12


def test_the_contracts_of_the_registries_hold_for_each_addition() -> None:
    """The same tests as of the app's own entries; each addition is among them."""
    said = run_with_toys("-vv", "-k", " or ".join(NAMES), *CONTRACTS)
    assert {name: bool(re.search(rf"\[[^]]*{name}[^]]*\] PASSED", said)) for name in NAMES} == dict.fromkeys(
        NAMES, True
    )


def test_nothing_of_it_is_there_without_its_name() -> None:
    assert VARIABLE not in os.environ
    assert not re.search("leaky|evens|largest", reference(), re.IGNORECASE)


def test_a_name_that_is_not_there_is_one_sentence() -> None:
    words = [sys.executable, "-m", "explainer", "--version"]
    environment = {**os.environ, VARIABLE: "nowhere.at.all"}
    result = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == (
        f"{VARIABLE} names 'nowhere.at.all', which is not to be found. Put it on Python's path, or leave it out.\n"
    )


def test_the_reference_is_what_the_registries_say() -> None:
    """`python -m explainer reference > docs/reference.md` writes it."""
    assert (PROJECT / "docs" / "reference.md").read_text() == reference()


def test_the_worked_example_is_the_code_that_is_tested() -> None:
    """Each block of CONTRIBUTING.md that names a file is that file, whole."""
    blocks = re.findall(
        r"^`(tests/toys/[\w/]+\.py)`:\n\n```python\n(.*?)```$", WORKED.read_text(), re.MULTILINE | re.DOTALL
    )
    assert {name for name, _ in blocks} == {
        f"tests/toys/{name}.py"
        for name in (
            "families", "cells", "tasks", "evens", "lenses",
            "largest/__init__", "largest/record", "largest/look", "largest/notes", "largest/panels",
        )
    }  # fmt: skip
    for name, code in blocks:
        assert code == (PROJECT / name).read_text(), name
