"""Text from outside as Markdown: exactly its characters, and nothing that anybody would make something of."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.words import JOINER, literal

sys.path.append(str(Path(__file__).parent / "browser"))
from nasty import PIECES, corpus

#: What remark, its plugins and Streamlit look for in text whose escapes have been read: GFM's addresses, remark-emoji's
#: names, Streamlit's icons, its logo and its signs, as they stand in their sources.
LOOKED_FOR = (
    r"(?i)https?://|www\.",
    r"[-.\w+]+@[-\w]+(\.[-\w]+)+",
    r":\+1:|:-1:|:[\w-]+:",
    r":material[_/]\w+:",
    r":streamlit:",
    r"<->|->|<-|--|>=|<=|~=",
)
#: ASCII punctuation that Markdown, its directives or its formulas give a meaning to where no mark stands before it.
MEANING = r"[*_`~$<>\[\](){}#|!&^:=+.\\-]"

texts = st.one_of(st.sampled_from(corpus()), st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text())


def read(markdown: str) -> str:
    """What Markdown reads: each mark before punctuation goes."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


@given(texts)
def test_it_says_the_same(text: str) -> None:
    said = read(literal(text)).replace(JOINER, "")
    assert said == re.sub(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]", " ", text.replace(JOINER, "")).lstrip(" ")


@given(texts)
def test_no_sign_is_without_a_mark(text: str) -> None:
    assert not re.search(MEANING, re.sub(r"\\.", "", literal(text)))
    assert "\n" not in literal(text)
    assert "\r" not in literal(text)


@given(texts)
@pytest.mark.parametrize("pattern", LOOKED_FOR)
def test_nothing_is_found_in_what_is_read(pattern: str, text: str) -> None:
    assert not re.search(pattern, read(literal(text)))


@given(texts)
def test_nor_in_the_source_in_which_streamlit_looks_for_icons(text: str) -> None:
    assert ":material/" not in literal(text)


def test_an_ordinary_sentence_has_nothing_invisible_in_it() -> None:
    sentence = "Layer 1, head 2: weight 0.5 (at t = 3), 10:30, a/b – see “the text”; x > y, 50 % of e-mail."
    assert JOINER not in literal(sentence)
    assert read(literal(sentence)) == sentence
