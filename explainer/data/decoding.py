"""The text in a file, whatever encoding it was saved in: found by its content, or as somebody says.

What a file may be is tried in an order in which each answer leaves little doubt:

1. a mark at its beginning (UTF-8, UTF-16, UTF-32);
2. zero bytes: UTF-16 in the byte order that gives a plausible text, else not text at all;
3. UTF-8, which hardly anything else happens to be;
4. GB18030, where its signs are those of Chinese writing: of 200 characters of any Chinese text tried, 9 to 47 % are among
   the `COMMON`, and 0 % of Japanese, Korean, traditional Chinese (Big5) or Thai bytes read so;
5. Windows-1252, where high bytes stand in words as accents do;
6. UTF-16 without a zero byte, where that gives Chinese or Japanese writing: all other has blanks or line ends.

charset-normalizer, which comes with Streamlit, was compared: it reads French and Spanish in Windows-1252 as
Windows-1250 (5 of 6 texts of 60 to 2,000 bytes, whose “ñ” becomes “ń”), and for four encodings that can be told apart it
brings ninety that can't.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

ENCODINGS = {
    "UTF-8": "utf-8",
    "UTF-16 LE": "utf-16-le",
    "UTF-16 BE": "utf-16-be",
    "UTF-32 LE": "utf-32-le",
    "UTF-32 BE": "utf-32-be",
    "GB18030": "gb18030",
    "Big5": "big5hkscs",
    "Shift JIS": "cp932",
    "EUC-JP": "euc_jp",
    "EUC-KR": "cp949",
    "Windows-1250": "cp1250",
    "Windows-1251": "cp1251",
    "Windows-1252": "cp1252",
    "Windows-1253": "cp1253",
    "Windows-1254": "cp1254",
    "Windows-1255": "cp1255",
    "Windows-1256": "cp1256",
    "Windows-1257": "cp1257",
    "Windows-874": "cp874",
    "KOI8-R": "koi8_r",
    "Mac Roman": "mac_roman",
}
"""Names for people, each with Python's."""

_ALIASES = {
    "utf8sig": "UTF-8",
    "utf16": "UTF-16 LE",
    "utf32": "UTF-32 LE",
    "latin1": "Windows-1252",
    "iso88591": "Windows-1252",
    "ansi": "Windows-1252",
    "gbk": "GB18030",
    "gb2312": "GB18030",
    "cp936": "GB18030",
    "sjis": "Shift JIS",
}

_MARKS = (  # UTF-32 LE begins like UTF-16 LE, so it is asked first
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32 LE"),
    (codecs.BOM_UTF32_BE, "UTF-32 BE"),
    (codecs.BOM_UTF16_LE, "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "UTF-16 BE"),
)

_OTHER_FILES = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive, a workbook (.xlsx, .ods) or an office document (.docx, .odt, .epub)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook or an office document (.xls, .doc)"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a rich text document (.rtf)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3", "a database"),
)

COMMON = frozenset(
    "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作"
    "方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从這為來個們說國時會後對過發無經與學種將還從風山月水"
)
"""Characters of which every Chinese text, old or new, simplified or traditional, has many."""

_PAIR = re.compile(rb"[\x81-\xfe][0-9][\x81-\xfe][0-9]|[\x81-\xfe][\x40-\xfe]")
_COMMON_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]|[\x81-\xfe][0-9][\x81-\xfe][0-9]")

LEAST_COMMON = 0.04  # of the ideographs
LEAST_LEVEL_ONE = 0.5  # of the characters of two bytes or four
MOST_KANA = 0.2
COMMON_PAIRS = 0.9  # of a Chinese table's pairs
MOST_HIGH = 0.35  # of a Western text's letters that are not of ASCII
MOST_SPLIT = 0.1  # of its high characters that are signs in the middle of a word
LEAST_PLAUSIBLE = 0.95  # of the characters of UTF-16, or of a file with a mark
MOST_CONTROL = 0.02  # of the characters of anything
JUDGED = 2**16  # bytes, from the first on, that tell GB18030, Windows-1252 and UTF-16 apart

