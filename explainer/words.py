"""Words in sentences: lists, counts, and text from outside on a page that reads Markdown, such as what people typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:^=&])")

_BREAKS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")
# What remark and Streamlit look for once more in the text that is left when escapes have been read: addresses of pages and
# of mail, the names of icons and emojis between colons, arrows and dashes.
_FOUND_LATER = re.compile(
    r"(?:https?|ftp|mailto|xmpp):(?=.)|www(?=\.)|@(?=.)|:(?=[\w+\-/]+:)|<(?=-)|-(?=[->])|[><~](?==)",
    re.IGNORECASE,
)
ESTIMATE = "computed now · an estimate"
OF_DATA = "computed now · your own data"
"""Where an expected duration, and what is said of a user's data, comes from: see `charts.source`."""
JOINER = "\u2060"
"""The word joiner: it has no width, and parts what would be found."""


def listed(parts: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def counted(count: int, noun: str) -> str:
    """A whole number and what it counts, whose plural ends in s: 1 step, 12,000 steps."""
    return f"{count:,} {plural(count, noun)}"


def plural(count: int, noun: str) -> str:
    """The noun alone, as it stands after the number."""
    return noun if count == 1 else f"{noun}s"


def literal(text: str) -> str:
    """`text` as Markdown that shows these characters and no others: no link, emphasis, formula, icon or colour.

    A break of a line becomes a space. Where a mark alone would not do, an invisible `JOINER` parts the characters.
    """
    parted = _FOUND_LATER.sub(lambda found: found[0] + JOINER, _BREAKS.sub(" ", text).lstrip(" "))
    return _MARKUP.sub(r"\\\1", parted)


def marked(sentence: str, source: str) -> str:
    """A sentence in Markdown with the player’s quiet mark of where its numbers come from (`charts.source`)."""
    return f"{sentence} :small[{literal(source)}]"
