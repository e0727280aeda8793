"""A page of nothing but text from outside, in every kind of element that the app puts such text into."""

from __future__ import annotations

import streamlit as st
from nasty import corpus

from explainer.words import JOINER, literal

ESCAPED_ONLY = "raw" in st.query_params  # what Markdown's own escapes would do, so that the test can fail
texts = [literal(text) for text in corpus() if literal(text).strip()]
if ESCAPED_ONLY:
    texts = [text.replace(JOINER, "") for text in texts]
for text in texts:
    st.markdown(text)
for text in texts[:60]:
    st.caption(text)
    st.warning(text)
    st.progress(0.5, text)
    st.button(text, key=f"button {text}")
    st.toggle(text, key=f"toggle {text}", help=text)
for text in texts[:60]:
    st.markdown(f"| a | b |\n| --- | --- |\n| {text} | **{text}** |")
st.text("the end")
