"""The user's own text or series, from the popover to the run's configuration."""

from __future__ import annotations

import json
import random

import pytest
from streamlit.testing.v1 import AppTest

from explainer.config import RunConfig
from explainer.data import SUNSPOTS, Series, default_text, digest
from explainer.runs.store import Store
from explainer.tasks.make import make_task
from explainer.ui.own_data import Given, given_file, given_series, given_text, refusal

RIDDLE = "The *quick* <b>brown</b> fox jumps over the [lazy](http://dog) dog.\n" * 7
SERIES = Series("sales", "", 1, tuple(float(n * n % 37) for n in range(53)))
TEXT = RunConfig(task="text", length=13, width=8)
FORECAST = RunConfig(task="forecast", length=13, width=8)


@pytest.fixture(autouse=True)
def interface(store: Store) -> None:
    """Every test has the interface over a store of its own."""


# -- what is given ----------------------------------------------------------------------------


def test_a_text_is_named_by_its_hash() -> None:
    given = given_text(RIDDLE.replace("\n", "\r\n"))
    assert given.body == RIDDLE
    assert given.digest == digest(RIDDLE)
    assert given.size == len(RIDDLE)


def test_a_series_is_kept_as_its_canonical_text() -> None:
    given = given_series(SERIES)
    assert Series.from_text(given.body) == SERIES
    assert (given.digest, given.size) == (digest(SERIES.to_text()), 53)
    assert given.words == "“sales”: 53 values from 0 to 36"


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16 LE"), ("cp1252", "Windows-1252")]
)
def test_a_file_says_how_it_was_read_and_is_named(encoding: str, said: str) -> None:
    given = given_file(("Grüße an die Mädchen.\r\n" * 13).encode(encoding), "briefe.txt")
    assert given.body == "Grüße an die Mädchen.\n" * 13
    assert given.words.startswith(f"“briefe.txt”, read as {said}: a text of 286 characters, 16 distinct ones")
    assert (given.name, given.how) == ("briefe.txt", "")


def test_an_encoding_that_was_chosen_by_hand_is_kept_for_the_command_line() -> None:
    given = given_file(("привет, мир. " * 20).encode("cp1251"), "x.txt", "Windows-1251")
    assert given.body == "привет, мир. " * 20
    assert given.how == "--encoding Windows-1251"


def test_a_pasted_text_is_named_by_its_beginning() -> None:
    given = given_text("One\ntwo three " * 20)
    assert given.name == "pasted “One two three One two three On…”"
    assert given.words.startswith("A text of 280 characters")


def test_a_text_of_many_ideographs_says_what_became_of_the_rare_ones() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 2100))) + "一丁" * 50
    given = given_text(many)
    assert RunConfig(task="text").problem.sizes(lambda: given.body) == (2048, 2048)
    assert given.signs == (
        "2,100 distinct characters; the rarest 53, 2.4 % of the text, stand as one sign, \ufffd: a network reads it in "
        "2,048 signs."
    )
    assert given_text(many[:2048]).signs == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"%PDF-1.7 x", "a PDF"), (b"PK\x03\x04\0", "office document"), (b"\0\1\2\3" * 99, "zero bytes")],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        given_file(content, "a.txt")


def test_a_limit_of_the_host_holds_for_texts_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "1000")
    with pytest.raises(ValueError, match=r"The text has 1,001 characters. Keep at most 1,000 bytes"):
        given_text("ab" * 500 + "c")
    with pytest.raises(ValueError, match=r"The file has 4,001 bytes, and this host reads 4,000"):
        given_file(b"a" * 4001, "a.txt")
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "3e6")
    assert given_text("ab" * 1_200_000).size == 2_400_000


# -- what can't be trained --------------------------------------------------------------------


@pytest.mark.parametrize("length", [47, 48, 49, 50])
def test_a_text_that_is_too_short_for_the_windows_is_refused_as_by_the_task(length: int) -> None:
    given = given_text(RIDDLE[:480])  # its last tenth has 48 characters
    config = TEXT.but(length=length, data=given.digest)
    try:
        make_task(config, given.body)
        expected = ""
    except ValueError as error:
        expected = str(error)
    assert refusal(config, given) == expected
    assert bool(expected) == (length > 47)


