"""A user's table: the hundred mutations of each real file, and what reading a large or a hostile one takes."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

from benchmarks.row import Row, Settings, at_most, unmeasured
from explainer.tables import Options, read_table
from tests.tables_mutated import FILES, TABLES, judged, mutated


def measure(settings: Settings) -> Iterator[Row]:
    """Mutations that are misread or refused without need, the slowest; then three files in the reader's process."""
    if TABLES is None:
        yield unmeasured("tables: mutations misread", "the real tables (../shared/data/tables) are not here")
    else:
        yield from _mutations(settings.pick(100, 2))
    yield from _files()


def _mutations(count: int) -> Iterator[Row]:
    assert TABLES is not None
    verdicts, slowest = {"meant": 0, "refused as meant": 0, "refused": 0, "wrong": 0}, 0.0
    for name in FILES:
        content = (TABLES / name).read_bytes()
        for seed in range(count):
            mutation = mutated(name, content, seed)
            verdict, _, seconds = judged(mutation)
            verdicts["refused as meant" if verdict == "refused" and mutation.values is None else verdict] += 1
            slowest = max(slowest, seconds)
    yield at_most("tables: mutations misread", verdicts["wrong"], 0, "tables", **verdicts)
    yield at_most("tables: mutations refused without need", verdicts["refused"], 0.03 * count * len(FILES), "tables")
    yield at_most("tables: slowest mutation", slowest, 10, "s of processor time")


def _files() -> Iterator[Row]:
    """Processor time and peak memory of the reader, pandas included, from the smallest to the largest."""
    hostile = ",".join(map(str, range(3000))) + "\n" + "".join(f"{k % 17}\n" for k in range(3000))
    small = "v\n" + "".join(f"{k % 17}.5\n" for k in range(200))
    large = "".join(f"{k % 977}.25,{k % 13},{k * 7 % 100}.5,{k % 5}\n" for k in range(99_000))
    wide = (",".join(f"{k}.25" for k in range(50)) + "\n") * 60_000
    for name, text, seconds in (
        ("200 rows", small, 2.0),
        ("3,000 cells over 3,000 rows", hostile, 2.0),
        ("99,000 rows of 4", large, 10.0),
        ("60,000 rows of 50", wide, 11.0),
    ):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.perf_counter()
        try:
            said = f"{len(read_table(text.encode(), Options(column='1')).values):,} values"
        except ValueError as error:
            said = str(error)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        details = {
            "MB": len(text) / 1e6,
            "wall": time.perf_counter() - begun,
            "said": said,
            "peak MB": after.ru_maxrss / 1e3,
        }
        yield at_most(f"tables: {name}", after.ru_utime - before, seconds, "s of processor time", **details)
