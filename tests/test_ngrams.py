"""Unigrams, bigrams and trigrams: Witten and Bell's rule against a loop over dictionaries, and against simulation."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainer.theory.ngrams import window_losses, witten_bell


class Slow:
    """p_n(w | h), token by token, from dictionaries of what came after what."""

    def __init__(self, training: list[int], vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for place, token in enumerate(training):
            for back in range(min(place, 3) + 1):
                self.after[tuple(training[place - back : place])][token] += 1

    def p(self, token: int, *context: int) -> float:
        lower = self.p(token, *context[1:]) if context else 1 / self.vocabulary
        came = self.after.get(context)
        if not came:
            return lower
        return (came[token] + len(came) * lower) / (sum(came.values()) + len(came))


def tokens(count: int, vocabulary: int, seed: int) -> np.ndarray:
    """Tokens that follow each other unevenly; the last one of the vocabulary never comes."""
    source = np.random.default_rng(seed)
    steps = source.choice(3, size=count, p=(0.7, 0.2, 0.1)) + (source.random(count) < 0.1) * 2
    return (np.cumsum(steps) % (vocabulary - 1)).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 211), st.integers(2, 13))
def test_probabilities_are_those_of_a_loop_over_dictionaries(seed: int, count: int, vocabulary: int) -> None:
    training, slow = tokens(count, vocabulary, seed), None
    slow = Slow(training.tolist(), vocabulary)
    grams = np.random.default_rng(seed).integers(vocabulary, size=(53, 3)).astype(np.uint8)
    for order, found in enumerate(witten_bell(training, grams, vocabulary), 1):
        expected = [slow.p(row[-1], *row[3 - order : -1]) for row in grams.tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_every_distribution_sums_to_one_and_nothing_is_impossible() -> None:
    V = 7
    training = tokens(101, V, 3)
    contexts = list(itertools.product(range(V), repeat=2))
    grams = np.array([(*context, token) for context in contexts for token in range(V)], np.uint8)
    for found in witten_bell(training, grams, V):
        assert found.min() > 0
        np.testing.assert_allclose(found.reshape(len(contexts), V).sum(axis=1), 1, rtol=1e-12)


def test_by_hand() -> None:
    """a b a a: after a came a and b, once each; two kinds. p_1(a) = (3 + 2/3)/(4 + 2), p_2(b | a) = (1 + 2 p_1(b))/4."""
    first, second = witten_bell(np.array([0, 1, 0, 0], np.uint8), np.array([[0, 0], [0, 1], [2, 0]], np.uint8), 3)
    np.testing.assert_allclose(first, [11 / 18, 5 / 18, 11 / 18])
    np.testing.assert_allclose(second, [(1 + 2 * 11 / 18) / 4, (1 + 2 * 5 / 18) / 4, 11 / 18])


@pytest.mark.parametrize("length", [1, 2, 3, 5, 17, 22])
def test_losses_are_the_mean_over_every_window_read_by_itself(length: int) -> None:
    V = 5
    training, held_out = tokens(211, V, 1), tokens(23, V, 2)
    slow = Slow(training.tolist(), V)
    expected: list[list[float]] = [[], [], []]
    for start in range(23 - length):
        window = held_out[start : start + length + 1].tolist()
        for place, order in itertools.product(range(1, length + 1), (1, 2, 3)):
            context = window[max(0, place - order + 1) : place]
            expected[order - 1].append(-math.log(slow.p(window[place], *context)))
    found = window_losses(training, held_out, V, length)
    np.testing.assert_allclose(found, [np.mean(each) for each in expected], rtol=1e-12)


def test_a_chain_of_order_one_is_known_by_its_bigrams_up_to_what_is_left_to_learn() -> None:
    """Its entropy rate is the floor: bigrams come within 1 %, unigrams stay at the entropy of the letters."""
    V = 3
    follow = np.array([[0.8, 0.15, 0.05], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1]])
    source = np.random.default_rng(0)
    chain = [0]
    for draw in source.random(60_000):
        chain.append(int(np.searchsorted(follow[chain[-1]].cumsum()[:-1], draw)))
    values, vectors = np.linalg.eig(follow.T)
    stationary = np.real(vectors[:, np.argmax(values.real)])
    stationary /= stationary.sum()
    rate = float(-(stationary[:, None] * follow * np.log(follow)).sum())
    letters = float(-(stationary * np.log(stationary)).sum())
    text = np.array(chain, np.uint8)
    found = window_losses(text[:50_000], text[50_000:], V, 29)
    assert found[0] == pytest.approx(letters, rel=0.01)
    assert found[1] == pytest.approx(rate, rel=0.01)
    assert found[2] == pytest.approx(rate, rel=0.015)


def test_two_megabytes_of_256_letters_are_quick() -> None:
    source = np.random.default_rng(1).integers(0, 256, 1_999_993).astype(np.uint8)
    start = time.process_time()
    found = window_losses(source[:1_800_000], source[1_800_000:], 256, 83)
    assert time.process_time() - start < 2
    assert found[0] == pytest.approx(math.log(256), rel=0.01)


def test_thousands_of_tokens_are_counted_as_by_the_loop() -> None:
    """V = 2,000: the numbers of trigrams need more than 31 bits, which must not run over."""
    V = 2000
    source = np.random.default_rng(11)
    kinds = np.concatenate([source.integers(V - 7, V, 17), source.integers(0, V, 13)])
    training = source.choice(kinds, 5003).astype(np.int16)
    slow = Slow(training.tolist(), V)
    grams = np.concatenate([source.choice(kinds, (101, 3)), source.integers(0, V, (53, 3))]).astype(np.int16)
    for order, found in enumerate(witten_bell(training, grams, V), 1):
        expected = [slow.p(row[-1], *row[3 - order : -1]) for row in grams.tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
