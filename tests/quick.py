"""`python -m tests.quick [pytest's options]`: what computes and takes seconds, in under a minute, for a look between two edits."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from tests.portable import computing

LONGER = ("beyond_the_length", "costs", "lenses", "probes", "readings_extremes", "readings_gradients", "surgery")
"""Test files of numbers that take several seconds or more each."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run them in two processes. Returns the exit status."""
    files = [str(path) for path in computing() if path.stem.removeprefix("test_") not in LONGER]
    return pytest.main(["-q", "-n", "2", "--dist", "loadfile", *files, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