@pytest.mark.parametrize("length", [42, 43, 44])
def test_a_series_that_is_too_short_for_the_windows_is_refused_as_by_the_task(length: int) -> None:
    given = given_series(SERIES)  # 10 of the 53 values are for validation
    config = FORECAST.but(length=length, data=given.digest)
    try:
        make_task(config, given.body)
        expected = ""
    except ValueError as error:
        expected = str(error)
    assert refusal(config, given) == expected
    assert bool(expected) == (length > 42)


def test_the_default_series_is_checked_too() -> None:
    assert refusal(FORECAST.but(length=len(SUNSPOTS.values) - 61), None) == ""
    assert "Choose a length of at most 248" in refusal(FORECAST.but(length=len(SUNSPOTS.values) - 60), None)


def test_data_that_is_not_here_is_asked_for() -> None:
    assert refusal(TEXT.but(data="ab" * 32), Given("ab" * 32)).startswith("The text of this address is not here")
    assert refusal(FORECAST.but(data="ab" * 32), Given("ab" * 32)).startswith("The series of this address")


def test_a_run_that_does_not_fit_the_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_PARAMETERS", "100")
    given = given_text(RIDDLE)
    assert "this host allows 100" in refusal(TEXT.but(data=given.digest), given)
    assert "this host allows 100" in refusal(RunConfig(), None)


# -- the popover ------------------------------------------------------------------------------


def _page() -> None:
    import json

    import streamlit as st

    from explainer.config import RunConfig
    from explainer.ui.controls import fill_controls
    from explainer.ui.own_data import adopt, own_data

    if "began" not in st.session_state:
        st.session_state["began"] = True
        config = RunConfig.from_query(st.query_params.to_dict())
        adopt("p", config)
        fill_controls("p", config)
    st.selectbox("Task", ["text", "forecast", "adding"], key="p.task")
    given = own_data("p")
    st.code(json.dumps([st.session_state["p.data"], given.body if given else None]))


def opened(**query: str) -> AppTest:
    page = AppTest.from_function(_page, default_timeout=30)
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def chosen(page: AppTest) -> list[str | None]:
    """The configuration's `data` and its body, after a run of the page without an exception."""
    assert not page.exception
    found: list[str | None] = json.loads(page.code[0].value)
    return found


def paste(page: AppTest, text: str) -> AppTest:
    page.text_area[0].set_value(text)
    return page.button[0].click().run()


def test_a_task_that_reads_nothing_has_no_popover() -> None:
    page = opened(task="adding")
    assert chosen(page) == ["", None]
    assert not page.text_area


def test_a_pasted_text_is_used_and_can_be_given_back() -> None:
    page = paste(opened(task="text"), RIDDLE)
    assert chosen(page) == [digest(RIDDLE), RIDDLE]
    page.button[1].click().run()
    assert chosen(page) == ["", None]


@pytest.mark.parametrize(("text", "said"), [("short", "has 5 characters"), ("a" * 300, "one character"), ("", "has 0")])
def test_a_text_that_teaches_nothing_is_refused_with_a_sentence(text: str, said: str) -> None:
    page = paste(paste(opened(task="text"), RIDDLE), text)
    assert said in page.error[0].value
    assert chosen(page) == [digest(RIDDLE), RIDDLE]  # what was given before still holds


def test_a_text_whose_validation_part_stands_in_its_training_part_is_named() -> None:
    page = paste(opened(task="text"), RIDDLE * 3)
    assert any(each.value.startswith("100% of the validation text stands word for word") for each in page.caption)
    source = random.Random(4)
    page = paste(page, "".join(source.choice("abcdefgh \n") for _ in range(997)))
    assert chosen(page)[1] != RIDDLE * 3
    assert not any("word for word" in each.value for each in page.caption)


def test_what_a_user_typed_is_never_markup() -> None:
    page = paste(opened(task="text"), RIDDLE)
    shown = next(each.value for each in page.markdown if "distinct" in each.value)
    assert r"\*quick\* \<b\>brown\</b\>" in shown


def test_an_uploaded_text_is_used() -> None:
    page = opened(task="text")
    page.file_uploader[0].set_value(("riddle.txt", RIDDLE.encode("utf-16"), "text/plain")).run()
    assert chosen(page) == [digest(RIDDLE), RIDDLE]


