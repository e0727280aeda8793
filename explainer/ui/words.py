"""Text that people typed, on a page that reads Markdown."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:^=&])")


def literal(text: str) -> str:
    """`text` as Markdown that shows exactly these characters: no link, emphasis, formula, icon or colour."""
    return _MARKUP.sub(r"\\\1", text.replace("\n", " "))
