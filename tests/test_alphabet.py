"""The signs that a text is read in: every character has one, rare ones share one; counted by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explainer.config import RunConfig
from explainer.data.alphabet import OTHER, alphabet, percent
from explainer.data.corpus import digest
from explainer.runs.inputs import training_inputs
from explainer.tasks.make import make_task
from explainer.tasks.text.draw import tokenized

FREQUENT = [chr(0x4E00 + number) for number in range(2047)]
RARE = [chr(0x7000 + number) for number in range(30)]
BOOK = "".join(FREQUENT) * 3 + "".join(RARE) * 2
"""2,077 distinct characters: 2,047 that come three times, and 30 that come twice."""


def test_by_hand() -> None:
    """Of a, a, a, b, b, c, d with room for three: a and b stay, c and d are two of seven characters."""
    found = alphabet("aaabbcd", most=3)
    assert found.signs == ("a", "b", OTHER)
    assert (found.distinct, found.rare, found.rare_share, found.has_other) == (4, 2, 2 / 7, True)


def test_of_equally_frequent_characters_the_first_stay_and_the_texts_own_sign_for_others_is_one() -> None:
    assert alphabet("dcba", most=3).signs == ("a", "b", OTHER)
    found = alphabet(f"aab{OTHER}cd", most=3)
    assert found.signs == ("a", "b", OTHER)
    assert (found.rare, found.rare_share) == (2, 3 / 6)


@given(st.text(min_size=1), st.integers(2, 40))
def test_there_are_never_more_signs_than_allowed_and_the_share_is_that_of_what_has_none(text: str, most: int) -> None:
    found = alphabet(text, most)
    assert len(found.signs) <= most
    assert list(found.signs) == sorted(set(found.signs))
    own = set(found.signs) - ({OTHER} if found.has_other else set())
    without = [character for character in text if character not in own]
    assert found.rare_share == (len(without) / len(text) if found.has_other else 0)
    assert found.has_other == (len(set(text)) > most)
    assert {character for character in text if character in own} == own


def test_a_text_of_few_characters_is_read_as_it_was() -> None:
    text = "".join(map(chr, range(0x400, 0x500))) * 2
    signs, tokens = tokenized(text)
    assert signs == tuple(sorted(set(text)))
    assert tokens.dtype.itemsize == 1
    assert [signs[token] for token in tokens] == list(text)


def test_every_character_of_a_large_book_has_a_token() -> None:
    signs, tokens = tokenized(BOOK)
    assert len(signs) == 2048
    assert [signs[token] for token in tokens] == [character if character in FREQUENT else OTHER for character in BOOK]


@pytest.mark.parametrize(("model", "layers"), [("gru", 1), ("lstm", 1), ("rnn", 2), ("transformer", 1)])
def test_networks_of_every_family_read_and_learn_a_large_book(model: str, layers: int) -> None:
    from explainer.training import Trainer

    config = RunConfig(task="text", data=digest(BOOK), model=model, layers=layers, length=13, width=8, heads=2, batch=3)
    trainer = Trainer(config, BOOK)
    assert training_inputs(config, BOOK) == (trainer.task.inputs, trainer.task.outputs) == (2048, 2048)
    assert trainer.task.rare == {"characters": 30, "share": 60 / len(BOOK)}
    assert trainer.advance().loss == pytest.approx(math.log(2048), rel=0.1)


def test_an_own_input_with_unknown_characters_is_read_where_there_is_a_sign_for_them() -> None:
    config = RunConfig(task="text", data=digest(BOOK), length=13, width=8)
    task = make_task(config, BOOK)
    batch = task.read(f"{FREQUENT[0]}x{RARE[0]}{FREQUENT[5]}")
    assert task.axis(batch) == [FREQUENT[0], OTHER, OTHER, FREQUENT[5]]
    assert batch.x.dtype == torch.int64
    small = "".join(FREQUENT)
    with pytest.raises(ValueError, match="'x' is not in the text"):
        make_task(config.but(data=digest(small)), small).read("x")


@pytest.mark.parametrize(
    ("share", "said"), [(0.024026, "2.4 %"), (0.0000374, "0.0037 %"), (0.3667, "37 %"), (0.1, "10 %")]
)
def test_shares_have_two_digits(share: float, said: str) -> None:
    assert percent(share) == said
