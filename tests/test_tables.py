"""Tables as people have them: the fifteen real files as they are meant, their kinds, and what is refused with a way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from explainer.__main__ import main
from explainer.data import Series
from explainer.data.decoding import decode
from explainer.runs.store import Store
from explainer.tables import Options, Understanding, named, process, read_table
from explainer.tables.gaps import fill
from explainer.tables.numbers import MISSING, Marks, number
from explainer.tables.options import SEPARATORS
from explainer.tables.understand import understand
from explainer.ui.own_series import allow_uploads
from tests.tables_mutated import FILES, TABLES, judged, mutated, plain_rows, plain_values, straight

VALUES = [round(20 + 9 * np.sin(k / 3) + k % 5, 2) for k in range(40)]
POINT, COMMA = Marks("point", "comma"), Marks("comma", "point")
real = pytest.mark.skipif(TABLES is None, reason="The real tables (../shared/data/tables) are not here.")
each_file = pytest.mark.parametrize("name", FILES)


def content_of(name: str) -> bytes:
    assert TABLES is not None
    return (TABLES / name).read_bytes()


def read(text: str | bytes, **options: object) -> Understanding:
    return understand(text.encode() if isinstance(text, str) else text, Options(**options))  # type: ignore[arg-type]


def table(*rows: str, header: str = "") -> str:
    return "".join(f"{row}\n" for row in ([header, *rows] if header else rows))


def comma(value: float) -> str:
    return str(value).replace(".", ",")


# -- the real files ---------------------------------------------------------------------------


@real
@each_file
def test_a_real_file_is_read_as_a_person_means_it(name: str) -> None:
    described, content = FILES[name], content_of(name)
    found = understand(content)
    names, rows = plain_rows(name, content)
    chosen = next(column for column in found.columns if column.name == found.column)
    assert chosen.number - 1 in (described.column, *described.also)
    offered = [column.number - 1 for column in found.columns if column.offered]
    assert {described.column, *described.also} <= set(offered)
    if described.names:
        assert [column.name for column in found.columns] == [each.strip() for each in names]
    assert found.turned == described.turned
    assert found.trouble == ""

    meant = understand(content, Options(column=str(described.column + 1)))
    values = plain_values(name, rows)
    assert (meant.rows, values[0], values[-1]) == (described.values, *described.ends)
    assert (meant.missing, meant.left_out) == (described.lacking, described.left_out)
    oldest_first = values[::-1] if described.turned else values
    if described.left_out:
        kept = [value for place, value in enumerate(meant.series().values) if place not in meant.filled]
        assert kept == oldest_first
        assert len(meant.values) == described.values + described.left_out
    else:
        np.testing.assert_allclose(meant.series().values, straight(oldest_first), rtol=1e-12)


@real
def test_months_without_a_row_are_filled_in_at_their_place() -> None:
    found = understand(content_of("darts_monthly-milk-incomplete.csv"))
    assert (len(found.values), found.step, len(found.filled)) == (168, "month", 13)
    assert found.values[-5:] == (858, pytest.approx(858 - 61 / 3), pytest.approx(858 - 122 / 3), 797, 843)
    september, october = 12 * 13 + 8, 12 * 13 + 9  # of 1975, after January 1962
    assert {september, october} <= set(found.filled)
    assert found.values[september] == pytest.approx(858 + (797 - 858) / 3)


@real
def test_a_column_with_long_gaps_is_refused_with_lines_and_ways_out() -> None:
    content = content_of("R_airquality.csv")
    refused = understand(content, Options(column="Ozone"))
    assert "lacks 10 values in a row, between lines 52 and 63" in refused.trouble
    assert "gaps of at most 5" in refused.trouble
    allowed = understand(content, Options(column="Ozone", gap=10))
    assert (allowed.trouble, allowed.missing, len(allowed.filled)) == ("", 37, 37)


@real
@each_file
def test_the_page_shows_and_takes_what_is_meant(name: str, store: Store) -> None:
    page = AppTest.from_function(_page, default_timeout=60).run()
    page.file_uploader[0].set_value((name, content_of(name), "text/csv")).run()
    assert not page.exception
    assert not page.error
    found = understand(content_of(name))
    assert json.loads(page.code[0].value) == found.series().to_text()
    column = next(box for box in page.selectbox if box.label == "Column")
    assert (column.options, column.value) == (found.offered, found.column)
    shown = "\n".join(text.value for text in page.markdown).replace("\\", "")
    for sentence in found.said():
        assert sentence in shown


@real
@each_file
def test_the_command_line_prints_what_the_page_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert TABLES is not None
    assert main(["train", "--csv", str(TABLES / name), "--check"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for sentence in understand(content_of(name)).said():
        assert sentence in out


@real
@each_file
def test_mutations_of_a_real_file_are_read_as_meant_or_refused(name: str) -> None:
    """A few of each; `python -m tests.tables_mutated` draws a hundred."""
    verdicts = []
    for seed in range(200, 203):
        mutation = mutated(name, content_of(name), seed)
        verdict, sentence, _ = judged(mutation)
        verdicts.append(verdict if mutation.values else f"{verdict} as meant")
        assert verdict != "wrong", (seed, sentence, mutation.how)
        assert sentence.endswith((".", "”"))
    assert verdicts.count("refused") <= 1
    assert "meant" in verdicts


# -- the process ------------------------------------------------------------------------------


def test_another_process_gives_the_same_understanding() -> None:
    content = table(*[f"2020-{1 + k % 12:02};{comma(value)}" for k, value in enumerate(VALUES[:12])], header="m;v")
    assert read_table(content.encode()) == read(content)
    with pytest.raises(ValueError, match="no rows"):
        read_table(b"")


def test_an_understanding_survives_its_text() -> None:
    found = read(table("x", *map(str, VALUES), "NA", "4", "# end", "Source: us"), missing=("x",))
    assert Understanding.from_json(found.to_json()) == found


def test_a_table_beyond_its_time_is_ended_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SECONDS", 1)
    row = ";".join(["1,5"] * 40) + "\n"
    with pytest.raises(ValueError, match="more time than a table gets"):
        read_table(row.encode() * 60_000)


def test_a_table_beyond_its_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MEMORY", 400_000_000)
    with pytest.raises(ValueError, match="more memory than a table gets"):
        read_table(b"1,2,3,4,5,6,7,8\n" * 120_000)


def test_the_limit_of_a_file_follows_the_host_s(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(*[f"{k % 7},{'x' * 30}" for k in range(40)])
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "100")
    with pytest.raises(ValueError, match="this host reads 1,000"):
        read_table(rows.encode())
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "1000")
    assert len(read_table(rows.encode()).values) == 40


def test_the_server_takes_files_as_large_as_the_largest_table(monkeypatch: pytest.MonkeyPatch) -> None:
    before = config.get_option("server.maxUploadSize")
    try:
        monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "9000000")
        allow_uploads()
        assert config.get_option("server.maxUploadSize") == max(90, before)
    finally:
        config.set_option("server.maxUploadSize", before)


def test_one_wide_row_over_many_narrow_ones_costs_nothing() -> None:
    """3,000 columns times 3,000 rows would be nine million cells; at most as many are looked at as there are."""
    content = ",".join(map(str, range(3000))) + "\n" + "".join(f"{k % 17}\n" for k in range(3000))
    assert len(content) < 30_000
    found = read(content)
    assert (len(found.columns), found.rows) == (1, 3000)


# -- cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "marks", "value"),
    [
        ("8,746.6", POINT, 8746.6),
        ("8.746,6", COMMA, 8746.6),
        ("10,318", POINT, 10318),
        ("10,318", COMMA, 10.318),
        ("1 234.5", POINT, 1234.5),
        ("1\u202f234,5", COMMA, 1234.5),
        ("1'234'567", POINT, 1234567),
        ("(43.5)", POINT, -43.5),
        ("($1,043.5)", POINT, -1043.5),
        ("−0.93%", POINT, -0.93),
        ("-$5", POINT, -5),
        ("$-5", POINT, -5),
        ("5 €", POINT, 5),
        ("1.38M", POINT, 1.38e6),
        ("610.66K", POINT, 610660),
        ("2B", POINT, 2e9),
        ("1e-3", POINT, 1e-3),
        ("20.", POINT, 20),
        (".5", POINT, 0.5),
        ("+3", POINT, 3),
        ("12,34", POINT, None),
        ("1,2345", POINT, None),
        ("1.2.3", POINT, None),
        ("01.02.2020", COMMA, None),
        ("1_000", POINT, None),
        ("--5", POINT, None),
        ("5 apples", POINT, None),
        ("", POINT, None),
    ],
)
def test_a_cell_is_the_number_that_a_person_wrote(cell: str, marks: Marks, value: float | None) -> None:
    assert number(cell, marks) == value


@given(st.integers(-(10**12), 10**12), st.integers(0, 9999), st.sampled_from([",", "'", "\u00a0", ""]))
def test_grouped_numbers_are_read_with_either_pair_of_marks(whole: int, part: int, group: str) -> None:
    text = f"{whole:,}.{part:04}"
    value = float(f"{whole}.{part:04}")
    assert number(text.replace(",", group), POINT) == value
    swapped = text.translate(str.maketrans({",": "." if group == "," else group, ".": ","}))
    assert number(swapped, COMMA) == value


@given(st.text(max_size=20))
def test_any_cell_is_a_number_or_none(cell: str) -> None:
    value = number(cell, POINT)
    assert value is None or any(character.isdigit() for character in cell)


@pytest.mark.parametrize("word", sorted(MISSING - {""}))
def test_a_sign_for_no_value_is_one_in_a_file(word: str) -> None:
    rows = [f"{k},{word.upper() if k == 7 else value}" for k, value in enumerate(VALUES)]
    found = read(table(*rows, header="k,v"))
    assert (found.missing, found.filled) == (1, (7,))
    assert found.values[7] == pytest.approx((VALUES[6] + VALUES[8]) / 2)


def test_a_sentinel_is_suspected_and_taken_as_missing_when_said() -> None:
    rows = table(*[f"{k},{-999 if k in (4, 20) else value}" for k, value in enumerate(VALUES)], header="k,v")
    assert any("-999 stands 2 times" in sentence for sentence in read(rows).said())
    said = read(rows, missing=("-999",))
    assert (said.missing, said.filled) == (2, (4, 20))


# -- kinds of files ---------------------------------------------------------------------------

DAYS = [f"2021-01-{day:02}" for day in range(1, 32)]
MONTHS = ["Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez"]
KINDS = {
    "Excel in German": (
        "Datum;Umsatz\r\n" + "".join(f"{k + 1:02}.01.2021;{comma(v)} €\r\n" for k, v in enumerate(VALUES[:31])),
        31,
    ),
    "sep=": ("sep=;\n" + table(*[f"{k};{v}" for k, v in enumerate(VALUES)], header="k;v"), 40),
    "bars": (table(*[f"| {k} | {v} |" for k, v in enumerate(VALUES)], header="| k | v |\n|---|---|"), 40),
    "blanks": (table(*[f"  {k:>4}   {v:>8}" for k, v in enumerate(VALUES)], header="   k   v"), 40),
    "trailing separators": (table(*[f"{k};{v};;" for k, v in enumerate(VALUES)], header="k;v;;"), 40),
    "title, comment and footer": (
        "Office of numbers\n# by hand\n\n" + table(*[f"{k},{v}" for k, v in enumerate(VALUES)], "Source: office", header="k,v"),
        40,
    ),
    "one column without a name": (table(*map(str, VALUES)), 40),
    "one column, decimal commas": (table(*map(comma, VALUES), header="level"), 40),
    "quoted line feeds": (table(*[f'{k},"a\nb",{v}' for k, v in enumerate(VALUES)], header="k,note,v"), 40),
    "ISO weeks": (table(*[f"2020-W{k + 1:02},{v}" for k, v in enumerate(VALUES)], header="week,v"), 40),
    "quarters": (table(*[f"{2000 + k // 4}-Q{1 + k % 4},{v}" for k, v in enumerate(VALUES)], header="q,v"), 40),
    "Eurostat": (table(*[f"DE,{2000 + k // 12}M{1 + k % 12:02},{v}" for k, v in enumerate(VALUES)], header="geo,time,v"), 40),
    "months as numbers": (table(*[f"{2000 + k // 12}{1 + k % 12:02},{v}" for k, v in enumerate(VALUES)], header="p,v"), 40),
    "names of months": (
        table(*[f"{MONTHS[k % 12]} {2000 + k // 12};{comma(v)}" for k, v in enumerate(VALUES)], header="Monat;v"),
        40,
    ),
    "names that are numbers": (table(*[f"{k},{v}" for k, v in enumerate(VALUES)], header=",0"), 40),
    "years as names": (table(*[f"{k % 12 + 1},{v},{v + 1}" for k, v in enumerate(VALUES)], header="month,2019,2020"), 40),
    "row names of R": ('"x"\n' + table(*[f'"{k + 1}" {v}' for k, v in enumerate(VALUES)]), 40),
    "money": (table(*[f'{k},"{f"${v:.2f}" if k % 3 else f"(${v:.2f})"}"' for k, v in enumerate(VALUES)], header="k,v"), 40),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_file_is_read(kind: str) -> None:
    text, count = KINDS[kind]
    found = read(text)
    expected = [-v if kind == "money" and k % 3 == 0 else v for k, v in enumerate(VALUES[:count])]
    assert list(found.series().values) == expected


def test_cells_that_look_like_comments_are_data() -> None:
    found = read(table(*[f"{'#N/A' if k == 3 else v},{k % 4}" for k, v in enumerate(VALUES)], header="v,w"))
    assert (found.rows, found.column, found.missing, found.filled) == (40, "v", 1, (3,))


def test_thousands_between_tabs_are_no_decimals() -> None:
    found = read(table(*[f"{1950 + k}\t{10_318 + 7 * k * k:,}" for k in range(40)], header="year\tpeople"))
    assert found.series().values[:2] == (10318, 10325)
    assert any("read as dividing thousands" in note for note in found.notes)
    assert read(table(*[f"{1950 + k}\t{10_318 + 7 * k * k:,}" for k in range(40)]), decimal="comma").values[0] == 10.318


def test_points_divide_thousands_where_smaller_numbers_have_none() -> None:
    rows = [f"{1950 + k};{f'{900 + 7 * k * k:,}'.replace(',', '.')}" for k in range(40)]
    assert read(table(*rows, header="year;people")).values[:5] == (900, 907, 928, 963, 1012)


def test_a_note_tells_how_one_column_of_decimal_commas_is_read() -> None:
    text = table(*map(comma, [value for value in VALUES if value != int(value)]))
    assert any("If it is the decimal mark" in note for note in read(text).notes)
    assert read(text, separator="none").values[0] == next(value for value in VALUES if value != int(value))


@pytest.mark.parametrize("order", ["as it stands", "turned", "mixed"])
def test_rows_are_in_the_order_of_time_whatever_the_file_s(order: str) -> None:
    rows = [f"{day},{value}" for day, value in zip(DAYS, VALUES, strict=False)]
    shown = {"as it stands": rows, "turned": rows[::-1], "mixed": [*rows[10:], *rows[:10]]}[order]
    found = read(table(*shown, header="day,v"))
    assert list(found.values) == VALUES[:31]
    assert found.turned == (order == "turned")
    assert ("turned round" in " ".join(found.said())) == (order == "turned")
    assert ("sorted" in " ".join(found.said())) == (order == "mixed")


def test_an_order_that_is_said_holds() -> None:
    rows = table(*map(str, VALUES))
    assert list(read(rows, order="newest").values) == VALUES[::-1]
    assert (
        list(read(table(*[f"{day},{v}" for day, v in zip(DAYS, VALUES, strict=False)]), order="newest").values)
        == VALUES[30::-1]
    )


def test_day_and_month_are_told_apart_by_the_regular_steps() -> None:
    months = [f"01/{1 + k % 12:02}/{2015 + k // 12},{v}" for k, v in enumerate(VALUES)]
    assert read(table(*months)).step == "month"
    days = [f"01/{1 + k:02}/2015,{v}" for k, v in enumerate(VALUES[:31])]
    assert read(table(*days)).step == "day"


def test_days_without_a_row_are_missing_values_unless_said_otherwise() -> None:
    rows = [f"{day},{v}" for day, v in zip(DAYS, VALUES, strict=False)]
    text = table(*VALUES_BEFORE, *rows[:8], *rows[11:], header="day,v")
    found = read(text)
    assert (found.left_out, found.filled, len(found.values)) == (3, (39, 40, 41), 62)
    assert found.values[40] == pytest.approx((VALUES[7] + VALUES[11]) / 2)
    kept = read(text, left_out="keep")
    assert (kept.left_out, kept.filled, len(kept.values)) == (0, (), 59)


VALUES_BEFORE = [f"2020-12-{1 + k:02},{v}" for k, v in enumerate(VALUES[:31])]


def test_weekdays_without_a_row_are_no_gap_unless_said_otherwise() -> None:
    days = np.arange("2021-01-04", "2021-03-15", dtype="datetime64[D]")
    working = [str(day) for day in days[np.is_busday(days)] if str(day) not in ("2021-01-18", "2021-02-15")]
    text = table(*[f"{day},{v}" for day, v in zip(working, [*VALUES, *VALUES], strict=False)], header="day,close")
    found = read(text)
    assert (found.step, found.left_out, len(found.values)) == ("weekday", 0, len(working))
    assert any("no gap" in note for note in found.notes)
    assert read(text, left_out="fill").left_out == 2


def test_missing_values_at_the_ends_are_cut_off_and_said() -> None:
    found = read(table("NA", "", *map(str, VALUES), "?", header="v"))
    assert (found.cut, list(found.values)) == ((1, 1), VALUES) if found.rows == 42 else ((2, 1), VALUES)
    assert "at the beginning" in " ".join(found.said())


@given(st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=40), st.integers(0, 6))
def test_gaps_are_straight_lines_up_to_the_longest_allowed(values: list[float | None], gap: int) -> None:
    found = fill(np.array([np.nan if value is None else value for value in values]), gap)
    known = [place for place, value in enumerate(values) if value is not None]
    if not known:
        assert len(found.values) == 0
        return
    inner = values[known[0] : known[-1] + 1]
    runs = [len(run) for run in "".join("." if value is None else "x" for value in inner).split("x")]
    assert found.longest == max(runs)
    assert found.places.tolist() == [place for place, value in enumerate(inner) if value is None]
    assert found.cut == (known[0], len(values) - 1 - known[-1])
    if max(runs) <= gap:
        np.testing.assert_allclose(found.values, straight(values), atol=1e-12)


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"\n \n", "no rows"),
        (b"# only words\n", "nothing but comments"),
        (b"PK\x03\x04\0\0", r"a workbook \(.xlsx, .ods\).* a sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\0\0", "an Excel workbook"),
        (bytes(range(256)) * 9, "not plain text|encoding of the file"),
        (b"a\0b\n", "not plain text"),
        (b"name,colour\nsky,blue\n", "None of the 2 columns holds numbers"),
        (table("a," + ",".join(map(str, VALUES)), "b," + ",".join(map(str, VALUES))).encode(), "Turn the table"),
        (table(*[f"{k},1,{200 + k}" for k in range(40)], header="day,v").encode(), "Line 2 has 3 cells"),
        (table(*[f"{day},{900 + 9 * k:,}" for k, day in enumerate(DAYS)]).encode(), "Line 1 has 2 cells"),
        (b"1," + b"7" * 200_000 + b"\n2,3\n", "Line 1 is no row"),
    ],
)
def test_what_is_no_table_is_refused_with_the_way_out(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        understand(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table(*[f'{k},"a\nb",{"abc" if k == 7 else v}' for k, v in enumerate(VALUES)], header="k,n,v"), "Line 16 of column 'v' is 'abc'"),
        (table(*[f"{k},{'inf' if k == 7 else v}" for k, v in enumerate(VALUES)], header="k,v"), "Line 9 of column 'v' is 'inf'"),
        (table(*map(str, VALUES[:7]), header="v"), "7 values, too few"),
        (table(*[f"{k},7" for k in range(40)], header="k,v"), "it counts the rows: that is no series"),
        (table(*["7"] * 40, header="v"), "All values of 'v' are 7"),
        (table(*[str(k % 9) for k in range(100_001)]), "100,001 values. Keep at most 100,000"),
        (table(*[f"{g},2020-{1 + k:02},{v}" for g in "abcd" for k, v in enumerate(VALUES[:12])], header="geo,time,v"), "several series"),
        (table(*[f"{k},{v if k % 2 else 'NA'}" for k, v in enumerate(VALUES)], header="k,v"), "more than a third"),
    ],
)  # fmt: skip
def test_what_can_t_be_learnt_from_is_said_with_the_line_of_the_file(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text).series()


def test_a_column_is_found_by_name_or_number() -> None:
    text = table(*[f"{k % 3},{v},{v + 1}" for k, v in enumerate(VALUES)], header="a,Level,2")
    assert [read(text, column=word).column for word in ("Level", "level", "2", "column 2")] == [
        "Level",
        "Level",
        "2",
        "Level",
    ]
    with pytest.raises(ValueError, match=r"no column of numbers 'depth'\. Choose one of: a, Level, 2"):
        read(text, column="depth")


def test_equal_and_empty_names_are_told_apart() -> None:
    text = table(*[f"{v},{v + 1},{v + 2}" for v in VALUES], header="level,level,")
    assert [column.name for column in read(text).columns] == ["level", "level (column 2)", "column 3"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"separator": "dot"}, "Choose one of: comma, semicolon"),
        ({"gap": -1}, "gap = -1 is out of range"),
        ({"decimal": "comma", "thousands": "comma"}, "two marks"),
    ],
)
def test_an_option_that_can_t_be_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options(**given)  # type: ignore[arg-type]


def test_a_mark_may_be_given_by_its_name_or_as_itself() -> None:
    assert [named(word, SEPARATORS) for word in (";", "semicolon", "\\t", "dot")] == [
        "semicolon",
        "semicolon",
        "tab",
        "dot",
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = understand(content)
    except ValueError:
        return
    assert found.column in [column.name for column in found.columns]


@given(
    st.lists(
        st.lists(st.sampled_from(["", "1", "2,5", "x", "NA", "2020-01", '"', "#", "1950"]), max_size=4), max_size=12
    ),
    st.sampled_from(",;\t| "),
)
def test_any_small_table_is_read_or_refused(rows: list[list[str]], mark: str) -> None:
    try:
        understand("\n".join(mark.join(row) for row in rows).encode())
    except ValueError:
        return


# -- encodings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "name", "said"),
    [
        ("utf-8", "Höhe 温度", "UTF-8"),
        ("utf-8-sig", "Höhe", "UTF-8"),
        ("utf-16", "Höhe", "UTF-16 LE"),
        ("utf-16-le", "Höhe", "UTF-16 LE"),
        ("utf-16-be", "Höhe", "UTF-16 BE"),
        ("cp1252", "Höhe °C", "Windows-1252"),
        ("gb18030", "温度", "GB18030"),
    ],
)
def test_the_encoding_is_found_by_content(encoding: str, name: str, said: str) -> None:
    found = understand(table(*map(str, VALUES), header=name).encode(encoding))
    assert (found.column, found.encoding) == (name, said)
    assert decode(name.encode(encoding), encoding)[0].strip("\ufeff") == name


# -- page and command line --------------------------------------------------------------------


def _page() -> None:
    import json

    import streamlit as st

    from explainer.config import RunConfig
    from explainer.ui.controls import fill_controls
    from explainer.ui.own_data import own_data

    if "began" not in st.session_state:
        st.session_state["began"] = True
        fill_controls("p", RunConfig(task="forecast", model="gru"))
    given = own_data("p")
    st.code(json.dumps(given.body if given else None))


def uploaded(text: str, page: AppTest | None = None) -> AppTest:
    page = page or AppTest.from_function(_page, default_timeout=60).run()
    page.file_uploader[0].set_value(("a.csv", text.encode(), "text/csv")).run()
    assert not page.exception
    return page


def test_a_second_refused_upload_is_refused_as_the_first(store: Store) -> None:
    page = uploaded("a,b\nx,y\n")
    assert "None of the 2 columns" in page.error[0].value
    page = uploaded("a,b,c\nx,y,z\n", page)
    assert "None of the 3 columns" in page.error[0].value
    page = uploaded(table(*map(str, VALUES)), page)
    assert not page.error
    assert Series.from_text(json.loads(page.code[0].value)).values == tuple(VALUES)


def test_every_guess_can_be_changed_on_the_page(store: Store) -> None:
    rows = [f"{k},{-9 if k in (5, 6) else v}" for k, v in enumerate(VALUES)]
    page = uploaded(table(*rows, header="k,v"))

    def chosen() -> Series:
        assert not page.exception
        return Series.from_text(json.loads(page.code[0].value))

    page.get_by_key("p:table-missing").set_value("-9").run()
    assert chosen().filled == (5, 6)
    page.get_by_key("p:table-order").set_value("newest").run()
    assert chosen().values[0] == VALUES[-1]
    page.get_by_key("p:table-gap").set_value(1).run()
    assert "gaps of at most 1" in page.error[0].value
    page.get_by_key("p:table-gap").set_value(2).run()
    page.get_by_key("p:table-header").set_value("no").run()
    assert chosen().name == "column 2"
    page.get_by_key("p:table-separator").set_value("semicolon").run()
    assert page.error
    page.get_by_key("p:table-separator").set_value("").run()
    page.get_by_key("p:table-header").set_value("").run()
    assert not page.error
    assert chosen().filled


def test_words_of_a_file_are_never_markup_on_the_page(store: Store) -> None:
    name = "[x](http://y.z) <b>*v*"
    page = uploaded(table(*[f"{k},{v}" for k, v in enumerate(VALUES)], header=f"k,{name}"))
    shown = "\n".join(text.value for text in page.markdown)
    assert "[x](" not in shown
    assert "<b>" not in shown
    assert r"\[x\]\(http" in shown


def test_the_series_keeps_the_places_of_filled_values_and_other_series_their_text() -> None:
    plain = Series("v", "", 1, tuple(VALUES))
    assert "filled" not in plain.to_text()
    filled = read(table(*map(str, [*VALUES[:9], "NA", *VALUES[10:]]))).series()
    assert filled.filled == (9,)
    assert Series.from_text(filled.to_text()) == filled


def test_options_of_the_command_line_reach_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(table(*[f"{k};{comma(v) if k % 9 else 'x'};Höhe" for k, v in enumerate(VALUES)]).encode("cp1252"))
    options = ["--separator", ";", "--decimal", ",", "--missing", "x", "-1", "--order", "newest", "--no-header"]
    assert (
        main(["train", "--csv", str(file), "--check", "--column", "2", "--encoding", "cp1252", "--gap", "3", *options])
        == 0
    )
    out = capsys.readouterr().out
    found = understand(
        file.read_bytes(),
        Options(
            separator="semicolon",
            decimal="comma",
            missing=("x", "-1"),
            order="newest",
            header=False,
            column="2",
            encoding="cp1252",
            gap=3,
        ),
    )
    assert found.series().values[0] == VALUES[-1]
    for sentence in found.said():
        assert sentence in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gap", "3"], "--gap is about a table. Give the file with --csv"),
        (["--check"], "--check is about a table"),
        (["--csv", "FILE", "--decimal", "dot"], "decimal = 'dot' is not known"),
        (["--csv", "FILE", "--column", "depth"], "no column of numbers 'depth'"),
        (["--csv", "FILE", "--task", "adding"], "--csv is for the task forecast"),
    ],
)
def test_options_that_can_t_be_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(table(*map(str, VALUES), header="v"))
    assert main(["train", *[str(file) if word == "FILE" else word for word in words]]) == 2
    assert said in capsys.readouterr().err


def test_the_interface_reads_a_table_without_pandas() -> None:
    code = (
        "import sys; from explainer.tables import read_table; "
        f"print(read_table({table(*map(str, VALUES)).encode()!r}).values[0], 'pandas' in sys.modules)"
    )
    project = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env={**os.environ}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(VALUES[0]), "False"]
