"""`python -m benchmarks [name ...]`: measure, and print one JSON object with all rows at the end.

Names choose what is measured (`--list` shows them); default, everything, which takes half
an hour. Measure on a machine that does nothing else. The exit status is 1 when a number misses its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.recipes import DEFAULT_TEXT
from benchmarks.row import Missing, Row, Settings, say, unmeasured

#: Each measurement: where it is, and what it says. Imported when its turn comes, since some need torch.
BENCHES: dict[str, tuple[str, str]] = {
    "recording": ("recording.measure", "training with everything recorded against a bare loop"),
    "nanogpt": ("nanogpt.measure", "nanoGPT's CPU recipe: validation loss, and speed against a plain loop"),
    "click": ("pages.measure_click", "warm click on Train to the first new frame, in Chromium"),
    "cold": ("pages.measure_cold", "cold page to its first figure, in Chromium"),
    "crowd": ("crowd.measure", "30 clients on a live run: updates, and the speed that training keeps"),
    "scrub": ("scrubbing.measure", "a tape of 200 frames scrubbed end to end, in Chromium"),
    "answers": ("looking.measure_answers", "a viewer's own input, to its answer"),
    "waiting": ("asking.measure_waiting", "a tape while thirty questions wait for a stopped worker"),
    "loopers": ("asking.measure_loopers", "the speed that training keeps beside fifty visitors who ask in a loop"),
    "largest": ("asking.measure_largest", "memory of the interface, twelve viewers at once of the largest views"),
    "views": ("looking.measure_views", "the gradient matrix and the biography of heads"),
    "looking": ("looking.measure_share", "the share of a watched run's time that looking takes"),
    "moments": ("looking.measure_moments", "moments of own runs, and the share of looking in their time"),
    "sharing": ("sharing.measure", "what a neighbour keeps beside the heaviest look, and the size of looks"),
    "estimates": ("estimates.measure", "two hundred random runs against their estimates"),
    "memory": ("memory.measure", "memory of both processes after ten runs"),
    "host": ("hosting.measure", "a small host waking up: memory and time to the first figure on a share of a core"),
    "tables": ("tables.measure", "tables of a user: mutations of real files, and the reader's time and memory"),
    "induction": ("induction.measure", "induction lesson, from the click to its heads"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the project promises.")
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure; default, everything")
    parser.add_argument("--list", action="store_true", help="show the names and end")
    parser.add_argument("--text", type=Path, help="tinyshakespeare; default, UNROLLED_BENCH_TEXT")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    options = parser.parse_args(arguments)
    if options.list:
        for name, (_, meaning) in BENCHES.items():
            print(f"{name:10} {meaning}")
        return 0
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"{unknown[0]!r} is not one of: {', '.join(BENCHES)}")

    settings = Settings(text_file(options.text), options.quick)
    rows: list[Row] = []
    start = time.perf_counter()
    for name in options.names or BENCHES:
        say(f"{name}: {BENCHES[name][1]}")
        rows += measured(name, settings)
    answer = {
        "ok": all(row.ok for row in rows),
        "quick": options.quick,
        "seconds": round(time.perf_counter() - start),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "rows": [row.to_dict() for row in rows],
    }
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0 if answer["ok"] else 1


def measured(name: str, settings: Settings) -> Iterator[Row]:
    """The rows of one measurement; one that says why, when it can't be made."""
    module, function = BENCHES[name][0].split(".")
    measure: Callable[[Settings], Iterator[Row]] = getattr(import_module(f"benchmarks.{module}"), function)
    try:
        for row in measure(settings):
            say(f"{'ok  ' if row.ok else 'MISS'} {row.name}: {row.measured} {row.unit} ({row.required})")
            yield row
    except Missing as error:
        say(f"MISS {name}: {error}")
        yield unmeasured(name, str(error))
    except Exception as error:  # the others are measured all the same
        traceback.print_exc()
        yield unmeasured(name, f"{type(error).__name__}: {error}")


def text_file(given: Path | None) -> Path | None:
    """The file for the language model: as given, as the environment names it, or the usual place; None if absent."""
    if given is None:
        named = os.environ.get("UNROLLED_BENCH_TEXT", "")
        given = Path(named) if named else DEFAULT_TEXT
    return given if given.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
