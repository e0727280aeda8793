"""Tables written otherwise: separator, marks, header, gaps, order, encoding …, each to be read as meant or refused.

`python -m tests.tables_mutated` writes a hundred of each file of `../shared/data/tables`, and counts. What is meant is
known here without the project: the files are read with `csv` and `float` by a description of each.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

PROJECT = Path(__file__).resolve().parents[1]
TABLES = next(
    (folder for parent in PROJECT.parents if (folder := parent / "shared" / "data" / "tables").is_dir()), None
)
MISSING_WORDS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "?", ".", "-", ":"]


@dataclass(frozen=True)
class Described:
    """How a real file is written, and what a person means by it.

    Attributes:
        separator: between cells; " " for runs of blanks.
        first: lines before the first row, the one of the names included.
        names: whether the last of them holds names.
        column: of the series, from 0.
        also: other columns that a person might mean.
        texts: columns that hold no plain numbers: dates and the like.
        missing: cell without a value, in the series.
        turned: newest first.
        values: rows.
        ends: first and last value as in the file; None for a missing one.
        lacking: rows without a value.
        left_out: times that have no row and are missing values.
    """

    separator: str
    first: int
    names: bool
    column: int
    values: int
    ends: tuple[float | None, float | None]
    also: tuple[int, ...] = ()
    texts: tuple[int, ...] = ()
    missing: str = ""
    turned: bool = False
    lacking: int = 0
    left_out: int = 0


FILES = {
    "R_AirPassengers.csv": Described(",", 1, True, 2, 144, (112, 432)),
    "R_presidents.csv": Described(",", 1, True, 2, 120, (None, 24), lacking=6),
    "R_airquality.csv": Described(",", 1, True, 3, 153, (7.4, 11.5), also=(1, 2, 4)),
    "silso_SN_m_tot_V2.0.csv": Described(";", 0, False, 3, 3242, (96.7, 0.8)),
    "uci_bike_day.csv": Described(",", 1, True, 15, 731, (985, 2729), also=(9, 10, 11, 12, 13, 14), texts=(1,)),
    "noaa2_co2_mm_mlo.csv": Described(",", 1, True, 3, 763, (315.7, 413.3)),
    "climate_temperature.txt": Described(" ", 22, False, 1, 270, (-1.285, 1.51), left_out=1),
    "investing_btc.csv": Described(",", 1, True, 1, 3468, (8746.6, 0.1), texts=(0,), turned=True),
    "darts_us_gasoline.csv": Described(",", 1, True, 1, 1578, (8864, 6621), texts=(0,), turned=True),
    "darts_ILINet.csv": Described(",", 1, True, 1, 1301, (1.10148, 2.56561), texts=(0,), left_out=4),
    "darts_monthly-milk-incomplete.csv": Described(",", 1, True, 1, 155, (589, 843), texts=(0,), left_out=13),
    "ag_seasonally_adjusted.csv": Described(",", 0, False, 1, 96, (687, 864), texts=(0,)),
    "darts_ice_cream_heater.csv": Described(",", 1, True, 2, 198, (13, 74), also=(1,), texts=(0,)),
    "mt_zeehan786.csv": Described(",", 1, True, 1, 3650, (20.7, 13), texts=(0,)),
    "cl_DGS10.csv": Described(",", 1, True, 1, 128, (2.23, 2.81), texts=(0,), missing=".", lacking=6),
}


def plain_rows(name: str, content: bytes) -> tuple[list[str], list[list[str]]]:
    """Names (a, b, … where the file has none) and the cells of a real file; numbers without thousands marks."""
    described = FILES[name]
    lines = content.decode("utf-8-sig").splitlines()
    if described.separator == " ":
        rows = [line.split() for line in lines[described.first :] if line.strip()]
    else:
        rows = [row for row in csv.reader(lines[described.first :], delimiter=described.separator) if row]
    if described.names:
        names = next(csv.reader([lines[described.first - 1]]))
    else:
        names = [chr(ord("a") + place) for place in range(len(rows[0]))]
    rows = [
        [cell.strip() if place in described.texts else cell.strip().replace(",", "") for place, cell in enumerate(row)]
        for row in rows
    ]
    return names, rows


def plain_values(name: str, rows: list[list[str]]) -> list[float | None]:
    """The series of a real file, as its rows stand there."""
    described = FILES[name]
    cells = [row[described.column] for row in rows]
    return [None if cell in ("", described.missing) else float(cell) for cell in cells]


@dataclass
class Mutation:
    """A table written anew.

    Attributes:
        content: bytes of the file.
        column: of the series, from 1.
        values: oldest first, without those missing at both ends, gaps filled by straight lines; None: to be refused.
        how: what was done.
    """

    content: bytes = b""
    column: int = 0
    values: list[float] | None = None
    how: dict[str, object] = field(default_factory=dict)


def straight(values: list[float | None]) -> list[float]:
    """Missing values on straight lines between neighbours; those at the ends cut off."""
    known = [place for place, value in enumerate(values) if value is not None]
    found = []
    for left, right in pairwise(known):
        a, b = values[left], values[right]
        assert a is not None
        assert b is not None
        found += [a + (b - a) * step / (right - left) for step in range(right - left)]
    last = values[known[-1]]
    assert last is not None
    return [*found, last]


def mutated(name: str, content: bytes, seed: int) -> Mutation:
    """One of the ways to write a file; the same for the same seed."""
    draw, described = random.Random(f"{name}/{seed}"), FILES[name]
    names, rows = plain_rows(name, content)
    size = draw.choice([len(rows), min(len(rows), draw.randrange(90, 400))])
    rows = [list(row) for row in rows[:size]]
    result = Mutation(column=described.column + 1)
    _lose_values(result, draw, rows, plain_values(name, rows), described)
    if described.turned != (reverse := draw.random() < 0.4):
        rows.reverse()
    newest_first = reverse
    how: dict[str, object] = {"newest first": newest_first, "rows": len(rows)}
    blank_free = not any(" " in cell or not cell for row in rows for cell in row)
    separator = draw.choice([",", ";", "\t", "|", *([" "] if blank_free else [])])
    decimal = draw.choice([".", ","])
    fractions = any("." in row[place] for row in rows for place in range(len(row)) if place not in described.texts)
    choices = {".": ["", ",", "'", "\u00a0"], ",": ["", "."] if fractions else [""]}[decimal]
    thousands = draw.choice(choices)
    parentheses = draw.random() < 0.15
    encoding = draw.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252", "gb18030"])
    minus = "-" if encoding == "cp1252" else draw.choice(["-", "−"])
    unit = draw.choice(["", "", "", "$", "%"])
    column = described.column
    for row in rows:
        for place in range(len(row)):
            if place not in described.texts:
                mine = place == column
                row[place] = _written(
                    row[place], decimal, thousands if mine else "", parentheses and mine, minus, unit if mine else ""
                )
    how |= {"separator": separator, "decimal": decimal, "thousands": thousands, "minus": minus, "unit": unit}
    header = draw.random() < 0.7
    label = {"cp1252": "Höhe °", "gb18030": "气温高度", "utf-16": "高さ é"}.get(encoding, "Größe 温")
    names = [*names]
    names[column] = f"{names[column][:30]} {label}".replace(" ", "_" if separator == " " else " ")
    if separator == " ":
        names = [each.replace(" ", "_") for each in names]
    text = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if draw.random() < 0.2 else csv.QUOTE_MINIMAL
    tail = [""] if draw.random() < 0.2 and separator != " " else []
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n")
    titles, comments, footers = draw.choice([0, 0, 1, 2]), draw.choice([0, 0, 3]), draw.choice([0, 0, 1])
    text.write("".join(f"Report {number} of the office\n" for number in range(titles)))
    text.write("".join(f"# made by hand, {number}, see below\n" for number in range(comments)))
    text.write("\n" * draw.choice([0, 0, 1]))
    if separator == ";" and not titles and not comments and draw.random() < 0.3:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n")
        text.write("sep=;\n")
    if header:
        writer.writerow([*names, *tail])
    writer.writerows([*row, *tail] for row in rows)
    text.write("Source: the office of statistics\n" * footers)
    how |= {"header": header, "titles": titles, "comments": comments, "footers": footers, "encoding": encoding}
    how |= {"trailing separator": bool(tail), "quoted": quoting == csv.QUOTE_ALL, "parentheses": parentheses}
    ending = draw.choice(["\n", "\r\n", "\r"])
    result.content = text.getvalue().replace("\n", ending).encode(encoding)
    result.how |= how
    return result


def _lose_values(
    result: Mutation, draw: random.Random, rows: list[list[str]], values: list[float | None], described: Described
) -> None:
    """Put gaps into the series; the values that are meant follow, oldest first. A gap of more than 5 is to be refused."""
    word = draw.choice(MISSING_WORDS)
    gaps = draw.choice([[], [], [1], [2, 4], [5], [9]])
    place = 5
    for length in gaps:
        place += draw.randrange(3, 12)
        for row in range(place, place + length):
            rows[row][described.column], values[row] = word, None
        place += length
    result.how |= {"gaps": gaps, "word": word}
    ordered = values[::-1] if described.turned else values
    result.values = straight(ordered) if _longest(ordered) <= 5 else None


def _longest(values: list[float | None]) -> int:
    """Most missing values in a run between two known ones."""
    runs, run, begun = [0], 0, False
    for value in values:
        if value is None:
            run += begun
        else:
            runs.append(run)
            run, begun = 0, True
    return max(runs)


def _written(cell: str, decimal: str, thousands: str, parentheses: bool, minus: str, unit: str) -> str:
    """A plain number in another hand; what is none stays."""
    try:
        value = float(cell)
    except ValueError:
        return cell.replace(".", decimal) if cell[:1].isdigit() and cell[-1:] in "KM%" else cell
    if cell.lower() in ("nan", "na"):
        return cell
    whole, point, rest = cell.lstrip("+-").partition(".")
    if thousands and len(whole) > 3:
        groups = []
        while whole:
            groups.append(whole[-3:])
            whole = whole[:-3]
        whole = thousands.join(reversed(groups))
    body = whole + (decimal + rest if point else "")
    body = {"$": f"${body}", "%": f"{body}%"}.get(unit, body)
    if cell.startswith("-") and value <= 0:
        return f"({body})" if parentheses else minus + body
    return body


def judged(mutation: Mutation) -> tuple[str, str, float]:
    """("meant" | "refused" | "wrong", sentence, seconds of processor time) of a mutation."""
    from explainer.tables.options import Options
    from explainer.tables.understand import understand

    begun = time.process_time()
    try:
        table = understand(mutation.content, Options(column=str(mutation.column)))
        series = table.series()
    except ValueError as error:
        return "refused", str(error), time.process_time() - begun
    seconds = time.process_time() - begun
    if mutation.values is None:
        return "wrong", f"a long gap was filled: {table.said()}", seconds
    if table.left_out:
        lost = set(series.filled)
        known = [value for place, value in enumerate(series.values) if place not in lost]
        close = _is_subsequence(known, mutation.values)
    else:
        close = len(series.values) == len(mutation.values) and all(
            abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(series.values, mutation.values, strict=True)
        )
    return ("meant" if close else "wrong"), "; ".join(table.said()), seconds


def _is_subsequence(known: list[float], meant: list[float]) -> bool:
    """Whether the known values are the meant ones in their order, but for those that were filled in."""
    rest = iter(meant)
    return len(known) > 0.6 * len(meant) and all(any(abs(value - other) < 1e-9 for other in rest) for value in known)


def main(count: int = 100) -> int:
    """Judge `count` mutations of each file; print how many were read as meant, refused and wrong."""
    assert TABLES is not None, "the tables are not here"
    wrong = 0
    for name in FILES:
        content = (TABLES / name).read_bytes()
        found: dict[str, int] = {"meant": 0, "refused": 0, "wrong": 0}
        intended, slowest = 0, 0.0
        for seed in range(count):
            mutation = mutated(name, content, seed)
            verdict, sentence, seconds = judged(mutation)
            found[verdict] += 1
            intended += verdict == "refused" and mutation.values is None
            slowest = max(slowest, seconds)
            if verdict == "wrong" or (verdict == "refused" and mutation.values is not None and "-v" in sys.argv):
                print(f"  {name} {seed} {verdict}: {sentence}\n    {mutation.how}")
        wrong += found["wrong"] + (slowest > 10)
        print(f"{name:36} {found} refused as meant: {intended}; slowest {slowest:.2f} s", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(int(next((word for word in sys.argv[1:] if word.isdigit()), 100))))
