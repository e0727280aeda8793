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
    csv_columns,
    data_digest,
    default_text,
    digest,
    parse_number,
    read_csv,
)

SENTENCE = "All happy families are alike; each unhappy family is unhappy in its own way.\n" * 3
VALUES = [str(value) for value in (3, 1.5, -4, 1, 5.25, 9, 2, 6, 5, 3, 5)] * 3


def lines(*columns, divided=",", header=None, ending="\n"):
    """A CSV file of these columns."""
    rows = [divided.join(cells) for cells in zip(*columns, strict=True)]
    return ending.join([header, *rows] if header else rows).encode() + ending.encode()


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


# -- CSV --------------------------------------------------------------------------------------

YEARS = [str(year) for year in range(1900, 1900 + len(VALUES))]
NAMES = [f"station {row}" for row in range(len(VALUES))]
EXPECTED = tuple(map(float, VALUES))


@pytest.mark.parametrize("divided", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_divider_and_line_end_do_not_matter(divided, ending):
    content = lines(YEARS, VALUES, divided=divided, ending=ending, header=f"year{divided}level")
    assert csv_columns(content) == ["year", "level"]
    assert read_csv(content, "level").values == EXPECTED


def test_the_column_that_merely_counts_is_not_chosen():
    content = lines(YEARS, NAMES, VALUES, header="year,name,level")
    assert read_csv(content) == Series("level", "", 1, EXPECTED)
    assert csv_columns(content) == ["year", "level"]


def test_a_file_without_header_gets_numbered_columns():
    content = lines(NAMES, VALUES)
    assert csv_columns(content) == ["column 2"]
    assert read_csv(content).values == EXPECTED


def test_one_column_and_nothing_else():
    assert read_csv(lines(VALUES)).values == EXPECTED
    assert read_csv(lines(VALUES, header="level")).name == "level"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(encoding):
    content = lines(VALUES, header="Höhe").decode().encode(encoding)
    assert csv_columns(content) == ["Höhe"]


def test_decimal_commas_between_semicolons():
    content = lines(YEARS, [value.replace(".", ",") for value in VALUES], divided=";", header="year;level, m")
    assert read_csv(content, "level, m").values == EXPECTED
    assert csv_columns(b"1,5;2,5\n3,5;4,5\n") == ["column 1", "column 2"]


def test_a_thousands_comma_is_not_taken_for_a_decimal_one():
    content = lines(YEARS, ['"1,234"'] * len(VALUES), header="year,level")
    assert csv_columns(content) == ["year"]


def test_comments_and_blank_lines_are_passed_over():
    content = b"# source: a gauge\n\n" + lines(VALUES, header="level")
    assert read_csv(content).values == EXPECTED


def test_equal_and_empty_names_are_told_apart():
    content = lines(VALUES, VALUES, VALUES, header="level,level,")
    assert csv_columns(content) == ["level", "level (column 2)", "column 3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"\n \n", "no rows"),
        (b"name,colour\nsky,blue\n", "None of the 2 columns holds numbers"),
        (b"level\n", "None of the 1 columns"),
        (lines(VALUES[:7], header="level"), "7 values"),
        (lines(["", *VALUES], [*VALUES, "1"], header="level,other"), "Row 1 of column 'level' is empty"),
        (lines([*VALUES, "n/a"], header="level"), "Row 34 of column 'level' is 'n/a'"),
        (lines([*VALUES, "nan"], header="level"), "Value 34 of 'level' is nan"),
        (b"1\n" * 1_000_001, "2,000,002 bytes"),
        (b"level\n\xff\xfe1", "Byte 7 of the file is not UTF-8"),
        (b"PK\x03\x04\0\0", "zero bytes"),
        (b"1," + b"7" * 200_000, "not a CSV"),
    ],
)
def test_unfit_files_are_refused_with_the_way_out(content, said):
    with pytest.raises(ValueError, match=said):
        read_csv(content)


def test_an_unknown_column_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"'depth'. Choose one of: year, level"):
        read_csv(lines(YEARS, VALUES, header="year,level"), "depth")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    try:
        columns = csv_columns(content)
    except ValueError:
        return
    assert columns


@pytest.mark.parametrize("text", ["", "seven", "1_000", "nan", "inf", "1e31"])
def test_what_is_not_a_usable_number_is_refused(text):
    with pytest.raises(ValueError, match=r"number|large"):
        parse_number(text)


def test_numbers_are_read_with_blanks_around_them():
    assert parse_number(" -2.5e-3 ") == -0.0025


# -- identity ---------------------------------------------------------------------------------


def test_a_run_is_named_after_the_data_it_reads():
    own = "ab" * 32
    assert data_digest(RunConfig(task="adding", data=own)) == ""
    assert data_digest(RunConfig(task="text")) == digest(default_text())
    assert data_digest(RunConfig(task="forecast")) == digest(SUNSPOTS.to_text())
    assert data_digest(RunConfig(task="text", data=own)) == own


def test_reading_data_needs_no_torch():
    program = (
        "import sys, explainer.data, explainer.theory.baselines\n"
        "explainer.data.default_text()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
