"""plotly.js from the installed plotly package: named by its version, compressed once, cached for good."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import plotly

PLOTLY_ROUTE = f"api/plotly-{plotly.__version__}.js"


@cache
def plotly_script() -> bytes:
    """plotly.min.js, gzipped."""
    path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