UNKNOWN = (
    "The encoding of the file can't be told: it is not UTF-8, UTF-16, GB18030 or Windows-1252. Name its encoding, or "
    "save the text as UTF-8."
)
NO_TEXT = "Save what is in it as plain text in UTF-8, a sheet as CSV, and give that file."


class Decoded(NamedTuple):
    """A text, and the name of the encoding that it was read in."""

    text: str
    encoding: str


def decode(content: bytes, encoding: str = "", table: bool = False) -> Decoded:
    """The text in a file, without its byte-order mark.

    A character that is cut in two at the end, as by `head -c`, is left out.

    Args:
        content: of the file.
        encoding: a name in `ENCODINGS` in any spelling; "" to find it by the content.
        table: there are few words to tell GB18030 and Windows-1252 by, so the bytes of pairs do (`_by_pairs`).

    Raises:
        ValueError: it is no text, its encoding can't be told, or it is not what it is said to be; with the way out.
    """
    if encoding:
        return _as_said(content, named(encoding))
    for start, kind in _OTHER_FILES:
        if content.startswith(start):
            raise ValueError(f"The file is {kind}, not plain text. {NO_TEXT}")
    for mark, name in _MARKS:
        if content.startswith(mark):
            found = _checked(_as_said(content, name))
            if _plausible(found.text[: JUDGED // 2]) < LEAST_PLAUSIBLE:
                raise ValueError(f"The file begins like {name}, and what follows is not text. {NO_TEXT}")
            return found
    if b"\0" in content:
        return _checked(_utf16(content))
    text = _read(content, "UTF-8")
    if text is not None:
        return _checked(Decoded(text, "UTF-8"))
    _refuse_almost_utf8(content)
    if table:
        return _checked(_by_pairs(content))
    for name, fits in (("GB18030", _is_chinese), ("Windows-1252", _is_western)):
        if fits(content[:JUDGED]) and (text := _read(content, name)) is not None:
            return _checked(Decoded(text, name))
    found = _utf16(content)
    if not _is_ideographic(found.text[:JUDGED]):
        raise ValueError(UNKNOWN)
    return _checked(found)


def named(encoding: str) -> str:
    """The name in `ENCODINGS` that is meant, in any spelling.

    Raises:
        ValueError: none is.
    """
    asked = _plain(encoding)
    known = {_plain(name): name for name in ENCODINGS} | {_plain(codec): name for name, codec in ENCODINGS.items()}
    name = (known | _ALIASES).get(asked)
    if name is None:
        raise ValueError(f"The encoding {encoding[:40]!r} is not known. Choose one of: {', '.join(ENCODINGS)}.")
    return name


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _as_said(content: bytes, name: str) -> Decoded:
    """The text in the encoding of this name.

    Raises:
        ValueError: it is not in that encoding.
    """
    text = _read(content, name)
    if text is None:
        try:
            content.decode(ENCODINGS[name])
            at = len(content)
        except UnicodeDecodeError as error:
            at = error.start + 1
        raise ValueError(f"Byte {at:,} of the file is not {name}. Name another encoding, or save the text as UTF-8.")
    return Decoded(text.removeprefix("\ufeff"), name)


def _read(content: bytes, name: str) -> str | None:
    """The text, up to three bytes of a character that the end cuts; None if it is not in this encoding."""
    decoder = codecs.getincrementaldecoder(ENCODINGS[name])()
    try:
        text = decoder.decode(content)
    except UnicodeDecodeError:
        return None
    return text if text or not content else None


def _checked(found: Decoded) -> Decoded:
    """The same, if it is text.

    Raises:
        ValueError: it has a zero, or many control characters.
    """
    control = sum(found.text.count(chr(code)) for code in range(32) if chr(code) not in "\t\n\r\f\x1b")
    if "\0" in found.text or control > MOST_CONTROL * len(found.text):
        raise ValueError(f"The file holds zero bytes or control characters, so it is not plain text. {NO_TEXT}")
    return found


def _refuse_almost_utf8(content: bytes) -> None:
    """A file in UTF-8 with a few bytes that are not is not to be taken for something else.

    Raises:
        ValueError: there are ten times as many characters that only UTF-8 writes so as bytes that it doesn't.
    """
    text = content.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) < 11 * wrong:
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The file is UTF-8, but not from byte {error.start + 1:,} on. Mend it there, or name its encoding."
        ) from None