def test_an_encoding_that_is_not_told_can_be_chosen_and_a_new_file_is_told_again() -> None:
    russian = "привет, мир. " * 20
    page = opened(task="text")
    page.file_uploader[0].set_value(("a.txt", russian.encode("cp1251"), "text/plain")).run()
    assert "can't be told" in page.error[0].value.replace("\\", "")
    page.get_by_key("p:encoding").set_value("Windows-1251").run()
    assert chosen(page) == [digest(russian), russian]
    assert not page.error
    page.file_uploader[0].set_value(("b.txt", RIDDLE.encode("utf-16"), "text/plain")).run()
    assert chosen(page) == [digest(RIDDLE), RIDDLE]
    assert page.get_by_key("p:encoding").value == ""


def test_the_default_text_has_its_size_and_its_vocabulary_in_sight() -> None:
    text = default_text()
    page = opened(task="text")
    assert any(
        f"{len(text):,} characters, {len(set(text))} distinct ones" in each.value.replace("\\", "")
        for each in page.caption
    )


def test_a_column_of_an_uploaded_file_is_used_and_can_be_changed() -> None:
    rows = "".join(f"{1900 + n},{n * n % 37},{n % 5}\n" for n in range(53))
    page = opened(task="forecast")
    page.file_uploader[0].set_value(("a.csv", f"year,sales,staff\n{rows}".encode(), "text/csv")).run()
    column = next(box for box in page.selectbox if box.label == "Column")
    assert column.options == ["year", "sales", "staff"]
    assert column.value == "sales"  # a year merely counts
    assert chosen(page)[1] == SERIES.to_text()
    column.set_value("staff").run()
    assert Series.from_text(str(chosen(page)[1])).values == tuple(n % 5 for n in range(53))


def test_a_file_without_numbers_is_refused_with_a_sentence() -> None:
    page = opened(task="forecast")
    page.file_uploader[0].set_value(("a.csv", b"a,b\nx,<i>y</i>\n", "text/csv")).run()
    assert "None of the 2 columns holds numbers" in page.error[0].value
    assert chosen(page) == ["", None]


def test_each_task_keeps_what_it_was_given() -> None:
    page = paste(opened(task="text"), RIDDLE)
    assert chosen(page.selectbox[0].set_value("forecast").run()) == ["", None]
    assert chosen(page.selectbox[0].set_value("adding").run()) == ["", None]
    assert chosen(page.selectbox[0].set_value("text").run()) == [digest(RIDDLE), RIDDLE]


@pytest.mark.parametrize("way", ["pasted", "uploaded"])
def test_what_was_not_trained_yet_is_there_after_a_reload_for_its_owner_alone(way: str) -> None:
    page = opened(task="text")
    if way == "pasted":
        paste(page, RIDDLE)
    else:
        page.file_uploader[0].set_value(("my *riddle*.txt", RIDDLE.encode(), "text/plain")).run()
    again = AppTest.from_function(_page, default_timeout=30)
    again.session_state["owner"] = page.session_state["owner"]
    again.query_params |= {"task": "text", "data": digest(RIDDLE)}
    assert chosen(again.run()) == [digest(RIDDLE), RIDDLE]
    assert any(r"my \*riddle\*\.txt" in each.value for each in again.markdown) == (way == "uploaded")
    assert chosen(opened(task="text", data=digest(RIDDLE))) == [digest(RIDDLE), ""], "another session"


def test_a_series_is_there_after_a_reload_too() -> None:
    rows = "".join(f"{1900 + n},{n * n % 37}\n" for n in range(53))
    page = opened(task="forecast")
    page.file_uploader[0].set_value(("a.csv", f"year,sales\n{rows}".encode(), "text/csv")).run()
    again = AppTest.from_function(_page, default_timeout=30)
    again.session_state["owner"] = page.session_state["owner"]
    again.query_params |= {"task": "forecast", "data": str(chosen(page)[0])}
    assert chosen(again.run()) == chosen(page)


def test_a_text_that_this_host_does_not_take_is_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_MAX_TEXT_BYTES", "300")
    page = paste(opened(task="text"), RIDDLE)
    assert "at most 300 bytes" in page.error[0].value.replace("\\", "")
    assert chosen(page) == ["", None]
    assert store.text(digest(RIDDLE)) is None


def test_an_address_with_data_of_another_kind_or_none_gives_no_body(store: Store) -> None:
    store.save_text(digest(RIDDLE), RIDDLE)
    assert chosen(opened(task="forecast", data=digest(RIDDLE))) == [digest(RIDDLE), ""]
    assert chosen(opened(task="text", data="ab" * 32)) == ["ab" * 32, ""]
