"""A sweep's outcomes in one small file: what ships with the project, so that its page opens with results.

zlib over one safetensors file: the records' arrays under "number/first or last/lens/field", and as
metadata the sweep, and of each run its status, final numbers and the records' texts. Loading never
runs anything in it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from explainer import upgrade
from explainer.records import to_arrays
from explainer.runs.outcomes import Outcome
from explainer.runs.rows import check_meta
from explainer.runs.tape import VIEW, decode, encode, marked, read_record, renewed
from explainer.runs.tape_file import SHIPPED, WRONG
from explainer.sweep import Sweep

NAME = "unrolled sweep"
FORMAT = f"{NAME} {upgrade.today(upgrade.SWEEP_FILE)}"
SUFFIX = ".sweep"
LARGEST = 16_000_000
META = ("metric", "baseline", "baseline_name", "lower_is_better", "parameters")


def save_outcomes(path: Path, sweep: Sweep, outcomes: Sequence[Outcome]) -> int:
    """Write a sweep and its outcomes; the same ones give the same bytes. Returns the file's size."""
    arrays: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for number, outcome in enumerate(outcomes):
        texts: dict[str, dict[str, str]] = {}
        for when, records in (("first", outcome.first), ("last", outcome.last)):
            for lens, record in records.items():
                place = f"{number:03d}/{when}/{lens}"
                fields, text = to_arrays(record)
                texts[place] = {**text, **marked(VIEW + lens)}
                arrays |= {f"{place}/{name}": _small(array) for name, array in fields.items()}
        rows.append(
            {
                "status": outcome.status,
                "step": outcome.step,
                "final": dict(outcome.final),
                "meta": {name: outcome.meta[name] for name in META if name in outcome.meta},
                "texts": texts,
            }
        )
    row = {upgrade.FORMAT: FORMAT, "sweep": sweep.to_json(), "runs": rows}
    body = zlib.compress(encode(arrays, {"sweep": json.dumps(row, sort_keys=True)}), 9)
    path.write_bytes(body)
    return len(body)


def load_outcomes(path: Path) -> tuple[Sweep, list[Outcome]]:
    """The inverse of `save_outcomes`.

    Raises:
        ValueError: not such a file, a damaged one, or one of a newer version.
    """
    try:
        unpack = zlib.decompressobj()
        content = unpack.decompress(path.read_bytes(), LARGEST)
        if unpack.unconsumed_tail or not unpack.eof:
            raise ValueError("it is cut off or too large")
        arrays, metadata = decode(content)
        row = json.loads(metadata["sweep"])
        name, _, form = str(row[upgrade.FORMAT]).rpartition(" ")
        if name != NAME:
            raise ValueError(f"its format is {row[upgrade.FORMAT]!r}, and this version reads {FORMAT!r}")
        row = upgrade.upgraded({**row, "arrays": arrays, upgrade.FORMAT: form}, upgrade.SWEEP_FILE, "It")
        sweep = Sweep.from_json(row["sweep"])
        outcomes = [
            Outcome(
                config=config,
                **_checked(run),
                first=_records(f"{number:03d}/first/", run["texts"], row["arrays"]),
                last=_records(f"{number:03d}/last/", run["texts"], row["arrays"]),
            )
            for number, (config, run) in enumerate(zip(sweep.configs, row["runs"], strict=True))
        ]
    except upgrade.Newer as error:
        raise ValueError(f"{path.name}: {error}") from error
    except (zlib.error, *WRONG) as error:
        raise ValueError(f"{path.name} is not a sweep of this project ({error}). Make the tapes again.") from error
    return sweep, outcomes


def _checked(run: Any) -> dict[str, Any]:
    """Status, step and numbers of one run; a ValueError where they are not of the types that `save_outcomes` writes."""
    found = {name: run[name] for name in ("status", "step", "final", "meta")}
    kinds = (str, int, dict, dict)
    if any(type(value) is not kind for value, kind in zip(found.values(), kinds, strict=True)):
        raise ValueError("a run's status, step or numbers are of another type")
    check_meta({**found["meta"], "final": found["final"]})
    return found


def shipped(lesson: str) -> Path:
    """The file of a lesson's sweep."""
    return SHIPPED / f"{lesson}{SUFFIX}"


def _small(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.ndim and array.dtype == np.float64 else array


def _records(prefix: str, texts: dict[str, dict[str, str]], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    records: dict[str, Any] = {}
    for place, text in texts.items():
        if place.startswith(prefix):
            lens = place.removeprefix(prefix)
            fields = {
                name.removeprefix(f"{place}/"): array for name, array in arrays.items() if name.startswith(f"{place}/")
            }
            records[lens] = read_record(lens, *renewed(VIEW + lens, fields, text))
    return records
