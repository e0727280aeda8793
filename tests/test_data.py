"""Texts and series: the default ones, and the user's own with everything that can be wrong with them."""

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.config import RunConfig
from explainer.data import (
    SUNSPOTS,
    Series,
    check_text,
    default_text,
    digest,
    parse_number,
    split_numbers,
)

SENTENCE = "All happy families are alike; each unhappy family is unhappy in its own way.\n" * 3


# -- text -------------------------------------------------------------------------------------


def test_default_text_is_the_language_reference_and_passes_its_own_check():
    text = default_text()
    assert 200_000 < len(text) < 600_000
    assert "assignment" in text
    assert check_text(text) == text
    assert default_text() is text


def test_digest_is_sha256_of_utf8():
    assert digest("naïve") == hashlib.sha256("naïve".encode()).hexdigest()


def test_line_ends_and_byte_order_mark_do_not_change_a_text():
    assert check_text("\ufeff" + SENTENCE.replace("\n", "\r\n")) == SENTENCE
    assert check_text(SENTENCE.replace("\n", "\r")) == SENTENCE


@given(st.text(min_size=200, max_size=300))
def test_check_text_is_idempotent(text):
    try:
        checked = check_text(text)
    except ValueError:
        return
    assert check_text(checked) == checked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("too short", "9 characters. Give at least 200"),
        ("", "0 characters"),
        ("a" * 300, "'a', 300 times"),
        ("ab" * 1_000_001, "2,000,002 characters"),
        ("é" * 999_999 + "ab" * 2, "2,000,002 bytes"),
        (SENTENCE + "\ud800", "surrogate"),
    ],
)
def test_unfit_text_is_refused_with_its_number(text, said):
    with pytest.raises(ValueError, match=said):
        check_text(text)


# -- series -----------------------------------------------------------------------------------


def test_sunspots_are_the_published_series():
    assert (SUNSPOTS.start, len(SUNSPOTS.values)) == (1700, 309)
    by_year = dict(enumerate(SUNSPOTS.values, SUNSPOTS.start))
    assert (by_year[1700], by_year[1957], by_year[2008]) == (5.0, 190.2, 2.9)


def test_series_survives_its_text_exactly():
    assert Series.from_text(SUNSPOTS.to_text()) == SUNSPOTS
    odd = Series('<b>"ü"</b>', "°C", -3, tuple(0.1 * value for value in range(31)))
    assert Series.from_text(odd.to_text()) == odd


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", '{"name":"a","unit":"","start":1,"values":["x"]}'])
def test_a_text_that_is_no_series_is_refused(text):
    with pytest.raises(ValueError, match="not a stored series"):
        Series.from_text(text)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 2.0], "2 values"),
        ([float("nan"), *range(40)], "Value 1 of 'level' is nan"),
        ([*range(40), float("inf")], "Value 41"),
        ([1e31, *range(40)], "Keep within"),
        ([7.0] * 50, "All values of 'level' are 7"),
        (range(100_001), "100,001 values"),
    ],
)
def test_unfit_values_are_refused_with_their_row(values, said):
    with pytest.raises(ValueError, match=said):
        Series("level", "m", 0, tuple(map(float, values)))


# -- typed numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "seven", "1_000", "nan", "inf", "1e31"])
def test_what_is_not_a_usable_number_is_refused(text):
    with pytest.raises(ValueError, match=r"number|large"):
        parse_number(text)


def test_numbers_are_read_with_blanks_around_them():
    assert parse_number(" -2.5e-3 ") == -0.0025
    assert parse_number("−3") == -3


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("20,7 17,9", [20.7, 17.9]),
        ("20,7\n17,9\n-1,25", [20.7, 17.9, -1.25]),
        ("20,7; 17; 9,5", [20.7, 17.0, 9.5]),
        ("1,2,3", [1, 2, 3]),
        ("1, 2, 3", [1, 2, 3]),
        ("1,2", [1, 2]),
        ("1.5,2.5 3.5", [1.5, 2.5, 3.5]),
        ("1 2\t3\n4", [1, 2, 3, 4]),
        ("1;2;3", [1, 2, 3]),
        (" 1 ,2 ", [1, 2]),
        ("1e3 2,", [1000, 2]),
        ("", []),
    ],
)
def test_commas_divide_numbers_unless_blanks_do_and_each_number_has_one(text, numbers):
    assert [parse_number(word) for word in split_numbers(text)] == numbers


@pytest.mark.parametrize("text", ["20,7 17", "1,2,3 4", "1,234.5 2,345.6", "1,234.5", "20,7, 17,9", "1,2,3; 4"])
def test_numbers_that_can_be_read_in_two_ways_are_refused(text):
    with pytest.raises(ValueError, match=r"more than one way\. Write decimals with a point"):
        split_numbers(text)


def test_a_starred_number_may_have_a_decimal_comma():
    assert split_numbers("0,5* 0,3 0,25*") == ["0.5*", "0.3", "0.25*"]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=2, max_size=9))
def test_decimal_commas_between_blanks_are_read_as_decimal_points_are(values):
    text = " ".join(f"{value:.3f}" for value in values)
    assert [parse_number(word) for word in split_numbers(text.replace(".", ","))] == values
    assert [parse_number(word) for word in split_numbers(text)] == values


# -- identity ---------------------------------------------------------------------------------


def test_a_run_is_named_after_the_data_it_reads():
    own = "ab" * 32
    assert RunConfig(task="adding", data=own).problem.digest == ""
    assert RunConfig(task="text").problem.digest == digest(default_text())
    assert RunConfig(task="forecast").problem.digest == digest(SUNSPOTS.to_text())
    assert RunConfig(task="text", data=own).problem.digest == own


def test_reading_data_needs_no_torch():
    program = (
        "import sys, explainer.data, explainer.theory.baselines\n"
        "explainer.data.default_text()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
