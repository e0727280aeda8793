"""requirements.lock: what a host installs is what requirements.txt asks for, each file by its hash."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
LOCK = (PROJECT / "requirements.lock").read_text()
WANTED = [
    Requirement(line.partition("#")[0]) for line in (PROJECT / "requirements.txt").read_text().splitlines()
    if line.partition("#")[0].strip()
]  # fmt: skip


def pinned(text: str) -> dict[str, tuple[str, list[str]]]:
    """Of each package its version and hashes.

    Raises:
        ValueError: a line is something else.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.startswith(("#", "--extra-index-url https://download.pytorch.org/whl/cpu")):
            continue
        match = re.fullmatch(r"([\w.-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", entry)
        if match is None:
            raise ValueError(entry)
        found[canonicalize_name(match[1])] = (match[2], re.findall(r"[0-9a-f]{64}", match[3]))
    return found


def test_every_requirement_is_pinned_to_a_version_that_satisfies_it() -> None:
    locked = pinned(LOCK)
    assert len(WANTED) >= 7
    for wanted in WANTED:
        version, hashes = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), (wanted, version)
        assert hashes
    assert locked["torch"][0].endswith("+cpu"), "a host has no use for the GPU's libraries"
    assert not any(name.startswith("nvidia") for name in locked)


def test_what_streamlit_and_torch_need_is_pinned_too() -> None:
    assert {"pandas", "starlette", "uvicorn", "sympy", "setuptools"} <= pinned(LOCK).keys()


def test_the_lock_names_no_place_but_pytorchs_index() -> None:
    assert re.findall(r"\w+://[^\s/]+", LOCK) == ["https://download.pytorch.org"]
    assert "/opt" not in LOCK
    assert "file://" not in LOCK
