"""plotly.js from the installed plotly package: named by its version, compressed once, cached for good.

The package itself is not imported: figures are plain JSON here, and its Python half costs memory.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

_PLOTLY = distribution("plotly")
_OPENING = b': this, () => {\n"use strict";'
PLOTLY_ROUTE = f"api/plotly-{_PLOTLY.version}.js"


def plotly_path() -> Path:
    """Where the installed package keeps plotly.min.js."""
    return Path(str(_PLOTLY.locate_file("plotly/package_data/plotly.min.js")))


@cache
def plotly_script() -> bytes:
    """plotly.min.js, gzipped."""
    return gzip.compress(called_at_once(plotly_path().read_bytes()), compresslevel=6, mtime=0)


def called_at_once(script: bytes) -> bytes:
    """The script with its one big function in parentheses, which tells a browser that it is called at once.

    V8 reads such a function while the script still arrives, beside the page's own work; without the
    parentheses it skims it first, and reads it again, in the page's way, when it is called (a fifth of
    the time that plotly.js takes to start). A script of another shape is left as it is.
    """
    head, opening, body = script.partition(_OPENING)
    body, closing, rest = body.rpartition(b"}));")
    if not opening or not closing or rest.strip():
        return script
    return b"".join((head, _OPENING.replace(b"() =>", b"(() =>"), body, b"})));", rest))
