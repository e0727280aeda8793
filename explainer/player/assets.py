"""The scripts that a page fetches from us, each compressed once and cached for good: plotly.js and the player.

plotly.js is named by the installed package's version. The package itself is not imported: figures are plain JSON here, and its
Python half costs memory. The player is ES modules without a build step, named by a hash of all of them. Where there is nothing
to fetch from, modules are `joined` into one script.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

_PLOTLY = distribution("plotly")
_OPENING = b': this, () => {\n"use strict";'
PLOTLY_ROUTE = f"api/plotly-{_PLOTLY.version}.js"

MODULES = Path(__file__).parent / "modules"
_IMPORT = re.compile(r'^import .* from "\./(.*)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def imported(*names: str) -> list[str]:
    """These modules and all that they import, each behind those that it imports."""
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys([*imported(*_IMPORT.findall((MODULES / name).read_text())), name])
    return list(found)


PLAYER = tuple(imported("main.js"))


def _hash() -> str:
    content = hashlib.sha256()
    for name in PLAYER:
        content.update(name.encode() + b"\0" + (MODULES / name).read_bytes())
    return content.hexdigest()[:16]


PLAYER_ROUTE = f"api/player/{_hash()}"
HINTS = {PLOTLY_ROUTE: "rel=preload; as=script"} | {f"{PLAYER_ROUTE}/{name}": "rel=modulepreload" for name in PLAYER}
"""What a browser is to fetch as soon as it hears of a page, and how."""


def joined(*names: str) -> str:
    """Modules with all that they import as one script, for where no server has them: their top-level names are all unlike."""
    texts = ((MODULES / name).read_text() for name in imported(*names))
    return "".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


@cache
def player_module(name: str) -> bytes:
    """A module of the player, gzipped."""
    return gzip.compress((MODULES / name).read_bytes(), mtime=0)


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
