"""A table named on the command line: read in a process of its own, and what was understood of it in words."""

from __future__ import annotations

from pathlib import Path

from explainer.headless.request import content_of
from explainer.tables import Options, Understanding, read_table
from explainer.tables.process import most_bytes

_WIDE = 28


def understood(path: Path, options: Options) -> Understanding:
    """What a file means.

    Raises:
        ValueError: it can't be read, is too large, or is no table with numbers.
    """
    return read_table(content_of(path, most_bytes(), "reads {0}. Keep fewer columns."), options)


def in_words(path: Path, table: Understanding) -> str:
    """All that was understood: the sentences of the page, the columns, and the first and last rows."""
    lines = [f"{path.name}:", *(f"  {sentence}" for sentence in table.said()), "Columns:"]
    for column in table.columns:
        name = f"{column.name[:_WIDE]!r}"
        lines.append(
            f"  {column.number:>3}  {name:<{_WIDE + 2}}  {column.kind:<9}  {column.reason}; {column.missing:,} missing, "
            f"from {column.first or '(empty)'} to {column.last or '(empty)'}"
        )
    lines.append("Rows:")
    for place, row in enumerate((*table.head, *table.tail)):
        if place == len(table.head) and table.rows > len(table.head) + len(table.tail):
            lines.append("  …")
        lines.append(f"  line {row.line:>6}: {' | '.join(row.cells)}")
    return "\n".join(lines)
