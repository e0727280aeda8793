"""Texts in the encodings that people have, read by their content; the oracle is the text that was encoded."""

from __future__ import annotations

import codecs
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.data.decoding import ENCODINGS, Decoded, decode, named

TEXTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "texts"

GERMAN = "Der Müller ging über die Brücke, und die Mädchen hörten süße Grüße. „Schön“, sagte er – größer wär’s nicht möglich. "
FRENCH = (
    "L’été dernier, nous étions à la forêt; où êtes-vous allés? Ça m’a coûté très cher, dit-elle, près du château. "
)
SPANISH = "El niño comió la piña mañana; ¿dónde está el señor? ¡Qué alegría! Después, el pingüino voló. "
CHINESE = "人工智能是计算机科学的一个分支，它企图了解智能的实质，并生产出一种新的能以人类智能相似的方式做出反应的机器。"
TRADITIONAL = "人工智慧是電腦科學的一個分支，它企圖了解智慧的實質，並生產出一種新的機器。這是為了說明問題而寫的文章。"
JAPANESE = "人工知能とは、計算機科学の一分野であり、人間の知能を模倣する技術の総称です。よく読んでください。"
KOREAN = "인공지능은 인간의 학습능력과 추론능력을 컴퓨터 프로그램으로 실현한 기술이다. 우리는 그것을 배운다. "
RUSSIAN = "Мой дядя самых честных правил, когда не в шутку занемог, он уважать себя заставил. "
POLISH = "Zażółć gęślą jaźń, dobrze że już po wszystkim. Książka leży na półce. "

WESTERN = st.sampled_from([GERMAN, FRENCH, SPANISH])


def shuffled(text: str, seed: int, size: int) -> str:
    """Words of the text in another order, at least `size` characters."""
    source = random.Random(seed)
    words = text.split(" ")
    found = " ".join(source.choice(words) for _ in range(size))
    return found[:size]


def attempt(content: bytes) -> tuple[Decoded | None, str]:
    """What is read, or why nothing is."""
    try:
        return decode(content), ""
    except ValueError as error:
        return None, str(error)


@given(WESTERN, st.integers(0, 10**6), st.integers(60, 500))
def test_western_texts_of_any_words_are_told(text: str, seed: int, size: int) -> None:
    whole = shuffled(text, seed, size)
    content = whole.encode("cp1252")
    assert decode(content) == (whole, "Windows-1252" if not content.isascii() else "UTF-8")


@given(st.sampled_from([CHINESE, TRADITIONAL]), st.integers(0, 10**6), st.integers(150, 500))
def test_chinese_in_gb18030_of_any_order_is_told(text: str, seed: int, size: int) -> None:
    source = random.Random(seed)
    whole = "".join(source.choice(text) for _ in range(size))
    assert decode(whole.encode("gb18030")) == (whole, "GB18030")


@given(
    st.sampled_from([GERMAN, CHINESE, KOREAN, RUSSIAN, JAPANESE, POLISH]),
    st.sampled_from(["utf-16-le", "utf-16-be"]),
    st.integers(1, 9),
    st.booleans(),
)
def test_utf16_is_told_with_and_without_its_mark(text: str, codec: str, times: int, mark: bool) -> None:
    whole = f"{text}\n" * times
    start = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[codec] if mark else b""
    assert decode(start + whole.encode(codec)) == (whole, "UTF-16 LE" if codec.endswith("le") else "UTF-16 BE")


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_whatever_is_written_in_utf8_is_read_or_refused_as_no_text(text: str) -> None:
    found, why = attempt(text.encode("utf-8", errors="ignore"))
    if found is None:
        assert "not plain text" in why
    else:
        assert found == (text.encode("utf-8", errors="ignore").decode().removeprefix("\ufeff"), "UTF-8")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_a_sentence(content: bytes) -> None:
    found, why = attempt(content)
    assert found is not None or why.endswith(".")


def test_utf16_of_ideographs_alone_has_no_zero_byte_and_is_told() -> None:
    whole = CHINESE.replace("一", "二") * 4
    for codec, name in (("utf-16-le", "UTF-16 LE"), ("utf-16-be", "UTF-16 BE")):
        assert b"\0" not in whole.encode(codec)
        assert decode(whole.encode(codec)) == (whole, name)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks_are_read_and_left_out(codec: str) -> None:
    assert decode(GERMAN.encode(codec)).text == GERMAN


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (TRADITIONAL, "big5"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "cp932"),
        (KOREAN, "cp949"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (POLISH, "cp1250"),
    ],
)
def test_other_encodings_are_not_taken_for_one_that_is_told_and_are_read_by_name(text: str, codec: str) -> None:
    content = (text * 4).encode(codec)
    with pytest.raises(ValueError, match=r"Name its encoding, or save the text as UTF-8"):
        decode(content)
    assert decode(content, codec).text == text * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.4", "a PDF"),
        (b"PK\x03\x04rest", r"\.docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", r"\.doc"),
        (b"{\\rtf1 text}", r"\.rtf"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x89PNG\r\n", "picture"),
        (b"text\0\0\0", "zero bytes"),
        (bytes(range(1, 32)) * 9, "control characters"),
        (random.Random(7).randbytes(5000), "not plain text"),
        (
            (CHINESE * 9).encode() + b"\xff" + CHINESE.encode(),
            f"but not from byte {len((CHINESE * 9).encode()) + 1:,} on",
        ),
    ],
)
def test_what_is_no_text_is_refused_with_the_way_out(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(content)


def test_a_character_that_the_end_cuts_is_left_out() -> None:
    assert decode(CHINESE.encode()[:-1]) == (CHINESE[:-1], "UTF-8")
    assert decode((CHINESE * 5).encode("gb18030")[:-1]) == ((CHINESE * 5)[:-1], "GB18030")


def test_the_encoding_that_is_named_overrules_the_content() -> None:
    assert decode("Ã©".encode(), "latin1").text == "ÃƒÂ©"
    with pytest.raises(ValueError, match="Byte 3 of the file is not UTF-8"):
        decode(b"ab\xff", "utf8")
    with pytest.raises(ValueError, match=r"'klingon' is not known. Choose one of: UTF-8, UTF-16 LE"):
        decode(b"ab", "klingon")


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_is_found_by_its_name_and_by_pythons(name: str) -> None:
    assert named(name.lower()) == named(ENCODINGS[name]) == name
    assert decode("plain".encode(ENCODINGS[name]), name).text == "plain"


@pytest.mark.skipif(not TEXTS.is_dir(), reason="the texts of people are not beside the project")
@pytest.mark.parametrize(
    ("file", "codec", "said"),
    [
        ("zh_poetry", "gb18030", "GB18030"),
        ("zh_poetry", "utf-8", "UTF-8"),
        ("zh_poetry", "utf-16-le", "UTF-16 LE"),
        ("urdu_poetry", "utf-8", "UTF-8"),
        ("urdu_poetry", "utf-16-be", "UTF-16 BE"),
    ],
)
@pytest.mark.parametrize("size", [60, 200, 50_000])
def test_texts_of_people_are_told_by_their_first_lines_as_by_the_whole(
    file: str, codec: str, said: str, size: int
) -> None:
    text = (TEXTS / f"{file}.txt").read_text(encoding="utf-8")[:size]
    assert decode(text.encode(codec)) == (text, said)
