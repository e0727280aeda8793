"""plotly.js from the installed plotly package: named by its version, compressed once, cached for good.

The package itself is not imported: figures are plain JSON here, and its Python half costs memory.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

_PLOTLY = distribution("plotly")
PLOTLY_ROUTE = f"api/plotly-{_PLOTLY.version}.js"


def plotly_path() -> Path:
    """Where the installed package keeps plotly.min.js."""
    return Path(str(_PLOTLY.locate_file("plotly/package_data/plotly.min.js")))


@cache
def plotly_script() -> bytes:
    """plotly.min.js, gzipped."""
    return gzip.compress(plotly_path().read_bytes(), compresslevel=6, mtime=0)
