"""What of a text's validation part stands verbatim in its training part, against plain searching; and leaving it out."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainer.data import default_text, repeated_share, repeats
from explainer.data.repeats import STRETCH, covered, found_stretches, stretch_hashes, without_repeats
from explainer.data.windows import training_characters

WORDS = (
    "the",
    "a",
    "of",
    "value",
    "name",
    "bound",
    "to",
    "is",
    "class",
    "function",
    "None",
    "if",
    "object",
    "and",
    "in\n\n\n",
)


def slow_share(text: str) -> float:
    """Every stretch of 50 characters looked up with Python's own search, every character marked by itself."""
    boundary = training_characters(len(text))
    training, validation = text[:boundary], text[boundary:]
    inside = [False] * len(validation)
    for start in range(len(validation) - STRETCH + 1):
        if training.find(validation[start : start + STRETCH]) >= 0:
            inside[start : start + STRETCH] = [True] * STRETCH
    return sum(inside) / len(validation)


def patched(seed: int, length: int) -> str:
    """A random text of words that copies earlier pieces of itself, of 30 to 90 characters, now and then."""
    source = random.Random(seed)
    text = ""
    while len(text) < length:
        if text and source.random() < 0.12:
            start = source.randrange(len(text))
            text += text[start : start + source.randrange(30, 90)]
        text += source.choice(WORDS) + " "
    return text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(500, 3000))
def test_the_share_is_that_of_a_plain_search(seed: int, length: int) -> None:
    text = patched(seed, length)
    assert repeated_share(text) == pytest.approx(slow_share(text), abs=1e-12)


def test_the_texts_of_that_search_have_something_to_find() -> None:
    shares = [slow_share(patched(seed, 2003)) for seed in range(23)]
    assert sum(0.1 < share < 0.9 for share in shares) > 7


def test_it_is_exact_even_where_hashes_say_the_same_of_different_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    text = patched(5, 1511)
    monkeypatch.setattr(repeats, "stretch_hashes", lambda codes: np.zeros(max(0, len(codes) - 49), np.uint64))
    assert 0 < slow_share(text) < 1
    assert repeated_share(text + " ") == pytest.approx(slow_share(text + " "), abs=1e-12)


def test_forty_nine_characters_are_none_and_fifty_are_fifty() -> None:
    passage = "".join(map(chr, range(0x100, 0x100 + 50)))
    before, after = "x" * 300 + passage + "y" * 97, "z" * 31
    for kept in (49, 50):
        found = covered(found_stretches(before, after + passage[:kept] + after))
        assert np.flatnonzero(found).tolist() == ([] if kept == 49 else list(range(31, 81)))


def test_a_stretch_across_the_boundary_is_none() -> None:
    """What stands in training is a stretch that training holds as a whole."""
    assert not found_stretches("a" * 49, "a" * 60).any()
    assert found_stretches("a" * 50, "a" * 60).all()


def test_a_validation_part_of_less_than_a_stretch_can_not_be_judged() -> None:
    assert repeated_share("ab" * 240) is None  # 48 characters
    assert repeated_share("ab" * 250) == 1


def test_the_hash_of_a_stretch_is_the_polynomial() -> None:
    codes = np.array([random.Random(7).randrange(0x11000) for _ in range(53)], np.uint32)
    mixed = [(int(code) + 1) * repeats._BASE % 2**64 for code in codes]
    mixed = [code ^ code >> 29 for code in mixed]
    expected = [sum(m * repeats._BASE ** (49 - k) for k, m in enumerate(mixed[i : i + 50])) % 2**64 for i in range(4)]
    assert stretch_hashes(codes).tolist() == expected
    assert len(stretch_hashes(codes[:50])) == 1
    assert len(stretch_hashes(codes[:49])) == len(stretch_hashes(codes[:0])) == 0


# -- leaving out ------------------------------------------------------------------------------


def test_paragraphs_that_repeat_fifty_characters_are_left_out_whole() -> None:
    one = "An object's type determines the operations that the object supports."
    two = "Every object has an identity, a type and a value, and none of them twice."
    text = "\n\n".join([one, two, "Short.", f"Yes: {one}", "Short.", f"No: {two[:49]}", "End."])
    assert without_repeats(text) == "\n\n".join([one, two, "Short.", "Short.", f"No: {two[:49]}", "End."])


def test_short_paragraphs_in_the_same_order_are_repeats_too() -> None:
    short = ["one two three", "four five six", "seven eight nine", "ten eleven twelve"]
    # With the blank lines 48 characters before the last one, whose first two make fifty.
    text = "\n\n".join([*short, "and then, as a rule", *short])
    assert without_repeats(text) == "\n\n".join([*short, "and then, as a rule", *short[:3]])


@pytest.mark.parametrize("text", ["", "\n\n", "a", "one\n\none\n\none", "x" * 49])
def test_a_text_with_nothing_repeated_stays_as_it_is(text: str) -> None:
    assert without_repeats(text) == text


def test_the_default_text_repeats_nothing_wherever_it_is_cut() -> None:
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics))
    text = default_text()
    assert repeated_share(whole) > 0.1
    assert repeated_share(text) < 0.001
    for cut in (0.3, 0.5, 0.8):
        boundary = int(cut * len(text))
        assert covered(found_stretches(text[:boundary], text[boundary:])).mean() < 0.001
    assert 0.6 * len(whole) < len(text) < 0.8 * len(whole)
    assert set(text.split("\n\n")) <= set(whole.split("\n\n"))


def test_published_texts_have_the_shares_that_a_plain_search_finds() -> None:
    folder = Path(__file__).parents[2] / "shared" / "data"
    for name, share in (("tinyshakespeare.txt", 0.0), ("texts/dna_lambda.fa", 0.0), ("texts/urdu_poetry.txt", 0.0134)):
        text = (folder / name).read_text(encoding="utf-8")
        assert repeated_share(text) == pytest.approx(share, abs=5e-5)
    assert repeated_share(text) == pytest.approx(slow_share(text), abs=1e-12)


def test_two_megabytes_take_well_under_a_second() -> None:
    source = np.random.default_rng(3)
    text = "".join(map(chr, source.integers(0x61, 0x7B, 1_999_993)))
    start = time.process_time()
    assert repeated_share(text) == 0
    assert time.process_time() - start < 1
