"""A run under another processor's arithmetic really has it, and what checks that can fail."""

from __future__ import annotations

import os

import pytest

from tests import portable
from tests.arithmetic import ARITHMETICS, CHOSEN, in_force, unlike


def test_this_run_has_the_arithmetic_that_it_was_given() -> None:
    chosen = os.environ.get(CHOSEN, "")
    assert not chosen or unlike(chosen, in_force()) == ""


@pytest.mark.parametrize("name", ARITHMETICS)
def test_a_setting_that_was_ignored_is_seen(name: str) -> None:
    ignored = {"openblas": "Sandybridge", "numpy": ["X86_V3", "X86_V4"], "torch": "AVX512"}
    assert unlike(name, ignored)


def test_the_oldest_arithmetic_is_recognised() -> None:
    assert unlike("oldest", {"openblas": "Nehalem", "numpy": [], "torch": "DEFAULT"}) == ""


def test_what_computes_is_among_the_quick_ones_and_what_needs_a_store_is_not() -> None:
    names = {path.name for path in portable.computing()}
    assert {"test_phase.py", "test_jacobian.py", "test_encodings.py", "test_pca.py"} <= names
    assert not names & {"test_store.py", "test_worker.py", "test_lesson_pages.py"}
    assert len(names) > 20
