"""`python -m tests.portable [--quick] [name ...]`: the tests without a browser, under other processors' arithmetic.

`--quick` takes two arithmetics, and the test files that need no store and no page: what computes. The exit status is 1
when a test fails under one of them, or fewer than two can be imitated here.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.arithmetic import ARITHMETICS, environment, missing

TESTS = Path(__file__).parent
QUICK = ("haswell", "oldest")
SURROUNDINGS = (
    "explainer.headless",
    "explainer.player",
    "explainer.runs.client",
    "explainer.runs.store",
    "explainer.runs.worker",
    "explainer.ui",
    "streamlit",
)
"""Modules that a test of numbers does without."""
LONG = ("test_operated_lenses.py",)
"""Minutes by itself: for the whole round alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests under each arithmetic. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.portable", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ARITHMETICS, []], help="default, all")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)}, and what is quick")
    options = parser.parse_args(arguments)
    files = computing() if options.quick else every()
    failed, ran = [], 0
    for name in options.names or (QUICK if options.quick else ARITHMETICS):
        reason = missing(name)
        if reason:
            print(f"{name}: not to be had on this machine: {reason}", flush=True)
            continue
        ran += 1
        print(f"{name}: {len(files)} files", flush=True)
        start = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *map(str, files)]
        status = subprocess.run(command, env=environment(name), cwd=TESTS.parent, check=False).returncode
        print(f"{name}: {'failed' if status else 'passed'} in {time.monotonic() - start:.0f} s", flush=True)
        failed += [name] if status else []
    least = min(2, len(options.names) or 2)
    if ran < least:
        print(f"Only {ran} of these can be imitated here, too few to say anything.")
    elif failed:
        print(f"Failed under: {', '.join(failed)}.")
    else:
        print(f"Passed under all {ran}.")
    return int(bool(failed) or ran < least)


def every() -> list[Path]:
    """All test files but those of the browser."""
    return sorted(TESTS.glob("test_*.py"))


def computing() -> list[Path]:
    """The test files that import nothing of the surroundings, but for long ones."""
    files = [path for path in every() if path.name not in LONG]
    return [path for path in files if not any(_within(name) for name in imported(path))]


def imported(path: Path) -> set[str]:
    """The modules that a file imports, and the names that it takes from them, dotted."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _within(name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in SURROUNDINGS)


if __name__ == "__main__":
    sys.exit(main())
