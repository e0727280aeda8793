"""`python -m benchmarks.claims [page ...]`: train what the Try tabs suggest, and compare it with their answers.

A table: page, words of the answer, stated, measured, ok, seconds. The exit status is 1 when something is not so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: each of the processes below has one thread

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.claims.claim import Answers, Row
from benchmarks.claims.experiments import experiments, pages

PROCESSES = 2
SLOW = ("memory_horizon", "beyond_the_length", "attention", "heads", "gates", "surgery", "layers")
"""Pages whose runs take longest: they come first, so that both processes end at about the same time."""


class Done(NamedTuple):
    """What came of one experiment."""

    page: str
    number: int
    rows: list[tuple[Row, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the claims. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description="Check what the pages answer.")
    parser.add_argument("names", nargs="*", metavar="page", help="such as gradients, or gradients:2; default, all")
    parser.add_argument("--folder", type=Path, help="keep trained runs here, and take those that are; default, none")
    parser.add_argument("--processes", type=int, default=PROCESSES, help=f"default, {PROCESSES}")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        chosen = list(_chosen(options.names))
    except ValueError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(options.processes) as pool:
            waiting = [pool.submit(check, page, number, folder) for page, number in chosen]
            done = []
            for future in as_completed(waiting):
                done.append(future.result())
                _show(done[-1])
    wrong = [(one, row) for one in sorted(done) for row, _ in one.rows if not row.ok]
    count = sum(len(one.rows) for one in done)
    print(f"\n{count - len(wrong)} of {count} are so, {time.perf_counter() - start:.0f} s")
    for one, row in wrong:
        print(f"NOT SO {one.page} {one.number}: {row.words!r} says {row.stated}, measured {row.measured}")
    return 1 if wrong else 0


def _chosen(names: Sequence[str]) -> list[tuple[str, int]]:
    known = pages()
    every = [(page, each.number) for page in sorted(known, key=_rank) for each in experiments(page)]
    if not names:
        return every
    asked = {tuple(name.partition(":")[::2]) for name in names}
    if unknown := sorted(page for page, _ in asked if page not in known):
        raise ValueError(f"{unknown[0]!r} is not one of: {', '.join(known)}")
    return [(page, number) for page, number in every if (page, "") in asked or (page, str(number)) in asked]


def _rank(page: str) -> int:
    return SLOW.index(page) if page in SLOW else len(SLOW)


def answers(page: str) -> Answers:
    """What is said of the experiments of a page."""
    found: Answers = import_module(f"benchmarks.claims.{page}").ANSWERS
    return found


def check(page: str, number: int, folder: Path) -> Done:
    """Measure all that is claimed of one experiment; what can't be measured is not so, and says why."""
    import torch

    from benchmarks.claims.lab import Lab

    torch.set_num_threads(1)
    lab = Lab(folder, lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    experiment, rows = experiments(page)[number - 1], []
    answer = answers(page)[number]
    for claim in (*answer.claims, *answer.questions):
        start = time.perf_counter()
        try:
            found = claim.rows(claim.measure(lab, experiment))
        except Exception as error:
            traceback.print_exc()
            found = [Row(claim.words, "", f"{type(error).__name__}: {error}", False)]
        seconds = time.perf_counter() - start
        rows += [(row, seconds if row is found[0] else 0.0) for row in found]
    return Done(page, number, rows)


def _show(done: Done) -> None:
    print(f"\n{done.page} {done.number}", flush=True)
    for row, seconds in done.rows:
        said = f"{row.words if len(row.words) <= 62 else row.words[:59] + '...':62}"
        print(
            f"  {said} {row.stated:>10} {row.measured:>12} {'ok' if row.ok else 'NOT SO':6} {seconds:6.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