def _by_pairs(content: bytes) -> Decoded:
    """GB18030 where bytes beyond ASCII come in its pairs, both of them beyond; else Windows-1252, where a plain letter mostly follows.

    Raises:
        ValueError: it is neither.
    """
    pairs = _PAIR.findall(content)
    common = sum(_COMMON_PAIR.fullmatch(pair) is not None for pair in pairs)
    chinese = common > COMMON_PAIRS * len(pairs)
    for name in ("GB18030", "Windows-1252") if chinese else ("Windows-1252",):
        if (text := _read(content, name)) is not None:
            return Decoded(text, name)
    raise ValueError(UNKNOWN)


def _is_chinese(content: bytes) -> bool:
    """Whether bytes that GB18030 can read are Chinese writing."""
    text = _read(content, "GB18030")
    if text is None:
        return False
    high = [character for character in text if ord(character) > 127]
    first_level = _share(_is_first_level(character.encode("gb18030")) for character in high)
    return first_level >= LEAST_LEVEL_ONE and _kana(high) <= MOST_KANA and _common(high) >= LEAST_COMMON


def _is_ideographic(text: str) -> bool:
    """Whether a text is Chinese or Japanese writing."""
    return _kana(text) > MOST_KANA or _common(text) >= LEAST_COMMON


def _kana(text: Iterable[str]) -> float:
    return _share("\u3040" <= character <= "\u30ff" for character in text)


def _common(text: Iterable[str]) -> float:
    """Share of the `COMMON` among a text's ideographs."""
    return _share(character in COMMON for character in text if "\u4e00" <= character <= "\u9fff")


def _is_first_level(code: bytes) -> bool:
    """Whether a character is a sign or one of the 3,755 frequent ideographs of GB 2312."""
    return len(code) == 2 and (0xA1 <= code[0] <= 0xA9 or 0xB0 <= code[0] <= 0xD7) and code[1] >= 0xA1


def _is_western(content: bytes) -> bool:
    """Whether bytes read as Windows-1252 are words in which some letters have accents."""
    text = _read(content, "Windows-1252")
    if text is None:
        return False
    letters = [character for character in text if character.isalpha()]
    high = [place for place, character in enumerate(text) if ord(character) > 127]
    split = sum(_splits_a_word(text, place) for place in high)
    return _share(ord(letter) > 127 for letter in letters) <= MOST_HIGH and split <= MOST_SPLIT * len(high)


def _splits_a_word(text: str, place: int) -> bool:
    """Whether a sign such as ¿ or ³ stands between two letters, as where the bytes are letters of another encoding."""
    around = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    return not text[place].isalpha() and text[place] not in "’‘–—·…\xad" and len(around) == 2 and around.isalpha()


def _utf16(content: bytes) -> Decoded:
    """UTF-16 without a mark, in the byte order that gives the more plausible text.

    Raises:
        ValueError: neither does.
    """
    names = ("UTF-16 LE", "UTF-16 BE")
    texts = {name: text for name in names if (text := _read(content[: len(content) // 2 * 2], name)) is not None}
    scores = {name: _plausible(text[: JUDGED // 2]) for name, text in texts.items()}
    best = max(scores, key=lambda name: scores[name], default="")
    if best and scores[best] >= LEAST_PLAUSIBLE:
        return Decoded(texts[best], best)
    if b"\0" in content:
        raise ValueError(f"The file holds zero bytes, so it is not plain text. {NO_TEXT}")
    raise ValueError(UNKNOWN)


def _plausible(text: str) -> float:
    """Share of the characters that texts are made of.

    Latin text in the wrong byte order is made of U+6100 and the like, with nothing in the lower byte: of these
    only U+4E00, 一, is frequent in texts.
    """
    return _share(
        character in "\n\r\t"
        or (unicodedata.category(character)[0] in "LMNPSZ" and (ord(character) & 0xFF != 0 or character in "一가"))
        for character in text
    )


def _share(flags: Iterable[bool]) -> float:
    """How much of them is true; 0 of none."""
    listed = list(flags)
    return sum(listed) / max(1, len(listed))
