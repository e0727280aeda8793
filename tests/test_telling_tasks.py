"""The tasks that tell networks apart: what is asked and what is right, by other means than the tasks' own."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from explainer.config import RunConfig
from explainer.data import Seen
from explainer.tasks.base import Batch, Task
from explainer.tasks.make import make_task
from explainer.theory.baselines import most_often_seen
from explainer.theory.permutations import elements, inversions, products
from explainer.theory.variables import parity, written_bit

SETTINGS = {
    "parity": {"length": 13},
    "words": {"length": 11},
    "recall": {"length": 29, "pairs": 7, "keys": 11},
    "selective": {"length": 23, "items": 5, "symbols": 7},
    "string": {"length": 13, "symbols": 7},
    "flipflop-language": {"length": 26},
    "brackets": {"length": 31, "kinds": 3, "depth": 5},
    "count": {"length": 11},
}


def task_of(name: str, **changes: object) -> Task:
    return make_task(RunConfig(task=name, batch=17, **{**SETTINGS[name], **changes}))


def rows(task: Task, batch: Batch) -> list[tuple[list[str], list[str]]]:
    return [(task.axis(batch, row), task.target_axis(batch, row)) for row in range(len(batch.x))]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_example_is_read_as_it_was_meant(name: str, split: str) -> None:
    task = task_of(name)
    batch = task.batch(3, split)  # type: ignore[arg-type]
    assert batch.mask.any(1).all(), "every sequence is asked something"
    for number in range(5):
        typed = task.problem.example(Seen(), np.random.default_rng(number))
        assert task.problem.unlike(typed, Seen(), 0) == []
        assert task.read(typed).mask.any()


def test_parity_is_that_of_the_ones_so_far_and_training_has_short_sequences() -> None:
    task = task_of("parity")
    for split in ("train", "validation"):
        batch = task.batch(0, split)  # type: ignore[arg-type]
        for read, said in rows(task, batch):
            assert said == [("even", "odd")["".join(read[: t + 1]).count("1") % 2] for t in range(len(read))]
            assert parity(read).tolist() == [word == "odd" for word in said]
        assert (batch.lengths is None) == (split == "validation")
    ends = Counter(task.batch(step).length_of(row) for step in range(40) for row in range(17))
    assert set(ends) == set(range(1, 14))


@pytest.mark.parametrize(("group", "count"), [("S3", 6), ("A5", 60)])
def test_a_word_is_what_its_permutations_make_of_things_that_are_moved(group: str, count: int) -> None:
    task = task_of("words", permutations=group)
    assert len(task.vocabulary) == count
    for read, said in rows(task, task.batch(0)):
        things = sorted(read[0])
        for word, order in zip(read, said, strict=True):
            things = [things[int(place) - 1] for place in word]
            assert "".join(things) == order


@pytest.mark.parametrize("group", ["S3", "A5"])
def test_the_products_are_those_of_matrices(group: str) -> None:
    matrices = [np.eye(len(p), dtype=int)[list(p)] for p in elements(group)]
    for (a, A), (b, B) in itertools.product(enumerate(matrices), repeat=2):
        np.testing.assert_array_equal(A @ B, matrices[products(group)[a, b]])
    if group == "A5":
        assert all(round(np.linalg.det(each)) == 1 for each in matrices)
    assert [inversions(p) % 2 for p in elements("S3")] == [0, 1, 1, 0, 0, 1]


def test_recall_asks_for_what_stood_behind_a_key_of_the_same_sequence() -> None:
    task = task_of("recall")
    for read, said in rows(task, task.batch(0)):
        behind = dict(zip(read[:14:2], read[1:14:2], strict=True))
        assert len(behind) == 7, "keys differ"
        assert said == [""] * 14 + [behind[key] for key in read[14:]]
        assert all(key.isupper() and value.islower() for key, value in behind.items())


@pytest.mark.parametrize(("pairs", "values"), [(1, 5), (2, 3), (3, 4), (5, 2)])
def test_the_value_seen_most_often_is_right_as_often_as_counting_says(pairs: int, values: int) -> None:
    drawn = itertools.product(range(values), repeat=pairs)
    assert most_often_seen(pairs, values) == pytest.approx(
        np.mean([max(Counter(each).values()) / pairs for each in drawn]), abs=1e-12
    )


def test_the_baseline_of_recall_is_a_quarter_in_the_setting_of_the_paper() -> None:
    assert task_of("recall", length=64, pairs=8, keys=16).baseline == pytest.approx(0.258, abs=5e-4)


def test_selective_copy_asks_for_the_symbols_without_the_blanks() -> None:
    task = task_of("selective")
    places = Counter()
    for step in range(30):
        for read, said in rows(task, task.batch(step)):
            assert read[23:] == ["▸"] * 5
            assert said == [""] * 23 + [symbol for symbol in read[:23] if symbol != "·"]
            places.update(at for at, symbol in enumerate(read[:23]) if symbol != "·")
    expected = 30 * 17 * 5 / 23
    assert all(abs(places[at] - expected) < 5 * expected**0.5 for at in range(23))


def test_a_string_is_asked_for_again_and_its_end() -> None:
    task = task_of("string")
    lengths = Counter()
    for step in range(20):
        for read, said in rows(task, task.batch(step)):
            L = read.index("▸")
            string = read[:L]
            assert read == [*string, "▸", *string]
            assert said == [""] * L + [*string, "■"]
            lengths[L] += 1
    assert set(lengths) == set(range(1, 14))
    assert task.target_axis(task.read("A B C"))[3:] == ["A", "B", "C", "■"]
    assert task.problem.unlike("A" * 14, Seen(), 0) == ["14 symbols instead of at most 13"]


def test_behind_r_stands_the_bit_behind_the_last_w() -> None:
    task = task_of("flipflop-language")
    instructions = Counter()
    for step in range(40):
        for read, said in rows(task, task.batch(step)):
            kept = ""
            for at in range(0, 26, 2):
                instruction, bit = read[at : at + 2]
                instructions[instruction] += 0 < at < 24
                if instruction == "w":
                    kept = bit
                if instruction == "r":
                    assert said[at] == bit == kept
                else:
                    assert said[at] == ""
            assert (read[0], read[-2]) == ("w", "r")
    total = sum(instructions.values())
    for instruction, share in (("i", 0.8), ("w", 0.1), ("r", 0.1)):
        assert abs(instructions[instruction] / total - share) < 5 * (share * (1 - share) / total) ** 0.5
    assert written_bit(["w", "1", "i", "0", "r", "1", "w", "0"]).tolist() == [0, 1, 1, 1, 1, 1, 1, -1]


def test_brackets_nest_within_their_depth_and_the_closing_ones_are_judged() -> None:
    task = task_of("brackets")
    batch = task.batch(0)
    right, judged = task.right(torch.nn.functional.one_hot(batch.y, 6).float(), batch), task.judged(batch)
    for row, (read, said) in enumerate(rows(task, batch)):
        stack: list[str] = []
        for at, bracket in enumerate([*read, said[-1]]):
            if bracket in "([{":
                stack.append(bracket)
            else:
                assert "([{".index(stack.pop()) == ")]}".index(bracket)
            assert len(stack) <= 5
            if at:
                assert bool(judged[row, at - 1]) == (bracket in ")]}")
    assert right[judged].all()
    even = torch.zeros(*batch.y.shape, 6)
    assert task.accuracy(even, batch) == pytest.approx(float((batch.y[judged] == 3).float().mean())), (
        "a tie names the first"
    )


@pytest.mark.parametrize("scale", ["normalised", "raw"])
def test_counting_on_is_in_numbers_and_asked_beyond_a_hundred(scale: str) -> None:
    task = task_of("count", scale=scale)
    batch = task.batch(0)
    for read, said in rows(task, batch):
        numbers = [float(each) for each in read]
        assert [float(each) for each in said] == [each + 1 for each in numbers]
        assert numbers[0] >= 0
        assert numbers[-1] + 1 <= 99
    assert task.score(batch.x, batch) == pytest.approx(1.0, rel=1e-5), "who says the last number again is off by 1"
    asked = task.read("97 98 99 100")
    assert task.target_axis(asked) == ["98", "99", "100", "101"]
    assert task.problem.unlike("97 98 99 100", Seen(), 0)
    if scale == "normalised":
        whole = (torch.arange(100) - task.shift) / task.unit_size  # type: ignore[attr-defined]
        torch.testing.assert_close(
            (whole.mean(), whole.std(correction=0)), (torch.tensor(0.0), torch.tensor(1.0)), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize(
    ("name", "changes", "way_out"),
    [
        ("recall", {"pairs": 12}, "Set keys to at least 12"),
        ("recall", {"length": 14}, "Choose at least 15"),
        ("selective", {"items": 24}, "Set length to at least 24"),
        ("flipflop-language", {"length": 2}, "Choose at least 3"),
        ("count", {"length": 100}, "Choose at most 99"),
        ("words", {"permutations": "S4"}, "Choose one of: S3, A5"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_way_out(
    name: str, changes: dict[str, object], way_out: str
) -> None:
    with pytest.raises(ValueError, match=way_out):
        task_of(name, **changes)


@pytest.mark.parametrize(
    ("name", "typed", "way_out"),
    [
        ("parity", "0120", "Use 0 to 1"),
        ("words", "213 444", "is not a symbol"),
        ("recall", "A b A c", "Give 7 different keys"),
        ("selective", "A . . B", "Give exactly 5"),
        ("flipflop-language", "i 1 r 1", "a w first"),
        ("flipflop-language", "w 1 i 0", "an r somewhere"),
        ("brackets", "([)]", "Close the bracket that was opened last"),
    ],
)
def test_an_input_that_cannot_be_is_refused_with_the_way_out(name: str, typed: str, way_out: str) -> None:
    with pytest.raises(ValueError, match=way_out):
        task_of(name).read(typed)
