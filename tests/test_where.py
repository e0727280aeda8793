"""What docs/design.md says of where things are: each file that it names is there, and what it names in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
DESIGN = (PROJECT / "docs" / "design.md").read_text()
ROWS = [
    row.strip("|").split("|")
    for row in DESIGN[DESIGN.index("## Where is …?") :].splitlines()
    if row.startswith("| ") and row != "| what | where |"
]


def places(cell: str) -> list[Path]:
    """The files that a cell names; of any lens, task or page, all of that form."""
    found: list[Path] = []
    for name in re.findall(r"`([\w<>/.]+\.(?:py|js|md))`", cell):
        pattern = re.sub(r"<\w+>", "*", name)
        below = [*(PROJECT / "explainer").glob(pattern), *PROJECT.glob(pattern)]
        assert below, name
        found += below
    return found


def test_there_are_twenty_and_more() -> None:
    assert len(ROWS) >= 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]).strip())
def test_it_is_where_it_is_said_to_be(row: list[str]) -> None:
    what, where = row
    files = places(where)
    assert files, what
    text = "".join(path.read_text() for path in files)
    for name in re.findall(r"`([A-Za-z_][\w.]*)`", what + where):
        if not name.endswith((".py", ".js", ".md")):
            assert name.rpartition(".")[2] in text, name


def test_a_place_that_is_not_there_is_found() -> None:
    with pytest.raises(AssertionError, match=r"families/cnn\.py"):
        places("`families/cnn.py`")
